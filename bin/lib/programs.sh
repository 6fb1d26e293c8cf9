# shellcheck shell=bash
# programs.sh - the service's own programs, for scripts that run them on this machine: building them,
# formation, what they answer, one real job. Sourced after common.sh. The sourcing script has set
# $state and $logs, its folders; $base, the address of the service, and $formation_port.
# shellcheck disable=SC2154 # those, and root

# build_programs [TARGET...]: build/release without the tests, which need more packages; TARGETs are
# built beside it. One script at a time.
build_programs() {
    local name options=()
    for name; do
        options+=(--target "$name")
    done
    mkdir -p "$root/build"
    exec 8>>"$root/build/release.lock"
    flock 8
    cmake -S "$root" --preset release -DBUILD_TESTING=OFF
    cmake --build "$root/build/release" --parallel "$(nproc)" 8>&-
    ((${#options[@]} == 0)) ||
        cmake --build "$root/build/release" --parallel "$(nproc)" "${options[@]}" 8>&-
    exec 8>&-
}

# setting NAME VALUE: a line that the shell and formation read alike.
setting() {
    case $2 in
    *\'* | *$'\n'*) fail "$1: a quote or a line break in a setting is not supported" ;;
    esac
    printf "%s='%s'\n" "$1" "$2"
}

# write_settings COMMAND...: what the command prints becomes $state/env.
write_settings() {
    (umask 077 && "$@" >"$state/env.new")
    mv "$state/env.new" "$state/env"
}

# start_formation FOLDER [OPTION...]: the Procfile and the programs of that folder. In a session of its
# own: Ctrl-C at the terminal is ours to handle.
start_formation() {
    local folder=$1 web_port=${base##*:}
    shift
    env -C "$folder" setsid "$folder/dist/bin/formation" Procfile --env "$state/env" \
        --app imageresize --port "$formation_port" --base-port "$web_port" "$@" \
        </dev/null >"$logs/formation.log" 2>&1 9>&- &
    formation=$!
    keep "$state" formation.pid "$formation"
}

# Known by the settings file in its command line. Does nothing when it does not run.
stop_formation() {
    end_process "$(first_line "$state/formation.pid")" "$state/env" TERM 35
}

ask() {
    curl -sS --noproxy '*' -m 30 "$@"
}

is_ready() {
    [[ $(ask -o /dev/null -w '%{http_code}' "$base/readyz" 2>/dev/null) == 200 ]]
}

# Ready, or known never to be.
is_decided() {
    is_ready || ! kill -0 "$formation" 2>/dev/null
}

# programs_failed TEXT: for what only their log explains.
programs_failed() {
    tail -n 20 "$logs/formation.log" | sed 's/^/    /' >&2
    fail "$1; the log of the programs is $logs/formation.log"
}

# The first that a worker says is that it has the broker.
worker_speaks() {
    grep -q '^resize' "$logs/formation.log"
}

# The worker is waited for so that the job below measures no start; without it, it still runs.
wait_until_ready() {
    wait_until 60 is_decided || true
    is_ready || programs_failed "$base/readyz does not answer 200"
    wait_until 10 worker_speaks || true
}

# ---- one real job

# request_of SAMPLES: the body of the request, from the list of the service's own photographs.
request_of() {
    jq -c --arg at "$base/static/samples/" \
        '{images: [.[:4][] | {input: ($at + .), width: 640, height: 640, format: "webp"}]}' <<<"$1"
}

show_progress() {
    [[ ! -t 1 ]] || jq -rj '.counts | "\r  \(.completed + .failed) of \(.total) images done "' <<<"$1"
}

# show_result JOB: a line of figures for each photograph, and under it where the output is.
show_result() {
    printf '\n  %-14s %-20s    %-18s %8s %6s %6s %6s\n' photograph source output \
        'ms: wait' fetch decode store
    jq -r 'def of: "\(.width) x \(.height)", "\(.bytes / 1000 | round) kB";
        .images[] | .result as $r | [(.input | split("/") | last), ($r.source | of), ($r | of),
        ($r.timings_ms | .wait, .fetch, .decode, .store), $r.output] | @tsv' <<<"$1" |
        while IFS=$'\t' read -r name size weight new_size new_weight wait fetch decode store url; do
            printf '  %-14s %-11s %8s -> %-10s %7s %8d %6d %6d %6d\n    %s\n' "$name" "$size" \
                "$weight" "$new_size" "$new_weight" "$wait" "$fetch" "$decode" "$store" "$url"
        done
}

# job_seconds JOB: from its making to its end.
job_seconds() {
    jq -r 'def seconds: (.[:19] + "Z" | fromdate) + ("0" + .[19:23] | tonumber);
        (.completed_at | seconds) - (.created_at | seconds) | . * 100 | round / 100' <<<"$1"
}

# run_job BODY SECONDS: posts it and waits for its end; $job is then what the service says of it.
run_job() {
    local status deadline=$((SECONDS + $2))
    job=$(ask -f -H 'Content-Type: application/json' -d "$1" "$base/jobs") ||
        programs_failed 'the job was refused'
    while status=$(jq -r .status <<<"$job") && [[ $status == queued || $status == running ]]; do
        show_progress "$job"
        ((SECONDS < deadline)) || programs_failed "the job has not ended in $2 s"
        sleep 0.1
        job=$(ask -f "$base/jobs/$(jq -r .id <<<"$job")") ||
            programs_failed 'the job cannot be read'
    done
    [[ ! -t 1 ]] || printf '\r%-44s\r' ''
    [[ $status == completed ]] || programs_failed "the job is $status: $(
        jq -r '[.images[].error | select(.) | .message] | unique | join(", ")' <<<"$job"
    )"
}

run_sample_job() {
    local samples
    samples=$(ask -f "$base/static/samples/index.json") || programs_failed 'there are no samples'
    run_job "$(request_of "$samples")" 60
    printf '\n%s\n' "A job of $(jq .counts.total <<<"$job") photographs took $(job_seconds "$job") s: \
$base/jobs/$(jq -r .id <<<"$job")"
    show_result "$job"
}

# shellcheck shell=bash
# common.sh - what every script of bin/ needs: where the project is, how it speaks and fails, how it
# waits, and how it knows a port or a process. Sourced, never run; the sourcing script has set
# `set -euo pipefail`.

# Scripts work from any folder: they say `$root/...` and never look at the current one.
# shellcheck disable=SC2034
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
program=bin/$(basename "$0")

# say TEXT...: one line to whoever watches.
say() {
    printf '%s\n' "$*"
}

# fail TEXT...: the one line that tells what is wrong, and the end of the script.
fail() {
    printf '%s: %s\n' "$program" "$*" >&2
    exit 1
}

is_root() {
    [[ $EUID -eq 0 ]]
}

# have COMMAND...: whether all of them can be run.
have() {
    local name
    for name; do
        command -v "$name" >/dev/null || return 1
    done
}

# step TEXT LOG COMMAND...: runs the command with its output in LOG, and says TEXT and how long it
# took. When it fails, the end of LOG is shown and the script ends. The command has a process group
# of its own and is waited for in the background: a signal to the script alone is then handled at
# once, by a trap that calls end_step, and not when the command has ended.
step() {
    local text=$1 log=$2 started=$SECONDS
    shift 2
    printf '%-44s' "$text"
    set -m # what gives it the group
    ("$@") >"$log" 2>&1 </dev/null &
    step_group=$!
    set +m
    if ! wait "$step_group"; then
        step_group=
        printf 'failed\n'
        tail -n 20 "$log" | sed 's/^/    /' >&2
        fail "$text: failed; all of its output is in $log"
    fi
    step_group=
    printf '%4d s\n' $((SECONDS - started))
}

# end_step: ends the command of an interrupted step, if there is one. For the traps of scripts.
end_step() {
    [[ -z ${step_group-} ]] || kill -TERM -- "-$step_group" 2>/dev/null || true
}

# wait_until SECONDS COMMAND...: tries the command until it succeeds; 1 when it has not in time.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# port_is_free PORT: whether nothing on this machine listens on it, at any address. Read from the
# kernel's own table (state 0A is LISTEN), so that it needs no tool and connects to nothing.
port_is_free() {
    local hex
    hex=$(printf ':%04X' "$1")
    # No pipe: cat fails where there is no IPv6, and pipefail would make that the answer.
    awk -v port="$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 }
                        END { exit found }' < <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
}

# free_port: prints a port nothing listens on, at random so that two checkouts rarely think of the
# same one, and below 32768, where the kernel does not hand ports to outgoing connections.
free_port() {
    local port
    while port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000)); do
        if port_is_free "$port"; then
            printf '%s\n' "$port"
            return
        fi
    done
}

# next_port PORT: PORT if it is free, else the next one above it that is.
next_port() {
    local port=$1
    until port_is_free "$port"; do
        port=$((port + 1))
    done
    printf '%s\n' "$port"
}

# is_process PID WORD: whether PID lives and has WORD in its command line. A pid alone proves
# nothing: after a crash it may have gone to another program.
is_process() {
    [[ -n $1 ]] && grep -qsaF -- "$2" "/proc/$1/cmdline" # all of it is one line to grep
}

is_gone() {
    ! is_process "$1" "$2"
}

# exists PID: whether there is such a process, whatever it runs. For children of ours: while one calls
# exec() its command line reads as empty, and is_process would take it for gone.
exists() {
    [[ -n $1 && -d /proc/$1 ]]
}

# end_process PID WORD SIGNAL SECONDS: signals that process, waits for its end, and ends it for sure
# after SECONDS. Does nothing when it is not there.
end_process() {
    local pid=$1 word=$2 signal=$3 seconds=$4
    is_process "$pid" "$word" || return 0
    kill "-$signal" "$pid" 2>/dev/null || true
    wait_until "$seconds" is_gone "$pid" "$word" && return 0
    kill -KILL "$pid" 2>/dev/null || true
    wait_until 5 is_gone "$pid" "$word"
}

# first_line FILE: its first line, or nothing when there is none.
first_line() {
    local line=''
    [[ ! -r $1 ]] || read -r line <"$1" || true
    printf '%s\n' "$line"
}

# new_password: 32 characters that need no quoting in a URL.
new_password() {
    od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}

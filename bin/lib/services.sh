# shellcheck shell=bash
# services.sh - a private PostgreSQL, RabbitMQ and Mosquitto in a folder of the caller's: on
# 127.0.0.1 alone, on ports of their own, with passwords of their own. The machine's own servers,
# their settings and their data are never looked at. Sourced after common.sh.
#
# start_NAME DIR   starts it (the first time: makes its data), or finds it running; returns once it
#                  answers. The same ports again after a stop, unless somebody has taken them.
# stop_NAME DIR    stops it in order and keeps its data.
# NAME_url DIR, NAME_pid DIR   what to connect to, and the process to signal.
#
# All refuse to start or should not run as root: for root they run as the users their packages
# made. Their data is then in DIR if that user can reach it, else in /var/lib/imageresize, with a
# link from DIR.

service_store=/var/lib/imageresize

# become USER COMMAND...: turns this (sub)shell into the command, as that user when we are root, else
# as ourselves. Only what is given here is in its environment: settings meant for the machine's own
# servers must not reach ours.
become() {
    local user=$1 as=()
    shift
    ! is_root || as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups)
    exec env -i PATH="$PATH" LANG=C.UTF-8 "${as[@]}" "$@"
}

run_as() {
    (become "$@")
}

# service_home DIR NAME: prints the folder the service keeps everything in.
service_home() {
    readlink -f "$1/$2"
}

# make_home DIR NAME USER: makes that folder, where USER can reach it.
make_home() {
    local dir name=$2 user=$3 home
    mkdir -p "$1"
    dir=$(cd "$1" && pwd -P)
    [[ ! -d $dir/$name ]] || return 0
    if ! is_root; then
        mkdir -m 700 "$dir/$name"
        return
    fi
    chmod o+x "$dir"
    if run_as "$user" test -x "$dir"; then
        install -d -m 700 -o "$user" "$dir/$name"
        return
    fi
    home=$service_store/$(printf '%s' "$dir" | cksum | cut -d' ' -f1)/$name
    install -d -m 755 "$service_store" "$(dirname "$home")"
    install -d -m 700 -o "$user" "$home"
    ln -sfn "$home" "$dir/$name"
}

# keep HOME NAME VALUE: writes a small fact of the service; recall HOME NAME reads it.
keep() {
    (umask 077 && printf '%s\n' "$3" >"$1/$2")
}

recall() {
    first_line "$1/$2"
}

# keep_port HOME NAME: the port of last time if it is still free, else another, which is kept. Never
# one that HOME keeps by another name: nothing listens on that yet, so it looks free.
keep_port() {
    local port
    port=$(recall "$1" "$2")
    rm -f "$1/$2"
    while [[ -z $port ]] || ! port_is_free "$port" || grep -qsx "$port" "$1"/port*; do
        port=$(free_port)
    done
    keep "$1" "$2" "$port"
}

# service_failed NAME LOG: shows why, and ends the script.
service_failed() {
    tail -n 20 "$2" | sed 's/^/    /' >&2
    fail "$1 does not start; its log is $2"
}

# make_certificate HOME HOST: HOME/tls with a certificate for that host name (key.pem, cert.pem) and
# the authority of our own that signed it (ca.pem), unless they are there.
make_certificate() {
    local tls=$1/tls new=(req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    [[ ! -s $tls/cert.pem ]] || return 0
    mkdir -p "$tls"
    {
        openssl "${new[@]}" -x509 -days 30 -subj '/CN=private authority' \
            -keyout "$tls/ca.key" -out "$tls/ca.pem" &&
            openssl "${new[@]}" -subj "/CN=$2" -keyout "$tls/key.pem" -out "$tls/request.pem" &&
            openssl x509 -req -in "$tls/request.pem" -days 30 -CA "$tls/ca.pem" \
                -CAkey "$tls/ca.key" -CAcreateserial -out "$tls/cert.pem" \
                -extfile <(printf 'subjectAltName = DNS:%s\n' "$2")
    } >"$tls/log" 2>&1 || service_failed 'The certificate authority' "$tls/log"
}

# ---- PostgreSQL

# postgres_bin DATA: the folder of the server programs: those that made DATA, else the newest.
postgres_bin() {
    local version='*' bin
    [[ ! -r $1/PG_VERSION ]] || version=$(<"$1/PG_VERSION")
    # shellcheck disable=SC2086 # the version may be a pattern
    bin=$(printf '%s\n' /usr/lib/postgresql/$version/bin/postgres | sort -V | tail -n 1)
    [[ -x $bin ]] || fail "PostgreSQL ($version) is not installed under /usr/lib/postgresql"
    dirname "$bin"
}

postgres_pid() {
    local data pid
    data=$(service_home "$1" postgres)/data
    pid=$(first_line "$data/postmaster.pid")
    ! is_process "$pid" "$data" || printf '%s\n' "$pid"
}

postgres_url() {
    local home
    home=$(service_home "$1" postgres)
    printf 'postgres://imageresize:%s@127.0.0.1:%s/imageresize\n' \
        "$(recall "$home" password)" "$(recall "$home" port)"
}

# postgres_create HOME: a fresh cluster. Made beside its place and moved there when whole, so that
# an interrupted start leaves nothing half-made behind.
postgres_create() {
    local home=$1 bin
    bin=$(postgres_bin "$home/data")
    rm -rf "$home/data.new"
    keep "$home" password "$(new_password)"
    chown --reference="$home" "$home/password"
    run_as postgres "$bin/initdb" --pgdata="$home/data.new" --username=imageresize \
        --pwfile="$home/password" --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 \
        >"$home/initdb.log" 2>&1 || service_failed PostgreSQL "$home/initdb.log"
    cat >>"$home/data.new/postgresql.conf" <<'SETTINGS'

# A private server: loopback TCP, no socket in a folder that others share.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
timezone = 'UTC'
jit = off
SETTINGS
    mv "$home/data.new" "$home/data"
}

postgres_launch() {
    local home=$1 bin
    bin=$(postgres_bin "$home/data")
    run_as postgres "$bin/pg_ctl" start -w -t 120 -D "$home/data" -l "$home/log" \
        -o "-p $(recall "$home" port)" >"$home/pg_ctl.log" 2>&1 </dev/null
}

# postgres_run_sql DIR DATABASE SQL
postgres_run_sql() {
    psql -X -q -v ON_ERROR_STOP=1 -d "$(postgres_url "$1" | sed "s|/imageresize\$|/$2|")" -c "$3"
}

start_postgres() {
    local dir=$1 home created=
    make_home "$dir" postgres postgres
    home=$(service_home "$dir" postgres)
    [[ -z $(postgres_pid "$dir") ]] || return 0
    if [[ ! -d $home/data ]]; then
        postgres_create "$home"
        created=1
    fi
    rm -f "$home/data/postmaster.pid" # not ours, see above: PostgreSQL would ask us to remove it
    keep_port "$home" port
    if ! postgres_launch "$home"; then
        keep "$home" port "$(free_port)" # somebody may have taken the port meanwhile
        postgres_launch "$home" || service_failed PostgreSQL "$home/log"
    fi
    [[ -z $created ]] || postgres_run_sql "$dir" postgres 'CREATE DATABASE imageresize'
}

stop_postgres() {
    local data
    data=$(service_home "$1" postgres)/data
    end_process "$(postgres_pid "$1")" "$data" INT 20 # SIGINT: "fast", does not wait for clients
}

# ---- RabbitMQ

rabbitmq_ports=(port port_tls port_management port_dist port_epmd)
rabbitmq_script=/usr/lib/rabbitmq/bin/rabbitmq-server # the node's own, not the one that changes user

# The node's name is in its command line: rabbitmq_launch puts it there.
rabbitmq_pid() {
    local home pid
    home=$(service_home "$1" rabbitmq)
    pid=$(recall "$home" pid)
    ! is_process "$pid" "$(recall "$home" node)" || printf '%s\n' "$pid"
}

rabbitmq_url() {
    local home
    home=$(service_home "$1" rabbitmq)
    printf 'amqp://imageresize:%s@127.0.0.1:%s\n' \
        "$(recall "$home" password)" "$(recall "$home" port)"
}

rabbitmq_management_url() {
    local home
    home=$(service_home "$1" rabbitmq)
    printf 'http://imageresize:%s@127.0.0.1:%s\n' \
        "$(recall "$home" password)" "$(recall "$home" port_management)"
}

# rabbitmq_tls_url DIR: with TLS, by the one name that its certificate is for.
rabbitmq_tls_url() {
    local home
    home=$(service_home "$1" rabbitmq)
    printf 'amqps://imageresize:%s@localhost:%s\n' \
        "$(recall "$home" password)" "$(recall "$home" port_tls)"
}

# rabbitmq_ca DIR: the file with the authority to hold it to.
rabbitmq_ca() {
    printf '%s/tls/ca.pem\n' "$(service_home "$1" rabbitmq)"
}

# rabbitmq_call DIR METHOD PATH [JSON]: one call of the management API.
rabbitmq_call() {
    curl -sS -f -o /dev/null -m 30 -X "$2" -H 'Content-Type: application/json' \
        ${4:+-d "$4"} "$(rabbitmq_management_url "$1")/api/$3"
}

rabbitmq_create() {
    local home=$1
    keep "$home" node "imageresize-$(printf '%s' "$home" | cksum | cut -d' ' -f1)@localhost"
    keep "$home" .erlang.cookie "$(new_password)"
    chmod 400 "$home/.erlang.cookie"
    printf '[rabbitmq_management].\n' >"$home/enabled_plugins"
    keep "$home" password "$(new_password)"
}

# rabbitmq_configure HOME: the settings, written at each start because ports may have changed.
# RABBITMQ_STATISTICS_MS: how often queues are measured, for tests that wait for it.
rabbitmq_configure() {
    local home=$1
    (umask 077 && cat >"$home/rabbitmq.conf") <<SETTINGS
listeners.tcp.1 = 127.0.0.1:$(recall "$home" port)
management.tcp.ip = 127.0.0.1
management.tcp.port = $(recall "$home" port_management)
default_user = imageresize
default_pass = $(recall "$home" password)
collect_statistics_interval = ${RABBITMQ_STATISTICS_MS:-5000}
SETTINGS
    [[ ! -d $home/tls ]] || cat >>"$home/rabbitmq.conf" <<SETTINGS
listeners.ssl.1 = 127.0.0.1:$(recall "$home" port_tls)
ssl_options.cacertfile = $home/tls/ca.pem
ssl_options.certfile = $home/tls/cert.pem
ssl_options.keyfile = $home/tls/key.pem
SETTINGS
    ! is_root || chown -R --reference="$home" "$home"
}

epmd_pid() {
    local pid
    pid=$(recall "$1" epmd_pid)
    ! is_process "$pid" "$(recall "$1" port_epmd)" || printf '%s\n' "$pid"
}

# rabbitmq_launch HOME: epmd (Erlang's register of nodes) and the node, each in a session of its own
# so that a Ctrl-C at the terminal is ours to handle. epmd is started here because one that the node
# starts would outlive it, unknown to anybody.
rabbitmq_launch() {
    local home=$1 node epmd
    node=$(recall "$home" node)
    epmd=$(recall "$home" port_epmd)
    become rabbitmq setsid epmd -address 127.0.0.1 -port "$epmd" </dev/null >>"$home/log" 2>&1 &
    keep "$home" epmd_pid $!
    become rabbitmq env -C "$home" \
        HOME="$home" ERL_EPMD_PORT="$epmd" ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_NODENAME="$node" RABBITMQ_DIST_PORT="$(recall "$home" port_dist)" \
        RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE="$home/rabbitmq.conf" \
        RABBITMQ_ADVANCED_CONFIG_FILE="$home/advanced.config" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$home/enabled_plugins" \
        RABBITMQ_MNESIA_BASE="$home/mnesia" RABBITMQ_LOG_BASE="$home/logs" \
        RABBITMQ_PID_FILE="$home/pid" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false -imageresize_node $node" \
        setsid "$rabbitmq_script" </dev/null >>"$home/log" 2>&1 &
    keep "$home" launcher_pid $!
}

# rabbitmq_listens DIR PORT: whether it is our node that listens there, and no other program.
rabbitmq_listens() {
    rabbitmq_call "$1" GET "health/checks/port-listener/$2" 2>/dev/null
}

# Ready once all doors answer: the broker's own come last.
rabbitmq_is_ready() {
    local home
    home=$(service_home "$1" rabbitmq)
    [[ -n $(rabbitmq_pid "$1") ]] && rabbitmq_listens "$1" "$(recall "$home" port)" &&
        { [[ ! -d $home/tls ]] || rabbitmq_listens "$1" "$(recall "$home" port_tls)"; }
}

# Ready, or known never to be: the launcher waits for its node and goes when that has gone.
rabbitmq_is_decided() {
    rabbitmq_is_ready "$1" ||
        ! exists "$(recall "$(service_home "$1" rabbitmq)" launcher_pid)"
}

# rabbitmq_begin HOME: launches it, on the ports of last time that are still free.
rabbitmq_begin() {
    local home=$1 name
    end_process "$(epmd_pid "$home")" epmd TERM 5 # one that a killed start left behind
    for name in "${rabbitmq_ports[@]}"; do
        keep_port "$home" "$name"
    done
    rm -f "$home/pid"
    rabbitmq_configure "$home"
    rabbitmq_launch "$home"
}

# rabbitmq_comes DIR: whether it is ready at the end of its start.
# Not asked a second time whether it is ready: clients that come back at once keep it busy.
rabbitmq_comes() {
    wait_until 120 rabbitmq_is_decided "$1" && [[ -n $(rabbitmq_pid "$1") ]]
}

# rabbitmq_lost_a_port HOME: whether, now that it has gone, somebody else has one of its ports.
rabbitmq_lost_a_port() {
    local name
    for name in "${rabbitmq_ports[@]}"; do
        port_is_free "$(recall "$1" "$name")" || return 0
    done
    return 1
}

# start_rabbitmq DIR [tls]: tls: with one more port, for TLS with a certificate made for it.
start_rabbitmq() {
    local dir=$1 home
    [[ -x $rabbitmq_script ]] || fail "RabbitMQ is not installed: there is no $rabbitmq_script"
    make_home "$dir" rabbitmq rabbitmq
    home=$(service_home "$dir" rabbitmq)
    if [[ -z $(rabbitmq_pid "$dir") ]]; then
        [[ -n $(recall "$home" password) ]] || rabbitmq_create "$home"
        [[ -z ${2-} ]] || make_certificate "$home" localhost
        rabbitmq_begin "$home"
    fi
    rabbitmq_comes "$dir" && return
    stop_rabbitmq "$dir"
    if rabbitmq_lost_a_port "$home"; then # between the look whether it is free and its use
        rabbitmq_begin "$home"
        rabbitmq_comes "$dir" && return
        stop_rabbitmq "$dir"
    fi
    service_failed RabbitMQ "$home/log"
}

stop_rabbitmq() {
    local home
    home=$(service_home "$1" rabbitmq)
    # The launcher alone may be there when a start is interrupted; it ends the node it waits for.
    [[ -n $(rabbitmq_pid "$1") ]] ||
        end_process "$(recall "$home" launcher_pid)" rabbitmq TERM 15
    end_process "$(rabbitmq_pid "$1")" "$(recall "$home" node)" TERM 15
    end_process "$(epmd_pid "$home")" epmd TERM 5
}

# rabbitmq_add_vhost DIR NAME [quorum]: another virtual host, whose queues are of that type unless
# they ask for one; prints its URL.
rabbitmq_add_vhost() {
    local type=${3:-classic} user=imageresize
    # RabbitMQ 3.10 reads the one name, later ones the other.
    rabbitmq_call "$1" PUT "vhosts/$2" \
        "{\"defaultqueuetype\":\"$type\",\"default_queue_type\":\"$type\"}"
    rabbitmq_call "$1" PUT "permissions/$2/$user" '{"configure":".*","write":".*","read":".*"}'
    printf '%s/%s\n' "$(rabbitmq_url "$1")" "$2"
}

# ---- Mosquitto

mosquitto_program=/usr/sbin/mosquitto # a folder that not everybody's PATH has

# Its settings' file is in its command line.
mosquitto_pid() {
    local home pid
    home=$(service_home "$1" mosquitto)
    pid=$(recall "$home" pid)
    ! is_process "$pid" "$home/mosquitto.conf" || printf '%s\n' "$pid"
}

mosquitto_url() {
    local home
    home=$(service_home "$1" mosquitto)
    printf 'mqtt://imageresize:%s@127.0.0.1:%s\n' \
        "$(recall "$home" password)" "$(recall "$home" port)"
}

# mosquitto_tls_url DIR: with TLS, by the one name that its certificate is for.
mosquitto_tls_url() {
    local home
    home=$(service_home "$1" mosquitto)
    printf 'mqtts://imageresize:%s@localhost:%s\n' \
        "$(recall "$home" password)" "$(recall "$home" port_tls)"
}

# mosquitto_ca DIR: the file with the authority to hold it to.
mosquitto_ca() {
    printf '%s/tls/ca.pem\n' "$(service_home "$1" mosquitto)"
}

# mosquitto_configure HOME: the settings, written at each start because ports may have changed.
# What is retained, and lasting sessions with their messages, are saved in HOME when it stops.
mosquitto_configure() {
    local home=$1
    cat >"$home/mosquitto.conf" <<SETTINGS
pid_file $home/pid
allow_anonymous false
password_file $home/passwords
persistence true
persistence_location $home/
listener $(recall "$home" port) 127.0.0.1
SETTINGS
    [[ ! -d $home/tls ]] || cat >>"$home/mosquitto.conf" <<SETTINGS
listener $(recall "$home" port_tls) 127.0.0.1
certfile $home/tls/cert.pem
keyfile $home/tls/key.pem
SETTINGS
    ! is_root || chown -R --reference="$home" "$home"
}

mosquitto_create() {
    local home=$1
    keep "$home" password "$(new_password)"
    mosquitto_passwd -b -c "$home/passwords" imageresize "$(recall "$home" password)" \
        >"$home/log" 2>&1 || service_failed Mosquitto "$home/log"
}

mosquitto_is_ready() {
    local home
    home=$(service_home "$1" mosquitto)
    [[ -n $(mosquitto_pid "$1") ]] && ! port_is_free "$(recall "$home" port)" &&
        { [[ ! -d $home/tls ]] || ! port_is_free "$(recall "$home" port_tls)"; }
}

mosquitto_is_decided() {
    mosquitto_is_ready "$1" ||
        ! exists "$(recall "$(service_home "$1" mosquitto)" launcher_pid)"
}

# start_mosquitto DIR [tls]: tls: with one more port, for TLS with a certificate made for it.
start_mosquitto() {
    local dir=$1 home name
    [[ -x $mosquitto_program ]] || fail "Mosquitto is not installed: there is no $mosquitto_program"
    make_home "$dir" mosquitto mosquitto
    home=$(service_home "$dir" mosquitto)
    [[ -z $(mosquitto_pid "$dir") ]] || return 0
    [[ -s $home/passwords ]] || mosquitto_create "$home"
    [[ -z ${2-} ]] || make_certificate "$home" localhost
    for name in port port_tls; do
        keep_port "$home" "$name"
    done
    rm -f "$home/pid"
    mosquitto_configure "$home"
    become mosquitto setsid "$mosquitto_program" -c "$home/mosquitto.conf" \
        </dev/null >>"$home/log" 2>&1 &
    keep "$home" launcher_pid $!
    if ! wait_until 20 mosquitto_is_decided "$dir" || [[ -z $(mosquitto_pid "$dir") ]]; then
        stop_mosquitto "$dir"
        service_failed Mosquitto "$home/log"
    fi
}

stop_mosquitto() {
    local home
    home=$(service_home "$1" mosquitto)
    end_process "$(mosquitto_pid "$1")" "$home/mosquitto.conf" TERM 10
}

# remove_services DIR: stops all and deletes their data.
remove_services() {
    local name home
    for name in postgres rabbitmq mosquitto; do
        [[ -e $1/$name ]] || continue
        home=$(service_home "$1" "$name")
        "stop_$name" "$1"
        rm -rf "$home" "${1:?}/$name"
        [[ $home != "$service_store"/* ]] ||
            rmdir --ignore-fail-on-non-empty "$(dirname "$home")" "$service_store"
    done
}

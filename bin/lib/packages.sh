# shellcheck shell=bash
# packages.sh - installs what this machine lacks to build, run and test the project: by apt, on
# Debian 12 or later and Ubuntu 24.04 or later, as root or with sudo. No package starts a server
# here: see apt-install. On another system nothing is installed, and the build says what it misses.
# Sourced after common.sh.

missing=()

# need PACKAGE...: unless it is installed.
need() {
    local name
    for name; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] ||
            missing+=("$name")
    done
}

# need_for COMMAND PACKAGE: unless the command is there, from whatever package.
need_for() {
    have "$1" || missing+=("$2")
}

# What each build needs.
need_to_build() {
    need_for cc gcc
    need_for make make
    need_for cmake cmake
    need_for pkg-config pkg-config
    need ca-certificates libc6-dev libcurl4-openssl-dev libjansson-dev libvips-dev
}

# AVIF, where it is not part of libheif itself: two packages or, before version 1.16, none.
need_avif() {
    # shellcheck disable=SC2046 # one word a package
    need $(apt-cache pkgnames libheif-plugin-aom)
}

missing_run_packages() {
    missing=()
    need_to_build
    need_for curl curl
    need_for jq jq
    need_for setpriv util-linux
    need_for psql postgresql-client
    need libmicrohttpd-dev libmosquitto-dev libpq-dev librabbitmq-dev libseccomp-dev libwslay-dev \
        libyaml-dev
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || need postgresql
    [[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]] || need rabbitmq-server
    need_avif
}

missing_test_packages() {
    missing=()
    need libcmocka-dev
    need_for g++ g++          # compiles the library's headers as C++
    need_for groff groff-base # checks the manual pages
    need_for openssl openssl
    need_for systemd-analyze systemd # checks the units
    need_for clang clang
    [[ -x /usr/sbin/mosquitto ]] || need mosquitto # a folder that not everybody's PATH has
    need_for chromium chromium # the page is tested in it
    need_for node nodejs
    need_for npm npm
    if is_root; then # who else can make a root folder?
        need debian-archive-keyring
        need_for debootstrap debootstrap
    fi
}

# The black-box suite alone, against a deployment elsewhere.
missing_blackbox_packages() {
    missing=()
    need_to_build
    need libcmocka-dev
    need_avif
}

as_root() {
    if is_root; then
        "$@"
    else
        sudo "$@"
    fi
}

# install_missing LIST: installs what the function LIST finds missing, once the list of packages is
# up to date.
install_missing() {
    have apt-get || return 0
    "$1"
    ((${#missing[@]} > 0)) || return 0
    is_root || have sudo || fail "not root and no sudo to install: ${missing[*]}"
    as_root apt-get update -q || return
    "$1"
    # shellcheck disable=SC2154 # root: common.sh
    as_root "$root/bin/lib/apt-install" "${missing[@]}"
}

# ask_password LIST...: lets sudo ask for a password now if the functions LIST find something missing.
# For scripts that install in a step, which runs in the background, where a terminal lets nobody ask.
ask_password() {
    local list
    ! is_root && have apt-get sudo || return 0
    for list; do
        "$list"
        ((${#missing[@]} == 0)) || { sudo -v && return; }
    done
}

# Both are quick and ask no server when nothing is missing.
install_run_packages() {
    install_missing missing_run_packages
}

install_blackbox_packages() {
    install_missing missing_blackbox_packages
}

install_test_packages() {
    install_missing missing_test_packages
}

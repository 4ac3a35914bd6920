# Sourced by the other scripts. Nothing here runs by itself.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
TARGET=${CARGO_TARGET_DIR:-$PWD/target}

say() { printf '\n== %s\n' "$*"; }

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }

# Installs Debian packages that are missing; without root, says the exact command and fails.
need_packages() {
    local missing=() package
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "missing packages; run: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        return 1
    fi
    # A third-party source of the machine that is out of reach must not stop us; what we need must be there.
    apt-get update -qq || echo "apt-get update: not every source of this machine answered" >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 \
        "${missing[@]}" >/dev/null
}

# need_unstarted PACKAGE[=SERVICE]...: installs services of Debian for tests that start them themselves. Such a package
# would run its service on this machine from now on, so the service is masked before it comes, and where no systemd is,
# nothing is started. One that is here already is left as it is.
need_unstarted() {
    local missing=() one policy=/usr/sbin/policy-rc.d own_policy=
    for one in "$@"; do
        installed "${one%%=*}" || missing+=("$one")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -eq 0 ]; then
        mkdir -p /etc/systemd/system
        for one in "${missing[@]#*=}"; do
            [ -e "/etc/systemd/system/$one.service" ] || ln -s /dev/null "/etc/systemd/system/$one.service"
        done
        [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && own_policy=yes; }
    fi
    need_packages "${missing[@]%%=*}"
    local result=$?
    [ -z "$own_policy" ] || rm -f "$policy"
    return $result
}

# Debian's squid that can open TLS, unless a squid is here that can.
need_squid() {
    command -v squid >/dev/null && squid -v | grep -q -- --with-openssl && return 0
    need_unstarted squid-openssl=squid
}

# Debian's swupdate, whose package has three units that would run from now on.
need_swupdate() {
    local unit
    installed swupdate && return 0
    if [ "$(id -u)" -eq 0 ]; then
        mkdir -p /etc/systemd/system
        for unit in swupdate.socket swupdate-progress.service; do
            [ -e "/etc/systemd/system/$unit" ] || ln -s /dev/null "/etc/systemd/system/$unit"
        done
    fi
    need_unstarted swupdate
}

# Debian's PostgreSQL, for tests that make clusters of their own (tests/src/rigs/postgres.rs). On its own the package would
# make one, and start it: postgresql-common is told not to until the server is there. A cluster that is here stays as it is.
need_postgresql() {
    local settings=/etc/postgresql-common/createcluster.conf result=0
    installed postgresql-15 && return 0
    [ "$(id -u)" -eq 0 ] || { need_packages postgresql-15; return; }
    need_unstarted postgresql-common=postgresql || return
    cp --preserve "$settings" "$settings.before" && printf 'create_main_cluster = false\n' >>"$settings" || return
    need_unstarted postgresql-15=postgresql || result=$?
    mv "$settings.before" "$settings"
    return $result
}

# The tools of scripts/tools.txt before others of their names.
use_tools() {
    local tools
    # A Python that can make environments is enough: another installation may be under way.
    { python3 -c 'import ensurepip' 2>/dev/null || need_packages python3-venv; } && tools=$(scripts/tools.sh) && export PATH=$tools:$PATH
}

# What is shipped, always named together: any other choice has other features, and would be built anew.
PROGRAMS=(-p platen-manager -p platen-agent -p platen-install -p platen-sim)

# The shipped programs, built as a user builds them, in a folder of their own: what cargo builds for the tests has the
# tests' features, and takes the same names beside them. Every test uses these (rigs/process.rs).
build_programs() {
    cargo build --locked "${PROGRAMS[@]}" || return
    export PLATEN_PROGRAMS=$TARGET/programs
    mkdir -p "$PLATEN_PROGRAMS"
    cp --update --remove-destination "$TARGET"/debug/{platen,platen-agent,platen-install,platen-manager,platen-sim} "$PLATEN_PROGRAMS/"
}

# Tests, always of the whole workspace with all features: a part of it has others, and everything would be built again.
tests() { cargo nextest run --locked --workspace --features platen-tests/simulation "$@"; }
list_tests() { cargo nextest list --locked --workspace --features platen-tests/simulation --message-format json "$@"; }

# Some of the tests of the programs together, by the first words of their names (`network::faults` is one of `network`).
across() {
    local names=()
    while [ $# -gt 0 ] && [[ $1 != --* ]]; do names+=("$1") && shift; done
    local IFS='|'
    tests -E "package(platen-tests) & binary(programs) & test(/^(${names[*]})::/)" "$@"
}

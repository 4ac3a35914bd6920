#!/usr/bin/env bash
# Benchmarks, with release builds, beside Debian's peers in the same run. Prints a table, writes
# target/bench/summary.json, and fails when a goal that must hold does not. `scripts/bench.sh --help` lists the parts;
# `scripts/bench.sh parked wake` and `make bench PART="parked wake"` measure only those.
set -euo pipefail
source "$(dirname "$0")/common.sh"

# Parts that are named; all but the long ones when none is.
named=" "
for argument in "$@"; do
    case $argument in
    parked | drained | wake | handshake | agent | edge | ingest | fleet | programs | store | soak | *.deb) named+="$argument " ;;
    esac
done
wants() {
    local part
    [ "$named" != " " ] || return 0
    for part in "$@"; do [[ $named != *" $part "* ]] || return 0; done
    return 1
}

# What is beside ours. Who is not root goes without what is missing, and is told so.
peers() {
    [ "$(id -u)" -eq 0 ] || return 0
    ! wants parked drained wake handshake || need_unstarted mosquitto nginx libnginx-mod-nchan=nginx
    ! wants agent || { need_unstarted zabbix-agent collectd-core=collectd && need_packages librrd8; }
    ! wants fleet store soak || need_postgresql
}

need_packages build-essential
cargo build --locked --profile driver -p platen-tests --bin bench
for argument in "$@"; do
    case $argument in -h | --help) exec "$TARGET/driver/bench" --help ;; esac
done
peers
# Each program as it is shipped: the agent for size, the manager for speed. The agent that is watched has the simulator in
# it, as its printer; the one whose size counts has not.
programs=$TARGET/bench/programs
mkdir -p "$programs"
device() { LIBSQLITE3_FLAGS=$(<agent/sqlite.flags) cargo build --locked --profile device -p platen-agent "$@"; }
device --no-default-features --bin platen-agent
cp "$TARGET/device/platen-agent" "$programs/platen-agent-for-printers"
device
cargo build --locked --release -p platen-manager
cp "$TARGET"/device/platen{,-agent} "$TARGET/release/platen-manager" "$programs"
ulimit -n "$(ulimit -Hn)"
PLATEN_PROGRAMS=$programs exec "$TARGET/driver/bench" "$@"

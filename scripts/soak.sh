#!/usr/bin/env bash
# The long versions of the tests; `make test` runs a share of each. `scripts/soak.sh year fuzz` runs only these.
set -euo pipefail
source "$(dirname "$0")/common.sh"

printers=${PLATEN_SOAK_PRINTERS:-200}
days=${PLATEN_SOAK_DAYS:-365}
seconds=${PLATEN_SOAK_FUZZ_SECONDS:-300}
cases=${PLATEN_SOAK_CASES:-100000}
seeds=${PLATEN_SOAK_SEEDS:-10000}
returning=${PLATEN_SOAK_FLEET:-500}
# Of the part `fleet`.
managers=${PLATEN_SOAK_MANAGERS:-1}
minutes=${PLATEN_SOAK_MINUTES:-60}
fault_seeds=${PLATEN_SOAK_FAULT_SEEDS:-10}
fault_rounds=${PLATEN_SOAK_FAULT_ROUNDS:-200}
# At once: they mostly wait.
fault_jobs=${PLATEN_SOAK_FAULT_JOBS:-3}
kills=${PLATEN_SOAK_KILLS:-200}
cuts=${PLATEN_SOAK_CUTS:-30}
update_cuts=${PLATEN_SOAK_UPDATE_CUTS:-20}
disk_seeds=${PLATEN_SOAK_DISK_SEEDS:-5}
failover=${PLATEN_SOAK_FAILOVER:-5000}
rollout=${PLATEN_SOAK_ROLLOUT:-10000}
# Each is a function below.
all=(
    year
    simulation
    fuzz
    properties
    network
    kill
    powercut
    update
    disk
    failover
    rollout
    fleet
)
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=("${all[@]}")

# A simulated year of a fleet, with everything that goes wrong: each alert has its cause, each cause its alert.
soak_year() {
    say "year: $printers printers, $days days each"
    cargo run --quiet --locked --profile driver -p platen-tests --bin year -- --printers "$printers" --days "$days"
}

# Agents and a manager while everything goes wrong, by seed; then a fleet that comes back after a week.
soak_simulation() {
    say "simulation: $seeds seeds, and a fleet of $returning devices"
    local simulate=(cargo run --quiet --locked --profile driver -p platen-tests --features simulation --bin simulate --)
    "${simulate[@]}" --seeds "$seeds"
    "${simulate[@]}" --fleet "$returning"
}

soak_fuzz() { scripts/fuzz.sh "$seconds"; }

soak_properties() {
    say "property tests, $cases cases each"
    PROPTEST_CASES=$cases tests --lib -E 'not package(platen-tests)'
}

# Connections that break by a seed, with real agents and a real manager; then every customer's network once more.
soak_network() {
    say "network: faults by $fault_seeds seeds, $fault_rounds rounds each"
    need_packages iproute2 nftables openssl && need_squid
    build_programs
    across network --no-run
    export -f across tests
    export PLATEN_FAULT_ROUNDS=$fault_rounds
    seq 1 "$fault_seeds" | xargs -P "$fault_jobs" -I{} env PLATEN_FAULT_SEED={} \
        bash -c 'across network::faults --success-output immediate -- by_a_seed'
    say "network: customers' networks"
    PLATEN_NETWORK_FULL=1 across network::firewalls network::proxy network::inspected --success-output immediate
}

# Another seed each time, unless one is given; it is printed.
crash_seed() { echo "${PLATEN_CRASH_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}"; }

# kill -9 of agents and manager under load.
soak_kill() {
    say "kill: $kills kills"
    build_programs
    PLATEN_CRASH_KILLS=$kills PLATEN_CRASH_SEED=$(crash_seed) across crash --no-capture
}

# Power cuts of a guest with a real kernel: about 20 s each on an idle machine, nearly all of it the start.
soak_powercut() {
    say "powercut: $cuts power cuts"
    tests/guest/install.sh
    build_programs
    PLATEN_CRASH_CUTS=$cuts PLATEN_CRASH_SEED=$(crash_seed) across powercut --no-capture
}

# Power cuts of the same guest while the agent's package is updated: one to two minutes each, the rest of the update with it.
soak_update() {
    say "update: $update_cuts power cuts"
    tests/guest/install.sh
    build_programs
    PLATEN_UPDATE_CUTS=$update_cuts across update --no-capture
}

# Full, read-only, failing and corrupt disks, each used for 15 s before, while and after.
soak_disk() {
    build_programs
    local seed
    for seed in $(seq 1 "$disk_seeds"); do
        say "disk: seed $seed"
        PLATEN_CRASH_SEED=$seed PLATEN_DISK_PHASE_MS=15000 PLATEN_DISK_WAYS=3 across disk --no-capture
    done
}

# So many devices behind three managers: one of them is killed, then PostgreSQL, then PostgreSQL for good and its standby
# takes over. The manager is built as it is shipped.
soak_failover() {
    say "failover: $failover devices"
    need_unstarted haproxy && need_postgresql
    cargo build --locked --release -p platen-manager
    local programs=$TARGET/failover-programs
    mkdir -p "$programs"
    cp "$TARGET/release/platen-manager" "$programs/"
    ulimit -n "$(ulimit -Hn)"
    PLATEN_PROGRAMS=$programs PLATEN_FAILOVER_DEVICES=$failover across e2e::failover --no-capture
}

# A rollout to so many light devices over real TLS, of which some fail and some fall silent; what each costs the manager, and
# what a device costs that asks, beside one that is looked up in the database.
soak_rollout() {
    ulimit -n "$(ulimit -Hn)"
    # Both ends of each connection are in one process, and some hundred files.
    local most=$((($(ulimit -n) - 400) / 200 * 100)) devices=$rollout
    if [ "$devices" -gt "$most" ]; then
        echo "a process may have $(ulimit -n) descriptors here: $most devices and not $devices" >&2
        devices=$most
    fi
    say "rollout: $devices devices"
    PLATEN_ROLLOUT_DEVICES=$devices \
        tests --cargo-profile driver --test manager --success-output immediate -- a_rollout_to_many_devices_halts_where_it_should
}

# As many parked devices as the managers' descriptors allow (15,000 each), 100,000 in the store, and old reports deleted all
# the while. More than one manager takes PostgreSQL.
soak_fleet() {
    say "fleet: $managers managers, $minutes minutes"
    scripts/bench.sh soak --managers "$managers" --minutes "$minutes"
}

use_tools
for part in "${parts[@]}"; do
    case " ${all[*]} " in
    *" $part "*) "soak_$part" ;;
    *) echo "there is no soak $part; there are: ${all[*]}" >&2; exit 2 ;;
    esac
done

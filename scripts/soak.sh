#!/usr/bin/env bash
# The long versions of the tests; `make test` runs a share of each. `scripts/soak.sh year fuzz` runs only these.
set -euo pipefail
source "$(dirname "$0")/common.sh"

printers=${PLATEN_SOAK_PRINTERS:-200}
days=${PLATEN_SOAK_DAYS:-365}
seconds=${PLATEN_SOAK_FUZZ_SECONDS:-300}
cases=${PLATEN_SOAK_CASES:-100000}
fault_seeds=${PLATEN_SOAK_FAULT_SEEDS:-10}
fault_rounds=${PLATEN_SOAK_FAULT_ROUNDS:-200}
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(year fuzz properties network)

# A simulated year of a fleet, with everything that goes wrong: each alert has its cause, each cause its alert.
year() {
    say "year: $printers printers, $days days each"
    cargo run --quiet --locked --profile driver -p platen-tests --bin year -- --printers "$printers" --days "$days"
}

fuzz() { scripts/fuzz.sh "$seconds"; }

properties() {
    say "property tests, $cases cases each"
    PROPTEST_CASES=$cases cargo nextest run --locked --workspace --exclude platen-tests --lib
}

# Connections that break by a seed, with real agents and a real manager; then every customer's network once more.
network() {
    local seed
    cargo build --quiet --locked --workspace --bins
    for seed in $(seq 1 "$fault_seeds"); do
        say "network: faults by seed $seed, $fault_rounds rounds"
        PLATEN_FAULT_SEED=$seed PLATEN_FAULT_ROUNDS=$fault_rounds \
            cargo nextest run --locked -p platen-tests --test network_faults --success-output immediate -- by_a_seed
    done
    say "network: customers' networks"
    PLATEN_NETWORK_FULL=1 cargo nextest run --locked -p platen-tests --test network --success-output immediate
}

for part in "${parts[@]}"; do
    case $part in
    year | fuzz | properties | network) "$part" ;;
    *) echo "there is no soak $part; there are: year fuzz properties network" >&2; exit 2 ;;
    esac
done

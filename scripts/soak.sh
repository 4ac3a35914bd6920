#!/usr/bin/env bash
# The long versions of the tests; `make test` runs a share of each. `scripts/soak.sh year fuzz` runs only these.
set -euo pipefail
source "$(dirname "$0")/common.sh"

printers=${PLATEN_SOAK_PRINTERS:-200}
days=${PLATEN_SOAK_DAYS:-365}
seconds=${PLATEN_SOAK_FUZZ_SECONDS:-300}
cases=${PLATEN_SOAK_CASES:-100000}
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(year fuzz properties)

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

for part in "${parts[@]}"; do
    case $part in
    year | fuzz | properties) "$part" ;;
    *) echo "there is no soak $part; there are: year fuzz properties" >&2; exit 2 ;;
    esac
done

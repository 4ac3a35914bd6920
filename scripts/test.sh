#!/usr/bin/env bash
# Every test, in stages, with the time of each. Installs what they need. A stage that cannot run on this
# machine fails the run, unless PLATEN_SKIP names it (PLATEN_SKIP=browser,kernel).
set -uo pipefail
source "$(dirname "$0")/common.sh"

# What a stage prints is kept here, and the end of what a failed one printed is shown once more at the end, where
# whoever reads half an hour's output begins.
LOGS=$TARGET/test-logs
SHOWN_AGAIN=80
mkdir -p "$LOGS"

passed=0 failed=() skipped=0
summary=()

# stage NAME COMMAND...
stage() {
    local name=$1 begin=$SECONDS
    shift
    if [[ ",${PLATEN_SKIP:-}," == *",$name,"* ]]; then
        skipped=$((skipped + 1))
        summary+=("$(printf '%-12s skipped, because PLATEN_SKIP names it' "$name")")
        return
    fi
    say "$name"
    # Not a pipe: that would end only with the last program that a stage has left behind.
    if "$@" > >(tee "$LOGS/$name.log") 2>&1; then
        passed=$((passed + 1))
        summary+=("$(printf '%-12s passed  %4d s' "$name" $((SECONDS - begin)))")
    else
        failed+=("$name")
        summary+=("$(printf '%-12s FAILED  %4d s' "$name" $((SECONDS - begin)))")
    fi
}

install_needs() {
    need_packages build-essential pkg-config openssl curl jq \
        chromium chromium-driver lintian debhelper device-tree-compiler dpkg-dev fakeroot python3-venv \
        iproute2 libfaketime nftables procps util-linux &&
        need_squid &&
        tests/guest/install.sh &&
        scripts/openapi/install.sh >/dev/null &&
        { cargo nextest --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-nextest; } &&
        { cargo deny --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-deny; } &&
        { cargo fuzz --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-fuzz; }
}

# The advisories want a database that not every machine reaches; `cargo deny check advisories` asks it.
licences() { cargo deny --log-level error check licenses bans sources; }

lints() {
    cargo fmt --all -- --check &&
        cargo clippy --workspace --all-targets --features platen-tests/simulation --locked -- -D warnings &&
        scripts/tidy.sh
}

# The helpers of the tests are tested as well: their protocols are as good as any.
unit() { tests -E 'not binary(programs)'; }
build() { cargo build --locked --workspace --bins; }
# As a new user: only these two are built, with only their features. Built before the test, whose patience is
# for programs and not for compilers.
demo() { cargo build --locked -p platen-manager -p platen-agent && across demo; }

# Shares of what `make soak` runs at full size.
FUZZ_SECONDS=10
SIMULATED_SEEDS=300
simulation() {
    local seeds=(--features simulation -p platen-tests)
    cargo run --quiet --locked "${seeds[@]}" --bin simulate -- --seeds "$SIMULATED_SEEDS" &&
        cargo nextest run --locked "${seeds[@]}" --test programs --success-output immediate -- simulation::
}
year() { cargo run --quiet --locked -p platen-tests --bin year -- --printers 4 --days 120; }

stage install install_needs
stage lints lints
stage licences licences
stage build build
stage unit unit
stage package across package
stage overlays across overlays --no-capture
stage e2e across e2e
stage network across network --success-output immediate
stage crash across crash --no-capture
stage disk across disk --no-capture
stage browser across browser
stage openapi across openapi
stage kernel across kernel --no-capture
stage powercut across powercut --no-capture
stage cp2112 across cp2112 --no-capture
stage raspberry-pi across raspberry_pi --no-capture
stage demo demo
stage year year
stage simulation simulation
stage fuzz scripts/fuzz.sh "$FUZZ_SECONDS"

for name in "${failed[@]}"; do
    say "the end of $name, which failed"
    tail -n "$SHOWN_AGAIN" "$LOGS/$name.log"
done
say "stages"
printf '%s\n' "${summary[@]}"
echo "in all $SECONDS s"
[ $skipped -eq 0 ] || echo "SKIPPED stages are not tested: ${PLATEN_SKIP}"
echo "$passed passed, ${#failed[@]} failed, $skipped skipped"
[ ${#failed[@]} -eq 0 ]

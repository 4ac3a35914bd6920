#!/usr/bin/env bash
# Benchmarks, with release builds. Prints a table, writes target/bench/summary.json, and fails when a goal
# that must hold does not.
set -euo pipefail
source "$(dirname "$0")/common.sh"

need_packages build-essential
# Each program as it is shipped: the agent for size, the manager for speed.
cargo build --locked --profile device -p platen-agent
cargo build --locked --release -p platen-manager
programs=$TARGET/bench/programs
mkdir -p "$programs"
cp "$TARGET"/device/platen{,-agent} "$TARGET/release/platen-manager" "$programs"
cargo build --locked --profile driver -p platen-tests --bin bench
ulimit -n "$(ulimit -Hn)"
PLATEN_PROGRAMS=$programs exec "$TARGET/driver/bench" "$@"

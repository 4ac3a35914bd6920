#!/usr/bin/env bash
# Benchmarks, with release builds. Prints a table, writes target/bench/summary.json, and fails when a goal
# that must hold does not.
set -euo pipefail
source "$(dirname "$0")/common.sh"

need_packages build-essential
cargo build --locked --release -p platen-agent -p platen-manager
cargo build --locked --profile driver -p platen-tests --bin bench
ulimit -n "$(ulimit -Hn)"
PLATEN_PROGRAMS=$TARGET/release exec "$TARGET/driver/bench"

#!/usr/bin/env bash
# Benchmarks, with release builds. Prints a table, writes target/bench/summary.json, and fails when a goal
# that must hold does not.
set -euo pipefail
source "$(dirname "$0")/common.sh"

need_packages build-essential
cargo build --locked --release --workspace --bins
ulimit -n "$(ulimit -Hn)"
exec "$TARGET/release/bench"

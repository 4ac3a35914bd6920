#!/usr/bin/env bash
# The quick loop: format, lints, unit tests.
set -euo pipefail
source "$(dirname "$0")/common.sh"

say format
cargo fmt --all -- --check
say lints
cargo clippy --workspace --all-targets --features platen-tests/simulation --locked -- -D warnings
say unit tests
cargo nextest run --locked --workspace --lib --bins

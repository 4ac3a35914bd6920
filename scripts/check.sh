#!/usr/bin/env bash
# The quick loop: format, spelling, lints, documentation, unit tests. `check.sh lints` leaves the tests out.
set -euo pipefail
source "$(dirname "$0")/common.sh"

use_tools
say format
cargo fmt --all -- --check
say spelling
typos
say dependencies
# Compiled for one run of a second: what optimises costs more than it saves.
cargo machete --version >/dev/null 2>&1 || cargo install --quiet --locked --debug cargo-machete
cargo machete
scripts/tidy.sh
say lints
cargo clippy --workspace --all-targets --features platen-tests/simulation --locked -- -D warnings
say documentation
RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' cargo doc --workspace --no-deps --document-private-items --features platen-tests/simulation --locked --quiet
[ "${1:-}" != lints ] || exit 0
say unit tests
tests --lib --bins

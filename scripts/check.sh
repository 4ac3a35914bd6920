#!/usr/bin/env bash
# The quick loop: format, spelling, lints, documentation, unit tests.
set -euo pipefail
source "$(dirname "$0")/common.sh"

# A binary that PyPI has, in an environment of its own outside the tree; made whole or not at all.
TYPOS_VERSION=1.52.0
spelling() {
    local folder=${PLATEN_CACHE:-$HOME/.cache/platen}/typos-$TYPOS_VERSION new
    if [ ! -d "$folder" ]; then
        need_packages python3-venv
        mkdir -p "${folder%/*}"
        new=$(mktemp -d "$folder.XXXXXX")
        python3 -m venv "$new"
        "$new/bin/pip" install --quiet --disable-pip-version-check "typos==$TYPOS_VERSION"
        # Another one may have been quicker.
        mv --no-target-directory "$new" "$folder" 2>/dev/null || rm -rf "$new"
    fi
    "$folder/bin/typos"
}

say format
cargo fmt --all -- --check
say spelling
spelling
say dependencies
cargo machete --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-machete
cargo machete
scripts/tidy.sh
say lints
cargo clippy --workspace --all-targets --features platen-tests/simulation --locked -- -D warnings
say documentation
RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --features platen-tests/simulation --locked --quiet
say unit tests
cargo nextest run --locked --workspace --lib --bins

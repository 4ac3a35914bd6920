#!/usr/bin/env bash
# The long versions of the tests. So far: the property tests with many more cases than in `make test`.
set -euo pipefail
source "$(dirname "$0")/common.sh"

cases=${PLATEN_SOAK_CASES:-100000}
say "property tests, $cases cases each"
PROPTEST_CASES=$cases cargo nextest run --locked --workspace --exclude platen-tests --lib

#!/usr/bin/env bash
# Says which tests are in one list and not in the other, so that nothing is lost when tests move.
#
#   compare-tests.sh BEFORE AFTER
#
# Each is a file with what `cargo nextest list --workspace --features platen-tests/simulation -T oneline` prints. Tests are
# compared by the last part of their names, because that is what moving them leaves.
set -euo pipefail
[ $# -eq 2 ] || { echo 'usage: compare-tests.sh BEFORE AFTER' >&2; exit 2; }
last_parts() { sed -E 's/^[^ ]+ //; s/.*:://' "$1" | sort; }
gone=$(comm -23 <(last_parts "$1") <(last_parts "$2"))
new=$(comm -13 <(last_parts "$1") <(last_parts "$2"))
echo "before: $(wc -l <"$1") tests; after: $(wc -l <"$2")"
[ -z "$gone" ] || printf 'only before:\n%s\n' "$gone"
[ -z "$new" ] || printf 'only after:\n%s\n' "$new"

#!/usr/bin/env bash
# Rules of the tree that no compiler knows. Each names the file that breaks it.
set -uo pipefail
source "$(dirname "$0")/common.sh"
status=0
broken() { echo "tidy: $*" >&2; status=1; }

# Every dependency of the workspace has its line of reason.
while read -r crate; do
    grep -q "^| \`$crate\` |" docs/dependencies.md || broken "docs/dependencies.md has no line for $crate"
done < <(sed -n '/^\[workspace.dependencies\]/,/^\[workspace.lints/p' Cargo.toml | sed -nE 's/^([a-z][a-z0-9_-]*) = .*/\1/p' | grep -v '^platen-')

# Unsafe code only where the kernel is talked to, and nothing swallowed without a word.
if grep -rnE 'allow\(unsafe_code\)' --include='*.rs' protocol agent manager; then
    broken "unsafe code outside hal/ and tests/"
fi

exit $status

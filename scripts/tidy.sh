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

# What the guides name is there: paths of the tree, from its root or as the end of one. What is built is not looked for.
paths=$(git ls-files; git ls-files | sed 's#/[^/]*$##' | sort -u)
while IFS=: read -r guide path; do
    path=${path%/}
    grep -qE "(^|/)${path//./\\.}(/|$)" <<<"$paths" || broken "$guide names $path, which is not there"
done < <(grep -oE '`[a-z_-]+(/[A-Za-z0-9_.-]+)*(/|\.(rs|sh|md|toml))`' ARCHITECTURE.md CONTRIBUTING.md docs/glossary.md docs/testing.md |
    tr -d '`' | grep -vE ':(target|dist|demo|.*VERSION)/' | sort -u)

exit $status

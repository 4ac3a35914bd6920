#!/usr/bin/env bash
# What cargo has compiled of other people's crates, for the next clone: they are more than half of a build.
#
#   crates.sh take   into an empty target folder, if there is something for this Cargo.lock, these features and compiler
#   crates.sh keep   out of a target folder in which everything has been built
#
# Cargo itself decides what of it is still good, by its own fingerprints; the project's own crates are never kept.
set -euo pipefail
source "$(dirname "$0")/common.sh"

parts=(deps build .fingerprint)
key=$( (rustc -vV; git ls-files '*Cargo.toml' Cargo.lock scripts/crates.sh | LC_ALL=C sort | xargs cat) | sha256sum | cut -c1-16)

case ${1:-} in
take)
    [ ! -e "$TARGET/debug" ] || exit 0
    # Nothing there is nothing to take, and not worth a word.
    folder=$(scripts/cache.sh crates "$key" false 2>/dev/null) || exit 0
    mkdir -p "$TARGET/debug"
    cp --archive --reflink=auto "$folder/." "$TARGET/debug/"
    echo "compiled crates of $folder: $(du --summarize --human-readable "$folder" | cut -f1)"
    ;;
keep)
    scripts/cache.sh crates "$key" "$PWD/scripts/crates.sh" --make
    ;;
--make)
    out=$2
    for part in "${parts[@]}"; do
        cp --archive --reflink=auto "$TARGET/debug/$part" "$out/"
    done
    # The names of our own packages, programs, libraries and tests, as cargo begins names of files with them.
    cargo metadata --locked --no-deps --format-version 1 | jq -r '.packages[] | .name, .targets[].name' | sort -u |
        while read -r name; do
            for own in "$name" "${name//-/_}" "lib${name//-/_}"; do
                find "$out" -mindepth 2 -maxdepth 2 -regextype posix-extended -regex ".*/$own-[0-9a-f]{16}(\..*)?" \
                    -exec rm -rf {} +
            done
        done
    ;;
*)
    echo 'usage: crates.sh take | keep' >&2
    exit 2
    ;;
esac

#!/usr/bin/env bash
# What cargo has compiled of other people's crates, for the next clone: they are more than half of a build.
#
#   crates.sh take NAME ROOT             into the target folder ROOT, if nothing has been built there yet, and there is
#                                        something for this Cargo.lock, these features and this compiler
#   crates.sh keep NAME ROOT FOLDER...   out of these folders of ROOT (`debug`), in which everything has been built
#
# NAME is the build: the same crates, compiled otherwise, are others. Cargo itself decides what of it is still good, by its
# own fingerprints; the project's own crates are never kept.
set -euo pipefail
source "$(dirname "$0")/common.sh"
[ $# -ge 3 ] || { echo 'usage: crates.sh take NAME ROOT | keep NAME ROOT FOLDER...' >&2; exit 2; }
action=$1 name=$2 root=$3
shift 3

parts=(deps build .fingerprint)
key=$( ("${RUSTC:-rustc}" -vV
        git ls-files '*Cargo.toml' Cargo.lock scripts/crates.sh packaging/debian/rules | LC_ALL=C sort | xargs cat) |
    sha256sum | cut -c1-16)

case $action in
take)
    # Nothing there is nothing to take, and not worth a word.
    folder=$(scripts/cache.sh "crates-$name" "$key" false 2>/dev/null) || exit 0
    for built in $(cd "$folder" && find . -name .fingerprint); do
        [ ! -e "$root/$built" ] || exit 0
    done
    mkdir -p "$root"
    cp --archive --reflink=auto "$folder/." "$root/"
    echo "compiled crates of $folder: $(du --summarize --human-readable "$folder" | cut -f1)"
    ;;
keep)
    scripts/cache.sh "crates-$name" "$key" "$PWD/scripts/crates.sh" --make "$name" "$root" "$@"
    ;;
--make)
    out=${*: -1}
    # The names of our own packages, programs, libraries and tests, as cargo begins names of files with them.
    mapfile -t names < <(cargo metadata --locked --no-deps --format-version 1 |
        jq -r '.packages[] | .name, .targets[].name | ., gsub("-"; "_"), "lib" + gsub("-"; "_")' | sort -u)
    own=$(IFS='|' && echo "${names[*]}")
    for folder in "${@:1:$#-1}"; do
        mkdir -p "$out/$folder"
        for part in "${parts[@]}"; do
            cp --archive --reflink=auto "$root/$folder/$part" "$out/$folder/"
            find "$out/$folder/$part" -mindepth 1 -maxdepth 1 -regextype posix-extended \
                -regex ".*/($own)-[0-9a-f]{16}(\..*)?" -exec rm -rf {} +
        done
    done
    ;;
*)
    echo "crates.sh: there is no $action" >&2
    exit 2
    ;;
esac

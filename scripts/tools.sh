#!/bin/sh
# Prints the folder in which the programs of tools.txt are, and installs them first where that is to be done. The folder is
# scripts/cache.sh's, and holds nothing but them: no Python that would take another's place.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ "${1:-}" != --make ]; then
    key=$(cat "$0" "$here/tools.txt" | sha256sum | cut -c1-16)
    echo "$("$here/cache.sh" tools "$key" "$0" --make)/bin"
    exit
fi
out=$2
python3 -m venv "$out/venv"
"$out/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --target "$out" --requirement "$here/tools.txt"
rm -rf "$out/venv"

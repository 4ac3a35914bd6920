#!/usr/bin/env bash
# python-tuf, with which the tests compare, in the cache outside of the tree; prints the folder of its Python:
#   bin/python
# Keyed by what makes it; two runs at once wait for each other, and one that was cut is begun again.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../../../scripts/common.sh"

key=$(cat "$here/install.sh" "$here/requirements.txt" | sha256sum | cut -c1-16)
cache=${PLATEN_CACHE:-$HOME/.cache/platen}
folder=$cache/tuf-$key
mkdir -p "$cache"
exec 9>"$cache/tuf.lock"
flock 9
if [ ! -e "$folder/whole" ]; then
    rm -rf "$cache"/tuf-*/
    mkdir -p "$folder"
    {
        # A Python that can make environments is enough: another installation may be under way.
        python3 -c 'import ensurepip' 2>/dev/null || need_packages python3-venv
        python3 -m venv "$folder/venv"
        "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    } >&2
    touch "$folder/whole"
fi
echo "$folder/venv"

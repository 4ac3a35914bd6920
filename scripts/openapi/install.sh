#!/usr/bin/env bash
# The tools that check the OpenAPI document, in the cache outside of the tree; prints their folder:
#   venv/bin/st, venv/bin/openapi-spec-validator, npm/node_modules/.bin/redocly
# Keyed by what makes them; two runs at once wait for each other, and one that was cut is begun again.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../common.sh"

REDOCLY=1.34.20
key=$(cat "$here/install.sh" "$here/requirements.txt" | sha256sum | cut -c1-16)
cache=${PLATEN_CACHE:-$HOME/.cache/platen}
folder=$cache/openapi-$key
mkdir -p "$cache"
exec 9>"$cache/openapi.lock"
flock 9
if [ ! -e "$folder/whole" ]; then
    rm -rf "$cache"/openapi-*/
    mkdir -p "$folder"
    {
        need_packages python3-venv
        # Debian's npm is a package of its own; other builds of Node bring it along.
        command -v npm >/dev/null || need_packages nodejs npm
        python3 -m venv "$folder/venv"
        "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
        npm install --prefix "$folder/npm" --no-audit --no-fund --ignore-scripts --silent "@redocly/cli@$REDOCLY"
    } >&2
    touch "$folder/whole"
fi
echo "$folder"

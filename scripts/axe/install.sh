#!/usr/bin/env bash
# axe-core, which looks for what keeps people from using a page; prints the file. In the cache outside of the tree, of the version
# named here, from the npm registry. It is in no package: only the tests run it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../common.sh"

AXE=4.14.1
key=$(sha256sum <"$here/install.sh" | cut -c1-16)
cache=${PLATEN_CACHE:-$HOME/.cache/platen}
folder=$cache/axe-$key
mkdir -p "$cache"
exec 9>"$cache/axe.lock"
flock 9
if [ ! -e "$folder/whole" ]; then
    rm -rf "$cache"/axe-*/
    mkdir -p "$folder"
    {
        # Debian's npm is a package of its own; other builds of Node bring it along.
        command -v npm >/dev/null || need_packages nodejs npm
        npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts --silent "axe-core@$AXE"
    } >&2
    touch "$folder/whole"
fi
echo "$folder/node_modules/axe-core/axe.min.js"

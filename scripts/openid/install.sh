#!/usr/bin/env bash
# A provider of OpenID Connect, certified by the OpenID Foundation, for the tests; prints the folder. In the cache outside of the tree, of
# the version named here, from the npm registry. It is in no package: only the tests run it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../common.sh"

PROVIDER=9.13.3
key=$(sha256sum <"$here/install.sh" | cut -c1-16)
cache=${PLATEN_CACHE:-$HOME/.cache/platen}
folder=$cache/openid-$key
mkdir -p "$cache"
exec 9>"$cache/openid.lock"
flock 9
if [ ! -e "$folder/whole" ]; then
    rm -rf "$cache"/openid-*/
    mkdir -p "$folder"
    {
        # Debian's npm is a package of its own; other builds of Node bring it along.
        command -v npm >/dev/null || need_packages nodejs npm
        npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts --silent "oidc-provider@$PROVIDER"
    } >&2
    touch "$folder/whole"
fi
echo "$folder"

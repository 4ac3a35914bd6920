#!/bin/sh
# What takes minutes to make and is the same for every clone (guests, device trees, compilers), made once on this machine.
#
#   cache.sh NAME KEY COMMAND...
#
# Prints the folder NAME/KEY of the cache, ${PLATEN_CACHE:-~/.cache/platen}. When it is not there, COMMAND makes it: it is
# called with one more argument, a folder to fill, which becomes the cache's only when COMMAND has succeeded. KEY stands
# for the content of everything that the result depends on (`sha256sum | cut -c1-16`, for one), so that no clone meets what
# another version of the scripts has made. Two callers at once are safe: the second waits, and takes what the first made.
#
# What nobody has asked for in 30 days is removed. To follow newer packages of Debian, remove the folder.
set -eu
[ $# -ge 3 ] || { echo 'usage: cache.sh NAME KEY COMMAND...' >&2; exit 2; }
name=$1
key=$2
shift 2
kept_days=30

shelf=${PLATEN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/platen}/$name
mkdir -p "$shelf"
folder=$shelf/$key
while :; do
    exec 9>"$folder.lock"
    flock 9
    # Who cleans may have removed the file while we waited for it: then the next one is another file.
    [ "$(stat --format=%i "$folder.lock" 2>/dev/null)" != "$(stat --dereference --format=%i /proc/self/fd/9)" ] || break
done
if [ ! -d "$folder" ]; then
    # Left by somebody who was killed: who makes it holds the lock, and that is us.
    rm -rf "$folder.new"
    mkdir "$folder.new"
    if ! "$@" "$folder.new" >&2 9>&-; then
        rm -rf "$folder.new"
        exit 1
    fi
    sync --file-system "$folder.new"
    mv "$folder.new" "$folder"
fi
# Its time is when it was last asked for. The lock file's is the same, and it goes with the folder.
touch "$folder" "$folder.lock"
find "$shelf" -mindepth 1 -maxdepth 1 -name '*.lock' -mtime "+$kept_days" | while read -r lock; do
    # Without waiting: what somebody makes just now is not old.
    flock --nonblock "$lock" rm -rf "${lock%.lock}" "${lock%.lock}.new" "$lock" || true
done
echo "$folder"

#!/bin/sh
# An empty cluster of PostgreSQL, which each test copies (tests/src/rigs/postgres.rs).
#
#   postgresql-template.sh PROGRAMS USER FOLDER
#
# initdb in PROGRAMS makes FOLDER/data as USER, which is empty where it is not root who asks: PostgreSQL refuses root.
set -eu
programs=$1
user=$2
folder=$3
# That user may not be able to enter FOLDER, so it is made elsewhere and moved.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -m 700 "$work/data"
as=
[ -z "$user" ] || { chown "$user:" "$work/data"; as="setpriv --reuid $user --regid $user --init-groups"; }
cd /
# shellcheck disable=SC2086 # words of a command
LC_ALL=C.UTF-8 $as "$programs/initdb" -D "$work/data" -U postgres -A trust --encoding=UTF8 --locale=C.UTF-8 \
    --no-instructions --no-sync
cp -a "$work/data" "$folder/"

#!/usr/bin/env bash
# Takes the pictures of docs/images from the demo.
set -euo pipefail
source "$(dirname "$0")/common.sh"

need_packages chromium chromium-driver curl
export PLATEN_DEMO_PORT=${PLATEN_DEMO_PORT:-8450}
cargo build --locked --quiet --workspace --bins
log=$(mktemp)
PLATEN_DEMO_SECONDS=90 scripts/demo.sh >"$log" 2>&1 &
demo=$!
trap 'kill -TERM $demo 2>/dev/null || true; wait $demo 2>/dev/null || true; rm -f "$log"' EXIT
until grep -q 'Ctrl-C' "$log"; do
    kill -0 $demo || { cat "$log" >&2; exit 1; }
    sleep 0.2
done

tool() { "$TARGET/debug/platen" --socket "demo/$1/control.sock" "${@:2}" >/dev/null; }
# Waits until what the lobby's printer says of itself has this in it. (With -q, grep would break the pipe.)
says() {
    until "$TARGET/debug/platen" --socket demo/lobby/control.sock status --json | tr -d ' ' | grep "$1" >/dev/null; do
        sleep 0.2
    done
}
tool lobby sim print 800
tool lobby sim replace magenta
tool lobby sim set black 4
says '"serial":"SIM-MAGENTA-2"'
says '"code":"markerTonerAlmostEmpty"'
tool lobby sim fault engine counts-backwards
says '"code":"configurationChange"'
tool lobby call-service 'Streaks on every page'
tool lobby order black --quantity 2 --note 'One for the shelf'
tool lobby sim print 60 --per-minute 600
tool studio sim fault cyan corrupt
# So that there is an activity to be seen: the first report of it is due within this time.
curl -sS --fail --cacert demo/ca.pem -H "Authorization: Bearer $(cat demo/operator.token)" --json \
    '{"action": {"kind": "set", "settings": {"utilisation.interval-seconds": 10}}}' \
    "https://localhost:$PLATEN_DEMO_PORT/api/v1/devices/lobby/commands" >/dev/null
says '"printing_seconds":'
password=$(sed -nE 's/^ *password +//p' "$log")
"$TARGET/debug/pictures" "https://localhost:$PLATEN_DEMO_PORT" demo "$password" docs/images
ls -l docs/images

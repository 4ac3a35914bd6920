#!/usr/bin/env bash
# Takes the pictures of docs/images from the demo.
set -euo pipefail
source "$(dirname "$0")/common.sh"

need_packages chromium chromium-driver
export PLATEN_DEMO_PORT=${PLATEN_DEMO_PORT:-8450}
cargo build --locked --quiet --workspace --bins
log=$(mktemp)
PLATEN_DEMO_SECONDS=90 scripts/demo.sh >"$log" 2>&1 &
demo=$!
trap 'kill -INT $demo 2>/dev/null || true; wait $demo 2>/dev/null || true; rm -f "$log"' EXIT
until grep -q 'Ctrl-C' "$log"; do
    kill -0 $demo || { cat "$log" >&2; exit 1; }
    sleep 0.2
done

tool() { "$TARGET/debug/platen" --socket "demo/$1/control.sock" "${@:2}" >/dev/null; }
tool lobby sim print 800
tool lobby sim set black 4
tool lobby call-service 'Streaks on every page'
tool studio sim fault cyan corrupt
sleep 2
password=$(sed -nE 's/^ *password +//p' "$log")
"$TARGET/debug/pictures" "https://localhost:$PLATEN_DEMO_PORT" demo "$password" docs/images
ls -l docs/images

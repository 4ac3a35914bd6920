#!/bin/sh
# overlays.sh OUTDIR: builds the device tree overlays of dts/ as OUTDIR/NAME.dtbo. A warning of dtc is a failure.
set -eu
source=$(CDPATH='' cd -- "$(dirname -- "$0")/../dts" && pwd)
[ $# -eq 1 ] || {
    echo "usage: overlays.sh OUTDIR" >&2
    exit 2
}
out=$1
mkdir -p "$out"
said=$(mktemp)
trap 'rm -f "$said"' EXIT
for overlay in "$source"/*.dtso; do
    name=$(basename "$overlay" .dtso)
    # To a new file, so that a build that fails leaves no overlay that looks good.
    if ! dtc -@ -I dts -O dtb -o "$out/$name.new" "$overlay" 2>"$said" || [ -s "$said" ]; then
        cat "$said" >&2
        rm -f "$out/$name.new"
        echo "overlays.sh: dtc is not content with $overlay" >&2
        exit 1
    fi
    mv "$out/$name.new" "$out/$name.dtbo"
done

#!/bin/sh
# device-tree.sh WORK: puts the bed's own overlay on the board's device tree WORK/board.dtb. The project's overlays come
# later, when a test starts the guest.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$1
dtc -@ -I dts -O dtb -o "$work/bed.dtbo" "$here/machine/raspberry-pi.dtso"
fdtoverlay -i "$work/board.dtb" -o "$work/board.with-bed.dtb" "$work/bed.dtbo"
mv "$work/board.with-bed.dtb" "$work/board.dtb"

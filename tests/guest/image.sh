#!/bin/sh
# image.sh WORK: puts the kernel's modules into WORK/root and makes WORK/root.ext4 of it, without loop devices.
set -eu
work=$1
# shellcheck source=/dev/null
. "$work/machine"
release=$(cat "$work/kernel-release")
# Sparse; what a test installs fits, with room. A power of two, as the Raspberry Pi's card has to be.
image_size=1G

modules=$work/kernel/lib/modules/$release
for folder in $left_out; do
    rm -rf "$modules/kernel/$folder"
done
rm -f "$modules/build" "$modules/source"
mkdir -p "$work/root/usr/lib/modules"
mv "$modules" "$work/root/usr/lib/modules/$release"
chown -R 0:0 "$work/root/usr/lib/modules"
depmod --basedir "$work/root" "$release"
mke2fs -q -t ext4 -L root -d "$work/root" "$work/root.ext4" "$image_size"

#!/bin/sh
# image.sh WORK: puts the kernel's modules into WORK/root and makes WORK/root.ext4 of it, without loop devices.
set -eu
work=$1
release=$(cat "$work/kernel-release")
# Sparse; what a test installs fits, with room.
image_size=1G
# Hardware that the guest does not have: more than half of all modules.
left_out='arch/x86/kvm drivers/ata drivers/gpu drivers/iio drivers/infiniband drivers/media drivers/net/ethernet
    drivers/net/wireless drivers/staging net/mac80211 net/wireless sound'

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

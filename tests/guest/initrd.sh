#!/bin/sh
# initrd.sh WORK: makes the small initramfs that finds the root disk; see initramfs/init.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$1
release=$(cat "$work/kernel-release")
tree=$work/initramfs
mkdir -p "$tree/bin" "$tree/modules"
install -m 0755 "$here/initramfs/init" "$tree/init"
install -m 0755 /bin/busybox "$tree/bin/busybox"

# modprobe prints the modules in the order in which they must load, those needed twice twice.
number=100
modprobe --dirname "$work/kernel" --set-version "$release" --all --show-depends \
    virtio_pci virtio_blk ext4 crc32c_generic \
    | sed -n 's/^insmod //p' | awk '!seen[$1]++ { print $1 }' >"$work/initramfs.modules"
while read -r module; do
    number=$((number + 1))
    name=$(basename "$module")
    case $name in
        *.ko.xz) xz --decompress --stdout "$module" >"$tree/modules/$number-${name%.xz}" ;;
        *) cp "$module" "$tree/modules/$number-$name" ;;
    esac
done <"$work/initramfs.modules"
(cd "$tree" && find . | cpio --quiet --create --format=newc --owner=0:0) | gzip -1 >"$work/initrd.img"

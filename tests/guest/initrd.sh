#!/bin/sh
# initrd.sh WORK: makes the small initramfs that finds the root disk; see initramfs/init.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$1
# shellcheck source=/dev/null
. "$work/machine"
release=$(cat "$work/kernel-release")
tree=$work/initramfs
mkdir -p "$tree/bin" "$tree/modules"
install -m 0755 "$here/initramfs/init" "$tree/init"
# The root's own, which is of the guest's architecture.
install -m 0755 "$work/root/bin/busybox" "$tree/bin/busybox"

# Here and not by kernel.sh, because the PC's own modules have been added since.
depmod --basedir "$work/kernel" "$release"
# modprobe prints the modules in the order in which they must load, those needed twice twice.
number=100
# shellcheck disable=SC2086 # a list
modprobe --dirname "$work/kernel" --set-version "$release" --all --show-depends $initrd_modules \
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

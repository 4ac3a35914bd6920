#!/bin/sh
# modules.sh WORK: builds the drivers that Debian's kernel for PCs leaves out, from Debian's own kernel source:
# i2c-virtio, gpio-virtio, and that of multiplexers of the PCA954x family.
set -eu
work=$1
release=$(cat "$work/kernel-release")
build=$work/modules
mkdir -p "$build"

# tar stops at the last file, long before the end of the archive.
dpkg-deb --fsys-tarfile "$work/linux-source.deb" \
    | tar --extract --to-stdout --wildcards '*/linux-source-*.tar.xz' >"$work/linux-source.tar.xz"
rm "$work/linux-source.deb"
tar --extract --xz --file "$work/linux-source.tar.xz" --directory "$build" \
    --transform 's,.*/,,' --wildcards --occurrence=1 \
    '*/drivers/gpio/gpio-virtio.c' '*/drivers/i2c/busses/i2c-virtio.c' '*/drivers/i2c/muxes/i2c-mux-pca954x.c'
rm "$work/linux-source.tar.xz"

# A program that ends in the middle of a transfer interrupts it, and this driver then frees what the device still writes
# to: whoever has that memory next finds it changed, and the kernel falls. Here the device always answers, so the driver
# may wait for it. A kernel that has it mended has other words here, and stays as it is.
interruptible='if (wait_for_completion_interruptible(&req->completion))'
uninterrupted='wait_for_completion(\&req->completion); if (false)'
sed -i "s/$interruptible/$uninterrupted/" "$build/i2c-virtio.c"

echo 'obj-m := gpio-virtio.o i2c-virtio.o i2c-mux-pca954x.o' >"$build/Makefile"

# The headers' makefiles name each other by the place where the packages would be installed.
headers=$work/kernel/usr/src/linux-headers-$release
sed -i "s,/usr/src/,$work/kernel/usr/src/,g" "$headers/Makefile"
# No BTF: it would need the kernel's own vmlinux and pahole, and only tracing uses it.
make -C "$headers" M="$build" CC=gcc-12 CONFIG_DEBUG_INFO_BTF_MODULES= modules
install -D -m 0644 -t "$work/kernel/lib/modules/$release/extra" "$build"/*.ko

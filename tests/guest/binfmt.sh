#!/bin/sh
# binfmt.sh ARCHITECTURE: lets this machine run that architecture's programs by QEMU, if it cannot yet. Lasts until the
# next start. The package qemu-user-binfmt registers them too, but only where systemd runs.
set -eu
architecture=$1
if arch-test "$architecture" >/dev/null; then
    exit 0
fi
case $architecture in
    arm64) emulator=qemu-aarch64 ;;
    *) echo "binfmt.sh: no emulator is known for $architecture" >&2; exit 1 ;;
esac
register=/proc/sys/fs/binfmt_misc/register
[ -e "$register" ] || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
# The format of this file is the kernel's own: one line, written as it stands.
tail -n 1 "/usr/lib/binfmt.d/$emulator.conf" >"$register"
arch-test "$architecture" || {
    echo "binfmt.sh: $emulator is registered, but $architecture programs do not run" >&2
    exit 1
}

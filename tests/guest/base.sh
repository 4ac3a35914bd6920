#!/bin/sh
# base.sh WORK BASE: makes BASE, an archive of a small Debian 12 for the guest's architecture, if it is not there yet.
# Apart from root.sh, because emulated it takes minutes and what root.sh adds changes more often.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$1
base=$2
# shellcheck source=/dev/null
. "$work/machine"

# busybox-static is for the initramfs.
packages=systemd,systemd-sysv,udev,dbus,kmod,busybox-static,i2c-tools,gpiod,curl,ca-certificates,iproute2,procps

wanted=$(cat "$here/base.sh" "$here/apt-sources" "$here/apt-configuration" | sha256sum)
if [ -s "$base" ] && [ "$(cat "$base.stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
rm -f "$base.stamp"
"$here/apt-sources" suite bookworm >"$work/bookworm.sources"
"$here/apt-configuration" >"$work/mmdebstrap.conf"
"$here/binfmt.sh" "$architecture"
mmdebstrap --variant=minbase --architectures="$architecture" --include="$packages" \
    --aptopt="$work/mmdebstrap.conf" --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$base" "$work/bookworm.sources"
echo "$wanted" >"$base.stamp"

#!/bin/sh
# root.sh WORK BASE: makes the guest's root file system in WORK/root of the archive BASE and overlay/.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$1
base=$2
# shellcheck source=/dev/null
. "$work/machine"

# Nothing here may start by itself and change what a test sees or how long it takes.
masked='apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
    systemd-networkd-wait-online.service getty@tty1.service'

root=$work/root
mkdir -p "$root"
tar --extract --numeric-owner --xattrs --file "$base" --directory "$root"
# The guest reaches no mirror, and must not name this machine's.
rm -rf "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d"/* "$root/etc/apt/apt.conf.d/99mmdebstrap" \
    "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$root/etc/resolv.conf"
cp -R --no-preserve=ownership "$here/overlay/." "$root/"
echo guest >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 guest\n10.0.2.2 host\n' >"$root/etc/hosts"
# Tests look for files of their own, not for what an earlier boot left: the journal is of this boot only.
rm -rf "$root/var/log/journal"
: >"$root/etc/machine-id"
for unit in $masked; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# The guest's own systemctl: this machine may have none.
"$here/binfmt.sh" "$architecture"
chroot "$root" systemctl enable systemd-networkd.service "serial-getty@$serial_console.service"

#!/bin/sh
# root.sh WORK: makes the guest's Debian 12 root file system in WORK/root.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$1

packages=systemd,systemd-sysv,udev,dbus,kmod,i2c-tools,gpiod,curl,ca-certificates,iproute2,procps
# Nothing here may start by itself and change what a test sees or how long it takes.
masked='apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
    systemd-networkd-wait-online.service getty@tty1.service'

"$here/apt-sources" suite bookworm >"$work/bookworm.sources"

# mmdebstrap's apt reads no configuration of this machine; how Debian is reached (proxies, certificates, trust in
# the mirror's dates) must hold for it too.
{
    apt-config dump | grep '^Acquire::' \
        | grep -v -e '::IndexTargets' -e '::Languages' -e '::CompressionTypes' -e '::Changelogs'
    echo 'Acquire::Languages "none";'
    echo 'Acquire::Retries "3";'
    echo 'Dir::Etc::netrc "/etc/apt/auth.conf";'
    echo 'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";'
} >"$work/mmdebstrap.conf"

mmdebstrap --variant=minbase --architectures=amd64 --include="$packages" \
    --aptopt="$work/mmdebstrap.conf" --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$work/root" "$work/bookworm.sources"

root=$work/root
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
chroot "$root" systemctl enable systemd-networkd.service serial-getty@ttyS0.service

#!/bin/sh
# kernel.sh WORK: fetches Debian's newest backported kernel; on the PC with what its modules are built from.
# Leaves WORK/kernel (the unpacked packages), WORK/kernel-release and WORK/vmlinuz, for the PC WORK/linux-source.deb,
# for the Raspberry Pi its device tree WORK/board.dtb.
# Nothing is installed on this machine, and apt's state here is WORK's own.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$1
# shellcheck source=/dev/null
. "$work/machine"

mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/debs" "$work/kernel"
"$here/apt-sources" suite bookworm-backports >"$work/apt/backports.sources"
# apt's sandbox user could not write here.
cat >"$work/apt/apt.conf" <<CONF
Dir::Etc::SourceList "$work/apt/backports.sources";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$work/apt/lists";
Dir::State::Status "/dev/null";
Dir::Cache "$work/apt/cache";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "root";
Acquire::Retries "3";
CONF
export APT_CONFIG="$work/apt/apt.conf"

# Prints the package that Debian's name for "the newest" stands for.
newest() {
    apt-cache show --no-all-versions "$1" | sed -n "s/^Depends: \($2[^ ,]*\).*/\1/p" | grep . || {
        echo "kernel.sh: $1 in bookworm-backports names no $2" >&2
        return 1
    }
}

apt-get update --error-on=any --quiet
image=$(newest "linux-image-$architecture" linux-image-)
release=${image#linux-image-}
cd "$work/debs"
apt-get download --quiet "$image"
if [ "$architecture" = amd64 ]; then
    source=$(newest linux-source linux-source-)
    base=${release%-amd64}
    apt-get download --quiet "$source" \
        "linux-headers-$release" "linux-headers-$base-common" "linux-kbuild-$base"
    mv "$source"_*.deb "$work/linux-source.deb"
fi
for package in *.deb; do
    dpkg-deb --extract "$package" "$work/kernel"
    rm "$package"
done
echo "$release" >"$work/kernel-release"
cp "$work/kernel/boot/vmlinuz-$release" "$work/vmlinuz"
if [ "$architecture" = arm64 ]; then
    cp "$work/kernel/usr/lib/linux-image-$release/broadcom/bcm2837-rpi-3-b.dtb" "$work/board.dtb"
fi

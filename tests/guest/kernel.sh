#!/bin/sh
# kernel.sh WORK: fetches Debian's newest backported kernel, with what its modules are built from.
# Leaves WORK/kernel (the unpacked packages), WORK/kernel-release and WORK/linux-source.deb.
# Nothing is installed on this machine, and apt's state here is WORK's own.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$1

mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/debs" "$work/kernel"
"$here/apt-sources" suite bookworm-backports >"$work/apt/backports.sources"
# apt's sandbox user could not write here.
cat >"$work/apt/apt.conf" <<CONF
Dir::Etc::SourceList "$work/apt/backports.sources";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$work/apt/lists";
Dir::State::Status "/dev/null";
Dir::Cache "$work/apt/cache";
APT::Architecture "amd64";
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
image=$(newest linux-image-amd64 linux-image-)
source=$(newest linux-source linux-source-)
release=${image#linux-image-}
base=${release%-amd64}
cd "$work/debs"
apt-get download --quiet "$image" "$source" \
    "linux-headers-$release" "linux-headers-$base-common" "linux-kbuild-$base"
mv "$source"_*.deb "$work/linux-source.deb"
for package in *.deb; do
    dpkg-deb --extract "$package" "$work/kernel"
    rm "$package"
done
echo "$release" >"$work/kernel-release"
cp "$work/kernel/boot/vmlinuz-$release" "$work/vmlinuz"

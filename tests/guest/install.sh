#!/bin/sh
# Installs what the real-kernel test beds need: QEMU from backports, and the tools of build.sh.
# Quick when everything is there already; otherwise needs root.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# The bed is proven with QEMU 10; Debian 12's own 7.2 is too old for it.
qemu_at_least=1:10.0
# qemu-user-static: the arm64 root's own programs run while it is made; arch-test is how binfmt.sh asks whether they can.
from_backports='qemu-system-x86 qemu-system-arm qemu-utils qemu-user-static'
# gcc-12, make and libelf1: the kernel's module build. zstd and xz-utils: package and module compression.
# device-tree-compiler: fdtoverlay puts the project's overlays on the Raspberry Pi's device tree.
from_release='debian-archive-keyring arch-test e2fsprogs cpio kmod gcc-12 make libelf1 xz-utils zstd
    device-tree-compiler'
# Another installation on this machine may hold dpkg's lock for a while.
lock_timeout_seconds=300
# A mirror may drop a connection now and then.
retries=3
backports_suite=bookworm-backports
backports_file=/etc/apt/sources.list.d/$backports_suite.sources

installed_version() {
    dpkg-query --show --showformat='${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^installed //p'
}

all_there() {
    for package in $from_release; do
        [ -n "$(installed_version "$package")" ] || return 1
    done
    for package in $from_backports; do
        dpkg --compare-versions "$(installed_version "$package")" ge "$qemu_at_least" || return 1
    done
}

has_backports() {
    # shellcheck disable=SC2016 # apt's own variable
    apt-get indextargets --format '$(RELEASE)' 'Created-By: Packages' | grep -qx "$backports_suite"
}

if all_there; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "The test guest needs packages that are not installed. Run: sudo $here/install.sh" >&2
    exit 1
fi

# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
from=$release
if [ "$release" = bookworm ]; then
    from=$backports_suite
    if ! has_backports; then
        "$here/apt-sources" suite "$backports_suite" >"$backports_file.new"
        mv "$backports_file.new" "$backports_file"
    fi
fi

# Only Debian's own entries are refreshed: another source that cannot be reached is not our affair,
# and with any error of Debian's this must stop here. The lists of the others stay as they are.
refresh=$(mktemp --suffix=.sources)
trap 'rm -f "$refresh"' EXIT
"$here/apt-sources" debian >"$refresh"
apt-get update --error-on=any --quiet -o Acquire::Retries="$retries" \
    -o Dir::Etc::SourceList="$refresh" -o Dir::Etc::SourceParts=- -o APT::Get::List-Cleanup=false

install() {
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends \
        -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout="$lock_timeout_seconds" \
        -o Acquire::Retries="$retries" "$@"
}
# Two calls, so that only QEMU and what it needs comes from backports.
# shellcheck disable=SC2086 # lists of package names
install $from_release
# shellcheck disable=SC2086
install --target-release "$from" $from_backports

all_there || {
    echo "install.sh: the packages were installed, but a version is older than the test bed needs" >&2
    exit 1
}

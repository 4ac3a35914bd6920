#!/usr/bin/env bash
# Makes the folder in which packages for another architecture are built: a Debian 12 of its own with the newest Rust
# that Debian's security updates have, and with a cross compiler.
#
#   cross-root.sh ARCHITECTURE OUTDIR
#
# Leaves OUTDIR/root. Does nothing when it was made by this very script; remove OUTDIR to follow newer packages.
set -euo pipefail
[ $# -eq 2 ] || { echo 'usage: cross-root.sh ARCHITECTURE OUTDIR' >&2; exit 2; }
script=$(realpath "$0")
architecture=$1
mkdir -p "$2"
out=$(realpath "$2")
source "$(dirname "$script")/common.sh"

# Two builds at once must not make the same folder.
exec 9>"$out/lock"
flock 9
wanted=$(sha256sum <"$script")
if [ "$(cat "$out/stamp" 2>/dev/null)" = "$wanted" ] && [ -d "$out/root" ]; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "The folder of the cross build is made and entered as root. Run: sudo $script $architecture $out" >&2
    exit 1
fi
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
if [ "$release" != bookworm ]; then
    echo "cross-root.sh: the cross build is proven on Debian 12 (bookworm), and this is $release" >&2
    exit 1
fi
need_packages mmdebstrap debian-archive-keyring

# The web variant of Rust is what Debian's security updates bring for browsers: newer than bookworm's own.
# libstd is of the other architecture; the rest runs here. The last line is what debian/control asks for.
native=$(dpkg --print-architecture)
packages=build-essential,crossbuild-essential-$architecture,rustc-web,cargo-web,libstd-rust-web-dev:$architecture
packages+=,libc6-dev:$architecture,fakeroot,man-db
packages+=,debhelper,device-tree-compiler

rm -rf "$out/stamp" "$out/root" "$out/sources" "$out/apt.conf"
tests/guest/apt-sources debian >"$out/debian.sources"
tests/guest/apt-configuration >"$out/apt.conf"
began=$SECONDS
if ! mmdebstrap --variant=minbase --architectures="$native,$architecture" --include="$packages" \
    --aptopt="$out/apt.conf" --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$out/root" "$out/debian.sources" >"$out/root.log" 2>&1 9>&-; then
    echo "cross-root.sh: mmdebstrap failed; the end of $out/root.log:" >&2
    tail -n 40 "$out/root.log" >&2
    exit 1
fi
echo "$wanted" >"$out/stamp"
echo "cross build for $architecture: root made in $((SECONDS - began)) s"

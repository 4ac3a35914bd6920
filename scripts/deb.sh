#!/usr/bin/env bash
# Builds the Debian packages, from a copy of the tree: dpkg wants debian/ at its root, and the checkout stays clean.
#
#   deb.sh [ARCHITECTURE]               into dist/, as they are shipped
#   deb.sh --for-tests [ARCHITECTURE]   into target/packages/, compiled quicker; prints the folder. Does nothing when the
#                                       tree is as it was; a second caller waits, and takes what the first has built
#
# For another architecture than this machine's it cross-builds, with a Rust of its own (scripts/cross-rust.sh).
set -euo pipefail
source "$(dirname "$0")/common.sh"

for_tests=
if [ "${1:-}" = --for-tests ]; then
    for_tests=yes
    shift
fi
native=$(dpkg --print-architecture)
architecture=${1:-$native}
# What dpkg says is for people; standard output is for who wants to know where the packages are.
exec 7>&1 >&2

need_packages build-essential debhelper device-tree-compiler dpkg-dev fakeroot
work=$TARGET/packages/$architecture
mkdir -p "$work"
exec 8>"$work/lock"
flock 8

# The files as git would commit them.
tree() { git ls-files -z --cached --others --exclude-standard; }

if [ -n "$for_tests" ]; then
    dist=$work/dist
    export PLATEN_DEB_PROFILE=package-test
    # What is deleted and not committed yet is not there, and is no error.
    wanted=$( (tree | xargs -0 sha256sum 2>/dev/null || true) | sha256sum)
    if [ "$(cat "$dist/stamp" 2>/dev/null)" = "$wanted" ]; then
        echo "$dist" >&7
        exit 0
    fi
else
    dist=dist
    export PLATEN_DEB_PROFILE=device
fi

# A copy with debian/ where dpkg looks for it. Its files are as new as the copy: cargo goes by their times, and would take
# what an older tree left for up to date. (What is deleted and not committed yet is not there.)
staged=$work/stage/platen
rm -rf "$work/stage"
mkdir -p "$staged"
tree | tar --create --null --files-from=- --ignore-failed-read | tar --extract --touch --directory="$staged"
cp -r "$staged/packaging/debian" "$staged/debian"

options=(--unsigned-changes --unsigned-buildinfo)
built=()
if [ "$architecture" = "$native" ]; then
    options+=(--build=binary)
else
    # The compiler's libraries of which this machine may have none, and the other architecture's C.
    compiler=gcc-$(dpkg-architecture -a"$architecture" -qDEB_HOST_GNU_TYPE 2>/dev/null)
    need_packages libedit2 libxml2 libz3-4 "$compiler" "libc6-dev-$architecture-cross"
    rust=$(scripts/cross-rust.sh "$architecture" 8>&-)
    export RUSTC=$rust/bin/rustc
    # Cargo's name for what is built for, which is its folder of what runs there; this machine's is for build scripts.
    built=("$(dpkg-architecture -a"$architecture" -qDEB_HOST_GNU_CPU 2>/dev/null)-unknown-linux-gnu/$PLATEN_DEB_PROFILE")
    # What is built for is not this machine, so nobody asks whether its build dependencies are here.
    options+=(--build=any --host-arch="$architecture" --build-profiles=cross,nocheck --no-check-builddeps)
fi
# The package's own target folder is kept, so that a second build compiles only what changed. The toolchain comes from the
# PATH (rustup), which dpkg's check of build dependencies does not know of.
[ -z "$for_tests" ] || scripts/crates.sh take "package-$architecture" "$work/target" 8>&-
(cd "$staged" && CARGO_TARGET_DIR=$work/target dpkg-buildpackage "${options[@]}" 8>&-)

mkdir -p "$dist"
rm -f "$dist"/*_"$architecture".* "$dist/stamp"
mv "$work"/stage/*.deb "$work"/stage/*.changes "$work"/stage/*.buildinfo "$dist/"
rm -rf "$work/stage"
if [ -n "$for_tests" ]; then
    scripts/crates.sh keep "package-$architecture" "$work/target" "$PLATEN_DEB_PROFILE" "${built[@]}" 8>&-
    echo "$wanted" >"$dist/stamp"
fi
ls -l "$dist"/*_"$architecture".deb
echo "$dist" >&7

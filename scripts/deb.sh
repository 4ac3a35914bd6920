#!/usr/bin/env bash
# Builds the Debian packages into dist/, from a copy of the tree: dpkg wants debian/ at its root, and
# the checkout stays clean.
#
#   deb.sh [ARCHITECTURE]
#
# For another architecture than this machine's it cross-builds, as root, in a Debian of its own
# (scripts/cross-root.sh): this machine's Rust has no standard library for that architecture.
set -euo pipefail
source "$(dirname "$0")/common.sh"

native=$(dpkg --print-architecture)
architecture=${1:-$native}

# The tree as git would commit it, in FOLDER, with debian/ where dpkg looks for it. Its files are as new as the
# copy: cargo goes by their times, and would take what an older tree left for up to date.
stage() {
    rm -rf "$(dirname "$1")"
    mkdir -p "$1"
    git ls-files -z --cached --others --exclude-standard |
        tar --create --null --files-from=- --ignore-failed-read | tar --extract --touch --directory="$1"
    cp -r "$1/packaging/debian" "$1/debian"
}

# The package's own target folder is kept, so that a second build compiles only what changed. The
# toolchain comes from the PATH (rustup), which dpkg's check of build dependencies does not know of.
build_here() {
    built=$TARGET/deb
    need_packages build-essential debhelper device-tree-compiler dpkg-dev fakeroot
    stage "$built/platen"
    (cd "$built/platen" && CARGO_TARGET_DIR=$TARGET/package dpkg-buildpackage --build=binary --unsigned-changes --unsigned-buildinfo)
}

# Cross-built in its root below /build: the tree, the crates as cargo vendors them here, and what cargo made last time.
build_across() {
    local cross=$TARGET/cross-$architecture lock
    local root=$cross/root
    scripts/cross-root.sh "$architecture" "$cross"
    exec 8>"$cross/lock"
    flock 8
    built=$root/build/deb
    mkdir -p "$root/build/cargo"
    lock=$(sha256sum <Cargo.lock)
    if [ "$(cat "$root/build/vendor.stamp" 2>/dev/null)" != "$lock" ]; then
        rm -rf "$root/build/vendor"
        cargo vendor --quiet --locked --versioned-dirs "$root/build/vendor" >/dev/null
        echo "$lock" >"$root/build/vendor.stamp"
    fi
    printf '[source.crates-io]\nreplace-with = "vendor"\n[source.vendor]\ndirectory = "/build/vendor"\n' >"$root/build/cargo/config.toml"
    stage "$built/platen"
    # Its own /proc, by which a compiler finds itself; gone with the build. Without a network: everything is there.
    unshare --mount --net --pid --fork --kill-child --mount-proc="$root/proc" \
        chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        CARGO_HOME=/build/cargo CARGO_SOURCES=/build/vendor CARGO_TARGET_DIR=/build/target CARGO_TERM_COLOR="$CARGO_TERM_COLOR" \
        sh -c "cd /build/deb/platen && exec dpkg-buildpackage --build=any --host-arch=$architecture --build-profiles=cross,nocheck --unsigned-changes --unsigned-buildinfo"
}

mkdir -p dist
rm -f dist/*_"$architecture".*
if [ "$architecture" = "$native" ]; then
    build_here
else
    build_across
fi
mv "$built"/*.deb "$built"/*.changes "$built"/*.buildinfo dist/
ls -l dist/*_"$architecture".deb

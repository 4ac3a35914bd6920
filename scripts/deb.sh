#!/usr/bin/env bash
# Builds the Debian packages into dist/, from a copy of the tree: dpkg wants debian/ at its root, and
# the checkout stays clean.
set -euo pipefail
source "$(dirname "$0")/common.sh"

need_packages build-essential debhelper device-tree-compiler dpkg-dev fakeroot

stage=$TARGET/deb/platen
rm -rf "$TARGET/deb" dist
mkdir -p "$stage" dist
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- --ignore-failed-read | tar --extract --directory="$stage"
cp -r "$stage/packaging/debian" "$stage/debian"

# The package's own target folder is kept, so that a second build compiles only what changed. The
# toolchain comes from the PATH (rustup), which dpkg's check of build dependencies does not know of.
(cd "$stage" && CARGO_TARGET_DIR=$TARGET/package dpkg-buildpackage --build=binary --unsigned-changes --unsigned-buildinfo)
mv "$TARGET"/deb/*.deb "$TARGET"/deb/*.changes "$TARGET"/deb/*.buildinfo dist/
ls -l dist/*.deb

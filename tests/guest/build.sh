#!/bin/sh
# Prints the folder of a guest of the real-kernel tests (vmlinuz, initrd.img, root.ext4, and what else its machine needs),
# and makes it first where that is to be done.
#
#   build.sh [MACHINE]
#
# MACHINE is a file of machine/; pc unless given. The guest is Debian 12 with the kernel of its backports. The PC also
# gets the two drivers that Debian leaves out, i2c-virtio and gpio-virtio, through which a test's own process is the
# guest's hardware; the Raspberry Pi has the kernel package's own device tree.
# The folder is scripts/cache.sh's, so that every clone with the same scripts uses it; nobody writes to it afterwards.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
machine=${1:-pc}
[ -f "$here/machine/$machine" ] || { echo "build.sh: there is no $here/machine/$machine" >&2; exit 2; }
key=$(cd "$here" && find . -type f ! -path './machine/*' ! -name install.sh -o -path "./machine/$machine*" \
    | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-16)

prepare_and_make() {
    if [ "$(id -u)" -ne 0 ]; then
        # The root's files belong to root, and device nodes are made on the way.
        echo "The test's guest is built as root. Run: sudo --preserve-env=PLATEN_CACHE,HOME $here/build.sh $machine" >&2
        return 1
    fi
    "$here/install.sh" && "$here/make.sh" "$@"
}

if [ "${2:-}" = --make ]; then
    prepare_and_make "$machine" "$3"
else
    exec "$here/../../scripts/cache.sh" "guest-$machine" "$key" "$0" "$machine" --make
fi

#!/bin/sh
# Builds a guest of the real-kernel tests in OUTDIR: vmlinuz, initrd.img, root.ext4, and what else its machine needs.
#
#   build.sh OUTDIR [MACHINE]
#
# MACHINE is a file of machine/; pc unless given. The guest is Debian 12 with the kernel of its backports. The PC also
# gets the two drivers that Debian leaves out, i2c-virtio and gpio-virtio, through which a test's own process is the
# guest's hardware; the Raspberry Pi has the kernel package's own device tree.
# Does nothing when OUTDIR holds the guest of these very scripts; remove OUTDIR to follow a newer kernel or package.
set -eu

[ $# -eq 1 ] || [ $# -eq 2 ] || { echo 'usage: build.sh OUTDIR [MACHINE]' >&2; exit 2; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
machine=${2:-pc}
[ -f "$here/machine/$machine" ] || { echo "build.sh: there is no $here/machine/$machine" >&2; exit 2; }
# shellcheck source=/dev/null
. "$here/machine/$machine"
mkdir -p "$1"
out=$(CDPATH='' cd -- "$1" && pwd)

# Two test runs at once must not build into the same folder.
exec 9>"$out/lock"
flock 9

wanted=$(cd "$here" && find . -type f ! -path './machine/*' -o -path "./machine/$machine*" \
    | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1)
all_there() {
    [ "$(cat "$out/stamp" 2>/dev/null)" = "$wanted" ] || return 1
    for file in $result; do
        [ -s "$out/$file" ] || return 1
    done
}
if all_there; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    # The root's files belong to root, and device nodes are made on the way.
    echo "Building the test guest needs root. Run: sudo $here/build.sh $out" >&2
    exit 1
fi
"$here/install.sh"

work=$out/work
rm -rf "$out/stamp" "$work"
mkdir -p "$work"
cp "$here/machine/$machine" "$work/machine"
# A step in the background may still be writing there.
trap 'wait; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Runs one step, its output in a log that is shown only if it fails, and prints how long it took.
step() {
    name=$1
    shift
    began=$(date +%s)
    if "$@" >"$out/$name.log" 2>&1 9>&-; then
        echo "guest: $name: $(($(date +%s) - began)) s"
    else
        echo "guest: $name failed; the end of $out/$name.log:" >&2
        tail -n 40 "$out/$name.log" >&2
        return 1
    fi
}

started=$(date +%s)
# The base is mostly processor time and the kernel is mostly download: side by side they share well.
step base "$here/base.sh" "$work" "$out/base.tar" &
base_pid=$!
step kernel "$here/kernel.sh" "$work"
if [ "$machine" = pc ]; then
    step modules "$here/modules.sh" "$work"
else
    step device-tree "$here/device-tree.sh" "$work"
fi
wait "$base_pid"
step root "$here/root.sh" "$work" "$out/base.tar"
step initrd "$here/initrd.sh" "$work"
step image "$here/image.sh" "$work"

for file in $result; do
    mv "$work/$file" "$out/"
done
cp "$work/kernel-release" "$out/kernel-release"
echo "$wanted" >"$out/stamp"
echo "guest: built with kernel $(cat "$out/kernel-release") in $(($(date +%s) - started)) s"

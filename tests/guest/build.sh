#!/bin/sh
# Builds the guest of the real-kernel tests in OUTDIR: vmlinuz, initrd.img and root.ext4.
#
#   build.sh OUTDIR
#
# The guest is Debian 12 with the kernel of its backports and with the two drivers that Debian leaves out,
# i2c-virtio and gpio-virtio, through which a test's own process is the guest's hardware.
# Does nothing when OUTDIR holds the guest of these very scripts; remove OUTDIR to follow a newer kernel or package.
set -eu

[ $# -eq 1 ] || { echo 'usage: build.sh OUTDIR' >&2; exit 2; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$1"
out=$(CDPATH='' cd -- "$1" && pwd)

# Two test runs at once must not build into the same folder.
exec 9>"$out/lock"
flock 9

wanted=$(cd "$here" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
if [ "$(cat "$out/stamp" 2>/dev/null)" = "$wanted" ] \
    && [ -s "$out/vmlinuz" ] && [ -s "$out/initrd.img" ] && [ -s "$out/root.ext4" ]; then
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
# The root is mostly processor time and the kernel is mostly download: side by side they share well.
step root "$here/root.sh" "$work" &
root_pid=$!
step kernel "$here/kernel.sh" "$work"
step modules "$here/modules.sh" "$work"
step initrd "$here/initrd.sh" "$work"
wait "$root_pid"
step image "$here/image.sh" "$work"

mv "$work/vmlinuz" "$work/initrd.img" "$work/root.ext4" "$out/"
cp "$work/kernel-release" "$out/kernel-release"
echo "$wanted" >"$out/stamp"
echo "guest: built with kernel $(cat "$out/kernel-release") in $(($(date +%s) - started)) s"

#!/bin/sh
# make.sh MACHINE OUTDIR: makes in OUTDIR what build.sh promises.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
machine=$1
out=$2
# shellcheck source=/dev/null
. "$here/machine/$machine"

work=$out/work
mkdir -p "$work"
cp "$here/machine/$machine" "$work/machine"
# A step in the background may still be writing there.
trap 'wait' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Runs one step, its output in a log that is shown only if it fails, and prints how long it took.
step() {
    name=$1
    shift
    began=$(date +%s)
    if "$@" >"$out/$name.log" 2>&1; then
        echo "guest: $machine: $name: $(($(date +%s) - began)) s"
    else
        echo "guest: $machine: $name failed; the end of its output:" >&2
        tail -n 40 "$out/$name.log" >&2
        return 1
    fi
}

# The archive of the root's packages, which other versions of the scripts that come after it share.
base() {
    key=$(cd "$here" && cat base.sh apt-sources apt-configuration binfmt.sh | sha256sum | cut -c1-16)
    "$here/../../scripts/cache.sh" "guest-base-$architecture" "$key" "$here/base.sh" "$architecture" >"$work/base"
}

started=$(date +%s)
# The base is mostly processor time and the kernel is mostly download: side by side they share well.
step base base &
base_pid=$!
step kernel "$here/kernel.sh" "$work"
if [ "$machine" = pc ]; then
    step modules "$here/modules.sh" "$work"
else
    step device-tree "$here/device-tree.sh" "$work"
fi
wait "$base_pid"
step root "$here/root.sh" "$work" "$(cat "$work/base")/base.tar"
step initrd "$here/initrd.sh" "$work"
step image "$here/image.sh" "$work"

# shellcheck disable=SC2154 # of the machine's file
for file in $result kernel-release; do
    [ -s "$work/$file" ] || { echo "guest: $machine: $file was not made" >&2; exit 1; }
    mv "$work/$file" "$out/"
done
rm -rf "$work"
echo "guest: $machine: built with kernel $(cat "$out/kernel-release") in $(($(date +%s) - started)) s"

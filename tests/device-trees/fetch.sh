#!/bin/sh
# Prints the folder of what the overlays are tried on, and fetches it first where that is to be done. In it are
#   bookworm-backports/*.dtb  the Raspberry Pi device trees of the kernel that Debian 12's users get
#   trixie-backports/*.dtb    those of a newer kernel: the first in which a Raspberry Pi 5 has its header
#   schema.json               the newer kernel's bindings of what the overlays touch, for dt-validate
#   venv                      dtschema, from PyPI: venv/bin/python venv/bin/dt-validate
# The folder is scripts/cache.sh's. Nothing is installed on this machine, and apt's state here is the folder's own.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ "${1:-}" != --make ]; then
    key=$(cat "$here"/* "$here/../guest/apt-sources" | sha256sum | cut -c1-16)
    exec "$here/../../scripts/cache.sh" device-trees "$key" "$0" --make
fi
out=$2
started=$(date +%s)
work=$out/work
mkdir "$work"

# apt_of SUITE: from here on apt-get and apt-cache speak of this suite, for arm64.
apt_of() {
    mkdir -p "$work/$1/lists/partial" "$work/$1/cache/archives/partial" "$work/$1/packages"
    unset APT_CONFIG
    "$here/../guest/apt-sources" suite "$1" >"$work/$1/suite.sources"
    # apt's sandbox user could not write here.
    cat >"$work/$1/apt.conf" <<CONF
Dir::Etc::SourceList "$work/$1/suite.sources";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$work/$1/lists";
Dir::State::Status "/dev/null";
Dir::Cache "$work/$1/cache";
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
    export APT_CONFIG="$work/$1/apt.conf"
    apt-get update --error-on=any --quiet=2
    cd "$work/$1/packages"
}

# newest NAME PREFIX: the package that Debian's name for "the newest" stands for.
newest() {
    apt-cache show --no-all-versions "$1" | sed -n "s/^Depends:.*\($2[0-9][^ ,]*\).*/\1/p" | grep . || {
        echo "fetch.sh: $1 names no $2" >&2
        return 1
    }
}

# trees SUITE: the device trees of the suite's kernel.
trees() {
    apt_of "$1"
    image=$(newest linux-image-arm64 linux-image-)
    base=linux-base-${image#linux-image-}
    # Since Linux 7 they are in a small package of their own.
    if apt-cache show "$base" >/dev/null 2>&1; then image=$base; fi
    apt-get download --quiet=2 "$image"
    mkdir "$work/$1/trees"
    dpkg-deb --fsys-tarfile "$image"_*.deb | tar --extract --directory="$work/$1/trees" --wildcards '*/broadcom/bcm27*-rpi-*.dtb' '*/broadcom/bcm28*-rpi-*.dtb'
    mkdir "$out/$1"
    find "$work/$1/trees" -type f -name '*.dtb' -exec cp {} "$out/$1/" \;
    echo "fetch.sh: device trees of $(ls "$image"_*.deb)"
}

# The bindings stand in the kernel's documentation, which is a third of its source.
bindings() {
    doc=$(newest linux-doc linux-doc-)
    apt-get download --quiet=2 "$doc"
    mkdir "$work/doc"
    dpkg-deb --fsys-tarfile "$doc"_*.deb |
        tar --extract --directory="$work/doc" --wildcards './usr/share/doc/*/Documentation/devicetree/bindings'
    find "$work/doc" -name '*.yaml.gz' -exec gunzip {} +
    cd "$work"/doc/usr/share/doc/*/Documentation/devicetree/bindings
    # All of them together take minutes to process.
    # shellcheck disable=SC2046 # one file name a line, without spaces
    "$out/venv/bin/dt-mk-schema" --json --outfile "$out/schema.json" $(cat "$here/bindings")
    echo "fetch.sh: bindings of $doc"
}

python3 -m venv "$out/venv"
"$out/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
trees bookworm-backports
trees trixie-backports
bindings
cd "$out"
rm -rf "$work"
echo "fetch.sh: $(($(date +%s) - started)) s"

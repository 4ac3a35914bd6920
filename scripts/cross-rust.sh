#!/bin/sh
# Prints the folder of a Rust that builds for another architecture of Debian, and makes it first where that is to be done.
#
#   cross-rust.sh ARCHITECTURE
#
# The machine's own Rust has a standard library for this machine only. Debian's security updates bring a newer one than
# Debian 12's own, for browsers, with standard libraries for each architecture: these packages, unpacked and not
# installed, so that they meet nothing of this machine. bin/rustc there finds its libraries by itself; cargo is this
# machine's. The folder is scripts/cache.sh's.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
[ $# -ge 1 ] || { echo 'usage: cross-rust.sh ARCHITECTURE' >&2; exit 2; }
architecture=$1
if [ "${2:-}" != --make ]; then
    key=$(cat "$0" "$here/../tests/guest/apt-sources" "$here/../tests/guest/apt-configuration" | sha256sum | cut -c1-16)
    exec "$here/cache.sh" "cross-rust-$architecture" "$key" "$0" "$architecture" --make
fi
out=$3
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
if [ "$release" != bookworm ]; then
    echo "cross-rust.sh: the cross build is proven on Debian 12 (bookworm), and this is $release" >&2
    exit 1
fi
native=$(dpkg --print-architecture)
apt=$out/apt
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
"$here/../tests/guest/apt-sources" debian >"$apt/debian.sources"
"$here/../tests/guest/apt-configuration" >"$apt/apt.conf"
# apt's sandbox user could not write here.
cat >>"$apt/apt.conf" <<CONF
Dir::Etc::SourceList "$apt/debian.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::State "$apt/state";
Dir::State::Status "/dev/null";
Dir::Cache "$apt/cache";
APT::Architecture "$native";
APT::Architectures { "$native"; "$architecture"; };
APT::Sandbox::User "root";
CONF
export APT_CONFIG="$apt/apt.conf"
apt-get update --error-on=any --quiet=2
# What the compiler itself runs with has its version in its name.
needs() {
    apt-cache show --no-all-versions "$1" | sed -n "s/^Depends:.*\\($2[0-9.]*\\).*/\\1/p" | grep . || {
        echo "cross-rust.sh: $1 names no $2" >&2
        return 1
    }
}
runtime=$(needs libstd-rust-web-dev libstd-rust-web-)
llvm=$(needs "$runtime" libllvm)
cd "$apt/packages"
apt-get download --quiet=2 rustc-web "$runtime" "$llvm" libstd-rust-web-dev "libstd-rust-web-dev:$architecture"
for package in *.deb; do
    dpkg-deb --extract "$package" "$out"
done
cd "$out"
rm -rf "$apt" "$out/usr/share"
mkdir bin
cat >bin/rustc <<'RUSTC'
#!/bin/sh
root=$(dirname "$(dirname "$(readlink -f "$0")")")
LD_LIBRARY_PATH=$root/usr/lib/$(uname -m)-linux-gnu exec "$root/usr/bin/rustc" --sysroot "$root/usr" "$@"
RUSTC
chmod 755 bin/rustc
version=$(bin/rustc --version)
echo "cross build for $architecture: $version"

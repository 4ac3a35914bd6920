#!/bin/sh
# base.sh ARCHITECTURE OUTDIR: makes OUTDIR/base.tar, a small Debian 12 with the packages of the test's guest.
# Apart from root.sh, because it takes longer and what root.sh adds changes more often.
#
# apt resolves and dpkg unpacks as programs of this machine. For another architecture an emulator runs nothing but the
# packages' own scripts: emulating dpkg as well takes ten times as long.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
architecture=$1
out=$2

# busybox-static is for the initramfs. No ca-certificates: no test uses the world's, and to arrange them takes an emulated
# processor longer than all the rest.
packages='systemd systemd-sysv udev dbus kmod busybox-static i2c-tools gpiod curl iproute2 procps'
left_out='--path-exclude=/usr/share/doc/* --path-exclude=/usr/share/man/* --path-exclude=/usr/share/locale/*'

# In namespaces of its own, so that nothing stays mounted or running when this is killed.
if [ -z "${PLATEN_BASE_ALONE:-}" ]; then
    "$here/binfmt.sh" "$architecture"
    PLATEN_BASE_ALONE=yes exec unshare --mount --pid --fork --kill-child "$0" "$@"
fi

apt=$out/apt
root=$out/root
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$root"
"$here/apt-sources" suite bookworm >"$apt/release.sources"
"$here/apt-configuration" >"$apt/apt.conf"
# apt's sandbox user could not write here.
cat >>"$apt/apt.conf" <<CONF
Dir::Etc::SourceList "$apt/release.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$apt/state";
Dir::State::Status "/dev/null";
Dir::Cache "$apt/cache";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
CONF
export APT_CONFIG="$apt/apt.conf"
apt-get update --error-on=any --quiet=2
# shellcheck disable=SC2086 # a list
apt-get install --yes --quiet=2 --download-only '?essential' '?priority(required)' $packages
archives=$apt/cache/archives

# First everything's files, so that the packages' scripts find a shell and their libraries, in whatever order they run.
for folder in bin sbin lib; do
    mkdir -p "$root/usr/$folder"
    ln -s "usr/$folder" "$root/$folder"
done
if [ "$architecture" = amd64 ]; then
    mkdir "$root/usr/lib64"
    ln -s usr/lib64 "$root/lib64"
fi
for package in "$archives"/*.deb; do
    dpkg-deb --fsys-tarfile "$package" \
        | tar --extract --preserve-permissions --keep-directory-symlink --no-overwrite-dir --directory="$root"
done
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/triggers"
: >"$root/var/lib/dpkg/status"
: >"$root/var/lib/dpkg/available"
# This dpkg is of another architecture than the guest's own, which needs no such list.
printf '%s\n' "$(dpkg --print-architecture)" "$architecture" | sort -u >"$root/var/lib/dpkg/arch"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
mount -t tmpfs tmpfs "$root/dev"
for node in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "$root/dev/${node%:*}" c 1 "${node#*:}"
done
mount -t proc proc "$root/proc"

# Dependencies are forced, because packages of all architectures count as this machine's.
install() {
    # shellcheck disable=SC2086 # a list
    DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        dpkg --root="$root" --force-depends --force-unsafe-io --force-confnew $left_out "$@"
}
# The users come before the files that belong to them.
install --install "$archives"/base-passwd_*.deb
install --unpack "$archives"/*.deb
install --configure --pending
for folder in doc man locale; do
    rm -rf "$root/usr/share/$folder"/*
done
umount "$root/proc" "$root/dev"
rm -f "$root/usr/sbin/policy-rc.d" "$root/var/lib/dpkg/arch"
# The device nodes are the kernel's affair; an archive of them would need them to be made.
tar --create --numeric-owner --xattrs --one-file-system --file "$out/base.tar" --directory "$root" .
rm -rf "$root" "$apt"

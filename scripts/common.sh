# Sourced by the other scripts. Nothing here runs by itself.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
TARGET=${CARGO_TARGET_DIR:-$PWD/target}

say() { printf '\n== %s\n' "$*"; }

# Installs Debian packages that are missing; without root, says the exact command and fails.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "missing packages; run: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        return 1
    fi
    # A third-party source of the machine that is out of reach must not stop us; what we need must be there.
    apt-get update -qq || echo "apt-get update: not every source of this machine answered" >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

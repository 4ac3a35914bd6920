#!/usr/bin/env bash
# Every test, with the time of each stage and of the slowest tests. Installs what they need. A test that does not run fails
# the run, unless PLATEN_SKIP names its part (PLATEN_SKIP=browser,kernel). docs/testing.md says what the parts are.
#
# The shipped programs are built once, as a user builds them, and every test uses those; the tests are built once. Then one
# run of nextest has all of them (.config/nextest.toml says how they share the processors). What is mostly waited for
# (downloads, an emulated installation) is made beside what computes: each stage says what it has to wait for.
set -uo pipefail
source "$(dirname "$0")/common.sh"

# What a stage prints is kept here, and the end of what a failed one printed is shown once more at the end, where
# whoever reads half an hour's output begins.
LOGS=$TARGET/test-logs
SHOWN_AGAIN=80
NEEDED_GB=12
# What would make a second build quicker takes gigabytes, and a clean clone is built once.
[ "${CI:-}" != true ] || export CARGO_INCREMENTAL=0
rm -rf "$LOGS"
mkdir -p "$LOGS"

passed=0 failed=() skipped=0
summary=()

PLATEN_SKIP=${PLATEN_SKIP:-}
# Parts of tests/tests/programs by the names of its modules. `unit` is everything else.
PARTS=(package overlays e2e network reverse-proxy crash disk browser openapi metrics kernel powercut update cp2112 raspberry-pi demo year simulation fuzz scripts)

skips() { [[ ",$PLATEN_SKIP," == *",$1,"* ]]; }

# done_with NAME STATUS SECONDS
done_with() {
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
        summary+=("$(printf '%-16s passed  %4d s' "$1" "$3")")
    else
        failed+=("$1")
        summary+=("$(printf '%-16s FAILED  %4d s' "$1" "$3")")
    fi
}

# stage NAME COMMAND...
stage() {
    local name=$1 begin=$SECONDS status=0
    shift
    if skips "$name"; then
        skipped=$((skipped + 1))
        summary+=("$(printf '%-16s skipped, because PLATEN_SKIP names it' "$name")")
        return
    fi
    say "$name"
    # Not a pipe: that would end only with the last program that a stage has left behind.
    "$@" > >(tee "$LOGS/$name.log") 2>&1 || status=$?
    done_with "$name" "$status" $((SECONDS - begin))
}

# beside NAME COMMAND...: begins a stage that is not waited for yet, in a process group of its own.
declare -A begun
beside() {
    local name=$1
    shift
    set -m
    ( begin=$SECONDS status=0
      "$@" >"$LOGS/$name.log" 2>&1 </dev/null || status=$?
      echo "$status $((SECONDS - begin))" >"$LOGS/$name.result" ) &
    begun[$name]=$!
    set +m
}

# finished NAME: waits for such a stage.
finished() {
    local status=1 seconds=0
    wait "${begun[$1]}"
    unset "begun[$1]"
    read -r status seconds <"$LOGS/$1.result"
    say "$1, meanwhile"
    tail -n 5 "$LOGS/$1.log"
    done_with "$1" "$status" "$seconds"
}

# Whoever ends this run ends what it has begun.
trap 'for group in "${begun[@]}"; do kill -TERM -- "-$group" 2>/dev/null; done' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

machine_packages() {
    need_packages build-essential pkg-config openssl curl jq \
        chromium chromium-driver libfaketime lintian debhelper device-tree-compiler dpkg-dev fakeroot python3-venv \
        cpio iproute2 nftables procps softhsm2 util-linux libedit2 libxml2 python3-aiosmtpd poppler-utils qpdf cups-ipp-utils libz3-4 gcc-aarch64-linux-gnu libc6-dev-arm64-cross &&
        need_squid && need_unstarted nginx caddy haproxy prometheus && need_swupdate && need_postgresql &&
        tests/guest/install.sh
}

# For the tests of each part, what takes minutes and is the same for every clone.
cached_things() {
    local status=0
    skips openapi || scripts/openapi/install.sh || status=1
    skips browser || { scripts/axe/install.sh >/dev/null && scripts/openid/install.sh >/dev/null; } || status=1
    skips tuf || trust/tests/interop/install.sh >/dev/null || status=1
    skips overlays || tests/device-trees/fetch.sh || status=1
    skips raspberry-pi || { scripts/cross-rust.sh arm64 && tests/guest/build.sh raspberry-pi; } || status=1
    { skips kernel && skips powercut && skips update && skips cp2112; } || tests/guest/build.sh pc || status=1
    return $status
}

# The packages that the tests install; a test that needs one waits for it.
packages() {
    local status=0
    { skips package && skips kernel && skips powercut && skips update; } || scripts/deb.sh --for-tests || status=1
    skips raspberry-pi || scripts/deb.sh --for-tests arm64 || status=1
    return $status
}

# The advisories want a database that not every machine reaches; `cargo deny check advisories` asks it.
licences() { cargo deny --log-level error check licenses bans sources; }

# A disk that fills up in the middle shows as tests and links that fail for no reason of their own. It is counted that a
# run in a clean clone leaves behind about so much.
room() {
    local gigabytes
    gigabytes=$(df --output=avail -BG "$TARGET" | tail -n 1 | tr -dc 0-9)
    echo "$gigabytes GB are free for $TARGET"
    [ "$gigabytes" -ge "$NEEDED_GB" ] || [ -d "$TARGET/debug/deps" ] ||
        { echo "about $NEEDED_GB GB are needed: make room, or set CARGO_TARGET_DIR to a larger disk" >&2; return 1; }
}

# Who names something that is not there would believe that it was left out.
known=" lints licences unit tuf tokens ${PARTS[*]} "
for name in ${PLATEN_SKIP//,/ }; do
    [[ $known == *" $name "* ]] || { echo "PLATEN_SKIP: there is no $name; there are:$known" >&2; exit 2; }
done

# What nextest is to leave out, as an expression of its own.
left_out='none()'
for part in "${PARTS[@]}"; do
    ! skips "$part" || left_out+=" | (binary(programs) & test(/^${part//-/_}::/))"
done
! skips tuf || left_out+=' | binary(interop)'
! skips tokens || left_out+=' | (binary(manager) & test(/^maker_tokens::/))'
! skips unit || left_out+=' | not (binary(programs) | binary(interop))'

build_tests() {
    tests --no-run && list_tests -E "not ($left_out)" >"$LOGS/listed.json" &&
        scripts/crates.sh keep debug "$TARGET" debug
}
run_tests() { tests -E "not ($left_out)"; }

stage room room
[ ${#failed[@]} -eq 0 ] || exit 1
beside install machine_packages
# Without a C compiler or Python nothing else can begin.
if ! command -v cc >/dev/null || ! python3 -c 'import ensurepip' 2>/dev/null; then
    wait "${begun[install]}"
fi
stage tools use_tools
stage crates scripts/crates.sh take debug "$TARGET"
stage lints scripts/check.sh lints
stage licences licences
finished install
beside cache cached_things
stage programs build_programs
stage build build_tests
finished cache
# Not before: more compilers than processors help nobody. A test that needs a package waits for it.
beside packages packages
report=$TARGET/nextest/default/junit.xml
rm -f "$report"
stage tests run_tests
finished packages

for name in "${failed[@]}"; do
    say "the end of $name, which failed"
    tail -n "$SHOWN_AGAIN" "$LOGS/$name.log"
done
say "tests"
# In the closing line each stage counts as one, and each test as well.
read -r tests_passed tests_failed tests_skipped < <(scripts/tests-summary.py "$LOGS/listed.json" "$report" 3>&1 >&2)
say "stages"
printf '%s\n' "${summary[@]}"
echo "in all $SECONDS s"
[ -z "$PLATEN_SKIP" ] || echo "SKIPPED, because PLATEN_SKIP names it: $PLATEN_SKIP"
passed=$((passed + ${tests_passed:-0}))
failures=$((${#failed[@]} + ${tests_failed:-1}))
echo "$passed passed, $failures failed, $((skipped + ${tests_skipped:-0})) skipped"
[ $failures -eq 0 ]

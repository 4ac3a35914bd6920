#!/usr/bin/env bash
# Writes agent/hot.ld anew: which functions an idle agent runs, by which the linker lays them side by side. Valgrind
# watches the agent as it is shipped (but for the simulator, behind which nothing of the kernel's is run: `always` below)
# while it is parked at a manager, reads its board and reports its utilisation.
#
# Wanted when `make bench` says that the idle agent has become too large: what was hot may have other names by then, and
# lies among what is not. The file works for each architecture and each compiler, because it has no hashes.
set -euo pipefail
source "$(dirname "$0")/common.sh"

# How long it is watched, in seconds: some samples, answers to the parked request, and reports.
watch=150
# Of the kernel's I2C and GPIO, which a simulated board does not use.
always=('*10platen_hal5linux*' '*platen_hal..linux*' '*6i2cdev*' '*8gpiocdev*')

need_packages build-essential valgrind
cargo build --locked -p platen-manager
LIBSQLITE3_FLAGS=$(<agent/sqlite.flags) cargo build --locked --profile device -p platen-agent

work=$(mktemp -d)
children=()
finish() {
    for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
    wait || true
    rm -rf "$work"
}
trap finish EXIT
manager() { "$TARGET/debug/platen-manager" --config "$work/manager.toml" "$@"; }
cat >"$work/manager.toml" <<EOF
device_listen = "127.0.0.1:0"
operator_listen = "127.0.0.1:0"
state_directory = "$work/manager"
names = ["localhost"]
EOF
head -c 18 /dev/urandom | base64 | manager operator add somebody --password-stdin 2>/dev/null
# By itself, so that its own id is what ends it.
"$TARGET/debug/platen-manager" --config "$work/manager.toml" serve 2>"$work/manager.log" &
children+=($!)
# within SECONDS WHAT COMMAND...
within() {
    local limit=$1 what=$2
    shift 2
    for ((tried = 0; tried < limit * 5; tried++)); do
        "$@" && return
        sleep 0.2
    done
    echo "hot-functions.sh: not within $limit s: $what" >&2
    tail "$work"/*.log >&2
    return 1
}
port() { sed -n 's/.*devices=Some([^)]*:\([0-9]*\)).*/\1/p' "$work/manager.log" | grep .; }
within 30 "the manager listens" port >/dev/null
cp scripts/demo/lobby.toml "$work/board.toml"
cat >"$work/agent.toml" <<EOF
device = "hot"
board = "$work/board.toml"
state_directory = "$work/state"
control_socket = "$work/control.sock"
allow_simulated = true
[uplink]
manager = "https://localhost:$(port)"
[utilisation]
interval = "30s"
EOF
agent=$TARGET/device/platen-agent
manager token create --device hot 2>/dev/null | "$agent" --config "$work/agent.toml" enroll --token-file - >/dev/null
valgrind --quiet --tool=callgrind --instr-atstart=no --demangle=no --callgrind-out-file="$work/calls" \
    "$agent" --config "$work/agent.toml" run 2>"$work/agent.log" &
watched=$!
children+=("$watched")
parked() { "$TARGET/device/platen" --socket "$work/control.sock" status --json 2>/dev/null | grep -q '"state": *"parked"'; }
within 120 "the agent is parked" parked
# The start is over, and what only the start needed has been given back.
sleep 15
callgrind_control --instr=on "$watched" >/dev/null
sleep "$watch"
callgrind_control --instr=off "$watched" >/dev/null
callgrind_control --dump "$watched" >/dev/null
within 30 "the calls are written" test -s "$work/calls.1"

{
    echo '/* What an idle agent runs, written by scripts/hot-functions.sh: laid side by side, so that little else of the'
    echo '   program is in memory. A name that is not there any more does no harm. agent/build.rs gives it to the linker. */'
    echo 'SECTIONS {'
    echo '  .text.hot : {'
    {
        printf '%s\n' "${always[@]}"
        # Without the hashes and numbers of names, which are others in each build.
        comm -12 <(sed -nE "s/^c?fn=\([0-9]+\) ([^']*).*/\1/p" "$work"/calls.* | sort -u) <(nm "$agent" | sed 's/.* //' | sort -u) |
            sed -E 's/\.llvm\.[0-9]+$//; s/\.[0-9]+$/*/; s/17h[0-9a-f]{16}E\*?$/17h*/; s/Cs[0-9A-Za-z]+_/Cs*_/g'
    } | sort -u | sed 's/.*/    *(.text.&)/'
    echo '  }'
    echo '} INSERT BEFORE .text;'
    echo '/* A panic ends the program, and nothing unwinds it: no tables for that. Debuggers have .debug_frame. */'
    echo 'SECTIONS {'
    echo '  /DISCARD/ : { *(.eh_frame) *(.eh_frame_hdr) *(.gcc_except_table .gcc_except_table.*) }'
    echo '} INSERT AFTER .text;'
} >agent/hot.ld
echo "agent/hot.ld: $(grep -c '\*(.text\.' agent/hot.ld) names"

#!/usr/bin/env bash
# Records the three traces of this folder anew, with the real agent and the real tool, from a simulated
# printer. It takes two minutes. README.md says what is in them.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${CARGO_TARGET_DIR:-target}/debug
traces=tests/traces
# The fuser is up in some 15 s.
warm_up=20

cargo build --locked --quiet -p platen-agent
work=$(mktemp -d)
children=()
finish() {
    for child in "${children[@]}"; do kill -TERM "$child" 2>/dev/null || true; done
    wait || true
    rm -rf "$work"
}
trap finish EXIT

# The recorded text names no file of this machine: only the board file is in it.
cp scripts/demo/lobby.toml "$work/board.toml"
cat >"$work/agent.toml" <<EOF
device = "lobby"
board = "$work/board.toml"
state_directory = "$work/state"
control_socket = "$work/control.sock"
allow_simulated = true
[uplink]
manager = "https://localhost:1"
[sample]
interval = "1s"
EOF

platen() { "$bin/platen" --socket "$work/control.sock" "$@"; }

# A printer just switched on, and warm.
begin() {
    "$bin/platen-agent" --config "$work/agent.toml" run 2>"$work/agent.log" &
    children=($!)
    sleep "$warm_up"
}

# record NAME SECONDS: in the background.
record() {
    rm -f "$traces/$1.jsonl"
    platen record "$traces/$1.jsonl" --for "$2s" &
    recording=$!
    sleep 2
}

end() {
    wait "$recording"
    kill -TERM "${children[0]}"
    wait "${children[0]}"
    children=()
}

begin
platen sim set black 12
platen sim coverage 100
record ordinary 23
platen sim print 15 --per-minute 60
sleep 16
platen sim switch sleep on
sleep 2
platen sim switch sleep off
end

begin
platen sim set cyan 34
platen sim set magenta 50
record cartridges 18
platen sim replace cyan
sleep 7
platen sim reseat magenta
end

begin
record bus 18
platen sim fault cartridges times-out
sleep 4
platen sim fault cartridges none
sleep 3
platen sim fault cartridges stuck-data
sleep 2
platen sim fault fuser-heat open-circuit
sleep 4
platen sim fault fuser-heat none
end

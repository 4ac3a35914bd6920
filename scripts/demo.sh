#!/usr/bin/env bash
# A service centre and three simulated printers on this machine, everything below ./demo/.
# Ends on Ctrl-C, or after PLATEN_DEMO_SECONDS.
set -euo pipefail
source "$(dirname "$0")/common.sh"

port=${PLATEN_DEMO_PORT:-8440}
device_port=$((port + 1))
operator=demo
devices=(lobby studio warehouse)
# A cold start of everything on a slow machine; usually it takes a second or two.
ready_limit=60

say "building"
cargo build --locked --quiet "${PROGRAMS[@]}"
manager() { "$TARGET/debug/platen-manager" --config demo/manager.toml "$@"; }
platen() { "$TARGET/debug/platen" --socket "demo/$1/control.sock" "${@:2}"; }

if [ -e demo/pids ] && xargs -a demo/pids -r kill -0 2>/dev/null; then
    echo "a demo is running here already; end it first" >&2
    exit 1
fi
rm -rf demo
mkdir -m 0700 demo

children=()
finish() {
    trap - EXIT INT TERM
    rm -f demo/ready demo/pids
    for child in "${children[@]}"; do kill -TERM "$child" 2>/dev/null || true; done
    wait || true
    echo "the demo has ended"
}
trap finish EXIT
trap 'exit 0' INT TERM

# background LOG COMMAND...
background() {
    "${@:2}" >"$1" 2>&1 &
    children+=($!)
    echo $! >>demo/pids
}

# fail_with LOG WHAT
fail_with() {
    echo "$2; the end of $1:" >&2
    tail -n 20 "$1" >&2
    exit 1
}

cat >demo/manager.toml <<EOF
device_listen = "127.0.0.1:$device_port"
operator_listen = "127.0.0.1:$port"
state_directory = "demo/manager"
names = ["localhost", "127.0.0.1"]
device_url = "https://localhost:$device_port"
EOF
password=$(head -c 9 /dev/urandom | base64 | tr '+/' 'xy')
# What these say is for an administrator; here it is heard only when something fails.
printf '%s\n' "$password" | manager operator add "$operator" --password-stdin 2>demo/operator.log ||
    fail_with demo/operator.log "the operator cannot be added"
(umask 077 && manager operator token "$operator" >demo/operator.token 2>demo/operator.log) ||
    fail_with demo/operator.log "the operator's token cannot be created"
background demo/manager.log "$TARGET/debug/platen-manager" --config demo/manager.toml serve

for device in "${devices[@]}"; do
    mkdir "demo/$device"
    cp "scripts/demo/$device.toml" "demo/$device/board.toml"
    cat >"demo/$device/agent.toml" <<EOF
device = "$device"
board = "demo/$device/board.toml"
state_directory = "demo/$device/state"
control_socket = "demo/$device/control.sock"
allow_simulated = true
[uplink]
manager = "https://localhost:$device_port"
[sample]
interval = "500ms"
EOF
done

enroll() {
    manager token create --device "$1" | "$TARGET/debug/platen-agent" --config "demo/$1/agent.toml" enroll --token-file -
}

for device in "${devices[@]}"; do
    # The manager may need a moment to open its listener.
    begin=$SECONDS
    until enroll "$device" >"demo/$device/enroll.log" 2>&1; do
        [ $((SECONDS - begin)) -lt $ready_limit ] || fail_with "demo/$device/enroll.log" "$device cannot be enrolled"
        sleep 0.2
    done
    background "demo/$device/agent.log" "$TARGET/debug/platen-agent" --config "demo/$device/agent.toml" run
done

begin=$SECONDS
for device in "${devices[@]}"; do
    until platen "$device" status --json 2>/dev/null | grep -Eq '"state": ?"parked"'; do
        [ $((SECONDS - begin)) -lt $ready_limit ] || fail_with "demo/$device/agent.log" "$device did not reach the manager"
        sleep 0.1
    done
done

# Something to see: one printer is well, one is low on a colour, one wants a person.
platen studio sim set magenta 7 >/dev/null
platen warehouse sim open cover >/dev/null
cp demo/manager/ca.pem demo/ca.pem
touch demo/ready

cat <<EOF

The dashboard:   https://localhost:$port/
  operator       $operator
  password       $password
  (its certificate comes from demo/ca.pem; a browser warns until it trusts that)

Try, with the page open:
  $TARGET/debug/platen --socket demo/lobby/control.sock sim set black 4
  $TARGET/debug/platen --socket demo/lobby/control.sock sim press service
  $TARGET/debug/platen --socket demo/warehouse/control.sock sim close cover
  $TARGET/debug/platen --socket demo/lobby/control.sock status

The API:         curl --cacert demo/ca.pem -H "Authorization: Bearer \$(cat demo/operator.token)" https://localhost:$port/api/v1/devices

Ctrl-C ends it.
EOF

if [ -n "${PLATEN_DEMO_SECONDS:-}" ]; then
    sleep "$PLATEN_DEMO_SECONDS" &
    children+=($!)
    wait $! || true
else
    # Ends early only when one of the programs does.
    wait -n "${children[@]}" || true
    echo "one of the demo's programs has ended; see demo/*.log" >&2
    exit 1
fi

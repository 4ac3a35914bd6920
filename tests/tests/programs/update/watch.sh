#!/bin/bash
# watch.sh LOG [STEP MILLISECONDS]: writes into LOG when an update of the agent comes to which step, by the guest's own clock;
# with STEP the power is cut so long after that one was reached, or a later one was that came too soon to be seen.
#
# It begins no program while it looks, or an emulated processor would do little else.
records=/var/lib/platen-install spool=/var/lib/platen-agent/programs
exec 9<> <(:)
pause() { read -r -t 0.01 -u 9; }

# How far a step is.
far() {
    case $1 in
    fetching) far=1 ;;
    ready) far=2 ;;
    staged) far=3 ;;
    verified) far=4 ;;
    installing) far=5 ;;
    installed) far=6 ;;
    confirming) far=7 ;;
    committing) far=8 ;;
    kept) far=9 ;;
    going-back) far=10 ;;
    rolled-back) far=11 ;;
    ended | failed | refused) far=12 ;;
    *) far=0 ;;
    esac
}

begun=
look() {
    local text=
    now=
    if { IFS= read -r -d '' text <"$records/attempt.json"; } 2>/dev/null || [ -n "$text" ]; then
        [[ $text =~ \"step\":\ *\"([a-z-]+)\" ]] && now=${BASH_REMATCH[1]} begun=yes
    elif [ -d "$spool/ready" ]; then
        now=ready begun=yes
    elif [ -d "$spool/fetching" ]; then
        now=fetching begun=yes
    elif [ -n "$begun" ]; then
        now=ended
    fi
}

log=$1 wanted=${2:-} after=${3:-0} last=
far "$wanted"
wanted_far=$far
while :; do
    look
    if [ "$now" != "$last" ]; then
        echo "$EPOCHREALTIME $now" >>"$log"
        last=$now
    fi
    far "$now"
    if [ -n "$wanted" ] && [ "$far" -ge "$wanted_far" ]; then
        [ "$after" = 0 ] || sleep "$(printf '%d.%03d' $((after / 1000)) $((after % 1000)))"
        look
        # The kernel's own messages are on the console before anything else happens.
        echo "<1>the power is cut at ${now:-none}" >/dev/kmsg
        echo b >/proc/sysrq-trigger
    fi
    [ "$now" != ended ] || exit 0
    pause
done

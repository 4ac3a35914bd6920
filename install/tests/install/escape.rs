//! Installers that do not do as they should. None outlives its step.

use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::Pid;
use platen_install::records::Outcome;
use platen_install::state::InstallerStep;

use crate::machine::Machine;

/// Time enough for a script to say that it is there, and short enough to wait for.
fn short(_: InstallerStep) -> Duration {
    Duration::from_secs(2)
}

/// Whether a process is there; one that has ended and was not reaped counts.
fn is_there(pid: &str) -> bool {
    kill(Pid::from_raw(pid.trim().parse().unwrap()), None).is_ok()
}

#[test]
fn one_that_hangs_is_ended_with_all_that_it_began() {
    let machine = Machine { limit: short, ..Machine::new() };
    let pids = machine.folder.path().join("pids");
    machine.installer(&format!("sleep 1000 & echo $! >>'{0}'; echo $$ >>'{0}'; wait", pids.display()));
    machine.offer_firmware("7");
    machine.run();
    let ended = machine.ended();
    assert_eq!(ended.outcome, Outcome::Refused);
    assert_eq!(ended.reason, "the installer engine-firmware, at check, was ended: it took more than 2 s");
    let pids = std::fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    assert!(!pids.lines().any(is_there), "{pids}");
}

#[test]
fn one_that_does_not_listen_is_killed() {
    let machine = Machine { limit: short, ..Machine::new() };
    let pids = machine.folder.path().join("pids");
    machine.installer(&format!(
        "trap 'echo heard' TERM; echo $$ >'{}'; while :; do sleep 1; done",
        pids.display()
    ));
    machine.offer_firmware("7");
    machine.run();
    assert!(machine.ended().output.unwrap().contains("heard"), "it was told first");
    assert!(!is_there(&std::fs::read_to_string(pids).unwrap()));
}

#[test]
fn one_that_leaves_its_group_and_session_is_found() {
    let machine = Machine::new();
    let pids = machine.folder.path().join("pids");
    let daemon = "setsid sh -c 'setsid sleep 1000 & echo $!; echo $$; exec sleep 1000' & ";
    machine.installer(&format!(
        "({daemon}) >>'{0}' 2>/dev/null; while [ $(wc -l <'{0}') -lt 2 ]; do sleep 0.05; done; exit 10",
        pids.display()
    ));
    machine.offer_firmware("7");
    machine.run();
    let pids = std::fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2, "{pids}");
    assert!(!pids.lines().any(is_there), "{pids}");
    assert_eq!(machine.ended().outcome, Outcome::Refused);
}

#[test]
fn one_that_writes_without_end_fills_nothing() {
    let machine = Machine::new();
    machine.installer("echo begin; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end; exit 1");
    machine.offer_firmware("7");
    machine.run();
    let output = machine.ended().output.unwrap();
    assert!(output.len() < 9000, "{}", output.len());
    assert!(output.starts_with("begin\nxxx") && output.ends_with("xxx\nend"), "{output}");
    assert!(output.contains("[2991819 bytes are left out here]"), "{output}");
}

#[test]
fn one_that_dies_says_of_what() {
    let machine = Machine::new();
    machine.installer("kill -SEGV $$");
    machine.offer_firmware("7");
    machine.run();
    assert!(machine.ended().reason.contains("died of signal 11"), "{}", machine.ended().reason);
}

#[test]
fn when_the_installing_program_dies_its_installer_does_too() {
    let machine = Machine::new();
    let pids = machine.folder.path().join("pids");
    machine.installer(&format!("sleep 1000 & echo $! >>'{0}'; echo $$ >>'{0}'; wait", pids.display()));
    machine.offer_firmware("7");
    let mut running = machine.command().spawn().unwrap();
    let told = || std::fs::read_to_string(&pids).unwrap_or_default();
    until(|| told().lines().count() == 2);
    running.kill().unwrap();
    running.wait().unwrap();
    until(|| !told().lines().any(is_there));
}

/// Waits for what comes by itself.
pub(crate) fn until(happened: impl Fn() -> bool) {
    while !happened() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

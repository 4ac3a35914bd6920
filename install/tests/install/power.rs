//! Power cuts: the program is killed wherever it is, and started again. What is simulated of the disk is that what was
//! written stays written; `durable.rs` forces it.

use std::process::Stdio;

use platen_install::records::Outcome;

use crate::escape::until;
use crate::machine::Machine;

/// Kills the program as soon as the script has logged a step, then starts it until it ends.
fn cut_at(step: &str) -> Machine {
    let machine = Machine::new();
    let (confirming, mark) = (machine.confirming("7"), machine.folder.path().join("cut"));
    // The first time it hangs at that step, until it is killed.
    machine.installer(&format!(
        "{confirming}\nif [ $1 = {step} ] && ! [ -e '{0}' ]; then touch '{0}'; sleep 1000; fi",
        mark.display()
    ));
    machine.offer_firmware("7");
    let mut running = machine.command().stderr(Stdio::null()).spawn().unwrap();
    until(|| mark.exists());
    running.kill().unwrap();
    running.wait().unwrap();
    machine
}

#[test]
fn power_that_is_cut_at_any_step_of_the_installer_costs_that_step_once_more() {
    for (step, outcome) in [
        ("check", Outcome::Kept),
        ("install", Outcome::Kept),
        ("verify", Outcome::Kept),
        ("commit", Outcome::Kept),
    ] {
        let machine = cut_at(step);
        assert!(machine.attempt().is_some(), "{step}");
        machine.run();
        assert_eq!(machine.ended().outcome, outcome, "{step}");
        let steps = machine.steps();
        let runs: Vec<_> = steps.iter().filter(|line| line.starts_with(step)).collect();
        assert_eq!(runs, [&format!("{step} 1"), &format!("{step} 2")], "{steps:?}");
        assert!(!steps.iter().any(|line| line.starts_with("rollback")), "{steps:?}");
    }
}

#[test]
fn power_that_is_cut_again_and_again_while_it_installs_ends_with_going_back() {
    let machine = Machine::new();
    machine.installer("[ $1 != install ] || sleep 1000");
    machine.offer_firmware("7");
    for cut in 1..=3 {
        let mut running = machine.command().stderr(Stdio::null()).spawn().unwrap();
        let line = format!("install {cut}");
        until(|| machine.steps().contains(&line));
        running.kill().unwrap();
        running.wait().unwrap();
    }
    machine.run();
    assert_eq!(machine.steps().last().unwrap(), "rollback 1");
    let ended = machine.ended();
    assert_eq!((ended.outcome, ended.reason.as_str()), (Outcome::RolledBack, "it was interrupted too often"));
}

#[test]
fn a_second_one_does_nothing_while_the_first_is_at_work() {
    let machine = Machine::new();
    machine.installer("sleep 1000");
    machine.offer_firmware("7");
    let mut first = machine.command().stderr(Stdio::null()).spawn().unwrap();
    until(|| machine.steps() == ["check 1"]);
    let second = machine.command().output().unwrap();
    assert_eq!(second.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another platen-install is at work"));
    assert_eq!(machine.steps(), ["check 1"]);
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn one_that_is_told_to_end_finishes_its_step_and_goes_on_at_the_next_start() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    let machine = Machine::new();
    let go = machine.folder.path().join("go");
    let wait = format!("[ $1 != install ] || while ! [ -e '{}' ]; do sleep 0.05; done", go.display());
    machine.installer(&format!("{}\n{wait}", machine.confirming("7")));
    machine.offer_firmware("7");
    let mut running = machine.command().stderr(Stdio::null()).spawn().unwrap();
    until(|| machine.steps().len() == 2);
    kill(Pid::from_raw(i32::try_from(running.id()).unwrap()), Signal::SIGTERM).unwrap();
    std::fs::write(&go, "").unwrap();
    assert!(running.wait().unwrap().success());
    assert_eq!(machine.steps(), ["check 1", "install 1"]);
    machine.run();
    assert_eq!(machine.steps(), ["check 1", "install 1", "verify 2", "commit 1"]);
    assert_eq!(machine.ended().outcome, Outcome::Kept);
}

#[test]
fn what_is_ready_again_after_a_cut_before_it_was_removed_is_not_installed_twice() {
    let machine = cut_at("check");
    machine.offer_firmware("7");
    machine.run();
    assert_eq!(machine.history().len(), 1);
    assert_eq!(machine.steps().iter().filter(|line| line.starts_with("install")).count(), 1);
    assert!(!machine.directories.spool.join("ready").exists());
}

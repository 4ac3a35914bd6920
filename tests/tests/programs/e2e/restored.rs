//! The manager's machine burns down and last night's backup is brought back on another one, by real programs.

use platen_tests::rigs::agent::process::Device;
use platen_tests::rigs::api::Operator;
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::process::{run_ok, until};
use serde_json::{Value, json};

fn command(operator: &Operator, id: &str) -> Value {
    let commands = operator.json("/api/v1/devices/lobby/commands");
    let mut all = commands["items"].as_array().unwrap().iter();
    all.find(|command| command["id"] == id).cloned().unwrap_or_default()
}

#[test]
fn devices_that_the_backup_does_not_know_wait_and_are_let_in_and_no_command_is_carried_out_twice() {
    let mut manager = Manager::start();
    let operator = manager.operator();
    let mut lobby = Device::enrolled("lobby", &manager);
    lobby.call_service("before the backup");
    lobby.until_parked();
    assert!(lobby.stop());
    let given = operator.post("/api/v1/devices/lobby/commands", &json!({"action": {"kind": "read_now"}}));
    let id = given.body["id"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("last-night.tar").display().to_string();
    run_ok(manager.command().args(["backup", &backup]), "");

    // The day after.
    lobby.start();
    until("the command is carried out", || (command(&operator, &id)["state"] == "done").then_some(()));
    lobby.call_service("after the backup");
    let cellar = Device::enrolled("cellar", &manager);
    cellar.until_parked();
    assert!(manager.stop());
    std::fs::remove_dir_all(manager.state()).unwrap();
    run_ok(manager.command().args(["restore", &backup]), "");
    manager.resume();

    // What the backup knows goes on by itself.
    until("the outcome is told once more", || (command(&operator, &id)["state"] == "done").then_some(()));
    let log = lobby.log();
    assert!(log.contains("its outcome is told once more"), "it is not carried out again: {log}");
    let device = operator.device("lobby");
    let reasons: Vec<&Value> = device["gaps"].as_array().unwrap().iter().map(|gap| &gap["reason"]).collect();
    assert_eq!(reasons, ["restored"], "{device}");
    let calls = operator.json("/api/v1/service-calls");
    assert_eq!(calls["items"][0]["message"], "before the backup", "{calls}");

    // What it does not know waits.
    let told = cellar.trouble("remedy", "restored from a backup");
    assert_eq!(told["sort"], "refused");
    let waiting = run_ok(manager.command().args(["restored", "list"]), "");
    assert!(waiting.contains("cellar") && waiting.contains("not known here"), "{waiting}");
    run_ok(manager.command().args(["restored", "let-in", "cellar"]), "");
    cellar.until_parked();
    cellar.call_service("it is back");
    until("its call is there", || {
        let calls = operator.json("/api/v1/service-calls?device=cellar");
        (calls["items"][0]["message"] == "it is back").then_some(())
    });
    run_ok(manager.command().args(["restored", "end"]), "");
    run_ok(manager.command().args(["check"]), "");
}

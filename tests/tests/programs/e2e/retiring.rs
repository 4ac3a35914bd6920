//! A device is taken out of service at the manager's command line, is told, removes its key, and is deleted for good.

use std::fs;

use platen_tests::rigs::agent::process::Device;
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::process::{run_ok, until};
use serde_json::Value;

fn administer(manager: &Manager, arguments: &[&str]) -> String {
    run_ok(manager.command().arg("device").args(arguments), "")
}

#[test]
fn a_device_that_is_retired_at_the_command_line_removes_its_key_and_is_deleted_for_good() {
    let manager = Manager::start();
    let operator = manager.operator();
    let mut device = Device::enrolled("lobby", &manager);
    device.start();
    device.until_parked();
    device.call_service("ask for Mrs Miller");
    until("the call has arrived", || {
        (!operator.device("lobby")["service_calls"].as_array().unwrap().is_empty()).then_some(())
    });
    administer(
        &manager,
        &["set", "lobby", "--place", "2nd floor", "--time-zone", "Europe/Berlin", "--tag", "vip"],
    );
    let shown = administer(&manager, &["show", "lobby"]);
    for word in ["2nd floor", "Europe/Berlin", "vip"] {
        assert!(shown.contains(word), "{shown}");
    }
    let refused =
        manager.command().args(["device", "delete", "lobby", "--confirm", "lobby"]).output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("retire it first"));

    let (chain, _) = device.identity();
    administer(&manager, &["retire", "lobby"]);
    until("the key is removed", || (!device.file("state/identity.json").exists()).then_some(()));
    let status = until("the person at the device is told", || {
        let status = device.status();
        (status["contact"]["state"] == "not-enrolled" && status["retired"].is_object()).then_some(status)
    });
    assert!(status["retired"]["by"].as_str().unwrap().contains("(command line)"), "{status}");
    let shown = device.platen(&["status"]);
    assert!(shown.contains("not under service"), "{shown}");
    until("the manager knows", || {
        (operator.device("lobby")["details"]["retired"]["state"] == "done").then_some(())
    });
    device.stop();
    for entry in fs::read_dir(device.file("state")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap_or_default();
        let key = b"PRIVATE KEY";
        assert!(!bytes.windows(key.len()).any(|some| some == key), "no key is left");
    }

    administer(&manager, &["delete", "lobby", "--confirm", "lobby"]);
    let list = administer(&manager, &["list", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&list).unwrap(), Value::Array(Vec::new()));
    let calls = operator.json("/api/v1/service-calls");
    assert_eq!(calls["items"], Value::Array(Vec::new()), "nothing is known of persons there");
    assert!(chain.contains("CERTIFICATE"));
}

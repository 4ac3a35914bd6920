//! One reading the whole way up, one command the whole way down: agent and manager as processes, over
//! real TLS and SQLite.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use platen_tests::rigs::agent::process::{BOARD, Device, Setup};
use platen_tests::rigs::api::Operator;
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::process::{Running, until};
use serde_json::{Value, json};

fn supply(device: &Value, name: &str) -> Value {
    let supplies = device["supplies"].as_array().unwrap();
    supplies.iter().find(|supply| supply["name"] == name).cloned().unwrap_or(Value::Null)
}

fn open_alert(operator: &Operator, device: &str, code: &str) -> Option<Value> {
    let device = operator.device(device);
    device["alerts"].as_array()?.iter().find(|alert| alert["code"] == code).cloned()
}

#[test]
fn a_printer_enrols_and_its_toner_reaches_the_api() {
    let manager = Manager::start();
    let operator = manager.operator();
    let device = Device::enrolled("lobby", &manager);
    device.platen(&["sim", "set", "cyan", "42"]);
    let cyan = until("the level reaches the API", || {
        let cyan = supply(&operator.device("lobby"), "cyan");
        (cyan["level"]["amount"] == 1260).then_some(cyan)
    });
    assert_eq!(cyan["unit"], "tenthsOfGrams");
    assert_eq!(cyan["colorant"], "cyan");
    let shown = operator.device("lobby");
    assert_eq!(shown["simulated"], true, "a simulated printer must look it: {shown}");
    assert_eq!(shown["contact"]["state"], "parked");
}

#[test]
fn toner_at_its_set_value_is_an_alert_with_the_cartridge() {
    let manager = Manager::start();
    let operator = manager.operator();
    let device = Device::enrolled("lobby", &manager);
    device.platen(&["sim", "set", "black", "10"]);
    let alert = until("the alert is open", || open_alert(&operator, "lobby", "markerTonerAlmostEmpty"));
    assert_eq!(alert["severity"], "warning");
    assert_eq!(alert["group"], "markerSupplies");
    assert_eq!(alert["supply"]["serial"], "SIM-BLACK");
    device.platen(&["sim", "set", "black", "100"]);
    until("the alert is cleared", || {
        open_alert(&operator, "lobby", "markerTonerAlmostEmpty").is_none().then_some(())
    });
}

#[test]
fn a_cartridge_that_cannot_be_read_is_unknown_with_its_cause_and_never_a_number() {
    let manager = Manager::start();
    let operator = manager.operator();
    let device = Device::enrolled("lobby", &manager);
    for (fault, reason) in
        [("corrupt", "damaged"), ("absurd-capacity", "implausible"), ("used-above-capacity", "implausible")]
    {
        // Twice: a broken engine writes both copies of the record.
        device.platen(&["sim", "fault", "magenta", fault]);
        device.platen(&["sim", "fault", "magenta", fault]);
        let level = until("the level is unknown", || {
            let level = supply(&operator.device("lobby"), "magenta")["level"].clone();
            (level["cause"]["reason"] == reason).then_some(level)
        });
        assert_eq!(level["state"], "unknown");
        assert_eq!(level["amount"], Value::Null, "{fault}");
        device.platen(&["sim", "fault", "magenta", "none"]);
        until("the level is back", || {
            (supply(&operator.device("lobby"), "magenta")["level"]["state"] == "known").then_some(())
        });
    }
    device.platen(&["sim", "fault", "magenta", "absent"]);
    until("the missing cartridge is an alert", || open_alert(&operator, "lobby", "subunitMissing"));
    device.platen(&["sim", "fault", "magenta", "none"]);
    until("it is cleared when the cartridge is back", || {
        open_alert(&operator, "lobby", "subunitMissing").is_none().then_some(())
    });
}

#[test]
fn a_service_call_reaches_the_operator_by_button_and_by_command() {
    let manager = Manager::start();
    let operator = manager.operator();
    let device = Device::enrolled("lobby", &manager);
    device.platen(&["sim", "press", "service"]);
    device.platen(&["call-service", "streaks on every page"]);
    let calls = until("both calls arrive", || {
        let calls = operator.json("/api/v1/service-calls")["items"].as_array()?.clone();
        (calls.len() >= 2).then_some(calls)
    });
    assert_eq!(calls.len(), 2, "one press is one call: {calls:?}");
    assert!(calls.iter().any(|call| call["entered_by"] == "button" && call["message"].is_null()));
    assert!(calls.iter().any(|call| call["message"] == "streaks on every page"));
}

#[test]
fn the_cover_is_seen_to_open_and_to_close() {
    let manager = Manager::start();
    let operator = manager.operator();
    let device = Device::enrolled("lobby", &manager);
    device.platen(&["sim", "open", "cover"]);
    let alert = until("the cover is open", || open_alert(&operator, "lobby", "coverOpen"));
    assert_eq!(alert["group"], "cover");
    device.platen(&["sim", "close", "cover"]);
    until("the cover is closed", || open_alert(&operator, "lobby", "coverOpen").is_none().then_some(()));
}

#[test]
fn read_now_is_carried_out_and_answered_by_an_outcome() {
    let manager = Manager::start();
    let operator = manager.operator();
    let _device = Device::enrolled("lobby", &manager);
    let sent = operator.post("/api/v1/devices/lobby/commands", &json!({"action": {"kind": "read_now"}}));
    assert_eq!(sent.status, 202, "{sent:?}");
    let id = sent.body["id"].as_str().unwrap().to_owned();
    until("the command is done", || {
        let commands = operator.json("/api/v1/devices/lobby/commands");
        let commands = commands["items"].as_array()?.clone();
        commands
            .iter()
            .any(|command| command["id"] == id.as_str() && command["state"] == "done")
            .then_some(())
    });
    let reports = operator.json("/api/v1/reports?device=lobby&limit=100");
    let by_command = |report: &&Value| report["body"]["cause"] == "command";
    assert_eq!(reports["items"].as_array().unwrap().iter().filter(by_command).count(), 1);
}

#[test]
fn calls_and_alerts_while_a_command_runs_arrive_before_the_command_ends() {
    let manager = Manager::start();
    let operator = manager.operator();
    let slow = "name = \"cartridges\"\ndeadline-ms = 10000";
    let board = BOARD.replacen("name = \"cartridges\"", slow, 1);
    let setup = Setup { board: &board, ..Setup::default() };
    let device = Device::enrolled_by("lobby", &manager, &manager.device_url(), setup);
    device.platen(&["sim", "fault", "cartridges", "hangs"]);
    let sent = operator.post("/api/v1/devices/lobby/commands", &json!({"action": {"kind": "read_now"}}));
    let id = sent.body["id"].as_str().unwrap().to_owned();
    let state = || {
        let commands = operator.json("/api/v1/devices/lobby/commands");
        let mut all = commands["items"].as_array()?.iter();
        Some(all.find(|command| command["id"] == id.as_str())?["state"].clone())
    };
    until("the device has the command", || (state()? == "delivered").then_some(()));
    device.call_service("the bus hangs");
    until("the call is at the manager", || {
        let calls = operator.json("/api/v1/service-calls");
        (!calls["items"].as_array()?.is_empty()).then_some(())
    });
    device.platen(&["sim", "open", "cover"]);
    until("the alert is at the manager", || open_alert(&operator, "lobby", "coverOpen"));
    assert_eq!(
        state().unwrap(),
        "delivered",
        "the command ended first, or what came meanwhile waited for it"
    );
    device.platen(&["sim", "fault", "cartridges", "none"]);
    until("the command is done", || (state()? == "done").then_some(()));
}

#[test]
fn events_are_streamed_as_they_are_committed() {
    let manager = Manager::start();
    let operator = manager.operator();
    let device = Device::enrolled("lobby", &manager);
    let mut events = operator.events();
    device.platen(&["sim", "open", "cover"]);
    let raised = events.find(|event| event["kind"] == "alert_raised").unwrap();
    assert_eq!(raised["device"], "lobby");
}

#[test]
fn what_happens_while_the_manager_is_down_arrives_afterwards_once_and_in_order() {
    let mut manager = Manager::start();
    let operator = manager.operator();
    let device = Device::enrolled("lobby", &manager);
    manager.kill();
    device.platen(&["sim", "press", "service"]);
    device.platen(&["sim", "open", "cover"]);
    device.platen(&["sim", "close", "cover"]);
    until("the outbox keeps them", || (device.status()["backlog"].as_u64()? >= 3).then_some(()));
    manager.resume();
    device.until_parked();
    let calls = operator.json("/api/v1/service-calls");
    assert_eq!(calls["items"].as_array().unwrap().len(), 1);
    let reports = operator.json("/api/v1/reports?device=lobby&limit=200");
    let sequence = |report: &Value| report["sequence"].as_u64().unwrap();
    let mut sequences: Vec<u64> = reports["items"].as_array().unwrap().iter().map(sequence).collect();
    sequences.sort_unstable();
    let expected: Vec<u64> = (1..=u64::try_from(sequences.len()).unwrap()).collect();
    assert_eq!(sequences, expected, "every sequence once");
    // The cover was closed within the debounce of its opening, so its alert is cleared a moment later.
    until("the cover is closed", || open_alert(&operator, "lobby", "coverOpen").is_none().then_some(()));
}

#[test]
fn an_agent_that_is_killed_goes_on_where_it_was() {
    let manager = Manager::start();
    let operator = manager.operator();
    let mut device = Device::enrolled("lobby", &manager);
    device.platen(&["sim", "fault", "black", "absent"]);
    until("the alert is open", || open_alert(&operator, "lobby", "subunitMissing"));
    device.kill();
    device.start();
    // Its simulated printer begins anew, with a cartridge that answers: the alert of before is cleared.
    until("the alert of before the kill is cleared", || {
        open_alert(&operator, "lobby", "subunitMissing").is_none().then_some(())
    });
    device.until_parked();
    assert!(device.stop(), "a clean stop is a success: {}", device.log());
}

#[test]
fn an_enrolment_whose_reader_goes_away_is_done_and_says_nothing_worse() {
    let manager = Manager::start();
    for full in [true, false] {
        let output: Stdio = if full {
            std::fs::File::options().write(true).open("/dev/full").unwrap().into()
        } else {
            // Nobody reads at the other end.
            std::io::pipe().unwrap().1.into()
        };
        let device = Device::new("lobby", &manager.device_url());
        std::fs::write(device.file("token"), manager.token(&["--device", "lobby"])).unwrap();
        let mut command = device.agent();
        command.args(["enroll", "--token-file"]).arg(device.file("token"));
        let ended = command.stdout(output).stderr(Stdio::piped()).output().unwrap();
        let words = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success() && !words.contains("panicked"), "{words}");
        assert!(device.file("state/identity.json").exists());
    }
}

#[test]
fn an_agent_whose_first_starts_and_enrolments_are_killed_comes_up_whole_in_the_end() {
    let manager = Manager::start();
    let mut device = Device::new("lobby", &manager.device_url());
    let identity = device.file("state/identity.json");
    for round in 0..50_u64 {
        // Without the identity, and with the outbox of the last round or without one.
        drop(std::fs::remove_file(&identity));
        if round % 2 == 0 {
            drop(std::fs::remove_dir_all(device.file("state")));
        }
        std::fs::write(device.file("token"), manager.token(&["--device", "lobby"])).unwrap();
        device.start();
        let mut command = device.agent();
        command.args(["enroll", "--token-file"]).arg(device.file("token"));
        let mut enrol = Running::start(&mut command, &device.file("enrol.log"));
        std::thread::sleep(Duration::from_millis(round * 2));
        enrol.kill();
        device.kill();
        if let Ok(kept) = std::fs::read(&identity) {
            // Whole, or not there.
            let kept: Value = serde_json::from_slice(&kept).unwrap();
            assert_eq!(kept["device"], "lobby");
        }
    }
    drop(std::fs::remove_file(&identity));
    device.enroll(&manager.token(&["--device", "lobby"]));
    device.start();
    device.until_parked();
    let left: Vec<_> =
        std::fs::read_dir(device.file("state")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".new")), "{left:?}");
}

#[test]
fn keys_are_for_their_owner_alone_and_secrets_stay_out_of_the_logs() {
    let manager = Manager::start();
    let mut device = Device::new("lobby", &manager.device_url());
    let token = manager.token(&["--device", "lobby"]);
    device.enroll(&token);
    device.start();
    device.until_parked();
    let mut private = 0;
    for folder in [manager.state(), device.file("state")] {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            let text = std::fs::read(entry.path()).unwrap();
            if String::from_utf8_lossy(&text).contains("PRIVATE KEY") || name.contains("sqlite") {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                assert_eq!(mode, 0o600, "{name}");
                private += 1;
            }
        }
    }
    assert!(private >= 3, "keys of CA, manager and device");
    let secret = token.split('-').nth(1).unwrap();
    assert!(!manager.log().contains(secret) && !device.log().contains(secret));
}

#[test]
fn the_tool_tells_a_technician_what_is_wrong() {
    let manager = Manager::start();
    let device = Device::new("lobby", &manager.device_url());
    let output = platen_tests::rigs::process::run(device.tool().arg("status"), "");
    assert!(!output.status.success());
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("control.sock"), "no agent runs: {words}");

    let device = Device::enrolled("lobby", &manager);
    let refused = platen_tests::rigs::process::run(device.tool().args(["sim", "set", "blak", "4"]), "");
    assert!(!refused.status.success());
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(words.contains("blak") && words.contains("black"), "{words}");
    let table = device.platen(&["status"]);
    for word in ["lobby", "SIMULATED", "black", "drum", "cabinet", "cover"] {
        assert!(table.contains(word), "{word} is not in:\n{table}");
    }
}

//! Bad input, from outside: each is refused with a clear error in the right place, and nothing is stored
//! wrongly. (What one program can show alone stands beside its code.)

use platen_tests::rigs::agent::process::{BOARD, Device};
use platen_tests::rigs::api::{Operator, client, post, try_post};
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::process::run;
use serde_json::{Value, json};

/// A manager, and the wire of an enrolled device whose agent does not run: the test is the device.
struct Wire {
    manager: Manager,
    device: Device,
    operator: Operator,
    client: ureq::Agent,
}

fn wire() -> Wire {
    let manager = Manager::start();
    let device = Device::new("lobby", &manager.device_url());
    device.enroll(&manager.token(&["--device", "lobby"]));
    let (chain, key) = device.identity();
    let client = client(&manager.ca(), Some((&chain, &key)));
    let operator = manager.operator();
    Wire { manager, device, operator, client }
}

impl Wire {
    fn post(&self, body: &[u8]) -> platen_tests::rigs::api::Answer {
        post(&self.client, &format!("{}/v1/reports", self.manager.device_url()), &[], body)
    }

    fn reports(&self) -> usize {
        self.operator.json("/api/v1/reports?device=lobby&limit=200")["items"].as_array().unwrap().len()
    }
}

fn report(sequence: u64, body: &Value) -> Value {
    json!({
        "sequence": sequence,
        "taken": {"boot_id": "b", "monotonic_ms": sequence, "wall": "2026-11-22T09:00:00Z", "clock": "synchronised"},
        "simulated": true,
        "body": body,
    })
}

fn call(message: &str) -> Value {
    json!({"kind": "service_call", "entered_by": "command", "message": message})
}

fn batch(reports: &[Value]) -> Value {
    json!({"version": 1, "epoch": "e1", "oldest_sequence": 1, "reports": reports})
}

#[test]
fn a_token_that_is_wrong_used_or_expired_is_named_as_such() {
    let manager = Manager::start();
    let device = Device::new("lobby", &manager.device_url());
    let token = manager.token(&["--device", "lobby"]);

    let cut = &token[..token.len() - 3];
    assert!(device.enroll_refused(cut).contains("not an enrolment token"));
    let mut pieces: Vec<String> = token.split('-').map(str::to_owned).collect();
    pieces[1] = "00".repeat(16);
    let words = device.enroll_refused(&pieces.join("-"));
    assert!(words.contains("not known"), "{words}");

    device.enroll(&token);
    let words = device.enroll_refused(&token);
    assert!(words.contains("used"), "{words}");

    let short = manager.token(&["--device", "lobby", "--valid", "1ms"]);
    let words = device.enroll_refused(&short);
    assert!(words.contains("expired"), "{words}");
}

#[test]
fn a_token_for_another_device_is_refused_and_still_good_for_its_own() {
    let manager = Manager::start();
    let token = manager.token(&["--device", "warehouse"]);
    let words = Device::new("lobby", &manager.device_url()).enroll_refused(&token);
    assert!(words.contains("another device"), "{words}");
    Device::new("warehouse", &manager.device_url()).enroll(&token);
}

#[test]
fn a_manager_with_another_ca_is_not_trusted_with_the_token() {
    let (ours, theirs) = (Manager::start(), Manager::start());
    let token = ours.token(&["--device", "lobby"]);
    let words = Device::new("lobby", &theirs.device_url()).enroll_refused(&token);
    assert!(words.contains("not the manager that made the token"), "{words}");
    // The token was not shown to the other manager, so it is still good.
    Device::new("lobby", &ours.device_url()).enroll(&token);
}

#[test]
fn a_client_without_a_certificate_or_with_one_of_another_ca_is_refused() {
    let Wire { manager, operator, .. } = wire();
    let url = format!("{}/v1/reports", manager.device_url());
    let body = batch(&[report(1, &call("x"))]).to_string();
    let refused = post(&client(&manager.ca(), None), &url, &[], body.as_bytes());
    assert_eq!((refused.status, refused.problem()), (403, "no-certificate"));

    let other = wire();
    let (chain, key) = other.device.identity();
    let stranger = client(&manager.ca(), Some((&chain, &key)));
    // Refused in the handshake: there is no answer at all.
    assert!(try_post(&stranger, &url, &[], body.as_bytes()).is_err());
    assert_eq!(operator.json("/api/v1/reports")["items"], json!([]));
}

#[test]
fn a_body_that_is_too_large_not_json_or_of_another_version_is_refused() {
    let wire = wire();
    let large = batch(&[report(1, &call(&"x".repeat(300_000)))]).to_string();
    let answer = wire.post(large.as_bytes());
    assert_eq!((answer.status, answer.problem()), (413, "body-too-large"));

    let answer = wire.post(b"{\"version\": 1, oops");
    assert_eq!((answer.status, answer.problem()), (400, "not-json"));
    assert!(answer.body["detail"].as_str().unwrap().contains("line 1"), "{answer:?}");

    let mut later = batch(&[]);
    later["version"] = json!(2);
    let answer = wire.post(later.to_string().as_bytes());
    assert_eq!((answer.status, answer.problem()), (400, "wrong-version"));
    assert_eq!(wire.reports(), 0);
}

#[test]
fn a_sequence_that_goes_backwards_stores_nothing_of_its_batch() {
    let wire = wire();
    let body = batch(&[report(2, &call("b")), report(1, &call("a"))]);
    let answer = wire.post(body.to_string().as_bytes());
    assert_eq!((answer.status, answer.problem()), (400, "sequence-backwards"));
    assert_eq!(wire.reports(), 0);
}

#[test]
fn a_repeat_is_harmless_and_another_report_under_its_sequence_is_a_conflict() {
    let wire = wire();
    let first = batch(&[report(1, &call("a"))]).to_string();
    for _ in 0..3 {
        let answer = wire.post(first.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["acknowledged"], json!({"epoch": "e1", "sequence": 1}));
    }
    let answer = wire.post(batch(&[report(1, &call("b"))]).to_string().as_bytes());
    assert_eq!((answer.status, answer.problem()), (409, "sequence-conflict"));
    assert_eq!(wire.reports(), 1);
    assert_eq!(wire.operator.json("/api/v1/service-calls")["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_batch_that_leaps_is_not_stored_and_a_loss_that_is_told_is_recorded() {
    let wire = wire();
    let mut leap = batch(&[report(5, &call("e"))]);
    let answer = wire.post(leap.to_string().as_bytes());
    assert_eq!(answer.body["acknowledged"]["sequence"], 0, "{answer:?}");
    assert_eq!(wire.reports(), 0);
    leap["oldest_sequence"] = json!(5);
    let answer = wire.post(leap.to_string().as_bytes());
    assert_eq!(answer.body["acknowledged"]["sequence"], 5, "{answer:?}");
    let gaps = wire.operator.device("lobby")["gaps"].as_array().unwrap().clone();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
}

#[test]
fn a_level_above_its_capacity_is_refused_with_its_field() {
    let wire = wire();
    let supply = json!({
        "name": "black", "index": 1, "class": "supplyThatIsConsumed", "type": "tonerCartridge",
        "colorant": "black", "unit": "tenthsOfGrams", "capacity": {"state": "known", "amount": 100},
        "level": {"state": "known", "amount": 150}, "set_percent": 10, "serial": null,
    });
    let readings = json!({"supplies": [supply], "parts": [], "temperatures": [], "switches": []});
    let body = json!({"kind": "readings", "cause": "change", "readings": readings});
    let answer = wire.post(batch(&[report(1, &body)]).to_string().as_bytes());
    assert_eq!((answer.status, answer.problem()), (400, "invalid-report"));
    assert!(answer.body["detail"].as_str().unwrap().contains("level"), "{answer:?}");
    assert_eq!(wire.reports(), 0);
}

#[test]
fn a_configuration_that_cannot_be_right_is_refused_at_the_start_with_its_line() {
    let refusal = |board: &str, extra: &str| {
        let device = Device::with("lobby", "https://localhost:1", board, extra);
        let output = run(device.agent().arg("run"), "");
        assert_eq!(output.status.code(), Some(78), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stderr).unwrap()
    };
    let words = refusal(BOARD, "colour = 1");
    assert!(words.contains("agent.toml:6") && words.contains("colour"), "{words}");
    let words = refusal(BOARD, "[utilisation]\ninterval = \"5 parsecs\"");
    assert!(words.contains("agent.toml:7") && words.contains("parsecs"), "{words}");
    let words = refusal(&BOARD.replace("0x51", "0x50"), "");
    assert!(words.contains("board.toml:") && words.contains("0x50"), "{words}");
    let words = refusal(&BOARD.replacen("chip = \"24c02\"", "chip = \"24c02\"\nspeed = 1", 1), "");
    let line = BOARD.lines().position(|line| line == "chip = \"24c02\"").unwrap() + 2;
    assert!(words.contains(&format!("board.toml:{line}: ")) && words.contains("speed"), "{words}");
}

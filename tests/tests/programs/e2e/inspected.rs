//! A site whose proxy inspects TLS, where the customer agrees and the proxy's CA is configured: everything works as
//! ever, for every message is signed. What the proxy alters, makes up or sends again has no effect. That it is named and
//! refused without consent is shown with squid (`network/inspected.rs`).

use platen_tests::rigs::agent::process::{Device, Setup};
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::network::traffic::{command_passes, nothing_lost_and_nothing_twice, order_passes};
use platen_tests::rigs::process::{run_ok, until};
use platen_tests::rigs::proxy::inspector::{Inspector, Mischief, NAME};
use serde_json::Value;

const BOTH: &[&[u8]] = &[b"h2", b"http/1.1"];
/// A failure is tried again soon, so that a test does not wait for it.
const IMPATIENT: &str = "backoff_first = \"100ms\"\nbackoff_limit = \"500ms\"";

fn inspector(manager: &Manager, protocols: &[&[u8]]) -> Inspector {
    Inspector::start(manager.device_port(), &manager.ca(), protocols)
}

/// A device that was enrolled without the proxy between, as at the service centre. With the proxy's CA in
/// its configuration.
fn device(manager: &Manager, inspector: &Inspector) -> Device {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("inspecting-ca.pem");
    let uplink = format!("{IMPATIENT}\ninspecting_ca = \"{}\"", ca.display());
    let setup = Setup { uplink: &uplink, ..Setup::default() };
    let device = Device::set_up("lobby", &inspector.url(), setup);
    // Beside the device's own files, which stay as long as it does.
    let kept = device.file("inspecting-ca.pem");
    std::fs::write(&kept, &inspector.ca).unwrap();
    let file = device.file("agent.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&ca.display().to_string(), &kept.display().to_string())).unwrap();
    enroll(&device, manager, &manager.token(&["--device", "lobby"]));
    device
}

fn enroll(device: &Device, manager: &Manager, token: &str) {
    run_ok(device.agent().args(["enroll", "--token-file", "-", "--manager", &manager.device_url()]), token);
}

/// As after an enrolment by a manager that did not tell the time: only the beginning of its certificate is left.
fn forget_the_time(device: &Device) {
    let file = device.file("state").join("identity.json");
    let mut identity: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert!(identity.as_object_mut().unwrap().remove("known_time").is_some(), "{identity}");
    std::fs::write(&file, identity.to_string()).unwrap();
}

#[test]
fn with_the_customers_consent_everything_passes_signed_by_both_versions_of_http() {
    for protocols in [BOTH, &[b"http/1.1".as_slice()]] {
        let manager = Manager::start();
        let operator = manager.operator();
        let inspector = inspector(&manager, protocols);
        let mut lobby = device(&manager, &inspector);
        forget_the_time(&lobby);
        lobby.start();
        lobby.until_parked();
        let order = order_passes(&lobby, &operator);
        let command = command_passes("lobby", &operator);
        lobby.until_parked();
        let reports = nothing_lost_and_nothing_twice(&operator, "lobby");
        println!(
            "inspected: {reports} reports, an order in {order:.1?}, a command and its outcome in {command:.1?}"
        );
        assert_eq!(operator.device("lobby")["contact"]["inspected_by"], NAME);
        let status = lobby.status();
        assert_eq!(status["contact"]["inspected_by"], NAME);
        assert_eq!(status["contact"]["protocol"], "HTTP/1.1");
        let shown = lobby.platen(&["status"]);
        assert!(shown.contains(&format!("this site inspects TLS: «{NAME}»")), "{shown}");

        // It had no time that it trusts: the manager told it, and by that it signed again.
        let first = &inspector.passed()[0];
        assert_eq!(first.answers[0].0, 401, "{first:?}");
        assert!(first.answers[0].1.contains("signature-stale"), "{first:?}");
        assert!(lobby.stop(), "it ends in order");

        // A connection straight to the manager needs no signature, with the same configuration.
        let file = lobby.file("agent.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(&inspector.url(), &manager.device_url())).unwrap();
        let before = inspector.passed().len();
        lobby.start();
        lobby.until_parked();
        assert_eq!(lobby.status()["contact"]["inspected_by"], Value::Null);
        assert_eq!(operator.device("lobby")["contact"]["inspected_by"], Value::Null);
        assert_eq!(inspector.passed().len(), before);
    }
}

#[test]
fn what_the_proxy_alters_makes_up_or_swaps_has_no_effect_and_is_told() {
    let manager = Manager::start();
    let operator = manager.operator();
    let inspector = inspector(&manager, BOTH);
    let mut lobby = device(&manager, &inspector);
    lobby.start();
    lobby.until_parked();
    let altered = "altered on the way";
    let cases = [
        (Mischief::AlterRequest, "signed by a device"),
        (Mischief::TakeWishToWait, "signed by a device"),
        (Mischief::AlterAnswer, altered),
        (Mischief::AlterStatus, altered),
        (Mischief::TakeSignature, "answered"),
        (Mischief::SwapAnswers, altered),
        (Mischief::Block, "answered 403 itself"),
    ];
    for (number, (mischief, says)) in cases.into_iter().enumerate() {
        inspector.does(mischief);
        lobby.call_service(&format!("call {number}"));
        let trouble = lobby.trouble("what", says);
        println!("{mischief:?}: {}", trouble["what"]);
        inspector.does(Mischief::None);
        lobby.until_parked();
    }
    let calls = operator.json("/api/v1/service-calls?limit=200");
    let calls: Vec<_> =
        calls["items"].as_array().unwrap().iter().map(|call| call["message"].clone()).collect();
    assert_eq!(calls.len(), cases.len(), "each once: {calls:?}");
    let reports = nothing_lost_and_nothing_twice(&operator, "lobby");
    println!("{reports} reports, each once, over {} messages", inspector.passed().len());
    assert!(operator.device("lobby")["simulated"] == true, "nothing altered came in");
}

#[test]
fn a_request_that_the_proxy_delivers_twice_acts_once() {
    let manager = Manager::start();
    let operator = manager.operator();
    let inspector = inspector(&manager, BOTH);
    let mut lobby = device(&manager, &inspector);
    lobby.start();
    lobby.until_parked();
    inspector.does(Mischief::Replay);
    order_passes(&lobby, &operator);
    command_passes("lobby", &operator);
    lobby.until_parked();
    nothing_lost_and_nothing_twice(&operator, "lobby");
    let twice: Vec<_> = inspector.passed().into_iter().filter(|passed| passed.answers.len() == 2).collect();
    assert!(twice.len() >= 2, "{}", twice.len());
    for passed in twice {
        assert_eq!(passed.answers[1].0, 401, "{passed:?}");
        assert!(passed.answers[1].1.contains("signature-stale"), "{passed:?}");
        assert!(passed.answers[1].1.contains("accepted before"), "{passed:?}");
    }
}

#[test]
fn a_ca_of_the_proxy_that_cannot_be_read_is_told_and_the_printer_is_watched_all_the_same() {
    let manager = Manager::start();
    let inspector = inspector(&manager, BOTH);
    let mut lobby = device(&manager, &inspector);
    let ca = lobby.file("inspecting-ca.pem");
    std::fs::write(&ca, "no certificate").unwrap();
    lobby.start();
    let told = lobby.trouble("what", "holds no certificate in PEM");
    assert!(told["what"].as_str().unwrap().contains("inspecting_ca"), "{told}");
    until("the board is read", || lobby.status()["readings"].is_object().then_some(()));
    std::fs::write(&ca, &inspector.ca).unwrap();
    lobby.until_parked();
}

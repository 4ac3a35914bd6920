//! The device's certificate over its life, by real programs and real clocks: renewed while reports go on,
//! ended while the device was away, and a device that is shut out while it is connected.

use std::process::Command;
use std::time::Duration;

use platen_tests::rigs::agent::process::Device;
use platen_tests::rigs::api::{Operator, client, post};
use platen_tests::rigs::manager::process::Manager;
use platen_tests::rigs::network::traffic::{impatient, nothing_lost_and_nothing_twice};
use platen_tests::rigs::process::{run, run_ok, until, until_within};
use platen_tests::rigs::proxy::faults::{FaultProxy, Mode};
use serde_json::{Value, json};

/// The life of a certificate that is renewed: 49 s pass until it is, and 26 s are left for a busy machine.
const LIFE: Duration = Duration::from_secs(75);
/// The life of one that is to end: the shortest that a manager gives.
const SHORT_LIFE: Duration = Duration::from_secs(60);

fn living(life: Duration) -> Manager {
    Manager::start_with(&format!("device_certificate_life = \"{}s\"\n", life.as_secs()))
}

/// A device that reaches the manager through the proxy, and works.
fn enrolled(manager: &Manager, proxy: &FaultProxy) -> Device {
    Device::enrolled_by("lobby", manager, &proxy.url(), impatient())
}

fn identity(operator: &Operator) -> Value {
    operator.device("lobby")["identity"].clone()
}

/// What was done with the device's identity, oldest first.
fn log(operator: &Operator) -> Vec<String> {
    let device = operator.device("lobby");
    let entries = device["identity_log"].as_array().unwrap().iter().rev();
    entries.map(|entry| entry["what"].as_str().unwrap().to_owned()).collect()
}

fn cover_is_open(operator: &Operator) -> bool {
    let device = operator.device("lobby");
    device["alerts"].as_array().unwrap().iter().any(|alert| alert["code"] == "coverOpen")
}

/// Opens the cover or closes it, until the manager has heard of it.
fn cover(device: &Device, operator: &Operator, act: &str) {
    device.sim(act, "cover");
    until(&format!("the manager hears: {act}"), || {
        (cover_is_open(operator) == (act == "open")).then_some(())
    });
}

/// `platen-manager device WHAT lobby`, beside the manager that runs.
fn administer(manager: &Manager, what: &str) {
    run_ok(manager.command().args(["device", what, "lobby"]), "");
}

#[test]
fn a_certificate_is_renewed_beside_the_reports_and_the_old_one_is_good_until_the_new_one_has_worked() {
    let manager = living(LIFE);
    let operator = manager.operator();
    let proxy = FaultProxy::before(&manager);
    let device = enrolled(&manager, &proxy);
    let (old_chain, old_key) = device.identity();
    let (enrolled, ends) = (identity(&operator), device.status()["certificate_ends"].clone());
    assert_eq!(enrolled["state"], "good");
    let shown = device.platen(&["status"]);
    assert!(shown.contains(&format!("certificate valid until {}", ends.as_str().unwrap())), "{shown}");
    cover(&device, &operator, "open");
    cover(&device, &operator, "close");

    // The next connection asks for the renewal. The one after it tries the new certificate and comes to
    // nothing; with the old one the device comes through.
    let connections = proxy.figures().connections;
    proxy.set(Mode::EverySecondClosed(connections + 2));
    until_within(LIFE, "a renewed certificate is given", || {
        (!identity(&operator)["renewal_issued"].is_null()).then_some(())
    });
    until("the new one was tried, and the device has another connection", || {
        (proxy.figures().connections > connections + 2).then_some(())
    });
    cover(&device, &operator, "open");
    let between = identity(&operator);
    // Which connection comes to nothing is chance, for a report goes out beside the parked request; the new one may have
    // worked by now. Until it has, the old one is good.
    if log(&operator).iter().all(|what| what != "renewed") {
        assert_eq!(
            between["certificate_issued"], enrolled["certificate_issued"],
            "by the old one: {between}"
        );
        assert!(!between["renewal_issued"].is_null(), "{between}");
    }

    proxy.set(Mode::Sound);
    until("the new certificate has worked", || {
        (log(&operator) == ["enrolled", "renewal_issued", "renewed"]).then_some(())
    });
    cover(&device, &operator, "close");
    device.until_parked();
    let renewed = identity(&operator);
    assert_eq!(renewed["state"], "good");
    assert!(renewed["renewal_issued"].is_null(), "{renewed}");
    let late = device.status()["certificate_ends"].clone();
    assert!(late.as_str() > ends.as_str(), "{late} after {ends}");
    assert!(!device.file("state/identity.next.json").exists(), "nothing is left beside it");
    assert_ne!(device.identity(), (old_chain.clone(), old_key.clone()));
    // Whoever has a copy of the old one has nothing.
    let copy = client(&manager.ca(), Some((&old_chain, &old_key)));
    let refused = post(&copy, &format!("{}/v1/reports", manager.device_url()), &[], b"{}");
    assert_eq!((refused.status, refused.problem()), (403, "certificate-superseded"));
    let reports = nothing_lost_and_nothing_twice(&operator, "lobby");
    println!("{reports} reports across the renewal, each once; {}", proxy.figures());
}

#[test]
fn a_device_whose_certificate_ended_while_it_was_off_is_readmitted_and_works_on() {
    let manager = living(SHORT_LIFE);
    let operator = manager.operator();
    let mut device = Device::enrolled("lobby", &manager);
    assert!(device.stop());
    until_within(SHORT_LIFE * 2, "the certificate ends", || {
        (identity(&operator)["state"] == "ended").then_some(())
    });
    device.start();
    let told = device.trouble("remedy", "readmit this device");
    assert_eq!(told["sort"], "refused");
    assert!(told["next_try_seconds"].is_null(), "it waits at the manager: {told}");
    device.call_service("while it is refused");
    assert_eq!(operator.json("/api/v1/service-calls")["items"], json!([]));

    administer(&manager, "readmit");
    // Nothing is done at the device: its request was held, and is answered with a new certificate.
    device.until_parked();
    assert_eq!(identity(&operator)["state"], "good");
    assert_eq!(log(&operator), ["enrolled", "readmitted", "renewal_issued", "renewed"]);
    let calls = operator.json("/api/v1/service-calls");
    assert_eq!(calls["items"].as_array().unwrap().len(), 1, "what was kept has come: {calls}");
    cover(&device, &operator, "open");
    nothing_lost_and_nothing_twice(&operator, "lobby");
}

#[test]
fn a_device_whose_state_is_restored_from_before_a_renewal_is_shown_and_reports_once_it_is_readmitted() {
    let manager = living(LIFE);
    let operator = manager.operator();
    let mut device = Device::enrolled("lobby", &manager);
    device.call_service("before");
    device.until_parked();
    assert!(device.stop());
    let (state, image) = (device.file("state"), device.file("image"));
    run_ok(Command::new("cp").arg("-a").args([&state, &image]), "");
    device.start();
    until_within(LIFE, "the certificate is renewed", || {
        (log(&operator) == ["enrolled", "renewal_issued", "renewed"]).then_some(())
    });
    device.until_parked();
    assert!(device.stop());
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::rename(&image, &state).unwrap();

    device.start();
    let told = device.trouble("remedy", "readmit this device");
    assert!(told["what"].as_str().unwrap().contains("newer certificate"), "{told}");
    assert!(told["next_try_seconds"].is_null(), "it waits at the manager: {told}");
    until("operators see it", || (identity(&operator)["state"] == "superseded").then_some(()));
    let seen = identity(&operator)["superseded"].clone();
    for side in ["superseded", "present"] {
        for field in ["issued", "last", "remote", "boot"] {
            assert!(seen[side][field].is_string(), "{side}.{field}: {seen}");
        }
    }
    assert_eq!(seen["both_in_use"], false, "{seen}");
    assert_eq!(operator.device("lobby")["worst"], "service_call", "the call comes first");
    device.call_service("while it is refused");

    administer(&manager, "readmit");
    device.until_parked();
    let good = identity(&operator);
    assert_eq!((&good["state"], good["superseded"].is_null()), (&json!("good"), true), "{good}");
    let done = log(&operator);
    let after = ["superseded_used", "readmitted", "renewal_issued", "renewed"];
    assert_eq!(done.get(3..7).unwrap(), after, "{done:?}");
    let calls = operator.json("/api/v1/service-calls");
    assert_eq!(calls["items"].as_array().unwrap().len(), 2, "{calls}");
}

#[test]
fn a_device_that_is_shut_out_while_connected_is_told_keeps_quiet_and_comes_back_by_a_token_alone() {
    let manager = Manager::start();
    let operator = manager.operator();
    let proxy = FaultProxy::before(&manager);
    let device = enrolled(&manager, &proxy);

    administer(&manager, "revoke");
    let told = device.trouble("remedy", "shut this device out");
    assert_eq!(told["sort"], "refused");
    let next = told["next_try_seconds"].as_u64().unwrap();
    assert!(next > 5 * 3600, "it asks rarely: in {next} s");
    assert_eq!(identity(&operator)["state"], "shut_out");

    // What would go out at once is kept, and not even tried.
    let connections = proxy.figures().connections;
    device.call_service("while it is shut out");
    device.sim("open", "cover");
    until("both are kept", || (device.status()["backlog"].as_u64()? >= 2).then_some(()));
    let words = run(manager.command().args(["device", "readmit", "lobby"]), "");
    assert!(!words.status.success(), "a readmission is for certificates that have ended");
    let words = String::from_utf8(words.stderr).unwrap();
    assert!(words.contains("platen-manager token create --device lobby"), "{words}");
    assert_eq!(proxy.figures().connections, connections, "it is quiet");
    assert_eq!(operator.json("/api/v1/service-calls")["items"], json!([]));

    // The agent that runs finds its new identity by itself.
    device.enroll(&manager.token(&["--device", "lobby"]));
    device.until_parked();
    assert_eq!(identity(&operator)["state"], "good");
    let calls = operator.json("/api/v1/service-calls");
    assert_eq!(calls["items"].as_array().unwrap().len(), 1, "{calls}");
    assert!(cover_is_open(&operator));
    cover(&device, &operator, "close");
    nothing_lost_and_nothing_twice(&operator, "lobby");
}

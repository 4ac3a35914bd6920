//! A certificate that its device has replaced is used again: a state that went back, or a copy. Over real TLS, by clients
//! of the test's own and by a real agent.

use hyper::StatusCode;
use jiff::SignedDuration;
use platen_agent::status::ContactState;
use platen_manager::ca::{Ca, check_csr};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};

use platen_tests::rigs::agent::task::Device;
use platen_tests::rigs::manager::client::{Answer, Client, csr};
use platen_tests::rigs::manager::messages::{batch, started, utilisation};
use platen_tests::rigs::manager::pages::{OWN, browser, device_page, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{TestManager, now, until};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The device renews its certificate and uses the new one: who has that.
async fn renew(manager: &TestManager, with: &Client, name: &str) -> Client {
    let (key, request) = csr(name);
    let answer = ask_renewal(manager, with, &request).await;
    let new = renewed(manager, &answer, &key);
    assert_eq!(new.report(manager.device, &empty("then")).await.status, StatusCode::OK);
    new
}

async fn ask_renewal(manager: &TestManager, with: &Client, csr: &str) -> Answer {
    with.connect(manager.device).await.unwrap().post("/v1/renew", &json!({"version": 1, "csr": csr})).await
}

fn renewed(manager: &TestManager, answer: &Answer, key: &str) -> Client {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    Client::new(&manager.ca, Some((answer.json()["certificate_chain"].as_str().unwrap(), key)))
}

/// A batch without reports, sent in a boot.
fn empty(boot: &str) -> Value {
    let mut empty = batch(1, &[]);
    empty["sent"] = json!({
        "boot_id": boot, "monotonic_ms": 1000, "wall": "2026-11-22T10:00:00Z", "clock": "unsynchronised"
    });
    empty
}

async fn post(manager: &TestManager, device: &str, what: &str) -> Answer {
    manager.ask_api("POST", &format!("/api/v1/devices/{device}/{what}"), None).await
}

async fn identity(manager: &TestManager, device: &str) -> Value {
    manager.api(&format!("/api/v1/devices/{device}")).await["identity"].clone()
}

async fn changes(manager: &TestManager, device: &str) -> Vec<String> {
    let detail = manager.api(&format!("/api/v1/devices/{device}")).await;
    let log = detail["identity_log"].as_array().unwrap().iter().rev();
    log.map(|entry| entry["what"].as_str().unwrap().to_owned()).collect()
}

/// Uses a superseded certificate, in a boot, until operators see it.
async fn until_seen(manager: &TestManager, old: &Client, boot: &str) -> Value {
    until(|| async {
        let refused = old.report(manager.device, &empty(boot)).await;
        refused.problem(ProblemKind::CertificateSuperseded);
        let seen = identity(manager, "lobby").await;
        (seen["state"] == "superseded").then(|| seen["superseded"].clone())
    })
    .await
}

#[tokio::test]
async fn who_uses_a_superseded_certificate_is_shown_beside_who_uses_the_present_one_and_needs_attention() {
    let manager = TestManager::start().await;
    let old = manager.enrol("lobby").await;
    let new = renew(&manager, &old, "lobby").await;
    let seen = until_seen(&manager, &old, "now").await;
    assert_eq!((&seen["superseded"]["boot"], &seen["present"]["boot"]), (&json!("now"), &json!("then")));
    assert_eq!(seen["superseded"]["remote"], "127.0.0.1");
    assert_eq!(seen["present"]["remote"], "127.0.0.1");
    assert!(seen["present"]["last"].as_str() < seen["first"].as_str(), "{seen}");
    assert!(seen["first"].as_str() < seen["superseded"]["last"].as_str(), "{seen}");
    assert_eq!(seen["both_in_use"], false, "it may be the device");
    assert_eq!(manager.api("/api/v1/devices").await["items"][0]["worst"], "warning");
    assert_eq!(changes(&manager, "lobby").await.last().unwrap(), "superseded_used");

    // A restart forgets nothing of it.
    let manager = manager.restart().await;
    let seen = identity(&manager, "lobby").await["superseded"].clone();
    assert_eq!((&seen["superseded"]["boot"], &seen["present"]["boot"]), (&json!("now"), &json!("then")));
    // The present one is used again, in another boot: then somebody has a copy.
    assert_eq!(new.report(manager.device, &empty("then")).await.status, StatusCode::OK);
    let seen = identity(&manager, "lobby").await["superseded"].clone();
    assert_eq!(seen["both_in_use"], true, "{seen}");
    assert!(seen["words"].as_str().unwrap().contains("somebody has a copy"), "{seen}");
}

#[tokio::test]
async fn on_its_page_an_operator_reads_it_and_readmits_dismisses_or_after_a_confirmation_shuts_out() {
    let manager = TestManager::start().await;
    let old = manager.enrol("lobby").await;
    renew(&manager, &old, "lobby").await;
    until_seen(&manager, &old, "now").await;
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let fleet = get(&mut browser, "/", &cookie).await.text();
    assert!(fleet.contains("data-identity=\"superseded\""), "{fleet}");
    let page = device_page(&mut browser, "lobby", &cookie).await;
    for piece in
        ["id=\"superseded\"", "(boot now)", "(boot then)", "id=\"readmit\"", "id=\"dismiss-superseded\""]
    {
        assert!(page.contains(piece), "{piece} is missing: {page}");
    }
    // Behind a step of its own, which says what it does.
    let (before, confirming) = page.split_once("<details id=\"shut-out\" data-ask>").unwrap();
    assert!(!before.contains("/revoke") && confirming.contains("only a new token lets it back in"));
    assert!(confirming.contains("Yes, shut lobby out"), "{confirming}");

    let gone = post_form(&mut browser, "/devices/lobby/dismiss-superseded", "", Some(OWN), &cookie).await;
    assert_eq!(gone.status, StatusCode::SEE_OTHER);
    assert_eq!(identity(&manager, "lobby").await["state"], "good");
    assert_eq!(post(&manager, "lobby", "dismiss-superseded").await.status, StatusCode::NOT_FOUND);
    until_seen(&manager, &old, "now").await;
    assert_eq!(post(&manager, "lobby", "revoke").await.json()["state"], "shut_out");
    old.report(manager.device, &empty("now")).await.problem(ProblemKind::DeviceRevoked);
}

#[tokio::test]
async fn a_request_that_waits_for_a_readmission_is_answered_by_it_and_ends_the_state() {
    let manager = TestManager::start().await;
    let old = manager.enrol("lobby").await;
    renew(&manager, &old, "lobby").await;
    until_seen(&manager, &old, "now").await;
    let (key, request) = csr("lobby");
    ask_renewal(&manager, &old, &request).await.problem(ProblemKind::CertificateSuperseded);
    let mut waiting = old.connect(manager.device).await.unwrap();
    let asking = json!({"version": 1, "csr": request});
    // Whichever is first: a readmission that is there already is as good.
    let readmitting = async {
        let readmitted = post(&manager, "lobby", "readmit").await.json();
        assert_eq!(readmitted["state"], "readmitted");
    };
    let (answer, ()) = tokio::join!(waiting.hold("/v1/renew", &asking, 60), readmitting);
    let back = renewed(&manager, &answer.unwrap(), &key);
    assert_eq!(back.report(manager.device, &batch(1, &[utilisation(50)])).await.acknowledged(), 1);
    let good = identity(&manager, "lobby").await;
    assert_eq!((&good["state"], good["superseded"].is_null()), (&json!("good"), true), "{good}");
    assert_eq!(
        changes(&manager, "lobby").await.get(3..).unwrap(),
        ["superseded_used", "readmitted", "renewal_issued", "renewed"]
    );
}

#[tokio::test]
async fn who_waits_for_a_readmission_and_is_shut_out_hears_it_at_once() {
    let manager = TestManager::start().await;
    let old = manager.enrol("lobby").await;
    renew(&manager, &old, "lobby").await;
    let mut waiting = old.connect(manager.device).await.unwrap();
    let asking = json!({"version": 1, "csr": csr("lobby").1});
    let revoking = async {
        // That it waits is seen once that has lasted.
        until(|| async { (identity(&manager, "lobby").await["state"] == "superseded").then_some(()) }).await;
        post(&manager, "lobby", "revoke").await
    };
    let (answer, revoked) = tokio::join!(waiting.hold("/v1/renew", &asking, 60), revoking);
    assert_eq!(revoked.json()["state"], "shut_out");
    answer.unwrap().problem(ProblemKind::DeviceRevoked);
}

#[tokio::test]
async fn a_device_that_lost_the_answer_to_the_first_use_of_its_new_certificate_is_accused_of_nothing() {
    let manager = TestManager::start().await;
    let old = manager.enrol("lobby").await;
    let new = renew(&manager, &old, "lobby").await;
    old.report(manager.device, &empty("then")).await.problem(ProblemKind::CertificateSuperseded);
    assert_eq!(new.report(manager.device, &empty("then")).await.status, StatusCode::OK);
    assert_eq!(identity(&manager, "lobby").await["state"], "good");
    // And should it have come to that, it is over with the present certificate in the same boot.
    until_seen(&manager, &old, "then").await;
    assert_eq!(new.report(manager.device, &empty("then")).await.status, StatusCode::OK);
    until(|| async { (identity(&manager, "lobby").await["state"] == "good").then_some(()) }).await;
    assert_eq!(changes(&manager, "lobby").await.last().unwrap(), "superseded_dismissed");
}

#[tokio::test]
async fn a_real_device_whose_disk_forgot_its_renewal_reports_as_soon_as_it_is_readmitted() {
    let manager = TestManager::start().await;
    let device = Device::with("allow_simulated = true");
    let url = format!("https://localhost:{}", manager.device.port());
    let secret = manager.token(Some("front-desk"), HOUR).await;
    let fingerprint = platen_manager::secret::fingerprint(&ca_der(&manager));
    device.enroll_at(&url, &format!("platen1-{secret}-{fingerprint}").parse().unwrap()).await.unwrap();
    let agent = device.start();
    let parked = |status: &platen_agent::status::StatusReport| {
        (status.contact.state == ContactState::Parked && status.backlog == 0).then_some(())
    };
    agent.until("it is parked", parked).await;
    agent.stop().await.unwrap();
    // It renewed its certificate and used the new one; its disk knows nothing of that.
    let ca = Ca::load_or_make(manager.directory.path(), now()).unwrap();
    let (key, request) = csr("front-desk");
    let issued = ca.issue(&check_csr(&request).unwrap(), now(), HOUR * 8760).unwrap();
    let id: DeviceId = "front-desk".parse().unwrap();
    let serial = issued.certificate.serial.clone();
    manager.store.renewal_issued(id.clone(), issued.certificate).await.unwrap();
    manager.store.renewed(id, serial, now()).await.unwrap();
    let lost = Client::new(&manager.ca, Some((&issued.chain, &key)));
    until(|| async {
        let answer = lost.report(manager.device, &empty("then")).await;
        (answer.status == StatusCode::OK).then_some(())
    })
    .await;

    let agent = device.start();
    let next = agent
        .until("it is told to ask for a readmission", |status| {
            let trouble = status.contact.trouble.as_ref()?;
            trouble.remedy.contains("readmit this device").then_some(trouble.next_try_seconds)
        })
        .await;
    assert_eq!(next, None, "it waits at the manager, and has no next try");
    let seen = until(|| async {
        let seen = identity(&manager, "front-desk").await;
        (seen["state"] == "superseded").then(|| seen["superseded"].clone())
    })
    .await;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert_eq!(seen["superseded"]["boot"], boot.trim());
    assert_eq!(seen["present"]["boot"], "then");
    assert_eq!(post(&manager, "front-desk", "readmit").await.json()["state"], "readmitted");
    agent.until("it is back", parked).await;
    let good = identity(&manager, "front-desk").await;
    assert_eq!((&good["state"], good["superseded"].is_null()), (&json!("good"), true), "{good}");
    agent.stop().await.unwrap();
}

fn ca_der(manager: &TestManager) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject as _;
    rustls::pki_types::CertificateDer::from_pem_slice(manager.ca.as_bytes()).unwrap().to_vec()
}

#[tokio::test]
async fn a_state_that_does_not_outlive_a_restart_is_shown_with_its_device_until_a_start_says_otherwise() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let mut start = started("Demo C450");
    start["volatile_state"] = json!("an overlay whose upper layer is on tmpfs");
    assert_eq!(device.report(manager.device, &batch(1, &[start])).await.acknowledged(), 1);
    let told = manager.api("/api/v1/devices/lobby").await;
    assert_eq!(told["volatile_state"], "an overlay whose upper layer is on tmpfs");
    assert_eq!(told["worst"], "fine", "it is no alarm");
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let page = device_page(&mut browser, "lobby", &cookie).await;
    assert!(page.contains("id=\"volatile-state\"") && page.contains("upper layer is on tmpfs"), "{page}");
    assert_eq!(device.report(manager.device, &batch(2, &[started("Demo C450")])).await.acknowledged(), 2);
    assert_eq!(manager.api("/api/v1/devices/lobby").await["volatile_state"], Value::Null);
}

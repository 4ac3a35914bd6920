//! Certificates: renewed, ended and readmitted, and devices that are shut out; over real TLS.

use std::sync::Arc;

use hyper::StatusCode;
use jiff::SignedDuration;
use platen_manager::ca::{Ca, check_csr};
use platen_manager::store::Certificate;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};

use platen_tests::rigs::manager::client::{Answer, Client, csr};
use platen_tests::rigs::manager::messages::{batch, utilisation};
use platen_tests::rigs::manager::task::{TestManager, now, until};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

async fn ask_renewal(manager: &TestManager, with: &Client, csr: &str) -> Answer {
    let body = json!({"version": 1, "csr": csr});
    with.connect(manager.device).await.unwrap().post("/v1/renew", &body).await
}

/// A client with the certificate that the manager answered with.
fn renewed(manager: &TestManager, answer: &Answer, key: &str) -> Client {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    Client::new(&manager.ca, Some((answer.json()["certificate_chain"].as_str().unwrap(), key)))
}

async fn report(manager: &TestManager, device: &Client, sequence: u64) -> Answer {
    device.report(manager.device, &batch(sequence, &[utilisation(50)])).await
}

async fn post(manager: &TestManager, path: &str) -> Answer {
    manager.ask_api("POST", path, None).await
}

async fn identity(manager: &TestManager) -> Value {
    manager.api("/api/v1/devices/lobby").await["identity"].clone()
}

async fn changes(manager: &TestManager) -> Vec<String> {
    let detail = manager.api("/api/v1/devices/lobby").await;
    let log = detail["identity_log"].as_array().unwrap().iter().rev();
    log.map(|entry| entry["what"].as_str().unwrap().to_owned()).collect()
}

/// A device whose certificate ended an hour ago, as the store of a manager says that starts now.
async fn house_with_an_ended_certificate() -> (TestManager, Client) {
    let manager = TestManager::start().await;
    manager.enrol("lobby").await;
    let (key, csr) = csr("lobby");
    let ca = Ca::load_or_make(manager.directory.path(), now()).unwrap();
    let long_ago = now() - HOUR * 3;
    let issued = ca.issue(&check_csr(&csr).unwrap(), long_ago, HOUR * 2).unwrap();
    let device: DeviceId = "lobby".parse().unwrap();
    let Certificate { serial, .. } = issued.certificate.clone();
    manager.store.renewal_issued(device.clone(), issued.certificate).await.unwrap();
    manager.store.renewed(device, serial, long_ago).await.unwrap();
    let client = Client::new(&manager.ca, Some((&issued.chain, &key)));
    (manager.restart().await, client)
}

#[tokio::test]
async fn a_renewed_certificate_takes_over_with_its_first_use_also_at_a_manager_that_starts_anew() {
    let manager = TestManager::start().await;
    let old = manager.enrol("lobby").await;
    let (key, request) = csr("lobby");
    let answer = ask_renewal(&manager, &old, &request).await;
    assert_eq!(answer.json()["manager_ca"].as_str().unwrap(), manager.ca);
    let new = renewed(&manager, &answer, &key);
    let manager = manager.restart().await;
    assert_eq!(report(&manager, &old, 1).await.acknowledged(), 1, "the new one has not been used");
    assert_eq!(report(&manager, &new, 2).await.acknowledged(), 2);
    let refused = report(&manager, &old, 3).await.problem(ProblemKind::CertificateSuperseded);
    assert!(refused.contains("has used a newer certificate since"), "{refused}");
    assert_eq!(changes(&manager).await, ["enrolled", "renewal_issued", "renewed"]);
}

#[tokio::test]
async fn of_renewals_that_are_asked_for_at_once_one_is_issued() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let requests: Vec<String> = (0..15).map(|_| csr("lobby").1).collect();
    let asked = requests.iter().map(|request| ask_renewal(&manager, &device, request));
    let answers = futures_util::future::join_all(asked).await;
    let issued = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    let told = answers.iter().filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).count();
    assert_eq!((issued, told), (1, 14));
    assert_eq!(changes(&manager).await, ["enrolled", "renewal_issued"]);
}

#[tokio::test]
async fn who_needs_no_readmission_or_is_shut_out_already_is_told_so_and_nothing_is_written() {
    let manager = TestManager::start().await;
    manager.enrol("lobby").await;
    let refused = post(&manager, "/api/v1/devices/lobby/readmit").await.problem(ProblemKind::StateConflict);
    assert!(refused.contains("nothing to readmit"), "{refused}");
    assert_eq!(changes(&manager).await, ["enrolled"]);
    for _ in 0..2 {
        assert_eq!(post(&manager, "/api/v1/devices/lobby/revoke").await.json()["state"], "shut_out");
    }
    assert_eq!(changes(&manager).await, ["enrolled", "revoked"]);
}

#[tokio::test]
async fn a_renewal_is_for_the_device_that_asks_and_not_more_often_than_it_needs() {
    let manager = TestManager::start().await;
    let old = manager.enrol("lobby").await;
    let other = ask_renewal(&manager, &old, &csr("cellar").1).await;
    assert!(other.problem(ProblemKind::OtherDevice).contains("cellar"));
    ask_renewal(&manager, &old, "nonsense").await.problem(ProblemKind::InvalidCsr);
    let nobody = Client::new(&manager.ca, None);
    ask_renewal(&manager, &nobody, &csr("lobby").1).await.problem(ProblemKind::NoCertificate);
    assert_eq!(ask_renewal(&manager, &old, &csr("lobby").1).await.status, StatusCode::OK);
    let again = ask_renewal(&manager, &old, &csr("lobby").1).await;
    again.problem(ProblemKind::TooMany);
    assert!(again.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn an_ended_certificate_is_refused_everything_until_an_operator_readmits_its_device() {
    let (manager, ended) = house_with_an_ended_certificate().await;
    let told = report(&manager, &ended, 1).await.problem(ProblemKind::CertificateExpired);
    assert!(told.contains("readmit"), "{told}");
    let (key, request) = csr("lobby");
    ask_renewal(&manager, &ended, &request).await.problem(ProblemKind::CertificateExpired);
    assert_eq!(identity(&manager).await["state"], "ended");
    assert_eq!(post(&manager, "/api/v1/devices/lobby/readmit").await.json()["state"], "readmitted");
    let told = report(&manager, &ended, 1).await.problem(ProblemKind::CertificateExpired);
    assert!(told.contains("may renew"), "{told}");
    let new = renewed(&manager, &ask_renewal(&manager, &ended, &request).await, &key);
    assert_eq!(report(&manager, &new, 1).await.acknowledged(), 1);
    assert_eq!(identity(&manager).await["state"], "good");
    let detail = manager.api("/api/v1/devices/lobby").await;
    let by: Vec<_> = detail["identity_log"].as_array().unwrap().iter().map(|entry| &entry["by"]).collect();
    assert!(by.contains(&&json!(platen_tests::rigs::manager::task::OPERATOR)), "{by:?}");
}

#[tokio::test]
async fn an_administrator_readmits_on_the_command_line_while_the_manager_runs() {
    let (manager, ended) = house_with_an_ended_certificate().await;
    let until_then = now() + HOUR;
    let done = manager.store.readmit("lobby".parse().unwrap(), until_then, "root".to_owned(), now()).await;
    assert!(done.unwrap().is_some());
    let (key, request) = csr("lobby");
    let answer = until(|| async {
        let answer = ask_renewal(&manager, &ended, &request).await;
        (answer.status == StatusCode::OK).then_some(answer)
    })
    .await;
    assert_eq!(report(&manager, &renewed(&manager, &answer, &key), 1).await.acknowledged(), 1);
}

#[tokio::test]
async fn a_device_that_is_shut_out_hears_it_at_once_also_while_its_request_is_held() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    assert_eq!(report(&manager, &device, 1).await.acknowledged(), 1);
    let mut connection = device.connect(manager.device).await.unwrap();
    let empty = batch(2, &[]);
    let parked = connection.park(&empty, 60);
    let revoking = async {
        manager.until_parked("lobby").await;
        post(&manager, "/api/v1/devices/lobby/revoke").await
    };
    let (parked, revoked) = tokio::join!(parked, revoking);
    assert_eq!(revoked.json()["state"], "shut_out");
    parked.unwrap().problem(ProblemKind::DeviceRevoked);
    report(&manager, &device, 2).await.problem(ProblemKind::DeviceRevoked);
    ask_renewal(&manager, &device, &csr("lobby").1).await.problem(ProblemKind::DeviceRevoked);
    let readmitted = post(&manager, "/api/v1/devices/lobby/readmit").await;
    assert!(readmitted.problem(ProblemKind::StateConflict).contains("token"));
    let again = manager.enrol("lobby").await;
    assert_eq!(report(&manager, &again, 2).await.acknowledged(), 2);
    report(&manager, &device, 3).await.problem(ProblemKind::UnknownDevice);
    assert_eq!(identity(&manager).await["state"], "good");
}

#[tokio::test]
async fn what_the_command_line_shuts_out_a_running_manager_refuses_within_seconds() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    assert_eq!(report(&manager, &device, 1).await.acknowledged(), 1);
    manager.store.revoke("lobby".parse().unwrap(), "root (command line)".to_owned(), now()).await.unwrap();
    let refused = until(|| async {
        let answer = device.report(manager.device, &batch(2, &[])).await;
        (answer.status == StatusCode::FORBIDDEN).then_some(answer)
    })
    .await;
    refused.problem(ProblemKind::DeviceRevoked);
    assert_eq!(changes(&manager).await, ["enrolled", "revoked"]);
}

#[tokio::test]
async fn an_end_that_nears_without_renewal_is_told_to_operators() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    // Nearly over as soon as it is issued would be no life; this one is told after 45 of its 60 s.
    let life = SignedDuration::from_secs(60);
    let manager =
        TestManager::start_configured(Arc::clone(&directory), |config| config.device_certificate_life = life)
            .await;
    manager.enrol("lobby").await;
    assert_eq!(identity(&manager).await["state"], "good");
    let (_, request) = csr("lobby");
    let ca = Ca::load_or_make(directory.path(), now()).unwrap();
    let issued = ca.issue(&check_csr(&request).unwrap(), now() - life, life + HOUR / 60).unwrap();
    let device: DeviceId = "lobby".parse().unwrap();
    let serial = issued.certificate.serial.clone();
    let soon = Certificate { issued: now() - HOUR, ..issued.certificate };
    manager.store.renewal_issued(device.clone(), soon).await.unwrap();
    manager.store.renewed(device, serial, now()).await.unwrap();
    let told = until(|| async {
        let told = identity(&manager).await;
        (told["state"] == "ends_soon").then_some(told)
    })
    .await;
    let words = told["words"].as_str().unwrap();
    assert!(words.starts_with("Certificate expires in"), "{words}");
}

#[tokio::test]
async fn two_machines_with_one_identity_are_told_until_an_operator_dismisses_it() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    for turn in 0..6 {
        let mut empty = batch(1, &[]);
        empty["epoch"] = json!(if turn % 2 == 0 { "one" } else { "two" });
        assert_eq!(device.report(manager.device, &empty).await.status, StatusCode::OK);
    }
    let clone = identity(&manager).await["clone"].clone();
    assert_eq!(clone["signal"], "epochs");
    let sides: Vec<_> = clone["sides"].as_array().unwrap().iter().map(|side| &side["epoch"]).collect();
    assert_eq!(sides, [&json!("two"), &json!("one")]);
    assert!(clone["words"].as_str().unwrap().contains("127.0.0.1"));
    assert_eq!(post(&manager, "/api/v1/devices/lobby/dismiss-clone").await.json()["clone"], Value::Null);
    assert_eq!(identity(&manager).await["clone"], Value::Null);
    assert_eq!(post(&manager, "/api/v1/devices/lobby/dismiss-clone").await.status, StatusCode::NOT_FOUND);
}

//! An old backup is brought back: what was used and shut out since stays so, what devices have since gets in again, and
//! the manager knows what it is. Over real TLS.

use std::path::PathBuf;
use std::sync::Arc;

use hyper::StatusCode;
use jiff::SignedDuration;
use platen_manager::backup::bring_back::{self, BroughtBack};
use platen_manager::backup::make::{self, Wanted};
use platen_manager::ca::{Ca, check_csr};
use platen_manager::config::{self, Config};
use platen_manager::store::{Certificate, Enrolment, NewToken, TokenRefusal};
use platen_manager::{Held, RunError, database_path};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};

use platen_tests::rigs::manager::client::{Client, csr};
use platen_tests::rigs::manager::messages::{batch, utilisation};
use platen_tests::rigs::manager::pages::{OWN, browser, get, post_form, sign_in};
use platen_tests::rigs::manager::read_config;
use platen_tests::rigs::manager::task::{TestManager, now, until};
use platen_tests::rigs::postgres::Cluster;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A backup of a manager that serves, in a folder of its own.
struct Backup {
    folder: tempfile::TempDir,
}

impl Backup {
    fn of(manager: &TestManager) -> Self {
        let backup = Self { folder: tempfile::tempdir().unwrap() };
        let config = read_config(manager.directory.path(), "localhost");
        let wanted = Wanted {
            config: &config,
            configuration: &manager.directory.path().join("none"),
            to: &backup.file(),
            without_database: false,
        };
        let made = make::make(&wanted, now(), &mut |_, _| {}).unwrap();
        assert_eq!(made.manifest.findings, Vec::<String>::new());
        backup
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("backup.tar")
    }

    fn bring_back(&self, to: &std::path::Path) -> BroughtBack {
        bring_back::bring_back(&read_config(to, "localhost"), &self.file(), true, now()).unwrap()
    }

    /// The manager stops, and is brought back where it is: its journal is still there.
    async fn in_place(&self, mut manager: TestManager) -> (TestManager, BroughtBack) {
        manager.ask_to_stop();
        manager.stopped().await;
        manager.store.close().await;
        let brought_back = self.bring_back(manager.directory.path());
        (TestManager::start_in(Arc::clone(&manager.directory)).await, brought_back)
    }

    /// The manager's machine has burnt down: it is brought back on another one, without its journal.
    async fn elsewhere(&self, mut manager: TestManager) -> TestManager {
        manager.ask_to_stop();
        manager.stopped().await;
        let directory = Arc::new(tempfile::tempdir().unwrap());
        self.bring_back(directory.path());
        TestManager::start_in(directory).await
    }
}

/// The device renews its certificate and uses the new one: who has that.
async fn renew(manager: &TestManager, with: &Client, name: &str) -> Client {
    let (key, request) = csr(name);
    let mut connection = with.connect(manager.device).await.unwrap();
    let answer = connection.post("/v1/renew", &json!({"version": 1, "csr": request})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let chain = answer.json()["certificate_chain"].as_str().unwrap().to_owned();
    let new = Client::new(&manager.ca, Some((&chain, &key)));
    assert_eq!(new.report(manager.device, &batch(1, &[])).await.status, StatusCode::OK);
    new
}

/// A device that has had its certificate for a while: certificates tell whole seconds.
async fn aged(manager: &TestManager, name: &str) -> Client {
    manager.enrol(name).await;
    let (key, request) = csr(name);
    let ca = Ca::load_or_make(manager.directory.path(), now()).unwrap();
    let issued = ca.issue(&check_csr(&request).unwrap(), now() - HOUR, HOUR * 480).unwrap();
    let (device, serial) = (name.parse::<DeviceId>().unwrap(), issued.certificate.serial.clone());
    manager.store.renewal_issued(device.clone(), issued.certificate).await.unwrap();
    let client = Client::new(&manager.ca, Some((&issued.chain, &key)));
    // The manager hears of it as of what another process did.
    until(|| async {
        let answer = client.report(manager.device, &batch(1, &[])).await;
        (answer.status == StatusCode::OK).then_some(())
    })
    .await;
    assert!(!manager.store.renewed(device, serial, now()).await.unwrap(), "it was used");
    client
}

async fn restoration(manager: &TestManager) -> Value {
    manager.api("/api/v1/restoration").await["restoration"].clone()
}

async fn let_in(manager: &TestManager, body: Value) {
    let answer = manager.ask_api("POST", "/api/v1/restoration/let-in", Some(&body)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
}

/// The certificates that wait: whose, which, and whether the device is known.
fn waiting(restoration: &Value) -> Vec<(String, String, bool)> {
    let text = |arrival: &Value, what: &str| arrival[what].as_str().unwrap().to_owned();
    let items = restoration["items"].as_array().unwrap().iter();
    items.map(|one| (text(one, "device"), text(one, "serial"), one["known"].as_bool().unwrap())).collect()
}

async fn refused(manager: &TestManager, device: &Client) -> String {
    device.report(manager.device, &batch(1, &[])).await.problem(ProblemKind::CertificateNewer)
}

async fn is_let_in(manager: &TestManager, device: &Client) {
    let answer = device.report(manager.device, &batch(1, &[])).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

#[tokio::test]
async fn tokens_that_were_used_and_devices_that_were_shut_out_since_the_backup_stay_so() {
    let manager = TestManager::start().await;
    let lobby = manager.enrol("lobby").await;
    let secret = manager.token(Some("cellar"), HOUR).await;
    let backup = Backup::of(&manager);
    // Since then: a token is used, a device is shut out, and another one enrols and is shut out.
    let (key, request) = csr("cellar");
    let (status, reply) = manager.try_enrol(&secret, &request).await;
    assert_eq!(status, StatusCode::OK, "{reply}");
    let cellar = Client::new(&manager.ca, Some((reply["certificate_chain"].as_str().unwrap(), &key)));
    let attic = manager.enrol("attic").await;
    for device in ["lobby", "attic"] {
        let path = format!("/api/v1/devices/{device}/revoke");
        assert_eq!(manager.ask_api("POST", &path, None).await.status, StatusCode::OK);
    }

    let (manager, brought_back) = backup.in_place(manager).await;
    assert_eq!((brought_back.replayed.tokens, brought_back.replayed.revocations), (2, 2));
    assert!(brought_back.moved.unwrap().join("manager.sqlite3").exists(), "nothing is lost");
    assert!(!restoration(&manager).await.is_null(), "it knows that it was restored");
    let (status, reply) = manager.try_enrol(&secret, &csr("cellar").1).await;
    assert_eq!((status, &reply["type"]), (StatusCode::FORBIDDEN, &json!("urn:platen:problem:token-used")));
    for device in [&lobby, &attic] {
        device.report(manager.device, &batch(1, &[])).await.problem(ProblemKind::DeviceRevoked);
    }
    // The journal knows the certificate that the token's device was given.
    is_let_in(&manager, &cellar).await;
    // All that is consented to lets nobody in who was shut out.
    let_in(&manager, json!({"all": true})).await;
    for device in [&lobby, &attic] {
        device.report(manager.device, &batch(1, &[])).await.problem(ProblemKind::DeviceRevoked);
    }
}

#[tokio::test]
async fn tokens_of_update_clients_that_were_revoked_since_the_backup_stay_so() {
    let manager = TestManager::start().await;
    let tokens = "/api/v1/devices/lobby/ddi/tokens";
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(manager.ask_api("POST", tokens, None).await.json()["id"].clone());
    }
    let backup = Backup::of(&manager);
    let revoked = manager.ask_api("DELETE", &format!("{tokens}/{}", ids[0]), None).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    let (manager, brought_back) = backup.in_place(manager).await;
    assert_eq!(brought_back.replayed.tokens, 1);
    let known = manager.api("/api/v1/devices/lobby/ddi").await;
    let left: Vec<_> = known["tokens"].as_array().unwrap().iter().map(|token| &token["id"]).collect();
    assert_eq!(left, [&ids[1]]);
}

#[tokio::test]
async fn devices_that_were_retired_or_deleted_since_the_backup_stay_so() {
    let manager = TestManager::start().await;
    let lobby = manager.enrol("lobby").await;
    let cellar = manager.enrol("cellar").await;
    let backup = Backup::of(&manager);
    let done = manager.ask_api("POST", "/api/v1/devices/lobby/retire", None).await;
    assert!(done.status.is_success(), "{}", done.text());
    assert_eq!(manager.ask_api("POST", "/api/v1/devices/cellar/revoke", None).await.status, StatusCode::OK);
    let done = manager.ask_api("DELETE", "/api/v1/devices/cellar?confirm=cellar", None).await;
    assert!(done.status.is_success(), "{}", done.text());
    let (manager, brought_back) = backup.in_place(manager).await;
    assert_eq!((brought_back.replayed.retired, brought_back.replayed.deleted), (1, 1));
    lobby.report(manager.device, &batch(1, &[])).await.problem(ProblemKind::DeviceRevoked);
    // Nor does consent to all bring a deleted device back.
    let_in(&manager, json!({"all": true})).await;
    let refused = cellar.report(manager.device, &batch(1, &[])).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
    until(|| async {
        let shown = manager.ask_api("GET", "/api/v1/devices/cellar", None).await;
        (shown.status == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_device_that_was_shut_out_and_enrolled_again_since_is_let_in_with_its_new_certificate_alone() {
    let manager = TestManager::start().await;
    let old = manager.enrol("lobby").await;
    let backup = Backup::of(&manager);
    manager.ask_api("POST", "/api/v1/devices/lobby/revoke", None).await;
    let new = manager.enrol("lobby").await;
    let (manager, _) = backup.in_place(manager).await;
    is_let_in(&manager, &new).await;
    old.report(manager.device, &batch(1, &[])).await.problem(ProblemKind::UnknownDevice);
}

#[tokio::test]
async fn a_device_that_renewed_its_certificate_since_waits_is_shown_and_gets_in_once_an_operator_consents() {
    let manager = TestManager::start().await;
    let old = aged(&manager, "lobby").await;
    let backup = Backup::of(&manager);
    let new = renew(&manager, &old, "lobby").await;
    let manager = backup.elsewhere(manager).await;
    let told = refused(&manager, &new).await;
    assert!(told.contains("restored from a backup") && told.contains("restored let-in"), "{told}");
    let seen = restoration(&manager).await;
    let (device, serial, known) = waiting(&seen).pop().unwrap();
    assert_eq!((device.as_str(), known, &seen["waiting"]), ("lobby", true, &json!(1)));
    let_in(&manager, json!({"device": "lobby", "serial": serial})).await;
    is_let_in(&manager, &new).await;
    // From then on the one of before is what a certificate is that was replaced.
    old.report(manager.device, &batch(1, &[])).await.problem(ProblemKind::CertificateSuperseded);
    assert_eq!(restoration(&manager).await["waiting"], 0);
    let detail = manager.api("/api/v1/devices/lobby").await;
    assert_eq!(detail["identity_log"][0]["what"], "taken_after_restore");
    assert_eq!(detail["identity_log"][0]["by"], platen_tests::rigs::manager::task::OPERATOR);
    // And that lasts.
    let manager = manager.restart().await;
    is_let_in(&manager, &new).await;
}

#[tokio::test]
async fn a_device_that_enrolled_since_is_known_again_by_consent_and_after_the_end_it_would_not_be() {
    let manager = TestManager::start().await;
    let backup = Backup::of(&manager);
    let (cellar, attic) = (manager.enrol("cellar").await, manager.enrol("attic").await);
    let manager = backup.elsewhere(manager).await;
    refused(&manager, &cellar).await;
    let (device, serial, known) = waiting(&restoration(&manager).await).pop().unwrap();
    assert_eq!((device.as_str(), known), ("cellar", false));
    let wrong = json!({"device": "cellar", "serial": "40"});
    let answer = manager.ask_api("POST", "/api/v1/restoration/let-in", Some(&wrong)).await;
    answer.problem(ProblemKind::StateConflict);
    let_in(&manager, json!({"device": "cellar", "serial": serial})).await;
    is_let_in(&manager, &cellar).await;
    assert_eq!(manager.api("/api/v1/devices/cellar").await["identity"]["state"], "good");

    let ended = manager.ask_api("POST", "/api/v1/restoration/end", None).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert!(restoration(&manager).await.is_null());
    attic.report(manager.device, &batch(1, &[])).await.problem(ProblemKind::UnknownDevice);
    is_let_in(&manager, &cellar).await;
    let again = manager.ask_api("POST", "/api/v1/restoration/end", None).await;
    again.problem(ProblemKind::StateConflict);
}

#[tokio::test]
async fn consent_to_all_of_the_time_is_for_those_that_wait_and_those_that_come_and_for_no_other_time() {
    let manager = TestManager::start().await;
    let backup = Backup::of(&manager);
    let (cellar, attic) = (manager.enrol("cellar").await, manager.enrol("attic").await);
    // One that somebody made with a copy of the CA's key, long before.
    let (key, request) = csr("forged");
    let ca = Ca::load_or_make(manager.directory.path(), now()).unwrap();
    let forged = ca.issue(&check_csr(&request).unwrap(), now() - HOUR * 48, HOUR * 480).unwrap();
    let forged = Client::new(&manager.ca, Some((&forged.chain, &key)));
    let manager = backup.elsewhere(manager).await;
    refused(&manager, &cellar).await;
    let_in(&manager, json!({"all": true})).await;
    for device in [&cellar, &attic] {
        is_let_in(&manager, device).await;
    }
    forged.report(manager.device, &batch(1, &[])).await.problem(ProblemKind::UnknownDevice);
    // And one that is made long after the restore, by a second manager with the same key.
    let (key, request) = csr("later");
    let later = ca.issue(&check_csr(&request).unwrap(), now() + HOUR, HOUR * 480).unwrap();
    let later = Client::new(&manager.ca, Some((&later.chain, &key)));
    later.report(manager.device, &batch(1, &[])).await.problem(ProblemKind::UnknownDevice);
}

#[tokio::test]
async fn a_request_that_is_held_is_answered_by_the_consent() {
    let manager = TestManager::start().await;
    let old = aged(&manager, "lobby").await;
    let backup = Backup::of(&manager);
    let new = renew(&manager, &old, "lobby").await;
    let manager = backup.elsewhere(manager).await;
    refused(&manager, &new).await;
    let (_, serial, _) = waiting(&restoration(&manager).await).pop().unwrap();
    let (key, request) = csr("lobby");
    let asking = json!({"version": 1, "csr": request});
    let mut held = new.connect(manager.device).await.unwrap();
    let consent = let_in(&manager, json!({"device": "lobby", "serial": serial}));
    let (answer, ()) = tokio::join!(held.hold("/v1/renew", &asking, 60), consent);
    let answer = answer.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let chain = answer.json()["certificate_chain"].as_str().unwrap().to_owned();
    is_let_in(&manager, &Client::new(&manager.ca, Some((&chain, &key)))).await;
}

#[tokio::test]
async fn on_the_pages_operators_read_it_and_decide() {
    let manager = TestManager::start().await;
    let old = aged(&manager, "lobby").await;
    let backup = Backup::of(&manager);
    let new = renew(&manager, &old, "lobby").await;
    let manager = backup.elsewhere(manager).await;
    refused(&manager, &new).await;
    let (_, serial, _) = waiting(&restoration(&manager).await).pop().unwrap();
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let fleet = get(&mut browser, "/", &cookie).await.text();
    assert!(fleet.contains("data-restored=\"1\"") && fleet.contains("/restored"), "{fleet}");
    let page = get(&mut browser, "/restored", &cookie).await.text();
    for piece in ["data-arrival=\"lobby\"", "renewed its certificate after the backup", "yes-all", "yes-end"]
    {
        assert!(page.contains(piece), "{piece} is missing: {page}");
    }
    let form = format!("device=lobby&serial={serial}");
    let done = post_form(&mut browser, "/restored/let-in", &form, Some(OWN), &cookie).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    is_let_in(&manager, &new).await;
    for (path, left) in [("/restored/let-in-all", "yes-end"), ("/restored/end", "not-restored")] {
        assert_eq!(post_form(&mut browser, path, "", Some(OWN), &cookie).await.status, StatusCode::SEE_OTHER);
        let page = get(&mut browser, "/restored", &cookie).await.text();
        assert!(page.contains(left) && !page.contains("yes-all"), "{page}");
    }
    assert!(!get(&mut browser, "/", &cookie).await.text().contains("data-restored"));
}

#[tokio::test]
async fn reports_that_were_acknowledged_since_are_a_gap_of_their_own_reason_and_the_next_goes_on() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    let three = batch(1, &[utilisation(60), utilisation(59), utilisation(58)]);
    assert_eq!(device.report(manager.device, &three).await.acknowledged(), 3);
    let backup = Backup::of(&manager);
    let since = batch(4, &[utilisation(50), utilisation(49)]);
    assert_eq!(device.report(manager.device, &since).await.acknowledged(), 5);
    let mut another = batch(1, &[utilisation(40)]);
    another["epoch"] = json!("begun-since");
    let manager = backup.elsewhere(manager).await;
    let next = device.report(manager.device, &batch(6, &[utilisation(47)])).await;
    assert_eq!(next.acknowledged(), 6, "{}", next.text());
    let detail = manager.api("/api/v1/devices/lobby").await;
    let gap = &detail["gaps"][0];
    assert_eq!((&gap["first"], &gap["last"], &gap["reason"]), (&json!(4), &json!(5), &json!("restored")));
    assert!(gap["words"].as_str().unwrap().contains("restored from a backup"), "{gap}");
    assert_eq!(detail["lost_lately"], 0, "the device has lost nothing");
    // What it loses itself afterwards is that.
    assert_eq!(device.report(manager.device, &batch(9, &[utilisation(40)])).await.acknowledged(), 9);
    let detail = manager.api("/api/v1/devices/lobby").await;
    assert_eq!(detail["gaps"][0]["reason"], "other", "{detail}");
    // An outbox that was begun since and of which the first reports are gone.
    let mut begun = batch(3, &[utilisation(30)]);
    begun["epoch"] = json!("begun-since");
    assert_eq!(device.report(manager.device, &begun).await.acknowledged(), 3);
    let detail = manager.api("/api/v1/devices/lobby").await;
    assert_eq!((&detail["gaps"][0]["first"], &detail["gaps"][0]["reason"]), (&json!(1), &json!("restored")));
}

#[tokio::test]
async fn a_device_that_lost_no_report_with_the_restore_has_no_gap() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    assert_eq!(device.report(manager.device, &batch(1, &[utilisation(60)])).await.acknowledged(), 1);
    let backup = Backup::of(&manager);
    let manager = backup.elsewhere(manager).await;
    // It had not heard of the acknowledgement.
    let both = batch(1, &[utilisation(60), utilisation(59)]);
    assert_eq!(device.report(manager.device, &both).await.acknowledged(), 2);
    assert_eq!(manager.api("/api/v1/devices/lobby").await["gaps"], json!([]));
    // And a loss of its own later on is its own.
    assert_eq!(device.report(manager.device, &batch(5, &[utilisation(50)])).await.acknowledged(), 5);
    assert_eq!(manager.api("/api/v1/devices/lobby").await["gaps"][0]["reason"], "other");
}

#[tokio::test]
async fn a_password_that_was_changed_since_is_locked_and_sessions_are_over() {
    let manager = TestManager::start().await;
    let mut page = browser(&manager).await;
    let cookie = sign_in(&mut page).await;
    let backup = Backup::of(&manager);
    manager.store.set_operator("anna".to_owned(), "changed".to_owned(), now()).await.unwrap();
    let mut manager = manager;
    manager.ask_to_stop();
    manager.stopped().await;
    manager.store.close().await;
    let brought_back = backup.bring_back(manager.directory.path());
    assert_eq!(brought_back.replayed.passwords, 1);
    let store = platen_manager::store::Store::open(
        &database_path(manager.directory.path()),
        platen_manager::store::Grouping::Group,
    )
    .unwrap();
    let hash = store.password_hash("anna".to_owned()).await.unwrap().unwrap();
    assert!(hash.starts_with("$argon2id$") && hash.contains("AAAAAAAAAAAAAAAA"), "{hash}");
    store.close().await;
    let manager = TestManager::start_in(Arc::clone(&manager.directory)).await;
    let mut page = browser(&manager).await;
    let answer = get(&mut page, "/", &cookie).await;
    assert_ne!(answer.status, StatusCode::OK, "the session is over");
}

#[tokio::test]
async fn a_database_that_was_put_back_by_hand_is_noticed_and_what_it_forgot_is_done_again() {
    let mut manager = TestManager::start().await;
    let lobby = manager.enrol("lobby").await;
    let cellar = aged(&manager, "cellar").await;
    manager.ask_to_stop();
    manager.stopped().await;
    manager.store.close().await;
    let database = database_path(manager.directory.path());
    let old = std::fs::read(&database).unwrap();
    let mut manager = TestManager::start_in(Arc::clone(&manager.directory)).await;
    manager.ask_api("POST", "/api/v1/devices/lobby/revoke", None).await;
    let new = renew(&manager, &cellar, "cellar").await;
    manager.store.note_hour().await.unwrap();
    manager.ask_to_stop();
    manager.stopped().await;
    manager.store.close().await;
    std::fs::remove_file(&database).unwrap();
    std::fs::write(&database, old).unwrap();
    for rest in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{rest}", database.display()));
    }
    let manager = TestManager::start_in(Arc::clone(&manager.directory)).await;
    assert!(!restoration(&manager).await.is_null(), "it knows that it was taken back");
    lobby.report(manager.device, &batch(1, &[])).await.problem(ProblemKind::DeviceRevoked);
    refused(&manager, &new).await;
    // Once is enough.
    let manager = manager.restart().await;
    assert!(!restoration(&manager).await.is_null());
    assert_eq!(waiting(&restoration(&manager).await).len(), 1);
}

#[tokio::test]
async fn a_manager_that_was_not_restored_knows_that_too() {
    let manager = TestManager::start().await;
    manager.enrol("lobby").await;
    manager.ask_api("POST", "/api/v1/devices/lobby/revoke", None).await;
    manager.enrol("lobby").await;
    let manager = manager.restart().await.restart().await;
    assert!(restoration(&manager).await.is_null());
    manager.enrol("cellar").await;
    let answer = manager.ask_api("POST", "/api/v1/restoration/let-in", Some(&json!({"all": true}))).await;
    answer.problem(ProblemKind::StateConflict);
    manager
        .ask_api("POST", "/api/v1/restoration/let-in", Some(&json!({})))
        .await
        .problem(ProblemKind::InvalidRequest);
    manager.ask_api("GET", "/api/v1/restoration?cursor=nonsense", None).await;
}

#[tokio::test]
async fn two_managers_do_not_serve_from_one_directory() {
    let manager = TestManager::start().await;
    let config = read_config(manager.directory.path(), "localhost");
    let listeners = platen_manager::Listeners::bind(&config).await.unwrap();
    let never = std::future::pending::<()>();
    let refused = platen_manager::run(config.clone(), listeners, Arc::default(), never).await.unwrap_err();
    assert!(matches!(refused, RunError::Serving(Held::Serving { .. })), "{refused}");
    assert!(refused.to_string().contains("another manager is serving"), "{refused}");
    // Nor is anything put in place there.
    let backup = Backup::of(&manager);
    let refused = bring_back::bring_back(&config, &backup.file(), true, now()).unwrap_err().to_string();
    assert!(refused.contains("another manager is serving"), "{refused}");
    // It serves on.
    until(|| async { (manager.api("/api/v1/health").await["storing"] == true).then_some(()) }).await;
}

/// The configuration of a manager with a database of PostgreSQL.
fn on_postgres(state: &std::path::Path, url: &str) -> Config {
    let text = format!(
        "device_listen = \"127.0.0.1:0\"\noperator_listen = \"127.0.0.1:0\"\nstate_directory = \"{}\"\n\
         names = [\"localhost\"]\nstore = \"{url}\"\n",
        state.display()
    );
    config::parse(std::path::Path::new("manager.toml"), &text).unwrap()
}

/// What waits for PostgreSQL is done on a thread that may.
async fn apart<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(act).await.unwrap()
}

#[tokio::test]
async fn a_database_of_postgresql_is_brought_back_with_its_journal_outside_of_it() {
    let mut cluster = Cluster::start();
    let (state, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let database = cluster.database();
    let before = on_postgres(state.path(), &cluster.socket_url(&database));
    let device: DeviceId = "lobby".parse().unwrap();
    let token =
        |hash: &str| NewToken { hash: hash.to_owned(), device: None, created: now(), expires: now() + HOUR };
    let enrolment = |hash: &str, device: &str| Enrolment {
        token_hash: hash.to_owned(),
        device: device.parse().unwrap(),
        certificate_serial: format!("of-{device}"),
        certificate_expires: now() + HOUR,
        now: now(),
    };
    let opened = before.clone();
    let store = apart(move || platen_manager::open_store(&opened)).await.unwrap();
    Ca::load_or_make(state.path(), now()).unwrap();
    store.add_token(token("one")).await.unwrap();
    store.add_token(token("two")).await.unwrap();
    store.enrol(enrolment("one", "lobby")).await.unwrap().unwrap();
    let file = folder.path().join("b.tar");
    let (config, to) = (before.clone(), file.clone());
    let made = apart(move || {
        let none = to.with_extension("none");
        let wanted = Wanted { config: &config, configuration: &none, to: &to, without_database: false };
        make::make(&wanted, now(), &mut |_, _| {})
    });
    let made = made.await.unwrap().manifest;
    let names: Vec<&str> = made.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["database.pgdump", "ca.key", "ca.pem", "manager.journal"]);
    // Since then.
    store.enrol(enrolment("two", "cellar")).await.unwrap().unwrap();
    store.revoke(device.clone(), "olga".to_owned(), now()).await.unwrap();
    store.close().await;

    // Into a database that is not empty, nothing is brought back.
    let (config, from) = (before, file.clone());
    let refused = apart(move || bring_back::bring_back(&config, &from, true, now()).unwrap_err().to_string());
    let refused = refused.await;
    assert!(refused.contains("is not empty"), "{refused}");
    let empty = cluster.database();
    let after = on_postgres(state.path(), &cluster.socket_url(&empty));
    let config = after.clone();
    let brought_back = apart(move || bring_back::bring_back(&config, &file, true, now())).await.unwrap();
    assert_eq!((brought_back.replayed.tokens, brought_back.replayed.revocations), (1, 1));
    let store = apart(move || platen_manager::open_store(&after)).await.unwrap();
    assert_eq!(store.restored().open().len(), 1);
    let standings = store.standings(None, 10).await.unwrap();
    let stands: Vec<_> = standings.iter().map(|(id, one)| (id.as_str(), one.revoked.is_some())).collect();
    assert_eq!(stands, [("cellar", false), ("lobby", true)]);
    let again = store.enrol(enrolment("two", "attic")).await.unwrap();
    assert_eq!(again, Err(TokenRefusal::Used));
    // A certificate of between waits, and is taken by consent.
    let newer = Certificate { serial: "newer".into(), issued: now(), expires: now() + HOUR };
    let attic: DeviceId = "attic".parse().unwrap();
    assert!(store.arrived(attic.clone(), newer.clone(), "192.0.2.1".into(), now()).await.unwrap());
    assert!(!store.arrived(attic.clone(), newer, "192.0.2.1".into(), now()).await.unwrap());
    let (waiting, count) = store.arrivals(None, 10).await.unwrap();
    assert_eq!((waiting.len(), count, waiting[0].known), (1, 1, false));
    let let_in = store.consent_to_all("olga".to_owned(), now()).await.unwrap().unwrap();
    assert_eq!(let_in.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["attic"]);
    assert!(store.end_restorations("olga".to_owned(), now()).await.unwrap());
    assert!(store.restored().open().is_empty());
    store.close().await;
}

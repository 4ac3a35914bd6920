//! What ends: certificates and tokens, over 400 days of a clock that is moved, and files that are renewed while
//! connections stand.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use hyper::StatusCode;
use jiff::{SignedDuration, Timestamp};
use platen_manager::clock;
use platen_manager::limits::Limits;
use platen_manager::secret::{fingerprint, random_hex};
use platen_manager::store::NewToken;
use platen_tests::rigs::authority::OperatorTls;
use platen_tests::rigs::manager::client::{Client, Connection, csr, request};
use platen_tests::rigs::manager::messages::{batch, utilisation};
use platen_tests::rigs::manager::pages::{browser, get, sign_in};
use platen_tests::rigs::manager::task::{TestManager, now, until};
use serde_json::{Value, json};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Starts a manager with a certificate for operators of another authority, which is good until then.
async fn with_operator_tls(ends: Timestamp) -> (TestManager, OperatorTls) {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let tls = OperatorTls::new(directory.path());
    tls.renew(now() - DAY * 70, ends);
    let limits = Limits { requests_per_minute: 1_000_000, requests_burst: 100_000, ..Limits::default() };
    let files = tls.files.clone();
    let mut manager = TestManager::start_configured(directory, |config| {
        (config.limits, config.operator_tls) = (limits, Some(files));
    })
    .await;
    manager.trusted.clone_from(&tls.authority.pem);
    (manager, tls)
}

/// What of a kind the manager says of its ends.
async fn ending(manager: &TestManager, what: &str) -> Option<Value> {
    let health = manager.api("/api/v1/health").await;
    let endings = health["endings"].as_array().unwrap();
    endings.iter().find(|ending| ending["what"] == what).cloned()
}

async fn until_state(manager: &TestManager, what: &str, state: &str) -> Value {
    until(|| async {
        manager.reload();
        ending(manager, what).await.filter(|ending| ending["state"] == state)
    })
    .await
}

async fn until_said(manager: &TestManager, holds: impl Fn(&Value) -> bool) {
    until(|| async {
        manager.reload();
        holds(&manager.api("/api/v1/health").await).then_some(())
    })
    .await;
}

/// A request on a connection that stands.
async fn ask_health(connection: &mut Connection, bearer: &str) -> StatusCode {
    let mut request = request("GET", "/api/v1/health", "");
    request.headers_mut().insert("authorization", format!("Bearer {bearer}").parse().unwrap());
    connection.send(request).await.unwrap().status
}

/// A device that does as the agent does: it reports on a connection, and renews when two thirds are over.
struct Device {
    name: String,
    ca: String,
    identity: (String, String),
    renew_at: Timestamp,
    sequence: u64,
}

impl Device {
    async fn enrol(manager: &TestManager, name: &str, now: Timestamp) -> Self {
        let secret = random_hex::<16>().unwrap();
        let hash = fingerprint(secret.as_bytes());
        let device = Some(name.parse().unwrap());
        manager.store.add_token(NewToken { hash, device, created: now, expires: now + DAY }).await.unwrap();
        let (key, csr) = csr(name);
        let body = json!({"version": 1, "secret": secret, "csr": csr});
        let anyone = Client::new(&manager.ca, None).at(now);
        let answer = anyone.connect(manager.device).await.unwrap().post("/v1/enroll", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let chain = answer.json()["certificate_chain"].as_str().unwrap().to_owned();
        let (name, ca, renew_at) = (name.to_owned(), manager.ca.clone(), now + DAY * 243);
        Self { name, ca, identity: (chain, key), renew_at, sequence: 0 }
    }

    fn client(&self, now: Timestamp) -> Client {
        Client::new(&self.ca, Some((&self.identity.0, &self.identity.1))).at(now)
    }

    async fn connect(&self, manager: &TestManager, now: Timestamp) -> Connection {
        self.client(now).connect(manager.device).await.unwrap()
    }

    /// A report, which must be taken.
    async fn report(&mut self, connection: &mut Connection) {
        self.sequence += 1;
        let batch = batch(self.sequence, &[utilisation(50)]);
        let answer = connection.post("/v1/reports", &batch).await;
        assert_eq!(answer.acknowledged(), self.sequence, "{}", self.name);
    }

    /// Renews its certificate if that is due; whether it was.
    async fn renew(&mut self, manager: &TestManager, now: Timestamp) -> bool {
        if now < self.renew_at {
            return false;
        }
        let (key, csr) = csr(&self.name);
        let mut connection = self.connect(manager, now).await;
        let answer = connection.post("/v1/renew", &json!({"version": 1, "csr": csr})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        self.identity = (answer.json()["certificate_chain"].as_str().unwrap().to_owned(), key);
        self.renew_at = now + DAY * 243;
        true
    }
}

/// The manager's clock, which this moves, on the thread of the test.
struct Days {
    begin: Timestamp,
    passed: Rc<Cell<SignedDuration>>,
}

impl Days {
    fn begin() -> Self {
        let passed = Rc::new(Cell::new(SignedDuration::ZERO));
        let told = Rc::clone(&passed);
        clock::told_by(move || now() + told.get());
        Self { begin: now(), passed }
    }

    fn set(&self, day: i32) -> Timestamp {
        self.passed.set(DAY * day);
        now() + DAY * day
    }

    /// So many days after the beginning.
    fn after(&self, days: i32) -> Timestamp {
        self.begin + DAY * days
    }
}

#[tokio::test]
async fn for_400_days_devices_enrol_and_reconnect_all_along_and_no_end_cuts_anyone() {
    let days = Days::begin();
    let (manager, tls) = with_operator_tls(days.after(90)).await;
    let mut operators_end = 90;
    let start = days.set(0);
    let forgotten =
        NewToken { hash: fingerprint(b"forgotten"), device: None, created: start, expires: start + DAY * 31 };
    manager.store.add_token(forgotten).await.unwrap();
    let _gone = Device::enrol(&manager, "gone", start).await;
    let mut fleet = vec![Device::enrol(&manager, "lobby", start).await];
    let mut steady = Device::enrol(&manager, "steady", start).await;
    let mut standing = steady.connect(&manager, start).await;
    let mut operator = Client::new(&manager.trusted, None).connect(manager.operator).await.unwrap();
    let (mut renewals, mut own) =
        (0, Client::new(&manager.ca, None).at(start).shown(manager.device).await.unwrap());
    let mut told = Vec::new();
    for day in 1..=400 {
        let now = days.set(day);
        if operators_end - day == 5 {
            operators_end = day + 90;
            // Begun in the past, for the operators of this test live in the present.
            tls.renew(days.begin, days.after(operators_end));
        }
        // One that ends in 30 days is told or renewed, and the manager has looked at all others as well.
        let left = operators_end - day;
        let near = if left <= 7 { "within_7_days" } else { "within_30_days" };
        let state = if left <= 30 { near } else { "good" };
        until_state(&manager, "operator_certificate", state).await;
        if told.last().is_none_or(|(_, last)| *last != state) {
            told.push((day, state));
        }
        until_said(&manager, |health| {
            let own =
                health["endings"].as_array().unwrap().iter().find(|one| one["what"] == "manager_certificate");
            own.is_some_and(|own| own["words"].is_null())
        })
        .await;
        let shown = Client::new(&manager.ca, None).at(now).shown(manager.device).await.unwrap();
        assert!(shown.until > now + DAY * 29, "on day {day} it is good until {}", shown.until);
        if shown != own {
            (renewals, own) = (renewals + 1, shown);
        }

        if day % 50 == 0 {
            fleet.push(Device::enrol(&manager, &format!("room-{day}"), now).await);
        }
        for device in &mut fleet {
            device.renew(&manager, now).await;
            let mut connection = device.connect(&manager, now).await;
            device.report(&mut connection).await;
        }
        if steady.renew(&manager, now).await {
            standing = steady.connect(&manager, now).await;
        }
        steady.report(&mut standing).await;
        assert_eq!(ask_health(&mut operator, &manager.bearer).await, StatusCode::OK, "day {day}");

        match day {
            26 => {
                let token = until_state(&manager, "enrolment_token", "within_7_days").await;
                assert_eq!((&token["subject"], &token["days_left"]), (&json!("any new device"), &json!(4)));
            }
            32 => drop(until_state(&manager, "enrolment_token", "ended").await),
            340 => until_said(&manager, |health| health["device_certificates"]["within_30_days"] == 1).await,
            _ => {}
        }
    }
    assert_eq!(renewals, 1, "the manager's own certificate, of a year");
    let expected = [
        (1, "good"),
        (60, "within_30_days"),
        (83, "within_7_days"),
        (85, "good"),
        (145, "within_30_days"),
        (168, "within_7_days"),
        (170, "good"),
        (230, "within_30_days"),
        (253, "within_7_days"),
        (255, "good"),
        (315, "within_30_days"),
        (338, "within_7_days"),
        (340, "good"),
        (400, "within_30_days"),
    ];
    assert_eq!(told, expected);
    // Of the one that went away.
    until_said(&manager, |health| health["device_certificates"]["ended"] == 1).await;
    let (mut taken, fleet) = (0, fleet.iter().chain([&steady]));
    for device in fleet {
        let reports = manager.api(&format!("/api/v1/reports?device={}&limit=1", device.name)).await;
        assert_eq!(reports["items"][0]["sequence"], device.sequence, "{}", device.name);
        taken += device.sequence;
    }
    println!("{taken} reports over 400 days, each on the day; none was refused");
}

#[tokio::test]
async fn renewed_files_of_operator_tls_are_shown_at_once_while_connections_stand() {
    let (manager, tls) = with_operator_tls(now() + DAY * 20).await;
    let told = until_state(&manager, "operator_certificate", "within_30_days").await;
    let words = told["words"].as_str().unwrap();
    assert!(words.contains("operators.pem") && words.contains("takes both within seconds"), "{words}");
    let mut visitor = browser(&manager).await;
    let cookie = sign_in(&mut visitor).await;
    manager.enrol("lobby").await;
    for page in ["/", "/devices/lobby"] {
        let page = get(&mut visitor, page, &cookie).await.text();
        assert!(page.contains("data-ending=\"operator_certificate\""), "{page}");
    }
    let mut standing = Client::new(&manager.trusted, None).connect(manager.operator).await.unwrap();
    assert_eq!(ask_health(&mut standing, &manager.bearer).await, StatusCode::OK);

    tls.renew(now(), now() + DAY * 90);
    let ends = until_state(&manager, "operator_certificate", "good").await["until"].clone();
    let shown = Client::new(&manager.trusted, None).shown(manager.operator).await.unwrap();
    assert_eq!(json!(shown.until), ends);
    assert!(shown.until > now() + DAY * 89);
    assert_eq!(ask_health(&mut standing, &manager.bearer).await, StatusCode::OK, "it stands");
    let page = get(&mut visitor, "/", &cookie).await.text();
    assert!(!page.contains("data-ending"), "{page}");
}

#[tokio::test]
async fn files_of_operator_tls_are_found_by_the_manager_itself() {
    let (manager, tls) = with_operator_tls(now() + DAY * 20).await;
    tls.renew(now(), now() + DAY * 90);
    until(|| async {
        let shown = Client::new(&manager.trusted, None).shown(manager.operator).await.unwrap();
        (shown.until > now() + DAY * 89).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_pair_that_does_not_match_is_not_taken_and_operators_see_why() {
    let (manager, tls) = with_operator_tls(now() + DAY * 80).await;
    let ends = until_state(&manager, "operator_certificate", "good").await["until"].clone();
    let (renewed, other) =
        (tls.authority.issue(now(), now() + DAY * 90), tls.authority.issue(now(), now() + DAY * 90));
    tls.put(&(renewed.0.clone(), other.1));
    let told = until(|| async {
        manager.reload();
        ending(&manager, "operator_certificate").await.filter(|ending| !ending["trouble"].is_null())
    })
    .await;
    assert!(told["trouble"].as_str().unwrap().contains("is not that of the certificate"), "{told}");
    assert_eq!((&told["state"], &told["until"]), (&json!("good"), &ends), "the old one is in use");
    let mut visitor = browser(&manager).await;
    let cookie = sign_in(&mut visitor).await;
    let page = get(&mut visitor, "/", &cookie).await.text();
    assert!(page.contains("The certificate in the files of operator_tls is not used"), "{page}");

    tls.put(&renewed);
    until(|| async {
        manager.reload();
        let ending = ending(&manager, "operator_certificate").await?;
        (ending["trouble"].is_null() && ending["until"] != ends).then_some(())
    })
    .await;
}

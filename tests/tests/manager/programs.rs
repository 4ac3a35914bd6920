//! Programs, from what a maker has signed to the bytes at a device, over real TLS.

use std::path::PathBuf;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use platen_manager::programs::Programs;
use platen_manager::programs::online::OnlineKey;
use platen_manager::programs::publish::{Brought, PublishError};
use platen_manager::store::Published;
use platen_protocol::path;
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::maker::Maker;
use platen_tests::rigs::manager::client::{Answer, Client, request};
use platen_tests::rigs::manager::messages::{batch, report, started};
use platen_tests::rigs::manager::task::{TestManager, now, until};
use platen_trust::PrivateKey as _;
use platen_trust::sign::key::public_from_pem;
use platen_trust::{Document, KnownTime, PublicKey, Trusted};
use serde_json::{Value, json};

use super::signed::{Signer, assert_signed, send};

/// Bytes of a program: more than is read at once, and no two pieces alike.
pub(super) fn program_bytes(count: u32) -> Vec<u8> {
    (0..count).flat_map(u32::to_le_bytes).collect()
}

/// A manager with a maker who trusts its key.
pub(super) struct House {
    pub(super) manager: TestManager,
    pub(super) maker: Maker,
    folder: tempfile::TempDir,
}

fn online_key(manager: &TestManager) -> PublicKey {
    let programs = Programs::new(manager.store.clone(), manager.directory.path());
    programs.files().make_folder().unwrap();
    let key = OnlineKey::load_or_make(manager.directory.path()).unwrap();
    public_from_pem(&key.public_pem().unwrap()).unwrap()
}

impl House {
    /// At a manager that may be asked as often as it takes until something is so.
    pub(super) async fn new() -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let manager = TestManager::start_configured(directory, |config| {
            config.limits.program_requests_per_minute = 100_000;
        });
        Self::with(manager.await)
    }

    pub(super) fn with(manager: TestManager) -> Self {
        let maker = Maker::new(&online_key(&manager), now());
        Self { manager, maker, folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(platen_manager::secret::fingerprint(bytes));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Publishes as `platen-manager program publish` does, beside the manager that serves.
    pub(super) async fn publish(&self, brought: Brought) -> Result<Published, PublishError> {
        let state = self.manager.directory.path();
        let programs = Programs::new(self.manager.store.clone(), state);
        programs.publish(state, &brought, "anna", now()).await
    }

    /// Publishes a program, and waits until the manager that serves has heard of it.
    pub(super) async fn publish_program(&mut self, version: &str, bytes: &[u8]) {
        let program = Maker::program("engine-firmware", version, bytes);
        let targets = Some(self.maker.sign(&[program], &[]));
        let brought =
            Brought { roots: vec![self.maker.root.clone()], targets, files: vec![self.file(bytes)] };
        self.publish(brought).await.unwrap();
        let address = format!("/api/v1/programs/engine-firmware/{version}");
        self.manager.api(&address).await;
    }

    pub(super) async fn offer(&self, version: &str, devices: &[&str]) -> Value {
        let address = format!("/api/v1/programs/engine-firmware/{version}/offers");
        let answer = self.manager.ask_api("POST", &address, Some(&json!({"devices": devices}))).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    pub(super) async fn device(&self, name: &str) -> Device {
        let client = self.manager.enrol(name).await;
        client.report(self.manager.device, &batch(1, &[started("MFP 450")])).await;
        Device { client, address: self.manager.device }
    }

    /// Asks until the manager that serves has taken up what was published.
    pub(super) async fn until_given(&self, device: &Device) -> Answer {
        until(|| async {
            let answer = device.ask(&asks(), &[]).await;
            (answer.status != StatusCode::NO_CONTENT).then_some(answer)
        })
        .await
    }
}

pub(super) struct Device {
    pub(super) client: Client,
    pub(super) address: std::net::SocketAddr,
}

impl Device {
    async fn try_ask(&self, body: &Value, fields: &[(&'static str, &str)]) -> hyper::Result<Answer> {
        let mut request = request("POST", path::PROGRAMS, body.to_string());
        for (name, value) in fields {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        self.client.connect(self.address).await.unwrap().send(request).await
    }

    pub(super) async fn ask(&self, body: &Value, fields: &[(&'static str, &str)]) -> Answer {
        self.try_ask(body, fields).await.unwrap()
    }
}

/// A device that asks, and trusts the first root.
pub(super) fn asks() -> Value {
    json!({
        "version": 1, "cause": "interval",
        "hardware": {"model": "MFP 450", "board": "Raspberry Pi 4", "architecture": "arm64"},
        "running": [{"kind": "agent-package", "name": "platen-agent", "version": "0.1.0"}],
        "free_bytes": 100_000_000,
        "trusted": {"root": 1, "timestamp": 0, "snapshot": 0, "targets": 0},
        "sent": {"boot_id": "b1", "monotonic_ms": 1000, "wall": "2026-11-30T09:00:00Z", "clock": "synchronised"}
    })
}

pub(super) fn field<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

/// What an answer carries: the metadata, and the program.
fn carried(answer: &Answer) -> (&[u8], &[u8]) {
    answer.body.split_at(field(answer, "platen-metadata-length").parse().unwrap())
}

#[tokio::test]
async fn a_device_gets_the_program_with_the_metadata_by_which_it_trusts_it() {
    let mut house = House::new().await;
    let lobby = house.device("lobby").await;
    assert_eq!(lobby.ask(&asks(), &[]).await.status, StatusCode::NO_CONTENT);
    let bytes = program_bytes(100_000);
    house.publish_program("2.0", &bytes).await;
    assert_eq!(house.offer("2.0", &["lobby"]).await, json!({"offered": ["lobby"], "already": []}));
    assert_eq!(house.offer("2.0", &["lobby"]).await, json!({"offered": [], "already": ["lobby"]}));
    let answer = house.until_given(&lobby).await;
    assert_eq!(answer.status, StatusCode::OK);
    let (metadata, program) = carried(&answer);
    assert_eq!(program, bytes);
    // As a device does.
    let document = Document::parse(metadata).unwrap();
    let clock = KnownTime::synchronised(now());
    let trusted = Trusted::start(&house.maker.root).unwrap().bring_up(&document, clock).unwrap();
    let described = trusted.program("engine-firmware/2.0", clock).unwrap();
    described.verify_file(&mut &program[..]).unwrap();
    assert_eq!(field(&answer, "platen-program"), "engine-firmware/engine-firmware/2.0");
    assert_eq!(field(&answer, "accept-ranges"), "bytes");
    let device = house.manager.api("/api/v1/devices/lobby").await;
    let programs = &device["programs"];
    assert_eq!(programs["running"][0]["version"], "0.1.0");
    assert_eq!(programs["offers"][0]["attempt_id"], field(&answer, "platen-attempt"));
    assert_eq!(programs["attempts"][0]["step"], "fetching");
}

#[tokio::test]
async fn a_transfer_that_is_cut_at_each_tenth_goes_on_where_it_was() {
    let mut house = House::new().await;
    let lobby = house.device("lobby").await;
    house.publish_program("2.0", &program_bytes(70_001)).await;
    house.offer("2.0", &["lobby"]).await;
    let whole = house.until_given(&lobby).await;
    let (etag, length) = (field(&whole, "etag").to_owned(), whole.body.len());
    let mut held: Vec<u8> = Vec::new();
    for tenth in 1..=10 {
        let end = length * tenth / 10;
        let range = format!("bytes={}-", held.len());
        let answer = lobby.ask(&asks(), &[("range", &range), ("if-range", &etag)]).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
        let told = format!("bytes {}-{}/{length}", held.len(), length - 1);
        assert_eq!((field(&answer, "content-range"), field(&answer, "etag")), (told.as_str(), etag.as_str()));
        // It is cut here.
        held.extend_from_slice(&answer.body[..end - held.len()]);
    }
    assert_eq!(held, whole.body);
    let piece = lobby.ask(&asks(), &[("range", "bytes=3-5")]).await;
    assert_eq!((piece.status, &piece.body[..]), (StatusCode::PARTIAL_CONTENT, &whole.body[3..6]));
    let beyond = lobby.ask(&asks(), &[("range", &format!("bytes={length}-"))]).await;
    beyond.problem(ProblemKind::RangeNotSatisfiable);
    let odd = lobby.ask(&asks(), &[("range", "lines=1-2")]).await;
    assert_eq!((odd.status, odd.body.len()), (StatusCode::OK, length));
}

#[tokio::test]
async fn newer_signatures_do_not_begin_a_transfer_anew_and_another_program_does() {
    let mut house = House::new().await;
    let lobby = house.device("lobby").await;
    house.publish_program("2.0", &program_bytes(50_000)).await;
    house.offer("2.0", &["lobby"]).await;
    let whole = house.until_given(&lobby).await;
    let etag = field(&whole, "etag").to_owned();
    // Another program is published, which makes all metadata but the root newer.
    house.publish_program("3.0", &program_bytes(60_000)).await;
    until(|| async {
        let answer = lobby.ask(&asks(), &[]).await;
        (field(&answer, "etag") != etag).then_some(())
    })
    .await;
    let rest = lobby.ask(&asks(), &[("range", "bytes=1000-"), ("if-range", &etag)]).await;
    assert_eq!((rest.status, &rest.body[..]), (StatusCode::PARTIAL_CONTENT, &whole.body[1000..]));
    for other in ["\"0123\"", "\"0123456789abcdef0123456789abcdef-1-2-3-4-5\"", "W/\"x\""] {
        let all = lobby.ask(&asks(), &[("range", "bytes=1000-"), ("if-range", other)]).await;
        assert_eq!((all.status, carried(&all).1), (StatusCode::OK, &program_bytes(50_000)[..]));
    }
}

#[tokio::test]
async fn a_device_that_asks_again_writes_nothing() {
    let mut house = House::new().await;
    let lobby = house.device("lobby").await;
    house.publish_program("2.0", &program_bytes(10)).await;
    assert_eq!(lobby.ask(&asks(), &[]).await.status, StatusCode::NO_CONTENT);
    let log = house.manager.directory.path().join("manager.sqlite3-wal");
    let written = || std::fs::metadata(&log).map_or(0, |found| found.len());
    house.manager.store.probe(now()).await.unwrap();
    let before = written();
    for _ in 0..20 {
        assert_eq!(lobby.ask(&asks(), &[]).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(written(), before);
}

#[tokio::test]
async fn a_program_that_is_revoked_while_it_is_sent_is_cut_off_and_given_no_more() {
    let mut house = House::new().await;
    let lobby = house.device("lobby").await;
    // More than all buffers between here and there.
    house.publish_program("2.0", &program_bytes(16_000_000)).await;
    house.offer("2.0", &["lobby"]).await;
    let first = until(|| async {
        let answer = lobby.ask(&asks(), &[("range", "bytes=0-9")]).await;
        (answer.status == StatusCode::PARTIAL_CONTENT).then_some(answer)
    })
    .await;
    let mut connection = lobby.client.connect(lobby.address).await.unwrap();
    let mut ask = request("POST", path::PROGRAMS, asks().to_string());
    ask.headers_mut().insert("if-range", field(&first, "etag").parse().unwrap());
    let under_way = connection.open(ask).await.unwrap();
    let targets = Some(house.maker.sign(&[], &["engine-firmware/2.0"]));
    let published = house.publish(Brought { targets, ..Brought::default() }).await.unwrap();
    assert_eq!(published.revoked, [("engine-firmware".to_owned(), "2.0".to_owned())]);
    until(|| async {
        // A few bytes: an answer with all of them would be cut off in the middle, too.
        let answer = lobby.ask(&asks(), &[("range", "bytes=0-9")]).await;
        (answer.status == StatusCode::NO_CONTENT).then_some(())
    })
    .await;
    let read = http_body_util::BodyExt::collect(under_way.into_body()).await;
    assert!(read.is_err(), "it was sent to its end");
    let device = house.manager.api("/api/v1/devices/lobby").await;
    assert_eq!(device["programs"]["offers"], json!([]));
    let again = json!({"devices": ["lobby"]});
    let address = "/api/v1/programs/engine-firmware/2.0/offers";
    let refused = house.manager.ask_api("POST", address, Some(&again)).await;
    assert!(refused.problem(ProblemKind::StateConflict).contains("revoked"));
}

#[tokio::test]
async fn what_is_in_the_way_of_a_program_is_shown_and_over_when_it_is_over() {
    let mut house = House::new().await;
    let lobby = house.device("lobby").await;
    house.publish_program("2.0", &program_bytes(1000)).await;
    house.offer("2.0", &["lobby"]).await;
    let mut full = asks();
    full["free_bytes"] = json!(3999);
    let mut bare = asks();
    bare.as_object_mut().unwrap().remove("trusted");
    for (asked, word) in [(&full, "4000 bytes"), (&bare, "root of trust")] {
        until(|| async {
            assert_eq!(lobby.ask(asked, &[]).await.status, StatusCode::NO_CONTENT);
            let device = house.manager.api("/api/v1/devices/lobby").await;
            let waits = device["programs"]["offers"][0]["waits"].as_str().unwrap_or_default().to_owned();
            waits.contains(word).then_some(())
        })
        .await;
    }
    assert_eq!(house.until_given(&lobby).await.status, StatusCode::OK);
    let device = house.manager.api("/api/v1/devices/lobby").await;
    assert_eq!(device["programs"]["offers"][0]["waits"], json!(null));
}

#[tokio::test]
async fn how_an_attempt_goes_is_shown_and_its_end_ends_the_offer() {
    let mut house = House::new().await;
    let lobby = house.device("lobby").await;
    house.publish_program("2.0", &program_bytes(10)).await;
    house.offer("2.0", &["lobby"]).await;
    let attempt = field(&house.until_given(&lobby).await, "platen-attempt").to_owned();
    let tell = async |sequence: u64, step: &str, reason: Option<&str>| {
        let program = json!({"attempt_id": attempt, "step": step, "reason": reason});
        let report = report(sequence, &json!({"kind": "program", "program": program}));
        let told = json!({"version": 1, "epoch": "e1", "oldest_sequence": sequence, "reports": [report]});
        assert_eq!(lobby.client.report(lobby.address, &told).await.acknowledged(), sequence);
    };
    tell(2, "confirming", None).await;
    // While it goes on, nothing is given.
    assert_eq!(lobby.ask(&asks(), &[]).await.status, StatusCode::NO_CONTENT);
    let programs = house.manager.api("/api/v1/devices/lobby").await["programs"].clone();
    assert_eq!(
        (programs["attempts"][0]["step"].as_str(), &programs["offers"][0]["step"]),
        (Some("confirming"), &json!("confirming"))
    );
    tell(3, "rolled_back", Some("the engine did not answer")).await;
    tell(4, "installing", None).await;
    let programs = house.manager.api("/api/v1/devices/lobby").await["programs"].clone();
    assert_eq!(programs["attempts"][0]["step"], "rolled_back", "an end is an end");
    assert_eq!(programs["attempts"][0]["reason"], "the engine did not answer");
    assert_eq!(programs["offers"], json!([]));
    let counts = &house.manager.api("/api/v1/programs/engine-firmware/2.0").await["devices"];
    assert_eq!((&counts["rolled_back"], &counts["trying"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn what_was_tried_and_what_runs_is_learnt_when_a_device_asks() {
    let mut house = House::new().await;
    let lobby = house.device("lobby").await;
    house.publish_program("2.0", &program_bytes(10)).await;
    house.publish_program("3.0", &program_bytes(11)).await;
    house.offer("2.0", &["lobby"]).await;
    house.offer("3.0", &["lobby"]).await;
    let attempt = field(&house.until_given(&lobby).await, "platen-attempt").to_owned();
    let mut later = asks();
    let runs = json!({"kind": "engine-firmware", "name": "engine-firmware", "version": "3.0"});
    later["running"].as_array_mut().unwrap().push(runs);
    later["tried"] = json!([{"attempt_id": attempt, "outcome": "refused", "reason": "no"}]);
    // 2.0 has ended, and 3.0 runs there already.
    assert_eq!(lobby.ask(&later, &[]).await.status, StatusCode::NO_CONTENT);
    let programs = house.manager.api("/api/v1/devices/lobby").await["programs"].clone();
    let steps: Vec<_> =
        programs["attempts"].as_array().unwrap().iter().map(|one| one["step"].clone()).collect();
    assert_eq!(steps, [json!("kept"), json!("refused")]);
    assert_eq!(programs["running"].as_array().unwrap().len(), 2);
    assert_eq!(programs["offers"], json!([]));
}

#[tokio::test]
async fn too_many_transfers_and_too_many_questions_are_refused_and_end() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let manager = TestManager::start_configured(directory, |config| {
        config.limits.transfers_per_device = 1;
        config.limits.program_requests_per_minute = 100_000;
    })
    .await;
    let mut house = House::with(manager);
    let lobby = house.device("lobby").await;
    house.publish_program("2.0", &program_bytes(16_000_000)).await;
    house.offer("2.0", &["lobby"]).await;
    until(|| async {
        let answer = lobby.ask(&asks(), &[("range", "bytes=0-9")]).await;
        (answer.status == StatusCode::PARTIAL_CONTENT).then_some(())
    })
    .await;
    let mut connection = lobby.client.connect(lobby.address).await.unwrap();
    let under_way = connection.open(request("POST", path::PROGRAMS, asks().to_string())).await.unwrap();
    let refused = lobby.ask(&asks(), &[("range", "bytes=0-9")]).await;
    assert!(refused.problem(ProblemKind::TooMany).contains("on their way to lobby"));
    assert!(refused.retry_after() > 0);
    drop((under_way, connection));
    until(|| async {
        let answer = lobby.ask(&asks(), &[("range", "bytes=0-9")]).await;
        (answer.status == StatusCode::PARTIAL_CONTENT).then_some(())
    })
    .await;
    let health = house.manager.api("/api/v1/health").await;
    assert!(health["turned_away"]["transfers"].as_u64().unwrap() >= 1, "{health}");
}

#[tokio::test]
async fn through_a_proxy_that_opens_tls_a_program_comes_in_signed_pieces() {
    let mut house = House::new().await;
    let device = Signer::enrolled(&house.manager, "lobby").await;
    let bytes = program_bytes(400_000);
    house.publish_program("2.0", &bytes).await;
    house.offer("2.0", &["lobby"]).await;
    let manager = &house.manager;
    let ask = async |fields: &[(&'static str, &str)]| {
        let (mut request, bond) = device.sign_for(path::PROGRAMS, &asks(), now().as_second());
        for (name, value) in fields {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let answer = send(manager, request).await;
        assert_signed(manager, &answer, &bond);
        answer
    };
    let first = until(|| async {
        let answer = ask(&[("range", "bytes=0-")]).await;
        (answer.status == StatusCode::PARTIAL_CONTENT).then_some(answer)
    })
    .await;
    assert_eq!(first.body.len(), 1 << 20);
    let etag = field(&first, "etag").to_owned();
    let second = ask(&[("range", "bytes=1048576-9999999"), ("if-range", &etag)]).await;
    let whole = [&first.body[..], &second.body[..]].concat();
    assert_eq!(&whole[field(&first, "platen-metadata-length").parse().unwrap()..], bytes);
    for fields in [&[][..], &[("range", "bytes=9-"), ("if-range", "\"other\"")]] {
        assert!(ask(fields).await.problem(ProblemKind::RangeNotSatisfiable).contains("beginning"));
    }
}

#[tokio::test]
async fn bad_requests_are_named() {
    let house = House::new().await;
    let lobby = house.device("lobby").await;
    let mut long = asks();
    long["hardware"]["model"] = json!("x".repeat(10_000));
    assert!(lobby.ask(&long, &[]).await.problem(ProblemKind::InvalidRequest).contains("hardware.model"));
    let mut later = asks();
    later["version"] = json!(2);
    lobby.ask(&later, &[]).await.problem(ProblemKind::WrongVersion);
    lobby.ask(&json!({"version": 1}), &[]).await.problem(ProblemKind::NotJson);
    let mut connection = lobby.client.connect(lobby.address).await.unwrap();
    let get: Request<Bytes> = request("GET", path::PROGRAMS, "");
    connection.send(get).await.unwrap().problem(ProblemKind::MethodNotAllowed);
    let stranger = Client::new(&house.manager.ca, None);
    let stranger = Device { client: stranger, address: lobby.address };
    stranger.ask(&asks(), &[]).await.problem(ProblemKind::NoCertificate);
}

#[tokio::test]
async fn what_devices_would_refuse_is_not_published() {
    let mut house = House::new().await;
    let bytes = program_bytes(10);
    let program = || Maker::program("engine-firmware", "2.0", &bytes);
    let root = house.maker.root.clone();
    let nothing = house.publish(Brought::default()).await.unwrap_err();
    assert!(matches!(nothing, PublishError::NoRoot), "{nothing}");
    let targets = house.maker.sign(&[program()], &[]);
    let without_file = Brought { roots: vec![root.clone()], targets: Some(targets.clone()), files: vec![] };
    let refused = house.publish(without_file.clone()).await.unwrap_err();
    assert!(
        matches!(&refused, PublishError::MissingFile { path, .. } if path == "engine-firmware/2.0"),
        "{refused}"
    );
    let other_file = Brought { files: vec![house.file(b"other bytes")], ..without_file.clone() };
    let refused = house.publish(other_file).await.unwrap_err();
    assert!(matches!(refused, PublishError::UnknownFile { .. }), "{refused}");
    let mut stranger = Maker::new(&online_key(&house.manager), now());
    let forged = Some(stranger.sign(&[program()], &[]));
    let forged = Brought { targets: forged, files: vec![house.file(&bytes)], ..without_file.clone() };
    let refused = house.publish(forged).await.unwrap_err();
    assert!(matches!(refused, PublishError::Distrust(_)), "{refused}");
    let other_key = Maker::new(stranger_key().public(), now());
    let other_key = Brought { roots: vec![other_key.root], ..without_file.clone() };
    let refused = house.publish(other_key).await.unwrap_err();
    assert!(matches!(refused, PublishError::NotOurKey(_)), "{refused}");
    assert_eq!(house.manager.api("/api/v1/programs").await["items"], json!([]));
    assert!(house.manager.store.program_metadata().await.unwrap().is_empty());
    let good = Brought { files: vec![house.file(&bytes)], ..without_file };
    house.publish(good).await.unwrap();
    // Back to older targets.
    house.maker.sign(&[], &[]);
    let newer = Brought { targets: house.maker.targets.clone(), ..Brought::default() };
    house.publish(newer).await.unwrap();
    let older = Brought { targets: Some(targets), ..Brought::default() };
    let refused = house.publish(older).await.unwrap_err();
    assert!(matches!(refused, PublishError::Distrust(_)), "{refused}");
}

fn stranger_key() -> platen_trust::sign::SigningKey {
    platen_trust::sign::SigningKey::generate().unwrap()
}

#[tokio::test]
async fn a_device_that_lacks_roots_gets_them_and_the_timestamp_is_renewed_in_time() {
    let mut house = House::new().await;
    let lobby = house.device("lobby").await;
    let first = house.maker.root.clone();
    house.publish_program("2.0", &program_bytes(10)).await;
    house.maker.next_root(&online_key(&house.manager));
    let newer = Brought { roots: vec![house.maker.root.clone()], ..Brought::default() };
    house.publish(newer).await.unwrap();
    house.offer("2.0", &["lobby"]).await;
    let answer = until(|| async {
        let answer = lobby.ask(&asks(), &[]).await;
        let has_root =
            answer.status == StatusCode::OK && !Document::parse(carried(&answer).0).unwrap().roots.is_empty();
        has_root.then_some(answer)
    })
    .await;
    let document = Document::parse(carried(&answer).0).unwrap();
    let clock = KnownTime::synchronised(now());
    Trusted::start(&first).unwrap().bring_up(&document, clock).unwrap();
    // As upkeep does, six days later.
    let state = house.manager.directory.path();
    let programs = Programs::new(house.manager.store.clone(), state);
    programs.follow().await.unwrap();
    assert!(!programs.renew(state, now()).await.unwrap());
    let later = now() + jiff::SignedDuration::from_hours(6 * 24);
    assert!(programs.renew(state, later).await.unwrap());
    assert!(!programs.renew(state, later).await.unwrap());
    let metadata = house.manager.store.program_metadata().await.unwrap();
    let timestamps: Vec<u64> =
        metadata.iter().filter(|one| one.role == "timestamp").map(|one| one.version).collect();
    assert_eq!(timestamps, [1, 2, 3]);
}

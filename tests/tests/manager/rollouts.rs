//! Rollouts over the API, with devices that are given the program over real TLS.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::StatusCode;
use platen_manager::database_path;
use platen_manager::store::{Enrolment, Grouping, NewToken, Store};
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::crowd::updated::{Updated, asks as crowd_asks, three_fail_and_two_fall_silent};
use platen_tests::rigs::crowd::wire::Connection;
use platen_tests::rigs::manager::client::Answer;
use platen_tests::rigs::manager::messages::report;
use platen_tests::rigs::manager::task::{OPERATOR, TestManager, now, until};
use platen_tests::rigs::pki::{Identity, Pki};
use platen_tests::rigs::process::charged;
use serde_json::{Value, json};

use super::programs::{Device, House, asks, field, program_bytes};

/// How many devices a rollout comes to, where that is not the usual number.
const DEVICES: &str = "PLATEN_ROLLOUT_DEVICES";
const USUAL_DEVICES: usize = 500;
/// It only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(900);

async fn plan(house: &House, body: &Value) -> Answer {
    house.manager.ask_api("POST", "/api/v1/rollouts", Some(body)).await
}

/// A rollout of 2.0, with these things said of it, which runs.
async fn running(house: &House, id: &str, more: &Value) {
    let mut body = json!({"id": id, "program": {"name": "engine-firmware", "version": "2.0"}});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let planned = plan(house, &body).await;
    assert_eq!(planned.status, StatusCode::CREATED, "{}", planned.text());
    assert_eq!(planned.json()["state"], "planned");
    act(house, &format!("{id}/start")).await;
}

async fn act(house: &House, what: &str) -> Value {
    let note = json!({"note": "as the test wants it"});
    let answer = house.manager.ask_api("POST", &format!("/api/v1/rollouts/{what}"), Some(&note)).await;
    assert_eq!(answer.status, StatusCode::OK, "{what}: {}", answer.text());
    answer.json()
}

async fn refused(house: &House, what: &str, kind: ProblemKind) -> String {
    house.manager.ask_api("POST", &format!("/api/v1/rollouts/{what}"), Some(&json!({}))).await.problem(kind)
}

async fn rollout(house: &House, id: &str) -> Value {
    house.manager.api(&format!("/api/v1/rollouts/{id}")).await
}

/// Waits until something of a rollout is so.
async fn until_it(house: &House, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    until(|| async {
        let found = rollout(house, id).await;
        is_so(&found).then_some(found)
    })
    .await
}

/// Tells how an attempt ended.
async fn tell(device: &Device, attempt: &str, step: &str) {
    let program = json!({"attempt_id": attempt, "step": step, "reason": "so it is"});
    let report = report(1, &json!({"kind": "program", "program": program}));
    let epoch = format!("{attempt}-{step}");
    let told = json!({"version": 1, "epoch": epoch, "oldest_sequence": 1, "reports": [report]});
    assert_eq!(device.client.report(device.address, &told).await.acknowledged(), 1);
}

#[tokio::test]
async fn a_rollout_is_planned_looked_at_started_halted_and_lifted() {
    let mut house = House::new().await;
    let (lobby, cellar) = (house.device("lobby").await, house.device("cellar").await);
    house.publish_program("2.0", &program_bytes(100)).await;
    let body = json!({
        "program": {"name": "engine-firmware", "version": "2.0"}, "devices": ["lobby", "cellar"],
        "plan": {"waves": [{"devices": 1}], "pause_seconds": 0, "halt_at": {"failures": 1, "percent": null}},
    });
    let preview = house.manager.ask_api("POST", "/api/v1/rollouts/preview", Some(&body)).await.json();
    assert_eq!(
        (&preview["waves"], &preview["unfit"], &preview["open_now"]),
        (&json!([1, 1]), &json!([]), &json!(2))
    );
    let planned = plan(&house, &body).await.json();
    let id = planned["id"].as_str().unwrap().to_owned();
    assert_eq!(planned["acts"], json!(["start", "cancel"]));
    assert_eq!((&planned["wave"], &planned["plan"]["at_once"]), (&json!(null), &json!(100)));
    act(&house, &format!("{id}/start")).await;
    let attempt = field(&house.until_given(&lobby).await, "platen-attempt").to_owned();
    let devices = house.manager.api(&format!("/api/v1/rollouts/{id}/devices?state=under_way")).await;
    assert_eq!(
        (&devices["items"][0]["device"], &devices["items"][0]["step"]),
        (&json!("lobby"), &json!("fetching"))
    );
    let waits = house.manager.api(&format!("/api/v1/rollouts/{id}/devices?wave=2&limit=1")).await;
    assert_eq!(waits["items"][0]["reason"], "wave 2 has not begun");
    assert_eq!(cellar.ask(&asks(), &[]).await.status, StatusCode::NO_CONTENT);
    tell(&lobby, &attempt, "rolled_back").await;
    let halted = until_it(&house, &id, |found| found["state"] == "halted").await;
    assert_eq!(halted["why"], "1 of 1 devices failed; it halts at 1");
    assert_eq!(
        (&halted["devices"]["failed"], &halted["acts"]),
        (&json!(1), &json!(["lift", "cancel", "retry"]))
    );
    assert!(refused(&house, &format!("{id}/lift"), ProblemKind::InvalidRequest).await.contains("note"));
    assert!(refused(&house, &format!("{id}/resume"), ProblemKind::StateConflict).await.contains("halted"));
    act(&house, &format!("{id}/lift")).await;
    let attempt = field(&house.until_given(&cellar).await, "platen-attempt").to_owned();
    tell(&cellar, &attempt, "kept").await;
    until_it(&house, &id, |found| found["devices"]["proving"] == 1).await;
    let log = house.manager.api(&format!("/api/v1/rollouts/{id}/log")).await;
    let entries = log["items"].as_array().unwrap().iter();
    let lifted = entries.clone().find(|entry| entry["what"] == "lifted").unwrap();
    assert_eq!((&lifted["who"], &lifted["words"]), (&json!(OPERATOR), &json!("as the test wants it")));
    assert!(entries.clone().any(|entry| entry["what"] == "halted" && entry["who"].is_null()));
    let shown = house.manager.api("/api/v1/devices/cellar").await;
    assert_eq!(shown["programs"]["rollouts"][0]["rollout"], id.as_str());
    assert_eq!(house.manager.api("/api/v1/rollouts").await["items"][0]["id"], id.as_str());
}

#[tokio::test]
async fn a_device_that_is_held_gets_nothing_until_it_is_let_go() {
    let mut house = House::new().await;
    let lobby = house.device("lobby").await;
    house.publish_program("2.0", &program_bytes(100)).await;
    let hold = |body: Value| {
        let manager = &house.manager;
        async move { manager.ask_api("PUT", "/api/v1/devices/lobby/holds/engine-firmware", Some(&body)).await }
    };
    let past = hold(json!({"until": "2020-01-01T00:00:00Z"})).await;
    assert!(past.problem(ProblemKind::InvalidRequest).contains("future"));
    let answer = hold(json!({"version": "1.0", "why": "the fair"})).await.json();
    assert_eq!(
        (&answer["items"][0]["version"], &answer["items"][0]["by"]),
        (&json!("1.0"), &json!(OPERATOR))
    );
    running(&house, "r-1", &json!({"fleet": {"q": "lobby"}})).await;
    until_it(&house, "r-1", |found| found["devices"]["held"] == 1).await;
    let devices = house.manager.api("/api/v1/rollouts/r-1/devices").await;
    assert_eq!(devices["items"][0]["reason"], "held on 1.0 by anna: the fair");
    running(&house, "r-2", &json!({"devices": ["lobby"], "plan": {"downgrade": true}})).await;
    assert_eq!(lobby.ask(&asks(), &[]).await.status, StatusCode::NO_CONTENT);
    until_it(&house, "r-2", |found| found["state"] == "finished").await;
    let address = "/api/v1/devices/lobby/holds/engine-firmware";
    let gone = house.manager.ask_api("DELETE", address, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    // There was nothing left to do, so it had come to its end.
    act(&house, "r-2/devices/lobby/retry").await;
    house.until_given(&lobby).await;
    house.manager.ask_api("DELETE", address, None).await.problem(ProblemKind::NotFound);
    house.manager.ask_api("GET", "/api/v1/devices/nobody/holds", None).await.problem(ProblemKind::NotFound);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_what_would_be_right() {
    let mut house = House::new().await;
    house.device("lobby").await;
    house.publish_program("2.0", &program_bytes(100)).await;
    let with = |more: Value| {
        let mut body =
            json!({"program": {"name": "engine-firmware", "version": "2.0"}, "devices": ["lobby"]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (body, kind, word) in [
        (with(json!({"devices": null})), ProblemKind::InvalidRequest, "either their names"),
        (with(json!({"fleet": {}})), ProblemKind::InvalidRequest, "either their names"),
        (with(json!({"devices": []})), ProblemKind::InvalidRequest, "1 to 1000"),
        (with(json!({"devices": ["nobody"]})), ProblemKind::NotFound, "nobody"),
        (with(json!({"devices": null, "fleet": {"tag": "none"}})), ProblemKind::InvalidRequest, "no device"),
        (
            with(json!({"devices": null, "fleet": {"state": "retired"}})),
            ProblemKind::InvalidRequest,
            "out of service",
        ),
        (with(json!({"plan": {"waves": [{}]}})), ProblemKind::InvalidRequest, "plan.waves[0]"),
        (with(json!({"plan": {"at_once": 0}})), ProblemKind::InvalidRequest, "1 to 10000"),
        (with(json!({"plan": {"halt_at": {"percent": null}}})), ProblemKind::InvalidRequest, "halt_at"),
        (
            with(json!({"plan": {"window": {"from": "25:00", "to": "05:00"}}})),
            ProblemKind::InvalidRequest,
            "22:00",
        ),
        (
            with(json!({"program": {"name": "engine-firmware", "version": "9"}})),
            ProblemKind::NotFound,
            "engine-firmware 9",
        ),
        (with(json!({"id": "a/b"})), ProblemKind::NotJson, "a-z"),
    ] {
        let detail = plan(&house, &body).await.problem(kind);
        assert!(detail.contains(word), "{body}: {detail}");
    }
    assert_eq!(house.manager.api("/api/v1/rollouts").await["items"], json!([]));
    refused(&house, "r-9/start", ProblemKind::NotFound).await;
    refused(&house, "r-9/burn", ProblemKind::NotFound).await;
    house.manager.ask_api("GET", "/api/v1/rollouts/r-9/log", None).await.problem(ProblemKind::NotFound);
}

#[tokio::test]
async fn a_device_that_asks_while_a_rollout_runs_writes_nothing() {
    let mut house = House::new().await;
    let lobby = house.device("lobby").await;
    house.device("cellar").await;
    house.publish_program("2.0", &program_bytes(10)).await;
    running(&house, "r-1", &json!({"devices": ["cellar", "lobby"], "plan": {"waves": [{"devices": 1}]}}))
        .await;
    until_it(&house, "r-1", |found| found["devices"]["offered"] == 1).await;
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

/// Waits for what takes the longer, the more devices there are. The pause only spares the machine.
async fn patiently<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap()
}

/// A manager that has let these devices in before it was started, on threads of its own.
async fn with_devices(pki: &Pki, identities: &[Identity]) -> TestManager {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    pki.plant(directory.path());
    let store = Store::open(&database_path(directory.path()), Grouping::Group).unwrap();
    for identity in identities {
        let hash = format!("hash of {}", identity.name);
        let expires = now() + jiff::SignedDuration::from_hours(1);
        store
            .add_token(NewToken { hash: hash.clone(), device: None, created: now(), expires })
            .await
            .unwrap();
        let enrolment = Enrolment {
            token_hash: hash,
            device: identity.name.parse().unwrap(),
            certificate_serial: identity.certificate.serial.clone(),
            certificate_expires: identity.certificate.expires,
            now: now(),
        };
        store.enrol(enrolment).await.unwrap().unwrap();
    }
    store.close().await;
    TestManager::start_configured(directory, |config| {
        config.limits.connections = 50_000;
        config.limits.connections_per_address = 50_000;
        config.limits.transfers = 20_000;
        config.limits.program_requests_per_minute = 100_000;
    })
    .await
}

/// Processor time of the threads of this name, in milliseconds; and bytes that this process wrote to disks.
fn spent(name: &str) -> (u64, u64) {
    let mut ticks = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        // A thread may end meanwhile.
        let Ok(stat) = std::fs::read_to_string(task.unwrap().path().join("stat")) else { continue };
        let (before, after) = stat.rsplit_once(')').unwrap();
        if before.contains(name) {
            let fields: Vec<&str> = after.split_whitespace().collect();
            ticks += fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        }
    }
    (ticks * 10, charged(std::process::id(), "write_bytes"))
}

/// 3 % of the devices fail, and 2 % fall silent: it halts where it should, each time that it is lifted anew, and comes to its
/// end.
#[test]
fn a_rollout_to_many_devices_halts_where_it_should_and_comes_to_its_end() {
    let devices = std::env::var(DEVICES).map_or(USUAL_DEVICES, |text| text.parse().unwrap());
    // Threads keep the name of the one that starts them: so what the manager costs is told apart.
    let runtime = |name: &str| {
        tokio::runtime::Builder::new_multi_thread().thread_name(name).enable_all().build().unwrap()
    };
    let (server, clients) = (runtime("manager"), runtime("devices"));
    let pki = Arc::new(Pki::new());
    let identities = Arc::new(pki.identities("printer", 0, devices));
    let (servers_pki, servers_identities) = (Arc::clone(&pki), Arc::clone(&identities));
    let manager = server.spawn(async move { with_devices(&servers_pki, &servers_identities).await });
    clients.block_on(async {
        let mut house = House::with(manager.await.unwrap());
        house.publish_program("2.0", &program_bytes(5_000)).await;
        let port = house.manager.device.port();
        let crowd = Updated::start(clients.handle(), &pki, &identities, port, three_fail_and_two_fall_silent);
        let parked = || crowd.counted().parked.load(Ordering::Relaxed) == devices as u64;
        patiently(|| async { parked().then_some(()) }).await;
        let limit = devices / 50;
        let named: Vec<&str> = identities.iter().take(1_000).map(|one| one.name.as_str()).collect();
        let mut body = json!({"plan": {
            "waves": [{"devices": 10}, {"percent": 20}], "pause_seconds": 0, "at_once": 50,
            "halt_at": {"failures": limit, "percent": null},
            "end_within_seconds": 5, "silent_after_seconds": 2,
        }});
        // In their order where they can be named, which tells where it should halt.
        if devices <= 1_000 { body["devices"] = json!(named) } else { body["fleet"] = json!({}) }
        let before = spent("manager");
        running(&house, "r-1", &body).await;
        let mut halts = 0;
        let done = loop {
            let found = patiently(|| async {
                let found = rollout(&house, "r-1").await;
                (found["state"] != "running").then_some(found)
            })
            .await;
            if found["state"] == "finished" {
                break found;
            }
            assert_eq!(found["state"], "halted", "{found}");
            let number = |value: &Value| value.as_u64().unwrap();
            assert!(number(&found["failures"]) >= limit as u64, "{found}");
            if halts == 0 {
                // Of each hundred devices five do not keep it; silence is told some seconds later than the rest.
                let given = devices as u64 - number(&found["devices"]["waiting"]);
                assert!(given >= limit as u64 * 15, "it halted too early: {found}");
                assert!(given < devices as u64, "it halted too late: {found}");
                let again = rollout(&house, "r-1").await;
                assert_eq!((&again["state"], &again["devices"]["offered"]), (&json!("halted"), &json!(0)));
            }
            halts += 1;
            assert!(halts <= 3, "{found}");
            act(&house, "r-1/lift").await;
        };
        let after = spent("manager");
        let each = |share: usize| (devices * share / 100) as u64;
        assert_eq!(done["devices"]["kept"], each(95), "{done}");
        assert_eq!((&done["devices"]["failed"], &done["devices"]["silent"]), (&json!(each(3)), &json!(each(2))));
        assert!(halts >= 1);
        assert!(crowd.counted().fetched.load(Ordering::Relaxed) >= devices as u64);
        let of_each = |spent: u64| spent / devices as u64;
        println!(
            "{devices} devices, {halts} halts: {} µs of the manager's processor and {} bytes written for each device",
            of_each((after.0 - before.0) * 1_000),
            of_each(after.1 - before.1),
        );
        compare_polls(&house, &pki, &identities[0], devices).await;
    });
    server.shutdown_background();
}

/// What a device costs that asks and for which there is nothing; beside that, what it would cost if each that asks were
/// looked up in the database, and noted there.
async fn compare_polls(house: &House, pki: &Pki, identity: &Identity, polls: usize) {
    let config = pki.device(identity, &[b"http/1.1"], 1);
    let mut connection = Connection::open(house.manager.device.port(), 0, config).await.unwrap();
    connection.ask_for_program(crowd_asks()).await.unwrap();
    let polls = polls.min(2_000);
    let before = spent("manager");
    let mut asked = 0;
    for _ in 0..polls {
        // It may have been turned away for asking too often: then this is all there is to measure.
        let Ok(given) = connection.ask_for_program(crowd_asks()).await else { break };
        assert!(given.is_none());
        asked += 1;
    }
    let after = spent("manager");
    let device: platen_protocol::identity::DeviceId = identity.name.parse().unwrap();
    let looked = spent("manager");
    for _ in 0..polls {
        assert!(house.manager.store.offers_of(device.clone()).await.unwrap().is_empty());
        house.manager.store.probe(now()).await.unwrap();
    }
    let then = spent("manager");
    println!(
        "{asked} polls: {} ms of the manager's processor and {} KB written; {polls} look-ups with a note in the database: {} ms and {} KB more",
        after.0 - before.0,
        (after.1 - before.1) / 1024,
        then.0 - looked.0,
        (then.1 - looked.1) / 1024,
    );
}

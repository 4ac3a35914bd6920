//! Whatever numbers one device sends, and whatever of one device cannot be read any more: everybody's pages go on.

#[path = "../../../fuzz/src/report_batch.rs"]
#[allow(unreachable_pub, reason = "there it is a module of a crate")]
mod report_batch;

use std::sync::Arc;

use hyper::StatusCode;
use platen_manager::database_path;
use platen_manager::limits::Limits;
use proptest::prelude::*;
use serde_json::{Value, json};

use platen_tests::rigs::manager::client::{Client, Connection, request};
use platen_tests::rigs::manager::messages::{
    active, batch, forecast, full_readings, order, replaced, service_call, started, toner_low, utilisation,
};
use platen_tests::rigs::manager::pages::{browser, get, sign_in};
use platen_tests::rigs::manager::task::TestManager;

/// Batches that are accepted between two looks at the pages.
const LOOK_AFTER: u32 = 60;
/// They send at once, so that none waits for the disk alone: what several have sent is stored together.
const ODD: [&str; 4] = ["odd-1", "odd-2", "odd-3", "odd-4"];

/// The edges of every type of number that a program may use, and of what JSON carries exactly.
fn edges() -> Vec<Value> {
    let mut edges = vec![json!(u64::MAX), json!(u64::from(u32::MAX) + 1), json!(1_u64 << 53), json!(1.5)];
    let signed = [
        0,
        1,
        -1,
        101,
        i64::from(u8::MAX),
        i64::from(u16::MAX),
        i64::from(i32::MAX),
        i64::from(i32::MIN),
        i64::from(u32::MAX),
        (1 << 53) - 1,
        -(1 << 53),
        i64::MAX,
        i64::MIN,
    ];
    edges.extend(signed.map(|edge| json!(edge)));
    edges
}

/// Where the numbers are in a message.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(at.to_owned()),
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(n, value)| places(value, &format!("{at}/{n}"), found));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), found));
        }
        _ => {}
    }
}

/// A batch with every number that a device can send.
fn everything() -> Value {
    let mut low = toner_low("a2");
    low["alert"]["part"] = full_readings(4)["parts"][0].clone();
    let readings = json!({"kind": "readings", "cause": "change", "readings": full_readings(30)});
    let bodies =
        [started("Demo C450"), active(50), forecast("a1"), low, order("o1", 2), replaced(), readings];
    let mut batch = batch(9, &bodies);
    batch["sent"] = batch["reports"][0]["taken"].clone();
    batch["next_within_seconds"] = json!(900);
    batch["oldest_sequence"] = json!(3);
    batch["lost"] = json!([
        {"first": 3, "last": 5, "kinds": {"readings": 1, "utilisation": 2}, "reason": "outbox_full"},
        {"first": 6, "last": 8, "kinds": {"order": 3}, "reason": "refused"}
    ]);
    batch
}

fn all_places() -> Vec<String> {
    let mut found = Vec::new();
    places(&everything(), "", &mut found);
    found
}

async fn generous() -> TestManager {
    let limits = Limits { requests_per_minute: 1_000_000, requests_burst: 100_000, ..Limits::default() };
    TestManager::start_configured(Arc::new(tempfile::tempdir().unwrap()), |config| config.limits = limits)
        .await
}

/// An operator who looks at everything: signed in once, on one connection.
struct Onlooker {
    connection: Connection,
    cookie: String,
    bearer: String,
}

impl Onlooker {
    async fn of(manager: &TestManager) -> Self {
        let mut connection = browser(manager).await;
        let cookie = sign_in(&mut connection).await;
        Self { connection, cookie, bearer: format!("Bearer {}", manager.bearer) }
    }

    async fn look(&mut self, devices: &[&str], because: &str) {
        let of_devices =
            |path: &str| devices.iter().map(|device| path.replace("ID", device)).collect::<Vec<_>>();
        for path in [vec!["/".to_owned()], of_devices("/devices/ID")].concat() {
            let page = get(&mut self.connection, &path, &self.cookie).await;
            assert_eq!(page.status, StatusCode::OK, "{path} after {because}: {}", page.text());
        }
        let lists =
            ["devices", "alerts", "watches", "reports", "service-calls", "orders", "replacements", "health"];
        let of_each = ["devices/ID", "devices/ID/commands", "reports?device=ID"].map(of_devices).concat();
        for path in lists.iter().map(|list| (*list).to_owned()).chain(of_each) {
            let mut request = request("GET", &format!("/api/v1/{path}"), "");
            request.headers_mut().insert("authorization", self.bearer.parse().unwrap());
            let answer = self.connection.send(request).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK, "{path} after {because}: {}", answer.text());
        }
    }
}

async fn look_at_everything(manager: &TestManager, because: &str) {
    Onlooker::of(manager).await.look(&["odd", "even"], because).await;
}

async fn send(manager: &TestManager, odd: &Client, batch: &Value) -> StatusCode {
    odd.report(manager.device, batch).await.status
}

#[tokio::test]
async fn losses_of_the_largest_size_in_two_epochs_break_nobodys_view() {
    let manager = generous().await;
    let (odd, even) = (manager.enrol("odd").await, manager.enrol("even").await);
    even.report(manager.device, &batch(1, &[utilisation(50)])).await.acknowledged();
    let largest = (1_u64 << 53) - 1;
    for epoch in ["one", "two"] {
        let lost = |last: u64| {
            json!({
                "version": 1, "epoch": epoch, "oldest_sequence": 1, "reports": [], "lost": [{
                    "first": 1, "last": last, "kinds": {"readings": last}, "reason": "outbox_full"
                }]
            })
        };
        assert_eq!(send(&manager, &odd, &lost(i64::MAX.unsigned_abs())).await, StatusCode::BAD_REQUEST);
        assert_eq!(send(&manager, &odd, &lost(largest)).await, StatusCode::OK);
    }
    look_at_everything(&manager, "the losses").await;
    assert_eq!(manager.api("/api/v1/devices/odd").await["lost_lately"], json!(2 * largest));
    assert_eq!(manager.api("/api/v1/devices/even").await["lost_lately"], json!(0));

    // A manager of before stored what it was told.
    let stored = rusqlite::Connection::open(database_path(manager.directory.path())).unwrap();
    let counts = json!({"readings": i64::MAX, "utilisation": u64::MAX}).to_string();
    stored.execute("UPDATE gaps SET last = ?1, kinds = ?2", rusqlite::params![i64::MAX, counts]).unwrap();
    look_at_everything(&manager, "losses of before").await;
}

/// Sends every edge at one place; how many were accepted.
async fn send_edges(whole: &Value, place: &str, connection: &mut Connection) -> u32 {
    let mut accepted = 0;
    for (number, edge) in edges().into_iter().enumerate() {
        let mut batch = whole.clone();
        *batch.pointer_mut(place).unwrap() = edge.clone();
        batch["epoch"] = json!(format!("{place}-{number}").replace('/', "-"));
        let taken = report_batch::take(batch.to_string().as_bytes());
        let status = connection.post("/v1/reports", &batch).await.status;
        assert_eq!(status == StatusCode::OK, taken, "{place} = {edge}: {status}");
        assert!(taken || status.is_client_error(), "{place} = {edge}: {status}");
        accepted += u32::from(taken);
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_at_every_edge_is_refused_or_shown_and_breaks_nobodys_view() {
    let manager = generous().await;
    let even = manager.enrol("even").await;
    even.report(manager.device, &batch(1, &[utilisation(50), service_call("it squeaks")]))
        .await
        .acknowledged();
    let whole = everything();
    let mut connections = Vec::new();
    for device in ODD {
        let odd = manager.enrol(device).await;
        assert_eq!(send(&manager, &odd, &whole).await, StatusCode::OK);
        connections.push(odd.connect(manager.device).await.unwrap());
    }
    let mut onlooker = Onlooker::of(&manager).await;
    let everybody = [&ODD[..], &["even"]].concat();
    let mut accepted = 0;
    for places in all_places().chunks(ODD.len()) {
        let sent = places
            .iter()
            .zip(&mut connections)
            .map(|(place, connection)| send_edges(&whole, place, connection));
        accepted += futures_util::future::join_all(sent).await.into_iter().sum::<u32>();
        // Not after each: it is the sum of all that must not break a view.
        if accepted >= LOOK_AFTER {
            onlooker.look(&everybody, &places.join(", ")).await;
            accepted = 0;
        }
    }
    onlooker.look(&everybody, "the last").await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_accepted_is_bounded_whatever_the_numbers_are(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            any::<u64>().prop_map(Value::from), any::<i64>().prop_map(Value::from), (0_u32..64, any::<bool>()).prop_map(
                |(bit, above)| Value::from((1_u64 << bit).wrapping_sub(u64::from(!above)))
            ),
        ]), 0..4),
    ) {
        let (mut batch, places) = (everything(), all_places());
        for (place, number) in changes {
            let place: &String = place.get(&places);
            *batch.pointer_mut(place).unwrap() = number;
        }
        report_batch::take(batch.to_string().as_bytes());
    }
}

#[test]
fn the_seeds_of_the_fuzzer_hold() {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut accepted = 0;
    for folder in ["../fuzz/seeds/report_batch", "../protocol/frozen/v1"] {
        for file in std::fs::read_dir(manifest.join(folder)).unwrap() {
            accepted += u32::from(report_batch::take(&std::fs::read(file.unwrap().path()).unwrap()));
        }
    }
    assert!(accepted >= 3, "the frozen batches are accepted");
}

#[tokio::test]
async fn what_cannot_be_read_of_one_device_is_left_out_and_that_device_is_shown_as_damaged() {
    let manager = generous().await;
    let (odd, even) = (manager.enrol("odd").await, manager.enrol("even").await);
    let bodies = [
        started("Demo C450"),
        toner_low("a1"),
        service_call("it squeaks"),
        order("o1", 2),
        replaced(),
        active(50),
        toner_low("a3"),
    ];
    for device in [&odd, &even] {
        device.report(manager.device, &batch(1, &bodies)).await.acknowledged();
    }
    let command = manager.read_now("odd").await;
    let stored = rusqlite::Connection::open(database_path(manager.directory.path())).unwrap();
    let of_odd = "device = (SELECT key FROM devices WHERE id = 'odd')";
    for change in [
        "reports SET body = '{' WHERE sequence > 2 AND",
        "latest SET merged = '[]' WHERE",
        "alerts SET body = '{}' WHERE id = 'a1' AND",
        "service_calls SET entered_by = 'telepathy' WHERE",
        "orders SET quantity = 70000 WHERE",
        "replacements SET received = 9223372036854775807 WHERE",
        "commands SET action = 'dance' WHERE",
    ] {
        assert!(stored.execute(&format!("UPDATE {change} {of_odd}"), []).unwrap() > 0, "{change}");
    }
    look_at_everything(&manager, "the damage").await;
    let of = |list: &Value| -> Vec<String> {
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["device"].as_str().unwrap().to_owned())
            .collect()
    };
    for list in ["service-calls", "orders", "replacements"] {
        assert_eq!(of(&manager.api(&format!("/api/v1/{list}")).await), ["even"], "{list}");
    }
    // Pages that are cut short by what cannot be read do not end the list.
    let mut at = "/api/v1/reports?limit=2".to_owned();
    let mut seen = 0;
    loop {
        let page = manager.api(&at).await;
        seen += page["items"].as_array().unwrap().len();
        let Some(next) = page["next_cursor"].as_str() else { break };
        at = format!("/api/v1/reports?limit=2&cursor={next}");
    }
    assert_eq!(seen, bodies.len() + 2);
    assert!(manager.api("/api/v1/devices/odd").await["damaged"].is_string());
    assert!(manager.api("/api/v1/devices/even").await["damaged"].is_null());
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let page = get(&mut browser, "/", &cookie).await.text();
    assert_eq!(page.matches("data-damaged").count(), 1);

    // It goes on to report, and a manager that starts anew starts.
    let more = json!({"kind": "alert_cleared", "alert_id": "a3", "description": "a new cartridge"});
    odd.report(manager.device, &batch(8, &[more, utilisation(40)])).await.acknowledged();
    let manager = manager.restart().await;
    look_at_everything(&manager, "the restart").await;
    assert_eq!(manager.api("/api/v1/devices/odd").await["supplies"][0]["percent"], json!(40));
    drop(command);
}

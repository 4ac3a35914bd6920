//! The watches, from a device's reports to the operator's pages and through a restart.

use hyper::StatusCode;
use jiff::SignedDuration;
use platen_manager::store::ContactRecord;
use platen_manager::watch::{Change, Finding, Step};
use serde_json::{Value, json};

use platen_tests::rigs::manager::messages::{batch, batch_of, utilisation};
use platen_tests::rigs::manager::pages::{browser, device_page, get, sign_in};
use platen_tests::rigs::manager::task::{TestManager, now, until};

/// Readings after so many pages, of a fuser whose life is counted as `used`.
fn printed(pages: u64, used: u64) -> Value {
    let mut body = utilisation(50);
    body["readings"] = platen_tests::rigs::manager::messages::full_readings(50);
    body["readings"]["parts"][0]["used"]["value"] = json!(used);
    body["readings"]["temperatures"] = json!([]);
    body["readings"]["supplies"] = json!([]);
    body["readings"]["counters"] = json!([
        {"kind": "impressions", "unit": "impressions", "value": {"state": "known", "value": 50_000 + pages}}
    ]);
    body
}

async fn standing(manager: &TestManager) -> Vec<Value> {
    manager.api("/api/v1/watches?open=true").await["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_sensor_is_found_shown_remembered_through_a_restart_and_over_when_it_moves() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    for step in 0..4_u64 {
        let answer = device.report(manager.device, &batch(step + 1, &[printed(step * 700, 90_000)])).await;
        assert_eq!(answer.acknowledged(), step + 1);
    }
    let found = until(|| async { standing(&manager).await.into_iter().next() }).await;
    assert_eq!((&found["kind"], &found["finding"]["sensor"]), (&json!("frozen"), &json!("part")));
    assert_eq!((&found["finding"]["value"], &found["finding"]["pages"]), (&json!(90_000), &json!(2_100)));
    let view = manager.api("/api/v1/devices/lobby").await;
    assert_eq!((&view["worst"], &view["watches"][0]["kind"]), (&json!("warning"), &json!("frozen")));
    let mut visitor = browser(&manager).await;
    let cookie = sign_in(&mut visitor).await;
    let fleet = get(&mut visitor, "/", &cookie).await.text();
    assert!(
        fleet.contains("data-watch=\"frozen\"") && fleet.contains("Fuser: wear is not counted"),
        "{fleet}"
    );
    let page = device_page(&mut visitor, "lobby", &cookie).await;
    assert!(page.contains("while 2\u{202f}100 pages were printed"), "{page}");

    let manager = manager.restart().await;
    assert_eq!(standing(&manager).await.len(), 1);
    let answer = device.report(manager.device, &batch(5, &[printed(2_800, 90_000)])).await;
    assert_eq!(answer.acknowledged(), 5);
    let answer = device.report(manager.device, &batch(6, &[printed(3_500, 93_500)])).await;
    assert_eq!(answer.acknowledged(), 6);
    until(|| async { standing(&manager).await.is_empty().then_some(()) }).await;
    let over = manager.api("/api/v1/watches?device=lobby").await["items"].clone();
    assert_eq!((over.as_array().unwrap().len(), over[0]["ended"].is_string()), (1, true));
    assert_eq!(over[0]["begun"], found["begun"], "it is the one that was found before the restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_accuses_nobody_and_who_was_away_before_is_away_until_it_comes() {
    let manager = TestManager::start().await;
    let (gone, there) = (manager.enrol("gone").await, manager.enrol("there").await);
    for client in [&gone, &there] {
        assert_eq!(client.report(manager.device, &batch(1, &[utilisation(50)])).await.acknowledged(), 1);
    }
    // Both were there last a week ago, and of one of them that was found before the manager went down.
    let last = now() - SignedDuration::from_hours(7 * 24);
    let record = |device: &str| ContactRecord {
        device: device.parse().unwrap(),
        last_contact: last,
        remote: "192.0.2.1".to_owned(),
    };
    let manager = {
        let mut manager = manager;
        manager.ask_to_stop();
        manager.stopped().await;
        manager.store.keep_contacts(vec![record("gone"), record("there")]).await.unwrap();
        let begin = |step| Change {
            device: "gone".parse().unwrap(),
            finding: Finding::Contact { last_contact: last },
            begun: last,
            step,
        };
        manager.store.keep_watches(vec![begin(Step::Begin), begin(Step::Overdue(last))]).await.unwrap();
        manager.start_again().await
    };
    let view = |device: &'static str| {
        let manager = &manager;
        async move { manager.api(&format!("/api/v1/devices/{device}")).await }
    };
    let (away, excused) = (view("gone").await, view("there").await);
    assert_eq!((&away["contact"]["state"], &away["worst"]), (&json!("silent"), &json!("overdue")));
    assert_eq!((&excused["contact"]["state"], &excused["worst"]), (&json!("recent"), &json!("fine")));
    assert_eq!(standing(&manager).await.len(), 1);
    assert_eq!(gone.report(manager.device, &batch(2, &[])).await.status, StatusCode::OK);
    until(|| async { standing(&manager).await.is_empty().then_some(()) }).await;
    assert_eq!(view("gone").await["worst"], "fine");
}

#[tokio::test]
async fn a_device_is_told_of_as_late_only_by_what_it_said_itself() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    assert_eq!(device.report(manager.device, &batch(1, &[utilisation(50)])).await.acknowledged(), 1);
    let fresh = manager.api("/api/v1/devices/lobby").await["freshness"].clone();
    assert_eq!((&fresh["due"], &fresh["late"]), (&Value::Null, &json!(false)), "it said nothing");
    let mut said = batch(2, &[utilisation(49)]);
    said["next_within_seconds"] = json!(900);
    assert_eq!(device.report(manager.device, &said).await.acknowledged(), 2);
    let fresh = manager.api("/api/v1/devices/lobby").await["freshness"].clone();
    let time = |field: &str| fresh[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(time("due").duration_since(time("received")).as_secs(), 2 * 900 + 60);
    assert_eq!(fresh["late"], false);
}

#[tokio::test]
async fn what_a_device_lost_lately_is_on_the_fleets_page() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    assert_eq!(device.report(manager.device, &batch(1, &[utilisation(50)])).await.acknowledged(), 1);
    assert_eq!(manager.api("/api/v1/devices").await["items"][0]["lost_lately"], 0);
    assert_eq!(device.report(manager.device, &batch_of(13, 13, &[utilisation(49)])).await.acknowledged(), 13);
    assert_eq!(manager.api("/api/v1/devices").await["items"][0]["lost_lately"], 11);
    let mut visitor = browser(&manager).await;
    let cookie = sign_in(&mut visitor).await;
    let fleet = get(&mut visitor, "/", &cookie).await.text();
    assert!(fleet.contains("data-lost=\"lobby\""), "{fleet}");
}

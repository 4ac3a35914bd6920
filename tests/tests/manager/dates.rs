//! A backlog of a device without a battery-backed clock is dated by the manager.

use jiff::Timestamp;
use serde_json::{Value, json};

use platen_tests::rigs::manager::messages::{batch, service_call, toner_low, utilisation};
use platen_tests::rigs::manager::task::{TestManager, now};

/// A stamp in 1970, so many seconds after a boot.
fn stamp(boot: &str, seconds: u64) -> Value {
    json!({"boot_id": boot, "monotonic_ms": seconds * 1000, "wall": "1970-01-01T00:00:30Z", "clock": "unsynchronised"})
}

/// A batch with these stamps on its reports, sent at a moment of a boot.
fn stamped(mut batch: Value, stamps: &[(&str, u64)], sent: (&str, u64)) -> Value {
    for (report, (boot, seconds)) in batch["reports"].as_array_mut().unwrap().iter_mut().zip(stamps) {
        report["taken"] = stamp(boot, *seconds);
    }
    batch["sent"] = stamp(sent.0, sent.1);
    batch
}

/// How many minutes before now a date is.
fn minutes_ago(dated: &Value) -> i64 {
    let at: Timestamp = dated["at"].as_str().unwrap().parse().unwrap();
    (now().duration_since(at).as_secs() + 30) / 60
}

#[tokio::test]
async fn what_a_device_in_1970_reports_is_dated_shown_and_marked_where_it_is_an_estimate() {
    let manager = TestManager::start().await;
    let device = manager.enrol("lobby").await;
    // The first boot is known from its own batch; then it goes on offline for a while.
    let first = stamped(batch(1, &[utilisation(50)]), &[("one", 5)], ("one", 10));
    assert_eq!(device.report(manager.device, &first).await.acknowledged(), 1);
    // A backlog: of the first boot, of one that nobody heard of, and of the present one.
    let reports = [toner_low("a1"), service_call("help"), utilisation(4)];
    let backlog = stamped(batch(2, &reports), &[("one", 10), ("two", 100), ("three", 400)], ("three", 1000));
    assert_eq!(device.report(manager.device, &backlog).await.acknowledged(), 4);
    let list = manager.api("/api/v1/reports?device=lobby").await;
    let dated: Vec<(i64, Value)> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|item| (minutes_ago(&item["dated"]), item["dated"]["by"].clone()))
        .collect();
    assert_eq!(dated[0], (0, json!("boot")));
    assert_eq!(dated[1], (0, json!("anchor")));
    assert_eq!(dated[3], (10, json!("boot")));
    assert_eq!(dated[2].1, json!("estimate"));
    let alert = &manager.api("/api/v1/alerts").await["items"][0];
    assert_eq!((minutes_ago(&alert["raised_dated"]), &alert["raised_dated"]["by"]), (0, &json!("anchor")));
    let call = &manager.api("/api/v1/service-calls").await["items"][0];
    assert_eq!(call["dated"]["by"], "estimate");
}

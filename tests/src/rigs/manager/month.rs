//! A month of meters: a device that changes its customer in the middle of it, loses a report, and falls silent; and one
//! that is simulated.

use jiff::{SignedDuration, Timestamp};
use platen_manager::meters::Period;
use platen_manager::store::{DetailsChange, NewCustomer, Scope};
use serde_json::{Value, json};

use super::messages::{batch_of, readings};
use super::task::{TestManager, now};

/// What the device counted when it was last read in the month before.
pub const FIRST: u64 = 1_000;
/// What it counts each day.
pub const DAILY: u64 = 10;
/// The day, from 0, whose report is lost; nothing is heard from noon of the day before to noon of the day after.
pub const LOST: i64 = 5;
/// The day at whose beginning it changes its customer.
pub const MOVES: i64 = 15;
/// The day on which it is heard of for the last time.
pub const LAST: i64 = 25;

/// The month.
pub struct Month {
    /// The last that is over, such as `2026-10`.
    pub period: String,
    /// Its first moment.
    pub begin: Timestamp,
    /// Whose the device is at first.
    pub nord: i64,
    /// And then.
    pub sued: i64,
}

fn noon(begin: Timestamp, day: i64) -> Timestamp {
    begin + SignedDuration::from_hours(24 * day + 12)
}

/// Readings of a day, from -1 on.
fn body(day: i64) -> Value {
    let days = u64::try_from(day + 1).unwrap();
    let count = |value: u64| json!({"state": "known", "value": value});
    let mut readings = readings(50);
    readings["counters"] = json!([
        {"kind": "impressions", "unit": "impressions", "value": count(FIRST + DAILY * days)},
        {"kind": "page-exits", "unit": "sheets", "value": count(days)},
    ]);
    readings["billing"] = json!([
        {"name": "iso_a4_210x297mm.monochrome", "unit": "impressions", "value": count(500 + 5 * days)},
    ]);
    json!({"kind": "readings", "cause": "command", "readings": readings})
}

/// Has two devices report it, and the operator say whose they are.
pub async fn month(manager: &TestManager) -> Month {
    let zone = jiff::tz::TimeZone::UTC;
    let period = Period::of(now(), &zone).previous();
    let begin = Timestamp::from_millisecond(period.window(&zone).from).unwrap();
    let customer = async |name: &str| {
        let new = NewCustomer { name: name.to_owned(), note: None };
        manager.store.add_customer(new).await.unwrap().unwrap()
    };
    let (nord, sued) = (customer("Nord AG").await, customer("Süd KG").await);
    for (name, simulated) in [("lobby", false), ("attic", true)] {
        let client = manager.enrol(name).await;
        let days: Vec<i64> = (-1..=LAST).filter(|day| *day != LOST).collect();
        for day in days {
            // A sequence is left out where a report is lost.
            let sequence = u64::try_from(day + 2).unwrap();
            let mut batch = batch_of(sequence, sequence, &[body(day)]);
            batch["next_within_seconds"] = json!(90_000);
            let report = &mut batch["reports"][0];
            report["taken"]["wall"] = json!(noon(begin, day).to_string());
            report["simulated"] = json!(simulated);
            assert_eq!(client.report(manager.device, &batch).await.acknowledged(), sequence);
        }
        let whose = async |customer: i64, day: i64| {
            let change = DetailsChange { customer: Some(Some(customer)), ..DetailsChange::default() };
            let at = begin + SignedDuration::from_hours(24 * day);
            let device = name.parse().unwrap();
            manager.store.set_details(&Scope::All, device, change, "anna".into(), at).await.unwrap().unwrap();
        };
        whose(nord, -3).await;
        if !simulated {
            whose(sued, MOVES).await;
        }
    }
    Month { period: period.to_string(), begin, nord, sued }
}

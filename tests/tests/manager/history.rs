//! Histories, retention and quotas: over the store's handle on both engines, and over the listeners.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use jiff::{SignedDuration, Timestamp};
use platen_manager::database_path;
use platen_manager::history::rows::{Cell, Row};
use platen_manager::history::{self, Resolution};
use platen_manager::quota::{self, Quota, Quotas};
use platen_manager::retention::{self, Reports};
use platen_manager::retention_job::{Done, Job};
use platen_manager::store::{
    AlertFilter, Grouping, HistoryPart, HistoryQuery, Ingest, IngestRefusal, Ingested, OrderFilter,
    OrderState, ReportFilter, Scope, ServiceCallFilter, Store,
};
use platen_protocol::device_to_manager::ReportBatch;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::store::{device, let_in, now, on_postgres};
use platen_tests::rigs::manager::messages::{
    active, batch, cleared, condition, order, service_call, started, toner_low, utilisation,
};
use platen_tests::rigs::manager::pages::{browser, device_page, get, sign_in};
use platen_tests::rigs::manager::task::{TestManager, until};
use platen_tests::rigs::postgres::Cluster;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// So many minutes after the day of the tests has begun.
fn minute(minutes: i64) -> Timestamp {
    "2026-11-22T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

/// A batch from that minute on, a report every quarter of an hour.
fn at(minutes: i64, first: u64, bodies: &[Value]) -> Value {
    let mut batch = batch(first, bodies);
    batch["next_within_seconds"] = json!(960);
    for (index, report) in batch["reports"].as_array_mut().unwrap().iter_mut().enumerate() {
        let taken = minute(minutes + 15 * i64::try_from(index).unwrap());
        report["taken"]["wall"] = json!(taken.to_string());
    }
    batch
}

async fn hand_in(
    store: &Store,
    device: &DeviceId,
    batch: Value,
    received: Timestamp,
) -> Result<Ingested, IngestRefusal> {
    let batch: ReportBatch = serde_json::from_value(batch).unwrap();
    store.ingest(Ingest { device: device.clone(), batch: Arc::new(batch), received }).await.unwrap()
}

/// The job of a manager that keeps as much as it does by itself, on this store.
fn job(store: &Store) -> Job {
    Job {
        store: store.clone(),
        history: history::Settings::default(),
        retention: retention::Settings::default(),
        quotas: Quotas::new(quota::Settings::default(), []),
        turn: Arc::new(|| true),
    }
}

async fn round(job: &Job, now: Timestamp) -> Done {
    job.round(now, &CancellationToken::new()).await
}

async fn part(store: &Store, device: &DeviceId, resolution: Resolution, from: i64, to: i64) -> HistoryPart {
    let query = HistoryQuery { device: device.clone(), resolution, from, to, rows: 10_000 };
    store.history(&Scope::All, query).await.unwrap().unwrap()
}

/// What is known of black toner: in each row its moment and its last value.
fn black(part: &HistoryPart) -> Vec<(i64, Option<i64>)> {
    let of = |row: &Row| {
        let cells = row.cells.iter().filter(|(column, _)| column.subject().to_string() == "supply.black");
        cells.map(|(_, cell)| cell).copied().collect::<Vec<Cell>>()
    };
    let begin = minute(0).as_millisecond();
    part.rows
        .iter()
        .flat_map(|(at, row)| {
            of(row).into_iter().map(move |cell| ((at - begin) / 60_000, cell.known.map(|known| known.last)))
        })
        .collect()
}

fn unknown(percent: u32) -> Value {
    let mut body = utilisation(percent);
    body["readings"]["supplies"][0]["level"] =
        json!({"state": "unknown", "cause": {"reason": "no_answer", "detail": "no answer"}});
    body
}

mod suite {
    use super::*;

    pub(super) async fn values_are_told_before_and_after_they_are_gathered(store: Store) {
        let_in(&store, &device()).await;
        let bodies = [started("P"), utilisation(50), unknown(0), utilisation(48)];
        let stored = hand_in(&store, &device(), at(0, 1, &bodies), minute(60)).await.unwrap();
        assert!(stored.bytes > 1_000, "{}", stored.bytes);
        // Reports that were lost on the device leave a gap, which the next one says.
        hand_in(&store, &device(), at(90, 7, &[utilisation(40)]), minute(95)).await.unwrap();
        let (from, to) = (minute(0).as_millisecond(), minute(24 * 60).as_millisecond());
        let raw = async || part(&store, &device(), Resolution::Raw, from, to).await;
        let told = raw().await;
        let expected = [(0, Some(600)), (15, Some(500)), (30, None), (45, Some(480)), (90, Some(400))];
        assert_eq!(black(&told), expected);
        let begins_broken: Vec<bool> = told.rows.iter().map(|(_, row)| row.begins_broken()).collect();
        assert_eq!(begins_broken, [true, false, false, false, true]);
        assert_eq!(told.rows[1].1.within, 960);

        let hours = part(&store, &device(), Resolution::Hour, from, to).await;
        assert_eq!(black(&hours), [(0, Some(480)), (60, Some(400))]);
        let day = part(&store, &device(), Resolution::Day, from, to).await;

        let job = job(&store);
        let done = round(&job, minute(120)).await;
        assert_eq!(done.gathered, 5);
        assert!(store.unsealed(0, 0, 10).await.unwrap().is_empty());
        assert_eq!(raw().await, told);
        assert_eq!(part(&store, &device(), Resolution::Hour, from, to).await, hours);
        assert_eq!(part(&store, &device(), Resolution::Day, from, to).await, day);
        assert_eq!(round(&job, minute(121)).await.gathered, 0, "not due again");
        // What comes late is put where it belongs.
        let mut late = at(60, 1, &[utilisation(45)]);
        late["epoch"] = json!("e2");
        hand_in(&store, &device(), late, minute(600)).await.unwrap();
        let with_late = [(0, Some(480)), (60, Some(400))];
        round(&job, minute(600)).await;
        assert_eq!(black(&part(&store, &device(), Resolution::Hour, from, to).await), with_late);
        assert_eq!(raw().await.rows.len(), 6);
    }

    pub(super) async fn a_long_backlog_is_gathered_in_steps_and_told_by_pages(store: Store) {
        let_in(&store, &device()).await;
        let mut sequence = 1;
        for hour in 0..24_i64 {
            let bodies: Vec<Value> = (0..100).map(|step| utilisation(step % 90)).collect();
            let mut batch = at(0, sequence, &bodies);
            for (index, report) in batch["reports"].as_array_mut().unwrap().iter_mut().enumerate() {
                let taken = minute(hour * 60) + SignedDuration::from_secs(36 * i64::try_from(index).unwrap());
                report["taken"]["wall"] = json!(taken.to_string());
            }
            hand_in(&store, &device(), batch, minute(24 * 60)).await.unwrap();
            sequence += 100;
        }
        let (from, to) = (minute(0).as_millisecond(), minute(24 * 60).as_millisecond());
        let told = part(&store, &device(), Resolution::Raw, from, to).await;
        assert_eq!((told.rows.len(), told.cut), (2_400, false));
        // Some steps, and then the manager stops.
        let unsealed = store.unsealed(0, 0, 10).await.unwrap().remove(0);
        let step = store.seal(unsealed.clone(), history::Settings::default(), minute(24 * 60)).await.unwrap();
        assert!(step.more.is_some() && step.reports < 2_400);
        assert_eq!(part(&store, &device(), Resolution::Raw, from, to).await, told, "half way");
        let again = store.seal(unsealed, history::Settings::default(), minute(24 * 60)).await.unwrap();
        assert_eq!(again.more, None, "somebody else was here");
        assert_eq!(part(&store, &device(), Resolution::Raw, from, to).await, told);
        round(&job(&store), minute(24 * 60)).await;
        assert_eq!(part(&store, &device(), Resolution::Raw, from, to).await, told);
        // By pages, each of whole blocks.
        let mut days = Vec::new();
        for day in 0..40_i64 {
            days.push(at(-60 * 24 * (day + 1), sequence, &[utilisation(7)]));
            sequence += 1;
        }
        for late in days {
            hand_in(&store, &device(), late, minute(24 * 60)).await.unwrap();
        }
        round(&job(&store), minute(24 * 60 + 7 * 60)).await;
        let from = from - 29 * DAY;
        let query = |from| HistoryQuery { device: device(), resolution: Resolution::Raw, from, to, rows: 10 };
        let (mut start, mut seen) = (from, 0);
        loop {
            let page = store.history(&Scope::All, query(start)).await.unwrap().unwrap();
            seen += page.rows.len();
            let Some(next) = page.upto else { break };
            start = next;
        }
        assert_eq!(seen, 2_400 + 29);
    }

    pub(super) async fn old_reports_go_and_what_is_shown_or_was_asked_for_stays(store: Store) {
        let (other, asker): (DeviceId, DeviceId) = ("other".parse().unwrap(), "asker".parse().unwrap());
        for device in [device(), other.clone(), asker.clone()] {
            let_in(&store, &device).await;
        }
        let bodies = [utilisation(50), toner_low("a1"), utilisation(49), cleared("a1"), utilisation(48)];
        hand_in(&store, &device(), at(0, 1, &bodies), minute(60)).await.unwrap();
        hand_in(&store, &other, at(0, 1, &[active(40), utilisation(39)]), minute(60)).await.unwrap();
        hand_in(&store, &asker, at(0, 1, &[order("o1", 1), service_call("help")]), minute(60)).await.unwrap();
        let days = |days: i64| minute(0) + SignedDuration::from_hours(24 * days);
        hand_in(&store, &device(), at(40 * 24 * 60, 6, &[utilisation(20)]), days(40)).await.unwrap();
        let mut job = job(&store);
        job.quotas = Quotas::new(quota::Settings::default(), store.usages().await.unwrap());
        assert_eq!(round(&job, days(20)).await.reports, 0);
        let done = round(&job, days(41)).await;
        assert_eq!(
            done.reports, 3,
            "the readings of the one that goes on; what is shown of the silent one stays"
        );
        let kinds = async |device: DeviceId| {
            let filter = ReportFilter { device: Some(device) };
            let mut kinds = Vec::new();
            let mut before = None;
            loop {
                let page = store.reports(&Scope::All, filter.clone(), before, 2).await.unwrap();
                let Some(last) = page.last() else { break };
                before = Some(last.key);
                kinds.extend(page.into_iter().map(|one| one.report.body.kind()));
            }
            kinds
        };
        assert_eq!(kinds(device()).await, ["utilisation", "alert_cleared", "alert_raised"]);
        let silent = store.device(other).await.unwrap().unwrap();
        assert!(silent.activity.is_some() && silent.readings.unwrap().supplies[0].percent() == Some(39));
        // A device that was away goes on where it was, also if it repeats what is gone.
        let again =
            hand_in(&store, &device(), at(15, 6, &[utilisation(20), utilisation(19)]), days(41)).await;
        assert!(again.is_err() || again.unwrap().acknowledged == 7);
        // The values stay.
        let from = minute(0).as_millisecond();
        let told = part(&store, &device(), Resolution::Hour, from, from + DAY).await;
        assert_eq!(black(&told).len(), 2, "48 % in the first hour, and what the alert says none of");
        // What people asked for is there until that is closed and old, and its report as long.
        let whose = asker.clone();
        let orders = || OrderFilter { device: Some(whose.clone()), ..OrderFilter::default() };
        assert_eq!(store.orders(&Scope::All, orders(), None, 10).await.unwrap().len(), 1);
        round(&job, days(2_000)).await;
        let open = store.orders(&Scope::All, orders(), None, 10).await.unwrap();
        assert_eq!(open.len(), 1, "open things stay");
        let calls = ServiceCallFilter::default();
        assert_eq!(store.service_calls(&Scope::All, calls, None, 10).await.unwrap().len(), 1);
        assert_eq!(kinds(asker.clone()).await.len(), 2);
        store
            .set_order(&Scope::All, open[0].key, OrderState::Delivered, "anna".into(), days(2_000))
            .await
            .unwrap();
        hand_in(&store, &asker, at(2_000 * 24 * 60, 3, &[order("o2", 1)]), days(2_001)).await.unwrap();
        round(&job, days(4_000)).await;
        round(&job, days(4_001)).await;
        assert_eq!(
            store.orders(&Scope::All, orders(), None, 10).await.unwrap().len(),
            1,
            "only the one that is open"
        );
        assert_eq!(kinds(asker).await, ["order", "service_call"]);
    }

    pub(super) async fn what_is_closed_goes_after_its_time_and_what_is_open_stays(store: Store) {
        let_in(&store, &device()).await;
        let bodies = [
            toner_low("a1"),
            cleared("a1"),
            condition("a2", "jam", "mediaPath", "path"),
            condition("a3", "jam", "mediaPath", "path"),
            cleared("a3"),
            toner_low("a4"),
        ];
        hand_in(&store, &device(), at(0, 1, &bodies), minute(60)).await.unwrap();
        let days = |days: i64| minute(60) + SignedDuration::from_hours(24 * days);
        let alerts = async || {
            let all = store.alerts(&Scope::All, AlertFilter::default(), None, 10).await.unwrap();
            all.iter().map(|one| one.alert.id.to_string()).collect::<Vec<_>>()
        };
        round(&job(&store), days(729)).await;
        assert_eq!(alerts().await, ["a4", "a3", "a2", "a1"]);
        round(&job(&store), days(731)).await;
        assert_eq!(alerts().await, ["a4", "a2"]);
    }

    pub(super) async fn values_are_kept_as_long_as_their_resolution(store: Store) {
        let_in(&store, &device()).await;
        hand_in(&store, &device(), at(0, 1, &[utilisation(50), utilisation(49)]), minute(60)).await.unwrap();
        let from = minute(0).as_millisecond();
        let days = |days: i64| minute(60) + SignedDuration::from_hours(24 * days);
        let counts = async || {
            let mut counts = Vec::new();
            for resolution in Resolution::ALL {
                counts.push(part(&store, &device(), resolution, from, from + DAY).await.rows.len());
            }
            counts
        };
        assert_eq!(counts().await, [2, 1, 1]);
        round(&job(&store), days(1)).await;
        assert_eq!(counts().await, [2, 1, 1]);
        // PostgreSQL drops whole partitions, the last of which is let go of when nothing in it is kept.
        round(&job(&store), days(40)).await;
        assert_eq!(counts().await, [0, 1, 1]);
        round(&job(&store), days(400)).await;
        assert_eq!(counts().await, [0, 0, 1]);
        round(&job(&store), days(366 * 10 + 340)).await;
        assert_eq!(counts().await, [0, 0, 0]);
    }

    pub(super) async fn a_device_with_too_much_open_is_refused_and_what_it_used_is_kept(store: Store) {
        let_in(&store, &device()).await;
        store.limit_open(quota::Settings { open_alerts: 2, open_orders: 1, ..quota::Settings::default() });
        hand_in(&store, &device(), at(0, 1, &[toner_low("a1"), toner_low("a2")]), now()).await.unwrap();
        let over = hand_in(&store, &device(), at(0, 3, &[toner_low("a3")]), now()).await.unwrap_err();
        assert!(
            matches!(over, IngestRefusal::OverQuota(over) if over.quota == Quota::OpenAlerts),
            "{over:?}"
        );
        let bodies = [cleared("a1"), toner_low("a3")];
        hand_in(&store, &device(), at(0, 3, &bodies), now()).await.unwrap();
        hand_in(&store, &device(), at(0, 5, &[order("o1", 1)]), now()).await.unwrap();
        let over = hand_in(&store, &device(), at(0, 6, &[order("o2", 1)]), now()).await.unwrap_err();
        assert!(over.to_string().contains("`open_orders` of 1"), "{over}");
        let other = "other".parse().unwrap();
        let_in(&store, &other).await;
        hand_in(&store, &other, at(0, 1, &[order("o1", 1)]), now()).await.unwrap();

        let quotas = Quotas::new(quota::Settings::default(), []);
        quotas.reserve(&device(), 5_000, now()).unwrap().stored(4_000);
        quotas.refused(&device(), &quota::Settings::default().over(Quota::OpenOrders), now());
        let changes = quotas.take_changes(10);
        let bytes = changes[0].usage.bytes;
        store.keep_usages(changes.clone()).await.unwrap();
        store.keep_usages(changes).await.unwrap();
        let usages: Vec<_> = store.usages().await.unwrap();
        let [(whose, usage)] = usages.as_slice() else { panic!("{usages:?}") };
        assert_eq!((whose, usage.kept, usage.bytes), (&device(), 8_000, bytes), "what is kept is added up");
        let kept = Quotas::new(quota::Settings::default(), usages);
        assert_eq!(kept.noisy(&device(), now()), quotas.noisy(&device(), now()));
    }
}

/// Runs every function of the suite on a fresh store of each kind.
macro_rules! on_both_engines {
    ($($name:ident,)*) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                let directory = tempfile::tempdir().unwrap();
                let store = super::Store::open(&directory.path().join("s"), super::Grouping::Group).unwrap();
                super::suite::$name(store).await;
            })*
        }
        mod postgresql {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                let mut cluster = super::Cluster::start();
                let store = super::on_postgres(&mut cluster, super::Grouping::Group).await;
                super::suite::$name(store).await;
            })*
        }
    };
}

on_both_engines! {
    values_are_told_before_and_after_they_are_gathered,
    a_long_backlog_is_gathered_in_steps_and_told_by_pages,
    old_reports_go_and_what_is_shown_or_was_asked_for_stays,
    what_is_closed_goes_after_its_time_and_what_is_open_stays,
    values_are_kept_as_long_as_their_resolution,
    a_device_with_too_much_open_is_refused_and_what_it_used_is_kept,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_is_made_ahead_and_dropped_whole() {
    let mut cluster = Cluster::start();
    let store = on_postgres(&mut cluster, Grouping::Group).await;
    let database = "platen1";
    let partitions = || {
        let names = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'history_raw'::regclass";
        cluster.administer_in(database, names).trim().parse::<u32>().unwrap()
    };
    let_in(&store, &device()).await;
    round(&job(&store), minute(0)).await;
    assert_eq!(partitions(), 3, "this week's, the next one's, and that of what comes late");
    hand_in(&store, &device(), at(0, 1, &[utilisation(50)]), minute(60)).await.unwrap();
    round(&job(&store), minute(7 * 60)).await;
    let late = "SELECT count(*) FROM history_raw_late";
    assert_eq!(cluster.administer_in(database, late).trim(), "0");
    round(&job(&store), minute(60 * 24 * 50)).await;
    assert_eq!(partitions(), 3, "two new ones, and the old ones are gone");
    store.close().await;
}

#[tokio::test]
async fn space_that_becomes_free_is_given_back_to_the_file_system() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let store = Store::open(&path, Grouping::Group).unwrap();
    let_in(&store, &device()).await;
    for first in (1..2_000).step_by(100) {
        let mut batch = large(first, 100);
        for report in batch["reports"].as_array_mut().unwrap() {
            report["taken"]["wall"] = json!(minute(0).to_string());
            report["body"] = utilisation(50);
            report["body"]["readings"]["supplies"][0]["serial"] = json!("S".repeat(3_000));
        }
        hand_in(&store, &device(), batch, minute(1)).await.unwrap();
    }
    store.look_after_log(minute(1)).await.unwrap();
    let later = minute(0) + SignedDuration::from_hours(24 * 40);
    assert_eq!(round(&job(&store), later).await.reports, 1_999, "all but the newest");
    assert!(!store.give_space_back(100).await.unwrap(), "the round gave back what there was");
    store.close().await;
    drop(store);
    let store = Store::open(&path, Grouping::Group).unwrap();
    store.close().await;
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert!(bytes < 6 * 1024 * 1024, "{bytes} bytes of a file that had more than 8 MiB");
}

#[test]
fn each_length_is_gone_through_once() {
    let lengths = Reports::default().lengths();
    assert!(lengths.is_sorted() && lengths[0] == 30, "{lengths:?}");
}

async fn with_quota(quota: quota::Settings) -> TestManager {
    TestManager::start_configured(Arc::new(tempfile::tempdir().unwrap()), |config| config.quota = quota).await
}

/// A batch of about so many KiB.
fn large(first: u64, kib: usize) -> Value {
    let mut body = started(&"P".repeat(400));
    body["volatile_state"] = json!("y".repeat(400));
    batch(first, &vec![body; kib])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_noisy_device_is_refused_and_shown_and_its_people_and_others_get_through() {
    let quota = quota::Settings { mib_per_day: 1, reserve_mib_per_day: 1, ..quota::Settings::default() };
    let manager = with_quota(quota).await;
    let (noisy, quiet) = (manager.enrol("noisy").await, manager.enrol("quiet").await);
    let mut sequence = 1;
    let refused = loop {
        let answer = noisy.report(manager.device, &large(sequence, 90)).await;
        if answer.status != StatusCode::OK {
            break answer;
        }
        sequence += 90;
        assert!(sequence < 3_000, "it is never refused");
    };
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!((1..=301).contains(&refused.retry_after()), "{}", refused.retry_after());
    let detail = refused.problem(ProblemKind::OverQuota);
    assert!(detail.contains("`mib_per_day` of 1"), "{detail}");
    // It may wait for commands as ever.
    assert_eq!(noisy.report(manager.device, &batch(sequence, &[])).await.status, StatusCode::OK);
    // What a person there asks for is taken.
    let asked = noisy.report(manager.device, &batch(sequence, &[service_call("help")])).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text());
    assert_eq!(quiet.report(manager.device, &large(1, 90)).await.status, StatusCode::OK);

    let view = manager.api("/api/v1/devices/noisy").await;
    assert_eq!(view["noisy"]["quota"], "bytes_per_day");
    assert_eq!(view["noisy"]["refused"], 1);
    assert_eq!(manager.api("/api/v1/devices/quiet").await["noisy"], Value::Null);
    assert_eq!(manager.api("/api/v1/health").await["turned_away"]["quota"], 1);
    // A restart makes nobody quiet.
    let manager = manager.restart().await;
    assert_eq!(manager.api("/api/v1/devices/noisy").await["noisy"]["quota"], "bytes_per_day");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_enrols_after_one_of_its_name_was_deleted_has_used_nothing() {
    let manager =
        with_quota(quota::Settings { mib_per_day: 1, reserve_mib_per_day: 1, ..Default::default() }).await;
    let former = manager.enrol("lobby").await;
    let mut sequence = 1;
    while former.report(manager.device, &large(sequence, 90)).await.status == StatusCode::OK {
        sequence += 90;
        assert!(sequence < 3_000, "it is never refused");
    }
    for (method, path) in [("POST", "/devices/lobby/revoke"), ("DELETE", "/devices/lobby?confirm=lobby")] {
        let answer = manager.ask_api(method, &format!("/api/v1{path}"), None).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
    }
    let stored = rusqlite::Connection::open(database_path(manager.directory.path())).unwrap();
    let is_there = "SELECT count(*) FROM devices WHERE id = 'lobby'";
    until(|| async { (stored.query_row(is_there, [], |row| row.get(0)) == Ok(0)).then_some(()) }).await;
    let lobby = manager.enrol("lobby").await;
    let answer = lobby.report(manager.device, &large(1, 90)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(manager.api("/api/v1/devices/lobby").await["noisy"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_asked_for_by_subject_and_time_and_page_and_nonsense_is_refused() {
    let manager = TestManager::start().await;
    let client = manager.enrol("lobby").await;
    let mut batch = batch(1, &[active(50), unknown(0), active(40)]);
    batch["next_within_seconds"] = json!(960);
    let begin = platen_tests::rigs::manager::task::now() - SignedDuration::from_hours(3);
    for (index, minutes) in [0, 15, 120].into_iter().enumerate() {
        batch["reports"][index]["taken"]["wall"] =
            json!((begin + SignedDuration::from_mins(minutes)).to_string());
    }
    assert_eq!(client.report(manager.device, &batch).await.status, StatusCode::OK);
    let path = "/api/v1/devices/lobby/history";
    let told = manager.api(&format!("{path}?subject=supply.black&resolution=raw&from={begin}")).await;
    let items = told["items"].as_array().unwrap();
    let seen: Vec<(&str, &Value)> =
        items.iter().map(|item| (item["knowledge"].as_str().unwrap(), &item["value"])).collect();
    assert_eq!(
        seen,
        [
            ("known", &json!(500)),
            ("unknown", &Value::Null),
            ("not_heard", &Value::Null),
            ("known", &json!(400)),
            ("not_heard", &Value::Null),
        ],
        "{told}"
    );
    assert_eq!((&items[0]["percent"], &items[0]["unit"]), (&json!(50), &json!("tenthsOfGrams")));
    assert!(items[2]["until"].is_string() && items[2]["unit"].is_null());

    // By pages of one: the same.
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = manager
            .api(&format!("{path}?subject=supply.black&resolution=raw&limit=1&from={begin}{cursor}"))
            .await;
        paged.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged.len(), items.len());
    assert_eq!(&paged[..4], &items[..4]);

    let everything = manager.api(path).await;
    let subjects: std::collections::BTreeSet<&str> = everything["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["subject"].as_str().unwrap())
        .collect();
    assert!(
        subjects.contains("temperature.fuser") && subjects.contains("counter.impressions"),
        "{subjects:?}"
    );

    for (query, word) in [
        ("subject=toner", "supply.black"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "must lie before"),
        ("limit=0", "between 1 and 2000"),
        ("cursor=r7", "cursor"),
        ("cursor=hx7.0", "cursor"),
        ("resolution=week", "resolution"),
        ("colour=red", "colour"),
    ] {
        let answer = manager.ask_api("GET", &format!("{path}?{query}"), None).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.problem(ProblemKind::InvalidRequest).contains(word), "{query}: {}", answer.text());
    }
    let missing = manager.ask_api("GET", "/api/v1/devices/nobody/history", None).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);

    // For people: a line on the device's page, broken where nothing is known, and the values behind it.
    let mut page = browser(&manager).await;
    let cookie = sign_in(&mut page).await;
    let text = device_page(&mut page, "lobby", &cookie).await;
    let (_, level) = text.split_once("data-level=\"black\"").unwrap();
    let (level, _) = level.split_once("</li>").unwrap();
    assert!(level.contains("class=\"gap\"") && level.contains("class=\"line black\""), "{level}");
    let values = "/devices/lobby/history?subject=supply.black&days=1";
    let text = get(&mut page, values, &cookie).await.text();
    assert!(text.contains("(40 % left)") && text.contains("could not be read"), "{text}");
    assert!(text.contains("data-gap") && text.contains("subject=temperature.fuser"), "{text}");
    let refused = get(&mut page, "/devices/lobby/history?subject=toner", &cookie).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_gives_way_to_reports_and_stops_when_asked() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("s"), Grouping::Group).unwrap();
    let_in(&store, &device()).await;
    hand_in(&store, &device(), at(0, 1, &[utilisation(50)]), minute(60)).await.unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    assert_eq!(job(&store).round(minute(60), &stop).await.gathered, 0);
    let mut others = job(&store);
    others.turn = Arc::new(|| false);
    assert_eq!(others.round(minute(60), &CancellationToken::new()).await.gathered, 0, "it is another's turn");
    let running = tokio::spawn(job(&store).run(stop));
    tokio::time::timeout(Duration::from_secs(30), running).await.unwrap().unwrap();
}

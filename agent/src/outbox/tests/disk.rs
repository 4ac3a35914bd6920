//! Disks that are full, can only be read, or are not there; and files that are corrupt.

use std::collections::{BTreeMap, BTreeSet};

use platen_protocol::device_to_manager::{OutboxReplaced, Report, ReportBatch};
use proptest::prelude::*;

use super::*;
use crate::judge::{DiskFault, Past};
use crate::request::Fate;
use crate::settings::{Chosen, Origin, Settings};

#[path = "../../../../manager/src/ingest/plan.rs"]
#[allow(
    unreachable_pub,
    rustdoc::broken_intra_doc_links,
    reason = "the manager's own, joined with the outbox here"
)]
mod real;
use real::{Plan, plan};

/// From here on nothing can be written.
fn forbid_writing(outbox: &Outbox) {
    outbox.db.pragma_update(None, "query_only", true).unwrap();
}

/// From here on the file cannot grow.
fn fill(db: &Connection) {
    let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
}

fn make_room(outbox: &Outbox) {
    let disk = outbox.memory.as_ref().unwrap().disk.as_ref().unwrap();
    disk.query_row("PRAGMA max_page_count = 100000", [], |_| Ok(())).unwrap();
}

#[test]
fn when_the_disk_takes_nothing_the_work_goes_on_in_memory_in_an_epoch_of_its_own() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    keep(&mut outbox, call());
    let on_disk = outbox.epoch().clone();
    forbid_writing(&outbox);
    keep(&mut outbox, alert());
    let trouble = outbox.disk_trouble().unwrap().clone();
    assert_eq!(trouble.fault, DiskFault::ReadOnly);
    assert!(trouble.what().contains("kept in memory") && trouble.remedy().contains("SD card"));
    let in_memory = outbox.epoch().clone();
    assert_ne!(in_memory, on_disk);
    let first = send(&mut outbox);
    assert_eq!((&first.epoch, first.in_memory, kinds(&first)), (&on_disk, false, vec!["service_call"]));
    let second = send(&mut outbox);
    assert_eq!((&second.epoch, second.in_memory, kinds(&second)), (&in_memory, true, vec!["alert_raised"]));
    assert!(outbox.next_batch(9).unwrap().is_none());
    // What was known of commands is known.
    assert_eq!(outbox.receive(&[command("c")], 0).unwrap().fresh, 1);
    assert_eq!(outbox.receive(&[command("c")], 0).unwrap().fresh, 0);
    end(&mut outbox, "c");
    assert!(outbox.unfinished().unwrap().is_empty());
    // The process dies: the file goes on in its own epoch.
    drop(outbox);
    let mut outbox = open_in(directory.path());
    assert_eq!(outbox.epoch(), &on_disk);
    assert!(outbox.disk_trouble().is_none());
    assert_eq!(keep(&mut outbox, alert()), Some(2));
}

#[test]
fn what_was_kept_in_memory_comes_to_the_disk_under_its_names_when_that_works_again() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    for id in ["order-1", "order-2"] {
        keep(&mut outbox, order(id));
    }
    outbox.receive(&[command("before")], 0).unwrap();
    fill(&outbox.db);
    // So much does not fit into what the file has.
    let message = Some("x".repeat(10_000));
    keep(&mut outbox, call_by(EnteredBy::Command, message));
    assert_eq!(outbox.disk_trouble().unwrap().fault, DiskFault::Full);
    outbox.receive(&[command("meanwhile")], 0).unwrap();
    assert!(!outbox.try_disk().unwrap(), "it is still full");
    assert_eq!(outbox.disk_trouble().unwrap().fault, DiskFault::Full);
    keep(&mut outbox, order("order-3"));
    assert_eq!(send(&mut outbox).reports.len(), 2);
    let told = outbox.next_batch(9).unwrap().unwrap().body;
    assert!(told.in_memory);
    make_room(&outbox);
    assert!(outbox.try_disk().unwrap());
    assert!(outbox.disk_trouble().is_none());
    let safe = ReportBatch { in_memory: false, ..told };
    assert_eq!(outbox.next_batch(9).unwrap().unwrap().body, safe);
    let epoch = outbox.epoch().clone();
    drop(outbox);
    let mut outbox = open_in(directory.path());
    assert_eq!(outbox.next_batch(9).unwrap().unwrap().body, safe);
    assert_eq!(outbox.epoch(), &epoch);
    assert_eq!(outbox.unfinished().unwrap(), [command("before"), command("meanwhile")]);
    let waits = outbox.asked().filter(|asked| asked.fate == Fate::Waiting).count();
    assert_eq!((waits, outbox.asked().count()), (2, 4));
    keep(&mut outbox, alert());
    assert_eq!(outbox.next_batch(9).unwrap().unwrap().span(), Some((1, 3)));
}

#[test]
fn memory_has_a_smaller_limit_which_what_waits_on_the_disk_does_not_use_up() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    for _ in 0..10 {
        keep(&mut outbox, alert());
    }
    forbid_writing(&outbox);
    for _ in 0..MEMORY_LIMITS.max_reports + 3 {
        keep(&mut outbox, utilisation());
    }
    assert_eq!(outbox.backlog(), 10 + MEMORY_LIMITS.max_reports);
    assert_eq!(outbox.discarded(), 3);
}

#[test]
fn a_report_that_the_disk_does_not_give_back_is_told_as_lost_and_the_next_one_goes_on() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    for body in [alert(), order("order-1"), alert()] {
        keep(&mut outbox, body);
    }
    forbid_writing(&outbox);
    keep(&mut outbox, call());
    outbox.memory.as_mut().unwrap().disk = None;
    let batch = send(&mut outbox);
    assert_eq!(kinds(&batch), ["order"], "what persons asked for was copied");
    let unreadable = |at| lost(at, at, &[("alert_raised", 1)], LostReason::Unreadable);
    assert_eq!(batch.lost, [unreadable(1), unreadable(3)]);
}

#[test]
fn a_directory_that_cannot_be_used_at_the_start_is_used_when_it_can_be() {
    let directory = tempdir().unwrap();
    let state = directory.path().join("state");
    std::fs::write(&state, "in the way").unwrap();
    let mut outbox = open_in(&state);
    assert_eq!(outbox.disk_trouble().unwrap().fault, DiskFault::Failing);
    keep(&mut outbox, order("order-1"));
    assert!(outbox.next_batch(9).unwrap().unwrap().body.in_memory);
    assert!(!outbox.try_disk().unwrap());
    std::fs::remove_file(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    assert!(outbox.try_disk().unwrap());
    let batch = outbox.next_batch(9).unwrap().unwrap().body;
    assert!(!batch.in_memory);
    drop(outbox);
    assert_eq!(open_in(&state).next_batch(9).unwrap().unwrap().body, batch);
}

#[test]
fn a_file_that_is_found_later_is_told_first_and_what_it_held_applies() {
    let directory = tempdir().unwrap();
    let (state, away) = (directory.path().join("state"), directory.path().join("away"));
    let mut earlier = open_in(&state);
    let origin = Origin { operator: None, command: "c-1".parse().unwrap(), at: time() };
    let chosen = Chosen { value: 5, origin };
    let settings = Settings::from_stored([("sample.interval-seconds".parse().unwrap(), chosen)]);
    let alerts = one_stands();
    let reports = vec![new(alert()), new(order("order-1"))];
    let entry = Entry {
        reports,
        settings: Some(settings.rows().unwrap()),
        alerts: Some(&alerts),
        ..Entry::default()
    };
    earlier.keep(&entry).unwrap();
    earlier.receive(&[command("earlier")], 0).unwrap();
    let epoch = earlier.epoch().clone();
    drop(earlier);
    std::fs::rename(&state, &away).unwrap();
    std::fs::write(&state, "in the way").unwrap();

    let (mut outbox, remembered) = open(&state, OutboxConfig::default()).unwrap();
    assert_eq!((remembered.settings, remembered.past), (Settings::default(), Past::default()));
    keep(&mut outbox, order("order-2"));
    outbox.receive(&[command("meanwhile")], 0).unwrap();
    std::fs::remove_file(&state).unwrap();
    std::fs::rename(&away, &state).unwrap();
    assert!(outbox.try_disk().unwrap());
    assert_eq!(Settings::from_rows(&outbox.remembered().settings), settings);
    keep(&mut outbox, utilisation());
    drop(outbox);
    let (mut outbox, remembered) = open(&state, OutboxConfig::default()).unwrap();
    assert_eq!(remembered.alerts.standing().count(), 0, "those that stand now have other names");
    let first = send(&mut outbox);
    assert_eq!((&first.epoch, kinds(&first)), (&epoch, vec!["alert_raised", "order"]));
    let second = send(&mut outbox);
    assert_eq!(kinds(&second), ["order", "alert_cleared", "utilisation"], "it is told of anew");
    assert_eq!(outbox.unfinished().unwrap(), [command("earlier"), command("meanwhile")]);
}

#[test]
fn a_file_that_is_found_corrupt_while_the_agent_runs_is_replaced_and_its_reports_are_saved() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    for body in [order("order-1"), alert(), call()] {
        keep(&mut outbox, body);
    }
    outbox.receive(&[command("c")], 0).unwrap();
    outbox.db.execute("UPDATE report SET body = 'nonsense' WHERE place = 2", []).unwrap();
    let before = outbox.epoch().clone();
    let mut broken = true;
    outbox
        .durably(|_| {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            let corrupt = OutboxError::Sqlite(rusqlite::Error::SqliteFailure(code, None));
            if std::mem::take(&mut broken) { Err(corrupt) } else { Ok(()) }
        })
        .unwrap();
    keep(&mut outbox, utilisation());
    assert!(files(&directory).contains(&"outbox.sqlite.corrupt-1".to_owned()));
    drop(outbox);
    let mut outbox = open_in(directory.path());
    let first = send(&mut outbox);
    assert_eq!((&first.epoch, kinds(&first)), (&before, vec!["order", "service_call"]));
    assert_eq!(first.lost, [lost(2, 2, &[("alert_raised", 1)], LostReason::Unreadable)]);
    let second = send(&mut outbox);
    assert_eq!(kinds(&second), ["outbox_replaced", "utilisation"]);
    let ReportBody::OutboxReplaced(OutboxReplaced { reason, evidence, previous_epoch }) =
        &second.reports[0].body
    else {
        unreachable!()
    };
    assert!(reason.contains("2 of 3 reports that waited could be saved"), "{reason}");
    assert!(evidence.as_ref().unwrap().ends_with("outbox.sqlite.corrupt-1"));
    assert_eq!(previous_epoch.as_ref(), Some(&before));
    assert_eq!(outbox.unfinished().unwrap(), [command("c")]);
}

#[test]
fn a_file_that_is_no_database_is_reported_in_the_first_report_of_the_new_epoch() {
    let directory = tempdir().unwrap();
    std::fs::write(directory.path().join(FILE_NAME), vec![b'x'; 8192]).unwrap();
    let mut outbox = open_in(directory.path());
    keep(&mut outbox, alert());
    let batch = send(&mut outbox);
    assert_eq!(kinds(&batch), ["outbox_replaced", "alert_raised"]);
    assert!(matches!(
        &batch.reports[0],
        Report { sequence: 1, body: ReportBody::OutboxReplaced(replaced), .. } if replaced.previous_epoch.is_none()
    ));
    drop(outbox);
    assert!(open_in(directory.path()).next_batch(9).unwrap().is_some(), "told until it is settled");
}

/// What happens to an outbox on a bad disk.
#[derive(Debug, Clone)]
enum Act {
    /// A utilisation state, an alert's end, or a service call.
    Keep(u8),
    /// A batch reaches the manager; the reply may be lost.
    Deliver {
        most: usize,
        heard: bool,
    },
    FailToWrite,
    TryDisk,
    Crash,
    Stop,
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0_u8..3).prop_map(Act::Keep),
        4 => (1_usize..5, any::<bool>()).prop_map(|(most, heard)| Act::Deliver { most, heard }),
        1 => Just(Act::FailToWrite),
        1 => Just(Act::TryDisk),
        1 => Just(Act::Crash),
        1 => Just(Act::Stop),
    ]
}

/// A manager that decides as the real one does.
#[derive(Debug, Default)]
struct Held {
    acknowledged: BTreeMap<String, u64>,
    stored: BTreeMap<(String, u64), Option<u64>>,
    lost: BTreeSet<(String, u64)>,
}

impl Held {
    fn take(&mut self, batch: &ReportBatch) -> u64 {
        let epoch = batch.epoch.to_string();
        let at = self.acknowledged.entry(epoch.clone()).or_default();
        let sequences: Vec<u64> = batch.reports.iter().map(|report| report.sequence).collect();
        let Plan { gaps, repeats, new, acknowledged } =
            plan(*at, batch.oldest_sequence, &batch.lost, &sequences);
        for report in &batch.reports[repeats] {
            if let Some(known) = self.stored.get(&(epoch.clone(), report.sequence)) {
                assert_eq!(*known, number(report), "one name was given to two reports");
            }
        }
        assert_eq!(new.end, batch.reports.len(), "something is missing in {batch:?}");
        for report in &batch.reports[new] {
            assert_eq!(self.stored.insert((epoch.clone(), report.sequence), number(report)), None);
        }
        for gap in gaps {
            let run = &batch.lost[gap.told.expect("each loss is counted")];
            assert_eq!(run.last, gap.last, "no run ends in the middle of a gap");
            // A reply that was not heard may have acknowledged the beginning of a run: that is no loss. The
            // manager then knows how many are lost and why, and not of which kinds.
            for sequence in run.first..gap.first {
                let name = (epoch.clone(), sequence);
                assert!(self.stored.contains_key(&name) || self.lost.contains(&name), "{name:?}");
            }
            for sequence in gap.first..=gap.last {
                assert!(self.lost.insert((epoch.clone(), sequence)));
            }
        }
        *at = acknowledged;
        acknowledged
    }
}

/// What tells one report from another; what the outbox has to tell of itself has no number.
fn number(report: &Report) -> Option<u64> {
    match &report.body {
        ReportBody::Utilisation(utilisation) => Some(utilisation.running_seconds),
        ReportBody::AlertCleared { description, .. } => description.parse().ok(),
        ReportBody::ServiceCall(call) => call.message.as_ref().unwrap().parse().ok(),
        ReportBody::AlertsStanding { .. } => None,
        other => panic!("{other:?}"),
    }
}

fn numbered(kind: u8, number: u64) -> ReportBody {
    match kind {
        0 => ReportBody::Utilisation(Utilisation {
            running_seconds: number,
            failed_reads: 0,
            readings: Readings::default(),
            activity: None,
        }),
        1 => ReportBody::AlertCleared { alert_id: "a".parse().unwrap(), description: number.to_string() },
        _ => call_by(EnteredBy::Command, Some(number.to_string())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn on_a_disk_that_comes_and_goes_every_report_arrives_once_or_is_known_to_be_lost(
        acts in prop::collection::vec(any_act(), 1..60),
    ) {
        let directory = tempdir().unwrap();
        let limits = OutboxConfig { max_reports: 12, ..OutboxConfig::default() };
        let mut outbox = open(directory.path(), limits).unwrap().0;
        let mut manager = Held::default();
        let (mut next, mut own, mut died) = (0_u64, 0_u64, 0_u64);
        for act in acts.into_iter().chain([Act::TryDisk]) {
            match act {
                Act::Keep(kind) => {
                    own += u64::from(outbox.owes());
                    outbox.keep(&Entry { reports: vec![new(numbered(kind, next))], ..Entry::default() }).unwrap();
                    next += 1;
                }
                Act::Deliver { most, heard } => {
                    if let Some(batch) = outbox.next_batch(most).unwrap() {
                        let acknowledged = manager.take(&batch.body);
                        if heard {
                            let meant = outbox.acknowledge(&batch.body.epoch, acknowledged, time()).unwrap().meant;
                            prop_assert_eq!(meant, Acknowledgement::Taken);
                        }
                    }
                }
                Act::FailToWrite => {
                    if outbox.disk_trouble().is_none() {
                        forbid_writing(&outbox);
                    }
                }
                Act::TryDisk => prop_assert!(outbox.try_disk().unwrap()),
                Act::Crash | Act::Stop => {
                    if matches!(act, Act::Stop) {
                        outbox.settle(None).unwrap();
                    }
                    let memory: Vec<_> =
                        outbox.state.chapters().filter(|chapter| chapter.in_memory).cloned().collect();
                    for chapter in memory {
                        let had = manager.acknowledged.get(chapter.epoch.as_str()).copied().unwrap_or(0);
                        died += chapter.next - 1 - had;
                    }
                    drop(outbox);
                    outbox = open(directory.path(), limits).unwrap().0;
                }
            }
        }
        while let Some(batch) = outbox.next_batch(100).unwrap() {
            let acknowledged = manager.take(&batch.body);
            outbox.acknowledge(&batch.body.epoch, acknowledged, time()).unwrap();
        }
        prop_assert_eq!(outbox.backlog(), 0);
        let numbers = manager.stored.values().flatten();
        let contents: BTreeSet<u64> = numbers.clone().copied().collect();
        prop_assert_eq!(contents.len(), numbers.count(), "a report was told twice");
        let known = (manager.stored.len() + manager.lost.len()) as u64;
        prop_assert_eq!(known + died, next + own, "one is unaccounted for");
    }
}

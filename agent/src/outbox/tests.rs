//! The outbox against a model, and what it does with damaged files.

use std::path::Path;

use platen_protocol::alert::{AlertCode, AlertGroup, Severity, Training};
use platen_protocol::device_to_manager::{
    EnteredBy, Outcome, OutcomeResult, ReadingsCause, ReadingsReport, ReportBody, ServiceCall, Utilisation,
};
use platen_protocol::identity::CommandId;
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::readings::Readings;
use platen_protocol::stamp::{ClockQuality, Stamp};
use proptest::prelude::*;
use tempfile::{TempDir, tempdir};

use super::aside::MAX_SET_ASIDE;
use super::*;
use crate::judge::Alerts;

fn stamp() -> Stamp {
    let wall = "2026-01-01T00:00:00Z".parse().unwrap();
    Stamp { boot_id: "b".into(), monotonic_ms: 1, wall, clock: ClockQuality::Synchronised }
}

fn time() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn new(body: ReportBody) -> NewReport {
    NewReport { taken: stamp(), simulated: true, body }
}

fn utilisation() -> ReportBody {
    let readings = Readings::default();
    ReportBody::Utilisation(Utilisation { running_seconds: 0, failed_reads: 0, readings })
}

fn readings() -> ReportBody {
    ReportBody::Readings(ReadingsReport { cause: ReadingsCause::Change, readings: Readings::default() })
}

fn alert() -> ReportBody {
    ReportBody::AlertRaised {
        alert: platen_protocol::alert::Alert {
            id: "a-1".parse().unwrap(),
            severity: Severity::Warning,
            training: Training::Untrained,
            group: AlertGroup::Cover,
            group_index: None,
            location: None,
            code: AlertCode::CoverOpen,
            description: String::new(),
            subject: "cover".into(),
            supply: None,
            part: None,
        },
    }
}

fn call() -> ReportBody {
    ReportBody::ServiceCall(ServiceCall { entered_by: EnteredBy::Button, message: None })
}

fn open_in(directory: &Path) -> Outbox {
    open(directory, OutboxConfig::default()).unwrap().0
}

fn keep(outbox: &mut Outbox, body: ReportBody) -> Option<u64> {
    outbox.keep(&Entry { reports: vec![new(body)], ..Entry::default() }).unwrap()
}

fn acknowledge(outbox: &mut Outbox, sequence: u64) -> Acknowledgement {
    let epoch = outbox.epoch().clone();
    outbox.acknowledge(&epoch, sequence, time()).unwrap()
}

fn command(id: &str) -> Command {
    let expires = "2026-01-02T00:00:00Z".parse().unwrap();
    Command { id: id.parse().unwrap(), issued: time(), expires, action: Action::ReadNow }
}

fn end(outbox: &mut Outbox, id: &str) {
    let command_id: CommandId = id.parse().unwrap();
    let outcome = Outcome { command_id, finished: time(), result: OutcomeResult::Done };
    let finished = Some(Finished { outcome: &outcome, taken: &stamp(), simulated: true });
    outbox.keep(&Entry { finished, ..Entry::default() }).unwrap();
}

fn files(directory: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_kept_is_there_after_a_restart_with_the_alerts_that_stood() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    let alerts = Alerts::new("other-prefix");
    outbox.keep(&Entry { reports: vec![new(alert())], alerts: Some(&alerts), finished: None }).unwrap();
    let epoch = outbox.epoch().clone();
    drop(outbox);
    let (outbox, restored) = open(directory.path(), OutboxConfig::default()).unwrap();
    assert_eq!((outbox.epoch(), outbox.backlog()), (&epoch, 1));
    assert_eq!(restored, alerts);
}

#[test]
fn a_corrupt_file_is_set_aside_and_a_new_epoch_begins() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    keep(&mut outbox, call());
    let epoch = outbox.epoch().clone();
    drop(outbox);
    std::fs::write(directory.path().join(FILE_NAME), vec![b'x'; 8192]).unwrap();
    let outbox = open_in(directory.path());
    assert_ne!(outbox.epoch(), &epoch);
    assert_eq!(outbox.backlog(), 0);
    drop(outbox);
    assert!(files(&directory).contains(&"outbox.sqlite.corrupt-1".to_owned()));
}

#[test]
fn a_file_that_is_damaged_in_the_middle_is_found_at_the_start() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    for _ in 0..200 {
        keep(&mut outbox, alert());
    }
    drop(outbox);
    let file = directory.path().join(FILE_NAME);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xff);
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(open_in(directory.path()).backlog(), 0);
}

#[test]
fn only_so_many_corrupt_files_are_kept() {
    let directory = tempdir().unwrap();
    for _ in 0..MAX_SET_ASIDE + 2 {
        std::fs::write(directory.path().join(FILE_NAME), vec![b'x'; 8192]).unwrap();
        drop(open_in(directory.path()));
    }
    let aside: Vec<_> = files(&directory).into_iter().filter(|name| name.contains("corrupt")).collect();
    assert_eq!(aside.len(), MAX_SET_ASIDE);
    assert!(aside.contains(&format!("outbox.sqlite.corrupt-{}", MAX_SET_ASIDE + 2)));
}

#[test]
fn a_file_of_a_later_version_is_refused_and_left_alone() {
    let directory = tempdir().unwrap();
    drop(open_in(directory.path()));
    let db = Connection::open(directory.path().join(FILE_NAME)).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let refused = open(directory.path(), OutboxConfig::default()).unwrap_err();
    assert!(matches!(refused, OutboxError::Newer { found: 99, .. }));
    assert!(!files(&directory).iter().any(|name| name.contains("corrupt")));
}

#[test]
fn two_agents_cannot_have_one_outbox() {
    let directory = tempdir().unwrap();
    let _first = open_in(directory.path());
    let refused = open(directory.path(), OutboxConfig::default()).unwrap_err();
    assert!(refused.to_string().contains("another platen-agent"), "{refused}");
}

#[test]
fn a_batch_ends_before_a_hole_and_the_next_one_tells_of_the_gap() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    outbox.limits.max_reports = 3;
    for body in [alert(), utilisation(), alert(), alert()] {
        keep(&mut outbox, body);
    }
    let first = outbox.next_batch(100).unwrap().unwrap();
    assert_eq!((first.span(), first.body.oldest_sequence), (Some((1, 1)), 1));
    acknowledge(&mut outbox, 1);
    let second = outbox.next_batch(100).unwrap().unwrap();
    assert_eq!((second.span(), second.body.oldest_sequence), (Some((3, 4)), 3));
}

#[test]
fn service_calls_are_never_given_up_and_have_their_own_limit() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    outbox.limits.max_reports = 10;
    for _ in 0..MAX_WAITING_SERVICE_CALLS {
        keep(&mut outbox, call());
        keep(&mut outbox, readings());
    }
    assert_eq!(outbox.backlog(), MAX_WAITING_SERVICE_CALLS);
    let refused = outbox.keep(&Entry { reports: vec![new(call())], ..Entry::default() });
    assert!(matches!(refused, Err(OutboxError::TooManyServiceCalls)));
}

#[test]
fn a_report_that_no_request_could_carry_is_refused() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    let message = Some("x".repeat(MAX_REPORT_BYTES));
    let huge = ReportBody::ServiceCall(ServiceCall { entered_by: EnteredBy::Command, message });
    let refused = outbox.keep(&Entry { reports: vec![new(huge)], ..Entry::default() });
    assert!(matches!(refused, Err(OutboxError::TooLarge { .. })));
    assert_eq!(outbox.backlog(), 0);
}

#[test]
fn a_batch_never_exceeds_the_size_of_a_request() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    for _ in 0..20 {
        let message = Some("x".repeat(40_000));
        keep(&mut outbox, ReportBody::ServiceCall(ServiceCall { entered_by: EnteredBy::Command, message }));
    }
    let batch = outbox.next_batch(100).unwrap().unwrap();
    let size = serde_json::to_vec(&batch.body).unwrap().len();
    assert!(size <= platen_protocol::limits::MAX_BODY_BYTES && batch.body.reports.len() > 1, "{size}");
}

#[test]
fn a_manager_that_has_more_than_was_given_means_that_this_is_an_old_copy() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    keep(&mut outbox, call());
    assert_eq!(acknowledge(&mut outbox, 2), Acknowledgement::Ahead);
    let old = outbox.epoch().clone();
    outbox.begin_epoch().unwrap();
    assert_ne!(outbox.epoch(), &old);
    assert_eq!(outbox.next_batch(9).unwrap().unwrap().span(), Some((1, 1)));
    assert_eq!(outbox.acknowledge(&old, 1, time()).unwrap(), Acknowledgement::OtherEpoch);
    assert_eq!(outbox.backlog(), 1);
}

#[test]
fn a_new_epoch_numbers_what_waits_from_one_without_holes() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    outbox.limits.max_reports = 3;
    for body in [alert(), utilisation(), alert(), alert(), alert()] {
        keep(&mut outbox, body);
    }
    acknowledge(&mut outbox, 1);
    outbox.begin_epoch().unwrap();
    drop(outbox);
    let mut outbox = open_in(directory.path());
    let batch = outbox.next_batch(100).unwrap().unwrap();
    let sequences: Vec<_> = batch.body.reports.iter().map(|report| report.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
    assert_eq!(keep(&mut outbox, call()), Some(4));
}

#[test]
fn a_command_that_is_delivered_twice_is_acted_on_once() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    assert_eq!(outbox.receive(&[command("c")], 0).unwrap().fresh.len(), 1);
    assert_eq!(outbox.receive(&[command("c")], 0).unwrap(), Received::default());
    end(&mut outbox, "c");
    drop(outbox);
    let mut outbox = open_in(directory.path());
    assert_eq!(outbox.receive(&[command("c")], 0).unwrap(), Received::default(), "its outcome still waits");
    acknowledge(&mut outbox, 1);
    assert_eq!(
        outbox.receive(&[command("c")], 0).unwrap(),
        Received::default(),
        "asked before the outcome arrived"
    );
    let asked_after = outbox.receive(&[command("c")], 1).unwrap();
    assert_eq!((asked_after.fresh.len(), asked_after.lost.len()), (0, 1), "its outcome is told again");
}

#[test]
fn a_command_that_was_interrupted_by_a_restart_is_known_as_unfinished() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    outbox.receive(&[command("c"), command("d")], 0).unwrap();
    end(&mut outbox, "c");
    drop(outbox);
    let unfinished = open_in(directory.path()).unfinished().unwrap();
    assert_eq!(unfinished, [command("d")]);
}

#[test]
fn the_journal_forgets_the_oldest_commands_that_ended() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    outbox.receive(&[command("unfinished")], 0).unwrap();
    for number in 0..MAX_JOURNAL + 20 {
        let id = format!("c{number}");
        outbox.receive(&[command(&id)], 0).unwrap();
        end(&mut outbox, &id);
    }
    let count: i64 = outbox.db.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap();
    assert!(usize::try_from(count).unwrap() <= MAX_JOURNAL, "{count}");
    assert_eq!(outbox.unfinished().unwrap().len(), 1);
}

#[derive(Debug, Clone)]
enum Act {
    Keep(Vec<u8>),
    Send(usize),
    Acknowledge(u64),
    Restart { clean: bool },
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => prop::collection::vec(0_u8..4, 1..4).prop_map(Act::Keep),
        2 => (1_usize..9).prop_map(Act::Send),
        2 => (0_u64..60).prop_map(Act::Acknowledge),
        1 => any::<bool>().prop_map(|clean| Act::Restart { clean }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_outbox_behaves_as_a_list_with_a_watermark(acts in prop::collection::vec(any_act(), 1..40)) {
        let directory = tempdir().unwrap();
        let mut outbox = open_in(directory.path());
        let most = 12;
        outbox.limits.max_reports = most;
        let (mut next, mut watermark, mut ranks) = (1_u64, 0_u64, BTreeMap::new());
        for act in acts {
            match act {
                Act::Keep(kinds) => {
                    let bodies: Vec<_> = kinds.iter().map(|kind| match kind {
                        0 => utilisation(),
                        1 => readings(),
                        2 => alert(),
                        _ => call(),
                    }).collect();
                    for body in &bodies {
                        ranks.insert(next, Rank::of(body));
                        next += 1;
                    }
                    let reports = bodies.into_iter().map(new).collect();
                    let last = outbox.keep(&Entry { reports, ..Entry::default() }).unwrap();
                    prop_assert_eq!(last, Some(next - 1), "sequences rise by one");
                    let before = ranks.clone();
                    ranks.retain(|sequence, _| outbox.held.contains_key(sequence));
                    let lost = before.iter().filter(|(sequence, _)| !ranks.contains_key(sequence));
                    let dearest_lost = lost.map(|(_, rank)| *rank).max();
                    if let Some(dearest) = dearest_lost {
                        prop_assert!(dearest < Rank::ServiceCall);
                        prop_assert!(ranks.values().all(|rank| *rank >= dearest), "something cheaper was kept");
                    }
                    let calls = ranks.values().filter(|rank| **rank == Rank::ServiceCall).count();
                    prop_assert!(ranks.len() <= most.max(calls));
                }
                Act::Send(most) => {
                    let batch = outbox.next_batch(most).unwrap();
                    prop_assert_eq!(batch.is_none(), ranks.is_empty());
                    if let Some(batch) = batch {
                        let oldest = *ranks.keys().next().unwrap();
                        prop_assert_eq!(batch.body.oldest_sequence, oldest);
                        for (report, expected) in batch.body.reports.iter().zip(oldest..) {
                            prop_assert_eq!(report.sequence, expected, "a batch has no holes");
                        }
                        prop_assert!(batch.body.reports.len() <= most);
                    }
                }
                Act::Acknowledge(sequence) => {
                    let meant = acknowledge(&mut outbox, sequence);
                    if sequence >= next {
                        prop_assert_eq!(meant, Acknowledgement::Ahead);
                    } else {
                        watermark = watermark.max(sequence);
                        ranks.retain(|held, _| *held > watermark);
                    }
                    prop_assert_eq!(outbox.acknowledged(), watermark, "the watermark never goes back");
                }
                Act::Restart { clean } => {
                    let epoch = outbox.epoch().clone();
                    if clean {
                        outbox.settle().unwrap();
                    }
                    drop(outbox);
                    outbox = open_in(directory.path());
                    outbox.limits.max_reports = most;
                    prop_assert_eq!(outbox.epoch(), &epoch);
                    prop_assert_eq!(outbox.next, next);
                    prop_assert!(outbox.acknowledged() <= watermark);
                    prop_assert!(!clean || outbox.acknowledged() == watermark);
                    // What was acknowledged and not yet settled is sent once more: harmless.
                    acknowledge(&mut outbox, watermark);
                }
            }
            let held: Vec<_> = outbox.held.keys().copied().collect();
            let model: Vec<_> = ranks.keys().copied().collect();
            prop_assert_eq!(held, model);
        }
    }
}

//! What the outbox does with damaged files, restarts and repeats; [`alerts`], [`commands`], [`disk`], [`model`] and [`remembered`] have the rest.

mod alerts;
mod commands;
mod disk;
mod model;
mod remembered;

use std::path::Path;

use platen_protocol::alert::{AlertCode, AlertGroup, Severity, Training};
use platen_protocol::device_to_manager::{
    EnteredBy, Lost, LostReason, Order, Outcome, OutcomeResult, ReadingsCause, ReadingsReport, Replacement,
    ReplacementKind, ReportBatch, ReportBody, ServiceCall, Utilisation,
};
use platen_protocol::identity::CommandId;
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::readings::{Readings, SupplyReading};
use platen_protocol::stamp::{ClockQuality, Stamp};
use platen_protocol::supply::{Capacity, Level, SupplyClass, SupplyType, SupplyUnit};
use tempfile::{TempDir, tempdir};

use super::file::{LOG_BYTES, MAX_SET_ASIDE};
use super::*;
use crate::judge::Alerts;
use crate::recorder::open;

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
    ReportBody::Utilisation(Utilisation { running_seconds: 0, failed_reads: 0, readings, activity: None })
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
            forecast: false,
            evidence: Vec::new(),
        },
    }
}

/// The alert of [`alert`].
fn one_stands() -> Alerts {
    let ReportBody::AlertRaised { alert } = alert() else { unreachable!() };
    let mut alerts = serde_json::to_value(Alerts::new("a")).unwrap();
    alerts["standing"] = serde_json::json!([{"aspect": {"aspect": "cover"}, "alert": alert}]);
    serde_json::from_value(alerts).unwrap()
}

/// Hands in what waits; the manager takes all of it.
fn send(outbox: &mut Outbox) -> ReportBatch {
    let batch = outbox.next_batch(100).unwrap().unwrap().body;
    let reports = batch.reports.iter().map(|report| report.sequence);
    let last = reports.chain(batch.lost.iter().map(|run| run.last)).max().unwrap_or_default();
    outbox.acknowledge(&batch.epoch, last, time()).unwrap();
    batch
}

fn kinds(batch: &ReportBatch) -> Vec<&'static str> {
    batch.reports.iter().map(|report| report.body.kind()).collect()
}

fn replacement() -> ReportBody {
    ReportBody::Replacement(Box::new(Replacement {
        subject: "black".into(),
        change: ReplacementKind::Reseated,
        removed_supply: None,
        fitted_supply: None,
        removed_part: None,
        fitted_part: None,
    }))
}

fn order(id: &str) -> ReportBody {
    let supply = SupplyReading {
        name: "black".into(),
        index: 1,
        class: SupplyClass::SupplyThatIsConsumed,
        supply_type: SupplyType::TonerCartridge,
        colorant: None,
        unit: SupplyUnit::Percent,
        capacity: Capacity::Known { amount: 100 },
        level: Level::Known { amount: 4 },
        set_percent: 10,
        serial: None,
        set_pages: None,
        set_days: None,
        part_number: None,
        expected: None,
        outlook: None,
        empty_at: None,
    };
    let (id, entered_by) = (id.parse().unwrap(), EnteredBy::Button);
    ReportBody::Order(Order { id, supply, quantity: 1, note: None, entered_by, again: false })
}

fn call_by(entered_by: EnteredBy, message: Option<String>) -> ReportBody {
    let (call_id, presses, last_press_seconds_ago) = (None, None, None);
    ReportBody::ServiceCall(ServiceCall { call_id, entered_by, message, presses, last_press_seconds_ago })
}

fn call() -> ReportBody {
    call_by(EnteredBy::Command, None)
}

fn open_in(directory: &Path) -> Outbox {
    open(directory, OutboxConfig::default()).unwrap().0
}

fn keep(outbox: &mut Outbox, body: ReportBody) -> Option<u64> {
    outbox.keep(&Entry { reports: vec![new(body)], ..Entry::default() }).unwrap()
}

fn acknowledge(outbox: &mut Outbox, sequence: u64) -> Acknowledgement {
    let epoch = outbox.epoch().clone();
    outbox.acknowledge(&epoch, sequence, time()).unwrap().meant
}

fn command(id: &str) -> Command {
    let expires = "2026-01-02T00:00:00Z".parse().unwrap();
    Command { id: id.parse().unwrap(), issued: time(), expires, action: Action::ReadNow, issued_by: None }
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
    let entry = Entry { reports: vec![new(alert())], alerts: Some(&alerts), ..Entry::default() };
    outbox.keep(&entry).unwrap();
    let epoch = outbox.epoch().clone();
    drop(outbox);
    let (outbox, restored) = open(directory.path(), OutboxConfig::default()).unwrap();
    assert_eq!((outbox.epoch(), outbox.backlog()), (&epoch, 1));
    assert_eq!(restored.alerts, alerts);
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
    let mut outbox = open_in(directory.path());
    assert!(files(&directory).contains(&"outbox.sqlite.corrupt-1".to_owned()));
    let saved = outbox.backlog();
    assert!((20..200).contains(&saved), "{saved}");
    keep(&mut outbox, utilisation());
    let mut told = 0;
    while let Some(Batch { body, .. }) = outbox.next_batch(100).unwrap() {
        told += body.reports.len() as u64;
        told += body.lost.iter().map(|run| run.last - run.first + 1).sum::<u64>();
        assert!(body.lost.iter().all(|run| run.reason == LostReason::Unreadable));
        let ends = [body.reports.last().map(|report| report.sequence), body.lost.last().map(|run| run.last)];
        outbox.acknowledge(&body.epoch, ends.into_iter().flatten().max().unwrap(), time()).unwrap();
    }
    assert_eq!(told, 200 + 2, "all of them, the report of the new outbox, and what came then");
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
fn the_log_of_a_large_transaction_is_cut_back_and_nobody_else_can_hold_it() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    let file = directory.path().join(FILE_NAME);
    let log = || log_beside(&file);
    let reports = (0..4_000).map(|_| new(alert())).collect();
    outbox.keep(&Entry { reports, ..Entry::default() }).unwrap();
    assert!(log() > from_db(LOG_BYTES), "{} bytes", log());
    let other = Connection::open(&file).unwrap();
    let refused = other.query_row("SELECT count(*) FROM report", [], |row| row.get::<_, i64>(0)).unwrap_err();
    assert!(refused.to_string().contains("locked"), "{refused}");
    // The first brings over what is there, the second begins the log anew.
    keep(&mut outbox, call());
    keep(&mut outbox, call());
    assert!(log() <= from_db(LOG_BYTES), "{} bytes", log());
}

fn log_beside(file: &Path) -> u64 {
    std::fs::metadata(super::file::with_suffix(file, "-wal")).unwrap().len()
}

fn lost(first: u64, last: u64, kinds: &[(&str, u64)], reason: LostReason) -> Lost {
    let kinds = kinds.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
    Lost { first, last, kinds, reason }
}

#[test]
fn a_batch_tells_what_was_discarded_between_its_reports() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    outbox.limits.max_reports = 3;
    for body in [utilisation(), alert(), readings(), utilisation(), alert(), alert()] {
        keep(&mut outbox, body);
    }
    let batch = outbox.next_batch(100).unwrap().unwrap();
    let full = LostReason::OutboxFull;
    let expected =
        [lost(1, 1, &[("utilisation", 1)], full), lost(3, 4, &[("readings", 1), ("utilisation", 1)], full)];
    assert_eq!(batch.body.lost, expected);
    assert_eq!((batch.span(), batch.body.oldest_sequence), (Some((2, 6)), 2));
    drop(outbox);
    let mut outbox = open_in(directory.path());
    assert_eq!(outbox.next_batch(100).unwrap().unwrap().body, batch.body, "until the manager knows of it");
    acknowledge(&mut outbox, 6);
    assert!(outbox.next_batch(100).unwrap().is_none());
}

#[test]
fn what_the_manager_refuses_is_told_as_lost_though_no_report_is_left() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    keep(&mut outbox, alert());
    outbox.discard(1).unwrap();
    drop(outbox);
    let mut outbox = open_in(directory.path());
    let batch = outbox.next_batch(100).unwrap().unwrap();
    assert_eq!(batch.body.lost, [lost(1, 1, &[("alert_raised", 1)], LostReason::Refused)]);
    assert_eq!((batch.span(), batch.body.oldest_sequence), (None, 2));
    acknowledge(&mut outbox, 1);
    assert!(outbox.next_batch(100).unwrap().is_none());
}

#[test]
fn what_is_lost_is_told_again_in_a_new_epoch() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    outbox.limits.max_reports = 2;
    for body in [alert(), alert(), utilisation(), utilisation(), alert()] {
        keep(&mut outbox, body);
        if outbox.acknowledged() == 0 {
            acknowledge(&mut outbox, 1);
        }
    }
    let before = outbox.next_batch(9).unwrap().unwrap();
    assert_eq!((before.span(), before.body.lost.len()), (Some((2, 5)), 1));
    outbox.begin_epoch().unwrap();
    drop(outbox);
    let mut outbox = open_in(directory.path());
    let batch = outbox.next_batch(9).unwrap().unwrap();
    let sequences: Vec<_> = batch.body.reports.iter().map(|report| report.sequence).collect();
    assert_eq!(sequences, [1, 4]);
    assert_eq!(batch.body.lost, [lost(2, 3, &[("utilisation", 2)], LostReason::OutboxFull)]);
}

#[test]
fn after_a_long_time_out_of_contact_the_batches_are_few() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    outbox.limits.max_reports = 300;
    // A day's mix, many times over: what comes at the interval is discarded first, among all else.
    for number in 0..1_200 {
        keep(&mut outbox, if number % 3 == 0 { alert() } else { utilisation() });
    }
    let sequences: Vec<u64> = outbox.state.held.values().map(|held| held.sequence).collect();
    let without_losses = 1 + sequences.windows(2).filter(|pair| pair[0] + 1 < pair[1]).count();
    let mut batches = 0;
    while let Some(batch) = outbox.next_batch(100).unwrap() {
        batches += 1;
        let told = batch.body.lost.last().map_or(0, |run| run.last);
        let sent = batch.span().map_or(0, |(_, last)| last);
        acknowledge(&mut outbox, told.max(sent));
    }
    println!("{} reports: {batches} batches; were each to end at a hole, {without_losses}", sequences.len());
    assert!(batches <= 4, "{batches}");
}

#[test]
fn service_calls_are_never_discarded_and_have_their_own_limit() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    outbox.limits.max_reports = 10;
    for _ in 0..MAX_WAITING_ASKED {
        keep(&mut outbox, call());
        keep(&mut outbox, readings());
    }
    assert_eq!(outbox.backlog(), MAX_WAITING_ASKED);
    let refused = outbox.keep(&Entry { reports: vec![new(call())], ..Entry::default() });
    assert!(matches!(refused, Err(OutboxError::TooManyAsked { most: MAX_WAITING_ASKED })));
}

#[test]
fn whatever_buttons_do_there_is_room_for_what_persons_ask_for_by_command() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    let press = |outbox: &mut Outbox| {
        let call = new(call_by(EnteredBy::Button, None));
        outbox.keep(&Entry { reports: vec![call], ..Entry::default() })
    };
    let taken = (0..MAX_WAITING_ASKED).filter(|_| press(&mut outbox).is_ok()).count();
    assert_eq!(taken, MAX_WAITING_ASKED - RESERVED_FROM_BUTTONS);
    for _ in 0..RESERVED_FROM_BUTTONS {
        keep(&mut outbox, call());
    }
    assert!(matches!(press(&mut outbox), Err(OutboxError::TooManyAsked { .. })));
    assert_eq!(outbox.backlog(), MAX_WAITING_ASKED);
}

#[test]
fn how_often_a_call_was_repeated_waits_like_an_alert_and_is_not_listed_as_another_call() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    let repeated = ReportBody::ServiceCall(ServiceCall {
        call_id: Some("call-1".parse().unwrap()),
        entered_by: EnteredBy::Button,
        message: None,
        presses: Some(4),
        last_press_seconds_ago: Some(2),
    });
    assert_eq!(Rank::of(&repeated), Rank::Alert);
    keep(&mut outbox, repeated);
    assert_eq!((outbox.waiting(Rank::ServiceCall), outbox.asked().count()), (0, 0));
}

#[test]
fn a_report_that_no_request_could_carry_is_refused() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    let message = Some("x".repeat(MAX_REPORT_BYTES));
    let huge = call_by(EnteredBy::Command, message);
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
        keep(&mut outbox, call_by(EnteredBy::Command, message));
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
    assert_eq!(outbox.acknowledge(&old, 1, time()).unwrap().meant, Acknowledgement::OtherEpoch);
    assert_eq!(outbox.backlog(), 1);
}

#[test]
fn a_new_epoch_numbers_what_waits_from_one() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    for body in [alert(), utilisation(), alert(), alert()] {
        keep(&mut outbox, body);
    }
    acknowledge(&mut outbox, 1);
    outbox.begin_epoch().unwrap();
    drop(outbox);
    let mut outbox = open_in(directory.path());
    let batch = outbox.next_batch(100).unwrap().unwrap();
    let sequences: Vec<_> = batch.body.reports.iter().map(|report| report.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
    keep(&mut outbox, call());
    assert_eq!(outbox.next_batch(100).unwrap().unwrap().span(), Some((1, 4)));
}

#[test]
fn a_command_that_is_delivered_twice_is_acted_on_once() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    assert_eq!(outbox.receive(&[command("c")], 0).unwrap().fresh, 1);
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
    assert_eq!((asked_after.fresh, asked_after.lost.len()), (0, 1), "its outcome is told again");
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
fn commands_are_acted_on_in_the_order_in_which_they_came_and_no_more_wait_than_may() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    let all: Vec<Command> = (0..MAX_UNFINISHED + 5).map(|number| command(&format!("c{number}"))).collect();
    for some in all.chunks(50) {
        outbox.receive(some, 0).unwrap();
    }
    assert_eq!(outbox.unfinished().unwrap(), all[..MAX_UNFINISHED]);
    for expected in &all[..5] {
        assert_eq!(outbox.next_unfinished().unwrap(), Some(Ok(expected.clone())));
        end(&mut outbox, expected.id.as_str());
    }
    // The manager repeats what has no outcome: now there is room.
    assert_eq!(outbox.receive(&all[MAX_UNFINISHED..], 0).unwrap().fresh, 5);
    assert_eq!(outbox.unfinished().unwrap(), all[5..]);
}

#[test]
fn a_command_that_cannot_be_read_back_is_named_and_holds_up_none_behind_it() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    outbox.receive(&["a", "b", "c", "d"].map(command), 0).unwrap();
    end(&mut outbox, "d");
    for damage in [
        "UPDATE journal SET command = '{' WHERE command_id = 'a'",
        "UPDATE journal SET command = '{', command_id = '' WHERE command_id = 'b'",
        "UPDATE journal SET outcome = '{' WHERE command_id = 'd'",
    ] {
        assert_eq!(outbox.db.execute(damage, []).unwrap(), 1, "{damage}");
    }
    let Some(Err(damaged)) = outbox.next_unfinished().unwrap() else { panic!("a is damaged") };
    assert_eq!(damaged.id.as_str(), "a");
    end(&mut outbox, "a");
    assert_eq!(outbox.next_unfinished().unwrap(), Some(Ok(command("c"))));
    let again = outbox.receive(&["b", "d", "e"].map(command), 9).unwrap();
    assert_eq!((again.fresh, again.lost), (2, Vec::new()), "b comes again, d has ended");
}

#[test]
fn what_a_program_wrote_is_kept_as_a_manager_takes_it() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    let ReportBody::AlertRaised { mut alert } = alert() else { unreachable!() };
    alert.description = "\u{1b}[31m /dev/i2c-1".repeat(100);
    keep(&mut outbox, ReportBody::AlertRaised { alert });
    let ReportBody::AlertRaised { alert } = &send(&mut outbox).reports[0].body else { unreachable!() };
    assert_eq!(platen_protocol::text::check(&alert.description, 500), Ok(()));
    assert!(alert.description.starts_with(" [31m /dev/i2c-1") && alert.description.ends_with('…'));
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

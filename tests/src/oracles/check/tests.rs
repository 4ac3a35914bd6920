//! Each rule, on books that are right but for one thing.

use std::collections::BTreeMap;

use platen_protocol::device_to_manager::{
    Outcome, OutcomeResult, ReadingsCause, ReadingsReport, Report, ReportBody, ServiceCall,
};
use platen_protocol::manager_to_device::Action;
use platen_protocol::readings::{CounterKind, CounterReading, Reading, Readings, SwitchMeaning};
use platen_protocol::stamp::ClockQuality;
use platen_protocol::supply::SupplyUnit;
use platen_simulator::event_log::{Entry, Happened, Stock, Told as Signal};
use proptest::prelude::*;

use super::*;
use crate::oracles::books::held::{CommandHeld, EpochHeld, WishHeld};
use crate::oracles::books::people::{Asked, Commanded, Pressed, Told};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn report(sequence: u64, at_ms: u64, body: ReportBody) -> Report {
    let taken = Stamp {
        boot_id: "here".into(),
        monotonic_ms: at_ms,
        wall: jiff_timestamp(),
        clock: ClockQuality::Synchronised,
    };
    Report { sequence, taken, simulated: true, body }
}

fn jiff_timestamp() -> jiff::Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn call(message: Option<&str>, by: EnteredBy) -> ReportBody {
    ReportBody::ServiceCall(ServiceCall {
        call_id: None,
        entered_by: by,
        message: message.map(str::to_owned),
        presses: None,
        last_press_seconds_ago: None,
    })
}

use platen_protocol::device_to_manager::EnteredBy;

fn readings(impressions: u64, cause: ReadingsCause) -> ReportBody {
    let counter = CounterReading {
        kind: CounterKind::Impressions,
        unit: SupplyUnit::Impressions,
        value: Reading::Known { value: impressions },
        epoch: 0,
        wraps: 0,
        wraps_at: None,
    };
    let readings = Readings { counters: vec![counter], ..Readings::default() };
    ReportBody::Readings(ReadingsReport { cause, readings })
}

fn outcome(command: &str) -> ReportBody {
    ReportBody::Outcome(Outcome {
        command_id: command.parse().unwrap(),
        finished: jiff_timestamp(),
        result: OutcomeResult::Done,
    })
}

fn stock(impressions: u32) -> Stock {
    let mut stock = Stock::default();
    stock.counters.impressions = impressions;
    stock
}

fn line(at_ms: u64, what: Happened) -> Entry {
    Entry { at_us: at_ms * 1000, what }
}

fn button(active: bool) -> Happened {
    Happened::Switch { name: "service".into(), meaning: SwitchMeaning::ServiceButton, active }
}

fn happened() -> Vec<Entry> {
    vec![
        line(0, Happened::Started { stock: stock(10) }),
        line(1_000, button(true)),
        line(1_100, button(false)),
        line(1_200, Happened::Output { output: Signal::Buzzer, on: true }),
        line(2_000, Happened::Stock { stock: stock(12) }),
    ]
}

fn wish(text: Option<&str>, by: &str, sequence: u64) -> WishHeld {
    let (text, entered_by) = (text.map(str::to_owned), by.to_owned());
    WishHeld { order: None, text, entered_by, sequence, epoch: "one".into() }
}

/// A press that was confirmed, a call that was kept, a command to read and one to set; all is well.
fn right() -> Books {
    let set = Action::Set { settings: [("supply.black.set-percent".to_owned(), 20)].into() };
    let reports = vec![
        report(1, 500, readings(10, ReadingsCause::Change)),
        report(2, 1_100, call(None, EnteredBy::Button)),
        report(3, 1_500, call(Some("streaks"), EnteredBy::Command)),
        report(4, 2_500, readings(12, ReadingsCause::Command)),
        report(5, 2_500, outcome("read")),
        report(6, 2_600, outcome("set")),
    ];
    let epoch =
        EpochHeld { name: "one".into(), acknowledged: 6, reports, gaps: Vec::new(), stored: Vec::new() };
    let command = |id: &str, action| CommandHeld { id: id.into(), action, state: "done".into() };
    let held = Held {
        epochs: vec![epoch],
        wishes: vec![wish(None, "button", 2), wish(Some("streaks"), "command", 3)],
        commands: vec![command("read", Action::ReadNow), command("set", set.clone())],
        ..Held::default()
    };
    let journal: BTreeMap<_, _> = ["read", "set"].map(|id| (id.to_owned(), Some(OutcomeResult::Done))).into();
    let device = Device {
        epoch: "one".into(),
        acknowledged: 6,
        journal,
        settings: [("supply.black.set-percent".to_owned(), (20, "set".to_owned()))].into(),
        ..Device::default()
    };
    let commanded = |id: &str, action| Commanded { id: Some(id.into()), action };
    let people = People {
        asked: vec![Asked { text: "streaks".into(), order: None, told: Told::Kept }],
        pressed: vec![Pressed {
            button: "service".into(),
            quiet_since: Some(ms(900)),
            listened_until: ms(1_300),
        }],
        commanded: vec![commanded("read", Action::ReadNow), commanded("set", set)],
        ..People::default()
    };
    let clocks = Clocks { boot_id: "here".into(), ..Clocks::default() };
    let physical = Physical::of(&happened());
    let mut books = Books { physical, people, device, held, clocks, allowed: Allowed::default() };
    number(&mut books);
    books
}

/// What the checker says when one thing is changed.
fn found(change: impl FnOnce(&mut Books)) -> String {
    let mut books = right();
    change(&mut books);
    number(&mut books);
    check(&books).mistakes.join("\n")
}

/// Reports are stored in the order in which they stand.
fn number(books: &mut Books) {
    let mut stored = 0..;
    for epoch in &mut books.held.epochs {
        epoch.stored = stored.by_ref().take(epoch.reports.len()).collect();
    }
}

fn reports(books: &mut Books) -> &mut Vec<Report> {
    &mut books.held.epochs[0].reports
}

#[test]
fn books_that_agree_have_no_mistakes_and_are_counted() {
    let verdict = check(&right());
    assert_eq!(verdict.mistakes, Vec::<String>::new());
    let Figures { reports, kept, presses, confirmed, commands, impressions, .. } = verdict.figures;
    assert_eq!((reports, kept, presses, confirmed, commands, impressions), (6, 1, 1, 1, 2, 2));
}

#[test]
fn a_report_that_is_missing_doubled_or_out_of_order_is_found() {
    assert!(found(|books| drop(reports(books).remove(0))).contains("missing without a record"));
    let doubled = found(|books| {
        let again = reports(books)[0].clone();
        reports(books).insert(1, again);
    });
    assert!(doubled.contains("sequence 1 is held twice"), "{doubled}");
    assert!(found(|books| reports(books).swap(0, 1)).contains("1 is held after 2"));
    assert!(found(|books| books.held.epochs[0].acknowledged = 5).contains("acknowledged is 5"));
}

#[test]
fn a_loss_is_right_only_where_the_test_destroyed_something_and_it_is_recorded() {
    let lose = |books: &mut Books| {
        reports(books).remove(0);
        books.held.epochs[0].gaps.push((1, Some(1)));
    };
    assert!(found(lose).contains("1 to Some(1) were lost"));
    let recorded = found(|books| {
        lose(books);
        books.allowed.gaps = true;
    });
    assert_eq!(recorded, "");
    let both = found(|books| {
        books.held.epochs[0].gaps.push((1, Some(1)));
        books.allowed.gaps = true;
    });
    assert!(both.contains("held and recorded as lost"), "{both}");
}

#[test]
fn what_was_told_to_be_kept_and_is_not_there_is_found_and_what_nobody_asked_for_too() {
    let lost = found(|books| books.people.asked[0].text = "other".into());
    assert!(lost.contains("\"other\" was told Kept and is there 0 times"), "{lost}");
    assert!(lost.contains("nobody asked"), "{lost}");
    let refused = found(|books| books.people.asked[0].told = Told::Refused);
    assert!(refused.contains("told Refused and is there 1 times"), "{refused}");
    assert_eq!(found(|books| books.people.asked[0].told = Told::Nothing), "", "it may have arrived");
    let twice = found(|books| {
        let again = books.held.wishes[1].clone();
        books.held.wishes.push(again);
    });
    assert!(twice.contains("is there 2 times") && twice.contains("operators see it 2 times"), "{twice}");
    let altered = found(|books| books.held.wishes[1].order = Some(("black".into(), 3)));
    assert!(altered.contains("is held as Some"), "{altered}");
}

#[test]
fn a_press_that_the_buzzer_confirmed_must_arrive_and_no_press_twice() {
    let lose = |books: &mut Books| {
        books.held.wishes.remove(0);
        reports(books)[1].body = readings(10, ReadingsCause::Change);
    };
    assert!(found(lose).contains("confirmed by the buzzer and did not arrive"));
    let unconfirmed = found(|books| {
        lose(books);
        books.physical.beeps.clear();
    });
    assert_eq!(unconfirmed, "", "a press that nothing confirmed may be lost with the power");
    let begun = found(|books| {
        lose(books);
        books.physical.starts.push(ms(1_150));
    });
    assert_eq!(begun, "", "the beep may be for something that waited before");
    let twice = found(|books| {
        reports(books)[0].body = call(None, EnteredBy::Button);
        reports(books)[0].taken.monotonic_ms = 1_101;
        books.held.wishes.push(wish(None, "button", 1));
    });
    assert!(twice.contains("is there 2 times"), "{twice}");
    let nobody = found(|books| books.physical.presses.clear());
    assert!(nobody.contains("when nobody pressed it"), "{nobody}");
}

#[test]
fn a_counter_that_falls_ends_elsewhere_or_was_never_so_is_found() {
    let value = |to| move |books: &mut Books| reports(books)[3].body = readings(to, ReadingsCause::Command);
    assert!(found(value(11)).contains("11 impressions, which the printer did not have"));
    assert!(found(value(10)).contains("the last count is Some(10)"));
    let falls = found(|books| {
        reports(books)[0].body = readings(12, ReadingsCause::Change);
        reports(books)[0].taken.monotonic_ms = 2_400;
        reports(books)[3].body = readings(10, ReadingsCause::Command);
    });
    assert!(falls.contains("10 impressions, after 12"), "{falls}");
    let early = found(|books| books.physical.stocks[1].0 = ms(60_000));
    assert!(early.contains("did not have by then"), "{early}");
}

#[test]
fn a_command_without_its_outcome_with_two_or_with_another_effect_is_found() {
    let without = found(|books| reports(books)[5].body = readings(12, ReadingsCause::Change));
    assert!(without.contains("the command set is done, and its outcome is None"), "{without}");
    let twice = found(|books| reports(books)[5].body = outcome("read"));
    assert!(twice.contains("second outcome"), "{twice}");
    let unread = found(|books| reports(books)[3].body = readings(12, ReadingsCause::Change));
    assert!(unread.contains("has no readings of it") && unread.contains("0 times it was read"), "{unread}");
    let again = found(|books| reports(books)[0].body = readings(10, ReadingsCause::Command));
    assert!(again.contains("1 commands to read now are done, and 2 times"), "{again}");
    let setting = found(|books| books.device.settings.clear());
    assert!(setting.contains("by the commands the settings are"), "{setting}");
    let journal = found(|books| drop(books.device.journal.remove("set")));
    assert!(journal.contains("the journal has None"), "{journal}");
    assert!(found(|books| drop(books.held.commands.remove(0))).contains("the manager has []"));
}

#[test]
fn an_outbox_that_began_anew_without_reason_or_still_holds_something_is_found() {
    assert!(found(|books| books.device.epoch = "two".into()).contains("does not know the device's epoch"));
    assert!(found(|books| books.device.waiting = 2).contains("2 reports still wait"));
    assert!(found(|books| books.device.acknowledged = 9).contains("was told that 9 is held"));
    let anew = found(|books| {
        let mut epoch = books.held.epochs[0].clone();
        (epoch.name, epoch.acknowledged) = ("zero".into(), 0);
        epoch.reports.clear();
        books.held.epochs.insert(0, epoch);
    });
    assert!(anew.contains("2 epochs"), "{anew}");
}

mod alerts {
    use super::*;
    use crate::oracles::books::held::AlertHeld;
    use crate::oracles::books::people::Seen;
    use crate::oracles::books::physical::Condition;
    use platen_protocol::alert::Alert;

    fn raised(sequence: u64, id: &str, at: u64) -> Report {
        let alert: Alert = serde_json::from_value(serde_json::json!({
            "id": id, "code": "coverOpen", "severity": "critical", "group": "cover", "training": "fieldService",
            "subject": "cover", "description": "the cover is open", "forecast": false
        }))
        .unwrap();
        report(sequence, at, ReportBody::AlertRaised { alert })
    }

    fn cleared(sequence: u64, id: &str, at: u64) -> Report {
        let body = ReportBody::AlertCleared { alert_id: id.parse().unwrap(), description: "closed".into() };
        report(sequence, at, body)
    }

    /// The cover was open from second 20 to second 40, and told.
    fn open(books: &mut Books) {
        reports(books).extend([raised(7, "a", 20_100), cleared(8, "a", 40_100)]);
        (books.held.epochs[0].acknowledged, books.device.acknowledged) = (8, 8);
        books.held.alerts.push(AlertHeld { id: "a".into(), cleared: true });
        let condition = Condition { target: "cover".into(), began: ms(20_000), ended: Some(ms(40_000)) };
        books.physical.conditions.push(condition);
        books.people.seen.push(Seen { subject: "cover".into(), id: "a".into(), at: ms(20_500) });
    }

    fn told(change: impl FnOnce(&mut Books)) -> String {
        found(|books| {
            open(books);
            change(books);
        })
    }

    #[test]
    fn an_alert_needs_its_cause_and_a_cause_that_was_shown_needs_its_alert() {
        assert_eq!(told(|_| ()), "");
        let without = told(|books| books.physical.conditions.clear());
        assert!(without.contains("without a cause") && without.contains("nothing was wrong"), "{without}");
        let missed = told(|books| {
            reports(books).truncate(6);
            (books.held.epochs[0].acknowledged, books.device.acknowledged) = (6, 6);
            books.held.alerts.clear();
        });
        assert!(missed.contains("was shown at the printer and is not with the manager"), "{missed}");
    }

    #[test]
    fn an_alert_is_told_once_for_a_condition_and_ends_when_it_does() {
        let twice = told(|books| {
            reports(books).extend([raised(9, "b", 30_000), cleared(10, "b", 40_100)]);
            (books.held.epochs[0].acknowledged, books.device.acknowledged) = (10, 10);
            books.held.alerts.push(AlertHeld { id: "b".into(), cleared: true });
        });
        assert!(twice.contains("was told by 7 and again by 9"), "{twice}");
        let early = told(|books| reports(books)[7].taken.monotonic_ms = 30_000);
        assert!(early.contains("cleared while it lasts"), "{early}");
        let stands = told(|books| {
            reports(books)[7].body = readings(12, ReadingsCause::Change);
            books.held.alerts[0].cleared = false;
        });
        assert!(stands.contains("stands though nothing is wrong"), "{stands}");
        assert!(told(|books| books.held.alerts.clear()).contains("operators do not see its alert"));
        assert!(told(|books| books.held.alerts[0].cleared = false).contains("is not cleared"));
    }
}

proptest! {
    /// Whatever is taken out, doubled, swapped or renumbered among the reports is found.
    #[test]
    fn no_change_to_the_list_of_reports_passes(place in 0_usize..6, other in 0_usize..6, how in 0..4) {
        let mut books = right();
        let before = reports(&mut books).clone();
        match how {
            0 => drop(reports(&mut books).remove(place)),
            1 => { let again = before[place].clone(); reports(&mut books).insert(other, again); }
            2 => reports(&mut books).swap(place, other),
            _ => reports(&mut books)[place].sequence = before[other].sequence,
        }
        let same = *reports(&mut books) == before;
        number(&mut books);
        prop_assert_eq!(check(&books).mistakes.is_empty(), same);
    }
}

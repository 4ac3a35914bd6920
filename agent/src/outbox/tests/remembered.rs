//! What is remembered beside the reports, and files of an older format.

use platen_protocol::device_to_manager::Report;
use platen_protocol::identity::ServiceCallId;
use platen_protocol::manager_to_device::{CallStanding, CallState, OpenRequests};

use super::*;
use crate::judge::Past;
use crate::request::{Asked, Fate, Wish};
use crate::settings::{Chosen, Origin, Settings};

fn fates(outbox: &Outbox) -> Vec<Fate> {
    outbox.asked().map(|asked| asked.fate.clone()).collect()
}

#[test]
fn what_was_asked_for_is_remembered_with_its_fate_after_the_report_has_left() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    keep(&mut outbox, order("order-1"));
    keep(&mut outbox, call());
    assert_eq!(fates(&outbox), [Fate::Waiting, Fate::Waiting]);
    acknowledge(&mut outbox, 1);
    let known = [Fate::Acknowledged { at: time() }, Fate::Waiting];
    assert_eq!(fates(&outbox), known);
    outbox.settle(None).unwrap();
    drop(outbox);
    let outbox = open_in(directory.path());
    assert_eq!(fates(&outbox), known);
    let what: Vec<_> = outbox.asked().map(|asked: &Asked| asked.what.clone()).collect();
    assert!(
        matches!(&what[0], Wish::Order { id, supply, .. } if id.as_str() == "order-1" && supply == "black")
    );
    assert_eq!(what[1], Wish::ServiceCall { id: None, message: None });
}

#[test]
fn an_order_that_the_manager_will_never_take_is_told_as_such_and_not_as_delivered() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    keep(&mut outbox, order("order-1"));
    keep(&mut outbox, call());
    outbox.discard(1).unwrap();
    drop(outbox);
    let mut outbox = open_in(directory.path());
    acknowledge(&mut outbox, 2);
    assert_eq!(fates(&outbox), [Fate::NotTaken, Fate::Acknowledged { at: time() }]);
}

#[test]
fn an_acknowledgement_says_how_much_of_what_persons_asked_for_the_manager_has_by_it() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    for body in [order("order-1"), call(), alert(), call()] {
        keep(&mut outbox, body);
    }
    let epoch = outbox.epoch().clone();
    let mut delivered = |sequence| outbox.acknowledge(&epoch, sequence, time()).unwrap().requests;
    assert_eq!(delivered(2), 2);
    assert_eq!(delivered(2), 0, "it was told already");
    assert_eq!(delivered(3), 0, "nobody asked for an alert");
    outbox.discard(4).unwrap();
    assert_eq!(
        outbox.acknowledge(&epoch, 4, time()).unwrap().requests,
        0,
        "it was refused, and is with nobody"
    );
}

#[test]
fn what_was_asked_for_keeps_its_fate_in_a_new_epoch() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    for body in [order("order-1"), alert(), order("order-2")] {
        keep(&mut outbox, body);
    }
    acknowledge(&mut outbox, 1);
    outbox.begin_epoch().unwrap();
    drop(outbox);
    let mut outbox = open_in(directory.path());
    assert_eq!(fates(&outbox), [Fate::Acknowledged { at: time() }, Fate::Waiting]);
    acknowledge(&mut outbox, 1);
    assert_eq!(fates(&outbox)[1], Fate::Waiting, "the first of the new epoch is the alert");
    acknowledge(&mut outbox, 2);
    assert_eq!(fates(&outbox)[1], Fate::Acknowledged { at: time() });
}

/// A reply to a batch that was made when so much was acknowledged, which names these orders as open.
fn told(outbox: &mut Outbox, names: &[&str]) -> bool {
    let orders = names.iter().map(|name| name.parse().unwrap()).collect();
    let open = OpenRequests { orders, ..OpenRequests::default() };
    let mark = outbox.mark();
    outbox.told_open(mark, Some(&open))
}

fn open_now(outbox: &Outbox) -> Vec<bool> {
    outbox.asked().map(Asked::is_open).collect()
}

#[test]
fn only_so_much_of_what_was_asked_for_is_remembered_and_what_is_open_longest() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    keep(&mut outbox, order("order-open"));
    acknowledge(&mut outbox, 1);
    for _ in 0..MAX_ASKED + 3 {
        keep(&mut outbox, call());
    }
    assert_eq!(outbox.asked().count(), MAX_ASKED + 4, "nobody has seen to any of it");
    acknowledge(&mut outbox, MAX_ASKED as u64 + 4);
    assert!(told(&mut outbox, &["order-open"]));
    keep(&mut outbox, call());
    drop(outbox);
    let outbox = open_in(directory.path());
    assert_eq!(outbox.asked().count(), MAX_ASKED);
    assert!(matches!(&outbox.asked().next().unwrap().what, Wish::Order { .. }), "it is the oldest, and open");
}

#[test]
fn however_much_is_open_only_so_much_is_remembered() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    for number in 1..=MAX_ASKED_OPEN as u64 + 3 {
        keep(&mut outbox, call());
        acknowledge(&mut outbox, number);
    }
    assert_eq!(outbox.asked().count(), MAX_ASKED_OPEN);
    drop(outbox);
    assert_eq!(open_in(directory.path()).asked().count(), MAX_ASKED_OPEN);
}

#[test]
fn what_the_manager_does_not_name_as_open_is_closed_unless_it_came_after_the_manager_was_asked() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    for name in ["order-1", "order-2", "order-3"] {
        keep(&mut outbox, order(name));
    }
    assert!(!told(&mut outbox, &[]), "what waits is open, whatever the manager says");
    assert_eq!(open_now(&outbox), [true, true, true]);
    acknowledge(&mut outbox, 2);
    assert!(told(&mut outbox, &["order-2"]));
    assert_eq!(open_now(&outbox), [false, true, true]);
    let mark = outbox.mark();
    acknowledge(&mut outbox, 3);
    assert!(!outbox.told_open(
        mark,
        Some(&OpenRequests { orders: vec!["order-2".parse().unwrap()], ..OpenRequests::default() })
    ));
    assert_eq!(open_now(&outbox), [false, true, true], "that reply is older than the third order");
    outbox.settle(None).unwrap();
    drop(outbox);
    let mut outbox = open_in(directory.path());
    assert_eq!(open_now(&outbox), [false, true, true]);
    assert!(told(&mut outbox, &["order-1", "order-3"]));
    assert_eq!(open_now(&outbox), [true, false, true], "an operator can open an order again");
    assert!(outbox.told_open(outbox.mark(), None), "a first version of the manager does not say");
    assert_eq!(open_now(&outbox), [false, false, false]);
}

#[test]
fn a_call_that_is_repeated_is_counted_and_the_count_is_told_once() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    let named = |presses| {
        ReportBody::ServiceCall(ServiceCall {
            call_id: Some("call-1".parse().unwrap()),
            entered_by: EnteredBy::Button,
            message: None,
            presses,
            last_press_seconds_ago: None,
        })
    };
    keep(&mut outbox, named(None));
    for _ in 0..4 {
        let asked = outbox.asked().next().unwrap().clone();
        outbox.press_again(&asked, &stamp());
    }
    let untold: Vec<_> = outbox.untold_presses().map(|(asked, at)| (asked.presses, at)).collect();
    assert_eq!(untold, [(5, Duration::from_millis(1))]);
    keep(&mut outbox, named(Some(5)));
    assert_eq!((outbox.untold_presses().count(), outbox.asked().count()), (0, 1));
    drop(outbox);
    let outbox = open_in(directory.path());
    let asked = outbox.asked().next().unwrap();
    assert_eq!((asked.presses, asked.last_press), (5, Some(time())));
}

#[test]
fn what_the_manager_set_is_there_after_a_restart_and_gone_after_a_reset() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    let origin = Origin { operator: Some("anna".into()), command: "c-1".parse().unwrap(), at: time() };
    let chosen = |value| Chosen { value, origin: origin.clone() };
    let pairs = [("sample.interval-seconds", 5), ("supply.black.set-days", 9)];
    let settings = Settings::from_stored(pairs.map(|(name, value)| (name.parse().unwrap(), chosen(value))));
    outbox.keep(&Entry { settings: Some(settings.rows().unwrap()), ..Entry::default() }).unwrap();
    drop(outbox);
    let (mut outbox, remembered) = open(directory.path(), OutboxConfig::default()).unwrap();
    assert_eq!(remembered.settings, settings);
    outbox.keep(&Entry { settings: Some(Vec::new()), ..Entry::default() }).unwrap();
    drop(outbox);
    let (_, remembered) = open(directory.path(), OutboxConfig::default()).unwrap();
    assert_eq!(remembered.settings, Settings::default());
}

#[test]
fn what_was_learnt_and_cannot_be_read_is_set_aside_and_nothing_else_is_lost() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    outbox.keep(&Entry { past: Some(&Past::default()), ..Entry::default() }).unwrap();
    keep(&mut outbox, call());
    let rows = outbox.db.execute("UPDATE past SET state = '{\"half'", []).unwrap();
    assert_eq!(rows, 1);
    drop(outbox);
    let (outbox, remembered) = open(directory.path(), OutboxConfig::default()).unwrap();
    assert_eq!(remembered.past, Past::default());
    assert_eq!(outbox.backlog(), 1);
    let aside: String = outbox
        .db
        .query_row("SELECT state FROM past WHERE name = 'unreadable'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(aside, "{\"half");
}

#[test]
fn a_file_of_the_first_format_is_brought_to_the_present_one_with_what_waits_in_it() {
    let directory = tempdir().unwrap();
    let old = Connection::open(directory.path().join(FILE_NAME)).unwrap();
    old.execute_batch(schema::MIGRATIONS[0]).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    let report = Report { sequence: 7, taken: stamp(), simulated: true, body: call() };
    let report = serde_json::to_string(&report).unwrap();
    old.execute("INSERT INTO meta VALUES (1, 'e', 9, 6, NULL)", []).unwrap();
    old.execute("INSERT INTO report VALUES (7, 3, ?1)", [report]).unwrap();
    drop(old);
    let mut outbox = open_in(directory.path());
    assert_eq!((outbox.epoch().as_str(), outbox.backlog(), outbox.waiting(Rank::ServiceCall)), ("e", 1, 1));
    assert_eq!(keep(&mut outbox, order("order-1")), Some(9));
    let batch = outbox.next_batch(9).unwrap().unwrap();
    assert_eq!((batch.body.epoch.as_str(), batch.span()), ("e", Some((7, 9))));
    let unseen = lost(8, 8, &[("unknown", 1)], LostReason::Other);
    assert_eq!(batch.body.lost, [unseen], "that version counted nothing");
}

#[test]
fn how_a_call_stands_at_the_service_centre_is_remembered_until_it_is_closed() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    let ReportBody::ServiceCall(mut body) = call() else { unreachable!() };
    body.call_id = Some("call-1".parse().unwrap());
    keep(&mut outbox, ReportBody::ServiceCall(body));
    acknowledge(&mut outbox, 1);
    let told = |outbox: &mut Outbox, state, technician: Option<&str>| {
        let service_call: ServiceCallId = "call-1".parse().unwrap();
        let technician = technician.map(Into::into);
        let standings = vec![CallStanding { service_call: service_call.clone(), state, technician }];
        let open = OpenRequests { service_calls: vec![service_call], standings, ..OpenRequests::default() };
        let mark = outbox.mark();
        outbox.told_open(mark, Some(&open))
    };
    let stands = |outbox: &Outbox| outbox.asked().next().unwrap().standing.clone().map(|it| it.state);
    assert_eq!(stands(&outbox), None);
    assert!(told(&mut outbox, CallState::OnTheWay, Some("tom")));
    assert!(!told(&mut outbox, CallState::OnTheWay, Some("tom")), "no news");
    keep(&mut outbox, order("order-1"));
    drop(outbox);
    let mut outbox = open_in(directory.path());
    assert_eq!(stands(&outbox), Some(CallState::OnTheWay));
    assert!(told(&mut outbox, CallState::Unknown, None), "what only a later version knows is not shown");
    assert_eq!(stands(&outbox), None);
}

//! After reports of alerts were lost, the manager hears which alerts stand.

use super::*;

fn raise(outbox: &mut Outbox) {
    let entry = Entry { reports: vec![new(alert())], alerts: Some(&one_stands()), ..Entry::default() };
    outbox.keep(&entry).unwrap();
}

/// What the uplink does when an acknowledgement has come in.
fn tell_what_is_owed(outbox: &mut Outbox) -> Option<ReportBatch> {
    if !outbox.owes() {
        return None;
    }
    outbox.keep(&Entry { now: Some((&stamp(), true)), ..Entry::default() }).unwrap();
    Some(send(outbox))
}

#[test]
fn which_alerts_stand_is_told_once_when_the_manager_has_heard_of_the_loss() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    raise(&mut outbox);
    keep(&mut outbox, call());
    outbox.lose(1, LostReason::OutboxFull).unwrap();
    assert!(!outbox.owes(), "what is lost goes first");
    assert_eq!(kinds(&send(&mut outbox)), ["service_call"]);
    let told = tell_what_is_owed(&mut outbox).unwrap();
    let standing_alerts = vec!["a-1".parse().unwrap()];
    let ReportBody::AlertRaised { alert } = alert() else { unreachable!() };
    let body = ReportBody::AlertsStanding { standing_alerts, alerts: vec![alert] };
    assert_eq!(told.reports.iter().map(|report| &report.body).collect::<Vec<_>>(), [&body]);
    assert!(!outbox.owes());
    outbox.settle(None).unwrap();
    drop(outbox);
    assert!(!open_in(directory.path()).owes());
}

#[test]
fn what_is_owed_outlives_the_process() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    raise(&mut outbox);
    outbox.lose(1, LostReason::Unreadable).unwrap();
    send(&mut outbox);
    drop(outbox);
    let mut outbox = open_in(directory.path());
    assert!(!outbox.owes(), "the acknowledgement was not written, and comes again");
    send(&mut outbox);
    outbox.settle(None).unwrap();
    drop(outbox);
    let told = tell_what_is_owed(&mut open_in(directory.path())).unwrap();
    assert_eq!(kinds(&told), ["alerts_standing"]);
}

#[test]
fn however_little_room_there_is_the_names_of_what_stands_are_told() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    raise(&mut outbox);
    outbox.limits.max_bytes = 200;
    keep(&mut outbox, call());
    let batch = send(&mut outbox);
    assert_eq!(
        (kinds(&batch), batch.lost.len()),
        (vec!["service_call"], 1),
        "there was no room for the alert"
    );
    let told = tell_what_is_owed(&mut outbox).unwrap();
    let standing_alerts = vec!["a-1".parse().unwrap()];
    assert_eq!(told.reports[0].body, ReportBody::AlertsStanding { standing_alerts, alerts: Vec::new() });
}

#[test]
fn losses_that_leave_the_alerts_as_they_are_owe_nothing() {
    let directory = tempdir().unwrap();
    let mut outbox = open_in(directory.path());
    for body in [utilisation(), alert(), call()] {
        keep(&mut outbox, body);
    }
    outbox.lose(1, LostReason::OutboxFull).unwrap();
    outbox.discard(2).unwrap();
    let batch = send(&mut outbox);
    assert_eq!(batch.lost.len(), 2);
    assert!(!outbox.owes(), "what the manager refused it would refuse again");
}

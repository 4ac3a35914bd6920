//! The example messages in `frozen/` are what released programs send. A change that breaks one of
//! them breaks devices in the field: add a new version beside it instead of editing it.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests end the test, with its words.

mod programs;

use std::fs;
use std::path::PathBuf;

use platen_protocol::device_to_manager::{LostReason, ReportBatch, ReportBody};
use platen_protocol::enroll::{EnrollReply, EnrollRequest, RenewReply, RenewRequest};
use platen_protocol::manager_to_device::{Action, CallState, Reply};
use platen_protocol::problem::Problem;
use platen_protocol::readings::CounterKind;
use platen_protocol::settings::SettingKey;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn example(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("frozen/v1").join(name);
    serde_json::from_str(&fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
        .unwrap()
}

/// Reads the example and writes it again: nothing may be lost, renamed or added.
fn survives<T: Serialize + DeserializeOwned>(name: &str) -> T {
    let frozen = example(name);
    let read: T = serde_json::from_value(frozen.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(serde_json::to_value(&read).unwrap(), frozen, "{name}");
    read
}

#[test]
fn a_batch_of_every_kind_of_report_is_understood() {
    let batch: ReportBatch = survives("report-batch.json");
    let kinds: Vec<_> = batch.reports.iter().map(|report| report.body.kind()).collect();
    assert_eq!(
        kinds,
        ["started", "alert_raised", "alert_cleared", "service_call", "utilisation", "readings", "outcome"]
    );
    assert!(batch.reports.iter().any(|report| matches!(report.body, ReportBody::AlertRaised { .. })));
}

#[test]
fn an_empty_batch_is_understood() {
    let batch: ReportBatch = survives("report-batch-empty.json");
    assert!(batch.reports.is_empty());
}

#[test]
fn a_reply_with_a_command_is_understood() {
    let reply: Reply = survives("reply.json");
    assert_eq!(reply.commands[0].action, Action::ReadNow);
}

#[test]
fn a_batch_of_a_whole_printer_is_understood() {
    let batch: ReportBatch = survives("report-batch-printer.json");
    let kinds: Vec<_> = batch.reports.iter().map(|report| report.body.kind()).collect();
    assert_eq!(kinds, ["utilisation", "alert_raised", "order", "order", "replacement", "replacement"]);
    let readings = batch.reports[0].body.readings().unwrap();
    assert_eq!(readings.counter(CounterKind::Impressions).unwrap().epoch, 1);
    assert_eq!((readings.switches.len(), readings.counters.len(), readings.buses.len()), (11, 5, 2));
    let ReportBody::AlertRaised { alert } = &batch.reports[1].body else { panic!("an alert follows") };
    assert!(alert.forecast && alert.evidence[0].expected == Some(2));
    let ReportBody::Replacement(replaced) = &batch.reports[4].body else { panic!("a replacement follows") };
    assert_eq!(replaced.removed_supply.as_ref().unwrap().percent(), Some(3), "the residue");
}

#[test]
fn a_batch_with_billing_counters_is_understood_and_one_without_has_none() {
    let batch: ReportBatch = survives("report-batch-billing.json");
    let billing = &batch.reports[0].body.readings().unwrap().billing;
    let totals: Vec<_> = billing.iter().map(|one| (one.words(), one.epoch, one.total())).collect();
    let words = |text: &str| text.to_owned();
    assert_eq!(
        totals,
        [
            (words("A4, monochrome"), 0, Some((1 << 32) + 7)),
            (words("Letter, colour"), 2, Some(3456)),
            (words("Sheets, both sides"), 0, None)
        ]
    );
    let before: ReportBatch = survives("report-batch-printer.json");
    assert!(before.reports[0].body.readings().unwrap().billing.is_empty());
}

#[test]
fn a_reply_that_changes_settings_is_understood_and_names_settings_that_there_are() {
    let reply: Reply = survives("reply-settings.json");
    let actions: Vec<_> = reply.commands.iter().map(|command| &command.action).collect();
    let [Action::Set { settings }, Action::Reset { settings: some }, Action::Reset { settings: all }] =
        actions.as_slice()
    else {
        panic!("{actions:?}")
    };
    for (name, value) in settings {
        assert!(name.parse::<SettingKey>().unwrap().bounds().contains(value), "{name}");
    }
    assert!(some.iter().all(|name| name.parse::<SettingKey>().is_ok()) && all.is_empty());
    assert!(reply.commands.iter().all(|command| command.issued_by.as_deref() == Some("anna")));
}

#[test]
fn a_reply_that_retires_the_device_is_understood() {
    let reply: Reply = survives("reply-retire.json");
    assert_eq!(reply.commands[0].action, Action::Retire);
}

#[test]
fn a_reply_that_says_that_somebody_is_on_the_way_is_understood() {
    let reply: Reply = survives("reply-on-the-way.json");
    let Action::TechnicianOnTheWay { service_call: Some(call), technician } = &reply.commands[0].action
    else {
        panic!("{:?}", reply.commands)
    };
    assert_eq!(technician.as_deref(), Some("tom"));
    let bare = Action::TechnicianOnTheWay { service_call: None, technician: None };
    assert_eq!(reply.commands[1].action, bare);
    let open = reply.open.unwrap();
    let states: Vec<_> = open.standings.iter().map(|one| (one.service_call == *call, one.state)).collect();
    assert_eq!(states, [(true, CallState::OnTheWay), (false, CallState::Seen)]);
    assert!(open.orders.is_empty() && open.service_calls.len() == 3);
    let mut later = example("reply-on-the-way.json");
    later["open"]["standings"][1]["state"] = Value::from("asleep");
    let reply: Reply = serde_json::from_value(later).unwrap();
    assert_eq!(reply.open.unwrap().standings[1].state, CallState::Unknown, "of a later version");
}

#[test]
fn what_a_first_version_sends_has_nothing_of_the_later_fields() {
    let batch: ReportBatch = serde_json::from_value(example("report-batch.json")).unwrap();
    let readings = batch.reports[0].body.readings().unwrap();
    assert!(readings.counters.is_empty() && readings.buses.is_empty());
    assert!(readings.supplies.iter().all(|supply| supply.outlook.is_none() && supply.set_pages.is_none()));
    let reply: Reply = serde_json::from_value(example("reply.json")).unwrap();
    assert_eq!(reply.commands[0].issued_by, None);
}

#[test]
fn a_command_of_a_later_version_is_unknown_and_not_an_error() {
    let mut later = example("reply.json");
    later["commands"][0]["action"] = serde_json::json!({"kind": "align_print_heads", "passes": 2});
    let reply: Reply = serde_json::from_value(later).unwrap();
    assert_eq!(reply.commands[0].action, Action::Unknown);
}

#[test]
fn the_enrolment_is_understood() {
    let _: EnrollRequest = survives("enroll-request.json");
    let _: EnrollReply = survives("enroll-reply.json");
    let reply: EnrollReply = survives("enroll-reply-time.json");
    assert!(reply.manager_time.is_some());
}

#[test]
fn a_renewal_is_understood() {
    let _: RenewRequest = survives("renew-request.json");
    let _: RenewReply = survives("renew-reply.json");
}

#[test]
fn a_batch_that_tells_of_losses_is_understood() {
    let batch: ReportBatch = survives("report-batch-losses.json");
    assert!(batch.in_memory && batch.sent.is_some() && batch.next_within_seconds == Some(900));
    let [full, unknown] = batch.lost.as_slice() else { panic!("{:?}", batch.lost) };
    assert_eq!((full.reason, full.kinds.values().sum::<u64>()), (LostReason::OutboxFull, 3));
    assert_eq!(unknown.reason, LostReason::Refused);
    assert_eq!(batch.reports[0].body.kind(), "outbox_replaced");
}

#[test]
fn a_batch_that_tells_which_alerts_stand_is_understood() {
    let batch: ReportBatch = survives("report-batch-standing.json");
    let [started, standing, call] = batch.reports.as_slice() else { panic!("{:?}", batch.reports) };
    assert!(
        matches!(&started.body, ReportBody::Started(started) if started.standing_alerts == Some(Vec::new()))
    );
    assert!(
        matches!(&standing.body, ReportBody::AlertsStanding { standing_alerts, alerts } if (standing_alerts.len(), alerts.len()) == (2, 1))
    );
    assert!(matches!(&call.body, ReportBody::ServiceCall(call) if call.call_id.is_some()));
}

#[test]
fn a_batch_of_a_device_whose_disk_forgets_is_understood() {
    let batch: ReportBatch = survives("report-batch-volatile.json");
    let [started] = batch.reports.as_slice() else { panic!("{:?}", batch.reports) };
    assert!(matches!(&started.body, ReportBody::Started(started) if started.volatile_state.is_some()));
}

#[test]
fn a_batch_from_a_site_that_inspects_tls_is_understood() {
    let batch: ReportBatch = survives("report-batch-inspected.json");
    assert_eq!(batch.inspected_by.as_deref(), Some("Example Corp Proxy CA"));
}

#[test]
fn a_reply_of_a_manager_that_restarts_is_understood() {
    let reply: Reply = survives("reply-pause.json");
    assert_eq!(reply.pause_seconds, Some(30));
}

#[test]
fn a_batch_that_repeats_what_is_open_and_a_reply_that_names_it_are_understood() {
    let batch: ReportBatch = survives("report-batch-repeats.json");
    let [call, order] = batch.reports.as_slice() else { panic!("{:?}", batch.reports) };
    assert!(matches!(&call.body, ReportBody::ServiceCall(call) if call.presses == Some(12)));
    assert!(matches!(&order.body, ReportBody::Order(order) if order.again));
    let reply: Reply = survives("reply-open.json");
    let open = reply.open.unwrap();
    assert_eq!((open.service_calls.len(), open.orders.len()), (1, 2));
}

#[test]
fn a_reason_of_a_later_version_is_another_reason_and_not_an_error() {
    let mut later = example("report-batch-losses.json");
    later["lost"][0]["reason"] = Value::from("eaten_by_mice");
    let batch: ReportBatch = serde_json::from_value(later).unwrap();
    assert_eq!(batch.lost[0].reason, LostReason::Other);
}

#[test]
fn a_problem_document_is_understood() {
    let problem: Problem = survives("problem.json");
    assert_eq!(problem.kind.status(), problem.status);
}

#[test]
fn a_field_of_a_later_version_is_passed_over() {
    let mut later = example("report-batch-empty.json");
    later["mood"] = Value::from("good");
    assert!(serde_json::from_value::<ReportBatch>(later).is_ok());
}

//! The example messages in `frozen/` are what released programs send. A change that breaks one of
//! them breaks devices in the field: add a new version beside it instead of editing it.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests end the test, with its words.

use std::fs;
use std::path::PathBuf;

use platen_protocol::device_to_manager::{ReportBatch, ReportBody};
use platen_protocol::enroll::{EnrollReply, EnrollRequest};
use platen_protocol::manager_to_device::{Action, Reply};
use platen_protocol::problem::Problem;
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

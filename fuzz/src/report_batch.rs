//! What must hold for anything that a device sends as a batch of reports. The fuzz target calls it, and an
//! ordinary test of the manager with the seeds.

#![allow(
    clippy::expect_used,
    reason = "it is called by tests and by the fuzzer alone, and what must hold may panic"
)]

use std::collections::HashMap;

use jiff::Timestamp;
use platen_manager::ingest::date::{Known, date};
use platen_manager::ingest::loss::in_words;
use platen_manager::ingest::validate::{MAX_COUNT, MAX_SEQUENCE};
use platen_manager::ingest::{Loss, plan, validate};
use platen_protocol::device_to_manager::ReportBatch;
use serde_json::Value;

/// Every number is one that JSON carries exactly, whoever reads it.
fn is_bounded(value: &Value) -> bool {
    match value {
        Value::Number(number) => number
            .as_i64()
            .map(i64::unsigned_abs)
            .or(number.as_u64())
            .is_some_and(|number| number <= MAX_COUNT),
        Value::Array(values) => values.iter().all(is_bounded),
        Value::Object(fields) => fields.values().all(is_bounded),
        _ => true,
    }
}

/// Takes bytes as the manager does, and plans their effects; says whether they were accepted.
///
/// # Panics
///
/// When what is accepted breaks what must hold.
pub fn take(bytes: &[u8]) -> bool {
    let Ok(batch) = serde_json::from_slice::<ReportBatch>(bytes) else { return false };
    if validate(&batch).is_err() {
        return false;
    }
    let told = serde_json::to_value(&batch).expect("what was read can be written");
    assert!(is_bounded(&told), "an unbounded number was accepted: {told}");
    assert_eq!(serde_json::from_value::<ReportBatch>(told).expect("and read again"), batch);

    let sequences: Vec<u64> = batch.reports.iter().map(|report| report.sequence).collect();
    let mut losses = Vec::new();
    for acknowledged in [0, 1, MAX_SEQUENCE] {
        let plan = plan(acknowledged, batch.oldest_sequence, &batch.lost, &sequences);
        assert!((acknowledged..=MAX_SEQUENCE).contains(&plan.acknowledged));
        losses.extend(plan.gaps.iter().map(|gap| Loss::untold(gap.first, gap.last)));
    }
    losses.extend(batch.lost.iter().map(|run| Loss::told(run, run.first, run.last)));
    in_words(&losses);

    let began = HashMap::new();
    let received = Timestamp::from_second(1_800_000_000).expect("a moment");
    let known = Known { received, sent: batch.sent.as_ref(), began: &began, before: None };
    let stamps: Vec<_> = batch.reports.iter().map(|report| &report.taken).collect();
    let dates = date(&stamps, known);
    assert_eq!(dates.len(), stamps.len());
    assert!(dates.iter().all(|dated| dated.at <= received), "nothing was taken after it came in");
    true
}

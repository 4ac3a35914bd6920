//! Whether what a batch says is lost can be true.

use platen_protocol::device_to_manager::{Lost, ReportBatch};
use platen_protocol::limits::{MAX_ID_CHARS, MAX_LOST_PER_BATCH};
use platen_protocol::problem::{Problem, ProblemKind};

use super::MAX_SEQUENCE;

/// Kinds of reports that are counted in one run: more than there are.
const MAX_KINDS: usize = 32;

fn refuse(what: String) -> Result<(), Problem> {
    Err(Problem::new(ProblemKind::InvalidRequest, what))
}

/// The runs rise, hold no report of the batch, and are counted rightly.
pub(super) fn check(batch: &ReportBatch) -> Result<(), Problem> {
    if batch.lost.len() > MAX_LOST_PER_BATCH {
        let count = batch.lost.len();
        return refuse(format!(
            "the batch lists {count} runs of lost reports; list at most {MAX_LOST_PER_BATCH}"
        ));
    }
    let mut before = 0;
    let mut sequences = batch.reports.iter().map(|report| report.sequence).peekable();
    for run in &batch.lost {
        let Lost { first, last, .. } = run;
        if *first <= before || last < first || *last > MAX_SEQUENCE {
            return refuse(format!(
                "the lost run {first} to {last} follows {before}; runs rise, begin at 1 and end at {MAX_SEQUENCE}"
            ));
        }
        before = *last;
        while sequences.next_if(|sequence| sequence < first).is_some() {}
        if let Some(sequence) = sequences.peek().filter(|sequence| *sequence <= last) {
            return refuse(format!(
                "sequence {sequence} is in the batch and in the lost run {first} to {last}"
            ));
        }
        counts(run)?;
    }
    Ok(())
}

fn counts(run: &Lost) -> Result<(), Problem> {
    let Lost { first, last, kinds, .. } = run;
    if kinds.len() > MAX_KINDS
        || kinds.keys().any(|kind| kind.is_empty() || kind.chars().count() > MAX_ID_CHARS)
    {
        return refuse(format!(
            "the lost run {first} to {last} counts {} kinds; name at most {MAX_KINDS}, each with 1 to {MAX_ID_CHARS} characters",
            kinds.len()
        ));
    }
    let sum = kinds.values().try_fold(0_u64, |sum, count| sum.checked_add(*count));
    if sum != Some(last - first + 1) {
        return refuse(format!("the counts of the lost run {first} to {last} do not add up to its length"));
    }
    Ok(())
}

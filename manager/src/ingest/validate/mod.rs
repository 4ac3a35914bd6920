//! Whether a batch can be true. A batch is refused whole, with the sequence and the field that are
//! wrong, before anything of it is stored.
//!
//! This file looks at the batch and its sequences, [`lost`] at what is said to be lost, [`body`] at what the reports tell, [`readings`] at what
//! a board can have read, and [`place`] words the refusals.

mod body;
mod lost;
mod place;
mod readings;
#[cfg(test)]
mod tests;

use platen_protocol::VERSION;
use platen_protocol::device_to_manager::{Report, ReportBatch};
use platen_protocol::limits::{MAX_ID_CHARS, MAX_INSPECTOR_CHARS, MAX_REPORTS_PER_BATCH};
use platen_protocol::problem::{Problem, ProblemKind};
use platen_protocol::stamp::Stamp;
use platen_protocol::text;

use place::{Place, invalid};

pub use body::MAX_EVIDENCE;
pub use place::{MAX_COUNT, MAX_MEASURE_CHARS, MAX_TEXT_CHARS, MAX_UPTIME_MS};
pub use readings::{MAX_BUSES, MAX_COUNTERS, MAX_READINGS};

/// The highest sequence: as high as a count may be.
pub const MAX_SEQUENCE: u64 = MAX_COUNT;
/// The longest that readings may be away by the device's own word, in seconds: a year.
pub const MAX_NEXT_WITHIN_SECONDS: u32 = 366 * 24 * 3600;

/// Refuses a batch that cannot be true.
pub fn validate(batch: &ReportBatch) -> Result<(), Problem> {
    if batch.version != VERSION {
        return Err(wrong_version(u64::from(batch.version)));
    }
    if batch.reports.len() > MAX_REPORTS_PER_BATCH {
        return Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!("the batch holds {} reports; send at most {MAX_REPORTS_PER_BATCH}", batch.reports.len()),
        ));
    }
    if let Some(by) = batch.inspected_by.as_deref().filter(|by| !by.is_empty())
        && let Err(why) = text::check_line(by, MAX_INSPECTOR_CHARS)
    {
        return Err(Problem::new(ProblemKind::InvalidRequest, format!("inspected_by {why}")));
    }
    if let Some(seconds) = batch.next_within_seconds.filter(|seconds| *seconds > MAX_NEXT_WITHIN_SECONDS) {
        return Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!("next_within_seconds is {seconds}; it must be at most {MAX_NEXT_WITHIN_SECONDS}"),
        ));
    }
    sent(batch.sent.as_ref())?;
    sequences(batch)?;
    lost::check(batch)?;
    for report in &batch.reports {
        let place = Place { sequence: report.sequence };
        body::check(&place, report)?;
    }
    Ok(())
}

/// The refusal of a message of another version.
pub fn wrong_version(found: u64) -> Problem {
    Problem::new(
        ProblemKind::WrongVersion,
        format!("the message is of version {found}; this manager speaks version {VERSION}"),
    )
}

/// The clocks that came with the batch.
fn sent(sent: Option<&Stamp>) -> Result<(), Problem> {
    match sent {
        Some(stamp) if stamp.boot_id.chars().count() > MAX_ID_CHARS => Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!("sent.boot_id has more than {MAX_ID_CHARS} characters"),
        )),
        Some(stamp) if stamp.boot_id.chars().any(char::is_control) => {
            Err(Problem::new(ProblemKind::InvalidRequest, "sent.boot_id holds a control character"))
        }
        Some(stamp) if stamp.monotonic_ms > MAX_UPTIME_MS => Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!("sent.monotonic_ms is {}; it must be at most {MAX_UPTIME_MS}", stamp.monotonic_ms),
        )),
        _ => Ok(()),
    }
}

fn sequences(batch: &ReportBatch) -> Result<(), Problem> {
    if batch.oldest_sequence == 0 || batch.oldest_sequence > MAX_SEQUENCE {
        return Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!("oldest_sequence is {}; it must be between 1 and {MAX_SEQUENCE}", batch.oldest_sequence),
        ));
    }
    let mut before: Option<u64> = None;
    for Report { sequence, .. } in &batch.reports {
        if let Some(before) = before
            && *sequence <= before
        {
            return Err(Problem::new(
                ProblemKind::SequenceBackwards,
                format!(
                    "sequence {sequence} follows {before}; the reports of a batch must be in rising order"
                ),
            ));
        }
        if *sequence == 0 || *sequence > MAX_SEQUENCE {
            return Err(invalid(*sequence, "sequence", format!("must be between 1 and {MAX_SEQUENCE}")));
        }
        before = Some(*sequence);
    }
    match batch.reports.first() {
        Some(first) if first.sequence < batch.oldest_sequence => Err(Problem::new(
            ProblemKind::InvalidRequest,
            format!(
                "oldest_sequence is {} and the batch begins with {}: the outbox cannot hold what is below its oldest",
                batch.oldest_sequence, first.sequence
            ),
        )),
        _ => Ok(()),
    }
}

//! Takes the next batch to send.

use platen_protocol::VERSION;
use platen_protocol::device_to_manager::{Report, ReportBatch};
use platen_protocol::limits::{MAX_BODY_BYTES, MAX_REPORTS_PER_BATCH};

use super::{Outbox, OutboxError, to_db};

/// Room for what stands around the reports in a batch.
const ENVELOPE_BYTES: u64 = 1024;
const MAX_REPORTS_BYTES: u64 = MAX_BODY_BYTES as u64 - ENVELOPE_BYTES;

/// The body of a request, and what it is about.
#[derive(Debug, Clone)]
pub struct Batch {
    /// To be sent.
    pub body: ReportBatch,
    /// What was acknowledged when it was made.
    pub acknowledged: u64,
}

impl Batch {
    /// The sequences in it, first and last.
    pub fn span(&self) -> Option<(u64, u64)> {
        Some((self.body.reports.first()?.sequence, self.body.reports.last()?.sequence))
    }
}

impl Outbox {
    /// The lowest sequence that is held, or would be given next.
    fn oldest(&self) -> u64 {
        self.held.keys().next().copied().unwrap_or(self.next)
    }

    /// A batch without reports: to wait for commands.
    pub fn empty_batch(&self) -> Batch {
        self.batch(Vec::new())
    }

    /// The oldest reports that wait, at most `most`, within the size of a request, without a hole.
    /// `None` when nothing waits.
    pub fn next_batch(&self, most: usize) -> Result<Option<Batch>, OutboxError> {
        let mut reports: Vec<Report> = Vec::new();
        let mut bytes = 0;
        let mut query = self.db.prepare_cached("SELECT body FROM report WHERE sequence = ?1")?;
        for ((sequence, held), expected) in
            self.held.iter().zip(self.oldest()..).take(most.min(MAX_REPORTS_PER_BATCH))
        {
            bytes += held.bytes + 1;
            if *sequence != expected || (bytes > MAX_REPORTS_BYTES && !reports.is_empty()) {
                break;
            }
            let body: String = query.query_row([to_db(*sequence)], |row| row.get(0))?;
            reports.push(serde_json::from_str(&body)?);
        }
        Ok((!reports.is_empty()).then(|| self.batch(reports)))
    }

    fn batch(&self, reports: Vec<Report>) -> Batch {
        let body = ReportBatch {
            version: VERSION,
            epoch: self.epoch.clone(),
            oldest_sequence: self.oldest(),
            sent: None,
            in_memory: false,
            next_within_seconds: None,
            lost: Vec::new(),
            reports,
        };
        Batch { body, acknowledged: self.acknowledged }
    }
}

//! Takes the next batch to send.

use platen_protocol::VERSION;
use platen_protocol::device_to_manager::{Lost, LostReason, Report, ReportBatch};
use platen_protocol::limits::{MAX_BODY_BYTES, MAX_LOST_PER_BATCH, MAX_REPORTS_PER_BATCH};

use super::state::Chapter;
use super::{Outbox, OutboxError};

/// Room for what stands around reports and losses in a batch.
const ENVELOPE_BYTES: u64 = 1024;
const MAX_CONTENT_BYTES: u64 = MAX_BODY_BYTES as u64 - ENVELOPE_BYTES;

/// The body of a request, and what it is about.
#[derive(Debug, Clone)]
pub struct Batch {
    /// To be sent.
    pub body: ReportBatch,
    /// [`Outbox::mark`] when it was made.
    pub mark: u64,
}

impl Batch {
    /// The sequences of its reports, first and last.
    pub fn span(&self) -> Option<(u64, u64)> {
        Some((self.body.reports.first()?.sequence, self.body.reports.last()?.sequence))
    }
}

/// What there is to send.
enum Taken {
    Nothing,
    Batch(Box<Batch>),
    /// First a report has to be given up.
    Unreadable(u64),
}

impl Outbox {
    /// A batch without reports: to wait for commands.
    pub fn empty_batch(&self) -> Batch {
        self.batch(&self.state.open, Vec::new(), Vec::new())
    }

    /// The oldest reports that wait, at most `most`, within the size of a request, and of one epoch; with
    /// what was given up between them, so that nothing is missing. `None` when there is nothing to tell.
    pub fn next_batch(&mut self, most: usize) -> Result<Option<Batch>, OutboxError> {
        loop {
            match self.durably(|outbox| outbox.collect(most))? {
                Taken::Nothing => return Ok(None),
                Taken::Batch(batch) => return Ok(Some(*batch)),
                // It is told as lost, and what comes after it goes on.
                Taken::Unreadable(place) => {
                    tracing::error!(place, "a report cannot be read any more, and is lost");
                    self.durably(|outbox| outbox.lose(place, LostReason::Unreadable))?;
                }
            }
        }
    }

    fn collect(&mut self, most: usize) -> Result<Taken, OutboxError> {
        let chapter = self.state.front();
        if chapter.is_done() {
            return Ok(Taken::Nothing);
        }
        let most = most.min(MAX_REPORTS_PER_BATCH);
        let (mut reports, mut lost) = (Vec::<Report>::new(), Vec::<Lost>::new());
        let mut held = self.state.held.iter().filter(|(_, held)| held.chapter == chapter.number).peekable();
        let (mut at, mut bytes) = (chapter.acknowledged, 0);
        while at + 1 < chapter.next {
            if let Some(run) = chapter.losses.at(at + 1) {
                bytes += serde_json::to_vec(run)?.len() as u64 + 1;
                if lost.len() == MAX_LOST_PER_BATCH || bytes > MAX_CONTENT_BYTES {
                    break;
                }
                at = run.last;
                lost.push(run.clone());
                continue;
            }
            let Some((place, next)) = held.next_if(|(_, held)| held.sequence == at + 1) else { break };
            bytes += next.bytes + 1;
            if reports.len() == most || (bytes > MAX_CONTENT_BYTES && !reports.is_empty()) {
                break;
            }
            let report = self.body(*place)?.and_then(|body| serde_json::from_str::<Report>(&body).ok());
            let Some(report) = report else { return Ok(Taken::Unreadable(*place)) };
            at = next.sequence;
            // It may have been written under another number, in an epoch that was given up.
            reports.push(Report { sequence: at, ..report });
        }
        let batch = self.batch(chapter, lost, reports);
        let number = chapter.number;
        if let Some(chapter) = self.state.chapter_of(number) {
            chapter.losses.told(at);
        }
        Ok(Taken::Batch(Box::new(batch)))
    }

    fn batch(&self, chapter: &Chapter, lost: Vec<Lost>, reports: Vec<Report>) -> Batch {
        let oldest = self.state.held.values().find(|held| held.chapter == chapter.number);
        let body = ReportBatch {
            version: VERSION,
            epoch: chapter.epoch.clone(),
            oldest_sequence: oldest.map_or(chapter.next, |held| held.sequence),
            sent: None,
            in_memory: chapter.in_memory,
            inspected_by: None,
            next_within_seconds: None,
            lost,
            reports,
        };
        Batch { body, mark: self.state.acknowledged }
    }
}

//! What is handed in: the next batch to send, and the manager's word on what it holds. Where the manager knows
//! an epoch otherwise than this file does, as after an old copy of the disk was put back, what waits gets a new
//! name and new numbers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use platen_protocol::VERSION;
use platen_protocol::device_to_manager::{Lost, LostReason, Report, ReportBatch};
use platen_protocol::identity::Epoch;
use platen_protocol::limits::{MAX_BODY_BYTES, MAX_LOST_PER_BATCH, MAX_REPORTS_PER_BATCH};

use super::limits::Held;
use super::losses::{Grown, Losses, tells_of_alerts};
use super::state::{Chapter, State, new_epoch, write_lost};
use super::{Outbox, OutboxError, to_db};

/// Room for what stands around reports and losses in a batch.
const ENVELOPE_BYTES: u64 = 1024;
const MAX_CONTENT_BYTES: u64 = MAX_BODY_BYTES as u64 - ENVELOPE_BYTES;

/// Acknowledged reports leave the file with the next report, and at once beyond so many.
const PURGE_AT: u64 = 500;

/// The body of a request, and what it is about.
#[derive(Debug, Clone)]
pub struct Batch {
    /// As it goes to the manager, once it is sealed.
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

/// What an acknowledgement meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgement {
    /// It was taken, or told nothing new.
    Taken,
    /// It is of another epoch, and means nothing here.
    OtherEpoch,
    /// The manager has more of this epoch than this file ever gave: the file is an old copy.
    Ahead,
}

/// What an acknowledgement meant, and what became of requests of people by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// For the outbox.
    pub meant: Acknowledgement,
    /// So many service calls and orders are with the manager since.
    pub requests: usize,
}

/// What there is to send.
enum Taken {
    Nothing,
    Batch(Box<Batch>),
    /// First a report has to be discarded.
    Unreadable(u64),
}

impl Outbox {
    /// A batch without reports: to wait for commands.
    pub fn empty_batch(&self) -> Batch {
        self.batch(&self.state.open, Vec::new(), Vec::new())
    }

    /// The oldest reports that wait, at most `most`, within the size of a request, and of one epoch; with
    /// what was discarded between them, so that nothing is missing. `None` when there is nothing to tell.
    ///
    /// # Errors
    /// When neither the file nor memory can be read.
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

    /// Takes the manager's word on what it holds. The watermark never goes back.
    ///
    /// # Errors
    /// When neither the file nor memory takes it.
    pub fn acknowledge(
        &mut self,
        epoch: &Epoch,
        sequence: u64,
        manager_time: Timestamp,
    ) -> Result<Acknowledged, OutboxError> {
        let before = self.state.acknowledged;
        let requests = match self.state.acknowledge(epoch, sequence, manager_time) {
            Ok(requests) => requests,
            Err(meant) => return Ok(Acknowledged { meant, requests: 0 }),
        };
        if self.state.acknowledged / PURGE_AT > before / PURGE_AT {
            self.settle(None)?;
        }
        Ok(Acknowledged { meant: Acknowledgement::Taken, requests })
    }

    /// Gives up one report of the epoch that is being sent, which the manager will never take. It is told
    /// of as lost.
    ///
    /// # Errors
    /// When neither the file nor memory takes it.
    pub fn discard(&mut self, sequence: u64) -> Result<(), OutboxError> {
        let Some(place) = self.state.place(self.state.front().number, sequence) else { return Ok(()) };
        self.durably(|outbox| outbox.lose(place, LostReason::Refused))
    }

    /// Gives all that waits in the chapter that is being sent new sequences in a new epoch, and likewise
    /// what was discarded of it and not told yet. Its place among the chapters stays.
    ///
    /// # Errors
    /// When the kernel has no random numbers, or neither the file nor memory takes it.
    pub fn begin_epoch(&mut self) -> Result<(), OutboxError> {
        self.durably(Self::renumber)
    }

    fn renumber(&mut self) -> Result<(), OutboxError> {
        let mut state = self.state.clone();
        let epoch = new_epoch()?;
        let (chapter, places, numbers) = numbers(&state);
        let change = self.db.transaction()?;
        // Rising order and new <= old, in a column without a rule: no two clash.
        for (place, sequence) in &places {
            change
                .prepare_cached("UPDATE report SET sequence = ?1 WHERE place = ?2")?
                .execute([to_db(*sequence), to_db(*place)])?;
            if let Some(held) = state.held.get_mut(place) {
                held.sequence = *sequence;
            }
        }
        change.execute("DELETE FROM lost WHERE chapter = ?1", [to_db(chapter)])?;
        if let Some(chapter) = state.chapter_of(chapter) {
            chapter.epoch = epoch;
            (chapter.acknowledged, chapter.next) = (0, numbers.next);
            chapter.losses = Losses::load(numbers.lost, 0);
            for run in chapter.losses.iter() {
                write_lost(&change, chapter.number, &Grown { run: run.clone(), swallowed: None })?;
            }
        }
        state.write(&change)?;
        change.commit()?;
        self.settled(state);
        Ok(())
    }
}

impl State {
    /// Takes an acknowledgement; how many requests of people it tells of, or what else it meant.
    fn acknowledge(
        &mut self,
        epoch: &Epoch,
        sequence: u64,
        manager_time: Timestamp,
    ) -> Result<usize, Acknowledgement> {
        let chapter = self.sealed.iter_mut().chain([&mut self.open]).find(|chapter| chapter.epoch == *epoch);
        let Some(chapter) = chapter else { return Err(Acknowledgement::OtherEpoch) };
        if sequence >= chapter.next {
            return Err(Acknowledgement::Ahead);
        }
        self.known_time = self.known_time.max(Some(manager_time));
        if sequence <= chapter.acknowledged {
            return Ok(0);
        }
        chapter.acknowledged = sequence;
        let lost = chapter.losses.acknowledge(sequence);
        self.notices.alerts_in_doubt |= lost.iter().any(tells_of_alerts);
        let number = chapter.number;
        let told = |held: &Held| held.chapter == number && held.sequence <= sequence;
        if let Some((last, _)) = self.held.iter().rfind(|(_, held)| told(held)) {
            self.acknowledged = self.acknowledged.max(*last);
        }
        let requests = self.held.values().filter(|held| told(held) && held.rank.is_asked()).count();
        self.held.retain(|_, held| !told(held));
        self.requests.acknowledge(self.acknowledged, manager_time);
        self.sealed.retain(|chapter| !chapter.is_done());
        Ok(requests)
    }
}

struct Numbers {
    next: u64,
    lost: Vec<Lost>,
}

/// The chapter, the new sequence of each place, and the rest.
fn numbers(state: &State) -> (u64, BTreeMap<u64, u64>, Numbers) {
    let chapter = state.front();
    let mut numbers = Numbers { next: 1, lost: Vec::new() };
    let mut places = BTreeMap::new();
    let mut runs = chapter.losses.iter().peekable();
    let mut lose = |numbers: &mut Numbers, below: u64| {
        while let Some(run) = runs.next_if(|run| run.first < below) {
            let length = run.last - run.first;
            numbers.lost.push(Lost { first: numbers.next, last: numbers.next + length, ..run.clone() });
            numbers.next += length + 1;
        }
    };
    for (place, held) in state.held.iter().filter(|(_, held)| held.chapter == chapter.number) {
        lose(&mut numbers, held.sequence);
        places.insert(*place, numbers.next);
        numbers.next += 1;
    }
    lose(&mut numbers, u64::MAX);
    (chapter.number, places, numbers)
}

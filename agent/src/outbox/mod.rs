//! The durable outbox: everything that leaves the device is written here first.
//!
//! One SQLite file (WAL, `synchronous=FULL`). A report is known for ever by its epoch (the life of this
//! file) and its sequence. Reports, the alerts that stand, what the judge learnt, the settings of the
//! manager, the recent requests ([`remembered`]) and the journal ([`journal`]) of commands change in one
//! transaction, so that a power cut leaves all of them or none ([`mod@write`]).
//!
//! What may wait is bounded in number and bytes ([`limits`]). A report that had to be discarded is counted
//! under its reason ([`losses`]) until the manager knows of it: a batch carries the reports and tells what
//! is lost between them, so that nothing is missing ([`send`]).
//!
//! Acknowledgements are kept in memory and reach the file with the next report, or at a clean stop:
//! that halves what is written to an SD card. After a power cut the last reports are sent again, which
//! their sequence makes harmless.
//!
//! What the outbox itself has to report goes before the next report ([`mod@write`]): that it was replaced, and which
//! alerts stand, after reports of alerts were lost.
//!
//! A corrupt file is set aside with its evidence, and a new epoch begins with what could be read of it
//! ([`fallback`]). While the disk takes nothing, the work goes on in memory, in an epoch of its own; so the file
//! may hold several epochs, its chapters ([`state`]).

mod copy;
mod error;
mod fallback;
mod file;
mod journal;
mod limits;
mod losses;
mod remembered;
mod schema;
mod send;
mod state;
#[cfg(test)]
mod tests;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::device_to_manager::{Outcome, ReportBody};
use platen_protocol::identity::Epoch;
use platen_protocol::manager_to_device::OpenRequests;
use platen_protocol::stamp::Stamp;
use rusqlite::Connection;

use crate::request::Asked;

pub use error::{DiskTrouble, OutboxError};
pub use fallback::{MEMORY_LIMITS, open};
pub use journal::{DamagedCommand, MAX_JOURNAL, MAX_UNFINISHED, Received};
pub use limits::{
    Held, MAX_REPORT_BYTES, MAX_WAITING_ASKED, OutboxConfig, RESERVED_FROM_BUTTONS, Rank, to_discard,
};
pub use remembered::{Blob, Blobs, MAX_ASKED, MAX_ASKED_OPEN, Readers, StoredSetting};
pub use send::{Acknowledged, Acknowledgement, Batch};

/// The file's name in the state directory.
pub const FILE_NAME: &str = "outbox.sqlite";

/// The outbox, open.
#[derive(Debug)]
pub struct Outbox {
    db: Connection,
    state: state::State,
    limits: OutboxConfig,
    discarded: u64,
    file: PathBuf,
    remembered: Blobs,
    readers: Readers,
    /// While the disk fails.
    memory: Option<fallback::InMemory>,
    /// The stamp with which what was learnt was last written.
    past_written: Option<Stamp>,
}

/// A report that has no sequence yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReport {
    /// When what it tells was read or happened.
    pub taken: Stamp,
    /// Whether a simulated board is behind it.
    pub simulated: bool,
    /// What is told.
    pub body: ReportBody,
}

/// What changes together.
#[derive(Debug, Default)]
pub struct Entry<'a> {
    /// In the order in which they are to be told.
    pub reports: Vec<NewReport>,
    /// What stands now, if that changed.
    pub alerts: Option<&'a dyn Blob>,
    /// What the judge has learnt, when it is time to write it down.
    pub past: Option<&'a dyn Blob>,
    /// What the manager has set now, if that changed.
    pub settings: Option<Vec<StoredSetting>>,
    /// The command that ended; its outcome is told after the reports.
    pub finished: Option<Finished<'a>>,
    /// When, and whether a simulated board is behind it, for what the outbox itself has to tell where nothing
    /// else is told.
    pub now: Option<(&'a Stamp, bool)>,
}

impl Entry<'_> {
    /// The stamp of the first thing that is told, and whether a simulated board is behind it.
    pub(super) fn moment(&self) -> Option<(&Stamp, bool)> {
        let first = self.reports.first().map(|report| (&report.taken, report.simulated));
        let end = self.finished.map(|finished| (finished.taken, finished.simulated));
        first.or(end).or(self.now)
    }
}

/// The end of a command.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'a> {
    /// How it ended.
    pub outcome: &'a Outcome,
    /// The moment of the end.
    pub taken: &'a Stamp,
    /// Whether a simulated board is behind it.
    pub simulated: bool,
}

impl Outbox {
    /// With all that an open file holds.
    fn load(
        db: Connection,
        file: &Path,
        limits: OutboxConfig,
        readers: Readers,
    ) -> Result<Self, OutboxError> {
        let state = state::State::load(&db)?;
        let remembered = remembered::load(&db, readers)?;
        Ok(Self::around(db, state, remembered, file, limits, readers))
    }

    /// Around what is known of a file: on the disk.
    fn around(
        db: Connection,
        state: state::State,
        remembered: Blobs,
        file: &Path,
        limits: OutboxConfig,
        readers: Readers,
    ) -> Self {
        let file = file.to_owned();
        Self { db, state, limits, discarded: 0, file, remembered, readers, memory: None, past_written: None }
    }
}

impl Outbox {
    /// The epoch that the next report gets.
    pub fn epoch(&self) -> &Epoch {
        &self.state.open.epoch
    }

    /// Everything of that epoch up to and with this sequence is with the manager.
    pub fn acknowledged(&self) -> u64 {
        self.state.open.acknowledged
    }

    /// The highest place that was acknowledged: what [`Outbox::keep`] returned is with the manager once
    /// this has reached it. Places rise for ever, whatever becomes of epochs.
    pub fn mark(&self) -> u64 {
        self.state.acknowledged
    }

    /// The place that the next report gets.
    pub fn next_place(&self) -> u64 {
        self.state.next_place
    }

    /// What is kept beside the reports for others.
    pub fn remembered(&self) -> &Blobs {
        &self.remembered
    }

    /// How many reports wait.
    pub fn backlog(&self) -> usize {
        self.state.held.len()
    }

    /// Bytes of the reports that wait.
    pub fn backlog_bytes(&self) -> u64 {
        self.state.held.values().map(|held| held.bytes).sum()
    }

    /// Reports that had to be discarded since the start.
    pub fn discarded(&self) -> u64 {
        self.discarded
    }

    /// How many reports of a rank wait.
    pub fn waiting(&self, rank: Rank) -> usize {
        self.state.held.values().filter(|held| held.rank == rank).count()
    }

    /// What was asked for of late, oldest first.
    pub fn asked(&self) -> impl Iterator<Item = &Asked> {
        self.state.requests.iter()
    }

    /// Calls that were repeated while they were open, which no report says yet; and when that was last, since
    /// this boot.
    pub fn untold_presses(&self) -> impl Iterator<Item = (&Asked, Duration)> {
        self.state.requests.untold()
    }

    /// An open call was repeated. That reaches the file with the next report, like acknowledgements do.
    pub fn press_again(&mut self, repeated: &Asked, at: &Stamp) {
        self.state.requests.press_again(repeated, at);
    }

    /// What the manager says is open, in its reply to a batch that was made at this [`Self::mark`]; `None` of a first
    /// version of the manager, to which nothing is open. Whether that is news.
    pub fn told_open(&mut self, mark: u64, open: Option<&OpenRequests>) -> bool {
        self.state.requests.told_open(mark, open)
    }

    /// The last time that the manager told, before which it cannot be now.
    pub fn known_time(&self) -> Option<Timestamp> {
        self.state.known_time
    }
}

/// SQLite counts in `i64`; sequences and sizes never come near its end.
fn to_db(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_db(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

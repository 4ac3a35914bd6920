//! The seam above the drivers: what the agent sees of a printer.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use platen_protocol::readings::{Readings, SwitchMeaning};
use serde::{Deserialize, Serialize};

use crate::trace::TraceEntry;

/// A board, on whatever backend. Its methods block for as long as its buses' deadlines allow, and no
/// longer; one thread owns it.
pub trait Board: Send {
    /// Whether there is a simulated printer behind it. Every report says so.
    fn simulated(&self) -> bool;

    /// The printer's model, from the board file.
    fn model(&self) -> &str;

    /// Asks all buses for a sample, without waiting. [`Self::sample`] does it where it was not done.
    fn begin_sample(&mut self);

    /// Waits until every bus has answered or is beyond its deadline, but no longer than `limit`. Whether
    /// [`Self::sample`] would return now without waiting.
    fn sample_is_ready(&mut self, limit: Duration) -> bool;

    /// A descriptor that becomes readable when every bus has answered, for who waits for something else as well. It is
    /// so until [`Self::sample_is_ready`] is asked. A bus that is beyond its deadline does not tell: [`Self::sample_is_ready`] does.
    fn sample_fd(&self) -> Option<BorrowedFd<'_>>;

    /// Reads every chip and every line once, the lines last: no edge that was taken before is later than
    /// what it says of them. What cannot be read is unknown, with its cause.
    fn sample(&mut self) -> Readings;

    /// Descriptors to poll for reading; one becomes readable when an edge waits.
    fn edge_fds(&self) -> Vec<BorrowedFd<'_>>;

    /// Takes the edges that wait, in the order in which they happened. Does not block. Pages at the exit
    /// are counted ([`BoardCounts::pages`]) and are not among them.
    fn take_edges(&mut self) -> Result<Vec<Edge>, BoardError>;

    /// Turns an output on or off; a board without it ignores that.
    fn set_output(&mut self, output: Output, on: bool) -> Result<(), BoardError>;

    /// What was counted since the board was opened.
    fn counts(&self) -> BoardCounts;

    /// Compares the board file with what is there, chip by chip and line by line. Takes as long as a few
    /// samples.
    fn diagnose(&mut self) -> Vec<Finding>;

    /// From now on, hands everything that the buses and lines say to a sink; `None` ends it.
    fn record(&mut self, sink: Option<TraceSink>);
}

/// What a board can switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Shows that a service call or an order is on its way.
    ServiceLamp,
    /// Answers a press of a button.
    Buzzer,
}

/// What was counted since a board was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BoardCounts {
    /// Reads of chips and lines that failed.
    pub failed_reads: u64,
    /// Buses, in the order of the board file.
    pub buses: Vec<BusCounts>,
    /// Pages at the exit, and for how long they came.
    pub pages: PageCounts,
}

/// What was counted on one bus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BusCounts {
    /// Its name on the board.
    pub name: String,
    /// Transfers that failed, among them those that were tried again with success.
    pub failed_transfers: u64,
    /// Reads of chips that failed for good.
    pub failed_reads: u64,
    /// How often the bus was found stuck and freeing it was tried.
    pub recoveries: u64,
}

/// What the page exit sensor told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageCounts {
    /// Pages that passed, those whose edges the kernel had to drop included, for it numbers them.
    pub pages: u64,
    /// How long the printer was printing: the time between pages that followed each other within
    /// [`PRINTING_GAP`].
    pub printing: Duration,
}

/// Pages that follow each other within this belong to one stretch of printing.
pub const PRINTING_GAP: Duration = Duration::from_secs(5);

/// What a comparison of the board file with the board found about one chip, line or bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its name in the board file, or what it is where it has none.
    pub subject: String,
    /// Where: bus, device file and address, or chip and line.
    pub place: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found, in words, with the kernel's error (such as `ENXIO`) if it gave one.
    pub what: String,
    /// What to check, if anything is wrong.
    pub check: Option<String>,
}

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As the board file says.
    Fine,
    /// It works, and somebody should look at it.
    Doubtful,
    /// It does not work.
    Failed,
}

/// Where a recording goes: bounded, so that a slow reader never holds up the board; what does not fit is
/// counted in the next entry.
pub type TraceSink = std::sync::mpsc::SyncSender<TraceEntry>;

/// A change of a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The switch's name on the board.
    pub switch: String,
    /// What it means.
    pub meaning: SwitchMeaning,
    /// The state after it.
    pub active: bool,
    /// When, on the kernel's monotonic clock (`CLOCK_MONOTONIC`).
    pub at: Duration,
}

/// Why a board cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// A bus cannot be opened.
    #[error(
        "the bus {name} ({device}) cannot be opened: {source}; is I2C enabled, and may this user read and write it?"
    )]
    Bus {
        /// Its name on the board.
        name: String,
        /// Its device file, or its adapter.
        device: String,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// A line cannot be had.
    #[error("the line of {name} ({gpio}) cannot be used: {what}")]
    Line {
        /// The switch or output.
        name: String,
        /// The device file and the line.
        gpio: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The board file describes a simulated printer, and there is no simulator in this program.
    #[error(
        "the board file has backend = \"simulated\", and this program has no simulator in it: for a real printer set backend = \"linux\"; Debian's package platen-sim has an agent with the simulator, /usr/lib/platen/platen-agent-sim"
    )]
    NoSimulator,
    /// The descriptor that tells of simulated edges, or a bus's thread, cannot be made.
    #[error("the board cannot be set up: {0}")]
    Setup(#[from] std::io::Error),
}

//! The thread that owns the board.
//!
//! It sleeps in one `poll` on the edges' descriptors, on an eventfd that tells of requests, and until
//! the next sample or the next step of a signal is due ([`thread`]). For a sample it asks all buses, and
//! looks after edges and signals until they have answered. What it sees goes out through a bounded
//! channel; a full one makes it wait. A sample like the one before is not handed on again and again: when the same readings have been seen often enough for every judgement, the runtime is left to
//! sleep ([`repeats`]). Lamp and buzzer are signals of a few steps ([`signal`]).

mod handle;
mod repeats;
mod signal;
mod thread;

use std::time::Duration;

use platen_hal::{BoardCounts, Edge};
use platen_protocol::readings::Readings;
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::units;

pub use handle::{BoardBusy, BoardHandle, RequestQueue, without_thread};
pub use repeats::QUIET;
pub use signal::Signal;
pub use thread::start;

/// `[sample]` of agent.toml.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SampleConfig {
    /// How often everything is read: 100 ms to 1 min.
    #[serde(deserialize_with = "units::period::<_, 100, 60_000>")]
    pub interval: Duration,
    /// How soon a level that has just crossed its set value is read again: 10 ms to 1 min.
    #[serde(deserialize_with = "units::period::<_, 10, 60_000>")]
    pub settle: Duration,
}

impl Default for SampleConfig {
    fn default() -> Self {
        // Each sample wakes the thread of every bus, so it comes no more often than levels move; what
        // is urgent (a cover, a button) has an edge, which brings the next sample forward.
        Self { interval: Duration::from_secs(15), settle: Duration::from_millis(500) }
    }
}

/// Everything that was read at one moment.
#[derive(Debug, Clone)]
pub struct Sample {
    /// As the board gave them.
    pub readings: Readings,
    /// When the buses had answered or were beyond their deadline and the lines were read, on the monotonic clock.
    pub at: Duration,
    /// What was counted since the board was opened.
    pub counts: BoardCounts,
}

/// What the thread saw.
#[derive(Debug)]
pub enum Seen {
    /// A sample, at its interval or because it was asked for.
    Sample {
        /// The readings, with their time.
        sample: Box<Sample>,
        /// Who asked, and wants it as it was judged.
        asker: Option<oneshot::Sender<Sample>>,
    },
    /// Edges, oldest first.
    Edges(Vec<Edge>),
}

/// How the thread goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// From one sample to the next: 100 ms to 1 min.
    pub interval: Duration,
    /// From an edge until the switches have settled and are compared.
    pub switch_debounce: Duration,
    /// Equal samples that are handed on before it becomes quiet.
    pub repeats: u32,
}

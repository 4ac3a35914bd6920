//! Clocks that a test or a simulation moves.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::stamp::ClockQuality;

#[derive(Debug)]
struct State {
    boot_id: String,
    monotonic: Duration,
    since_boot: Duration,
    wall: Timestamp,
    quality: ClockQuality,
}

/// The clocks of a machine that is not there: they stand until they are moved.
#[derive(Debug)]
pub struct Moved(Mutex<State>);

impl Moved {
    /// A machine that has just started, with a wall clock that nothing vouches for.
    pub fn new(boot_id: &str, wall: Timestamp) -> Self {
        Self(Mutex::new(State {
            boot_id: boot_id.to_owned(),
            monotonic: Duration::ZERO,
            since_boot: Duration::ZERO,
            wall,
            quality: ClockQuality::Unsynchronised,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time passes, on all clocks.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.monotonic += by;
        state.pass(by);
    }

    /// The machine sleeps.
    pub fn sleep(&self, for_so_long: Duration) {
        self.state().pass(for_so_long);
    }

    /// Somebody sets the wall clock.
    pub fn set_wall(&self, wall: Timestamp) {
        self.state().wall = wall;
    }

    /// Whether something vouches for the wall clock from now on.
    pub fn synchronise(&self, yes: bool) {
        let quality = if yes { ClockQuality::Synchronised } else { ClockQuality::Unsynchronised };
        self.state().quality = quality;
    }

    /// The machine starts anew: its clocks begin again, and nothing vouches for the wall clock yet.
    pub fn reboot(&self, boot_id: &str, wall: Timestamp) {
        *self.state() = State {
            boot_id: boot_id.to_owned(),
            monotonic: Duration::ZERO,
            since_boot: Duration::ZERO,
            wall,
            quality: ClockQuality::Unsynchronised,
        };
    }

    pub(super) fn boot_id(&self) -> String {
        self.state().boot_id.clone()
    }

    pub(super) fn monotonic(&self) -> Duration {
        self.state().monotonic
    }

    pub(super) fn since_boot(&self) -> Duration {
        self.state().since_boot
    }

    pub(super) fn wall(&self) -> Timestamp {
        self.state().wall
    }

    pub(super) fn quality(&self) -> ClockQuality {
        self.state().quality
    }
}

impl State {
    fn pass(&mut self, by: Duration) {
        self.since_boot += by;
        self.wall = self.wall.checked_add(by).unwrap_or(Timestamp::MAX);
    }
}

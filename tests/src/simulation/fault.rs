//! What goes wrong.

use std::time::Duration;

use jiff::Timestamp;

/// Which messages are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// All.
    Both,
    /// Those to the manager.
    Up,
    /// Those from the manager.
    Down,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// Messages are lost without a word: behind a device, or, with `None`, between the site and the manager.
    Part {
        /// Whose, by number.
        device: Option<usize>,
        /// Which.
        direction: Direction,
    },
    /// They are carried again.
    Repair {
        /// Whose.
        device: Option<usize>,
    },
    /// An agent ends in the midst of what it does, after so many more polls of its future, and is started
    /// again.
    KillAgent {
        /// Which.
        device: usize,
        /// At which of the next polls.
        fuse: u32,
        /// With the power: nobody at the other end hears of it, and the wall clock begins here.
        wall: Option<Timestamp>,
        /// When it is started again.
        down: Duration,
    },
    /// An agent is stopped in order.
    StopAgent {
        /// Which.
        device: usize,
        /// When it is started again.
        down: Duration,
    },
    /// The manager ends in the midst of what it does, and is started again.
    KillManager {
        /// At which of the next polls.
        fuse: u32,
        /// With the power: nobody at the other end hears of it.
        power: bool,
        /// When it is started again.
        down: Duration,
    },
    /// The manager is stopped in order.
    StopManager {
        /// When it is started again.
        down: Duration,
    },
    /// A device's wall clock is set to something.
    SetClock {
        /// Whose.
        device: usize,
        /// To what.
        wall: Timestamp,
        /// Whether something then vouches for it.
        synchronised: bool,
    },
    /// The manager's database takes no report, as when its disk is full.
    StoreFails,
    /// It does again.
    StoreRecovers,
    /// The proxy ends every connection, once so many more bytes have gone up.
    Cut {
        /// How many.
        after: u32,
    },
    /// The proxy sends everything that it has carried up on each connection once more, on a new one.
    Repeat,
}

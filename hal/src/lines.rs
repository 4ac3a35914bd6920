//! The lines of a board, as it sees them on whatever backend.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::board::{BoardError, Finding, Output};

/// The switches by their place in the board file, and the outputs.
pub trait BoardLines: Send {
    /// Descriptors that become readable when an edge waits.
    fn fds(&self) -> Vec<BorrowedFd<'_>>;

    /// Takes the edges that wait, in the order of their times.
    fn take_edges(&mut self) -> Result<Vec<LineEdge>, BoardError>;

    /// Before each sample: has the lines again of a GPIO chip that was away.
    fn begin(&mut self) {}

    /// Whether a switch is active now; else why that is unknown, with its place.
    fn active(&mut self, switch: usize) -> Result<bool, String>;

    /// Turns an output on or off; without it, nothing happens.
    fn set_output(&mut self, output: Output, on: bool) -> Result<(), BoardError>;

    /// Compares the lines with the board file.
    fn examine(&mut self) -> Vec<Finding>;
}

/// An edge of the switch at a place in the board file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineEdge {
    /// Its place in the board file, from 0.
    pub switch: usize,
    /// The state after it.
    pub active: bool,
    /// On the board's clock.
    pub at: Duration,
    /// Its number among all edges of the line, from 1; those that were dropped are numbered too.
    pub sequence: u64,
}

/// How the state of a switch is told.
pub const fn state(active: bool) -> &'static str {
    if active { "active now" } else { "not active now" }
}

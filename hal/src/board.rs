//! The seam above the drivers: what the agent sees of a printer.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use platen_protocol::readings::{Readings, SwitchMeaning};

use crate::chips::ChipBoard;
use crate::config::{Backend, BoardConfig};
use crate::linux;
use crate::sim::SimPrinter;

/// A board, on whatever backend. Its methods block for as long as the bus takes; one thread owns it.
pub trait Board: Send {
    /// Whether there is a simulated printer behind it. Every report says so.
    fn simulated(&self) -> bool;

    /// The printer's model, from the board file.
    fn model(&self) -> &str;

    /// Reads every chip and every line once. What cannot be read is unknown, with its cause.
    fn sample(&mut self) -> Readings;

    /// Descriptors to poll for reading; one becomes readable when an edge waits.
    fn edge_fds(&self) -> Vec<BorrowedFd<'_>>;

    /// Takes the edges that wait, in the order in which they happened. Does not block.
    fn take_edges(&mut self) -> Result<Vec<Edge>, BoardError>;

    /// Turns the service lamp on or off; a board without one ignores it.
    fn set_lamp(&mut self, on: bool) -> Result<(), BoardError>;

    /// Reads that failed since the board was opened.
    fn failed_reads(&self) -> u64;
}

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

/// A board, and the handle of the simulated printer behind it if it has one.
pub struct Opened {
    /// For the thread that owns the board.
    pub board: Box<dyn Board>,
    /// For whoever plays the printer.
    pub simulator: Option<SimPrinter>,
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
        /// Its device file.
        device: String,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// A line cannot be had.
    #[error("the line of {name} ({gpio}) cannot be used: {source}; does another program hold it?")]
    Line {
        /// The switch or lamp.
        name: String,
        /// The device file and the line.
        gpio: String,
        /// What the kernel said.
        source: gpio_cdev::Error,
    },
    /// No line has the name.
    #[error("{gpio} has no line that is named {line:?}, which {name} wants: `gpioinfo` lists the names")]
    NoSuchLine {
        /// The switch or lamp.
        name: String,
        /// The device file.
        gpio: String,
        /// The name that was looked for.
        line: String,
    },
    /// The descriptor that tells of simulated edges cannot be made or read.
    #[error("the simulated lines failed: {0}")]
    Simulated(#[from] std::io::Error),
}

/// Opens the board that a file describes.
pub fn open(config: &BoardConfig) -> Result<Opened, BoardError> {
    match config.backend {
        Backend::Linux => {
            let buses = linux::i2c::open_buses(config)?;
            let lines = linux::gpio::Lines::open(config)?;
            Ok(Opened { board: Box::new(ChipBoard::new(config, buses, lines, false)), simulator: None })
        }
        Backend::Simulated => {
            let printer = SimPrinter::new(config)?;
            let board = ChipBoard::new(config, printer.buses(), printer.lines()?, true);
            Ok(Opened { board: Box::new(board), simulator: Some(printer) })
        }
    }
}

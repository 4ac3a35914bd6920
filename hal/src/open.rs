//! Opens the board that a file describes, or as much of it as is there.

use crate::board::{Board, BoardError, Finding};
use crate::config::{Backend, BoardConfig};
use crate::linux::{self, Strictness};

/// Opens the real board that a file describes.
///
/// A board of which a part is there is opened: what is not there is unknown, with its cause, and is tried again
/// at each sample, so that the service centre hears of it.
///
/// # Errors
/// Nothing of the board can be opened, or the file describes a simulated printer: this crate has none.
pub fn open(config: &BoardConfig) -> Result<Box<dyn Board>, BoardError> {
    match config.backend {
        Backend::Linux => linux::board(config, Strictness::SomethingIsThere),
        Backend::Simulated => Err(BoardError::NoSimulator),
    }
}

/// Compares a board file with what is there, also when the board cannot be opened: each bus and each line
/// is tried for itself.
///
/// # Errors
/// The file describes a simulated printer.
pub fn diagnose_file(config: &BoardConfig) -> Result<Vec<Finding>, BoardError> {
    match config.backend {
        Backend::Linux => Ok(linux::board(config, Strictness::AnythingGoes)?.diagnose()),
        Backend::Simulated => Err(BoardError::NoSimulator),
    }
}

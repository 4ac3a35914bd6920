//! Opens the board that a file describes, or as much of it as is there, and the controller of its print engine.

use crate::board::{Board, BoardError, Finding};
use crate::clock::KernelClock;
use crate::config::{Backend, BoardConfig};
use crate::engine::Controller;
use crate::linux::i2c::KernelBus;
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

/// The controller of a real board, by the board file; none where it has none, or where the printer is a simulated one.
/// The bus is opened when something is asked.
pub fn open_engine(config: &BoardConfig) -> Option<Controller> {
    let entry = config.engine_controller.as_ref().filter(|_| config.backend == Backend::Linux)?;
    let bus = config.buses.iter().find(|bus| bus.name.get_ref() == entry.bus.get_ref())?;
    let address = *entry.address.get_ref();
    Some(Controller::new(Box::new(KernelBus::new(bus)), Box::new(KernelClock), address))
}

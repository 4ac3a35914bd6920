//! Opens the board that the board file describes: a real one, or a simulated printer where this agent has the
//! simulator in it (the feature `simulator`; the agent for printers is built without).

use std::sync::Arc;

use platen_hal::config::BoardConfig;
use platen_hal::engine::Controller;
use platen_hal::sim_command::Simulator;
use platen_hal::{Board, BoardError, Finding};

/// Whether this program can simulate a printer.
pub const HAS_SIMULATOR: bool = cfg!(feature = "simulator");

/// A board, and the handle of the simulated printer behind it if it has one.
pub struct Opened {
    /// For the thread that owns the board.
    pub board: Box<dyn Board>,
    /// For whoever plays the printer.
    pub simulator: Option<Arc<dyn Simulator>>,
    /// What a person should know of the files behind it, such as a trace that was cut.
    pub notice: Option<String>,
    /// The controller of the engine, where there is one: for whoever only wants to know what it runs.
    pub engine: Option<Controller>,
}

/// Opens the board that a file describes, or as much of it as is there.
///
/// # Errors
/// Nothing of it can be opened, or it is a simulated one and this agent has no simulator.
pub fn open(config: &BoardConfig) -> Result<Opened, BoardError> {
    #[cfg(feature = "simulator")]
    if config.backend == platen_hal::config::Backend::Simulated {
        let platen_simulator::Simulated { board, printer } = platen_simulator::open(config)?;
        let notice = printer.notice();
        let engine = platen_simulator::engine(config, &printer).map(Controller::impatient);
        return Ok(Opened { board, simulator: Some(Arc::new(printer)), notice, engine });
    }
    let engine = platen_hal::open_engine(config).map(Controller::impatient);
    Ok(Opened { board: platen_hal::open(config)?, simulator: None, notice: None, engine })
}

/// The controller of the engine, beside the board; none where the board file names none. A simulated printer is another one
/// for each process that opens it, but for what its log says.
///
/// # Errors
/// The printer is a simulated one and this agent has no simulator.
pub fn engine(config: &BoardConfig) -> Result<Option<Controller>, BoardError> {
    if config.backend == platen_hal::config::Backend::Linux {
        return Ok(platen_hal::open_engine(config));
    }
    simulated_engine(config)
}

#[cfg(feature = "simulator")]
fn simulated_engine(config: &BoardConfig) -> Result<Option<Controller>, BoardError> {
    Ok(platen_simulator::engine(config, &platen_simulator::SimPrinter::new(config)?))
}

#[cfg(not(feature = "simulator"))]
fn simulated_engine(_config: &BoardConfig) -> Result<Option<Controller>, BoardError> {
    Err(BoardError::NoSimulator)
}

/// Compares a board file with what is there, bus by bus and line by line, also where nothing of it can be opened.
///
/// # Errors
/// The board is a simulated one and this agent has no simulator.
pub fn diagnose(config: &BoardConfig) -> Result<Vec<Finding>, BoardError> {
    #[cfg(feature = "simulator")]
    if config.backend == platen_hal::config::Backend::Simulated {
        return Ok(platen_simulator::open(config)?.board.diagnose());
    }
    platen_hal::diagnose_file(config)
}

//! The real kernel's I2C buses and GPIO lines.

pub(crate) mod adapter;
pub(crate) mod gpio;
pub(crate) mod i2c;
mod line;

use std::sync::Arc;

use crate::board::{Board, BoardError};
use crate::bus::{Adapter as _, ClockLine};
use crate::chips::examine::Examination;
use crate::chips::job::Job;
use crate::chips::reader::{ChipReader, Fittings};
use crate::chips::seat::Seat;
use crate::chips::{ChipBoard, Pieces};
use crate::clock::KernelClock;
use crate::config::BoardConfig;
use crate::tape::Tape;

use self::gpio::{KernelClockLine, Lines};
use self::i2c::KernelBus;

/// What must be there for a board to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// At least one of its buses and lines, if it has any.
    SomethingIsThere,
    /// Nothing.
    AnythingGoes,
}

/// The board of a file, with a thread for each bus.
pub(crate) fn board(config: &BoardConfig, strictness: Strictness) -> Result<Box<dyn Board>, BoardError> {
    let tape = Arc::new(Tape::default());
    let (mut seats, mut first_error, mut anything) = (Vec::new(), None, false);
    for bus in &config.buses {
        let name = bus.name.get_ref();
        let mut adapter = KernelBus::new(bus);
        match adapter.begin() {
            Ok(()) => anything = true,
            Err(_) => first_error = first_error.or_else(|| adapter.take_error()),
        }
        let jobs: Vec<_> =
            Job::all(config).into_iter().enumerate().filter(|(_, job)| job.bus == *name).collect();
        let clock_line = bus
            .recover
            .as_ref()
            .map(|line| -> Box<dyn ClockLine> { Box::new(KernelClockLine::new(name, line)) });
        let fittings = Fittings {
            deadline: bus.deadline(),
            clocks: [Box::new(KernelClock), Box::new(KernelClock)],
            clock_line,
            tape: Arc::clone(&tape),
            surroundings: Examination::of(config, name),
        };
        let reader = Box::new(ChipReader::new(name, adapter, jobs, fittings));
        seats.push(Seat::threaded(name, bus.deadline(), reader)?);
    }
    let mut lines = Lines::new(config);
    match lines.open_all() {
        Ok(opened) => anything |= opened,
        Err(error) => first_error = first_error.or(Some(error)),
    }
    match first_error {
        Some(error) if !anything && strictness == Strictness::SomethingIsThere => return Err(error),
        _ => {}
    }
    let pieces =
        Pieces { seats, lines: Box::new(lines), clock: Box::new(KernelClock), tape, simulated: false };
    Ok(Box::new(ChipBoard::new(config, pieces)))
}

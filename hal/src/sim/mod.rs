//! The simulated printer: chips at register level on simulated buses, lines with edges, and an engine
//! that prints.
//!
//! The chip drivers of this crate run on it unchanged, in process ([`SimPrinter::buses`],
//! [`SimPrinter::lines`]) or as a real kernel device that a test puts before it
//! ([`SimPrinter::transfer`], [`SimPrinter::watch_lines`]). Whoever plays the printer uses
//! [`SimPrinter::apply`]. Everything that it yields is marked as simulated by the board above it.

mod bus;
pub mod control;
mod eeprom;
mod engine;
pub mod lines;
mod thermometer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use embedded_hal::i2c::Operation;
use platen_protocol::readings::SwitchMeaning;

use crate::board::BoardError;
use crate::chips::NamedBus;
use crate::config::BoardConfig;
use crate::fault::BusFault;
use crate::sim::bus::SimBus;
use crate::sim::engine::Engine;
use crate::sim::lines::{LineWatch, Lines, SimLine, WatchedLines};

pub use control::{Fault, SimCommand, SimError};

/// How long a simulated finger stays on a button.
pub const PRESS_DURATION: Duration = Duration::from_millis(120);

/// A simulated printer; clones are handles of the same one.
#[derive(Clone)]
pub struct SimPrinter {
    shared: Arc<Shared>,
}

struct Shared {
    // One lock for each: a slow transfer does not hold up an edge.
    engine: Mutex<Engine>,
    lines: Mutex<Lines>,
}

/// A panic in a test's thread must not turn every later act into another panic: the state behind
/// these locks is whole after each statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimPrinter {
    /// A printer with the chips and lines of a board file, its cartridges partly used.
    pub fn new(config: &BoardConfig) -> Result<Self, BoardError> {
        let shared =
            Shared { engine: Mutex::new(Engine::new(config)), lines: Mutex::new(Lines::new(config)) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Does one act; the answer is a sentence for the person who asked. Pressing a button takes
    /// [`PRESS_DURATION`].
    pub fn apply(&self, command: &SimCommand) -> Result<String, SimError> {
        match command {
            SimCommand::Set { supply, percent } => lock(&self.shared.engine).set(supply, *percent),
            SimCommand::Print { pages } => lock(&self.shared.engine).print(*pages),
            SimCommand::Heat { sensor, millidegrees_celsius } => {
                lock(&self.shared.engine).heat(sensor, *millidegrees_celsius)
            }
            SimCommand::Fault { target, fault } => lock(&self.shared.engine).fault(target, *fault),
            SimCommand::Open { switch } => self.switch(switch, SwitchMeaning::Cover, true),
            SimCommand::Close { switch } => self.switch(switch, SwitchMeaning::Cover, false),
            SimCommand::Press { button } => {
                self.switch(button, SwitchMeaning::ServiceButton, true)?;
                thread::sleep(PRESS_DURATION);
                self.switch(button, SwitchMeaning::ServiceButton, false)?;
                Ok(format!("{button} pressed and let go"))
            }
        }
    }

    /// Whether the service lamp is lit.
    pub fn lamp(&self) -> bool {
        lock(&self.shared.lines).lamp()
    }

    /// One combined transfer on the bus that the board file gives a name, as an adapter would do it.
    pub fn transfer(&self, bus: &str, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusFault> {
        lock(&self.shared.engine).transfer(bus, address, operations)
    }

    /// The lines of the board, switches first in the order of the board file, then the lamp.
    pub fn line_layout(&self) -> Vec<SimLine> {
        lock(&self.shared.lines).layout()
    }

    /// The electrical level of the line at a place of [`Self::line_layout`].
    pub fn electrical_level(&self, place: usize) -> bool {
        lock(&self.shared.lines).electrical_level(place)
    }

    /// Drives the lamp's line to an electrical level, as the controller does.
    pub fn drive_lamp(&self, high: bool) {
        lock(&self.shared.lines).drive_lamp(high);
    }

    /// From now on every change of a switch is told to the watch as well.
    pub fn watch_lines(&self) -> std::io::Result<LineWatch> {
        lock(&self.shared.lines).watch()
    }

    pub(crate) fn buses(&self) -> Vec<NamedBus<SimBus>> {
        let names = lock(&self.shared.engine).bus_names();
        names
            .into_iter()
            .map(|name| NamedBus { name: name.clone(), bus: SimBus { printer: self.clone(), name } })
            .collect()
    }

    pub(crate) fn lines(&self) -> Result<WatchedLines, BoardError> {
        Ok(WatchedLines::new(self.clone(), self.watch_lines()?))
    }

    fn switch(&self, name: &str, meaning: SwitchMeaning, active: bool) -> Result<String, SimError> {
        lock(&self.shared.lines).switch(name, meaning, active)
    }
}

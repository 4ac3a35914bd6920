//! The simulated printer: chips at register level on simulated buses, lines with edges, and an engine
//! that prints.
//!
//! [`open`] puts a board on it that runs the drivers of `platen_hal` unchanged. Behind a real kernel device the
//! printer is reached by [`SimPrinter::transfer`] and [`SimPrinter::watch_lines`]. Whoever plays the printer uses
//! [`SimPrinter::apply`]. Everything that it yields is marked as simulated by the board above it.
//!
//! From the pins inwards: `chips` are registers, `wiring` puts them on buses, `lines` are contacts;
//! `physics` is what printing does; `world` joins them and lets commands and time act; `live` is the thread
//! that lets time pass; [`printer`] is the handle, and [`board`] the board. docs/simulator.md says what is modelled.

mod analog;
pub mod board;
mod chips;
mod clock;
mod error;
pub mod event_log;
mod faults;
pub mod lines;
mod live;
mod lock;
mod physics;
pub mod printer;
mod random;
mod replay;
mod resolve;
pub mod scenario;
mod schedule;
#[cfg(test)]
mod tests;
pub mod truth;
mod wiring;
mod world;

pub use board::{Simulated, engine, open, open_inline};
pub use clock::SimClock;
pub use error::SimError;
// Whoever plays the printer needs them beside it.
pub use platen_hal::sim_command::{Fault, SimCommand};
pub use printer::{LONGEST_HANG, SimDelay, SimPrinter};
pub use truth::Truth;

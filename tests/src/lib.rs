//! What the tests stand on, by kind:
//!
//! * [`rigs`]: managers, agents, the proxies and networks between them, a fleet with people who use it, a
//!   crowd of light devices, a browser;
//! * [`oracles`]: who knows what really happened, and compares it with what the programs say;
//! * [`guests`]: machines with a real kernel, whose I2C buses and GPIO chip are a simulated printer;
//! * [`hal_suite`]: the one suite of the HAL, for every backend;
//! * [`year`]: a year of the printer, in accelerated time;
//! * `simulation`: agents and a manager in a time of its own, while everything goes wrong;
//! * [`circles`]: finds modules that need each other in a circle.
//!
//! The tests themselves are in `tests/tests/`, by who is tested: `agent/`, `manager/`, and `programs/`, all of them
//! together.

// This crate is for tests: a helper that cannot do its work ends the test, with its words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::missing_panics_doc)]

pub mod circles;
pub mod guests;
pub mod hal_suite;
pub mod oracles;
pub mod rigs;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod year;

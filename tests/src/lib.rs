//! What the end-to-end tests stand on: the programs as processes, the operator's API and browser, the
//! suite of the HAL, guests with a real kernel whose I2C buses and GPIO chip are a simulated printer,
//! customers' networks ([`network`]), a year of the printer in accelerated time ([`year`]), what checks after a crash
//! that nothing was lost and nothing happened twice ([`crash`]), and what finds modules that need each other in a
//! circle ([`circles`]).

// This crate is for tests: a helper that cannot do its work ends the test, with its words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::missing_panics_doc)]

pub mod api;
pub mod browser;
pub mod circles;
pub mod crash;
pub mod debian;
pub mod guest;
pub mod hal_suite;
pub mod inspector;
pub mod network;
pub mod process;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod site;
pub mod vhost;
pub mod year;

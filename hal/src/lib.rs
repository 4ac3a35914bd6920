//! The board of a printer controller: from chips and lines to named readings with units.
//!
//! A board file ([`config`]) says which chips and lines there are and what they mean. [`open()`] builds the board on
//! the kernel's buses and lines ([`linux`]); the crate `platen-simulator` builds it on a simulated printer. Both give
//! their adapters, lines and clock to one [`assemble::Assembly`], and run the same chip drivers ([`memory`],
//! [`thermometer`], `converter`) over the traits of embedded-hal; above them stands one small interface,
//! [`board::Board`].
//!
//! One sample: `chips` asks each bus's reader, on a thread of the bus's own, for what its `job`s give, within
//! the bus's deadline; `compose` makes readings of that, of the lines and of the board file. Between drivers
//! and bus stands `recorder`, which counts transfers that fail and records them as a [`trace`].
//!
//! A read that failed is *unknown*, with its cause ([`fault`]), and never a number.

pub mod assemble;
pub mod billing;
pub mod board;
pub mod bus;
mod chips;
pub mod clock;
pub mod config;
mod converter;
mod copies;
pub mod counters;
mod curve;
pub mod engine;
pub mod fault;
pub mod lines;
pub mod linux;
pub mod memory;
mod open;
mod pages;
pub mod record;
mod recorder;
pub mod sim_command;
pub mod thermometer;
pub mod trace;

pub use board::{Board, BoardCounts, BoardError, Edge, Finding, Output, Verdict};
pub use open::{diagnose_file, open, open_engine};

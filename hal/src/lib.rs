//! The board of a printer controller: from chips and lines to named readings with units.
//!
//! A board file ([`config`]) says which chips and lines there are and what they mean. [`open`] builds
//! the board on the backend that the file names: the real kernel's buses and lines ([`linux`]), or a
//! simulated printer ([`sim`]). Both run the same chip drivers ([`memory`], [`thermometer`], `converter`)
//! over the traits of embedded-hal; above them stands one small interface, [`board::Board`].
//!
//! One sample: `chips` asks each bus's reader, on a thread of the bus's own, for what its `job`s give, within
//! the bus's deadline; `compose` makes readings of that, of the lines and of the board file. Between drivers
//! and bus stands `tape`, which counts transfers that fail and records them as a [`trace`].
//!
//! A read that failed is *unknown*, with its cause ([`fault`]), and never a number.

pub mod board;
mod bus;
mod check;
mod chips;
mod clock;
pub mod config;
mod converter;
mod copies;
pub mod counters;
mod curve;
pub mod fault;
mod lines;
pub mod linux;
pub mod memory;
mod pages;
pub mod record;
pub mod sim;
mod simulated;
mod tape;
pub mod thermometer;
pub mod trace;

pub use board::{
    Board, BoardError, Edge, Finding, Opened, Output, Tallies, Verdict, diagnose_file, open, open_inline,
};

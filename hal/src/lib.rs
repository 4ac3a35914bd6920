//! The board of a printer controller: from chips and lines to named readings with units.
//!
//! A board file ([`config`]) says which chips and lines there are and what they mean. [`open`] builds
//! the board on the backend that the file names: the real kernel's buses and lines ([`linux`]), or a
//! simulated printer ([`sim`]). Both run the same chip drivers ([`memory`], [`thermometer`]) over the
//! traits of embedded-hal; above them stands one small interface, [`board::Board`].
//!
//! A read that failed is *unknown*, with its cause ([`fault`]), and never a number.

pub mod board;
mod check;
mod chips;
pub mod config;
pub mod fault;
pub mod linux;
pub mod memory;
pub mod record;
pub mod sim;
pub mod thermometer;

pub use board::{Board, BoardError, Edge, Opened, open};

//! The print engine's controller: which firmware runs on it, and how another gets there over I2C.
//!
//! docs/engine-bootloader.md is the protocol. [`image`] is the file that a maker builds, [`protocol`] the frames on the
//! wire; both are pure, and the simulated controller speaks by the same code. [`controller`] carries the frames over a
//! bus and is patient with it; [`flash`] writes an image by them, page by page, and goes on where it was cut off.
//!
//! It stands beside [`Board`](crate::Board), not in it: another process than the agent writes firmware, while the agent
//! goes on reading. Each transfer is whole in itself, so the kernel may put the other's transfers between two of them.

pub mod controller;
pub mod fault;
pub mod flash;
pub mod image;
pub mod protocol;
mod text;

pub use controller::Controller;
pub use fault::EngineFault;
pub use flash::{Progress, Written};
pub use image::{Image, ImageError};

//! The device listener: one request a file. [`identity`] says who asks, [`enroll`] lets a device in,
//! [`reports`] takes reports and answers with what waits in the [`mailbox`]; [`roster`] knows every
//! device that is let in, and when it was last there; [`traffic`] says how much each may ask for.

mod body;
mod enroll;
mod identity;
pub mod mailbox;
mod reports;
pub mod roster;
mod service;
pub mod traffic;

pub use reports::PAUSE_SECONDS;
pub use service::{DeviceService, Devices};

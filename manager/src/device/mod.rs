//! The device listener: one request a file. [`identity`] says who asks, [`enroll`] lets a device in,
//! [`reports`] takes reports and answers with what waits in the [`mailbox`]; [`roster`] knows every
//! device that is let in, and when it was last there; [`traffic`] says how much each may ask for. Where a
//! proxy opens TLS, [`signed`] says who asks.

mod body;
mod enroll;
mod identity;
pub mod mailbox;
mod nonces;
mod reports;
pub mod roster;
mod service;
mod signed;
pub mod traffic;

pub use reports::PAUSE_SECONDS;
pub use service::{DeviceService, Devices};
pub use signed::Signatures;

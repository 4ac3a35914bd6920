//! The device listener: one request a file. [`identity`] says who asks, by what [`admit`] makes of the
//! certificate; [`enroll`] lets a device in, [`renew`] gives it its next certificate, [`reports`] takes
//! reports and answers with what waits in the [`mailbox`]; [`roster`] knows every device that is let in,
//! and when it was last there; [`standing`] is what follows when it stands otherwise; [`traffic`] says how
//! much each may ask for. In the [`anteroom`] those wait that only an operator can let in; [`superseded`] is what is known
//! of a certificate that its device has replaced and that is used again. Where a proxy opens TLS, [`signed`] says who asks.

pub mod admit;
mod answer;
pub mod anteroom;
mod body;
mod context;
mod enroll;
mod identity;
pub mod mailbox;
mod nonces;
mod renew;
mod reports;
pub mod roster;
mod service;
mod shown;
mod signed;
pub mod standing;
mod superseded;
pub mod traffic;

pub use context::Devices;
pub use reports::PAUSE_SECONDS;
pub use service::DeviceService;
pub use signed::Signatures;

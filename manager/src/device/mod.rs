//! The device listener: one request a file. [`identity`] says who asks, by what [`admit`] makes of the
//! certificate; [`enroll`] lets a device in, [`renew`] gives it its next certificate, [`reports`] takes
//! reports and answers with what waits in the [`mailbox`], a [`queue`] for each device; [`programs`] gives it the program
//! that is to be installed there, as [`pick`] says, [`sending`] it by a [`transfer`], as fast as a
//! rollout's [`pace`] lets it; [`roster`] knows every device that is let in,
//! and when it was last there; [`standing`] is what follows when it stands otherwise; [`traffic`] says how
//! much each may ask for. In the [`anteroom`] those wait that only an operator can let in; [`superseded`] is what is known
//! of a certificate that its device has replaced and that is used again, [`restored`] of one that is newer than the store. Where a proxy opens TLS, [`signed`] says who asks. Update
//! clients that are not ours are served by [`ddi`].

pub mod admit;
mod answer;
mod answer_body;
pub mod anteroom;
mod arrivals;
mod body;
mod context;
mod ddi;
mod ddi_settings;
mod enroll;
mod identity;
mod judge;
pub mod mailbox;
mod noisy;
mod nonces;
mod pace;
mod pick;
mod programs;
mod queue;
mod renew;
mod reports;
mod restored;
pub(crate) mod retire;
pub mod roster;
mod said;
mod sending;
mod service;
mod shown;
mod signed;
pub mod standing;
mod superseded;
mod taken_once;
pub mod traffic;
mod transfer;

pub use answer_body::AnswerBody;
pub(crate) use arrivals::Arrivals;
pub use context::Devices;
pub use ddi_settings::DdiSettings;
pub(crate) use pace::Paces;
pub use reports::PAUSE_SECONDS;
pub(crate) use said::Said;
pub use service::DeviceService;
pub use signed::Signatures;

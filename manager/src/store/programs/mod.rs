//! Programs: what there is for devices and the trust metadata that say so ([`publish`]), the bytes for other managers
//! ([`pieces`]), which device is to have which ([`offers`]), and what devices tell of it ([`told`]).
//!
//! What is asked for with each request of a device is remembered ([`super::known`]): a device that asks, and for which
//! there is nothing, costs no look-up.

mod offers;
mod on_offer;
mod pieces;
mod publish;
mod records;
mod told;

pub use offers::{OfferRefusal, Offered};
pub use on_offer::OnOffer;
pub(super) use on_offer::OnOffers;
pub use pieces::PIECE_BYTES;
pub use publish::{MetadataFile, NewProgram, Publication, PublishRefusal, Published};
pub use records::{AttemptRecord, OfferRecord, ProgramCounts, ProgramRecord, RunningRecord};
pub use told::{Asked, NewlyTold};
pub(super) use told::{attempt_told, key_of, program_told, ran, settles};

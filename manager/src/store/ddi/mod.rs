//! Update clients that are not ours (hawkBit's DDI): the [`tokens`] by which they say which device they are, the numbers
//! under which they are shown offers and what they tell of them ([`actions`]), and what they say of themselves
//! ([`attributes`]).

mod actions;
mod attributes;
mod tokens;

pub use actions::{ActionRecord, Feedback, Took};
pub use attributes::Digests;
pub use tokens::{Certified, DdiStanding, DdiTokenRecord, DdiTokenRefusal, MAX_DDI_TOKENS, NewDdiToken};

//! What can be ordered, with its price ([`catalogue`]), and what of it lies where ([`shelf`]). An order takes from a shelf in the
//! transaction that moves it on (`orders/taken.rs`).

mod catalogue;
mod records;
mod shelf;

pub(super) use catalogue::prices;
pub use records::{NewPart, PartRecord, PartRefusal, ShelfFilter, ShelfMove, ShelfRecord};

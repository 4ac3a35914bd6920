//! What needs a person, over the whole fleet: one list, the most urgent first.
//!
//! An item stands for something that is open at a device. They are made and ended in the transaction that changes what is open,
//! from the rows that are there ([`super::needs`]), so that none is missed and none stays behind. What many devices have of one
//! cause becomes one item ([`causes`]). People take items, comment on them, put them to sleep and close them ([`acts`]); [`list`]
//! shows them, and counts.

mod acts;
mod causes;
mod list;
mod records;

pub use acts::{NowAct, NowRefusal};
pub use list::{NowCounts, NowFilter, NowOfCustomer};
pub use records::{NowEntry, NowItem, NowPlace, NowShelf, NowSubject, NowWhat};

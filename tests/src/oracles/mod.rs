//! Who knows what really happened, and compares it with what the programs say.
//!
//! [`alerts`] knows what broke in a simulated year, and which alert each cause must have; `meter` knows what was
//! printed, and what the counters must therefore have counted.
//!
//! After crashes, power cuts and disks that fail, [`check`] finds whether anything was lost or happened twice. Four
//! books are kept while a test does its harm, and compared when all has come to rest:
//!
//! ```text
//! physical   what happened to the printer: the simulator's log, written as it happens   platen_simulator::event_log
//! people     what persons and operators asked for, and what they were told              people
//! device     the agent's outbox: its epoch, the journal of commands, the settings       books::device
//! held       what the manager holds: its store, read only                               books::held
//! ```
//!
//! [`check`] is pure: it takes the books and gives mistakes, in words, and figures. It trusts nothing that the
//! agent or the manager say of themselves: whoever pressed a button and heard the buzzer, or was told `Kept`,
//! must find it in the manager's store, once.

pub mod alerts;
pub mod books;
pub mod check;
pub(crate) mod meter;

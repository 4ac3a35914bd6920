//! Crashes, power cuts and disks that fail, and who checks afterwards that nothing was lost and nothing
//! happened twice.
//!
//! Four books are kept while a test does its harm, and compared when all has come to rest:
//!
//! ```text
//! physical   what happened to the printer: the simulator's log, written as it happens   platen_simulator::logbook
//! people     what persons and operators asked for, and what they were told              people
//! device     the agent's outbox: its epoch, the journal of commands, the settings       device
//! held       what the manager holds: its store, read only                               held
//! ```
//!
//! [`check`] is pure: it takes the books and gives mistakes, in words, and figures. It trusts nothing that the
//! agent or the manager say of themselves: whoever pressed a button and heard the buzzer, or was told `Kept`,
//! must find it in the manager's store, once.

pub mod check;
pub mod device;
pub mod dice;
pub mod disk;
pub mod held;
pub mod load;
pub mod people;
pub mod physical;
pub mod site;

/// A number that an environment variable gives, or the one of `make test`.
pub fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{name}: {e}")))
}

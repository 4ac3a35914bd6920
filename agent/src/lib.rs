//! The agent on a printer controller.
//!
//! Up, by file name: the thread that owns the board takes samples and edges ([`sample`]); thresholds,
//! debounce and hysteresis turn them into events ([`judge`], by [`monitor`]); events become the bodies of
//! reports ([`compose`], [`request`]), which are written to the durable outbox ([`recorder`], [`outbox`]) and
//! leave from there ([`uplink`]). Utilisation is reported at its interval ([`utilise`]).
//!
//! Down: the reply to a report is taken in ([`receive`]); commands enter the journal, are carried out
//! and answered ([`execute`]). What a manager may change is in [`settings`].
//!
//! Beside the flow: the device's key and certificates ([`identity`]), which the enrolment yields
//! ([`uplink::enroll`]) and which are renewed automatically; what a person at the device asks for, and sees and
//! hears of it ([`request`]); what the agent knows of itself ([`status`]), and what the technician's `platen` is
//! told of that ([`tool`]); the service manager ([`monitor::watchdog`]); memory that only the start needed
//! ([`give_back`]). [`run`] starts and ends it all: one
//! process, one thread for the runtime and one for the board. What `platen-install` runs for some kinds of programs is in
//! [`installers`]; an agent at work has nothing to do with it. [`board`] opens the board; [`clock`] alone reads
//! clocks; [`config`] composes the configuration of all stages.

pub mod board;
pub mod clock;
pub mod compose;
pub mod config;
pub mod execute;
pub mod give_back;
pub mod identity;
pub mod installers;
pub mod judge;
pub mod monitor;
pub mod outbox;
pub mod programs;
pub mod random;
pub mod receive;
pub mod recorder;
pub mod request;
pub mod run;
pub mod sample;
pub mod settings;
pub mod status;
pub mod tool;
mod units;
pub mod uplink;
pub mod utilise;
pub mod version;

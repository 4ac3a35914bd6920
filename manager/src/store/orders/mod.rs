//! Orders for supplies, from what speaks for one to the cartridge that is in the machine. There is one open order of a supply of
//! a device: what the rule proposes ([`propose`]), what a person asks for at the device and what somebody makes here ([`create`])
//! become one. Operators move it on ([`moves`]), the machine itself says that it is in ([`fitted`]). Whatever is done to it is
//! written down ([`acts`]), and told.

mod acts;
mod create;
mod fitted;
mod list;
mod moves;
mod propose;
mod rules;
mod taken;

pub(super) use moves::approve_for_now;
pub use rules::CustomerRule;

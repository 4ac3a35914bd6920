//! The agent in the test's process, with a simulated printer and a manager that does what the test asks.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "helpers of tests end the test, with its words"
)]

mod at_the_device;
mod connection_check;
mod programs;
mod renewal;
mod retiring;
mod sleeping;
mod through_a_proxy;
mod tool;
mod volatile;
mod with_a_manager;
mod written;

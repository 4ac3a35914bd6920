//! The installers that come with the agent, as real processes: each step as `platen-install` calls it. The engine is a
//! simulated one whose flash lies in its log, so that it outlives the processes, and is cut off with them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests"
)]

mod config_files;
mod engine_firmware;
mod machine;

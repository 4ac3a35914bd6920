//! The installer as a whole: real processes, real signatures, a real dpkg on a root of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests"
)]

mod agent_package;
mod escape;
mod flow;
mod full;
mod machine;
mod maker;
mod power;

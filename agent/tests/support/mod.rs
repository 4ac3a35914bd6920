//! What the agent's tests share: a small manager that can be made to misbehave, and an agent on a
//! simulated board.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a surprise ends the test"
)]

pub mod manager;
pub mod printer;
pub mod proxy;

//! The programs together: agent, manager, tool and package as they are shipped.
//!
//! The first word of a test's name is the one that `PLATEN_SKIP` takes, with `_` for `-`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "helpers of tests end the test, with its words"
)]

mod browser;
mod cp2112;
mod crash;
mod demo;
mod disk;
mod e2e;
mod fuzz;
mod kernel;
mod metrics;
mod network;
mod openapi;
mod overlays;
mod package;
mod powercut;
mod raspberry_pi;
mod reverse_proxy;
mod scripts;
#[cfg(feature = "simulation")]
mod simulation;
mod update;
mod year;

//! Rollouts: one program for many devices, wave by wave, until it is everywhere or something is wrong. Pure: what an
//! operator plans ([`plan`]), when a device's window is open ([`window`]), which of two versions is the later one
//! ([`versions`]), whether a device is to have the program at all ([`fit`]), and what is to be done next ([`decide`]). The
//! store acts on it (`store/rollouts/`), and `rollout_job.rs` is who looks.

pub mod decide;
pub mod fit;
pub mod plan;
pub mod versions;
pub mod window;

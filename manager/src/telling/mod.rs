//! What people are told, purely: what a notice means ([`event`]), whom it concerns and when ([`rule`]), what is said of it
//! ([`message`]), and when it is tried again ([`retry`]). The store keeps it, [`crate::telling_job`] does it.

pub mod event;
pub mod message;
pub mod retry;
pub mod rule;

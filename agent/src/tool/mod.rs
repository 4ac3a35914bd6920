//! What the technician's tool `platen` has to do with the agent: the socket on which it asks ([`control`]),
//! what the agent knows of itself ([`status`]), and both as text for people ([`show`]).

pub mod control;
pub mod show;
pub mod status;

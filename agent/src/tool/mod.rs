//! What the technician's tool `platen` has to do with the agent: the socket on which it asks ([`control`]), and
//! what it hears as text for people ([`show`]).

pub mod control;
pub mod show;

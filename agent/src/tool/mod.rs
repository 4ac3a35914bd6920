//! What the technician's tool `platen` has to do with the agent: the socket on which it asks ([`control`]), what
//! it hears as text for people ([`show`]), and how a person says what a simulated printer is to do ([`sim`]).

pub mod control;
pub mod show;
pub mod sim;

//! The four books: what happened to the printer, what people were told, what the agent keeps, what the manager holds.

pub mod device;
pub mod held;
pub mod people;
pub mod physical;

//! Letting go of what is old: how long what is kept ([`settings`]), and how much is done at once ([`pace`]).

pub mod pace;
mod settings;

pub use settings::{Reports, Settings, days_before};

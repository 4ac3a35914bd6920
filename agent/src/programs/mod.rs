//! Programs: asks for them, fetches what the answer carries, and tells how it ended.

mod config;

pub use config::ProgramsConfig;

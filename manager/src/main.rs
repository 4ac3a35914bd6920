//! The manager's program: reads the command line, and does what it says.

use std::process::ExitCode;

use clap::Parser as _;
use platen_manager::cli::{self, Arguments};

fn main() -> ExitCode {
    match cli::execute(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("platen-manager: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! The manager's program: reads the command line, and does what it says.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use platen_manager::cli::{self, Arguments};

fn main() -> ExitCode {
    match cli::execute(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There may be nobody to tell.
            let _ = writeln!(std::io::stderr(), "platen-manager: {}", cli::in_words(&error));
            ExitCode::FAILURE
        }
    }
}

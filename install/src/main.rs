//! The installer's program: reads the command line, and does what it says.

use std::process::ExitCode;

use clap::Parser as _;
use platen_install::cli::{self, Arguments};

fn main() -> ExitCode {
    cli::execute(Arguments::parse())
}

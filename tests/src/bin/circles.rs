//! Prints the modules of the workspace that need each other in a circle, and what each needs of which.
//!
//!     circles [FOLDER]    the workspace; where it stands unless given

use std::path::PathBuf;
use std::process::ExitCode;

use platen_tests::circles;

fn main() -> anyhow::Result<ExitCode> {
    let root = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let found = circles::of_workspace(&root, &["tests"])?;
    for circle in &found {
        println!("{circle}");
    }
    println!("{} circles", found.len());
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

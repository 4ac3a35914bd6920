//! A database of PostgreSQL is dumped and brought back by PostgreSQL's own programs.

use std::io;
use std::path::Path;
use std::process::Command;

use crate::store::{PostgresConfig, StoreError};

const DUMP: &str = "pg_dump";
const RESTORE: &str = "pg_restore";

/// Why a database of PostgreSQL is not dumped or brought back.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The program is not there.
    #[error(
        "{program} cannot be run: {source}. Install PostgreSQL's client programs (in Debian the package postgresql-client), or leave the database to its own backups with --without-database"
    )]
    Missing {
        /// Which program.
        program: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// How to come in cannot be read.
    #[error(transparent)]
    Access(#[from] StoreError),
    /// It ran and failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// Which program.
        program: &'static str,
        /// What it said last.
        said: String,
    },
}

fn run(
    program: &'static str,
    postgres: &PostgresConfig,
    arguments: &[&std::ffi::OsStr],
) -> Result<(), DumpError> {
    let mut command = Command::new(program);
    // By the environment: arguments are seen by everybody on the machine.
    command.args(arguments).envs(postgres.environment()?);
    let output = command.output().map_err(|source| DumpError::Missing { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said =
        said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned();
    Err(DumpError::Failed { program, said })
}

/// Dumps the database, as it was at one moment, into a file.
pub(super) fn dump(postgres: &PostgresConfig, to: &Path) -> Result<(), DumpError> {
    let mut file = std::ffi::OsString::from("--file=");
    file.push(to);
    run(DUMP, postgres, &["--format=custom".as_ref(), "--no-owner".as_ref(), &file])
}

/// Brings a dump back into an empty database, whole or not at all.
pub(super) fn restore(postgres: &PostgresConfig, from: &Path) -> Result<(), DumpError> {
    let mut database = std::ffi::OsString::from("--dbname=");
    database.push(postgres.database());
    let ways = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
        .map(std::ffi::OsStr::new);
    let arguments: Vec<_> = ways.into_iter().chain([database.as_os_str(), from.as_os_str()]).collect();
    run(RESTORE, postgres, &arguments)
}

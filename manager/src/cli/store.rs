//! `platen-manager store`: moves the database to another engine, and back into use.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::say;
use crate::clock;
use crate::config::Config;
use crate::file_set::{Held, ServingLock};
use crate::run::database_path;
use crate::store::{MoveStep, MoveUntil, PostgresConfig, PostgresFiles, migrate_to, reclaim};

/// What a bar shows.
const BAR: &str = "{bar:40} {pos} of {len} rows, {eta} left: {msg}";

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Move the database from SQLite to PostgreSQL (docs/postgresql.md). Each row is compared; a move that is
    /// interrupted is continued by the same command.
    MigrateTo(MigrateTo),
    /// Take the SQLite database into use again after it was moved, or began to be. What was stored since the move is
    /// not in it.
    Reclaim,
}

#[derive(Debug, Args)]
pub(super) struct MigrateTo {
    /// Where to, such as `postgresql://platen@db.example.org/platen`: an empty database, or one to which the move was begun.
    address: String,
    /// Copy what can be copied while the manager serves. Once it is stopped, run the command again without this: it
    /// then has only to copy what has changed.
    #[arg(long)]
    while_serving: bool,
    /// The file with the password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The authorities that the server's certificate may come from, if not those that this machine trusts.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The manager's own certificate, if the server asks for one.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

impl MigrateTo {
    fn target(&self) -> anyhow::Result<PostgresConfig> {
        let files = PostgresFiles {
            password: self.password_file.clone(),
            authorities: self.ca.clone(),
            certificate: self.certificate.clone(),
            key: self.key.clone(),
        };
        PostgresConfig::parse(&self.address, files).map_err(|error| {
            let remedy = error.remedy();
            anyhow::Error::new(error).context(format!("this address cannot be used: {remedy}"))
        })
    }

    /// The lines of `manager.toml` that name the target.
    fn lines(&self) -> String {
        let files = [
            ("store_password_file", &self.password_file),
            ("store_ca", &self.ca),
            ("store_certificate", &self.certificate),
            ("store_key", &self.key),
        ];
        let files = files.into_iter().filter_map(|(name, path)| {
            path.as_ref().map(|path| format!("{name} = {:?}", path.display().to_string()))
        });
        let lines: Vec<String> =
            std::iter::once(format!("store = {:?}", self.address)).chain(files).collect();
        lines.join("\n") + "\n"
    }
}

/// Does what the command says. Blocks, and must not be called on a thread of a runtime.
pub(super) fn execute(config: &Config, command: &StoreCommand) -> anyhow::Result<()> {
    let database = database_path(&config.state_directory);
    if !database.exists() {
        bail!("{}: there is no database of SQLite here", database.display());
    }
    match command {
        StoreCommand::MigrateTo(migrate) => move_to(config, migrate),
        StoreCommand::Reclaim => {
            let _serving = alone(config)?;
            match reclaim(&database)? {
                Some(place) => say(format_args!(
                    "{} is used again. What was stored elsewhere since ({place}) is not in it. Leave `store` out of manager.toml.",
                    database.display()
                )),
                None => say(format_args!("{} was not moved: there is nothing to do.", database.display())),
            }
            Ok(())
        }
    }
}

/// Makes sure that no manager serves from the database.
fn alone(config: &Config) -> anyhow::Result<ServingLock> {
    ServingLock::take(&config.state_directory).map_err(|held| {
        let serves = matches!(held, Held::Serving { .. });
        let held = anyhow::Error::new(held);
        if serves { held.context("move what can be moved meanwhile with --while-serving") } else { held }
    })
}

fn move_to(config: &Config, command: &MigrateTo) -> anyhow::Result<()> {
    let target = command.target()?;
    let serving = if command.while_serving { None } else { Some(alone(config)?) };
    let until = if command.while_serving { MoveUntil::Nearly } else { MoveUntil::TheEnd };
    let mut progress = Progress::new();
    let database = database_path(&config.state_directory);
    let moved = migrate_to(&database, &target, until, clock::now(), &mut |step| progress.show(step))?;
    progress.bar.finish_and_clear();
    drop(serving);
    let rows: u64 = moved.tables.iter().map(|(_, rows)| rows).sum();
    if moved.finished {
        say(format_args!(
            "Everything was moved and compared: {rows} rows of {} tables. Write this into manager.toml, and start the manager:\n\n{}\n\
             {} stays where it is, and is refused from now on.",
            moved.tables.len(),
            command.lines(),
            database.display()
        ));
    } else {
        say(format_args!(
            "{rows} rows were moved and compared. Now stop the manager, and run the same command without --while-serving."
        ));
    }
    Ok(())
}

/// A bar on a terminal, else a line for each table.
struct Progress {
    bar: ProgressBar,
    lines: bool,
}

impl Progress {
    fn new() -> Self {
        let lines = !io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style);
        }
        Self { bar, lines }
    }

    fn show(&mut self, step: MoveStep) -> bool {
        match step {
            MoveStep::Begin { rows } => {
                self.bar.set_length(rows);
                self.line(&format!("{rows} rows are to be moved"));
            }
            MoveStep::Table(name) => {
                self.line(&name);
                self.bar.set_message(name);
            }
            MoveStep::Clean(name) => self.bar.set_message(name),
            MoveStep::Rows(rows) => self.bar.inc(rows),
            MoveStep::Keys => self.line("all rows are there"),
            MoveStep::Finish | MoveStep::End => {}
        }
        true
    }

    fn line(&self, what: &str) {
        if self.lines {
            say(format_args!("{what}"));
        }
    }
}

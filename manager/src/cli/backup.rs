//! `platen-manager backup`, `restore`, `restored` and `check`.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::{account, say, unless_closed};
use crate::backup::bring_back::{self, BroughtBack};
use crate::backup::check::{self, Checked};
use crate::backup::make::{self, Wanted};
use crate::clock;
use crate::config::Config;
use crate::run::open_store;
use crate::store::{Arrival, BackupRecord, Replayed, Restoration, Store};

/// Certificates that are read at once for a list.
const ARRIVALS_AT_ONCE: u32 = 500;

/// What `backup` is told.
#[derive(Debug, Args)]
pub(super) struct BackupArguments {
    /// The file to write. It holds keys and password hashes: keep it as safe as the manager itself.
    #[arg(value_name = "FILE", required_unless_present = "directory", conflicts_with = "directory")]
    file: Option<PathBuf>,
    /// Write it into this directory instead, named by the time.
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
    /// Then remove the oldest backups in that directory but this many.
    #[arg(long, conflicts_with = "file", value_parser = clap::value_parser!(u16).range(1..))]
    keep: Option<u16>,
    /// Leave out the database, where PostgreSQL is backed up by its own tools.
    #[arg(long)]
    without_database: bool,
}

/// What `restore` is told.
#[derive(Debug, Args)]
pub(super) struct RestoreArguments {
    /// The backup.
    #[arg(value_name = "FILE", required_unless_present = "as_of", conflicts_with = "as_of")]
    file: Option<PathBuf>,
    /// Move a store that is in place aside. Without this it is refused.
    #[arg(long, conflicts_with = "as_of")]
    replace: bool,
    /// Nothing is to be put in place: the database was brought back by other tools (a snapshot, `pg_restore`), to this
    /// moment, such as 2026-11-30T03:00:00Z. The manager has to know that.
    #[arg(long, value_name = "TIME")]
    as_of: Option<Timestamp>,
}

/// What `check` is told.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// A backup; without one, the store that is in place is checked.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// What `restored` is told.
#[derive(Debug, Subcommand)]
pub(super) enum RestoredCommand {
    /// List the devices that wait, with certificates that were issued after the backup.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let one of them in, or all that wait and all that will come.
    LetIn {
        /// The device's name.
        #[arg(value_name = "DEVICE", required_unless_present = "all", conflicts_with = "all")]
        device: Option<DeviceId>,
        /// Which certificate of it, by its serial number, if several wait.
        #[arg(long, requires = "device")]
        serial: Option<String>,
        /// Whatever was issued between the backup and the restore.
        #[arg(long)]
        all: bool,
    },
    /// All is dealt with: from now on a certificate that is not known here is refused as ever.
    End,
}

/// How far it is, on a terminal only.
fn bar(what: &'static str) -> impl FnMut(u64, u64) {
    let (terminal, mut shown) = (io::stderr().is_terminal(), None);
    move |done, all| {
        let percent = done.saturating_mul(100).checked_div(all).unwrap_or(100);
        if terminal && shown != Some(percent) {
            shown = Some(percent);
            let end = if percent >= 100 { "\n" } else { "" };
            // There may be nobody to see it.
            let _ = write!(io::stderr(), "\r{what}: {percent} %{end}");
        }
    }
}

pub(super) async fn backup(
    config: Config,
    configuration: PathBuf,
    arguments: BackupArguments,
) -> anyhow::Result<()> {
    let now = clock::now();
    let to = match (&arguments.directory, arguments.file) {
        (Some(directory), _) => directory.join(make::name_of(now)),
        (None, Some(file)) => file,
        (None, None) => bail!("give a file to write"),
    };
    let to = std::path::absolute(&to).with_context(|| to.display().to_string())?;
    let made = {
        let (config, to) = (config.clone(), to.clone());
        let without_database = arguments.without_database;
        tokio::task::spawn_blocking(move || {
            let wanted = Wanted { config: &config, configuration: &configuration, to: &to, without_database };
            make::make(&wanted, now, &mut bar("copying the database"))
        })
        .await??
    };
    let store = open_store(&config)?;
    let record = BackupRecord { made: made.manifest.made, path: to.display().to_string(), bytes: made.bytes };
    let noted = store.backup_made(record).await;
    store.close().await;
    say(format_args!("{}: {} bytes, {} files", to.display(), made.bytes, made.manifest.files.len()));
    if arguments.without_database {
        say(format_args!("The database is not in it: PostgreSQL's own tools have to back it up."));
    }
    if let (Some(directory), Some(keep)) = (&arguments.directory, arguments.keep) {
        make::prune(directory, usize::from(keep))?;
    }
    noted.context("the backup was made, and the manager could not be told so")?;
    if let Some(first) = made.manifest.findings.first() {
        bail!(
            "the backup was made, but the database is damaged ({first}). Keep older backups, and run `platen-manager check`"
        );
    }
    Ok(())
}

pub(super) fn restore(config: &Config, arguments: &RestoreArguments) -> anyhow::Result<()> {
    let now = clock::now();
    if let Some(made) = arguments.as_of {
        let replayed = bring_back::note(config, made, now)?;
        tell_replayed(replayed);
        say_what_next(made);
        return Ok(());
    }
    let Some(file) = &arguments.file else { bail!("give the backup's file") };
    let BroughtBack { manifest, replayed, moved, without_database } =
        bring_back::bring_back(config, file, arguments.replace, now)?;
    if let Some(moved) = moved {
        say(format_args!("What was there before is in {}.", moved.display()));
    }
    say(format_args!(
        "The backup of {} is in {}.",
        to_the_second(manifest.made),
        config.state_directory.display()
    ));
    if without_database {
        say(format_args!(
            "The database is not in it. Bring it back with PostgreSQL's own tools, then run `platen-manager restore --as-of TIME` with the moment that it was brought back to."
        ));
        return Ok(());
    }
    tell_replayed(replayed);
    if let Some(finding) = manifest.findings.first() {
        say(format_args!(
            "The database was damaged when it was backed up ({finding}): run `platen-manager check`."
        ));
    }
    say_what_next(manifest.made);
    Ok(())
}

fn to_the_second(time: Timestamp) -> Timestamp {
    time.round(jiff::Unit::Second).unwrap_or(time)
}

fn tell_replayed(replayed: Replayed) {
    let Replayed { tokens, revocations, retired, deleted, passwords, operators, damaged } = replayed;
    if tokens + revocations + retired + deleted + passwords + operators > 0 {
        say(format_args!(
            "From the journal, done again: {tokens} enrolments by token, {revocations} devices shut out, {retired} retired, {deleted} deleted, {passwords} passwords locked (set them again with `platen-manager operator reset`), {operators} changes of operators."
        ));
    }
    if damaged > 0 {
        say(format_args!("{damaged} lines of the journal are damaged: what they said is lost."));
    }
}

fn say_what_next(made: Timestamp) {
    say(format_args!(
        "The manager knows nothing of what happened after {}. Start it: devices that renewed their certificates or enrolled since then wait until an operator lets them in, on the fleet's page or with `platen-manager restored let-in`.",
        to_the_second(made)
    ));
}

pub(super) fn check(config: &Config, arguments: &CheckArguments) -> anyhow::Result<()> {
    let mut told = bar("reading reports");
    let checked = match &arguments.file {
        Some(file) => check::backup(file, &mut told)?,
        None => check::in_place(config, clock::now(), &mut told)?,
    };
    unless_closed(print_checked(&checked))?;
    match checked.wrong.len() {
        0 => Ok(()),
        1 => bail!("something is wrong"),
        count => bail!("{count} things are wrong"),
    }
}

fn print_checked(checked: &Checked) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in &checked.looked_at {
        writeln!(out, "{line}")?;
    }
    for wrong in &checked.wrong {
        writeln!(out, "WRONG: {wrong}")?;
    }
    if checked.wrong.is_empty() {
        writeln!(out, "All is well.")?;
    }
    out.flush()
}

pub(super) async fn restored(config: &Config, command: RestoredCommand) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let done = act_on_restored(&store, command).await;
    store.close().await;
    done
}

async fn act_on_restored(store: &Store, command: RestoredCommand) -> anyhow::Result<()> {
    let now = clock::now();
    let open = store.restored().open();
    if open.is_empty() {
        say(format_args!("This manager was not restored from a backup, or that is dealt with."));
        return Ok(());
    }
    match command {
        RestoredCommand::List { json } => {
            let waiting = all_arrivals(store).await?;
            unless_closed(print_waiting(&open, &waiting, json))
        }
        RestoredCommand::LetIn { all: true, .. } => {
            let taken = store.consent_to_all(account(), now).await?.unwrap_or_default();
            say(format_args!(
                "{} devices that waited are let in, and so is every device with a certificate of that time once it comes. End this with `platen-manager restored end`.",
                taken.len()
            ));
            Ok(())
        }
        RestoredCommand::LetIn { device: Some(device), serial, .. } => {
            let waiting = all_arrivals(store).await?;
            let mut of_it = waiting.into_iter().filter(|arrival| arrival.device == device);
            let found = match (serial, of_it.next(), of_it.next()) {
                (Some(serial), ..) => serial,
                (None, Some(only), None) => only.serial,
                (None, Some(_), Some(_)) => bail!(
                    "several certificates of {device} wait, so somebody may have a copy: `platen-manager restored list` shows them; give one with --serial, or shut the device out"
                ),
                (None, None, _) => bail!(
                    "no certificate of {device} waits; `platen-manager restored list` shows those that do"
                ),
            };
            if store.let_in_after_restore(device.clone(), found, account(), now).await?.is_none() {
                bail!(
                    "{device} is shut out, or no such certificate waits; `platen-manager restored list` shows those that do"
                );
            }
            say(format_args!("{device} is let in: a running manager does so within seconds."));
            Ok(())
        }
        RestoredCommand::LetIn { device: None, .. } => bail!("name a device, or give --all"),
        RestoredCommand::End => {
            store.end_restorations(account(), now).await?;
            say(format_args!("Certificates that are not known here are refused as ever."));
            Ok(())
        }
    }
}

async fn all_arrivals(store: &Store) -> anyhow::Result<Vec<Arrival>> {
    let mut all: Vec<Arrival> = Vec::new();
    loop {
        let after = all.last().map(|arrival| (arrival.device.clone(), arrival.serial.clone()));
        let (some, _) = store.arrivals(after, ARRIVALS_AT_ONCE).await?;
        if some.is_empty() {
            return Ok(all);
        }
        all.extend(some);
    }
}

fn print_waiting(open: &[Restoration], waiting: &[Arrival], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(waiting)?)?;
        return out.flush();
    }
    for one in open {
        let (made, restored) = (to_the_second(one.made), to_the_second(one.restored));
        writeln!(out, "Restored {restored} to what was known {made}.")?;
    }
    writeln!(out, "{:<24} {:<34} {:<21} {:<21} FROM", "DEVICE", "SERIAL", "ISSUED", "LAST SHOWN")?;
    for arrival in waiting {
        let Arrival { device, serial, issued, last, remote, known, .. } = arrival;
        let (issued, last) = (to_the_second(*issued), to_the_second(*last));
        let how = if *known { "renewed" } else { "not known here" };
        writeln!(out, "{:<24} {serial:<34} {issued:<21} {last:<21} {remote} ({how})", device.as_str())?;
    }
    out.flush()
}

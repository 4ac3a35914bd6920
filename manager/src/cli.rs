//! The command line: `serve`, and what an administrator does beside it. The others work on the same
//! store while `serve` runs.

mod audit;
mod backup;
mod credentials;
mod ddi;
mod device;
mod operator;
mod passphrase;
mod program;
mod store;

use std::collections::HashMap;
use std::fmt::Display;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use jiff::{SignedDuration, Timestamp};
use platen_protocol::enroll::{TOKEN_SECRET_BYTES, Token};
use platen_protocol::identity::DeviceId;
use platen_protocol::text::secret_line;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use self::backup::{BackupArguments, CheckArguments, RestoreArguments, RestoredCommand};
use crate::audit::{Act, during};
use crate::bundle::{self, BundleArguments};
use crate::ca::Ca;
use crate::clock;
use crate::config::{self, Config};
use crate::descriptors;
use crate::device::admit::{READMITTED_FOR, state};
use crate::operator::view::identity_words;
use crate::run::{Listeners, database_path, open_store, run};
use crate::secret::{self, fingerprint};
use crate::status::Status;
use crate::store::{DeviceRecord, NewToken, Standing};

/// Devices that are read at once for a list.
const DEVICES_AT_ONCE: u32 = 500;
/// The longest that a token may be valid: what lies about that long is found by somebody.
const MAX_VALID: SignedDuration = SignedDuration::from_hours(31 * 24);
/// The environment variable that says what is logged.
const LOG_VARIABLE: &str = "PLATEN_LOG";

/// Platen's manager: receives the printers' reports and shows them to operators.
#[derive(Debug, Parser)]
#[command(name = "platen-manager", version)]
pub struct Arguments {
    /// Configuration file.
    #[arg(long, global = true, default_value = config::DEFAULT_PATH, value_name = "FILE")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve devices and operators until told to stop. SIGHUP has renewed certificates read at once.
    Serve,
    /// List every certificate and token with when it ends, and what to do about those that end soon.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write everything that brings this manager back, keys included, into one file, while it serves.
    Backup(BackupArguments),
    /// Put a backup in place. The manager must not be serving.
    Restore(RestoreArguments),
    /// After a restore: list and let in devices whose certificates are newer than the backup.
    #[command(subcommand)]
    Restored(RestoredCommand),
    /// Check the store that is in place, or a backup.
    Check(CheckArguments),
    /// Write one file for somebody who helps from afar: versions, configuration, status, figures, a check of the store and
    /// the newest of the log, without secrets.
    SupportBundle(BundleArguments),
    /// Create tokens, with which devices enrol; list and revoke tokens of devices and programs.
    #[command(subcommand)]
    Token(TokenCommand),
    /// List and end sessions of operators.
    #[command(subcommand)]
    Session(credentials::SessionCommand),
    /// Add operators, who look after the printers, say what each may do, and create tokens for their programs.
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// Check that the audit log is whole.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// List enrolled devices, say whose they are and where they stand; revoke, readmit, retire or delete one.
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Create and revoke tokens for update clients that are not ours (hawkBit's DDI; docs/hawkbit.md).
    #[command(subcommand)]
    Ddi(ddi::DdiCommand),
    /// Move the database from SQLite to PostgreSQL, or back into use.
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// Sign programs for devices, publish and revoke them (docs/programs.md). Keys of people are used offline: `key`,
    /// `root` and `sign` need no manager.
    #[command(subcommand)]
    Program(program::ProgramCommand),
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Create an enrolment token and print it, once. Without --device it enrols one new device.
    Create(TokenCreate),
    /// List tokens that are good: those with which devices enrol, and those of programs.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a token back, of either kind.
    Revoke {
        /// Its identifier, as `token list` shows it.
        id: String,
    },
}

#[derive(Debug, Args)]
struct TokenCreate {
    /// The only device that the token enrols; it may be a known device that has lost its certificate.
    #[arg(long)]
    device: Option<DeviceId>,
    /// How long the token can be used, in hours or minutes; at most 744h (31 days).
    #[arg(long, default_value = "24h", value_name = "DURATION", value_parser = duration)]
    valid: SignedDuration,
}

#[derive(Debug, Subcommand)]
enum DeviceCommand {
    /// Shut a device out at once. Only a new token lets it back in.
    Revoke {
        /// The device's name.
        device: DeviceId,
    },
    /// Let a device renew a certificate that expired while it was out of contact, or that it had replaced before its
    /// state went back to an older one.
    Readmit {
        /// The device's name.
        device: DeviceId,
    },
    /// List the enrolled devices. The last contact may be up to a minute older than shown on the pages.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show whose a device is, where it stands, its tags and its profile.
    Show {
        /// The device's name.
        device: DeviceId,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say whose a device is, where it stands, its tags, its profile, or a note. What is not given stays as it is.
    Set(device::Set),
    /// Take a device out of service: it is told, removes its key and is refused from then on. What it reported is kept.
    Retire {
        /// The device's name.
        device: DeviceId,
    },
    /// Delete a device for good that is retired or revoked, with everything that it reported.
    Delete {
        /// The device's name.
        device: DeviceId,
        /// The device's name once more, so that no other one is deleted by a slip.
        #[arg(long, value_name = "NAME")]
        confirm: String,
    },
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    text.parse().map_err(|_not_one| "write a number with its unit (h or min), such as 2h".to_owned())
}

/// An error with its causes. Many say their cause themselves: none is said twice.
pub fn in_words(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |words, cause| {
        if words.is_empty() {
            cause
        } else if words.contains(&cause) {
            words
        } else {
            format!("{words}: {cause}")
        }
    })
}

/// Does what the command line says.
pub fn execute(arguments: Arguments) -> anyhow::Result<()> {
    if let Command::Program(command) = &arguments.command
        && let Some(done) = program::offline(command)
    {
        return done;
    }
    if let Command::SupportBundle(asked) = &arguments.command {
        return support_bundle(&arguments.config, asked);
    }
    let config = config::load(&arguments.config)?;
    let configuration = arguments.config;
    log_to(matches!(arguments.command, Command::Serve));
    if let Command::Store(command) = &arguments.command {
        return store::execute(&config, command);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if matches!(arguments.command, Command::Serve) {
        return runtime.block_on(serve(config));
    }
    let doing = act();
    runtime.block_on(during(doing, async {
        match arguments.command {
            Command::Status { json } => status(&config, json).await,
            Command::Backup(arguments) => backup::backup(config, configuration, arguments).await,
            // PostgreSQL is waited for, which no thread of the runtime may do.
            Command::Restore(arguments) => {
                tokio::task::spawn_blocking(move || backup::restore(&config, &arguments)).await?
            }
            Command::Restored(command) => backup::restored(&config, command).await,
            Command::Check(arguments) => {
                tokio::task::spawn_blocking(move || backup::check(&config, &arguments)).await?
            }
            Command::Token(TokenCommand::Create(create)) => create_token(&config, create).await,
            Command::Token(TokenCommand::List { json }) => credentials::list_tokens(&config, json).await,
            Command::Token(TokenCommand::Revoke { id }) => credentials::revoke_token(&config, id).await,
            Command::Session(command) => credentials::sessions(&config, command).await,
            Command::Audit(command) => audit::execute(&config, command).await,
            Command::Operator(command) => operator::execute(&config, command).await,
            Command::Device(DeviceCommand::Revoke { device }) => revoke(&config, device).await,
            Command::Device(DeviceCommand::Readmit { device }) => readmit(&config, device).await,
            Command::Device(DeviceCommand::List { json }) => list_devices(&config, json).await,
            Command::Ddi(command) => ddi::execute(&config, command).await,
            Command::Program(command) => program::execute(config, command).await,
            // Done above, without a runtime or with one of its own.
            Command::Serve | Command::Store(_) | Command::SupportBundle(_) => Ok(()),
            Command::Device(DeviceCommand::Show { device, json }) => {
                device::show(&config, device, json).await
            }
            Command::Device(DeviceCommand::Set(set)) => device::set(&config, set).await,
            Command::Device(DeviceCommand::Retire { device }) => device::retire(&config, device).await,
            Command::Device(DeviceCommand::Delete { device, confirm }) => {
                device::delete(&config, device, &confirm).await
            }
        }
    }))
}

/// What is done at the command line, for the audit log: the words of the command, without what they are about.
fn act() -> Arc<Act> {
    let words =
        std::env::args().skip(1).skip_while(|word| word.starts_with('-') || word.contains(['/', '.']));
    let is_word = |word: &String| word.chars().all(|one| one.is_ascii_lowercase() || one == '-');
    let words: Vec<String> = words.take(2).filter(is_word).collect();
    let what = (format!("platen-manager {}", words.join(" ")), "");
    Act::new(Some(account()), "command line", "", what)
}

/// Also where the configuration cannot be used.
fn support_bundle(configuration: &Path, asked: &BundleArguments) -> anyhow::Result<()> {
    log_to(false);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let parts = runtime.block_on(bundle::write(configuration, asked))?;
    say(format_args!("Written: {}. Read it before you give it away.", parts.join(", ")));
    Ok(())
}

/// To the journal when it is there to take it, else to standard error.
fn log_to(serving: bool) {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;

    let usual = if serving { "info" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env(LOG_VARIABLE)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(usual));
    let journal = std::env::var_os("JOURNAL_STREAM").and_then(|_| tracing_journald::layer().ok());
    let plain = journal.is_none().then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            // Where a log cannot be written, because the disk is full, complaining there would be the end.
            .log_internal_errors(false)
            .with_ansi(std::io::stderr().is_terminal())
    });
    tracing_subscriber::registry().with(filter).with(journal).with(plain).init();
}

async fn serve(mut config: Config) -> anyhow::Result<()> {
    descriptors::fit(&mut config.limits);
    // Whoever listens to it does not die of it: a file that may not grow is then an error of the store.
    let _file_size = signal(SignalKind::from_raw(nix::libc::SIGXFSZ))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let mut hangup = signal(SignalKind::hangup())?;
    let reload = Arc::new(Notify::new());
    let asked = Arc::clone(&reload);
    let listeners = Listeners::bind(&config).await?;
    let heard = async move {
        while hangup.recv().await.is_some() {
            tracing::info!("reading certificates again, as asked (SIGHUP)");
            asked.notify_one();
        }
        // No more of them come: that is no reason to end.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = run(config, listeners, reload, stop) => Ok(ended?),
        () = heard => Ok(()),
    }
}

async fn status(config: &Config, json: bool) -> anyhow::Result<()> {
    let directory = &config.state_directory;
    if config.postgres.is_none() && !database_path(directory).exists() {
        bail!(
            "{}: no manager has been started with this state_directory, so there is nothing to list",
            directory.display()
        );
    }
    let store = open_store(config)?;
    let status = Status::read(config, &store, clock::now()).await?;
    store.close().await;
    unless_closed(status.print(&mut io::stdout().lock(), json))
}

async fn create_token(config: &Config, create: TokenCreate) -> anyhow::Result<()> {
    if create.valid <= SignedDuration::ZERO || create.valid > MAX_VALID {
        bail!("--valid must be more than 0 and at most {}h", MAX_VALID.as_hours());
    }
    let store = open_store(config)?;
    let now = clock::now();
    let ca = Ca::load_or_make(&config.state_directory, now)?;
    let token =
        Token { secret: secret::random_hex::<TOKEN_SECRET_BYTES>()?, ca_fingerprint: ca.fingerprint() };
    let expires = now + create.valid;
    let bound = create.device.clone();
    store
        .add_token(NewToken {
            hash: fingerprint(token.secret.as_bytes()),
            device: create.device,
            created: now,
            expires,
        })
        .await?;
    store.close().await;
    show_once(&token, "the token was created but could not be shown, so create another")?;
    let whom = bound.map_or_else(|| "one new device".to_owned(), |device| format!("the device {device}"));
    say(format_args!(
        "It enrols {whom}, once, until {}. It will not be shown again.",
        expires.round(jiff::Unit::Second)?
    ));
    if let Some(url) = &config.device_url {
        say(format_args!("The device connects to {url}"));
    }
    Ok(())
}

/// Prints what is shown only this once. It is stored already: if it cannot be printed, `else_what` says so.
fn show_once(secret: &impl Display, else_what: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{secret}")
        .and_then(|()| out.flush())
        .with_context(|| format!("cannot write to standard output: {else_what}"))
}

/// Tells the person at the command line. There may be nobody: what was done is done all the same.
fn say(what: std::fmt::Arguments<'_>) {
    // That there is nobody changes nothing.
    let _ = writeln!(io::stderr(), "{what}");
}

/// The list was read as far as somebody wanted: `device list | head -1`.
fn unless_closed(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

fn first_line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read standard input")?;
    Ok(secret_line(&line).to_owned())
}

/// Who is at the command line, for the log: what the machine calls the person.
fn account() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "an administrator".to_owned());
    format!("{name} (command line)")
}

async fn revoke(config: &Config, device: DeviceId) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let standing = store.revoke(device.clone(), account(), clock::now()).await?;
    store.close().await;
    if standing.is_none() {
        bail!("there is no device {device}; `platen-manager device list` lists them");
    }
    say(format_args!("{device} is shut out: a running manager refuses it within seconds."));
    say(format_args!(
        "To let it back in: `platen-manager token create --device {device}`, then enrol it with that token."
    ));
    Ok(())
}

async fn readmit(config: &Config, device: DeviceId) -> anyhow::Result<()> {
    let (store, now) = (open_store(config)?, clock::now());
    let until = now + READMITTED_FOR;
    let standing = store.readmit(device.clone(), until, account(), now).await?;
    store.close().await;
    let Some(standing) = standing else {
        bail!("there is no device {device}; `platen-manager device list` lists them");
    };
    if standing.revoked.is_some() {
        bail!(
            "{device} is shut out, and only a new token lets it back in: `platen-manager token create --device {device}`"
        );
    }
    if !standing.can_be_readmitted(now) {
        say(format_args!(
            "The certificate of {device} is valid until {}, and the device renews it automatically: there is nothing to do.",
            standing.certificate.expires.round(jiff::Unit::Second)?
        ));
        return Ok(());
    }
    say(format_args!(
        "{device} may renew its certificate until {}. It does so automatically, within seconds if it is switched on and connected.",
        until.round(jiff::Unit::Second)?
    ));
    Ok(())
}

async fn list_devices(config: &Config, json: bool) -> anyhow::Result<()> {
    let store = open_store(config)?;
    let mut after = None;
    let mut all = Vec::new();
    loop {
        let some = store.devices(after, DEVICES_AT_ONCE).await?;
        let Some(last) = some.last() else { break };
        after = Some(last.id.clone());
        all.extend(some);
    }
    let mut standings = HashMap::new();
    let mut after = None;
    loop {
        let some = store.standings(after, DEVICES_AT_ONCE).await?;
        let Some((last, _)) = some.last() else { break };
        after = Some(last.clone());
        standings.extend(some);
    }
    store.close().await;
    unless_closed(print_devices(&all, &standings, json))
}

fn print_devices(
    devices: &[DeviceRecord],
    standings: &HashMap<DeviceId, Standing>,
    json: bool,
) -> io::Result<()> {
    let now = clock::now();
    let mut out = io::stdout().lock();
    if json {
        let list: Vec<_> = devices
            .iter()
            .map(|device| {
                serde_json::json!({
                    "id": device.id,
                    "model": device.model,
                    "agent_version": device.agent_version,
                    "simulated": device.simulated,
                    "enrolled": device.enrolled,
                    "certificate_expires": device.certificate_expires,
                    "identity": standings.get(&device.id).map(|standing| state(standing, now)),
                    "last_contact": device.last_contact,
                    "remote": device.remote,
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&list)?)?;
    } else {
        writeln!(out, "{:<24} {:<28} {:<12} LAST CONTACT", "DEVICE", "MODEL", "AGENT")?;
        for device in devices {
            let to_the_second = |time: Timestamp| time.round(jiff::Unit::Second).unwrap_or(time);
            let contact = match device.last_contact {
                Some(last) => to_the_second(last).to_string(),
                // The service writes contacts down from time to time: a device that has just enrolled has none yet.
                None => format!("enrolled {}, none written down since", to_the_second(device.enrolled)),
            };
            writeln!(
                out,
                "{:<24} {:<28} {:<12} {contact}",
                device.id.as_str(),
                device.model.as_deref().unwrap_or("-"),
                device.agent_version.as_deref().unwrap_or("-"),
            )?;
            if let Some(words) = standings.get(&device.id).and_then(|standing| identity_words(standing, now))
            {
                writeln!(out, "{:<24} {words}", "")?;
            }
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_the_error_says_itself_is_not_said_again() {
        let full = || io::Error::other("no space left on device");
        let told = crate::certificate_files::FileError::Io { path: "ca.pem".into(), source: full() };
        assert_eq!(in_words(&anyhow::Error::new(told)), "ca.pem: no space left on device");
        let untold = anyhow::Error::new(full()).context("the list cannot be written");
        assert_eq!(in_words(&untold), "the list cannot be written: no space left on device");
    }
}

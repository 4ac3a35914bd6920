//! The support bundle: one file with what somebody needs who helps from afar, and with no secret. What cannot be found out
//! says so in its place: a bundle is wanted most where something is broken.

mod redact;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use serde_json::Value;

use crate::backup::check;
use crate::clock;
use crate::config::{self, Config};
use crate::file_set::PRIVATE;
use crate::run::open_store;
use crate::status::Status;
use crate::store::newest_version;
use redact::{Redactor, secret_files};

/// Lines of the journal.
const LOG_LINES: &str = "5000";
/// The unit that the manager runs as.
const UNIT: &str = "platen-manager";
/// A file with a secret is no larger.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    /// The file is there, or its folder is not.
    #[error("{}: cannot be written ({source}); name a file that is not there yet, in a folder that is", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// What goes into it.
#[derive(Debug, clap::Args)]
pub(crate) struct BundleArguments {
    /// The file to write: a tar archive, which must not be there yet. Read it before you give it away.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Leave out the check of the store, which reads all reports.
    #[arg(long)]
    without_check: bool,
}

/// A file of the bundle: its name, and what it says.
type Part = (&'static str, String);

fn or_why<T: std::fmt::Display, E: std::fmt::Display>(found: Result<T, E>, what: &str) -> String {
    match found {
        Ok(found) => format!("{found}\n"),
        Err(error) => format!("{what} could not be found out: {error}\n"),
    }
}

fn versions() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_else(|error| error.to_string());
    format!(
        "platen-manager {}\nprotocol {}\ntables {}\nkernel {}\n{}",
        env!("CARGO_PKG_VERSION"),
        platen_protocol::VERSION,
        newest_version(),
        read("/proc/sys/kernel/osrelease"),
        read("/etc/os-release"),
    )
}

/// The newest of what the manager logged, if the journal has it.
fn log() -> String {
    let asked = Command::new("journalctl")
        .args(["--unit", UNIT, "--lines", LOG_LINES, "--no-pager", "--output", "short-iso"])
        .output();
    match asked {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(output) => format!("journalctl failed: {}\n", String::from_utf8_lossy(&output.stderr)),
        Err(error) => format!("there is no journal to read (journalctl: {error})\n"),
    }
}

/// What the store says.
async fn of_store(config: &Config, now: Timestamp) -> Vec<Part> {
    let store = match open_store(config) {
        Ok(store) => store,
        Err(error) => return vec![("status.json", format!("the store cannot be opened: {error}\n"))],
    };
    let status = match Status::read(config, &store, now).await {
        Ok(status) => or_why(serde_json::to_string_pretty(&status), "the status"),
        Err(error) => format!("the status could not be found out: {error}\n"),
    };
    let figures = match store.figures().await {
        Ok(figures) => format!("{figures:#?}\n"),
        Err(error) => format!("the figures could not be found out: {error}\n"),
    };
    let counts = store.fleet_counts(&crate::store::Scope::All, crate::store::FleetFilter::default()).await;
    let counts = match counts {
        Ok(counts) => or_why(serde_json::to_string_pretty(&counts), "the counts"),
        Err(error) => format!("the counts could not be found out: {error}\n"),
    };
    store.close().await;
    vec![("status.json", status), ("figures.txt", figures), ("fleet.json", counts)]
}

fn checked(config: &Config, now: Timestamp) -> String {
    match check::in_place(config, now, &mut |_, _| {}) {
        Err(error) => format!("the store could not be checked: {error}\n"),
        Ok(found) => {
            let wrong = found.wrong.iter().map(|wrong| format!("WRONG: {wrong}"));
            let lines: Vec<String> = found.looked_at.iter().cloned().chain(wrong).collect();
            format!("{}\n{}\n", lines.join("\n"), if found.wrong.is_empty() { "All is well." } else { "" })
        }
    }
}

/// What the configuration says, if it is TOML at all.
fn tree(text: &str) -> Option<Value> {
    serde_json::to_value(text.parse::<toml::Table>().ok()?).ok()
}

fn redactor(configuration: Option<&Value>) -> Redactor {
    let read = |path: String| {
        let is_small = fs::metadata(&path).is_ok_and(|file| file.len() <= MAX_SECRET_BYTES);
        is_small.then(|| fs::read_to_string(&path).ok()).flatten()
    };
    Redactor::new(configuration.map(secret_files).unwrap_or_default().into_iter().filter_map(read))
}

async fn parts(configuration: &Path, without_check: bool, now: Timestamp) -> Vec<Part> {
    let text = fs::read_to_string(configuration);
    let mut tree = text.as_deref().ok().and_then(tree);
    let redactor = redactor(tree.as_ref());
    let shown = match (&text, &mut tree) {
        (Err(error), _) => format!("{}: {error}\n", configuration.display()),
        // There may be secrets in it, and nobody knows where.
        (Ok(_), None) => format!("{} is no TOML, and is left out\n", configuration.display()),
        (Ok(_), Some(tree)) => {
            redactor.tree(tree);
            or_why(serde_json::to_string_pretty(tree), "the configuration")
        }
    };
    let mut parts = vec![
        (
            "README.txt",
            format!(
                "A support bundle of platen-manager, made {now}. Secrets are left out; names of devices, places and people may stand in the log: read it before you give it away.\n"
            ),
        ),
        ("versions.txt", versions()),
    ];
    match config::load(configuration) {
        Err(error) => parts.push(("status.json", format!("the configuration cannot be used: {error}\n"))),
        Ok(config) => {
            parts.extend(of_store(&config, now).await);
            let checked = if without_check {
                Ok("left out, as asked\n".to_owned())
            } else {
                tokio::task::spawn_blocking(move || checked(&config, now)).await
            };
            parts.push(("check.txt", or_why(checked, "the check")));
        }
    }
    parts.push(("log.txt", log()));
    let mut parts: Vec<Part> = parts.into_iter().map(|(name, text)| (name, redactor.text(&text))).collect();
    // That is without its secrets already, and by its own rules.
    parts.push(("configuration.json", shown));
    parts
}

/// Writes the bundle, which only its owner may read. Says which files it has.
pub(crate) async fn write(
    configuration: &Path,
    arguments: &BundleArguments,
) -> Result<Vec<&'static str>, BundleError> {
    let now = clock::now();
    let at = |source| BundleError::File { path: arguments.file.clone(), source };
    let file =
        OpenOptions::new().create_new(true).write(true).mode(PRIVATE).open(&arguments.file).map_err(at)?;
    let parts = parts(configuration, arguments.without_check, now).await;
    archive(file, &parts, now).map_err(at)?;
    Ok(parts.into_iter().map(|(name, _)| name).collect())
}

fn archive(file: File, parts: &[Part], now: Timestamp) -> io::Result<()> {
    let mut archive = tar::Builder::new(file);
    for (name, text) in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(text.len()).unwrap_or(u64::MAX));
        header.set_mode(PRIVATE);
        header.set_mtime(u64::try_from(now.as_second()).unwrap_or(0));
        archive.append_data(&mut header, format!("platen-support/{name}"), text.as_bytes())?;
    }
    archive.into_inner()?.sync_all()
}

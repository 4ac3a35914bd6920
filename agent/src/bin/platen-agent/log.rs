//! Where the log goes: structured to the journal when a service manager started us, else to stderr.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The variable that sets the level: `error`, `warn`, `info` (the default), `debug` or `trace`.
pub(crate) const LEVEL_VARIABLE: &str = "PLATEN_LOG";
/// Set by systemd when stderr is connected to the journal.
const JOURNAL_VARIABLE: &str = "JOURNAL_STREAM";

/// Begins to log. A level that is not known counts as the default, and is told.
pub(crate) fn begin() {
    let asked = std::env::var(LEVEL_VARIABLE).ok();
    let level = asked.as_deref().map_or(Ok(LevelFilter::INFO), str::parse);
    let filter = *level.as_ref().unwrap_or(&LevelFilter::INFO);
    let journal = std::env::var_os(JOURNAL_VARIABLE).and_then(|_| tracing_journald::layer().ok());
    let begun = if let Some(journal) = journal {
        let journal = journal.with_syslog_identifier("platen-agent".to_owned());
        tracing_subscriber::registry().with(filter).with(journal).try_init()
    } else {
        let stderr = tracing_subscriber::fmt::layer()
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .with_target(false);
        tracing_subscriber::registry().with(filter).with(stderr).try_init()
    };
    if begun.is_ok() && level.is_err() {
        tracing::warn!("{LEVEL_VARIABLE} must be error, warn, info, debug or trace: info is used");
    }
}

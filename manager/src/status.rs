//! `platen-manager status`: every certificate and every token, and when it ends. It reads the files and the
//! store, whether or not a manager is serving, and makes no certificate; a store of an older version is brought to this
//! one, as by every command.

use std::io::{self, Write};

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use serde::Serialize;

use crate::ca::{CA_PEM, SERVER_PEM};
use crate::certificate_files::{FileError, facts_in};
use crate::certificates::load_pair;
use crate::config::Config;
use crate::store::{Standing, Store, StoreError};
use crate::upkeep::{MAX_TOKENS, last_backup, unused_tokens};
use crate::watch::endings::{DeviceCertificates, Ending, EndingView, What};

/// Devices that are read at once.
const DEVICES_AT_ONCE: u32 = 500;

/// What ends, and how near that is.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    /// When this was found.
    now: Timestamp,
    endings: Vec<EndingView>,
    /// Whether there are more tokens than are listed: those that end first are.
    more_tokens: bool,
    device_certificates: DeviceCertificates,
    /// Since when a restore from a backup is not dealt with; `null` if there is none.
    restored: Option<Timestamp>,
    /// The devices that wait since that, with certificates that are newer than the backup.
    waiting: u64,
}

impl Status {
    /// From the files and the store.
    pub(crate) async fn read(config: &Config, store: &Store, now: Timestamp) -> Result<Self, StoreError> {
        let mut endings = certificates(config);
        endings.extend(last_backup(store, config).await?);
        let unused = unused_tokens(store, now).await?;
        let tokens = store.operator_tokens(MAX_TOKENS).await?;
        let most = usize::try_from(MAX_TOKENS).unwrap_or(usize::MAX);
        let more_tokens = unused.len() >= most || tokens.len() >= most;
        endings.extend(unused);
        endings.extend(
            tokens
                .into_iter()
                .map(|token| Ending::of_api_token(token.hash, token.operator, token.created, token.expires)),
        );
        let mut device_certificates = DeviceCertificates::default();
        let mut after: Option<DeviceId> = None;
        loop {
            let some = store.standings(after, DEVICES_AT_ONCE).await?;
            let Some((last, _)) = some.last() else { break };
            after = Some(last.clone());
            let has_one = |standing: &Standing| standing.revoked.is_none() && !standing.certificate.is_none();
            for (_, standing) in some.into_iter().filter(|(_, standing)| has_one(standing)) {
                device_certificates.count(standing.certificate.issued, standing.certificate.expires, now);
            }
        }
        let endings = endings.iter().map(|ending| ending.view(now)).collect();
        let restored = store.restored().open().first().map(|first| first.restored);
        let (_, waiting) = store.arrivals(None, 0).await?;
        Ok(Self { now, endings, more_tokens, device_certificates, restored, waiting })
    }

    /// For people, or as JSON.
    pub(crate) fn print(&self, out: &mut impl Write, json: bool) -> io::Result<()> {
        if json {
            writeln!(out, "{}", serde_json::to_string_pretty(self)?)?;
            return out.flush();
        }
        writeln!(
            out,
            "{:<24} {:<34} {:<17} {:<17} {:>9}  STATE",
            "WHAT", "SUBJECT", "FROM", "UNTIL", "DAYS LEFT"
        )?;
        let minute = |time: Option<Timestamp>| {
            time.map_or_else(|| "-".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M").to_string())
        };
        for ending in &self.endings {
            let days = ending.days_left.map_or_else(|| "-".to_owned(), |days| days.to_string());
            writeln!(
                out,
                "{:<24} {:<34} {:<17} {:<17} {days:>9}  {}",
                ending.what.words(),
                ending.subject,
                minute(ending.from),
                minute(ending.until),
                ending.state.words(),
            )?;
            writeln!(out, "  used for: {}", ending.used_for)?;
            if let Some(words) = &ending.words {
                writeln!(out, "  {words}")?;
            }
        }
        if self.more_tokens {
            writeln!(out, "There may be more tokens: only the first {MAX_TOKENS} of each kind are listed.")?;
        }
        let counts = &self.device_certificates;
        writeln!(
            out,
            "Devices' certificates: {} good, {} to end within 30 days, {} within 7 days, {} within a day, {} ended",
            counts.good, counts.within_30_days, counts.within_7_days, counts.within_1_day, counts.ended
        )?;
        if let Some(restored) = self.restored {
            writeln!(
                out,
                "Restored from a backup on {}, which is not dealt with: {} certificates that are newer than the backup wait (`platen-manager restored list`)",
                minute(Some(restored)),
                self.waiting
            )?;
        }
        out.flush()
    }
}

/// The certificates, as their files have them. Of a manager that never served there are none.
fn certificates(config: &Config) -> Vec<Ending> {
    let mut endings = Vec::new();
    let (ca, own) = (config.state_directory.join(CA_PEM), config.state_directory.join(SERVER_PEM));
    if ca.exists() {
        endings.push(facts_in(&ca).map_or_else(
            |error| {
                Ending::unreadable(
                    What::CaCertificate,
                    "signs the certificates of devices",
                    &ca,
                    plain(&error),
                )
            },
            |facts| Ending::of_ca(&facts),
        ));
    }
    let alone = config.operator_tls.is_some();
    if own.exists() {
        endings.push(facts_in(&own).map_or_else(
            |error| Ending::unreadable(What::ManagerCertificate, "listener for devices", &own, plain(&error)),
            |facts| Ending::of_manager(&facts, alone, None),
        ));
    }
    if let Some(files) = &config.operator_tls {
        endings.push(match load_pair(files) {
            Ok(pair) => Ending::of_operators(pair.facts(), files, None),
            Err(why) => Ending::unreadable(
                What::OperatorCertificate,
                "listener for operators",
                &files.certificate,
                why,
            ),
        });
    }
    endings
}

/// What is wrong with a file whose name is said elsewhere.
fn plain(error: &FileError) -> String {
    match error {
        FileError::Io { source, .. } => source.to_string(),
        FileError::Contents { reason, .. } => reason.clone(),
    }
}

//! `manager.toml`: read, checked, and refused with file, line and remedy.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::Deserialize;
use toml::Spanned;

use crate::ca::{DEVICE_LIFE, DEVICE_LIFE_BOUNDS};
use crate::certificate_files::CertificateFiles;
use crate::deliver;
use crate::device::DdiSettings;
use crate::limits::Limits;
use crate::listen::Timeouts;
use crate::networks::Networks;
use crate::store::{AddressError, PostgresConfig, PostgresFiles};
use crate::{history, operator, printing, probes, quota, retention, watch};

/// Where the file stands unless the command line says otherwise.
pub const DEFAULT_PATH: &str = "/etc/platen/manager.toml";
/// The most names that one certificate carries.
const MAX_NAMES: usize = 32;

/// Why the configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}; give the right file with --config", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML, or has an unknown key or a value of the wrong kind.
    #[error("{}:{line}: {message}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Which line.
        line: usize,
        /// What is wrong there, in the parser's words.
        message: String,
    },
    /// A value is well-formed and cannot be used.
    #[error("{}:{line}: {wrong}; {remedy}", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Which line.
        line: usize,
        /// What is wrong.
        wrong: String,
        /// What to do.
        remedy: &'static str,
    },
}

/// What `serve` needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where devices connect; port 0 takes a free one.
    pub device_listen: SocketAddr,
    /// Load balancers before it: their connections begin with a header of the PROXY protocol, and those of others with TLS.
    pub balancers: Networks,
    /// Where operators connect; port 0 takes a free one.
    pub operator_listen: SocketAddr,
    /// The server that takes mail, if there is one.
    pub mail: Option<deliver::Mail>,
    /// Printers of the service centre.
    pub printers: Vec<printing::Printer>,
    /// What webhooks may reach.
    pub webhooks: deliver::Webhooks,
    /// Whether there is a listener for those who watch over the manager.
    pub health: probes::Settings,
    /// Holds the database if it is SQLite's, the device CA and the manager's own certificate.
    pub state_directory: PathBuf,
    /// The database, if it is PostgreSQL's.
    pub postgres: Option<PostgresConfig>,
    /// DNS names and addresses under which devices and operators reach the manager.
    pub names: Vec<String>,
    /// What devices are told to connect to, such as `https://manager.example.org:8443`.
    pub device_url: Option<String>,
    /// An own certificate for the operator listener, in place of one from the device CA.
    pub operator_tls: Option<CertificateFiles>,
    /// How operators come to it, if not directly.
    pub operators: operator::Settings,
    /// How long devices' certificates live.
    pub device_certificate_life: SignedDuration,
    /// How reports are committed.
    pub ingest: Ingest,
    /// What many devices at once may cost.
    pub limits: Limits,
    /// When a device that is away is overdue.
    pub watches: watch::Settings,
    /// When the last backup is too old.
    pub backup: watch::backup_age::Settings,
    /// How long levels, lives, counters and temperatures are kept.
    pub history: history::Settings,
    /// How long what happened is kept.
    pub retention: retention::Settings,
    /// How much a device may hand in and have open.
    pub quota: quota::Settings,
    /// Whether update clients that are not ours are served.
    pub ddi: DdiSettings,
    /// How long a peer may take; not in the file.
    pub timeouts: Timeouts,
}

/// How reports are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ingest {
    /// Whether what waits is committed as one group. Only benchmarks turn it off, to show what the
    /// groups are worth.
    pub group: bool,
}

impl Default for Ingest {
    fn default() -> Self {
        Self { group: true }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "they are the names in the file")]
struct File {
    device_listen: Spanned<String>,
    #[serde(default)]
    balancers: Networks,
    operator_listen: Spanned<String>,
    state_directory: Spanned<PathBuf>,
    store: Option<Spanned<String>>,
    store_password_file: Option<Spanned<PathBuf>>,
    store_ca: Option<Spanned<PathBuf>>,
    store_certificate: Option<Spanned<PathBuf>>,
    store_key: Option<Spanned<PathBuf>>,
    names: Spanned<Vec<String>>,
    device_url: Option<Spanned<String>>,
    operator_tls: Option<CertificateFiles>,
    device_certificate_life: Option<Spanned<SignedDuration>>,
    #[serde(default)]
    ingest: Ingest,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    operators: operator::Settings,
    mail: Option<deliver::Mail>,
    printers: Option<Spanned<Vec<printing::Printer>>>,
    #[serde(default)]
    webhooks: deliver::Webhooks,
    #[serde(default)]
    health: probes::Settings,
    #[serde(default)]
    watches: watch::Settings,
    #[serde(default)]
    backup: watch::backup_age::Settings,
    #[serde(default)]
    history: history::Settings,
    #[serde(default)]
    retention: retention::Settings,
    #[serde(default)]
    quota: quota::Settings,
    #[serde(default)]
    ddi: DdiSettings,
}

/// Reads and checks the file.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    parse(path, &text)
}

fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let start = span.map_or(0, |span| span.start.min(text.len()));
    1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count()
}

/// Checks the text of the file; `path` is only for messages, and the place that a relative
/// `state_directory` is relative to.
#[expect(clippy::too_many_lines, reason = "one check behind the other, as the file has them")]
pub fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let file: File = toml::from_str(text).map_err(|error| ConfigError::Malformed {
        path: path.to_owned(),
        line: line_of(text, error.span()),
        message: error.message().trim().replace('\n', " "),
    })?;
    let unusable = |span: Range<usize>, wrong: String, remedy: &'static str| ConfigError::Unusable {
        path: path.to_owned(),
        line: line_of(text, Some(span)),
        wrong,
        remedy,
    };
    let address = |name: &str, value: &Spanned<String>| {
        value.get_ref().parse::<SocketAddr>().map_err(|error| {
            unusable(
                value.span(),
                format!("{name} = {:?}: {error}", value.get_ref()),
                "write an address and a port, such as \"[::]:8443\" or \"127.0.0.1:0\"",
            )
        })
    };
    let device_listen = address("device_listen", &file.device_listen)?;
    let operator_listen = address("operator_listen", &file.operator_listen)?;
    if device_listen == operator_listen && device_listen.port() != 0 {
        return Err(unusable(
            file.operator_listen.span(),
            format!("operator_listen and device_listen are both {device_listen}"),
            "give each its own port",
        ));
    }
    let names = file.names.get_ref();
    if names.is_empty() || names.len() > MAX_NAMES || !names.iter().all(|name| is_name(name)) {
        return Err(unusable(
            file.names.span(),
            format!("names = {names:?} must be a list of 1 to {MAX_NAMES} host names and addresses"),
            "list what people and devices type to reach this machine, such as [\"manager.example.org\", \"192.0.2.7\"]",
        ));
    }
    if let Some(url) = &file.device_url
        && !url.get_ref().starts_with("https://")
    {
        return Err(unusable(
            url.span(),
            format!("device_url = {:?} does not begin with https://", url.get_ref()),
            "write the address that devices reach, such as \"https://manager.example.org:8443\"",
        ));
    }
    if file.state_directory.get_ref().as_os_str().is_empty() {
        return Err(unusable(
            file.state_directory.span(),
            "state_directory is empty".to_owned(),
            "name a directory that only the manager can read, such as \"/var/lib/platen-manager\"",
        ));
    }
    let life = file.device_certificate_life.as_ref().map_or(DEVICE_LIFE, |life| *life.get_ref());
    if let Some(given) = &file.device_certificate_life
        && !DEVICE_LIFE_BOUNDS.contains(&life)
    {
        return Err(unusable(
            given.span(),
            format!(
                "device_certificate_life = {:?} is not from {:#} to {:#}",
                life,
                DEVICE_LIFE_BOUNDS.start(),
                DEVICE_LIFE_BOUNDS.end()
            ),
            "write how long a device's certificate lives, such as \"8760h\" for a year",
        ));
    }
    let files = [&file.store_password_file, &file.store_ca, &file.store_certificate, &file.store_key];
    let postgres = match &file.store {
        None => match files.into_iter().flatten().next() {
            None => None,
            Some(given) => {
                return Err(unusable(
                    given.span(),
                    "store_password_file, store_ca, store_certificate and store_key are of no use without store".to_owned(),
                    "leave them out, or write store = \"postgresql://USER@HOST/DATABASE\"",
                ));
            }
        },
        Some(address) => {
            let refused =
                |error: AddressError| unusable(address.span(), format!("store: {error}"), error.remedy());
            let path = |given: &Option<Spanned<PathBuf>>| given.as_ref().map(|given| given.get_ref().clone());
            let files = PostgresFiles {
                password: path(&file.store_password_file),
                authorities: path(&file.store_ca),
                certificate: path(&file.store_certificate),
                key: path(&file.store_key),
            };
            let postgres = PostgresConfig::parse(address.get_ref(), files).map_err(refused)?;
            Some(postgres.with_journal(file.state_directory.get_ref().clone()))
        }
    };
    let printers = match file.printers {
        None => Vec::new(),
        Some(given) => {
            printing::check(given.get_ref()).map_err(|wrong| {
                unusable(given.span(), wrong, "give each printer under [[printers]] a name of its own")
            })?;
            given.into_inner()
        }
    };
    Ok(Config {
        postgres,
        device_certificate_life: life,
        device_listen,
        balancers: file.balancers,
        operator_listen,
        state_directory: file.state_directory.into_inner(),
        names: file.names.into_inner(),
        device_url: file.device_url.map(Spanned::into_inner),
        operator_tls: file.operator_tls,
        operators: file.operators,
        ingest: file.ingest,
        limits: file.limits,
        mail: file.mail,
        printers,
        webhooks: file.webhooks,
        health: file.health,
        watches: file.watches,
        backup: file.backup,
        history: file.history,
        retention: file.retention,
        quota: file.quota,
        ddi: file.ddi,
        timeouts: Timeouts::default(),
    })
}

fn is_name(name: &str) -> bool {
    rustls::pki_types::ServerName::try_from(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "device_listen = \"127.0.0.1:0\"\noperator_listen = \"127.0.0.1:0\"\nstate_directory = \"/var/lib/platen-manager\"\nnames = [\"localhost\", \"127.0.0.1\"]\n";

    fn refusal(text: &str) -> String {
        parse(Path::new("manager.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_is_accepted_and_groups_its_commits() {
        let config = parse(Path::new("manager.toml"), GOOD).unwrap();
        assert!(config.ingest.group);
        assert_eq!(config.names.len(), 2);
    }

    #[test]
    fn the_file_that_comes_with_the_program_is_accepted() {
        parse(Path::new("manager.toml"), include_str!("../manager.toml")).unwrap();
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let message = refusal(&format!("{GOOD}colour = 3\n"));
        assert!(message.starts_with("manager.toml:5: "), "{message}");
        assert!(message.contains("colour"), "{message}");
    }

    #[test]
    fn a_limit_outside_of_its_bounds_is_refused_with_its_line_and_the_bounds() {
        let message = refusal(&format!("{GOOD}[limits]\nconnections = 5\nrequests_per_minute = 0\n"));
        assert!(message.starts_with("manager.toml:7: "), "{message}");
        assert!(message.contains("0 must be between 1 and 1000000"), "{message}");
        let text = format!("{GOOD}[limits]\nconnections = 5\n");
        let limits = parse(Path::new("manager.toml"), &text).unwrap().limits;
        assert_eq!(limits, Limits { connections: 5, ..Limits::default() });
    }

    #[test]
    fn reverse_proxies_and_the_address_before_them_are_read_or_refused_with_their_line() {
        let with = |line: &str| format!("{GOOD}[operators]\n{line}\n");
        let good = with("public_origin = \"https://platen.example.org\"\ntrusted_proxies = [\"10.0.0.0/8\"]");
        let operators = parse(Path::new("m"), &good).unwrap().operators;
        assert!(operators.trusted_proxies.contains("10.1.2.3".parse().unwrap()));
        assert!(operators.public_origin.is_some());
        for line in ["public_origin = \"platen.example.org\"", "trusted_proxies = [\"all\"]", "trust = true"]
        {
            let message = refusal(&with(line));
            assert!(message.starts_with("manager.toml:6: "), "{message}");
        }
    }

    #[test]
    fn load_balancers_are_read_or_refused_with_their_line() {
        assert_eq!(parse(Path::new("m"), GOOD).unwrap().balancers, Networks::default());
        let good = format!("{GOOD}balancers = [\"192.0.2.10/32\", \"2001:db8::/64\"]\n");
        let balancers = parse(Path::new("m"), &good).unwrap().balancers;
        assert!(balancers.contains("192.0.2.10".parse().unwrap()));
        assert!(!balancers.contains("192.0.2.11".parse().unwrap()));
        for wrong in ["balancers = [\"haproxy\"]", "balancers = [\"0.0.0.0/0\"]", "balancers = \"10.0.0.1\""]
        {
            let message = refusal(&format!("{GOOD}{wrong}\n"));
            assert!(message.starts_with("manager.toml:5: "), "{message}");
        }
    }

    #[test]
    fn a_listener_of_its_own_for_health_is_read_or_refused_with_its_line() {
        assert_eq!(parse(Path::new("m"), GOOD).unwrap().health.listen, None);
        let with = |line: &str| format!("{GOOD}[health]\n{line}\n");
        let health = parse(Path::new("m"), &with("listen = \"127.0.0.1:9090\"")).unwrap().health;
        assert_eq!(health.listen, Some("127.0.0.1:9090".parse().unwrap()));
        for wrong in ["listen = \"9090\"", "listen = 9090", "token = \"x\""] {
            let message = refusal(&with(wrong));
            assert!(message.starts_with("manager.toml:6: "), "{message}");
        }
    }

    #[test]
    fn a_bad_address_is_refused_with_its_line_and_what_to_write() {
        let message =
            refusal(&GOOD.replace("operator_listen = \"127.0.0.1:0\"", "operator_listen = \"all\""));
        assert!(message.starts_with("manager.toml:2: "), "{message}");
        assert!(message.contains("[::]:8443"), "{message}");
    }

    #[test]
    fn the_life_of_certificates_is_a_year_unless_given_and_has_its_bounds() {
        assert_eq!(parse(Path::new("m"), GOOD).unwrap().device_certificate_life, DEVICE_LIFE);
        let with = |life: &str| format!("{GOOD}device_certificate_life = \"{life}\"\n");
        let short = parse(Path::new("m"), &with("3m")).unwrap();
        assert_eq!(short.device_certificate_life, SignedDuration::from_mins(3));
        for life in ["59s", "43801h", "-1h"] {
            let message = refusal(&with(life));
            assert!(message.starts_with("manager.toml:5: ") && message.contains("8760h"), "{message}");
        }
    }

    #[test]
    fn names_that_no_certificate_can_carry_are_refused() {
        for names in ["[]", "[\"http://manager\"]", "[\"a b\"]"] {
            let message = refusal(&GOOD.replace("[\"localhost\", \"127.0.0.1\"]", names));
            assert!(message.starts_with("manager.toml:4: "), "{message}");
        }
    }

    #[test]
    fn the_store_is_sqlite_unless_an_address_of_postgresql_is_given_without_a_password() {
        assert!(parse(Path::new("m"), GOOD).unwrap().postgres.is_none());
        let with = |lines: &str| format!("{GOOD}{lines}\n");
        let good = with(
            "store = \"postgresql://platen@db.example.org/platen\"\nstore_password_file = \"/etc/platen/p\"",
        );
        let postgres = parse(Path::new("m"), &good).unwrap().postgres.unwrap();
        assert!(postgres.place().contains("db.example.org"));
        for (lines, told) in [
            ("store = \"postgresql://platen:hunter2@db/platen\"", "store_password_file"),
            ("store = \"mysql://db/platen\"", "postgresql://USER@HOST/DATABASE"),
            ("store = \"postgresql://db/platen?sslmode=prefer\"", "verify-full"),
            ("store_ca = \"/etc/platen/ca.pem\"", "of no use without store"),
        ] {
            let message = refusal(&with(lines));
            assert!(message.starts_with("manager.toml:5: ") && message.contains(told), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn one_port_for_both_listeners_is_refused() {
        assert!(refusal(&GOOD.replace("127.0.0.1:0", "127.0.0.1:8443")).contains("its own port"));
    }

    #[test]
    fn a_file_that_is_not_there_says_how_to_name_another() {
        let message = load(Path::new("/nonexistent/manager.toml")).unwrap_err().to_string();
        assert!(message.contains("--config"), "{message}");
    }
}

//! Where PostgreSQL is, who the manager is there, and how it comes in: the address of `manager.toml`, the files of
//! password and certificates, and TLS.
//!
//! The address is read by the client library. What that does not know, `sslmode=verify-full`, is taken out of it before:
//! its own modes for TLS do not check who answers, or do without TLS where the server wants none.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use platen_protocol::text::secret_line;
use postgres::config::{Host, SslMode, TargetSessionAttrs};
use postgres::{Client, NoTls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::StoreError;
use super::error::in_full;
use super::line::Line;
use super::server::{ABOUT, SETTINGS, ServerError, check};
use crate::certificate_files::{self, CertificateFiles, FileError};
use crate::tls_provider::{ManagersTime, provider};

/// What an address begins with.
const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];
/// Where Debian's server has its socket; an address without a host means it.
const SOCKET_DIRECTORY: &str = "/var/run/postgresql";
/// Authorities that Debian trusts (its package ca-certificates), for an address without `store_ca`.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The part of an address that says how TLS is used.
const SSL_MODE: &str = "sslmode=";
/// What the server shows of whose session it is.
const APPLICATION: &str = "platen-manager";
/// How long a session may take to be opened.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What was sent and not even received for so long has no receiver.
const UNRECEIVED_TIMEOUT: Duration = Duration::from_secs(20);
/// When the kernel asks a silent server whether it is there, how often, and how many times: a machine that lost its power
/// is noticed within a minute.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(20);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVE_TRIES: u32 = 4;
/// Access that only a password's owner and his group may have.
const OTHERS_ACCESS: u32 = 0o007;

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It is none of PostgreSQL.
    #[error("it does not begin with postgresql://")]
    NotPostgres,
    /// The library cannot read it.
    #[error("{0}")]
    Unreadable(String),
    /// It has a password, which whoever lists processes or reads the file would see.
    #[error("it contains a password")]
    Password,
    /// TLS that does not check who answers.
    #[error("sslmode={0} does not make sure that the right server answers")]
    UncheckedTls(String),
    /// TLS is asked for where there is none.
    #[error("TLS is not used over a socket of this machine")]
    TlsOverSocket,
    /// Files for TLS, and no TLS.
    #[error("store_ca, store_certificate and store_key are of no use with sslmode=disable")]
    FilesWithoutTls,
    /// One of two files that belong together.
    #[error("store_certificate and store_key belong together")]
    HalfCertificate,
}

impl AddressError {
    /// What to do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NotPostgres => {
                "write postgresql://USER@HOST/DATABASE, or leave `store` out to use SQLite in the state directory"
            }
            Self::Unreadable(_) => {
                "write postgresql://USER@HOST:PORT/DATABASE, or postgresql:///DATABASE for the server of this machine"
            }
            Self::Password => {
                "put the password into a file that only the manager may read, and name it by store_password_file"
            }
            Self::UncheckedTls(_) => {
                "leave sslmode out, or write sslmode=verify-full; sslmode=disable if the network between is trusted"
            }
            Self::TlsOverSocket => {
                "leave out sslmode, store_ca, store_certificate and store_key, or name a host"
            }
            Self::FilesWithoutTls => "leave the files out, or sslmode=disable",
            Self::HalfCertificate => "name both files, or none if the server asks for no certificate",
        }
    }
}

/// The files that belong to an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostgresFiles {
    /// Holds the password.
    pub password: Option<PathBuf>,
    /// Authorities that the server's certificate may come from, in PEM.
    pub authorities: Option<PathBuf>,
    /// The manager's own certificate, in PEM.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// How TLS is used.
#[derive(Debug, Clone)]
struct Tls {
    authorities: PathBuf,
    own: Option<CertificateFiles>,
}

/// Where the database is, and who we are there.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    pub(super) client: tokio_postgres::Config,
    password: Option<PathBuf>,
    tls: Option<Tls>,
    /// In which directory the manager keeps what no backup of the database must take back.
    journal: Option<PathBuf>,
}

impl PostgresConfig {
    /// Reads an address. The files are read whenever a session is opened, so that renewed ones are taken.
    pub fn parse(address: &str, files: PostgresFiles) -> Result<Self, AddressError> {
        if !SCHEMES.iter().any(|scheme| address.starts_with(scheme)) {
            return Err(AddressError::NotPostgres);
        }
        let (address, mode) = without_ssl_mode(address);
        let parsed = address.parse::<tokio_postgres::Config>();
        let mut client = parsed.map_err(|error| AddressError::Unreadable(in_full(&error)))?;
        if client.get_password().is_some() {
            return Err(AddressError::Password);
        }
        if client.get_hosts().is_empty() && client.get_hostaddrs().is_empty() {
            client.host_path(SOCKET_DIRECTORY);
        }
        let tls = tls(&client, mode.as_deref(), &files)?;
        client.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        // Of several servers one is written to, and it is the one that is meant.
        if client.get_hosts().len().max(client.get_hostaddrs().len()) > 1 {
            client.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        client.application_name(APPLICATION);
        if client.get_connect_timeout().is_none() {
            client.connect_timeout(CONNECT_TIMEOUT);
        }
        if client.get_tcp_user_timeout().is_none() {
            client.tcp_user_timeout(UNRECEIVED_TIMEOUT);
        }
        client.keepalives_idle(KEEPALIVE_AFTER).keepalives_interval(KEEPALIVE_EVERY);
        client.keepalives_retries(KEEPALIVE_TRIES);
        Ok(Self { client, password: files.password, tls, journal: None })
    }

    /// The same, with the directory in which the manager keeps its journal of identities: its own, outside of what a
    /// backup of the database takes.
    #[must_use]
    pub fn with_journal(self, directory: PathBuf) -> Self {
        Self { journal: Some(directory), ..self }
    }

    /// That directory, if there is one.
    pub(in crate::store) fn journal(&self) -> Option<&Path> {
        self.journal.as_deref()
    }

    /// The password, as its file holds it now.
    pub(super) fn password(&self) -> Result<Option<String>, ServerError> {
        self.password.as_deref().map(password).transpose()
    }

    /// The files of TLS, if that is used: the authorities, and the manager's own certificate.
    pub(super) fn tls_files(&self) -> Option<(&Path, Option<&CertificateFiles>)> {
        self.tls.as_ref().map(|tls| (tls.authorities.as_path(), tls.own.as_ref()))
    }

    /// Where it is, for people: servers and database, and no secret.
    pub fn place(&self) -> String {
        let named = self.client.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let mut servers: Vec<String> = named.collect();
        if servers.is_empty() {
            servers = self.client.get_hostaddrs().iter().map(ToString::to_string).collect();
        }
        let ports: Vec<String> = self.client.get_ports().iter().map(ToString::to_string).collect();
        let user = self.client.get_user().unwrap_or("the manager's own user");
        let database = self.client.get_dbname().unwrap_or(user);
        format!("{database} at {}, port {}, as {user}", servers.join(", "), ports.join(", "))
    }

    /// Opens a session that also hears what others say, with a server that can be used. Blocks, and must not be called on
    /// a thread of a runtime.
    pub(in crate::store) fn connect(&self) -> Result<Client, StoreError> {
        let config = postgres::Config::from(self.with_password()?);
        let opened = match &self.tls {
            None => config.connect(NoTls),
            Some(tls) => config.connect(MakeRustlsConnect::new(tls.client()?)),
        };
        let mut client = opened.map_err(|source| self.not_opened(source))?;
        check(&client.query_one(ABOUT, &[])?)?;
        client.batch_execute(SETTINGS)?;
        Ok(client)
    }

    /// Opens a session in which statements can go out together. The same holds.
    pub(super) fn open(&self) -> Result<Line, StoreError> {
        let config = self.with_password()?;
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().map_err(ServerError::Runtime)?;
        let opened = match &self.tls {
            None => runtime.block_on(config.connect(NoTls)).map(|parts| Line::new(runtime, parts)),
            Some(tls) => {
                let tls = MakeRustlsConnect::new(tls.client()?);
                runtime.block_on(config.connect(tls)).map(|parts| Line::new(runtime, parts))
            }
        };
        let mut line = opened.map_err(|source| self.not_opened(source))?;
        let client = line.client();
        check(&line.wait(client.query_one(ABOUT, &[]))?)?;
        line.wait(client.batch_execute(SETTINGS))?;
        Ok(line)
    }

    fn with_password(&self) -> Result<tokio_postgres::Config, ServerError> {
        let mut config = self.client.clone();
        if let Some(password) = self.password()? {
            config.password(password);
        }
        Ok(config)
    }

    fn not_opened(&self, source: postgres::Error) -> ServerError {
        ServerError::Session { place: self.place(), source, encrypted: self.tls.is_some() }
    }
}

/// The address without what it says of TLS, and that.
fn without_ssl_mode(address: &str) -> (String, Option<String>) {
    let Some((place, options)) = address.split_once('?') else { return (address.to_owned(), None) };
    let (modes, others): (Vec<&str>, Vec<&str>) =
        options.split('&').partition(|option| option.starts_with(SSL_MODE));
    let mode = modes.last().and_then(|mode| mode.strip_prefix(SSL_MODE)).map(ToOwned::to_owned);
    let address = if others.is_empty() { place.to_owned() } else { format!("{place}?{}", others.join("&")) };
    (address, mode)
}

/// Whether TLS is used: where nothing is said, for everything that leaves this machine.
fn tls(
    client: &tokio_postgres::Config,
    mode: Option<&str>,
    files: &PostgresFiles,
) -> Result<Option<Tls>, AddressError> {
    let own = match (&files.certificate, &files.key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            Some(CertificateFiles { certificate: certificate.clone(), key: key.clone() })
        }
        _ => return Err(AddressError::HalfCertificate),
    };
    let with_files = own.is_some() || files.authorities.is_some();
    let wanted = match mode {
        Some("verify-full") => true,
        Some("disable") if with_files => return Err(AddressError::FilesWithoutTls),
        Some("disable") => false,
        Some(other) => return Err(AddressError::UncheckedTls(other.to_owned())),
        None => with_files || !stays_here(client),
    };
    if !wanted {
        return Ok(None);
    }
    if client.get_hosts().iter().any(|host| matches!(host, Host::Unix(_))) {
        return Err(AddressError::TlsOverSocket);
    }
    let authorities = files.authorities.clone().unwrap_or_else(|| SYSTEM_AUTHORITIES.into());
    Ok(Some(Tls { authorities, own }))
}

/// Whether all that is sent stays on this machine.
fn stays_here(client: &tokio_postgres::Config) -> bool {
    let named = client.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
    });
    named && client.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// The password in a file that nobody else can read.
fn password(path: &Path) -> Result<String, ServerError> {
    let io = |source| ServerError::File(FileError::Io { path: path.to_owned(), source });
    let mode = std::fs::metadata(path).map_err(io)?.permissions().mode();
    if mode & OTHERS_ACCESS != 0 {
        return Err(ServerError::OpenPassword { path: path.to_owned() });
    }
    let text = certificate_files::read(path).map_err(ServerError::File)?;
    Ok(secret_line(&text).to_owned())
}

impl Tls {
    fn client(&self) -> Result<ClientConfig, ServerError> {
        let text = certificate_files::read(&self.authorities).map_err(ServerError::File)?;
        let contents = |reason: &dyn std::fmt::Display| {
            ServerError::File(FileError::contents(&self.authorities, reason))
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
            let certificate = certificate.map_err(|error| contents(&error))?;
            // Of the many of a system one may be of a kind that is not known here.
            if let Err(error) = roots.add(certificate) {
                tracing::debug!(%error, path = %self.authorities.display(), "an authority is not used");
            }
        }
        if roots.is_empty() {
            return Err(contents(&"holds no certificate of an authority"));
        }
        let builder = ClientConfig::builder_with_details(provider(), Arc::new(ManagersTime))
            .with_safe_default_protocol_versions()
            .map_err(ServerError::Tls)?
            .with_root_certificates(roots);
        let Some(own) = &self.own else { return Ok(builder.with_no_client_auth()) };
        let own = certificate_files::load(own).map_err(ServerError::File)?;
        builder.with_client_auth_cert(own.chain, own.key).map_err(ServerError::Tls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str) -> Result<PostgresConfig, AddressError> {
        PostgresConfig::parse(address, PostgresFiles::default())
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_and_the_server_checked_unless_said_otherwise() {
        for (address, encrypted) in [
            ("postgresql://platen@db.example.org/platen", true),
            ("postgresql://platen@192.0.2.7:5433/platen?sslmode=verify-full", true),
            ("postgresql://platen@db.example.org/platen?sslmode=disable", false),
            ("postgresql://platen@localhost/platen", false),
            ("postgres://platen@127.0.0.1/platen", false),
            ("postgresql://platen@[::1]/platen", false),
            ("postgresql://platen@127.0.0.1/platen?sslmode=verify-full", true),
            ("postgresql://platen@127.0.0.1,db.example.org/platen", true),
            ("postgresql://platen@localhost/platen?hostaddr=192.0.2.7", true),
            ("postgresql:///platen", false),
            ("postgresql://platen@%2Frun%2Fpostgresql/platen?connect_timeout=3", false),
        ] {
            let config = parse(address).unwrap();
            assert_eq!(config.tls.is_some(), encrypted, "{address}");
            let mode = if encrypted { SslMode::Require } else { SslMode::Disable };
            assert_eq!(config.client.get_ssl_mode(), mode, "{address}");
        }
    }

    #[test]
    fn naming_an_authority_or_a_certificate_asks_for_tls_on_this_machine_too() {
        let authorities = PostgresFiles { authorities: Some("ca.pem".into()), ..PostgresFiles::default() };
        let config =
            PostgresConfig::parse("postgresql://platen@localhost/platen", authorities.clone()).unwrap();
        assert_eq!(config.tls.unwrap().authorities, Path::new("ca.pem"));
        let refused = PostgresConfig::parse("postgresql:///platen", authorities.clone());
        assert!(matches!(refused, Err(AddressError::TlsOverSocket)));
        let refused =
            PostgresConfig::parse("postgresql://platen@localhost/platen?sslmode=disable", authorities);
        assert!(matches!(refused, Err(AddressError::FilesWithoutTls)));
        let half = PostgresFiles { key: Some("own.key".into()), ..PostgresFiles::default() };
        let refused = PostgresConfig::parse("postgresql://platen@db.example.org/platen", half);
        assert!(matches!(refused, Err(AddressError::HalfCertificate)));
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_repeated() {
        for address in
            ["postgresql://platen:hunter2@db/platen", "postgresql://platen@db/platen?password=hunter2"]
        {
            let error = parse(address).unwrap_err();
            assert!(matches!(error, AddressError::Password), "{error}");
            assert!(!format!("{error} {}", error.remedy()).contains("hunter2"));
        }
    }

    #[test]
    fn tls_that_checks_nobody_and_addresses_of_something_else_are_refused() {
        for mode in ["require", "prefer", "allow", "verify-ca", ""] {
            let refused = parse(&format!("postgresql://platen@db/platen?sslmode={mode}"));
            assert!(matches!(refused, Err(AddressError::UncheckedTls(told)) if told == mode));
        }
        for address in ["sqlite", "mysql://db/platen", "host=db dbname=platen", ""] {
            assert!(matches!(parse(address), Err(AddressError::NotPostgres)), "{address}");
        }
        for address in
            ["postgresql://db:port/platen", "postgresql://db/platen?colour=red", "postgresql://[::1/x"]
        {
            assert!(matches!(parse(address), Err(AddressError::Unreadable(_))), "{address}");
        }
    }

    #[test]
    fn of_several_servers_the_one_that_is_written_to_is_used() {
        let config = parse("postgresql://platen@one.example.org:5432,two.example.org:5433/platen").unwrap();
        assert_eq!(config.client.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(config.place(), "platen at one.example.org, two.example.org, port 5432, 5433, as platen");
    }

    #[test]
    fn an_address_without_a_host_is_the_server_of_this_machine() {
        let config = parse("postgresql:///platen").unwrap();
        assert_eq!(config.client.get_hosts(), [Host::Unix(SOCKET_DIRECTORY.into())]);
    }

    #[test]
    fn a_password_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "hunter2\r\n").unwrap();
        for (mode, good) in [(0o600, true), (0o640, true), (0o644, false), (0o602, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = password(&path);
            assert_eq!(read.is_ok(), good, "{mode:o}");
            assert!(read.is_err() || read.unwrap() == "hunter2");
        }
        let missing = password(&folder.path().join("none")).unwrap_err().to_string();
        assert!(missing.contains("none"), "{missing}");
    }
}

//! A certificate chain and its key, as files, and what a certificate says of itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::text::without_mark;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// Where a chain and its key are, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The key, PKCS#8.
    pub key: PathBuf,
}

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It does not hold what it should.
    #[error("{}: {reason}; restore the right file from the backup", path.display())]
    Contents {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl FileError {
    pub(crate) fn contents(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Contents { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whom it names, such as `CN=manager.example.org`.
    pub subject: String,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// When the first certificate of its chain ends: from then on the whole is of no use.
    pub weakest: Timestamp,
}

impl Facts {
    /// Of the first certificate of a chain; `None` if there is none, or one cannot be read.
    pub fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let mut facts: Option<Self> = None;
        for certificate in chain {
            let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
            let validity = certificate.validity();
            let until = Timestamp::from_second(validity.not_after.timestamp()).ok()?;
            if let Some(facts) = &mut facts {
                facts.weakest = facts.weakest.min(until);
                continue;
            }
            let from = Timestamp::from_second(validity.not_before.timestamp()).ok()?;
            facts = Some(Self { subject: subject(&certificate), from, until, weakest: until });
        }
        facts
    }
}

/// The name of a certificate; of one without, as some authorities issue them, the first that it is good for.
fn subject(certificate: &X509Certificate<'_>) -> String {
    let name = certificate.subject().to_string();
    if !name.is_empty() {
        return name;
    }
    let names = certificate.subject_alternative_name().ok().flatten();
    let first = names.and_then(|names| {
        names.value.general_names.iter().find_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
    });
    first.unwrap_or_else(|| "without a name".to_owned())
}

/// A server's certificate chain and key.
pub struct ServerFiles {
    /// The server's own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
    /// What the chain says of itself.
    pub facts: Facts,
}

impl ServerFiles {
    /// For rustls.
    pub fn certified(
        self,
        provider: &rustls::crypto::CryptoProvider,
    ) -> Result<Arc<rustls::sign::CertifiedKey>, rustls::Error> {
        rustls::sign::CertifiedKey::from_der(self.chain, self.key, provider).map(Arc::new)
    }
}

/// Reads a chain and its key.
pub fn load(files: &CertificateFiles) -> Result<ServerFiles, FileError> {
    let chain = CertificateDer::pem_slice_iter(read(&files.certificate)?.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| FileError::contents(&files.certificate, error))?;
    if chain.is_empty() {
        return Err(FileError::contents(&files.certificate, "holds no certificate"));
    }
    let facts = Facts::of(&chain)
        .ok_or_else(|| FileError::contents(&files.certificate, "holds a certificate that cannot be read"))?;
    let key = PrivateKeyDer::from_pem_slice(read(&files.key)?.as_bytes())
        .map_err(|error| FileError::contents(&files.key, error))?;
    Ok(ServerFiles { chain, key, facts })
}

/// What a certificate in PEM says of itself.
pub fn facts_in(path: &Path) -> Result<Facts, FileError> {
    let certificate = CertificateDer::from_pem_slice(read(path)?.as_bytes())
        .map_err(|error| FileError::contents(path, error))?;
    Facts::of(&[certificate])
        .ok_or_else(|| FileError::contents(path, "holds a certificate that cannot be read"))
}

pub(crate) fn read(path: &Path) -> Result<String, FileError> {
    let text = std::fs::read_to_string(path).map_err(FileError::io(path))?;
    Ok(without_mark(&text).to_owned())
}

//! A certificate chain and its key, as files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;

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

/// A server's certificate chain and key.
pub struct ServerFiles {
    /// The server's own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
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
    let key = PrivateKeyDer::from_pem_slice(read(&files.key)?.as_bytes())
        .map_err(|error| FileError::contents(&files.key, error))?;
    Ok(ServerFiles { chain, key })
}

pub(crate) fn read(path: &Path) -> Result<String, FileError> {
    std::fs::read_to_string(path).map_err(FileError::io(path))
}

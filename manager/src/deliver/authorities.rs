//! The certificates of authorities in a file of PEM.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_rustls::TlsConnector;

/// Authorities that Debian trusts (its package ca-certificates).
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Every certificate of the file; of this machine's without one.
pub(super) fn certificates(path: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, String> {
    let path = path.unwrap_or(Path::new(SYSTEM));
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let all: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?.collect();
    all.map_err(|error| wrong(&error))
}

/// The same, for TLS of our own.
pub(crate) fn store(path: Option<&Path>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    // One that is of no use is none of ours to judge.
    store.add_parsable_certificates(certificates(path)?);
    Ok(store)
}

/// Connections to servers whose certificates come from them.
pub(crate) fn connector(path: Option<&Path>) -> Result<TlsConnector, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(store(path)?)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

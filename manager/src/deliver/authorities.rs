//! The certificates of authorities in a file of PEM.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

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

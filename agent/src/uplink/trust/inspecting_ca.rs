//! The CA of a proxy that inspects TLS, as the configuration names it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The largest file with the CA of a proxy: a bundle of all public CAs has a quarter of it.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// What editors of some systems put first in a file, in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Why the CA of the proxy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InspectingCaError {
    /// The file cannot be read.
    #[error("`inspecting_ca` in agent.toml, {}: {source}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("`inspecting_ca` in agent.toml, {}: {what}", file.display())]
    Content {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// Reads the CA of a proxy: certificates in PEM, at least one.
pub fn load(file: &Path) -> Result<Vec<CertificateDer<'static>>, InspectingCaError> {
    let content = |what: String| InspectingCaError::Content { file: file.to_owned(), what };
    let mut text = Vec::new();
    File::open(file)
        .and_then(|open| open.take(MAX_FILE_BYTES + 1).read_to_end(&mut text))
        .map_err(|source| InspectingCaError::File { file: file.to_owned(), source })?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(content(format!("it is larger than {MAX_FILE_BYTES} bytes")));
    }
    // An editor's mark would hide the first certificate.
    let pem = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|cause| content(format!("it cannot be read as PEM ({cause})")))?;
    if found.is_empty() {
        return Err(content(
            "it holds no certificate in PEM (-----BEGIN CERTIFICATE-----); ask the network administrator for the CA certificate of the proxy in that form".to_owned(),
        ));
    }
    let mut store = RootCertStore::empty();
    for certificate in &found {
        store
            .add(certificate.clone())
            .map_err(|cause| content(format!("a certificate in it cannot be used as a CA ({cause})")))?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused_in_plain_words() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let told = load(&file).unwrap_err().to_string();
        assert!(told.contains("inspecting_ca") && told.contains("ca.pem"), "{told}");
        std::fs::write(&file, "hello").unwrap();
        let told = load(&file).unwrap_err().to_string();
        assert!(told.contains("no certificate in PEM"), "{told}");
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        let told = load(&file).unwrap_err().to_string();
        assert!(told.contains("cannot be used as a CA"), "{told}");
        std::fs::write(&file, vec![b'x'; 1024 * 1024 + 1]).unwrap();
        assert!(load(&file).unwrap_err().to_string().contains("larger"));
    }

    #[test]
    fn a_file_with_several_certificates_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let pem = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            rcgen::CertificateParams::new(vec![name.into()]).unwrap().self_signed(&key).unwrap().pem()
        };
        std::fs::write(&file, format!("{}{}", pem("a"), pem("b"))).unwrap();
        assert_eq!(load(&file).unwrap().len(), 2);
        std::fs::write(&file, format!("\u{feff}{}{}", pem("a"), pem("b"))).unwrap();
        assert_eq!(load(&file).unwrap().len(), 2);
    }
}

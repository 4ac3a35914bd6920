//! The TLS settings of both listeners: version 1.3, by ring.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platen_protocol::signature::SigningKey;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use crate::ca::ServerFiles;
use crate::listen::ALPN;

/// The cryptography that is used.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A server certificate that can be replaced while connections come in.
#[derive(Debug)]
pub(crate) struct Current(Mutex<Held>);

#[derive(Debug)]
struct Held {
    certificate: Arc<CertifiedKey>,
    /// The same key, for messages; a certificate of operators may have a key of another kind.
    signing: Option<Arc<SigningKey>>,
}

impl Held {
    fn new(files: ServerFiles) -> Result<Self, rustls::Error> {
        let signing = match (&files.key, files.chain.first()) {
            (PrivateKeyDer::Pkcs8(key), Some(own)) => SigningKey::new(key.secret_pkcs8_der(), own).ok(),
            _ => None,
        };
        Ok(Self { certificate: files.certified(&provider())?, signing: signing.map(Arc::new) })
    }
}

impl Current {
    pub(crate) fn new(files: ServerFiles) -> Result<Arc<Self>, rustls::Error> {
        Ok(Arc::new(Self(Mutex::new(Held::new(files)?))))
    }

    pub(crate) fn replace(&self, files: ServerFiles) -> Result<(), rustls::Error> {
        *self.held() = Held::new(files)?;
        Ok(())
    }

    /// The key of this certificate, to sign messages with.
    pub(crate) fn signing(&self) -> Option<Arc<SigningKey>> {
        self.held().signing.clone()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.held().certificate))
    }
}

/// Why the settings cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate or key cannot be used.
    #[error("a certificate cannot be used for TLS: {0}")]
    Certificate(#[from] rustls::Error),
    /// The CA cannot vouch for clients.
    #[error("the device CA cannot be used for TLS: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// For devices: a client certificate is checked against the CA; there may be none, for enrolment.
pub(crate) fn for_devices(
    ca: &CertificateDer<'static>,
    certificate: Arc<Current>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.clone())?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated()
        .build()?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificate);
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

/// For operators: browsers and programs, who prove themselves in the request.
pub(crate) fn for_operators(certificate: Arc<Current>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

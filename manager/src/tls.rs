//! The TLS settings of both listeners: version 1.3, by ring.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use platen_protocol::signature::SigningKey;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme};

use crate::ca::ends;
use crate::certificate_files::{Facts, ServerFiles};
use crate::listen::ALPN;
use crate::tls_provider::ManagersTime;
pub(crate) use crate::tls_provider::provider;

/// A certificate with its key, which match.
#[derive(Debug)]
pub(crate) struct Pair {
    certificate: Arc<CertifiedKey>,
    /// The same key, for messages; a certificate of operators may have a key of another kind.
    signing: Option<Arc<SigningKey>>,
    facts: Facts,
}

impl Pair {
    pub(crate) fn new(files: ServerFiles) -> Result<Self, rustls::Error> {
        let signing = match (&files.key, files.chain.first()) {
            (PrivateKeyDer::Pkcs8(key), Some(own)) => SigningKey::new(key.secret_pkcs8_der(), own).ok(),
            _ => None,
        };
        let facts = files.facts.clone();
        Ok(Self { certificate: files.certified(&provider())?, signing: signing.map(Arc::new), facts })
    }

    /// What the certificate says of itself.
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// A server certificate that can be replaced while connections come in. Those that stand are not touched.
#[derive(Debug)]
pub(crate) struct ServerCertificate(Mutex<Pair>);

impl ServerCertificate {
    pub(crate) fn new(files: ServerFiles) -> Result<Arc<Self>, rustls::Error> {
        Ok(Arc::new(Self(Mutex::new(Pair::new(files)?))))
    }

    /// From now on this one is shown.
    pub(crate) fn replace(&self, pair: Pair) {
        *self.held() = pair;
    }

    /// What the certificate says of itself.
    pub(crate) fn facts(&self) -> Facts {
        self.held().facts.clone()
    }

    /// Whether the same certificates are shown already.
    pub(crate) fn shows(&self, pair: &Pair) -> bool {
        self.held().certificate.cert == pair.certificate.cert
    }

    /// The key of this certificate, to sign messages with.
    pub(crate) fn signing(&self) -> Option<Arc<SigningKey>> {
        self.held().signing.clone()
    }

    fn held(&self) -> MutexGuard<'_, Pair> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for ServerCertificate {
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

/// Lets a device in with a certificate of our CA also when it has ended: on this connection it can hear
/// why it is refused, and ask for another one once an operator has readmitted it. Who may do what is
/// decided for each request, by [`crate::device`]; that a certificate has ended is decided there too, by
/// what the store knows of it, for a connection may outlive its certificate.
#[derive(Debug)]
struct AcceptExpired(Arc<dyn ClientCertVerifier>);

/// A verifier that lets certificates in that have ended.
pub(crate) fn ended_too(verifier: Arc<dyn ClientCertVerifier>) -> Arc<dyn ClientCertVerifier> {
    Arc::new(AcceptExpired(verifier))
}

impl ClientCertVerifier for AcceptExpired {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    /// Judged at its end when that has passed. All else is checked as ever.
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let end = ends(end_entity).map_or(now, |end| UnixTime::since_unix_epoch(Duration::from_secs(end)));
        self.0.verify_client_cert(end_entity, intermediates, now.min(end))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// For devices: a client certificate is checked against the CA; there may be none, for enrolment.
pub(crate) fn for_devices(
    ca: &CertificateDer<'static>,
    certificate: Arc<ServerCertificate>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.clone())?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated()
        .build()?;
    let mut config = ServerConfig::builder_with_details(provider(), Arc::new(ManagersTime))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(AcceptExpired(verifier)))
        .with_cert_resolver(certificate);
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

/// For operators: browsers and programs, who prove themselves in the request.
pub(crate) fn for_operators(certificate: Arc<ServerCertificate>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_details(provider(), Arc::new(ManagersTime))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

//! Enrolment, the first conversation with the manager: a token that a person carried here is exchanged for a
//! certificate.
//!
//! The key is made here and never leaves. Whom to trust, before there is any certificate, says the
//! token: it holds the fingerprint of the manager's CA. The manager must present that very certificate
//! in its chain, and the chain must hold under it and nothing else.
//!
//! At what time it must hold: the device knows no time yet. Its wall clock may say 1970 or 2099, and the
//! person with the token should not have to set it. Whom to trust is decided by the fingerprint, so the
//! chain is judged at the latest beginning in it, which is a time that the CA has signed. What is given up
//! by that is to notice a certificate of the manager that has ended, in this one conversation; whoever
//! could use it must hold the key of a former certificate of this very manager.
//!
//! So a proxy that inspects TLS is refused here, also where the configuration names its CA: the token's
//! secret would pass in the clear through it, and whoever reads it first can use it. A person with a
//! token stands beside, and can use another connection for this one conversation; the machinery that would keep
//! the secret from the proxy would stay for ever.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use platen_protocol::enroll::{CA_FINGERPRINT_BYTES, EnrollReply, EnrollRequest, Token};
use platen_protocol::identity::DeviceId;
use platen_protocol::{VERSION, hex, path};
use rcgen::KeyPair;
use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme};

use super::connect::{Connector, TlsMode, enrolment_tls, mutual_tls};
use super::dial;
use super::one_exchange::one_exchange;
use super::segments::Segments;
use super::trust::peer_diagnosis::{Kind, PeerDiagnosis};
use super::trust::{Trust, begins, verifier};
use super::{UplinkConfig, UplinkError};
use crate::clock::Clock;
use crate::identity::address::Address;
use crate::identity::renew::request_for;
use crate::identity::{self, IdentityError, IdentityFile, Lock};

/// Why a device was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// Nobody who holds the CA of the token answered.
    #[error(
        "the server at {address} is not the manager that made the token: check the address; if the manager was set up again, ask for a new token"
    )]
    OtherManager {
        /// Where.
        address: Address,
    },
    /// A proxy opens the connection, and would read the token's secret.
    #[error(
        "{} A device cannot be enrolled through TLS inspection, for whoever opens the connection would read the token and could use it first. Enrol it at the service centre before it is brought here, or over another connection (a mobile phone's), or have {address} exempted from inspection; once it is enrolled, it can work through inspection with `inspecting_ca` in agent.toml.", diagnosis.what(address)
    )]
    Inspected {
        /// Where, as `host:port`.
        address: String,
        /// Whose proxy.
        diagnosis: PeerDiagnosis,
    },
    /// The exchange failed.
    #[error("{what}: {remedy}")]
    Exchange {
        /// What happened.
        what: String,
        /// What to do.
        remedy: String,
        /// Why.
        source: Box<UplinkError>,
    },
    /// The key or the request could not be made.
    #[error("no key could be made: {0}")]
    Key(#[from] rcgen::Error),
    /// What the manager answered cannot be used.
    #[error("the manager's answer cannot be used: {0}; tell the service centre")]
    Answer(String),
    /// The identity cannot be stored.
    #[error("the identity cannot be stored: {0}; run this as root, or as the user of the agent")]
    Store(#[source] IdentityError),
    /// Another enrolment is under way.
    #[error(transparent)]
    Busy(IdentityError),
}

impl From<IdentityError> for EnrollError {
    fn from(cause: IdentityError) -> Self {
        match cause {
            IdentityError::Busy => Self::Busy(cause),
            cause => Self::Store(cause),
        }
    }
}

impl EnrollError {
    fn from_exchange(address: &Address, source: UplinkError) -> Self {
        match source {
            UplinkError::WrongPeer { diagnosis, .. } if diagnosis.kind == Kind::OtherManager => {
                return Self::OtherManager { address: address.clone() };
            }
            UplinkError::WrongPeer { address, diagnosis } if diagnosis.kind == Kind::Inspected => {
                return Self::Inspected { address, diagnosis };
            }
            _ => {}
        }
        let trouble = source.trouble();
        Self::Exchange { what: trouble.what, remedy: trouble.remedy, source: Box::new(source) }
    }
}

/// Enrols a device and stores its identity; returns the name that the manager gave it.
///
/// The state directory is made and locked before the manager is asked, for a token can be used only once.
///
/// # Errors
/// When the identity cannot be stored here, another enrolment is under way, or the exchange fails. An
/// identity that is there already is then as it was.
pub async fn enroll(
    state_directory: &Path,
    device: &DeviceId,
    address: &Address,
    token: &Token,
    config: &UplinkConfig,
    clock: &Arc<Clock>,
) -> Result<DeviceId, EnrollError> {
    let lock = lock(state_directory)?;
    let key = KeyPair::generate()?;
    let request =
        EnrollRequest { version: VERSION, secret: token.secret.clone(), csr: request_for(device, &key)? };
    let failed = |source| EnrollError::from_exchange(address, source);
    let verifier = Arc::new(PinnedCa::new(&token.ca_fingerprint));
    let tls = enrolment_tls(verifier, clock).map_err(failed)?;
    let connector = Connector {
        address: address.clone(),
        dial: dial::route(&config.proxy(), address, config.ping).map_err(|cause| failed(cause.into()))?,
        tls: TlsMode::Tls(tls),
        timeout: config.connect_timeout,
        segments: Segments::Whole,
    };
    let reply: EnrollReply =
        one_exchange(&connector, path::ENROLL, &request, config.reply_timeout).await.map_err(failed)?;
    check(&reply, token)?;
    let kept = IdentityFile {
        key: key.serialize_pem(),
        certificate_chain: reply.certificate_chain,
        manager_ca: reply.manager_ca,
        device: reply.device_id.clone(),
        manager: address.clone(),
        known_time: reply.manager_time,
    };
    store_if_usable(&lock, &kept, clock)?;
    Ok(reply.device_id)
}

fn lock(state_directory: &Path) -> Result<Lock, IdentityError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state_directory)
        .map_err(|source| IdentityError::File { file: state_directory.to_owned(), source })?;
    let lock = Lock::take(state_directory)?;
    lock.try_to_write()?;
    Ok(lock)
}

fn check(reply: &EnrollReply, token: &Token) -> Result<(), EnrollError> {
    if reply.version != VERSION {
        return Err(EnrollError::Answer(format!("it is of version {}, not {VERSION}", reply.version)));
    }
    let ca = CertificateDer::from_pem_slice(reply.manager_ca.as_bytes())
        .map_err(|cause| EnrollError::Answer(format!("its CA is not a certificate ({cause})")))?;
    if fingerprint(&ca) != token.ca_fingerprint {
        return Err(EnrollError::Answer("its CA is not the one of the token".to_owned()));
    }
    Ok(())
}

/// An answer that does not fit the key is refused before it replaces an identity that works.
fn store_if_usable(lock: &Lock, kept: &IdentityFile, clock: &Arc<Clock>) -> Result<(), EnrollError> {
    let identity = identity::parse(kept).map_err(|cause| EnrollError::Answer(cause.to_string()))?;
    let unusable = |cause: UplinkError| EnrollError::Answer(cause.to_string());
    let trust =
        Trust::new(&identity.manager_ca, &[]).map_err(|cause| unusable(UplinkError::Credentials(cause)))?;
    mutual_tls(&identity, &Arc::new(trust), clock).map_err(unusable)?;
    Ok(lock.store(kept)?)
}

/// SHA-256 of a certificate in DER, as in a token.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    hex::encode(digest(&SHA256, certificate).as_ref())
}

/// Trusts a chain that contains the CA with one fingerprint, and holds under it.
#[derive(Debug)]
struct PinnedCa {
    fingerprint: String,
    provider: Arc<CryptoProvider>,
}

impl PinnedCa {
    fn new(fingerprint: &str) -> Self {
        debug_assert_eq!(fingerprint.len(), CA_FINGERPRINT_BYTES * 2);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Self { fingerprint: fingerprint.to_owned(), provider }
    }
}

impl ServerCertVerifier for PinnedCa {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let ca = intermediates
            .iter()
            .find(|certificate| fingerprint(certificate) == self.fingerprint)
            .ok_or_else(|| {
                let chain: Vec<_> = std::iter::once(end_entity).chain(intermediates).cloned().collect();
                let unknown = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
                PeerDiagnosis::new(&chain, server_name, &[]).into_error(&unknown)
            })?;
        let chain = std::iter::once(end_entity).chain(intermediates);
        let now = chain.filter_map(begins).max().map_or(now, |begins| now.max(begins));
        verifier(&[ca.clone().into_owned()], &self.provider)?.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

//! The way to a printer: TCP, and TLS if that is wanted. A printer is trusted by an authority, or by its very certificate: most
//! printers have one that they made themselves.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Printer;
use crate::deliver::authorities;

/// A printer gets so long to answer a call at all.
const CONNECTS_WITHIN: Duration = Duration::from_secs(10);

/// A stream to a printer.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Believes one certificate.
#[derive(Debug)]
struct Pinned {
    fingerprint: Vec<u8>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = ring::digest::digest(&ring::digest::SHA256, end_entity);
        if found.as_ref() == self.fingerprint {
            return Ok(ServerCertVerified::assertion());
        }
        let found = data_encoding::HEXLOWER.encode(found.as_ref());
        Err(Error::General(format!(
            "its certificate is another than the one with the configured fingerprint: it has {found}"
        )))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What is needed to reach a printer, made once.
pub(super) struct Dial {
    host: String,
    port: u16,
    tls: Option<Result<TlsConnector, String>>,
}

fn connector(printer: &Printer) -> Result<TlsConnector, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = match &printer.fingerprint {
        Some(fingerprint) => builder.dangerous().with_custom_certificate_verifier(Arc::new(Pinned {
            fingerprint: fingerprint.clone(),
            provider,
        })),
        None => builder.with_root_certificates(authorities::store(printer.ca.as_deref())?),
    };
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}

impl Dial {
    pub(super) fn new(printer: &Printer) -> Self {
        let tls = printer.tls.then(|| connector(printer));
        Self { host: printer.host.clone(), port: printer.port, tls }
    }

    /// A connection, or why there is none, for people.
    pub(super) async fn connect(&self) -> Result<Box<dyn Stream>, String> {
        let tcp = tokio::time::timeout(CONNECTS_WITHIN, TcpStream::connect((self.host.as_str(), self.port)));
        let stream = match tcp.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(format!(
                    "it cannot be reached at {}:{} ({error}); is it switched on?",
                    self.host, self.port
                ));
            }
            Err(_late) => {
                return Err(format!("nobody answers at {}:{}; is it switched on?", self.host, self.port));
            }
        };
        let connector = match &self.tls {
            None => return Ok(Box::new(stream)),
            Some(Ok(connector)) => connector,
            Some(Err(why)) => return Err(format!("the authorities cannot be read: {why}")),
        };
        let name = ServerName::try_from(self.host.clone());
        let name = name.map_err(|error| format!("{} is no name for a certificate: {error}", self.host))?;
        match tokio::time::timeout(CONNECTS_WITHIN, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(format!(
                "it is not trusted: {error}; `ca` or `fingerprint` under [[printers]] of manager.toml says whom to trust"
            )),
            Err(_late) => Err("it began to encrypt and did not go on".to_owned()),
        }
    }
}

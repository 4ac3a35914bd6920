//! TCP, TLS and HTTP: from an address to a lane on which requests go out.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::UplinkError;
use crate::address::Address;
use crate::clock::Clock;
use crate::identity::Identity;

const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";
/// A ping that is not answered within this ends the connection.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// One manager is talked to, on at most two connections.
const KEPT_SESSIONS: usize = 4;
/// HTTP/1.1 needs little: replies are read in pieces.
const HTTP_1_BUFFER: usize = 16 * 1024;

/// How to connect.
#[derive(Clone)]
pub struct Connector {
    /// Where to.
    pub address: Address,
    /// With which identity and whom to trust.
    pub tls: Arc<ClientConfig>,
    /// Name, TCP and TLS together.
    pub timeout: Duration,
    /// Between pings on HTTP/2.
    pub ping: Duration,
}

/// One connection; requests go out on it, and it ends when this is dropped.
pub struct Lane {
    /// For requests.
    pub sender: Sender,
    driver: Arc<JoinSet<()>>,
}

/// Takes requests.
pub enum Sender {
    /// One at a time.
    Http1(http1::SendRequest<Full<Bytes>>),
    /// Many at a time.
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Lane {
    /// A second lane on the same connection, where the protocol allows it.
    pub fn beside(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => {
                Some(Self { sender: Sender::Http2(sender.clone()), driver: Arc::clone(&self.driver) })
            }
        }
    }

    /// Whether the other side has ended it.
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// The protocol, as people call it.
    pub fn protocol(&self) -> &'static str {
        match &self.sender {
            Sender::Http1(_) => "HTTP/1.1",
            Sender::Http2(_) => "HTTP/2",
        }
    }
}

impl Connector {
    /// Connects.
    pub async fn connect(&self) -> Result<Lane, UplinkError> {
        let slow = || UplinkError::ConnectTimeout { address: self.address.to_string(), limit: self.timeout };
        let tls =
            tokio::time::timeout(self.timeout, self.handshake()).await.unwrap_or_else(|_| Err(slow()))?;
        if tls.get_ref().1.alpn_protocol() == Some(HTTP_2) {
            self.http_2(tls).await
        } else {
            http_1(tls).await
        }
    }

    async fn handshake(&self) -> Result<TlsStream<TcpStream>, UplinkError> {
        let address = || self.address.to_string();
        let host = self.address.host.as_str();
        let tcp = TcpStream::connect((host, self.address.port))
            .await
            .map_err(|source| UplinkError::Unreachable { address: address(), source })?;
        // Reports are small and wanted at once.
        tcp.set_nodelay(true).map_err(|source| UplinkError::Unreachable { address: address(), source })?;
        let name = ServerName::try_from(host.to_owned()).map_err(|cause| UplinkError::Handshake {
            address: address(),
            source: std::io::Error::other(cause),
        })?;
        TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, tcp)
            .await
            .map_err(|source| UplinkError::Handshake { address: address(), source })
    }

    async fn http_2(&self, tls: TlsStream<TcpStream>) -> Result<Lane, UplinkError> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(self.ping)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(tls))
            .await?;
        Ok(Lane { sender: Sender::Http2(sender), driver: drive(connection) })
    }
}

async fn http_1(tls: TlsStream<TcpStream>) -> Result<Lane, UplinkError> {
    let (sender, connection) =
        http1::Builder::new().max_buf_size(HTTP_1_BUFFER).handshake(TokioIo::new(tls)).await?;
    Ok(Lane { sender: Sender::Http1(sender), driver: drive(connection) })
}

/// Runs a connection for as long as a lane holds on to it. Its error also reaches the request that it
/// broke, where it is handled.
fn drive(connection: impl Future<Output = hyper::Result<()>> + Send + 'static) -> Arc<JoinSet<()>> {
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        if let Err(cause) = connection.await {
            tracing::debug!("a connection ended: {cause}");
        }
    });
    Arc::new(driver)
}

#[derive(Debug)]
struct CertificateTime(Arc<Clock>);

impl TimeProvider for CertificateTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0.certificate_time())
    }
}

/// TLS 1.3 with the device's certificate, trusting the manager's CA and nobody else.
pub fn mutual_tls(identity: &Identity, clock: &Arc<Clock>) -> Result<Arc<ClientConfig>, UplinkError> {
    clock.learn(identity.facts.begins);
    let mut roots = RootCertStore::empty();
    for certificate in &identity.manager_ca {
        roots.add(certificate.clone()).map_err(UplinkError::Credentials)?;
    }
    let config = builder(clock)?
        .with_root_certificates(roots)
        .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
        .map_err(UplinkError::Credentials)?;
    Ok(finished(config))
}

/// TLS 1.3 without a certificate of the device, trusting whom a verifier trusts: for the enrolment.
pub fn enrolment_tls(
    verifier: Arc<dyn ServerCertVerifier>,
    clock: &Arc<Clock>,
) -> Result<Arc<ClientConfig>, UplinkError> {
    let config = builder(clock)?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    Ok(finished(config))
}

fn builder(
    clock: &Arc<Clock>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, UplinkError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let time = Arc::new(CertificateTime(Arc::clone(clock)));
    ClientConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(UplinkError::Credentials)
}

fn finished(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
    config.resumption = Resumption::in_memory_sessions(KEPT_SESSIONS);
    Arc::new(config)
}

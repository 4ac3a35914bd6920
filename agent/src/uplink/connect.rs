//! From an address to a connection on which requests go out: a stream, TLS, HTTP.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use tokio::io::AsyncReadExt as _;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::UplinkError;
use super::connect_trace::{ConnectTrace, Step};
use super::connection::Connection;
use super::dial::{Dial, Stream};
use super::overheard::{Heard, Overheard};
use super::plain_answer::PlainAnswer;
use super::segments::Segments;
use super::trust::sign::{Inspected, Signing};
use super::trust::{Trust, inspecting_ca};
use crate::clock::Clock;
use crate::identity::Identity;
use crate::identity::address::Address;

/// The one application protocol that is offered. HTTP/2 is left out on purpose: a device that is parked by it costs the
/// manager several times as much, and the agent the code of a second protocol (docs/protocol.md, "Which HTTP").
const HTTP_1: &[u8] = b"http/1.1";
/// One manager is talked to, on at most two connections.
const KEPT_SESSIONS: usize = 4;
/// What answers without TLS is given so long to say the rest of it.
const REST_OF_ANSWER: Duration = Duration::from_millis(500);

/// The stream below TLS.
type Below = Overheard<Box<dyn Stream>>;

/// How to connect.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Where to.
    pub address: Address,
    /// How the stream is made.
    pub dial: Arc<dyn Dial>,
    /// Whether there is TLS on the stream, and which.
    pub tls: TlsMode,
    /// For everything together: name, TCP, proxy and TLS. Where TLS is not answered, as much again for the try in
    /// small segments.
    pub timeout: Duration,
    /// In what segments to begin.
    pub segments: Segments,
}

/// What is between the stream and HTTP.
#[derive(Debug, Clone)]
pub enum TlsMode {
    /// TLS, with an identity and with whom to trust. Nothing that a configuration can say leads to
    /// anything else.
    Tls(Arc<ClientConfig>),
    /// TLS that a proxy of the site may open, as the configuration says: then messages are signed.
    Inspectable(Arc<ClientConfig>, Arc<Signing>),
    /// HTTP without TLS: for a simulated network, in which nobody listens.
    Plain,
}

impl Connector {
    /// Connects.
    pub async fn connect(&self) -> Result<Connection, UplinkError> {
        self.connect_traced(&ConnectTrace::default()).await
    }

    /// Connects, and records its steps in `trace`. Where TLS stalls, that may be for the size of its packets: it is
    /// tried once more in small ones, and the trace is that of the second try.
    pub async fn connect_traced(&self, trace: &ConnectTrace) -> Result<Connection, UplinkError> {
        match self.attempt(self.segments, trace).await {
            Err(cause) if self.segments == Segments::Whole && cause.has_stalled() => {
                tracing::debug!("trying small packets: {cause}");
                trace.begin_again();
                self.attempt(Segments::Small, trace).await
            }
            first => first,
        }
    }

    /// The same, in small segments.
    pub(super) fn in_small_segments(&self) -> Self {
        Self { segments: Segments::Small, ..self.clone() }
    }

    async fn attempt(&self, segments: Segments, trace: &ConnectTrace) -> Result<Connection, UplinkError> {
        // Boxed, for it is large and lives short.
        let mut connection = self.limited(segments, trace, Box::pin(self.all(segments, trace))).await?;
        connection.segments = segments;
        Ok(connection)
    }

    /// Makes only the stream, and records its steps in `trace`.
    pub async fn reach_traced(&self, trace: &ConnectTrace) -> Result<Box<dyn Stream>, UplinkError> {
        let stream = async { Ok(self.dial.dial(&self.address, self.segments, trace).await?) };
        self.limited(self.segments, trace, stream).await
    }

    async fn limited<T>(
        &self,
        segments: Segments,
        trace: &ConnectTrace,
        task: impl Future<Output = Result<T, UplinkError>>,
    ) -> Result<T, UplinkError> {
        let slow = || UplinkError::ConnectTimeout {
            address: self.address.authority(),
            proxy: self.dial.through(),
            limit: self.timeout,
            during: trace.last().unwrap_or(Step::Name),
            begun: trace.has_heard(),
            segments,
        };
        tokio::time::timeout(self.timeout, task).await.unwrap_or_else(|_| Err(slow()))
    }

    async fn all(&self, segments: Segments, trace: &ConnectTrace) -> Result<Connection, UplinkError> {
        let stream = self.dial.dial(&self.address, segments, trace).await?;
        let (config, signing) = match &self.tls {
            TlsMode::Tls(config) => (config, None),
            TlsMode::Inspectable(config, signing) => (config, Some(signing)),
            TlsMode::Plain => return Connection::begin(stream).await,
        };
        trace.enter(Step::Tls, self.address.authority());
        let tls = self.secure(config, stream, trace.listen()).await?;
        let inspected = self.inspection(signing, &tls)?;
        trace.found(match &inspected {
            None => "the manager's certificate is valid".to_owned(),
            Some(inspected) => format!("inspected by «{}»: messages are signed", inspected.by),
        });
        trace.enter(Step::Http, self.address.authority());
        let mut connection = Connection::begin(tls).await?;
        trace.found(Connection::PROTOCOL);
        connection.inspected = inspected;
        Ok(connection)
    }

    /// Whether a proxy inspects the connection that was made.
    fn inspection(
        &self,
        signing: Option<&Arc<Signing>>,
        tls: &TlsStream<Below>,
    ) -> Result<Option<Arc<Inspected>>, UplinkError> {
        let Some(signing) = signing else { return Ok(None) };
        let chain = tls.get_ref().1.peer_certificates().unwrap_or_default();
        let inspected = signing
            .inspection(chain)
            .map_err(|cause| UplinkError::handshake(&self.address, std::io::Error::other(cause)))?;
        Ok(inspected.map(Arc::new))
    }

    async fn secure(
        &self,
        config: &Arc<ClientConfig>,
        stream: Box<dyn Stream>,
        heard: Arc<Heard>,
    ) -> Result<TlsStream<Below>, UplinkError> {
        let failed = |source| UplinkError::handshake(&self.address, source);
        let name = ServerName::try_from(self.address.host.clone());
        let name = name.map_err(|cause| failed(std::io::Error::other(cause)))?;
        let stream = Overheard::new(stream, Arc::clone(&heard));
        match TlsConnector::from(Arc::clone(config)).connect(name, stream).into_fallible().await {
            Ok(mut tls) => {
                tls.get_mut().0.enough();
                Ok(tls)
            }
            Err((source, stream)) => match plain_answer(stream, &heard).await {
                None => Err(failed(source)),
                Some(answer) => {
                    let (address, proxy) = (self.address.authority(), self.dial.through());
                    Err(UplinkError::NotTls { address, proxy, answer, source })
                }
            },
        }
    }
}

/// What answered, if it was not TLS. The head of its answer may come in pieces.
async fn plain_answer(mut stream: Below, heard: &Heard) -> Option<PlainAnswer> {
    let rest = async {
        let mut piece = [0; 512];
        while PlainAnswer::is_incomplete(&heard.first())
            && stream.read(&mut piece).await.is_ok_and(|read| read > 0)
        {}
    };
    // What it has said by then is what it is told by.
    let _ = tokio::time::timeout(REST_OF_ANSWER, rest).await;
    PlainAnswer::read(&heard.first())
}

/// The mode that the configuration asks for: TLS with the manager only, or also with a proxy that inspects TLS and
/// whose CA is named there.
///
/// # Errors
/// When the identity or the CA of the proxy cannot be used.
pub fn tls_mode(
    identity: &Identity,
    inspecting_ca: Option<&Path>,
    address: &Address,
    clock: &Arc<Clock>,
) -> Result<TlsMode, UplinkError> {
    let inspecting = inspecting_ca.map(inspecting_ca::load).transpose()?.unwrap_or_default();
    let trust = Arc::new(Trust::new(&identity.manager_ca, &inspecting).map_err(UplinkError::Credentials)?);
    let tls = mutual_tls(identity, &trust, clock)?;
    if inspecting.is_empty() {
        return Ok(TlsMode::Tls(tls));
    }
    Ok(TlsMode::Inspectable(tls, Arc::new(Signing::new(identity, &trust, clock, &address.host)?)))
}

#[derive(Debug)]
struct CertificateTime(Arc<Clock>);

impl TimeProvider for CertificateTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0.certificate_time())
    }
}

/// TLS 1.3 with the device's certificate.
pub fn mutual_tls(
    identity: &Identity,
    trust: &Arc<Trust>,
    clock: &Arc<Clock>,
) -> Result<Arc<ClientConfig>, UplinkError> {
    let verifier: Arc<dyn ServerCertVerifier> = Arc::clone(trust) as _;
    clock.learn(identity.known_time);
    let config = builder(clock)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(shown(identity), identity.key.clone_key())
        .map_err(UplinkError::Credentials)?;
    Ok(finished(config))
}

/// The device's chain without the CA, which the manager has, and would keep once more for each connection.
fn shown(identity: &Identity) -> Vec<CertificateDer<'static>> {
    let below: Vec<_> =
        identity.chain.iter().filter(|one| !identity.manager_ca.contains(one)).cloned().collect();
    if below.is_empty() { identity.chain.clone() } else { below }
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
    config.alpn_protocols = vec![HTTP_1.to_vec()];
    config.resumption = Resumption::in_memory_sessions(KEPT_SESSIONS);
    Arc::new(config)
}

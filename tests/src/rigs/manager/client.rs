//! Clients of both listeners of a manager, which can also do what no agent and no browser does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use platen_manager::certificate_files::Facts;
use platen_protocol::problem::{Problem, ProblemKind};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::client::TlsStream;

/// Nothing here takes this long; it only keeps a broken test from hanging.
pub const LIMIT: Duration = Duration::from_secs(30);
/// A key and a request for its certificate.
pub fn csr(name: &str) -> (String, String) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    let csr = parameters.serialize_request(&key).unwrap().pem().unwrap();
    (key.serialize_pem(), csr)
}

/// A clock that stands.
#[derive(Debug)]
struct Fixed(Timestamp);

impl rustls::time_provider::TimeProvider for Fixed {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.as_second().try_into().unwrap())))
    }
}

/// A program with or without a certificate.
#[derive(Clone)]
pub struct Client {
    tls: Arc<rustls::ClientConfig>,
}

impl Client {
    /// One that trusts this CA, with a chain and a key in PEM or as nobody, speaking both versions of HTTP.
    pub fn new(ca: &str, identity: Option<(&str, &str)>) -> Self {
        Self::with_protocols(ca, identity, &[b"h2", b"http/1.1"])
    }

    /// As [`Self::new`], speaking these versions of HTTP.
    pub fn with_protocols(ca: &str, identity: Option<(&str, &str)>, protocols: &[&[u8]]) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            Some((chain, key)) => builder
                .with_client_auth_cert(
                    CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect(),
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
                )
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Self { tls: Arc::new(config) }
    }

    /// The same device, speaking one version of HTTP.
    #[must_use]
    pub fn speaking(&self, protocol: &[u8]) -> Self {
        let mut tls = (*self.tls).clone();
        tls.alpn_protocols = vec![protocol.to_vec()];
        Self { tls: Arc::new(tls) }
    }

    /// The same program at another time.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        let mut tls = (*self.tls).clone();
        tls.time_provider = Arc::new(Fixed(now));
        // Each handshake is a whole one, by which the certificates are looked at.
        tls.resumption = rustls::client::Resumption::disabled();
        Self { tls: Arc::new(tls) }
    }

    /// What the certificate says of itself that a listener shows.
    pub async fn shown(&self, address: SocketAddr) -> std::io::Result<Facts> {
        let tls = self.shake_hands(address).await?;
        Ok(Facts::of(tls.get_ref().1.peer_certificates().unwrap()).unwrap())
    }

    /// TLS, and nothing said yet.
    pub async fn shake_hands(&self, address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        self.shake_hands_on(TcpStream::connect(address).await?).await
    }

    /// The same on a connection that is there.
    pub async fn shake_hands_on(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        // A head and its body are two writes: by Nagle the second would wait for the delayed acknowledgement of the first.
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        tokio_rustls::TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await
    }

    /// A connection on which HTTP is spoken.
    pub async fn connect(&self, address: SocketAddr) -> std::io::Result<Connection> {
        Self::converse(self.shake_hands(address).await?).await
    }

    /// From another address of this machine.
    pub async fn connect_from(&self, from: SocketAddr, to: SocketAddr) -> std::io::Result<Connection> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(from)?;
        self.connect_on(socket.connect(to).await?).await
    }

    /// On a connection that is there.
    pub async fn connect_on(&self, stream: TcpStream) -> std::io::Result<Connection> {
        Self::converse(self.shake_hands_on(stream).await?).await
    }

    async fn converse(tls: TlsStream<TcpStream>) -> std::io::Result<Connection> {
        let h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        let io = TokioIo::new(tls);
        if h2 {
            let (sender, driver) =
                http2::handshake(TokioExecutor::new(), io).await.map_err(std::io::Error::other)?;
            tokio::spawn(driver);
            Ok(Connection::H2(sender))
        } else {
            let (sender, driver) = http1::handshake(io).await.map_err(std::io::Error::other)?;
            tokio::spawn(driver);
            Ok(Connection::H1(sender))
        }
    }

    /// One batch to the listener for devices, on a connection of its own.
    pub async fn report(&self, devices: SocketAddr, batch: &Value) -> Answer {
        self.connect(devices).await.unwrap().post("/v1/reports", batch).await
    }
}

type Sent = UnsyncBoxBody<Bytes, Infallible>;

/// A connection of a [`Client`].
pub enum Connection {
    /// HTTP/1.1.
    H1(http1::SendRequest<Sent>),
    /// HTTP/2.
    H2(http2::SendRequest<Sent>),
}

impl Connection {
    /// Whether the other side has ended it.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::H1(sender) => sender.is_closed(),
            Self::H2(sender) => sender.is_closed(),
        }
    }

    /// Sends a request; the answer as far as its head.
    pub async fn open(&mut self, request: Request<Bytes>) -> hyper::Result<Response<Incoming>> {
        self.open_sent(request.map(|body| Full::new(body).boxed_unsync())).await
    }

    /// Sends a body in pieces, without saying how long it is.
    pub async fn stream(&mut self, path: &str, piece: &Bytes, pieces: usize) -> hyper::Result<StatusCode> {
        let frames = std::iter::repeat_n(piece.clone(), pieces).map(|piece| Ok(Frame::data(piece)));
        let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
        Ok(self.open_sent(request("POST", path, "").map(|_| body)).await?.status())
    }

    /// Sends a first part of a body, says so, and sends the rest when it is given.
    pub async fn post_in_two(
        &mut self,
        path: &str,
        (first, begun): (Bytes, oneshot::Sender<()>),
        rest: oneshot::Receiver<Bytes>,
    ) -> hyper::Result<Answer> {
        let first = futures_util::stream::once(async {
            // Nobody has to wait for that.
            let _ = begun.send(());
            Ok(Frame::data(first))
        });
        let rest = futures_util::stream::once(async { Ok(Frame::data(rest.await.unwrap_or_default())) });
        let body = StreamBody::new(futures_util::StreamExt::chain(first, rest)).boxed_unsync();
        let response = self.open_sent(request("POST", path, "").map(|_| body)).await?;
        Answer::of(response).await
    }

    async fn open_sent(&mut self, mut request: Request<Sent>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::H1(sender) => {
                *request.uri_mut() = request.uri().path_and_query().unwrap().as_str().parse().unwrap();
                request.headers_mut().insert("host", "localhost".parse().unwrap());
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::H2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    /// Sends a request; the whole answer, within [`LIMIT`].
    pub async fn send(&mut self, request: Request<Bytes>) -> hyper::Result<Answer> {
        tokio::time::timeout(LIMIT, async { Answer::of(self.open(request).await?).await })
            .await
            .expect("no answer")
    }

    /// Posts JSON; the whole answer.
    pub async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send(request("POST", path, body.to_string())).await.unwrap()
    }

    /// Posts a batch and lets itself be held.
    pub async fn park(&mut self, batch: &Value, seconds: u32) -> hyper::Result<Answer> {
        self.hold("/v1/reports", batch, seconds).await
    }

    /// Posts JSON and lets itself be held.
    pub async fn hold(&mut self, path: &str, body: &Value, seconds: u32) -> hyper::Result<Answer> {
        let mut request = request("POST", path, body.to_string());
        request.headers_mut().insert("prefer", format!("wait={seconds}").parse().unwrap());
        self.send(request).await
    }
}

/// A request to a path of the manager.
pub fn request(method: &str, path: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::builder().method(method).uri(format!("https://localhost{path}")).body(body.into()).unwrap()
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: hyper::HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    async fn of(response: Response<Incoming>) -> hyper::Result<Self> {
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Self { status: parts.status, headers: parts.headers, body })
    }

    /// Seconds after which it says to come again.
    pub fn retry_after(&self) -> u64 {
        self.headers["retry-after"].to_str().unwrap().parse().unwrap()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, which it must be.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The problem that it is, which must be of that kind and say so in every place.
    pub fn problem(&self, kind: ProblemKind) -> String {
        let problem: Problem =
            serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()));
        assert_eq!(problem.kind, kind, "{}", problem.detail);
        assert_eq!((self.status.as_u16(), problem.status), (kind.status(), kind.status()));
        assert_eq!(self.headers["content-type"], "application/problem+json");
        problem.detail
    }

    /// The sequence up to which a reply acknowledges.
    pub fn acknowledged(&self) -> u64 {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        self.json()["acknowledged"]["sequence"].as_u64().unwrap()
    }

    /// The ids of the commands in a reply.
    pub fn commands(&self) -> Vec<String> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        let reply = self.json();
        reply["commands"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

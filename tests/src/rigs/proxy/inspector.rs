//! A proxy that inspects TLS, as companies have them: it shows a certificate of its own CA for the
//! manager's name, reads what passes, and sends it on over a connection of its own. What it does to a
//! message beside that, a test says.
//!
//! It listens where a transparent proxy's redirection would lead; for a device that is the manager's address.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use platen_protocol::signature::{INPUT_FIELD, SIGNATURE_FIELD};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::rigs::network::background::Background;

/// The proxy's CA.
pub const NAME: &str = "Example Corp Proxy CA";

/// What the proxy does to a message, beside reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mischief {
    /// Nothing.
    None,
    /// A word in the body of each request becomes another.
    AlterRequest,
    /// Each request is to be answered at once, whatever it wished.
    TakeWishToWait,
    /// Each request goes to the manager twice; the device gets the first answer.
    Replay,
    /// A number in the body of each answer becomes another.
    AlterAnswer,
    /// Each answer is a success.
    AlterStatus,
    /// Each answer comes without its signature.
    TakeSignature,
    /// Each answer is the one to an earlier request.
    SwapAnswers,
    /// The proxy answers with a page of its own.
    Block,
}

/// One message that went through.
#[derive(Debug, Clone)]
pub struct Passed {
    /// What was done to it.
    pub mischief: Mischief,
    /// The body of the request, as the device sent it.
    pub request: String,
    /// The manager's answers, and their bodies: none, one, or two.
    pub answers: Vec<(u16, String)>,
}

#[derive(Default)]
struct State {
    mischief: Option<Mischief>,
    passed: Vec<Passed>,
    /// The first answer that went through.
    kept: Option<Response<Full<Bytes>>>,
}

/// The proxy; it ends when this is dropped.
pub struct Inspector {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its CA, in PEM.
    pub ca: String,
    state: Arc<Mutex<State>>,
    _background: Background,
}

/// The way on to the manager.
struct Upstream {
    port: u16,
    tls: Arc<ClientConfig>,
}

impl Inspector {
    /// In front of a manager on this machine with this CA; it speaks these protocols to devices.
    pub fn start(manager_port: u16, manager_ca: &str, protocols: &[&[u8]]) -> Self {
        let (ca, server) = certificates(protocols);
        let upstream = Upstream { port: manager_port, tls: trusting(manager_ca) };
        let state = Arc::new(Mutex::new(State::default()));
        let (acceptor, upstream, shared) =
            (TlsAcceptor::from(server), Arc::new(upstream), Arc::clone(&state));
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let background = Background::start(None, listen, move |tcp| {
            Some(serve(tcp, acceptor.clone(), Arc::clone(&upstream), Arc::clone(&shared)))
        });
        Self { address: background.address(), ca, state, _background: background }
    }

    /// The URL that devices are given.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on it does this, to what comes from now on.
    pub fn does(&self, mischief: Mischief) {
        self.state().mischief = Some(mischief);
    }

    /// What has passed so far.
    pub fn passed(&self) -> Vec<Passed> {
        self.state().passed.clone()
    }
}

fn certificates(protocols: &[&[u8]]) -> (String, Arc<ServerConfig>) {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name = DistinguishedName::new();
    authority.distinguished_name.push(DnType::CommonName, NAME);
    let key = KeyPair::generate().unwrap();
    let ca = authority.self_signed(&key).unwrap();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let leaf =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    (ca.pem(), Arc::new(config))
}

fn trusting(ca: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

async fn serve(tcp: TcpStream, acceptor: TlsAcceptor, upstream: Arc<Upstream>, state: Arc<Mutex<State>>) {
    let Ok(tls) = acceptor.accept(tcp).await else { return };
    let http_2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |request| {
        let (upstream, state) = (Arc::clone(&upstream), Arc::clone(&state));
        async move { pass(&upstream, &state, request).await }
    });
    let io = TokioIo::new(tls);
    // The client may break off as it likes.
    if http_2 {
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = builder.serve_connection(io, service).await;
    } else {
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
    }
}

/// The device or the manager is gone.
type Gone = std::io::Error;
type Answer = Response<Full<Bytes>>;

async fn pass(upstream: &Upstream, state: &Mutex<State>, request: Request<Incoming>) -> Result<Answer, Gone> {
    let mischief = state.lock().unwrap().mischief.unwrap_or(Mischief::None);
    let (mut head, body) = request.into_parts();
    let mut body = body.collect().await.map_err(Gone::other)?.to_bytes();
    let mut passed =
        Passed { mischief, request: String::from_utf8_lossy(&body).into_owned(), answers: Vec::new() };
    match mischief {
        Mischief::AlterRequest => {
            body = passed.request.replace("\"simulated\":true", "\"simulated\":false").into();
        }
        Mischief::TakeWishToWait => {
            head.headers.insert("prefer", HeaderValue::from_static("wait=0"));
        }
        _ => {}
    }
    let answer = if mischief == Mischief::Block {
        Response::builder().status(StatusCode::FORBIDDEN).body(Full::from("<h1>Blocked</h1>")).unwrap()
    } else {
        let answer = upstream.ask(&head, body.clone(), &mut passed).await?;
        if mischief == Mischief::Replay {
            upstream.ask(&head, body, &mut passed).await?;
        }
        answer
    };
    let answer = spoil(mischief, answer, state).await;
    state.lock().unwrap().passed.push(passed);
    Ok(answer)
}

/// What is done to an answer.
async fn spoil(mischief: Mischief, answer: Answer, state: &Mutex<State>) -> Answer {
    let kept = state.lock().unwrap().kept.get_or_insert_with(|| answer.clone()).clone();
    let (mut head, body) = answer.into_parts();
    let mut body = body.collect().await.unwrap().to_bytes();
    match mischief {
        Mischief::AlterAnswer => {
            let text = String::from_utf8_lossy(&body).replace("\"sequence\":", "\"sequence\":9");
            body = text.into();
            head.headers.remove(CONTENT_LENGTH);
        }
        Mischief::AlterStatus => head.status = StatusCode::ACCEPTED,
        Mischief::TakeSignature => {
            head.headers.remove(SIGNATURE_FIELD);
            head.headers.remove(INPUT_FIELD);
        }
        Mischief::SwapAnswers => return kept,
        _ => {}
    }
    Response::from_parts(head, Full::new(body))
}

impl Upstream {
    async fn ask(
        &self,
        head: &hyper::http::request::Parts,
        body: Bytes,
        passed: &mut Passed,
    ) -> Result<Answer, Gone> {
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(tls)).await.map_err(Gone::other)?;
        let mut driver = tokio::task::JoinSet::new();
        driver.spawn(async move {
            // Its error is also that of the request on it.
            let _ = connection.await;
        });
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request =
            Request::builder().method(head.method.clone()).uri(path).body(Full::new(body)).unwrap();
        *request.headers_mut() = head.headers.clone();
        request.headers_mut().remove(CONTENT_LENGTH);
        // As proxies do, it writes the host in its own way, and that it was there.
        request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
        request.headers_mut().insert("via", HeaderValue::from_static("1.1 proxy.example"));
        let (mut head, body) = sender.send_request(request).await.map_err(Gone::other)?.into_parts();
        let body = body.collect().await.map_err(Gone::other)?.to_bytes();
        passed.answers.push((head.status.as_u16(), String::from_utf8_lossy(&body).into_owned()));
        head.headers.insert("via", HeaderValue::from_static("1.1 proxy.example"));
        head.version = hyper::Version::default();
        Ok(Response::from_parts(head, Full::new(body)))
    }
}

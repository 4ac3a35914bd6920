//! Many devices and who wakes them, in this process, straight on the wire. What is measured is never here: the servers are
//! processes of their own, on another processor.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use platen_tests::rigs::crowd::AT_ONCE;
use platen_tests::rigs::crowd::wire::{Carried, Tls, dial, reports};
use platen_tests::rigs::manager::process::OPERATOR;
use platen_tests::rigs::pki::{Identity, Pki, SERVER_NAME};
use platen_tests::rigs::process::run_ok;
use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::mqtt;
use crate::server::{Http, Kind, Server};

/// How long a device lets itself be held.
const WAIT_SECONDS: u32 = 240;
/// The waits that have ended and nobody has looked at.
const ENDED_WAITS: usize = 100_000;

/// A device of any server.
#[expect(clippy::large_enum_variant, reason = "all of one run are of one kind")]
enum Client {
    Http1 { sender: http1::SendRequest<Full<Bytes>>, request: Request<()>, _carried: Carried },
    Http2 { sender: http2::SendRequest<Full<Bytes>>, request: Request<()>, _carried: Carried },
    Mqtt(Tls),
}

impl Client {
    async fn open(place: &Place, number: usize, config: Arc<ClientConfig>) -> std::io::Result<Self> {
        let mut stream = dial(place.port, number, config).await?;
        let name = &place.names[number];
        match place.kind {
            Kind::Mosquitto => {
                mqtt::connect(&mut stream, name).await?;
                mqtt::subscribe(&mut stream, name).await?;
                Ok(Self::Mqtt(stream))
            }
            Kind::Manager(Http::Two) => {
                let io = TokioIo::new(stream);
                let (sender, connection) =
                    http2::handshake(TokioExecutor::new(), io).await.map_err(std::io::Error::other)?;
                Ok(Self::Http2 { sender, request: parking(), _carried: Carried::spawn(connection) })
            }
            Kind::Manager(Http::One) | Kind::Nchan => {
                let io = TokioIo::new(stream);
                let (sender, connection) = http1::handshake(io).await.map_err(std::io::Error::other)?;
                let request = if place.kind == Kind::Nchan { polling(name) } else { parking() };
                Ok(Self::Http1 { sender, request, _carried: Carried::spawn(connection) })
            }
        }
    }

    /// Waits until it is told something.
    async fn until_woken(&mut self) -> hyper::Result<()> {
        loop {
            let (answer, request) = match self {
                Self::Mqtt(stream) => {
                    mqtt::message(stream).await.unwrap();
                    return Ok(());
                }
                Self::Http1 { sender, request, .. } => {
                    sender.ready().await?;
                    (sender.send_request(filled(request)).await?, request)
                }
                Self::Http2 { sender, request, .. } => {
                    sender.ready().await?;
                    (sender.send_request(filled(request)).await?, request)
                }
            };
            let is_managers = request.headers().contains_key("prefer");
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
            // A wait of the manager may end with nothing to say.
            if !is_managers || has_commands(&body) {
                return Ok(());
            }
        }
    }
}

fn has_commands(body: &[u8]) -> bool {
    let reply: Value = serde_json::from_slice(body).unwrap();
    reply["commands"].as_array().is_some_and(|commands| !commands.is_empty())
}

/// A device that has nothing to report, and lets itself be held.
fn parking() -> Request<()> {
    reports((), Some(WAIT_SECONDS))
}

fn polling(name: &str) -> Request<()> {
    Request::get(format!("/sub/{name}")).header("host", SERVER_NAME).body(()).unwrap()
}

/// The same once more, with its body.
fn filled(request: &Request<()>) -> Request<Full<Bytes>> {
    const NOTHING: &str = r#"{"version":1,"epoch":"bench","oldest_sequence":1,"reports":[]}"#;
    let body = if request.headers().contains_key("prefer") { NOTHING } else { "" };
    let mut made = Request::new(Full::new(Bytes::from_static(body.as_bytes())));
    *made.method_mut() = request.method().clone();
    *made.uri_mut() = request.uri().clone();
    *made.headers_mut() = request.headers().clone();
    made
}

struct Place {
    kind: Kind,
    port: u16,
    names: Vec<String>,
}

/// Devices that are parked at a server. Dropping it cuts their connections.
pub(crate) struct Crowd {
    tasks: JoinSet<()>,
    woken: mpsc::Receiver<(usize, Instant)>,
}

impl Crowd {
    /// Lets all of them in, [`AT_ONCE`] at a time; returns when each has shaken hands and asked to be held.
    pub(crate) async fn park(
        server: &Server,
        identities: &[Identity],
        configs: &[Arc<ClientConfig>],
    ) -> Self {
        let names = identities.iter().map(|identity| identity.name.clone()).collect();
        let place = Arc::new(Place { kind: server.kind, port: server.port, names });
        let turn = Arc::new(Semaphore::new(AT_ONCE));
        let (sender, woken) = mpsc::channel(ENDED_WAITS);
        let (opened, mut opening) = mpsc::channel(AT_ONCE);
        let mut tasks = JoinSet::new();
        for (number, config) in configs.iter().enumerate() {
            let (place, turn, config) = (Arc::clone(&place), Arc::clone(&turn), Arc::clone(config));
            let (sender, opened) = (sender.clone(), opened.clone());
            tasks.spawn(async move {
                let permit = turn.acquire_owned().await.unwrap();
                let mut client = Client::open(&place, number, config).await.unwrap();
                drop(permit);
                opened.send(()).await.unwrap();
                drop(opened);
                loop {
                    client.until_woken().await.unwrap();
                    // Nobody looks any more when the measurement is over.
                    if sender.send((number, Instant::now())).await.is_err() {
                        return;
                    }
                }
            });
        }
        let mut crowd = Self { tasks, woken };
        for _ in 0..configs.len() {
            tokio::select! {
                Some(()) = opening.recv() => {}
                Some(ended) = crowd.tasks.join_next() => panic!("a client ended: {ended:?}"),
            }
        }
        crowd
    }

    /// The next that was woken, and when.
    pub(crate) async fn next_woken(&mut self) -> (usize, Instant) {
        tokio::select! {
            Some(woken) = self.woken.recv() => woken,
            Some(ended) = self.tasks.join_next() => panic!("a client ended: {ended:?}"),
        }
    }

    /// Cuts all connections, and waits until they are gone here.
    pub(crate) async fn leave(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Who wakes devices: an operator's program at the manager, a publisher at its peers. One connection.
#[expect(clippy::large_enum_variant, reason = "there is one")]
pub(crate) enum Waker {
    Operator { sender: http1::SendRequest<Full<Bytes>>, bearer: String, _carried: Carried },
    Nchan { sender: http1::SendRequest<Full<Bytes>>, _carried: Carried },
    Mosquitto(Tls),
}

/// What a publisher says: about as long as the manager's reply with a command.
const MESSAGE: &str = r#"{"version":1,"manager_time":"2026-11-22T09:00:00Z","acknowledged":{"epoch":"bench","sequence":0},"open":{"service_calls":[],"orders":[]},"commands":[{"id":"0123456789abcdef0123456789abcdef","action":{"kind":"read_now"}}]}"#;

impl Waker {
    /// One that is connected. It is a device of its own at the peers.
    pub(crate) async fn open(server: &Server, pki: &Pki, own: &Identity) -> Self {
        let device = || pki.device(own, server.kind.protocols(), 0);
        match server.kind {
            Kind::Manager(_) => {
                let manager = server.manager().unwrap();
                let token = run_ok(manager.command().args(["operator", "token", OPERATOR]), "");
                let (sender, carried) = http(manager.operator_port(), pki.operator()).await;
                Self::Operator { sender, bearer: format!("Bearer {}", token.trim()), _carried: carried }
            }
            Kind::Nchan => {
                let (sender, carried) = http(server.port, device()).await;
                Self::Nchan { sender, _carried: carried }
            }
            Kind::Mosquitto => {
                let mut stream = dial(server.port, 0, device()).await.unwrap();
                mqtt::connect(&mut stream, &own.name).await.unwrap();
                Self::Mosquitto(stream)
            }
        }
    }

    /// Wakes one; returns when the server has taken it.
    pub(crate) async fn wake(&mut self, name: &str) {
        let (sender, request) = match self {
            Self::Mosquitto(stream) => {
                mqtt::publish(stream, name, MESSAGE.as_bytes()).await.unwrap();
                return;
            }
            Self::Nchan { sender, .. } => {
                (sender, Request::post(format!("/pub/{name}")).body(Full::from(MESSAGE)))
            }
            Self::Operator { sender, bearer, .. } => {
                let command = json!({"action": {"kind": "read_now"}}).to_string();
                let request = Request::post(format!("/api/v1/devices/{name}/commands"))
                    .header("content-type", "application/json")
                    .header("authorization", bearer.as_str());
                (sender, request.body(Full::from(command)))
            }
        };
        let mut request = request.unwrap();
        request.headers_mut().insert("host", SERVER_NAME.parse().unwrap());
        sender.ready().await.unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{name}: {status}: {}", String::from_utf8_lossy(&body));
    }
}

/// An HTTP/1.1 connection.
pub(crate) async fn http(port: u16, config: Arc<ClientConfig>) -> (http1::SendRequest<Full<Bytes>>, Carried) {
    let stream = dial(port, 0, config).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    (sender, Carried::spawn(connection))
}

/// Shakes hands and says goodbye; whether an earlier session was resumed. What the server still sends is read, for
/// that is what the next handshake may resume.
pub(crate) async fn handshake(port: u16, number: usize, config: Arc<ClientConfig>) -> bool {
    let mut stream = dial(port, number, config).await.unwrap();
    let resumed = stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
    stream.shutdown().await.unwrap();
    // Some servers end the connection without a word.
    drop(stream.read_to_end(&mut Vec::new()).await);
    resumed
}

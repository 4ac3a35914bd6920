//! Takes connections in: TCP, behind a load balancer the word for whom it is, TLS 1.3, then HTTP/2 or HTTP/1.1 as the client
//! chose by ALPN. Both listeners go through here; nothing here knows what is served.

mod balancers;
mod connection;
mod connection_limit;
mod entrance;
mod handshake;
mod introduction;
mod parked;
mod request_body;
mod rewound;
mod turn_away;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Request;
use hyper::body::Body;
use hyper::service::Service;
use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::counters::{Counters, Turned};
use crate::networks::Networks;
use balancers::Balancers;
use connection::{Until, serve_connection_until};
use connection_limit::{Arrival, ConnectionLimiter, LimitReached};
use entrance::{Entered, Entrance};

pub use connection::{Timeouts, serve_connection};
pub use connection_limit::ConnectionLimits;
pub use parked::{Outcome, Parked, Reply};
pub use request_body::RequestBody;
pub(crate) use turn_away::TurnAway;

/// The pause after an accept that failed (such as for want of file descriptors), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// When the kernel asks a silent peer whether it is there; costs no timer here.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(90);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
const KEEPALIVE_TRIES: u32 = 4;

/// The application protocols, the better first.
pub const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Tells this connection from all others of this run.
    pub connection: u64,
    /// From where; behind a load balancer, as that says.
    pub remote: SocketAddr,
    /// The client certificate, which our CA signed, if there is one.
    pub certificate: Option<CertificateDer<'static>>,
    /// Ends the connection: what is under way may end, for a moment.
    pub leave: CancellationToken,
}

/// What a connection does now, and what comes then. Each is boxed, so that its memory goes with it, and the task has none
/// of it: one of these is all that a task consists of, which makes it half as large as with a few bytes more.
struct Phase(Pin<Box<dyn Future<Output = Option<Phase>> + Send>>);

impl Phase {
    fn new(phase: impl Future<Output = Option<Self>> + Send + 'static) -> Self {
        Self(Box::pin(phase))
    }
}

impl Future for Phase {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        while let Some(next) = ready!(self.0.as_mut().poll(context)) {
            *self = next;
        }
        Poll::Ready(())
    }
}

/// What serves a connection, of whichever service.
type Serving = Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A socket, and under which conditions it is served.
pub struct Listener {
    /// For the log.
    pub name: &'static str,
    /// The socket.
    pub socket: TcpListener,
    /// With which certificate, and whom it asks for one.
    pub tls: Arc<rustls::ServerConfig>,
    /// How many are served at once.
    pub limits: ConnectionLimits,
    /// Whose connections are those of many people: only the limit for all together is theirs.
    pub proxies: Networks,
    /// Load balancers, whose connections begin with the word for whom they are.
    pub balancers: Networks,
    /// How long each may take.
    pub timeouts: Timeouts,
    /// The least of `Retry-After` for those who are turned away.
    pub retry_after_seconds: u32,
    /// Counts who was turned away.
    pub counters: Arc<Counters>,
}

/// Serves until `stop`, then lets what is under way end. It never ends on an error of a connection or
/// of accepting.
pub async fn serve<S, B>(
    listener: Listener,
    stop: CancellationToken,
    service: impl Fn(Peer) -> S + Clone + Send + 'static,
) where
    S: Service<Request<RequestBody>, Response: Reply<Body = B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Failure> + Send + 'static,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failure>,
{
    let Listener { name, socket, tls, limits, proxies, balancers, timeouts, retry_after_seconds, counters } =
        listener;
    let entrance = Arc::new(Entrance {
        name,
        limiter: ConnectionLimiter::new(limits, proxies),
        balancers: Balancers::new(balancers, Arc::clone(&counters)),
        acceptor: TlsAcceptor::from(tls),
        limit: timeouts.handshake,
        counters: Arc::clone(&counters),
    });
    let timeouts = Arc::new(timeouts);
    let mut connections = JoinSet::new();
    let mut count = 0_u64;
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = socket.accept() => accepted.and_then(|(stream, remote)| {
                prepare(&stream, *timeouts)?;
                Ok((stream, remote))
            }),
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Once, and not five times a second for as long as it lasts.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(listener = name, %error, "connections cannot be accepted; retrying");
                }
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => continue,
                }
            }
        };
        if std::mem::take(&mut failing) {
            tracing::info!(listener = name, "connections can be accepted again");
        }
        count += 1;
        let arrival = entrance.arrive(remote);
        if matches!(arrival, Arrival::Closed) {
            counters.count(Turned::Connection);
            continue;
        }
        let connection = count;
        let (entrance, service, stop) = (Arc::clone(&entrance), service.clone(), stop.clone());
        let counters = Arc::clone(&counters);
        let timeouts = Arc::clone(&timeouts);
        connections.spawn(Phase::new(async move {
            let entered = tokio::select! {
                () = stop.cancelled() => None,
                entered = entrance.enter(stream, remote, arrival) => entered,
            };
            let Entered { stream, remote, permit, reached } = entered?;
            let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let serving: Serving = if let Some(reached) = reached {
                counters.count(match reached {
                    LimitReached::Total => Turned::Connection,
                    LimitReached::Address => Turned::Address,
                });
                let turned = TurnAway::without_place(reached, retry_after_seconds);
                Box::pin(serve_connection_until(stream, h2, turned, timeouts, Until::Answered))
            } else {
                let certificate = stream
                    .get_ref()
                    .1
                    .peer_certificates()
                    .and_then(<[_]>::first)
                    .map(|certificate| certificate.clone().into_owned());
                let leave = CancellationToken::new();
                let until = Until::Word { stop, left: leave.clone() };
                let peer = Peer { connection, remote, certificate, leave };
                Box::pin(serve_connection_until(stream, h2, service(peer), timeouts, until))
            };
            Some(Phase::new(async move {
                if let Err(error) = serving.await {
                    tracing::debug!(listener = name, %remote, %error, "a connection ended early");
                }
                drop(permit);
                None
            }))
        }));
    }
    // From now on a new connection is refused by the kernel.
    drop(socket);
    while connections.join_next().await.is_some() {}
}

/// What the kernel is to do for a connection.
fn prepare(stream: &TcpStream, timeouts: Timeouts) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_TRIES);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(timeouts.unread))
}

//! Takes connections in: TCP, TLS 1.3, then HTTP/2 or HTTP/1.1 as the client chose by ALPN. Both
//! listeners go through here; nothing here knows what is served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::stop::Stop;

/// Connections at once; above it new ones wait in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 20_000;
/// How long a client may take for its handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long an HTTP/1.1 connection may be idle, or take to send its headers. Longer than the wait
/// that devices ask for, so that theirs outlive it.
const IDLE_LIMIT: Duration = Duration::from_secs(75);
/// The pause after an accept that failed (such as for want of file descriptors), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 32;
/// The largest header of a request, in bytes.
const MAX_HEADER_BYTES: u32 = 16 * 1024;
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
    /// From where.
    pub remote: SocketAddr,
    /// The client certificate, which our CA signed, if there is one.
    pub certificate: Option<CertificateDer<'static>>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Serves until `stop`, then lets what is under way end. It never ends on an error of a connection or
/// of accepting.
pub async fn serve<S, B>(
    name: &'static str,
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    mut stop: Stop,
    service: impl Fn(Peer) -> S + Clone + Send + 'static,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Failure>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failure>,
{
    let acceptor = TlsAcceptor::from(tls);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut count = 0_u64;
    loop {
        let accepted = tokio::select! {
            () = stop.wait() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, remote, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(listener = name, %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        count += 1;
        let connection = count;
        let (acceptor, service, stop) = (acceptor.clone(), service.clone(), stop.clone());
        connections.spawn(async move {
            // Each phase is boxed, so that its memory goes with it.
            let Some(stream) = Box::pin(handshake(name, acceptor, stream, remote)).await else { return };
            let certificate = stream
                .get_ref()
                .1
                .peer_certificates()
                .and_then(<[_]>::first)
                .map(|certificate| certificate.clone().into_owned());
            let served = service(Peer { connection, remote, certificate });
            let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            if let Err(error) = Box::pin(converse(stream, h2, served, stop)).await {
                tracing::debug!(listener = name, %remote, %error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, remote) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_TRIES);
    socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok((stream, remote, place))
}

async fn handshake(
    name: &'static str,
    acceptor: TlsAcceptor,
    stream: TcpStream,
    remote: SocketAddr,
) -> Option<Box<TlsStream<TcpStream>>> {
    match tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(Box::new(stream)),
        Ok(Err(error)) => {
            tracing::info!(listener = name, %remote, %error, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::info!(listener = name, %remote, "a TLS handshake took too long");
            None
        }
    }
}

/// Serves one connection on any stream, by HTTP/2 or HTTP/1.1, until it ends or `stop`.
pub async fn converse<T, S, B>(stream: T, h2: bool, service: S, mut stop: Stop) -> Result<(), hyper::Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Failure>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failure>,
{
    let stream = TokioIo::new(stream);
    if h2 {
        let mut connection = std::pin::pin!(
            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .max_concurrent_streams(MAX_STREAMS)
                .max_header_list_size(MAX_HEADER_BYTES)
                .serve_connection(stream, service)
        );
        tokio::select! {
            result = connection.as_mut() => return result,
            () = stop.wait() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    } else {
        let mut connection = std::pin::pin!(
            hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE_LIMIT)
                .serve_connection(stream, service)
        );
        tokio::select! {
            result = connection.as_mut() => return result,
            () = stop.wait() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }
}

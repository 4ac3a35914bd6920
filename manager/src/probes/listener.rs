//! The listener for those who watch over the manager: HTTP/1.1 without TLS, on an address that the administrator chose. It
//! answers from the first moment of the manager to its last.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections at once: a load balancer and a Prometheus have a few each. More of them wait.
const CONNECTIONS: usize = 64;
/// How long a peer may take for the header of a request, and say nothing between two.
const HEADER_WITHIN: Duration = Duration::from_secs(30);
/// How long a connection lives at most: one that does not read gives its place back.
const LIFE: Duration = Duration::from_secs(600);
/// The pause after an accept that failed, before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves until `stop`.
pub(crate) async fn serve(socket: TcpListener, router: Router, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&socket, &places) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                let router = router.clone();
                connections.spawn(async move {
                    serve_connection(stream, router).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection to the health listener could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.shutdown().await;
}

async fn accept(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = socket.accept().await?;
    Ok((stream, place))
}

async fn serve_connection(stream: TcpStream, router: Router) {
    let service = TowerToHyperService::new(router);
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WITHIN)
        .serve_connection(TokioIo::new(stream), service);
    let _: Result<Result<(), hyper::Error>, _> = tokio::time::timeout(LIFE, serving).await;
}

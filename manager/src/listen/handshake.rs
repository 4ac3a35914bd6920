//! The TLS handshake of a connection that came in, within its time.

use std::net::SocketAddr;
use std::time::Duration;

use rustls::{Error, PeerIncompatible};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The connection, once it is secure. Why it is not is in the log.
pub(super) async fn handshake(
    name: &'static str,
    acceptor: TlsAcceptor,
    stream: TcpStream,
    remote: SocketAddr,
    limit: Duration,
) -> Option<Box<TlsStream<TcpStream>>> {
    match tokio::time::timeout(limit, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(Box::new(stream)),
        Ok(Err(error)) if speaks_old_tls(&error) => {
            tracing::info!(
                listener = name,
                %remote,
                %error,
                "a TLS handshake failed: the other side offers TLS 1.2 at most, and here it is TLS 1.3; nginx before 1.23.4 needs `proxy_ssl_protocols TLSv1.3;`"
            );
            None
        }
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

fn speaks_old_tls(error: &std::io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    matches!(
        cause,
        Some(Error::PeerIncompatible(
            PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
        ))
    )
}

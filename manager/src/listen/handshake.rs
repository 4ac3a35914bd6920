//! The TLS handshake of a connection that came in, within its time.

use std::io::ErrorKind;
use std::net::SocketAddr;

use rustls::{Error, InvalidMessage, PeerIncompatible};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The connection, once it is secure. Why it is not is in the log; a balancer that only looks whether somebody is there
/// (`is_balancers_own`) is no news.
pub(super) async fn handshake(
    name: &'static str,
    acceptor: TlsAcceptor,
    stream: TcpStream,
    remote: SocketAddr,
    is_balancers_own: bool,
    deadline: Instant,
) -> Option<Box<TlsStream<TcpStream>>> {
    match tokio::time::timeout_at(deadline, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(Box::new(stream)),
        Ok(Err(error))
            if is_balancers_own
                && matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) =>
        {
            tracing::debug!(listener = name, balancer = %remote, "a load balancer looked whether somebody is there");
            None
        }
        Ok(Err(error)) => {
            tracing::info!(listener = name, %remote, %error, "a TLS handshake failed{}", what_to_do(&error));
            None
        }
        Err(_) => {
            tracing::info!(listener = name, %remote, "a TLS handshake took too long");
            None
        }
    }
}

/// Why it failed and what to do about it, where that is known, as the end of a sentence.
fn what_to_do(error: &std::io::Error) -> &'static str {
    match error.get_ref().and_then(|cause| cause.downcast_ref()) {
        Some(Error::PeerIncompatible(
            PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        )) => {
            ": the other side offers TLS 1.2 at most, and here it is TLS 1.3; nginx before 1.23.4 needs `proxy_ssl_protocols TLSv1.3;`"
        }
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            ": what came is not TLS; a load balancer that sends PROXY headers must be listed in `balancers`, for devices"
        }
        _ => "",
    }
}

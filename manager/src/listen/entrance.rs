//! How a connection comes in: a place, for whom it is, TLS; all within the time of a handshake.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::balancers::Balancers;
use super::connection_limit::{Arrival, ConnectionLimiter, LimitReached, Permit};
use super::handshake::handshake;
use super::introduction::Whose;
use crate::counters::{Counters, Turned};

/// The entrance of a listener.
pub(super) struct Entrance {
    pub(super) name: &'static str,
    pub(super) limiter: Arc<ConnectionLimiter>,
    pub(super) balancers: Balancers,
    pub(super) acceptor: TlsAcceptor,
    /// From the first byte to the end of the handshake.
    pub(super) limit: Duration,
    pub(super) counters: Arc<Counters>,
}

/// A connection that has come in.
pub(super) struct Entered {
    pub(super) stream: Box<TlsStream<TcpStream>>,
    /// From where; behind a load balancer, as that says.
    pub(super) remote: SocketAddr,
    pub(super) permit: Permit,
    /// Why it is not served, if it is not.
    pub(super) reached: Option<LimitReached>,
}

impl Entrance {
    /// The place of a connection that was accepted. One that a balancer passes on has it among all, and at an address once
    /// that is known.
    pub(super) fn arrive(&self, remote: SocketAddr) -> Arrival {
        let arrival = self.limiter.enter();
        if self.balancers.are_at(remote) { arrival } else { arrival.at(remote.ip()) }
    }

    /// Lets it in. Why it is not is in the log, or counted.
    pub(super) async fn enter(
        &self,
        mut stream: TcpStream,
        mut remote: SocketAddr,
        mut arrival: Arrival,
    ) -> Option<Entered> {
        let deadline = Instant::now() + self.limit;
        let mut is_balancers_own = false;
        if self.balancers.are_at(remote) {
            match self.balancers.whose(self.name, &mut stream, remote, deadline).await? {
                Whose::Of(address) => (remote, arrival) = (address, arrival.at(address.ip())),
                Whose::Balancer => is_balancers_own = true,
            }
        }
        let (permit, reached) = match arrival {
            Arrival::Served(permit) => (permit, None),
            Arrival::TurnedAway(permit, reached) => (permit, Some(reached)),
            Arrival::Closed => {
                self.counters.count(Turned::Address);
                return None;
            }
        };
        let acceptor = self.acceptor.clone();
        let stream = handshake(self.name, acceptor, stream, remote, is_balancers_own, deadline).await?;
        Some(Entered { stream, remote, permit, reached })
    }
}

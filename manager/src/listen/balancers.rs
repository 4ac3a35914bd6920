//! The load balancers before a listener: their connections must be introduced, and what is not is refused, counted and
//! told of in the log, though not each time: a balancer that is not set up sends one connection after the other.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::time::Instant;

use super::introduction::{NotIntroduced, Whose, introduction};
use crate::counters::{Counters, Turned};
use crate::networks::Networks;

/// How often the log tells of connections that were refused.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Who they are, and what became of their connections.
pub(super) struct Balancers {
    networks: Networks,
    counters: Arc<Counters>,
    /// Held while counting, never across an await.
    untold: Mutex<Untold>,
}

/// Connections that were refused since the log told of some last.
#[derive(Default)]
struct Untold {
    count: u64,
    told: Option<Instant>,
}

impl Untold {
    /// One more; how many there are, if it is time to tell.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        if self.told.is_some_and(|told| now.duration_since(told) < TELL_EVERY) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

impl Balancers {
    pub(super) fn new(networks: Networks, counters: Arc<Counters>) -> Self {
        Self { networks, counters, untold: Mutex::default() }
    }

    /// Whether connections from there are those of a balancer.
    pub(super) fn are_at(&self, remote: SocketAddr) -> bool {
        self.networks.contains(remote.ip())
    }

    /// Whose connection it is that came from a balancer, if that is said in time. Why not is in the log.
    pub(super) async fn whose(
        &self,
        name: &'static str,
        stream: &mut (impl AsyncRead + Unpin),
        balancer: SocketAddr,
        deadline: Instant,
    ) -> Option<Whose> {
        let introduced = tokio::time::timeout_at(deadline, introduction(stream)).await;
        let error = match introduced.unwrap_or(Err(NotIntroduced::Late)) {
            Ok(whose) => return Some(whose),
            Err(NotIntroduced::Silent) => {
                tracing::debug!(listener = name, %balancer, "a load balancer looked whether somebody listens");
                return None;
            }
            Err(error) => error,
        };
        self.counters.count(Turned::Introduction);
        let untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner).count(Instant::now());
        if let Some(connections) = untold {
            tracing::warn!(
                listener = name,
                balancer = %balancer.ip(),
                connections,
                %error,
                "a connection from an address in `balancers` was refused: who it is for must be said by the PROXY protocol, as HAProxy does with `send-proxy-v2`; see docs/scale.md"
            );
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_of_the_first_that_is_refused_and_then_once_a_minute_of_how_many() {
        let (mut untold, start) = (Untold::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(untold.count(start), Some(1));
        assert!((1..60).all(|second| untold.count(after(second)).is_none()));
        assert_eq!(untold.count(after(60)), Some(60));
        assert_eq!(untold.count(after(61)), None);
        assert_eq!(untold.count(after(1000)), Some(2));
    }
}

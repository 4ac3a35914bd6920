//! The reverse proxies before this listener: whom they name is believed if they are trusted, and one that is not
//! trusted is told of in the log.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;

use super::forwarded;
use crate::networks::Networks;

/// Proxies that are told of in one run of the manager: who writes the header to fill the log does not.
const MAX_TOLD: usize = 16;

pub(super) struct Proxies {
    trusted: Networks,
    /// Those that are not trusted and were told of. Held for a look-up.
    told: Mutex<Vec<IpAddr>>,
}

impl Proxies {
    pub(super) fn new(trusted: Networks) -> Self {
        Self { trusted, told: Mutex::default() }
    }

    /// Who asks, on a connection from `peer`.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if forwarded::is_forwarded(headers) && !self.trusted.contains(peer) && self.is_news(peer) {
            tracing::warn!(
                proxy = %peer,
                "requests come through a proxy that is not among trusted_proxies, so everybody behind it counts as one address; see docs/reverse-proxy.md"
            );
        }
        forwarded::client(peer, headers, &self.trusted)
    }

    fn is_news(&self, peer: IpAddr) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = !told.contains(&peer) && told.len() < MAX_TOLD;
        if is_news {
            told.push(peer);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_is_not_trusted_is_told_of_once_and_many_do_not_fill_the_log() {
        let proxies = Proxies::new(Networks::default());
        let address = |number: u8| IpAddr::from([192, 0, 2, number]);
        assert!(proxies.is_news(address(1)) && !proxies.is_news(address(1)));
        let told = (2..=255).filter(|number| proxies.is_news(address(*number))).count();
        assert_eq!(told + 1, MAX_TOLD);
    }
}

//! How many connections there may be: in all, and from one address. Pure counting; who is let in holds a
//! place, and dropping it gives it back.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::networks::Networks;
use crate::throttle::counted;

/// Connections that are let in beyond the limit, only to be told to come again.
pub const MAX_TURNED_AWAY: u32 = 64;

/// How many connections a listener may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all.
    pub connections: u32,
    /// From one address; of IPv6, from one network of 64 bits, which is what one site is given.
    pub per_address: u32,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitReached {
    /// So many connections come from that address.
    Address,
    /// So many are there in all.
    Total,
}

/// What becomes of a new connection; whoever is served or told to come again holds a permit.
pub(crate) enum Arrival {
    /// It is served.
    Served(Permit),
    /// It is told to come again, and why.
    TurnedAway(Permit, LimitReached),
    /// Not even that: it is closed at once.
    Closed,
}

#[derive(Default)]
struct Counts {
    served: u32,
    turned_away: u32,
    by_address: HashMap<IpAddr, u32>,
}

/// Counts the connections of a listener.
pub(crate) struct ConnectionLimiter {
    limits: ConnectionLimits,
    /// Whose connections are those of many people.
    proxies: Networks,
    /// Held while counting, never across an await.
    counts: Mutex<Counts>,
}

/// One connection counted at a listener, until it is dropped.
pub(crate) struct Permit {
    limiter: Arc<ConnectionLimiter>,
    address: IpAddr,
    served: bool,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.limiter.counts();
        if !self.served {
            counts.turned_away -= 1;
            return;
        }
        counts.served -= 1;
        if let Some(count) = counts.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

impl ConnectionLimiter {
    /// `proxies` may have more connections than one address may.
    pub(crate) fn new(limits: ConnectionLimits, proxies: Networks) -> Arc<Self> {
        Arc::new(Self { limits, proxies, counts: Mutex::default() })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection comes in.
    pub(crate) fn enter(self: &Arc<Self>, remote: IpAddr) -> Arrival {
        let address = counted(remote);
        let mut counts = self.counts();
        let here = counts.by_address.get(&address).copied().unwrap_or(0);
        let crowded = if counts.served >= self.limits.connections {
            LimitReached::Total
        } else if here >= self.limits.per_address && !self.proxies.contains(remote) {
            LimitReached::Address
        } else {
            counts.served += 1;
            counts.by_address.insert(address, here + 1);
            return Arrival::Served(Permit { limiter: Arc::clone(self), address, served: true });
        };
        if counts.turned_away >= MAX_TURNED_AWAY {
            return Arrival::Closed;
        }
        counts.turned_away += 1;
        Arrival::TurnedAway(Permit { limiter: Arc::clone(self), address, served: false }, crowded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    fn limiter(limits: ConnectionLimits) -> Arc<ConnectionLimiter> {
        ConnectionLimiter::new(limits, Networks::default())
    }

    #[test]
    fn one_site_that_is_over_its_limit_does_not_take_the_places_of_another() {
        let limiter = limiter(ConnectionLimits { connections: 10, per_address: 2 });
        let held: Vec<Arrival> = (0..5).map(|_| limiter.enter(address(1))).collect();
        let served = held.iter().filter(|entry| matches!(entry, Arrival::Served(_))).count();
        assert_eq!(served, 2);
        assert!(matches!(held[2], Arrival::TurnedAway(_, LimitReached::Address)));
        assert!(matches!(limiter.enter(address(2)), Arrival::Served(_)));
        drop(held);
        assert!(matches!(limiter.enter(address(1)), Arrival::Served(_)));
    }

    #[test]
    fn a_site_with_many_addresses_of_ipv6_is_one_site() {
        let limiter = limiter(ConnectionLimits { connections: 10, per_address: 1 });
        let _held = limiter.enter("2001:db8::1".parse().unwrap());
        let another = limiter.enter("2001:db8::ffff:1".parse().unwrap());
        assert!(matches!(another, Arrival::TurnedAway(_, LimitReached::Address)));
        assert!(matches!(limiter.enter("2001:db8:0:1::1".parse().unwrap()), Arrival::Served(_)));
        let _mapped = limiter.enter("::ffff:192.0.2.1".parse().unwrap());
        assert!(matches!(limiter.enter(address(1)), Arrival::TurnedAway(_, LimitReached::Address)));
    }

    #[test]
    fn a_trusted_proxy_may_have_all_connections_that_there_are() {
        #[derive(serde::Deserialize)]
        struct File {
            proxies: Networks,
        }
        let File { proxies } = toml::from_str("proxies = [\"192.0.2.1\"]").unwrap();
        let limits = ConnectionLimits { connections: 5, per_address: 1 };
        let limiter = ConnectionLimiter::new(limits, proxies);
        let held: Vec<Arrival> = (0..6).map(|_| limiter.enter(address(1))).collect();
        assert!(held[..5].iter().all(|entry| matches!(entry, Arrival::Served(_))));
        assert!(matches!(held[5], Arrival::TurnedAway(_, LimitReached::Total)));
    }

    #[test]
    fn beyond_those_who_can_be_told_connections_are_closed() {
        let limiter = limiter(ConnectionLimits { connections: 1, per_address: 1 });
        let mut held = vec![limiter.enter(address(1))];
        held.extend((0..MAX_TURNED_AWAY).map(|_| limiter.enter(address(2))));
        assert!(matches!(held[1], Arrival::TurnedAway(_, LimitReached::Total)));
        assert!(matches!(limiter.enter(address(3)), Arrival::Closed));
    }

    proptest! {
        #[test]
        fn no_limit_is_passed_and_every_place_comes_back(
            comings in prop::collection::vec((0_u8..5, any::<bool>()), 1..200),
        ) {
            let limiter = limiter(ConnectionLimits { connections: 7, per_address: 3 });
            let mut held: Vec<(u8, Arrival)> = Vec::new();
            for (from, leaves) in comings {
                if leaves && !held.is_empty() {
                    held.remove(usize::from(from) % held.len());
                } else {
                    held.push((from, limiter.enter(address(from))));
                }
                let served: Vec<u8> = held.iter().filter(|(_, entry)| matches!(entry, Arrival::Served(_)))
                    .map(|(from, _)| *from).collect();
                prop_assert!(served.len() <= 7);
                for one in 0_u8..5 {
                    prop_assert!(served.iter().filter(|from| u32::from(**from) == u32::from(one)).count() <= 3);
                }
            }
            drop(held);
            let counts = limiter.counts();
            prop_assert_eq!((counts.served, counts.turned_away, counts.by_address.len()), (0, 0, 0));
        }
    }
}

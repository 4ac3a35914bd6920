//! How many connections there may be: in all, and from one address. Pure counting; who is let in holds a
//! place, and dropping it gives it back.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::networks::Networks;
use crate::throttle::counted;

/// Connections that are let in beyond the limit, only to be told to come again.
const MAX_TURNED_AWAY: u32 = 64;

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
    /// That under which it counts, if it does.
    address: Option<IpAddr>,
    served: bool,
}

impl Permit {
    /// From now on it counts under its address as well, and is not served if there are so many already.
    fn count_under(mut self, remote: IpAddr) -> Arrival {
        let (limiter, address) = (Arc::clone(&self.limiter), counted(remote));
        let mut counts = limiter.counts();
        let here = counts.by_address.get(&address).copied().unwrap_or(0);
        if here < limiter.limits.per_address || limiter.proxies.contains(remote) {
            counts.by_address.insert(address, here + 1);
            self.address = Some(address);
            return Arrival::Served(self);
        }
        if counts.turned_away >= MAX_TURNED_AWAY {
            // Giving the place back counts as well.
            drop(counts);
            return Arrival::Closed;
        }
        counts.served -= 1;
        counts.turned_away += 1;
        self.served = false;
        Arrival::TurnedAway(self, LimitReached::Address)
    }
}

impl Arrival {
    /// It is known from where it comes. Who is turned away already stays so.
    pub(crate) fn at(self, remote: IpAddr) -> Self {
        match self {
            Self::Served(permit) => permit.count_under(remote),
            other => other,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.limiter.counts();
        if !self.served {
            counts.turned_away -= 1;
            return;
        }
        counts.served -= 1;
        let Some(address) = self.address else { return };
        if let Some(count) = counts.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&address);
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

    /// A connection comes in, and it is not known yet for whom: so far only the limit for all together is its.
    pub(crate) fn enter(self: &Arc<Self>) -> Arrival {
        let mut counts = self.counts();
        let permit = |served| Permit { limiter: Arc::clone(self), address: None, served };
        if counts.served < self.limits.connections {
            counts.served += 1;
            return Arrival::Served(permit(true));
        }
        if counts.turned_away >= MAX_TURNED_AWAY {
            return Arrival::Closed;
        }
        counts.turned_away += 1;
        Arrival::TurnedAway(permit(false), LimitReached::Total)
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
        let held: Vec<Arrival> = (0..5).map(|_| limiter.enter().at(address(1))).collect();
        let served = held.iter().filter(|entry| matches!(entry, Arrival::Served(_))).count();
        assert_eq!(served, 2);
        assert!(matches!(held[2], Arrival::TurnedAway(_, LimitReached::Address)));
        assert!(matches!(limiter.enter().at(address(2)), Arrival::Served(_)));
        drop(held);
        assert!(matches!(limiter.enter().at(address(1)), Arrival::Served(_)));
    }

    #[test]
    fn a_site_with_many_addresses_of_ipv6_is_one_site() {
        let limiter = limiter(ConnectionLimits { connections: 10, per_address: 1 });
        let _held = limiter.enter().at("2001:db8::1".parse().unwrap());
        let another = limiter.enter().at("2001:db8::ffff:1".parse().unwrap());
        assert!(matches!(another, Arrival::TurnedAway(_, LimitReached::Address)));
        assert!(matches!(limiter.enter().at("2001:db8:0:1::1".parse().unwrap()), Arrival::Served(_)));
        let _mapped = limiter.enter().at("::ffff:192.0.2.1".parse().unwrap());
        assert!(matches!(limiter.enter().at(address(1)), Arrival::TurnedAway(_, LimitReached::Address)));
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
        let held: Vec<Arrival> = (0..6).map(|_| limiter.enter().at(address(1))).collect();
        assert!(held[..5].iter().all(|entry| matches!(entry, Arrival::Served(_))));
        assert!(matches!(held[5], Arrival::TurnedAway(_, LimitReached::Total)));
    }

    #[test]
    fn who_has_not_said_from_where_it_comes_has_a_place_among_all_and_one_at_its_address_when_it_has() {
        let limiter = limiter(ConnectionLimits { connections: 3, per_address: 1 });
        let [first, second, third] = [(); 3].map(|()| limiter.enter());
        assert!(matches!(limiter.enter(), Arrival::TurnedAway(_, LimitReached::Total)));
        let first = first.at(address(1));
        assert!(matches!(first, Arrival::Served(_)));
        let second = second.at(address(1));
        assert!(matches!(second, Arrival::TurnedAway(_, LimitReached::Address)));
        // Its place is free again, and the address of the third is another.
        assert!(matches!(limiter.enter(), Arrival::Served(_)));
        assert!(matches!(third.at(address(2)), Arrival::Served(_)));
        drop((first, second));
        let counts = limiter.counts();
        assert_eq!((counts.served, counts.turned_away, counts.by_address.len()), (0, 0, 0));
    }

    #[test]
    fn beyond_those_who_can_be_told_connections_are_closed() {
        let limiter = limiter(ConnectionLimits { connections: 1, per_address: 1 });
        let mut held = vec![limiter.enter().at(address(1))];
        held.extend((0..MAX_TURNED_AWAY).map(|_| limiter.enter().at(address(2))));
        assert!(matches!(held[1], Arrival::TurnedAway(_, LimitReached::Total)));
        assert!(matches!(limiter.enter().at(address(3)), Arrival::Closed));
    }

    proptest! {
        #[test]
        fn no_limit_is_passed_and_every_place_comes_back(
            comings in prop::collection::vec((0_u8..5, 0_u8..4), 1..200),
        ) {
            let limiter = limiter(ConnectionLimits { connections: 7, per_address: 3 });
            let mut held: Vec<(u8, Arrival)> = Vec::new();
            let mut unnamed: Vec<Arrival> = Vec::new();
            for (from, what) in comings {
                if what == 0 && !held.is_empty() {
                    held.remove(usize::from(from) % held.len());
                } else if what == 1 {
                    unnamed.push(limiter.enter());
                } else if what == 2 && let Some(named) = unnamed.pop() {
                    held.push((from, named.at(address(from))));
                } else {
                    held.push((from, limiter.enter().at(address(from))));
                }
                let served: Vec<u8> = held.iter().filter(|(_, entry)| matches!(entry, Arrival::Served(_)))
                    .map(|(from, _)| *from).collect();
                let unnamed = unnamed.iter().filter(|entry| matches!(entry, Arrival::Served(_))).count();
                prop_assert!(served.len() + unnamed <= 7);
                for one in 0_u8..5 {
                    prop_assert!(served.iter().filter(|from| u32::from(**from) == u32::from(one)).count() <= 3);
                }
            }
            drop((held, unnamed));
            let counts = limiter.counts();
            prop_assert_eq!((counts.served, counts.turned_away, counts.by_address.len()), (0, 0, 0));
        }
    }
}

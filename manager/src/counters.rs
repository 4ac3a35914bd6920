//! How often devices were turned away, and over which limit: for the operator who must raise one.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::intake::Intake;

/// Over which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// `connections`.
    Connection,
    /// `connections_per_address`.
    Address,
    /// `connections_per_device`.
    Device,
    /// `requests_per_minute`.
    Rate,
    /// `body_memory_mib`.
    Memory,
    /// `waiting_for_store`.
    Queue,
    /// None: the store failed.
    Store,
    /// One of `[quota]`.
    Quota,
    /// None: a load balancer did not say whose connection it was.
    Introduction,
    /// `program_requests_per_minute`.
    Programs,
    /// `transfers` or `transfers_per_device`.
    Transfer,
}

/// Counts since the manager began.
#[derive(Debug, Default)]
pub struct Counters {
    turned: [AtomicU64; 11],
    intake: Intake,
}

/// How often devices were turned away since the manager began, by the limit of `manager.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TurnedAway {
    /// Connections beyond the limit for all devices together.
    pub connections: u64,
    /// Connections beyond the limit for one address.
    pub connections_per_address: u64,
    /// Connections beyond the limit for one device: its oldest was ended, or a request was refused.
    pub connections_per_device: u64,
    /// Requests of a device that asked too often.
    pub requests_per_minute: u64,
    /// Requests for whose body there was no memory.
    pub body_memory_mib: u64,
    /// Requests that came while too many waited for the store.
    pub waiting_for_store: u64,
    /// Requests that failed because the store did.
    pub store_failed: u64,
    /// Batches of reports of a device that was over one of its quotas.
    pub quota: u64,
    /// Connections from one of `balancers` that did not begin with a whole header of the PROXY protocol.
    pub proxy_header: u64,
    /// Requests for programs of a device that asked too often for them.
    pub program_requests_per_minute: u64,
    /// Transfers of programs beyond the limit for all devices together, or for one.
    pub transfers: u64,
}

impl Counters {
    /// One more.
    pub fn count(&self, turned: Turned) {
        if let Some(counter) = self.turned.get(turned as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was handed in.
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// How often devices were turned away.
    pub fn read(&self) -> TurnedAway {
        let of = |turned: Turned| {
            self.turned.get(turned as usize).map_or(0, |count| count.load(Ordering::Relaxed))
        };
        TurnedAway {
            connections: of(Turned::Connection),
            connections_per_address: of(Turned::Address),
            connections_per_device: of(Turned::Device),
            requests_per_minute: of(Turned::Rate),
            body_memory_mib: of(Turned::Memory),
            waiting_for_store: of(Turned::Queue),
            store_failed: of(Turned::Store),
            quota: of(Turned::Quota),
            proxy_header: of(Turned::Introduction),
            program_requests_per_minute: of(Turned::Programs),
            transfers: of(Turned::Transfer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_counted_for_itself() {
        let counters = Counters::default();
        for turned in [Turned::Connection, Turned::Rate, Turned::Rate, Turned::Store, Turned::Introduction] {
            counters.count(turned);
        }
        let read = counters.read();
        assert_eq!((read.connections, read.requests_per_minute, read.store_failed), (1, 2, 1));
        assert_eq!((read.connections_per_address, read.waiting_for_store), (0, 0));
        assert_eq!((read.quota, read.proxy_header), (0, 1));
    }
}

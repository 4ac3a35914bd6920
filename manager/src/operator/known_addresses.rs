//! Addresses from which somebody signed in: who asks from one of them does not wait behind strangers.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::throttle::counted;

/// Addresses that are remembered. When there are more, the one that signed in longest ago is forgotten.
const MAX_KNOWN: usize = 1_000;

/// The latest last; of IPv6, networks of 64 bits.
#[derive(Default)]
pub(super) struct KnownAddresses(Mutex<VecDeque<IpAddr>>);

impl KnownAddresses {
    fn all(&self) -> MutexGuard<'_, VecDeque<IpAddr>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody signed in from there.
    pub(super) fn remember(&self, address: IpAddr) {
        let address = counted(address);
        let mut all = self.all();
        all.retain(|known| *known != address);
        if all.len() >= MAX_KNOWN {
            all.pop_front();
        }
        all.push_back(address);
    }

    /// Whether somebody signed in from there.
    pub(super) fn is_known(&self, address: IpAddr) -> bool {
        self.all().contains(&counted(address))
    }
}

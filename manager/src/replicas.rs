//! Several managers on one database: which of them this one is, and whether it leads ([`crate::following`] has what
//! follows from that).

use std::sync::atomic::{AtomicBool, Ordering};

use crate::store::Replica;

/// What one manager of several knows of itself and the others.
#[derive(Debug)]
pub(crate) struct Replicas {
    me: Replica,
    /// Whether this one does what only one should.
    leads: AtomicBool,
}

impl Replicas {
    pub(crate) const fn new(me: Replica) -> Self {
        Self { me, leads: AtomicBool::new(false) }
    }

    /// This one.
    pub(crate) const fn me(&self) -> Replica {
        self.me
    }

    /// Whether this one does what only one should, such as deleting what is old.
    pub(crate) fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }

    /// From now on.
    pub(crate) fn set_leads(&self, leads: bool) {
        self.leads.store(leads, Ordering::Relaxed);
    }
}

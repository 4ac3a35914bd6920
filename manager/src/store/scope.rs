//! What of the fleet somebody may see. Every look-up for people takes it, so that none can forget it.

use std::collections::BTreeSet;

/// The devices that somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them, also those of no customer.
    All,
    /// Those of these customers, and those at these sites, by their keys.
    Of {
        /// All sites of these.
        customers: BTreeSet<i64>,
        /// These sites.
        sites: BTreeSet<i64>,
    },
}

//! How a device stands, in words for the style sheet and for people.

use crate::device::admit::IdentityState;
use crate::store::IdentityChange;

/// A word for the style sheet.
pub(in super::super) fn identity(state: IdentityState) -> &'static str {
    match state {
        IdentityState::Good => "good",
        IdentityState::EndsSoon => "ends_soon",
        IdentityState::Ended => "ended",
        IdentityState::Readmitted => "readmitted",
        IdentityState::ShutOut => "shut_out",
    }
}

/// What was done, as a word and for people.
pub(in super::super) fn identity_change(what: IdentityChange) -> (&'static str, &'static str) {
    match what {
        IdentityChange::Enrolled => ("enrolled", "Enrolled with a token"),
        IdentityChange::RenewalIssued => ("renewal_issued", "Given a new certificate"),
        IdentityChange::Renewed => ("renewed", "Uses its new certificate"),
        IdentityChange::Revoked => ("revoked", "Shut out"),
        IdentityChange::Readmitted => ("readmitted", "Readmitted"),
    }
}

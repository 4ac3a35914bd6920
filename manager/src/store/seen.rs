//! Whether what somebody changes is still as that person saw it: a record has a mark, which another state of it has not, and
//! who changes it says which was seen. So of two who change the same thing at the same time the second is told, and
//! nobody's act is overwritten.

use serde_json::Value;

use crate::secret::fingerprint;

/// Hexadecimal digits of a mark: two states of one record have the same by chance once in 2^64.
const DIGITS: usize = 16;

/// Somebody else has changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "somebody else has changed it since you looked: nothing was done; look at it again, and then change it"
)]
pub struct ChangedMeanwhile;

/// The mark of a state, which is what the audit log has of it.
pub(super) fn mark(state: &Value) -> String {
    let mut mark = fingerprint(state.to_string().as_bytes());
    mark.truncate(DIGITS);
    mark
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mark_is_that_of_a_state_and_of_no_other() {
        let state = json!({"customer": 1, "name": "Nord"});
        assert_eq!(mark(&state), mark(&state.clone()));
        assert_eq!(mark(&state).len(), DIGITS);
        assert_ne!(mark(&state), mark(&json!({"customer": 1, "name": "Nord "})));
    }
}

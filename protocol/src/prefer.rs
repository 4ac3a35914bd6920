//! The `Prefer: wait=N` header (RFC 7240, section 4.3): how long the manager may hold a request.

use std::time::Duration;

use crate::limits::MAX_WAIT;

/// The header's name.
pub const HEADER: &str = "prefer";

/// The header's value for a wait; whole seconds, as the RFC has it.
pub fn wait(duration: Duration) -> String {
    format!("wait={}", duration.as_secs())
}

/// The wait that a header's value asks for, cut at [`MAX_WAIT`]. A value without a readable wait
/// asks for none, for preferences that are not understood are to be ignored (section 2).
pub fn parse_wait(value: &str) -> Duration {
    value
        .split(',')
        .filter_map(|preference| preference.trim().split(';').next())
        .filter_map(|preference| preference.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, seconds)| seconds.trim().trim_matches('"').parse().ok())
        .map_or(Duration::ZERO, |seconds| Duration::from_secs(seconds).min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wait_is_found_among_other_preferences() {
        assert_eq!(parse_wait("respond-async, wait=10"), Duration::from_secs(10));
        assert_eq!(parse_wait("Wait=\"7\"; foo"), Duration::from_secs(7));
        assert_eq!(parse_wait("handling=lenient"), Duration::ZERO);
        assert_eq!(parse_wait("wait=99999"), MAX_WAIT);
    }

    proptest! {
        #[test]
        fn no_header_holds_a_request_longer_than_the_limit(value in ".{0,60}") {
            prop_assert!(parse_wait(&value) <= MAX_WAIT);
        }

        #[test]
        fn a_wait_survives_the_header(seconds in 0..=MAX_WAIT.as_secs()) {
            let asked = Duration::from_secs(seconds);
            prop_assert_eq!(parse_wait(&wait(asked)), asked);
        }
    }
}

//! The one place that reads the clock. Everything else takes the time as an argument.

use jiff::Timestamp;

/// Now, by the manager's clock.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

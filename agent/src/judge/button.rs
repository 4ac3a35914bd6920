//! The service button: one press is one call, however long it is held and however it bounces.

/// Whether a change of the button is a call. A button that is found pressed when the agent begins is
/// held or stuck, and nobody's new wish.
pub(super) fn is_call(first_seen: bool, active: bool) -> bool {
    active && !first_seen
}

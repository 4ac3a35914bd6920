//! Switches, debounced at their leading edge.
//!
//! An edge is believed at once, for someone is waiting for it; what follows within the window is
//! contact bounce and is ignored, and at its end the level is compared, so that a state that settled
//! the other way is not lost.

use std::time::Duration;

/// A switch: its state, and until when further edges are bounce.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Switch {
    active: Option<bool>,
    quiet_until: Duration,
}

impl Switch {
    /// Takes an edge; returns the new state when it changed.
    pub(super) fn edge(&mut self, active: bool, at: Duration, window: Duration) -> Option<bool> {
        if at < self.quiet_until {
            return None;
        }
        self.quiet_until = at.saturating_add(window);
        self.become_active(active)
    }

    /// Takes a level that was read at a time; returns the new state when it changed. Within the
    /// window the level may be bounce, and says nothing.
    pub(super) fn level(&mut self, active: bool, at: Duration) -> Option<bool> {
        if at < self.quiet_until {
            return None;
        }
        self.become_active(active)
    }

    /// Its state, once it is known.
    pub(super) fn active(&self) -> Option<bool> {
        self.active
    }

    /// Whether anything is known of it yet.
    pub(super) fn is_new(&self) -> bool {
        self.active.is_none()
    }

    fn become_active(&mut self, active: bool) -> Option<bool> {
        let changed = self.active != Some(active);
        self.active = Some(active);
        changed.then_some(active)
    }
}

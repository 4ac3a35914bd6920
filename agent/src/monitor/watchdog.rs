//! What the service manager is told: ready, how it goes, and that there is progress.
//!
//! The watchdog is fed when a sample has come through the whole of the board thread, the channel and
//! the judge, and the uplink's present step is within its time. A timer would go on feeding it while
//! one of them hangs. Without systemd all of this does nothing.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::sample::QUIET;

/// How often systemd wants to hear, if it does.
pub fn interval() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Warns when readings that do not change would feed the watchdog too seldom.
pub fn check(interval: Option<Duration>, sample_interval: Duration) {
    let needed = (QUIET + sample_interval) * 3 / 2;
    if let Some(interval) = interval
        && interval < needed
    {
        tracing::warn!(?interval, ?needed, "WatchdogSec is too short for the intervals of this agent");
    }
}

/// The board is open, the outbox too, and `platen` can connect.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// There was progress.
pub fn feed() {
    tell(&[NotifyState::Watchdog]);
}

/// A line for `systemctl status`.
pub fn status(line: &str) {
    tell(&[NotifyState::Status(line)]);
}

/// The agent ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(cause) = sd_notify::notify(state) {
        tracing::debug!("the service manager was not told: {cause}");
    }
}

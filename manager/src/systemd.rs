//! What the service manager (systemd) is told.

pub(crate) fn notify(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager (systemd) could not be notified");
    }
}

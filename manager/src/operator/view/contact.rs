//! When and how a device was last there.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::contact::ContactState;

/// When and how a device was last there.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ContactView {
    /// Whether it can be reached now.
    pub(in super::super) state: ContactState,
    /// When the manager last heard from it; `null` if never.
    pub(in super::super) last_contact: Option<Timestamp>,
    /// The IP address of its last connection, which may be its site's firewall; `null` if never.
    #[schema(value_type = Option<String>)]
    pub(in super::super) remote: Option<std::net::IpAddr>,
    /// `true` when it has been away for so long that somebody should look after it (`overdue_after_hours` in
    /// the manager's configuration).
    pub(in super::super) overdue: bool,
    /// Who inspects TLS at its site: its messages are then signed. `null` where nobody does, and after a
    /// restart of the manager until the device has been heard.
    pub(in super::super) inspected_by: Option<String>,
}

impl ContactView {
    /// How it can be reached, for people.
    pub(in super::super) const fn words(&self) -> &'static str {
        match self.state {
            ContactState::Parked => "Connected",
            ContactState::Recent => "Seen",
            ContactState::Silent => "Silent, last seen",
            ContactState::Never => "Never seen",
        }
    }

    /// When it was last there, unless it is there now.
    pub(in super::super) fn away_since(&self) -> Option<Timestamp> {
        self.last_contact.filter(|_| self.state != ContactState::Parked)
    }
}

//! What the watches found.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::WatchRecord;
use crate::watch::{Finding, WatchKind};

/// Something that a watch of the manager found because no device reports it, such as being out of contact.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct WatchView {
    /// The device's name, as it enrolled.
    pub(in super::super) device: DeviceId,
    /// The watch that found it.
    pub(in super::super) kind: WatchKind,
    /// `true` until it is over.
    pub(in super::super) open: bool,
    /// Since when it has been so: before it was found.
    pub(in super::super) since: Timestamp,
    /// When the manager found it.
    pub(in super::super) begun: Timestamp,
    /// Since when somebody should act on it; `null` while nobody need.
    pub(in super::super) overdue: Option<Timestamp>,
    /// When it was over; `null` while it is open.
    pub(in super::super) ended: Option<Timestamp>,
    /// The finding, with the numbers that support it.
    pub(in super::super) finding: Finding,
}

impl WatchView {
    /// Whether somebody should act on it.
    pub(in super::super) fn needs_action(&self) -> bool {
        self.overdue.is_some()
    }

    /// A word for the style sheet.
    pub(in super::super) fn class(&self) -> &'static str {
        match self.kind {
            WatchKind::Contact if self.needs_action() => "overdue",
            WatchKind::Contact => "silent",
            WatchKind::Freshness | WatchKind::Frozen => "warning",
        }
    }
}

impl From<WatchRecord> for WatchView {
    fn from(record: WatchRecord) -> Self {
        let WatchRecord { device, begun, overdue, ended, finding, .. } = record;
        let (kind, since) = (finding.kind(), finding.since());
        Self { device, kind, open: ended.is_none(), since, begun, overdue, ended, finding }
    }
}

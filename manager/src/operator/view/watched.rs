//! What the watches found.

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::WatchRecord;
use crate::watch::{Finding, Standing, WatchKind};

/// What a watch found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct WatchView {
    /// Whose it is.
    pub(in super::super) device: DeviceId,
    /// Which watch.
    pub(in super::super) kind: WatchKind,
    /// Whether it stands.
    pub(in super::super) open: bool,
    /// Since when it is so.
    pub(in super::super) since: Timestamp,
    /// When it was found.
    pub(in super::super) begun: Timestamp,
    /// Since when somebody should act on it; `null` while nobody must.
    pub(in super::super) overdue: Option<Timestamp>,
    /// When it was over.
    pub(in super::super) ended: Option<Timestamp>,
    /// What was found.
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

    /// One that stands.
    pub(in super::super) fn new(device: DeviceId, standing: Standing) -> Self {
        let Standing { finding, begun, overdue } = standing;
        let (kind, since) = (finding.kind(), finding.since());
        Self { device, kind, open: true, since, begun, overdue, ended: None, finding }
    }
}

impl From<WatchRecord> for WatchView {
    fn from(record: WatchRecord) -> Self {
        let WatchRecord { device, begun, overdue, ended, finding, .. } = record;
        let (kind, since) = (finding.kind(), finding.since());
        Self { device, kind, open: ended.is_none(), since, begun, overdue, ended, finding }
    }
}

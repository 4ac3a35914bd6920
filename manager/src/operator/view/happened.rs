//! What devices reported.

use jiff::Timestamp;
use platen_protocol::alert::{Alert, Severity};
use platen_protocol::device_to_manager::{Replacement, ReplacementKind, Report};
use platen_protocol::identity::{DeviceId, Epoch};
use platen_protocol::readings::{PartReading, SupplyReading};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ingest::date::Dated;
use crate::money::MoneyView;
use crate::store::{AlertRecord, ReplacementRecord, ReportRecord};

/// An alert that a device raised, with the fields of the Printer MIB's alert table.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct AlertView {
    /// The device's name, as it enrolled.
    pub(in super::super) device: DeviceId,
    /// `true` until it is cleared.
    pub(in super::super) open: bool,
    /// When the manager received the report that raised it.
    pub(in super::super) raised: Timestamp,
    /// When it arose at the device, as well as the manager can tell.
    pub(in super::super) raised_dated: Dated,
    /// When the manager received the report that cleared it; `null` while it is open.
    pub(in super::super) cleared: Option<Timestamp>,
    /// When it ended at the device, as well as the manager can tell; `null` while it is open.
    pub(in super::super) cleared_dated: Option<Dated>,
    /// Why it counts as cleared, for people; `null` while it is open.
    pub(in super::super) cleared_because: Option<String>,
    /// `true` when it came from a simulated board, not from a real printer.
    pub(in super::super) simulated: bool,
    /// The condition.
    #[serde(flatten)]
    pub(in super::super) alert: Alert,
}

/// A report of a device, as the device sent it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ReportView {
    /// The device's name, as it enrolled.
    pub(in super::super) device: DeviceId,
    /// The life of the device's outbox that numbered the report; with `sequence` it identifies it.
    pub(in super::super) epoch: Epoch,
    /// When the manager received it, by the manager's clock.
    pub(in super::super) received: Timestamp,
    /// When it was taken at the device, as well as the manager can tell.
    pub(in super::super) dated: Dated,
    /// Its sequence, stamp, kind and content.
    #[serde(flatten)]
    pub(in super::super) report: Report,
}

/// A supply or a part that was changed or put back.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ReplacementView {
    /// The device's name, as it enrolled.
    pub(in super::super) device: DeviceId,
    /// When the manager received it, by the manager's clock.
    pub(in super::super) received: Timestamp,
    /// When the device noticed it, as well as the manager can tell.
    pub(in super::super) dated: Dated,
    /// `true` when it came from a simulated board, not from a real printer.
    pub(in super::super) simulated: bool,
    /// Percent that was left in what was taken out, 0 to 100; `null` when that is not known.
    pub(in super::super) residue_percent: Option<u8>,
    /// What that was worth by the price of the catalogue as it is now; `null` where nothing or no price is known, and for who sees
    /// only some customers.
    pub(in super::super) residue_value: Option<MoneyView>,
    /// `true` when what is in its place now was in another machine before, by its serial number.
    pub(in super::super) came_back: bool,
    /// That machine; `null` where it is not known, or out of sight.
    pub(in super::super) came_from: Option<DeviceId>,
    /// What was taken out, and what is in its place now.
    #[serde(flatten)]
    pub(in super::super) replacement: Replacement,
}

impl AlertView {
    /// A word for the style sheet; people read it as well.
    pub(in super::super) fn class(&self) -> &'static str {
        match (self.alert.forecast, self.alert.severity) {
            (true, _) => "forecast",
            (false, Severity::Critical) => "critical",
            (false, _) => "warning",
        }
    }
}

impl ReplacementView {
    /// Whether another one is in its place.
    pub(in super::super) fn is_new_one(&self) -> bool {
        self.replacement.change == ReplacementKind::Replaced
    }

    /// Percent that was left in the old one.
    pub(in super::super) fn residue_shown(&self) -> Option<u8> {
        self.residue_percent.filter(|_| self.is_new_one())
    }

    /// The serial number of the old one.
    pub(in super::super) fn removed_serial(&self) -> Option<&str> {
        let Replacement { removed_supply, removed_part, .. } = &self.replacement;
        let supply = removed_supply.as_ref().and_then(|supply| supply.serial.as_deref());
        supply.or(removed_part.as_ref().and_then(|part| part.serial.as_deref()))
    }
}

impl From<AlertRecord> for AlertView {
    fn from(record: AlertRecord) -> Self {
        Self {
            device: record.device,
            open: record.cleared.is_none(),
            raised: record.raised,
            raised_dated: record.raised_dated,
            cleared: record.cleared,
            cleared_dated: record.cleared_dated,
            cleared_because: record.cleared_because,
            simulated: record.simulated,
            alert: record.alert,
        }
    }
}

impl From<ReportRecord> for ReportView {
    fn from(record: ReportRecord) -> Self {
        Self {
            device: record.device,
            epoch: record.epoch,
            received: record.received,
            dated: record.dated,
            report: record.report,
        }
    }
}

impl From<ReplacementRecord> for ReplacementView {
    fn from(record: ReplacementRecord) -> Self {
        let replacement = record.replacement;
        let supply = replacement.removed_supply.as_ref().and_then(SupplyReading::percent);
        let part = replacement.removed_part.as_ref().and_then(PartReading::percent_left);
        let left = replacement.removed_supply.as_ref().and_then(SupplyReading::share);
        let left = left.or_else(|| replacement.removed_part.as_ref().and_then(PartReading::share_left));
        let is_new = replacement.change == ReplacementKind::Replaced;
        let residue_value = record.price.zip(left).filter(|_| is_new);
        Self {
            residue_value: residue_value.map(|(price, left)| price.share(left.millionths()).into()),
            device: record.device,
            received: record.received,
            dated: record.dated,
            simulated: record.simulated,
            residue_percent: supply.or(part),
            came_back: record.came_back,
            came_from: record.came_from,
            replacement,
        }
    }
}

//! What an operator sees of the store's records: one form for pages and API. Pure; `now` comes from
//! outside.

use jiff::Timestamp;
use platen_protocol::alert::{Alert, Severity};
use platen_protocol::device_to_manager::{EnteredBy, Report};
use platen_protocol::identity::{CommandId, DeviceId, Epoch};
use platen_protocol::manager_to_device::Action;
use platen_protocol::readings::{PartReading, SupplyReading, SwitchReading, TemperatureReading};
use platen_protocol::stamp::{ClockQuality, Stamp};
use platen_protocol::supply::SupplyClass;
use serde::Serialize;
use utoipa::ToSchema;

use crate::device::roster::{Contact, ContactState};
use crate::store::{
    AlertRecord, CommandRecord, CommandState, DeviceRecord, ReportRecord, ServiceCallRecord, ServiceCallState,
};

/// The worst that is the matter with a device; the order is that of the fleet's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Worst {
    /// A critical alert is open: it does not print.
    Critical,
    /// A person at the device waits for an answer.
    ServiceCall,
    /// A warning is open.
    Warning,
    /// It has not been heard for long, or never.
    Silent,
    /// Nothing.
    Fine,
}

/// When and how a device was last there.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ContactView {
    /// How it can be reached now.
    pub(super) state: ContactState,
    /// When it was last there.
    pub(super) last_contact: Option<Timestamp>,
    /// From which address.
    #[schema(value_type = Option<String>)]
    pub(super) remote: Option<std::net::IpAddr>,
}

/// How old the readings are.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Freshness {
    /// Seconds since they were taken, as well as is known.
    pub(super) age_seconds: u64,
    /// The device's stamp.
    pub(super) taken: Stamp,
    /// When they came in.
    pub(super) received: Timestamp,
}

/// One supply.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct SupplyView {
    /// As it was read.
    #[serde(flatten)]
    pub(super) reading: SupplyReading,
    /// Percent that is left; `null` when that is not known.
    pub(super) percent: Option<u8>,
    /// Whether that is at or below the set value.
    pub(super) low: bool,
}

/// One part.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct PartView {
    /// As it was read.
    #[serde(flatten)]
    pub(super) reading: PartReading,
    /// Percent of its life that is left; `null` when that is not known.
    pub(super) percent_left: Option<u8>,
}

/// One alert.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct AlertView {
    /// Whose it is.
    pub(super) device: DeviceId,
    /// Whether it is open.
    pub(super) open: bool,
    /// When it came in.
    pub(super) raised: Timestamp,
    /// When its end came in.
    pub(super) cleared: Option<Timestamp>,
    /// Why it is held to have ended.
    pub(super) cleared_because: Option<String>,
    /// Whether it came from a simulated board.
    pub(super) simulated: bool,
    /// The condition.
    #[serde(flatten)]
    pub(super) alert: Alert,
}

/// One report.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ReportView {
    /// Whose it is.
    pub(super) device: DeviceId,
    /// Of which life of its outbox.
    pub(super) epoch: Epoch,
    /// When it came in.
    pub(super) received: Timestamp,
    /// What it says.
    #[serde(flatten)]
    pub(super) report: Report,
}

/// One service call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ServiceCallView {
    /// Its name.
    pub(super) id: i64,
    /// Whose it is.
    pub(super) device: DeviceId,
    /// When it came in.
    pub(super) received: Timestamp,
    /// Whether it came from a simulated board.
    pub(super) simulated: bool,
    /// Where the person entered it.
    pub(super) entered_by: EnteredBy,
    /// What the person wrote.
    pub(super) message: Option<String>,
    /// What has become of it.
    pub(super) state: ServiceCallState,
    /// When that changed.
    pub(super) changed: Option<Timestamp>,
    /// Which operator changed it.
    pub(super) changed_by: Option<String>,
}

/// One command.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct CommandView {
    /// Its name.
    pub(super) id: CommandId,
    /// For which device.
    pub(super) device: DeviceId,
    /// What was asked.
    pub(super) action: Action,
    /// Where it is.
    pub(super) state: CommandState,
    /// When it was asked.
    pub(super) issued: Timestamp,
    /// By which operator.
    pub(super) issued_by: String,
    /// When it is not to be tried any more.
    pub(super) expires: Timestamp,
    /// When it was first handed to the device.
    pub(super) delivered: Option<Timestamp>,
    /// When its end came in.
    pub(super) finished: Option<Timestamp>,
    /// Why it failed or was refused.
    pub(super) reason: Option<String>,
}

/// One device.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct DeviceView {
    /// Its name.
    pub(super) id: DeviceId,
    /// What printer it is in.
    pub(super) model: Option<String>,
    /// What agent it runs.
    pub(super) agent_version: Option<String>,
    /// Whether its readings come from a simulated board.
    pub(super) simulated: bool,
    /// The worst that is the matter.
    pub(super) worst: Worst,
    /// When it was last there.
    pub(super) contact: ContactView,
    /// How old the readings are; `null` before the first.
    pub(super) freshness: Option<Freshness>,
    /// The supplies.
    pub(super) supplies: Vec<SupplyView>,
    /// The parts.
    pub(super) parts: Vec<PartView>,
    /// The temperatures.
    pub(super) temperatures: Vec<TemperatureReading>,
    /// The switches.
    pub(super) switches: Vec<SwitchReading>,
    /// The open alerts.
    pub(super) alerts: Vec<AlertView>,
    /// The service calls that are not handled.
    pub(super) service_calls: Vec<ServiceCallView>,
    /// When it was let in.
    pub(super) enrolled: Timestamp,
    /// When its certificate ends.
    pub(super) certificate_expires: Timestamp,
}

impl From<AlertRecord> for AlertView {
    fn from(record: AlertRecord) -> Self {
        Self {
            device: record.device,
            open: record.cleared.is_none(),
            raised: record.raised,
            cleared: record.cleared,
            cleared_because: record.cleared_because,
            simulated: record.simulated,
            alert: record.alert,
        }
    }
}

impl From<ReportRecord> for ReportView {
    fn from(record: ReportRecord) -> Self {
        Self { device: record.device, epoch: record.epoch, received: record.received, report: record.report }
    }
}

impl From<ServiceCallRecord> for ServiceCallView {
    fn from(record: ServiceCallRecord) -> Self {
        Self {
            id: record.key,
            device: record.device,
            received: record.received,
            simulated: record.simulated,
            entered_by: record.entered_by,
            message: record.message,
            state: record.state,
            changed: record.changed,
            changed_by: record.changed_by,
        }
    }
}

impl From<CommandRecord> for CommandView {
    fn from(record: CommandRecord) -> Self {
        Self {
            id: record.command.id,
            device: record.device,
            action: record.command.action,
            state: record.state,
            issued: record.command.issued,
            issued_by: record.issued_by,
            expires: record.command.expires,
            delivered: record.delivered,
            finished: record.finished,
            reason: record.reason,
        }
    }
}

fn whole_seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

/// Seconds since readings were taken. A clock that nobody vouches for, or that is ahead of ours, is not
/// believed: then they are as old as their arrival.
fn age(taken: &Stamp, received: Timestamp, now: Timestamp) -> u64 {
    let believed = taken.clock == ClockQuality::Synchronised && taken.wall <= received;
    whole_seconds(if believed { taken.wall } else { received }, now)
}

/// Ranks what is open.
fn worst(contact: ContactState, alerts: &[AlertView], service_calls: &[ServiceCallView]) -> Worst {
    let silent = matches!(contact, ContactState::Silent | ContactState::Never);
    if alerts.iter().any(|view| view.alert.severity == Severity::Critical) {
        Worst::Critical
    } else if !service_calls.is_empty() {
        Worst::ServiceCall
    } else if !alerts.is_empty() {
        Worst::Warning
    } else if silent {
        Worst::Silent
    } else {
        Worst::Fine
    }
}

impl SupplyView {
    pub(super) fn of(reading: SupplyReading) -> Self {
        let percent = reading.percent();
        let low = percent.is_some_and(|percent| percent <= reading.set_percent);
        Self { reading, percent, low }
    }

    /// Whether somebody must bring more of it; a full waste box is another errand.
    pub(super) fn needs_refill(&self) -> bool {
        self.low && self.reading.class != SupplyClass::ReceptacleThatIsFilled
    }
}

impl DeviceView {
    /// A device with its open alerts and service calls.
    pub(super) fn new(
        record: DeviceRecord,
        contact: Contact,
        alerts: Vec<AlertView>,
        service_calls: Vec<ServiceCallView>,
        now: Timestamp,
    ) -> Self {
        let freshness = record
            .readings_taken
            .zip(record.readings_received)
            .map(|(taken, received)| Freshness { age_seconds: age(&taken, received, now), taken, received });
        let readings = record.readings.unwrap_or_default();
        Self {
            id: record.id,
            model: record.model,
            agent_version: record.agent_version,
            simulated: record.simulated,
            worst: worst(contact.state, &alerts, &service_calls),
            contact: ContactView { state: contact.state, last_contact: contact.last, remote: contact.remote },
            freshness,
            supplies: readings.supplies.into_iter().map(SupplyView::of).collect(),
            parts: readings
                .parts
                .into_iter()
                .map(|reading| PartView { percent_left: reading.percent_left(), reading })
                .collect(),
            temperatures: readings.temperatures,
            switches: readings.switches,
            alerts,
            service_calls,
            enrolled: record.enrolled,
            certificate_expires: record.certificate_expires,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    const NOW: &str = "2026-11-22T10:00:30Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn alert(severity: Severity) -> AlertView {
        AlertView {
            device: "d".parse().unwrap(),
            open: true,
            raised: now(),
            cleared: None,
            cleared_because: None,
            simulated: true,
            alert: Alert { severity, ..sample::toner_low("a", 4) },
        }
    }

    #[test]
    fn what_stops_printing_comes_before_a_warning_and_silence_before_nothing() {
        assert_eq!(
            worst(ContactState::Parked, &[alert(Severity::Warning), alert(Severity::Critical)], &[]),
            Worst::Critical
        );
        assert_eq!(worst(ContactState::Silent, &[alert(Severity::Warning)], &[]), Worst::Warning);
        assert_eq!(worst(ContactState::Silent, &[], &[]), Worst::Silent);
        assert_eq!(worst(ContactState::Never, &[], &[]), Worst::Silent);
        assert_eq!(worst(ContactState::Recent, &[], &[]), Worst::Fine);
        assert!(Worst::Critical < Worst::ServiceCall && Worst::ServiceCall < Worst::Warning);
    }

    #[test]
    fn a_clock_that_nobody_vouches_for_does_not_age_readings() {
        let received = "2026-11-22T10:00:20Z".parse().unwrap();
        let mut taken = sample::utilisation(1, 50).taken;
        assert_eq!(age(&taken, received, now()), 30);
        taken.clock = ClockQuality::Unsynchronised;
        assert_eq!(age(&taken, received, now()), 10);
        taken.clock = ClockQuality::Synchronised;
        taken.wall = "2099-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(age(&taken, received, now()), 10);
    }
}

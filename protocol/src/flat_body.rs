//! Reading the body of a report.
//!
//! The body names its kind by a field beside the others, and JSON has no order of fields. The derived
//! reader of such a tagged type holds everything back until it has seen the tag, which makes up much of
//! what taking in a report costs. So a body is read as one flat struct with every field that any kind has,
//! and then taken for what its kind says.

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::alert::Alert;
use crate::device_to_manager::{
    Activity, EnteredBy, Order, OutboxReplaced, Outcome, OutcomeResult, ReadingsCause, ReadingsReport,
    Replacement, ReplacementKind, ReportBody, ServiceCall, Started, Utilisation,
};
use crate::identity::{AlertId, CommandId, Epoch, OrderId, ServiceCallId};
use crate::programs::ProgramReport;
use crate::readings::{PartReading, Readings, SupplyReading};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Started,
    AlertRaised,
    AlertCleared,
    AlertsStanding,
    ServiceCall,
    Order,
    Replacement,
    Utilisation,
    Readings,
    Outcome,
    OutboxReplaced,
    Program,
}

/// Every field that a body of any kind has.
#[derive(Deserialize)]
struct FlatBody {
    kind: Kind,
    activity: Option<Activity>,
    again: Option<bool>,
    agent_version: Option<String>,
    alert: Option<Alert>,
    alert_id: Option<AlertId>,
    alerts: Option<Vec<Alert>>,
    call_id: Option<ServiceCallId>,
    cause: Option<ReadingsCause>,
    change: Option<ReplacementKind>,
    command_id: Option<CommandId>,
    description: Option<String>,
    entered_by: Option<EnteredBy>,
    evidence: Option<String>,
    failed_reads: Option<u64>,
    finished: Option<Timestamp>,
    fitted_part: Option<PartReading>,
    fitted_supply: Option<SupplyReading>,
    id: Option<OrderId>,
    last_press_seconds_ago: Option<u32>,
    message: Option<String>,
    model: Option<String>,
    note: Option<String>,
    presses: Option<u32>,
    previous_epoch: Option<Epoch>,
    program: Option<ProgramReport>,
    quantity: Option<u16>,
    readings: Option<Readings>,
    reason: Option<String>,
    removed_part: Option<PartReading>,
    removed_supply: Option<SupplyReading>,
    result: Option<OutcomeResult>,
    running_seconds: Option<u64>,
    standing_alerts: Option<Vec<AlertId>>,
    subject: Option<String>,
    supply: Option<SupplyReading>,
    volatile_state: Option<String>,
}

/// A body without a field that its kind must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MissingField {
    kind: &'static str,
    field: &'static str,
}

impl std::fmt::Display for MissingField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a body of the kind `{}` needs the field `{}`", self.kind, self.field)
    }
}

/// The value, or which field of which kind is missing.
fn need<T>(kind: &'static str, field: &'static str, value: Option<T>) -> Result<T, MissingField> {
    value.ok_or(MissingField { kind, field })
}

impl<'de> Deserialize<'de> for ReportBody {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        FlatBody::deserialize(from)?.try_into().map_err(D::Error::custom)
    }
}

impl TryFrom<FlatBody> for ReportBody {
    type Error = MissingField;

    fn try_from(flat: FlatBody) -> Result<Self, MissingField> {
        Ok(match flat.kind {
            Kind::Started => Self::Started(Started {
                agent_version: need("started", "agent_version", flat.agent_version)?,
                model: need("started", "model", flat.model)?,
                readings: need("started", "readings", flat.readings)?,
                standing_alerts: flat.standing_alerts,
                volatile_state: flat.volatile_state,
            }),
            Kind::AlertRaised => Self::AlertRaised { alert: need("alert_raised", "alert", flat.alert)? },
            Kind::AlertCleared => Self::AlertCleared {
                alert_id: need("alert_cleared", "alert_id", flat.alert_id)?,
                description: need("alert_cleared", "description", flat.description)?,
            },
            Kind::AlertsStanding => Self::AlertsStanding {
                standing_alerts: need("alerts_standing", "standing_alerts", flat.standing_alerts)?,
                alerts: flat.alerts.unwrap_or_default(),
            },
            Kind::ServiceCall => Self::ServiceCall(ServiceCall {
                call_id: flat.call_id,
                entered_by: need("service_call", "entered_by", flat.entered_by)?,
                message: flat.message,
                presses: flat.presses,
                last_press_seconds_ago: flat.last_press_seconds_ago,
            }),
            Kind::Order => Self::Order(Order {
                id: need("order", "id", flat.id)?,
                supply: need("order", "supply", flat.supply)?,
                quantity: need("order", "quantity", flat.quantity)?,
                note: flat.note,
                entered_by: need("order", "entered_by", flat.entered_by)?,
                again: flat.again.unwrap_or_default(),
            }),
            Kind::Replacement => Self::Replacement(Box::new(Replacement {
                subject: need("replacement", "subject", flat.subject)?,
                change: need("replacement", "change", flat.change)?,
                removed_supply: flat.removed_supply,
                fitted_supply: flat.fitted_supply,
                removed_part: flat.removed_part,
                fitted_part: flat.fitted_part,
            })),
            Kind::Utilisation => Self::Utilisation(Utilisation {
                running_seconds: need("utilisation", "running_seconds", flat.running_seconds)?,
                failed_reads: need("utilisation", "failed_reads", flat.failed_reads)?,
                readings: need("utilisation", "readings", flat.readings)?,
                activity: flat.activity,
            }),
            Kind::Readings => Self::Readings(ReadingsReport {
                cause: need("readings", "cause", flat.cause)?,
                readings: need("readings", "readings", flat.readings)?,
            }),
            Kind::Outcome => Self::Outcome(Outcome {
                command_id: need("outcome", "command_id", flat.command_id)?,
                finished: need("outcome", "finished", flat.finished)?,
                result: need("outcome", "result", flat.result)?,
            }),
            Kind::OutboxReplaced => Self::OutboxReplaced(OutboxReplaced {
                reason: need("outbox_replaced", "reason", flat.reason)?,
                evidence: flat.evidence,
                previous_epoch: flat.previous_epoch,
            }),
            Kind::Program => Self::Program { program: need("program", "program", flat.program)? },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_may_stand_anywhere_among_the_fields() {
        let first = r#"{"kind":"service_call","entered_by":"button","message":null}"#;
        let last = r#"{"message":null,"entered_by":"button","kind":"service_call"}"#;
        let read = |text| serde_json::from_str::<ReportBody>(text).unwrap();
        assert_eq!(read(first), read(last));
        assert_eq!(serde_json::to_string(&read(last)).unwrap(), first);
    }

    #[test]
    fn a_field_that_is_missing_is_named_with_its_kind() {
        let refused =
            serde_json::from_str::<ReportBody>(r#"{"kind":"readings","cause":"change"}"#).unwrap_err();
        assert!(refused.to_string().contains("`readings` needs the field `readings`"), "{refused}");
        let refused = serde_json::from_str::<ReportBody>(r#"{"kind":"gossip"}"#).unwrap_err();
        assert!(refused.to_string().contains("gossip"), "{refused}");
    }
}

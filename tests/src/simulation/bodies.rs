//! Bodies of reports that can be told apart: each carries a number of its own. They stand for what the
//! judge would say of a board; that has tests of its own, and would cost more than all the rest.

use platen_agent::judge::Alerts;
use platen_protocol::alert::{Alert, AlertCode, AlertGroup, Severity, Training};
use platen_protocol::device_to_manager::{
    EnteredBy, Order, ReadingsCause, ReadingsReport, ReportBody, ServiceCall, Started, Utilisation,
};
use platen_protocol::identity::AlertId;
use platen_protocol::limits::MAX_STANDING_ALERTS;
use platen_protocol::readings::{CounterKind, CounterReading, Reading, Readings, SupplyReading};
use platen_protocol::supply::{Capacity, Level, SupplyClass, SupplyType, SupplyUnit};

/// The supplies that people order.
pub(super) const SUPPLIES: [&str; 2] = ["black", "cyan"];

fn supply(name: &str) -> SupplyReading {
    SupplyReading {
        name: name.into(),
        index: 1,
        class: SupplyClass::SupplyThatIsConsumed,
        supply_type: SupplyType::TonerCartridge,
        colorant: Some("black".into()),
        unit: SupplyUnit::Percent,
        capacity: Capacity::Known { amount: 100 },
        level: Level::Known { amount: 40 },
        set_percent: 5,
        serial: Some("K-1".into()),
        set_pages: None,
        set_days: None,
        part_number: None,
        expected: None,
        outlook: None,
        empty_at: None,
    }
}

/// What the board reads at the sample of this number.
pub(super) fn readings(number: u64) -> Readings {
    let counter = CounterReading {
        kind: CounterKind::Impressions,
        unit: SupplyUnit::Impressions,
        value: Reading::Known { value: number },
        epoch: 0,
        wraps: 0,
        wraps_at: None,
    };
    Readings { supplies: vec![supply(SUPPLIES[0])], counters: vec![counter], ..Readings::default() }
}

/// The number of a sample, from its readings.
pub(super) fn number_of(readings: &Readings) -> Option<u64> {
    readings.counter(CounterKind::Impressions)?.value.known().copied()
}

/// The agent began, and remembers these alerts.
pub(super) fn started(number: u64, alerts: &Alerts) -> ReportBody {
    ReportBody::Started(Started {
        agent_version: "0".into(),
        model: "simulated".into(),
        readings: readings(number),
        standing_alerts: alerts.ids(MAX_STANDING_ALERTS),
        volatile_state: None,
    })
}

/// The utilisation state.
pub(super) fn utilisation(number: u64) -> ReportBody {
    ReportBody::Utilisation(Utilisation {
        running_seconds: number,
        failed_reads: 0,
        readings: readings(number),
        activity: None,
    })
}

/// A change of the readings.
pub(super) fn change(number: u64) -> ReportBody {
    ReportBody::Readings(ReadingsReport { cause: ReadingsCause::Change, readings: readings(number) })
}

fn alert(number: u64) -> Alert {
    Alert {
        id: format!("alert-{number}").parse().unwrap(),
        severity: Severity::Warning,
        training: Training::Untrained,
        group: AlertGroup::Cover,
        group_index: None,
        location: None,
        code: AlertCode::CoverOpen,
        description: format!("alert {number}"),
        subject: "cover".into(),
        supply: None,
        part: None,
        forecast: false,
        evidence: vec![],
    }
}

/// An alert.
pub(super) fn raised(number: u64) -> ReportBody {
    ReportBody::AlertRaised { alert: alert(number) }
}

/// What the agent remembers while the alerts of these numbers stand. Only the judge can raise one; so this is as
/// it is kept.
pub(super) fn standing(numbers: &[u64]) -> Alerts {
    let standing: Vec<_> = numbers
        .iter()
        .map(|number| serde_json::json!({"aspect": {"aspect": "cover"}, "alert": alert(*number)}))
        .collect();
    serde_json::from_value(serde_json::json!({"prefix": "alert", "raised": 0, "standing": standing})).unwrap()
}

/// The number of an alert, by its name.
pub(super) fn number_of_alert(id: &AlertId) -> Option<u64> {
    id.as_str().strip_prefix("alert-")?.parse().ok()
}

/// The end of an alert.
pub(super) fn cleared(raised: u64, number: u64) -> ReportBody {
    ReportBody::AlertCleared {
        alert_id: format!("alert-{raised}").parse().unwrap(),
        description: format!("end {number}"),
    }
}

/// The message of a service call.
pub(super) fn message(number: u64) -> String {
    format!("call {number}")
}

/// A service call.
pub(super) fn service_call(number: u64) -> ReportBody {
    ReportBody::ServiceCall(ServiceCall {
        call_id: None,
        entered_by: EnteredBy::Button,
        message: Some(message(number)),
        presses: None,
        last_press_seconds_ago: None,
    })
}

/// The name of an order.
pub(super) fn order_name(device: &str, number: u64) -> String {
    format!("order-{device}-{number}")
}

/// An order; again, of what is ordered already.
pub(super) fn order(device: &str, number: u64, name: &str, again: bool) -> ReportBody {
    ReportBody::Order(Order {
        id: order_name(device, number).parse().unwrap(),
        supply: supply(name),
        quantity: 1,
        note: None,
        entered_by: EnteredBy::Command,
        again,
    })
}

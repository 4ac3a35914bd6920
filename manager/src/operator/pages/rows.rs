//! What templates show: views turned into texts. A level that is not known is never a number here.

use jiff::Timestamp;
use platen_protocol::alert::Severity;
use platen_protocol::manager_to_device::Action;
use platen_protocol::readings::{Reading, SwitchMeaning};
use platen_protocol::supply::{Capacity, Level, SupplyClass};

use super::super::view::{
    AlertView, CommandView, DeviceView, Freshness, PartView, ReportView, ServiceCallView, SupplyView, Worst,
};
use super::words;
use crate::device::roster::ContactState;
use crate::store::{CommandState, ServiceCallState};

/// Colorants that have their own colour on the page.
const INKS: [&str; 6] = ["black", "cyan", "magenta", "yellow", "light-cyan", "light-magenta"];

/// A moment that is shown by its age.
pub(super) struct Age {
    pub(super) seconds: u64,
    pub(super) words: String,
    pub(super) exact: String,
    pub(super) machine: String,
}

impl Age {
    pub(super) fn of(time: Timestamp, now: Timestamp) -> Self {
        let seconds = u64::try_from(now.duration_since(time).as_secs()).unwrap_or(0);
        Self::known(seconds, time)
    }

    fn known(seconds: u64, time: Timestamp) -> Self {
        Self {
            seconds,
            words: words::ago(seconds),
            exact: words::moment(time),
            machine: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }

    fn of_readings(freshness: &Freshness) -> Self {
        Self::known(freshness.age_seconds, freshness.taken.wall)
    }
}

pub(super) struct SupplyRow {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) ink: &'static str,
    pub(super) percent: Option<u8>,
    pub(super) text: String,
    /// Why there is no percentage.
    pub(super) unknown: String,
    pub(super) set_percent: u8,
    pub(super) low: bool,
    pub(super) amount: String,
    pub(super) capacity: String,
    pub(super) kind: String,
    pub(super) serial: Option<String>,
}

impl SupplyRow {
    pub(super) fn of(view: &SupplyView) -> Self {
        let supply = &view.reading;
        let colorant = supply.colorant.as_deref().map(str::to_ascii_lowercase);
        let ink = colorant
            .and_then(|colorant| INKS.into_iter().find(|ink| *ink == colorant))
            .unwrap_or(if supply.class == SupplyClass::ReceptacleThatIsFilled { "waste" } else { "other" });
        let (text, unknown) = match (&supply.level, view.percent) {
            (_, Some(percent)) if supply.class == SupplyClass::ReceptacleThatIsFilled => {
                (format!("{percent} % free"), String::new())
            }
            (_, Some(percent)) => (format!("{percent} %"), String::new()),
            (Level::Unknown { cause }, None) => ("unknown".to_owned(), cause.detail.clone()),
            (Level::Known { .. }, None) => ("unknown".to_owned(), "the capacity is not known".to_owned()),
            (Level::SomeRemains, None) => {
                ("some remains".to_owned(), "not empty; how much is left is not known".to_owned())
            }
            (Level::Unrestricted, None) => {
                ("no restriction".to_owned(), "its level has no restriction".to_owned())
            }
        };
        Self {
            label: words::title(&supply.name),
            name: supply.name.clone(),
            ink,
            percent: view.percent,
            text,
            unknown,
            set_percent: supply.set_percent,
            low: view.low,
            amount: match supply.level {
                Level::Known { amount } => words::amount(supply.unit, amount),
                _ => supply.level.to_string(),
            },
            capacity: capacity(supply.capacity, supply.unit),
            kind: words::spaced(supply.supply_type.name()),
            serial: supply.serial.clone(),
        }
    }
}

fn capacity(capacity: Capacity, unit: platen_protocol::supply::SupplyUnit) -> String {
    match capacity {
        Capacity::Known { amount } => words::amount(unit, amount),
        Capacity::Unrestricted => "no restriction".to_owned(),
        Capacity::Unknown => "unknown".to_owned(),
    }
}

pub(super) struct PartRow {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) percent: Option<u8>,
    pub(super) unknown: String,
    pub(super) used: String,
    pub(super) life: String,
    pub(super) serial: Option<String>,
}

impl PartRow {
    fn of(view: &PartView) -> Self {
        let part = &view.reading;
        Self {
            name: part.name.clone(),
            label: words::title(&part.name),
            percent: view.percent_left,
            unknown: words::cause(&part.used).unwrap_or("its rated life is not known").to_owned(),
            used: match &part.used {
                Reading::Known { value } => words::amount(part.unit, *value),
                Reading::Unknown { .. } => "unknown".to_owned(),
            },
            life: capacity(part.rated_life, part.unit),
            serial: part.serial.clone(),
        }
    }
}

pub(super) struct TemperatureRow {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) text: String,
    pub(super) unknown: Option<String>,
}

pub(super) struct SwitchRow {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) state: &'static str,
    /// Whether it wants attention: a cover that is open.
    pub(super) loud: bool,
    pub(super) unknown: Option<String>,
}

pub(super) struct AlertRow {
    pub(super) code: &'static str,
    pub(super) severity: &'static str,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) training: &'static str,
    pub(super) raised: Age,
    pub(super) cleared: Option<Age>,
    pub(super) cleared_because: Option<String>,
}

impl AlertRow {
    pub(super) fn of(view: &AlertView, now: Timestamp) -> Self {
        let alert = &view.alert;
        Self {
            code: alert.code.name(),
            severity: if alert.severity == Severity::Critical { "critical" } else { "warning" },
            title: words::alert_title(alert),
            description: alert.description.clone(),
            training: words::training(alert.training),
            raised: Age::of(view.raised, now),
            cleared: view.cleared.map(|time| Age::of(time, now)),
            cleared_because: view.cleared_because.clone(),
        }
    }
}

pub(super) struct ServiceCallRow {
    pub(super) id: i64,
    pub(super) state: ServiceCallState,
    pub(super) by: &'static str,
    pub(super) message: Option<String>,
    pub(super) received: Age,
    pub(super) changed_by: Option<String>,
}

impl ServiceCallRow {
    pub(super) fn of(view: &ServiceCallView, now: Timestamp) -> Self {
        Self {
            id: view.id,
            state: view.state,
            by: words::entered_by(view.entered_by),
            message: view.message.clone(),
            received: Age::of(view.received, now),
            changed_by: view.changed_by.clone(),
        }
    }

    pub(super) fn is_new(&self) -> bool {
        self.state == ServiceCallState::New
    }

    pub(super) fn is_open(&self) -> bool {
        self.state != ServiceCallState::Handled
    }
}

pub(super) struct CommandRow {
    pub(super) id: String,
    pub(super) action: &'static str,
    pub(super) state: CommandState,
    pub(super) issued: Age,
    pub(super) issued_by: String,
    pub(super) finished: Option<Age>,
    pub(super) reason: Option<String>,
}

impl CommandRow {
    pub(super) fn of(view: &CommandView, now: Timestamp) -> Self {
        Self {
            id: view.id.to_string(),
            action: match view.action {
                Action::ReadNow => "Read now",
                Action::Unknown => "Unknown",
            },
            state: view.state,
            issued: Age::of(view.issued, now),
            issued_by: view.issued_by.clone(),
            finished: view.finished.map(|time| Age::of(time, now)),
            reason: view.reason.clone(),
        }
    }
}

pub(super) struct ReportRow {
    pub(super) sequence: u64,
    pub(super) kind: &'static str,
    pub(super) word: &'static str,
    pub(super) content: String,
    pub(super) received: Age,
}

impl ReportRow {
    pub(super) fn of(view: &ReportView, now: Timestamp) -> Self {
        Self {
            sequence: view.report.sequence,
            kind: view.report.body.kind(),
            word: words::kind(&view.report.body),
            content: words::content(&view.report.body),
            received: Age::of(view.received, now),
        }
    }
}

/// A device, on the fleet's page and at the head of its own.
pub(super) struct DeviceRow {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) agent_version: Option<String>,
    pub(super) simulated: bool,
    /// The worst that is the matter: a word for the style sheet, and one for people.
    pub(super) worst: &'static str,
    pub(super) worst_words: &'static str,
    pub(super) contact: &'static str,
    pub(super) contact_words: &'static str,
    pub(super) last_contact: Option<Age>,
    pub(super) remote: Option<String>,
    pub(super) fresh: Option<Age>,
    pub(super) supplies: Vec<SupplyRow>,
    pub(super) parts: Vec<PartRow>,
    pub(super) temperatures: Vec<TemperatureRow>,
    pub(super) switches: Vec<SwitchRow>,
    pub(super) alerts: Vec<AlertRow>,
    pub(super) service_calls: Vec<ServiceCallRow>,
}

impl DeviceRow {
    pub(super) fn of(view: &DeviceView, now: Timestamp) -> Self {
        let (worst, worst_words) = match view.worst {
            Worst::Critical => ("critical", "Stopped"),
            Worst::ServiceCall => ("service", "Service call"),
            Worst::Warning => ("warning", "Warning"),
            Worst::Silent => ("silent", "Silent"),
            Worst::Fine => ("fine", "Fine"),
        };
        Self {
            id: view.id.to_string(),
            model: view.model.clone().unwrap_or_else(|| "Has not reported yet".to_owned()),
            agent_version: view.agent_version.clone(),
            simulated: view.simulated,
            worst,
            worst_words,
            contact: view.contact.state.word(),
            contact_words: match view.contact.state {
                ContactState::Parked => "Connected",
                ContactState::Recent => "Seen",
                ContactState::Silent => "Silent, last seen",
                ContactState::Never => "Never seen",
            },
            last_contact: view.contact.last_contact.map(|time| Age::of(time, now)),
            remote: view.contact.remote.map(|remote| remote.to_string()),
            fresh: view.freshness.as_ref().map(Age::of_readings),
            supplies: view.supplies.iter().map(SupplyRow::of).collect(),
            parts: view.parts.iter().map(PartRow::of).collect(),
            temperatures: view
                .temperatures
                .iter()
                .map(|temperature| TemperatureRow {
                    name: temperature.name.clone(),
                    label: words::title(&temperature.name),
                    text: temperature
                        .millidegrees_celsius
                        .known()
                        .map_or_else(|| "unknown".to_owned(), |value| words::celsius(*value)),
                    unknown: words::cause(&temperature.millidegrees_celsius).map(str::to_owned),
                })
                .collect(),
            switches: view
                .switches
                .iter()
                .map(|switch| SwitchRow {
                    name: switch.name.clone(),
                    label: words::title(&switch.name.replace(['-', '_'], " ")),
                    state: words::switch_state(switch),
                    loud: switch.meaning == SwitchMeaning::Cover && switch.active.known() == Some(&true),
                    unknown: words::cause(&switch.active).map(str::to_owned),
                })
                .collect(),
            alerts: view.alerts.iter().map(|alert| AlertRow::of(alert, now)).collect(),
            service_calls: view.service_calls.iter().map(|call| ServiceCallRow::of(call, now)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use platen_protocol::unknown::{UnknownCause, UnknownReason};

    #[test]
    fn a_level_that_is_not_known_is_never_a_number() {
        let detail = "no answer at 0x50".to_owned();
        let mut supply = sample::supply(40);
        supply.level = Level::Unknown { cause: UnknownCause { reason: UnknownReason::NoAnswer, detail } };
        let row = SupplyRow::of(&SupplyView::of(supply.clone()));
        assert_eq!(
            (row.percent, row.text.as_str(), row.unknown.as_str()),
            (None, "unknown", "no answer at 0x50")
        );
        for level in [Level::SomeRemains, Level::Unrestricted] {
            supply.level = level;
            let row = SupplyRow::of(&SupplyView::of(supply.clone()));
            assert!(row.percent.is_none() && !row.low);
            assert!(!row.text.contains(|c: char| c.is_ascii_digit()), "{}", row.text);
        }
    }

    #[test]
    fn a_supply_at_its_set_value_is_low() {
        assert!(SupplyRow::of(&SupplyView::of(sample::supply(5))).low);
        assert!(!SupplyRow::of(&SupplyView::of(sample::supply(6))).low);
    }
}

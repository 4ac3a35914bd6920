//! What views say, in a person's words. What is a fact about a reading comes from the protocol; this is how
//! pages put it. Pure.

mod conditions;
mod report;
mod supply;
pub(super) mod units;
mod watch;

use platen_protocol::device_to_manager::EnteredBy;
use platen_protocol::facts::words::{grouped, label};
use platen_protocol::manager_to_device::Action;
use platen_protocol::settings::SettingKey;

use crate::store::{IdentityChange, OrderOrigin, ServiceCallState, Urgency};

pub(super) use conditions::{alert_title, evidence, training};
pub(super) use report::{content, fitted, kind, residue};
pub(super) use supply::{
    content_of, empty_at, expected, ink, outlook, outlook_band, set_values, type_of, unit, used, why_no_life,
};
pub(super) use units::{counted, range, stretch};
pub(super) use watch::{watch_text, watch_title};

/// How urgent something is, in a word or two.
pub(super) const fn urgency(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Stopped => "Stopped",
        Urgency::SiteSilent => "Site silent",
        Urgency::ServiceCall => "Service call",
        Urgency::Identity => "Identity",
        Urgency::Order => "Order",
        Urgency::Overdue => "Overdue",
        Urgency::Warning => "Warning",
        Urgency::Forecast => "May happen",
    }
}

/// Where a person asked.
pub(super) fn entered_by(by: EnteredBy) -> &'static str {
    match by {
        EnteredBy::Button => "By button at the printer",
        EnteredBy::Command => "By command at the printer",
    }
}

/// Who or what wants an order.
pub(super) fn wanted_by(origin: OrderOrigin) -> &'static str {
    match origin {
        OrderOrigin::Button => "By button at the printer",
        OrderOrigin::Command => "By command at the printer",
        OrderOrigin::SetValue => "By its set value",
        OrderOrigin::Forecast => "By forecast",
        OrderOrigin::Operator => "By the service centre",
    }
}

/// Where a service call came from.
pub(super) fn called_from(by: Option<EnteredBy>, opened_by: Option<&str>) -> String {
    match (by, opened_by) {
        (Some(by), _) => entered_by(by).to_owned(),
        (None, Some(operator)) => format!("Opened at the desk by {operator}"),
        (None, None) => "Opened at the desk".to_owned(),
    }
}

/// How far a service call has got.
pub(super) fn call_state(state: ServiceCallState) -> &'static str {
    match state {
        ServiceCallState::Open => "Open",
        ServiceCallState::Seen => "Seen",
        ServiceCallState::Dispatched => "Dispatched",
        ServiceCallState::OnTheWay => "On the way",
        ServiceCallState::AtDevice => "At the device",
        ServiceCallState::Done => "Done",
        ServiceCallState::Cancelled => "Cancelled",
    }
}

/// What was done to an identity.
pub(super) fn identity_change(what: IdentityChange) -> &'static str {
    match what {
        IdentityChange::Enrolled => "Enrolled with a token",
        IdentityChange::ReplacementPrepared => "A token for another controller was made",
        IdentityChange::RenewalIssued => "Given a new certificate",
        IdentityChange::Renewed => "Started using its new certificate",
        IdentityChange::Revoked => "Shut out",
        IdentityChange::Readmitted => "Readmitted",
        IdentityChange::SupersededUsed => "A superseded certificate was used",
        IdentityChange::SupersededDismissed => "Use of a superseded certificate dismissed",
        IdentityChange::TakenAfterRestore => "Let in after this manager was restored from a backup",
        IdentityChange::Retired => "Retired",
        IdentityChange::RetirementEnded => "Refused from now on: the retirement is complete",
    }
}

/// A setting, with the values that it can have.
pub(super) fn setting(key: &SettingKey) -> String {
    let (least, most) = key.bounds().into_inner();
    let none = match key {
        SettingKey::SupplyPages(_) | SettingKey::SupplyDays(_) => "; 0 for none",
        _ => "",
    };
    format!("{} ({least} to {}{none})", setting_name(key), grouped(most))
}

/// The same without the values.
pub(super) fn setting_name(key: &SettingKey) -> String {
    match key {
        SettingKey::SampleInterval => "Time between samples, in seconds".to_owned(),
        SettingKey::UtilisationInterval => "Time between utilisation reports, in seconds".to_owned(),
        SettingKey::ProgramsInterval => "Time between checks for programs, in seconds".to_owned(),
        SettingKey::Hysteresis => "Hysteresis of levels, in percent".to_owned(),
        SettingKey::DebounceSamples => "Samples in a row that must agree".to_owned(),
        SettingKey::PartPercent => "Set value of parts, in percent of life".to_owned(),
        SettingKey::SupplyPercent(supply) => format!("{}: set value in percent", label(supply)),
        SettingKey::SupplyPages(supply) => format!("{}: set value in pages", label(supply)),
        SettingKey::SupplyDays(supply) => format!("{}: set value in days", label(supply)),
        SettingKey::PartSetPercent(part) => format!("{}: set value in percent of life", label(part)),
    }
}

/// A setting by its name on the wire, as the form names it.
pub(super) fn named_setting(name: &str) -> String {
    name.parse().map_or_else(|_| name.to_owned(), |key| setting_name(&key))
}

/// A command, with its settings by the names that the form gives them.
pub(super) fn action(action: &Action) -> String {
    let name = |name: &str| {
        let known = name.parse().map_or_else(|_| name.to_owned(), |key| setting_name(&key));
        format!("“{known}”")
    };
    let listed = |all: Vec<String>| all.join(", ");
    match action {
        Action::ReadNow => "Read now".to_owned(),
        Action::Set { settings } => {
            let each = settings.iter().map(|(setting, value)| format!("{} to {value}", name(setting)));
            format!("Set {}", listed(each.collect()))
        }
        Action::Reset { settings } if settings.is_empty() => "Reset all settings".to_owned(),
        Action::Reset { settings } => {
            format!("Reset {}", listed(settings.iter().map(|setting| name(setting)).collect()))
        }
        Action::Retire => "Retire: remove key and certificates".to_owned(),
        Action::CheckPrograms => "Check for programs".to_owned(),
        Action::TechnicianOnTheWay { technician: Some(technician), .. } => {
            format!("Say that a technician is on the way ({technician})")
        }
        Action::TechnicianOnTheWay { technician: None, .. } => {
            "Say that a technician is on the way".to_owned()
        }
        Action::Unknown => "Unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_as_what_was_asked() {
        let set = |name: &str| Action::Set { settings: [(name.to_owned(), 20)].into() };
        assert_eq!(action(&set("supply.black.set-percent")), "Set “Black: set value in percent” to 20");
        assert_eq!(action(&set("of.an.earlier-version")), "Set “of.an.earlier-version” to 20");
        assert_eq!(action(&Action::Reset { settings: vec![] }), "Reset all settings");
        assert_eq!(
            action(&Action::Reset { settings: vec!["judge.part-percent".into()] }),
            "Reset “Set value of parts, in percent of life”"
        );
    }
}

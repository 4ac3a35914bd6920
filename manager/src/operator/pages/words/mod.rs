//! What views say, in a person's words. What is a fact about a reading comes from the protocol; this is how
//! pages put it. Pure.

mod conditions;
mod report;
mod supply;
pub(super) mod units;
mod watch;

use platen_protocol::device_to_manager::EnteredBy;
use platen_protocol::facts::words::{grouped, label};
use platen_protocol::settings::SettingKey;

use crate::store::IdentityChange;

pub(super) use super::super::action::words as action;
pub(super) use conditions::{alert_title, evidence, training};
pub(super) use report::{content, fitted, kind, residue};
pub(super) use supply::{
    content_of, expected, ink, outlook, outlook_band, set_values, unit, used, why_no_life,
};
pub(super) use units::range;
pub(super) use watch::{watch_text, watch_title};

/// Where a person asked.
pub(super) fn entered_by(by: EnteredBy) -> &'static str {
    match by {
        EnteredBy::Button => "With the button on the printer",
        EnteredBy::Command => "With the command on the controller",
    }
}

/// What was done to an identity.
pub(super) fn identity_change(what: IdentityChange) -> &'static str {
    match what {
        IdentityChange::Enrolled => "Enrolled with a token",
        IdentityChange::RenewalIssued => "Given a new certificate",
        IdentityChange::Renewed => "Started using its new certificate",
        IdentityChange::Revoked => "Shut out",
        IdentityChange::Readmitted => "Readmitted",
    }
}

/// A setting, with the values that it can have.
pub(super) fn setting(key: &SettingKey) -> String {
    let what = match key {
        SettingKey::SampleInterval => "Time between samples, in seconds".to_owned(),
        SettingKey::UtilisationInterval => "Time between utilisation reports, in seconds".to_owned(),
        SettingKey::Hysteresis => "Hysteresis of levels, in percent".to_owned(),
        SettingKey::DebounceSamples => "Samples in a row that must agree".to_owned(),
        SettingKey::PartPercent => "Set value of parts, in percent of life".to_owned(),
        SettingKey::SupplyPercent(supply) => format!("{}: set value in percent", label(supply)),
        SettingKey::SupplyPages(supply) => format!("{}: set value in pages, 0 for none", label(supply)),
        SettingKey::SupplyDays(supply) => format!("{}: set value in days, 0 for none", label(supply)),
        SettingKey::PartSetPercent(part) => format!("{}: set value in percent of life", label(part)),
    };
    let (least, most) = key.bounds().into_inner();
    format!("{what} ({least} to {})", grouped(most))
}

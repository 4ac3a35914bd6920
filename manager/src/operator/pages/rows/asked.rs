//! What people asked, and what operators can ask.

use jiff::Timestamp;
use platen_protocol::settings::SettingKey;

use super::super::super::action;
use super::super::super::view::{CommandView, DeviceView, OrderView, ServiceCallView};
use super::super::words;
use super::{Age, SupplyRow};
use crate::store::{CommandState, OrderState, ServiceCallState};

pub(in super::super) struct ServiceCallRow {
    pub(in super::super) id: i64,
    pub(in super::super) state: ServiceCallState,
    pub(in super::super) by: &'static str,
    pub(in super::super) message: Option<String>,
    pub(in super::super) received: Age,
    pub(in super::super) changed_by: Option<String>,
}

impl ServiceCallRow {
    pub(in super::super) fn of(view: &ServiceCallView, now: Timestamp) -> Self {
        Self {
            id: view.id,
            state: view.state,
            by: words::entered_by(view.entered_by),
            message: view.message.clone(),
            received: Age::of_dated(view.dated, now),
            changed_by: view.changed_by.clone(),
        }
    }

    pub(in super::super) fn is_new(&self) -> bool {
        self.state == ServiceCallState::New
    }

    pub(in super::super) fn is_open(&self) -> bool {
        self.state != ServiceCallState::Handled
    }
}

pub(in super::super) struct OrderRow {
    pub(in super::super) id: i64,
    pub(in super::super) state: OrderState,
    pub(in super::super) quantity: u16,
    /// The supply as it was read when it was ordered.
    pub(in super::super) supply: SupplyRow,
    pub(in super::super) by: &'static str,
    pub(in super::super) note: Option<String>,
    pub(in super::super) simulated: bool,
    pub(in super::super) received: Age,
    pub(in super::super) changed: Option<Age>,
    pub(in super::super) changed_by: Option<String>,
}

impl OrderRow {
    pub(in super::super) fn of(view: &OrderView, now: Timestamp) -> Self {
        Self {
            id: view.id,
            state: view.state,
            quantity: view.quantity,
            supply: SupplyRow::of(&view.supply),
            by: words::entered_by(view.entered_by),
            note: view.note.clone(),
            simulated: view.simulated,
            received: Age::of_dated(view.dated, now),
            changed: view.changed.map(|time| Age::of(time, now)),
            changed_by: view.changed_by.clone(),
        }
    }

    pub(in super::super) fn is_new(&self) -> bool {
        self.state == OrderState::New
    }

    pub(in super::super) fn is_open(&self) -> bool {
        self.state.is_open()
    }
}

pub(in super::super) struct CommandRow {
    pub(in super::super) id: String,
    pub(in super::super) action: String,
    pub(in super::super) state: CommandState,
    pub(in super::super) issued: Age,
    pub(in super::super) issued_by: String,
    pub(in super::super) finished: Option<Age>,
    pub(in super::super) reason: Option<String>,
}

impl CommandRow {
    pub(in super::super) fn of(view: &CommandView, now: Timestamp) -> Self {
        Self {
            id: view.id.to_string(),
            action: action::words(&view.action),
            state: view.state,
            issued: Age::of(view.issued, now),
            issued_by: view.issued_by.clone(),
            finished: view.finished.map(|time| Age::of(time, now)),
            reason: view.reason.clone(),
        }
    }
}

/// A setting that can be given to a device.
pub(in super::super) struct SettingRow {
    pub(in super::super) name: String,
    pub(in super::super) words: String,
}

impl SettingRow {
    fn of(key: &SettingKey) -> Option<Self> {
        let name = key.to_string();
        // The board may have names that no setting can have.
        name.parse::<SettingKey>().ok()?;
        let what = match key {
            SettingKey::SampleInterval => "Time between samples, in seconds".to_owned(),
            SettingKey::UtilisationInterval => "Time between utilisation reports, in seconds".to_owned(),
            SettingKey::Hysteresis => "Hysteresis of levels, in percent".to_owned(),
            SettingKey::DebounceSamples => "Samples in a row that must agree".to_owned(),
            SettingKey::PartPercent => "Set value of parts, in percent of life".to_owned(),
            SettingKey::SupplyPercent(supply) => format!("{}: set value in percent", words::label(supply)),
            SettingKey::SupplyPages(supply) => {
                format!("{}: set value in pages, 0 for none", words::label(supply))
            }
            SettingKey::SupplyDays(supply) => {
                format!("{}: set value in days, 0 for none", words::label(supply))
            }
            SettingKey::PartSetPercent(part) => {
                format!("{}: set value in percent of life", words::label(part))
            }
        };
        let (least, most) = key.bounds().into_inner();
        Some(Self { name, words: format!("{what} ({least} to {})", words::thousands(most)) })
    }

    /// Those of a device's supplies and parts, and those that every device has.
    pub(in super::super) fn all(view: &DeviceView) -> Vec<Self> {
        let supplies = view.supplies.iter().flat_map(|supply| {
            let name = || supply.reading.name.clone();
            [
                SettingKey::SupplyPercent(name()),
                SettingKey::SupplyPages(name()),
                SettingKey::SupplyDays(name()),
            ]
        });
        let parts = view.parts.iter().map(|part| SettingKey::PartSetPercent(part.reading.name.clone()));
        let general = [
            SettingKey::PartPercent,
            SettingKey::Hysteresis,
            SettingKey::DebounceSamples,
            SettingKey::SampleInterval,
            SettingKey::UtilisationInterval,
        ];
        supplies.chain(parts).chain(general).filter_map(|key| Self::of(&key)).collect()
    }
}

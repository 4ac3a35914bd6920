//! What a page asks of a device's view. Pure.

use platen_protocol::device_to_manager::{BusErrors, TemperatureRange};
use platen_protocol::readings::{CounterKind, HeldKind};
use platen_protocol::settings::SettingKey;

use super::device::DeviceView;
use super::happened::AlertView;
use super::identity::{CloneView, SupersededView};
use super::readings::{HeldView, SupplyView};
use super::watched::WatchView;
use crate::device::admit::IdentityState;

impl DeviceView {
    /// What printer it is in.
    pub(in super::super) fn model_words(&self) -> &str {
        self.model.as_deref().unwrap_or("Has not reported yet")
    }

    /// The sign that two machines use its identity, if there is one.
    pub(in super::super) fn clone_sign(&self) -> Option<&CloneView> {
        self.identity.as_ref()?.clone.as_ref()
    }

    /// The superseded certificate that is used, if one is.
    pub(in super::super) fn superseded(&self) -> Option<&SupersededView> {
        self.identity.as_ref()?.superseded.as_ref()
    }

    /// Whether an operator can readmit it.
    pub(in super::super) fn can_be_readmitted(&self) -> bool {
        matches!(self.identity_class(), "ended" | "readmitted" | "superseded")
    }

    /// What is the matter with its identity, for people.
    pub(in super::super) fn identity_words(&self) -> Option<&str> {
        self.identity.as_ref()?.words.as_deref()
    }

    /// The same as a word for the style sheet.
    pub(in super::super) fn identity_class(&self) -> &'static str {
        match self.identity.as_ref().map_or(IdentityState::Good, |identity| identity.state) {
            IdentityState::Good => "good",
            IdentityState::EndsSoon => "ends_soon",
            IdentityState::Ended => "ended",
            IdentityState::Superseded => "superseded",
            IdentityState::Readmitted => "readmitted",
            IdentityState::ShutOut => "shut_out",
            IdentityState::Retired => "retired",
        }
    }

    /// Open alerts of one class; each has its place among what else is the matter.
    pub(in super::super) fn alerts_of<'a>(&'a self, class: &'a str) -> impl Iterator<Item = &'a AlertView> {
        self.alerts.iter().filter(move |alert| alert.class() == class)
    }

    /// What the watches found, as far as somebody should act on it.
    pub(in super::super) fn watches_to_act_on(&self) -> impl Iterator<Item = &WatchView> {
        self.watches.iter().filter(|watch| watch.needs_action())
    }

    /// How many open things there are beyond those of which a list shows `most` of each class.
    pub(in super::super) fn more_open(&self, most: usize) -> u64 {
        let alerts =
            ["critical", "warning", "forecast"].map(|class| self.alerts_of(class).take(most).count());
        let shown =
            alerts.iter().sum::<usize>() + self.service_calls.len().min(most) + self.orders.len().min(most);
        u64::from(self.open.all()).saturating_sub(shown as u64)
    }

    /// The supply of which the least is left, waste boxes apart; none where no level is known.
    pub(in super::super) fn lowest_supply(&self) -> Option<&SupplyView> {
        let empties = self.supplies.iter().filter(|supply| !supply.reading.is_receptacle());
        empties.filter(|supply| supply.percent.is_some()).min_by_key(|supply| supply.percent)
    }

    /// Whether anything is the matter.
    pub(in super::super) fn matters(&self) -> bool {
        self.lost_lately > 0
            || !self.alerts.is_empty()
            || !self.service_calls.is_empty()
            || !self.orders.is_empty()
            || self.watches_to_act_on().next().is_some()
    }

    /// What a temperature ranged over lately.
    pub(in super::super) fn temperature_range(&self, name: &str) -> Option<&TemperatureRange> {
        self.activity.as_ref()?.activity.temperatures.iter().find(|range| range.name == name)
    }

    /// How a supply stands since the printer fell asleep, if it does.
    pub(in super::super) fn held_supply(&self, name: &str) -> Option<&HeldView> {
        self.held_of(HeldKind::Supply, name)
    }

    /// The same of a part.
    pub(in super::super) fn held_part(&self, name: &str) -> Option<&HeldView> {
        self.held_of(HeldKind::Part, name)
    }

    /// The same of a temperature.
    pub(in super::super) fn held_temperature(&self, name: &str) -> Option<&HeldView> {
        self.held_of(HeldKind::Temperature, name)
    }

    /// The same of a bus.
    pub(in super::super) fn held_bus(&self, name: &str) -> Option<&HeldView> {
        self.held_of(HeldKind::Bus, name)
    }

    /// The same of a counter; pages at the exit are not counted by the engine.
    pub(in super::super) fn held_counter(&self, kind: CounterKind) -> Option<&HeldView> {
        let engine = kind != CounterKind::PageExits;
        self.held.iter().find(|held| engine && held.kind == HeldKind::Counters)
    }

    /// The same of the counters by size, all of which the engine counts.
    pub(in super::super) fn held_billing(&self) -> Option<&HeldView> {
        self.held_counter(CounterKind::Impressions)
    }

    fn held_of(&self, kind: HeldKind, name: &str) -> Option<&HeldView> {
        self.held.iter().find(|held| held.kind == kind && held.name == name)
    }

    /// What went wrong on a bus lately.
    pub(in super::super) fn bus_errors(&self, name: &str) -> Option<&BusErrors> {
        self.activity.as_ref()?.activity.buses.iter().find(|errors| errors.name == name)
    }

    /// The settings that can be given to it: those of its supplies and parts, and those that every device
    /// has.
    pub(in super::super) fn settings(&self) -> Vec<SettingKey> {
        let supplies = self.supplies.iter().flat_map(|supply| {
            let name = || supply.reading.name.clone();
            [
                SettingKey::SupplyPercent(name()),
                SettingKey::SupplyPages(name()),
                SettingKey::SupplyDays(name()),
            ]
        });
        let parts = self.parts.iter().map(|part| SettingKey::PartSetPercent(part.reading.name.clone()));
        let general = [
            SettingKey::PartPercent,
            SettingKey::Hysteresis,
            SettingKey::DebounceSamples,
            SettingKey::SampleInterval,
            SettingKey::UtilisationInterval,
            SettingKey::ProgramsInterval,
        ];
        // The board may have names that no setting can have.
        let possible = |key: &SettingKey| key.to_string().parse::<SettingKey>().is_ok();
        supplies.chain(parts).chain(general).filter(possible).collect()
    }
}

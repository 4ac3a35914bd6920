//! What can be asked of the fleet as a whole: devices by what is the matter with them, in any order, a page at a time;
//! and how many there are. Nothing here depends on how many devices or open things there are in other places.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use serde::{Deserialize, Serialize};

use super::columns::RETIRED;
use super::conditions::Conditions;
use super::damage::Damage;
use super::engine::{AsValue as _, Connection, Row, Value};
use super::open_of::{OpenThings, open_of};
use super::records::{DeviceRecord, id};
use super::search::{Word, words};
use super::statements::{self, fleet};
use super::{Scope, Store, StoreError, from_integer};
use crate::worst::Worst;

/// How a device can be reached, as the store knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// It is in contact.
    There,
    /// It is out of contact, or was never in contact.
    Away,
    /// It enrolled and was never in contact.
    Never,
    /// It is away for so long that somebody should look after it.
    Overdue,
    /// It is out of service. Otherwise such devices are in no list.
    Retired,
}

/// Which devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FleetFilter {
    /// Each of its words is in the name, the model, the place or a serial number.
    pub text: Option<String>,
    /// The worst that is the matter is this.
    pub worst: Option<Worst>,
    /// It can be reached so.
    pub reached: Option<Reached>,
    /// Its lowest supply is at or below so many percent.
    pub supply_at_most: Option<u8>,
    /// It has not been in contact since then, or never.
    pub silent_since: Option<Timestamp>,
    /// It is of this model.
    pub model: Option<String>,
    /// It runs this version of the agent.
    pub agent_version: Option<String>,
    /// It has this tag.
    pub tag: Option<String>,
    /// It is this customer's.
    pub customer: Option<i64>,
    /// It is at this site.
    pub site: Option<i64>,
}

/// By what devices are ordered. Those that are equal in it are ordered by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetKey {
    /// The worst that is the matter, the worse first.
    #[default]
    Worst,
    /// The name.
    Name,
    /// When it was last in contact, those that never were first.
    LastContact,
    /// The level of its lowest supply, those of which none is known last.
    Supply,
    /// The model.
    Model,
    /// The place.
    Place,
    /// The version of the agent.
    AgentVersion,
}

/// An order of devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FleetOrder {
    /// By what.
    pub by: FleetKey,
    /// The other way round.
    pub backwards: bool,
}

/// What devices are ordered by, of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FleetValue {
    /// A rank, a level or a moment.
    Number(i64),
    /// A name.
    Text(String),
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetPlace {
    /// What the last device on it was ordered by.
    pub value: FleetValue,
    /// That device.
    pub device: DeviceId,
}

/// A device with what is open there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetDevice {
    /// The device.
    pub device: DeviceRecord,
    /// What is open there, of each kind at most so many as were asked for; [`DeviceRecord::state`] counts all.
    pub open: OpenThings,
}

/// How many devices there are, by what is the matter with them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FleetCounts {
    /// All of them, but for those out of service.
    pub devices: u64,
    /// Those of which a critical alert is the worst: the printer does not print.
    pub critical: u64,
    /// Those of which a service call is the worst.
    pub service_call: u64,
    /// Those of which an order is the worst.
    pub order: u64,
    /// Those of which the worst is that they are away for so long.
    pub overdue: u64,
    /// Those of which a warning is the worst.
    pub warning: u64,
    /// Those of which a forecast is the worst.
    pub forecast: u64,
    /// Those that are out of contact, with nothing else.
    pub silent: u64,
    /// Those with which nothing is the matter.
    pub fine: u64,
    /// Those that were never in contact, whatever else is the matter.
    pub never_in_contact: u64,
    /// Those that are away for so long that somebody should look after them, whatever else is the matter.
    pub away_too_long: u64,
    /// Those with a supply at or below its set value, waste boxes apart, whatever else is the matter.
    pub low_supply: u64,
    /// Those of which a warning is the worst and no supply is at or below its set value.
    pub warning_without_low_supply: u64,
    /// Service calls that are not handled.
    pub open_service_calls: u64,
    /// Orders that are neither delivered nor cancelled.
    pub open_orders: u64,
    /// Open alerts of what may happen.
    pub open_forecasts: u64,
    /// Devices out of service; in no other number.
    pub retired: u64,
}

impl FleetCounts {
    /// Those of which this is the worst.
    pub const fn of(&self, worst: Worst) -> u64 {
        match worst {
            Worst::Critical => self.critical,
            Worst::ServiceCall => self.service_call,
            Worst::Order => self.order,
            Worst::Overdue => self.overdue,
            Worst::Warning => self.warning,
            Worst::Forecast => self.forecast,
            Worst::Silent => self.silent,
            Worst::Fine => self.fine,
        }
    }

    fn number(&mut self, worst: Worst) -> &mut u64 {
        match worst {
            Worst::Critical => &mut self.critical,
            Worst::ServiceCall => &mut self.service_call,
            Worst::Order => &mut self.order,
            Worst::Overdue => &mut self.overdue,
            Worst::Warning => &mut self.warning,
            Worst::Forecast => &mut self.forecast,
            Worst::Silent => &mut self.silent,
            Worst::Fine => &mut self.fine,
        }
    }
}

impl FleetKey {
    const fn column(self) -> &'static str {
        match self {
            Self::Worst => "s.worst",
            Self::Name => "s.name",
            Self::LastContact => "s.last_contact",
            Self::Supply => "s.lowest",
            Self::Model => "s.model",
            Self::Place => "s.place",
            Self::AgentVersion => "s.agent_version",
        }
    }

    /// Whether what it orders by is a number.
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Worst | Self::LastContact | Self::Supply)
    }

    /// The word in an address.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Name => "name",
            Self::LastContact => "last_contact",
            Self::Supply => "supply",
            Self::Model => "model",
            Self::Place => "place",
            Self::AgentVersion => "agent_version",
        }
    }
}

/// What is asked for, as it goes into a statement.
struct Asked {
    filter: FleetFilter,
    words: Vec<Word>,
    silent_since: Option<i64>,
}

impl Asked {
    fn new(connection: &Connection, filter: &FleetFilter) -> Self {
        let words = words(connection, filter.text.as_deref().unwrap_or_default());
        let silent_since = filter.silent_since.map(Timestamp::as_millisecond);
        Self { words, silent_since, filter: filter.clone() }
    }

    fn conditions<'a>(&'a self, scope: &Scope) -> Conditions<'a> {
        let mut conditions = Conditions::new(&[]);
        let FleetFilter { worst, reached, supply_at_most, model, agent_version, tag, customer, site, .. } =
            &self.filter;
        let in_service = match (worst, reached) {
            (_, Some(Reached::Retired)) => format!("s.worst = {RETIRED}"),
            (Some(worst), _) => format!("s.worst = {}", worst.rank()),
            (None, _) => format!("s.worst < {RETIRED}"),
        };
        conditions.and(&in_service);
        for word in &self.words {
            conditions.and_with(word.condition, word.value.as_str());
        }
        match reached {
            None | Some(Reached::Retired) => {}
            Some(Reached::There) => conditions.and("s.away = 0"),
            Some(Reached::Away) => conditions.and("s.away > 0"),
            // Twice, for the small index of those that are away.
            Some(Reached::Never) => conditions.and("s.away > 0 AND s.away = 2"),
            Some(Reached::Overdue) => conditions.and("s.away > 0 AND s.overdue = 1"),
        }
        if let Some(percent) = supply_at_most {
            conditions.and_with("s.lowest <= {}", percent);
        }
        if let Some(since) = &self.silent_since {
            conditions.and_with("s.last_contact < {}", since);
        }
        if let Some(model) = model {
            conditions.and_with("s.model = {}", model);
        }
        if let Some(version) = agent_version {
            conditions.and_with("s.agent_version = {}", version);
        }
        if let Some(tag) = tag {
            conditions.and_with("s.device IN (SELECT t.device FROM device_tags t WHERE t.tag = {})", tag);
        }
        if let Some(customer) = customer {
            conditions.and_with("s.customer = {}", customer);
        }
        if let Some(site) = site {
            conditions.and_with("s.site = {}", site);
        }
        conditions.and_within(scope, "s");
        conditions
    }

    /// Whether an index has everything that decides which devices come first. Otherwise SQLite reads the whole table,
    /// once and in its own order: to look up each row by an index takes it several times as long.
    fn is_indexed(&self, order: FleetOrder, scope: &Scope) -> bool {
        let FleetFilter { worst, reached, supply_at_most, model, .. } = &self.filter;
        // Few are away, as a rule, and few are of one model: those are looked up, and put in order.
        if matches!(reached, Some(Reached::Away | Reached::Never | Reached::Overdue)) || model.is_some() {
            return true;
        }
        let rest = FleetFilter { text: None, worst: None, supply_at_most: None, ..self.filter.clone() };
        let (of_all, of_worst) = (self.words.is_empty(), worst.is_none());
        let only_these = rest == FleetFilter::default() && *scope == Scope::All;
        only_these
            && match order.by {
                FleetKey::Worst => supply_at_most.is_none(),
                FleetKey::Supply => of_all && of_worst,
                FleetKey::Name | FleetKey::Model | FleetKey::Place | FleetKey::AgentVersion => {
                    of_all && of_worst && supply_at_most.is_none()
                }
                FleetKey::LastContact => false,
            }
    }
}

fn table(connection: &Connection, indexed: bool) -> &'static str {
    match connection {
        Connection::Sqlite(_) if !indexed => "states s NOT INDEXED",
        _ => "states s",
    }
}

/// The keys of the devices on a page, in order, with their places.
fn keys(
    connection: &Connection,
    scope: &Scope,
    filter: &FleetFilter,
    order: FleetOrder,
    after: Option<&FleetPlace>,
    limit: u32,
) -> Result<Vec<(i64, FleetPlace)>, StoreError> {
    let asked = Asked::new(connection, filter);
    let mut conditions = asked.conditions(scope);
    let (column, than, way) = (
        order.by.column(),
        if order.backwards { "<" } else { ">" },
        if order.backwards { " DESC" } else { "" },
    );
    if let Some(after) = after {
        let value = match &after.value {
            FleetValue::Number(number) => Value::Integer(*number),
            FleetValue::Text(text) => text.as_value(),
        };
        let value = conditions.parameter(value);
        let name = conditions.parameter(after.device.as_str().as_value());
        conditions.and(&format!("({column}, s.name) {than} ({value}, {name})"));
    }
    let limit = conditions.parameter(limit.as_value());
    let table = table(connection, asked.is_indexed(order, scope));
    let text = format!(
        "SELECT s.device, s.name, {column} FROM {table} WHERE {} ORDER BY {column}{way}, s.name{way} LIMIT {limit}",
        conditions.text()
    );
    connection.all(&text, conditions.values(), |row| {
        let value = if order.by.is_number() {
            FleetValue::Number(row.get(2)?)
        } else {
            FleetValue::Text(row.get(2)?)
        };
        Ok((row.get(0)?, FleetPlace { value, device: id("device", row.get(1)?)? }))
    })
}

/// The keys of all devices that are asked for, at most so many, by name.
pub(super) fn keys_of(
    connection: &Connection,
    scope: &Scope,
    filter: &FleetFilter,
    limit: u32,
) -> Result<Vec<i64>, StoreError> {
    let order = FleetOrder { by: FleetKey::Name, backwards: false };
    let keys = keys(connection, scope, filter, order, None, limit)?;
    Ok(keys.into_iter().map(|(device, _)| device).collect())
}

/// These devices with what is open there, by their keys.
fn look_up(
    connection: &Connection,
    damage: &Damage,
    devices: &[i64],
    (most, since): (u32, Timestamp),
) -> Result<BTreeMap<i64, FleetDevice>, StoreError> {
    let mut found = BTreeMap::new();
    if devices.is_empty() {
        return Ok(found);
    }
    let mut conditions = Conditions::new(&[]);
    conditions.and_of("d.key", devices);
    let text = format!("{}{}", statements::SOME_DEVICES, conditions.text());
    let mut open = open_of(connection, damage, devices, most, since)?;
    for mut device in damage.collect(connection, &text, conditions.values(), 0, DeviceRecord::from_row)? {
        device.know(damage);
        let open = open.remove(&device.id).unwrap_or_default();
        found.insert(device.key, FleetDevice { device, open });
    }
    Ok(found)
}

fn count(found: &mut FleetCounts, row: &Row<'_>) -> Result<(), StoreError> {
    let number = |column| -> Result<u64, StoreError> { Ok(from_integer(row.get(column)?)) };
    let devices = number(1)?;
    let Some(worst) = Worst::of_rank(row.get(0)?) else {
        found.retired += devices;
        return Ok(());
    };
    *found.number(worst) += devices;
    found.devices += devices;
    found.open_service_calls += number(2)?;
    found.open_orders += number(3)?;
    found.away_too_long += number(4)?;
    found.low_supply += number(5)?;
    found.open_forecasts += number(6)?;
    found.never_in_contact += number(7)?;
    if worst == Worst::Warning {
        found.warning_without_low_supply += devices.saturating_sub(number(5)?);
    }
    Ok(())
}

impl Store {
    /// Devices as they are asked for, those behind a place. Of what is open at each, at most `most` of a kind; losses
    /// are those since a moment.
    pub async fn fleet(
        &self,
        scope: &Scope,
        asked: (FleetFilter, FleetOrder),
        after: Option<FleetPlace>,
        limit: u32,
        (most, since): (u32, Timestamp),
    ) -> Result<Vec<(FleetPlace, FleetDevice)>, StoreError> {
        let (scope, damage) = (scope.clone(), Arc::clone(&self.damage));
        self.readers
            .clone()
            .read(move |connection| {
                let (filter, order) = asked;
                let keys = keys(connection, &scope, &filter, order, after.as_ref(), limit)?;
                let devices: Vec<i64> = keys.iter().map(|(device, _)| *device).collect();
                let mut found = look_up(connection, &damage, &devices, (most, since))?;
                let page = keys.into_iter();
                // What of a device cannot be read at all leaves it out, and it is told as damaged.
                Ok(page.filter_map(|(key, place)| Some((place, found.remove(&key)?))).collect())
            })
            .await
    }

    /// The first devices as they are asked for: their names alone.
    pub async fn fleet_head(
        &self,
        scope: &Scope,
        asked: (FleetFilter, FleetOrder),
        limit: u32,
    ) -> Result<Vec<DeviceId>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let (filter, order) = asked;
                let keys = keys(connection, &scope, &filter, order, None, limit)?;
                Ok(keys.into_iter().map(|(_, place)| place.device).collect())
            })
            .await
    }

    /// These devices, in any order; those that nobody knows are not among them.
    pub async fn some_devices(
        &self,
        scope: &Scope,
        names: Vec<DeviceId>,
        (most, since): (u32, Timestamp),
    ) -> Result<Vec<FleetDevice>, StoreError> {
        let (scope, damage) = (scope.clone(), Arc::clone(&self.damage));
        self.readers
            .clone()
            .read(move |connection| {
                let mut conditions = Conditions::new(&[]);
                conditions.and_in("s.name", names.iter().map(|name| name.as_str().as_value()));
                conditions.and_within(&scope, "s");
                let text = format!("SELECT s.device FROM states s WHERE {}", conditions.text());
                let devices: Vec<i64> = connection.all(&text, conditions.values(), |row| row.get(0))?;
                Ok(look_up(connection, &damage, &devices, (most, since))?.into_values().collect())
            })
            .await
    }

    /// How many there are of the devices that are asked for.
    pub async fn fleet_counts(&self, scope: &Scope, filter: FleetFilter) -> Result<FleetCounts, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                let asked = Asked::new(connection, &filter);
                let mut conditions = asked.conditions(&scope);
                if filter == FleetFilter::default() {
                    // Those out of service are counted as well.
                    conditions = Conditions::new(&[]);
                    conditions.and_within(&scope, "s");
                }
                let all = filter == FleetFilter::default() && scope == Scope::All;
                let (table, counted) = (table(connection, all), fleet::COUNTS);
                let text = format!("{counted} FROM {table} WHERE {} GROUP BY s.worst", conditions.text());
                let mut found = FleetCounts::default();
                connection.each(&text, conditions.values(), |row| count(&mut found, row))?;
                Ok(found)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_place_comes_back(number: i64, text in ".{0,40}", numbered: bool) {
            let value = if numbered { FleetValue::Number(number) } else { FleetValue::Text(text) };
            let place = FleetPlace { value, device: "lobby".parse().unwrap() };
            let json = serde_json::to_string(&place).unwrap();
            prop_assert_eq!(serde_json::from_str::<FleetPlace>(&json).unwrap(), place);
        }
    }
}

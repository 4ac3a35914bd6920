//! How each device stands now, as columns: a fleet is ordered, filtered, searched and counted by them.
//!
//! Whatever changes what they say works them out anew in its own transaction ([`refresh`]), from the rows that are
//! there: no count is added to, so none can drift. The levels of supplies alone are taken from readings as they come, and
//! written when they change. Contacts are flushed in batches. [`Store::states_astray`] works everything out a second
//! time and compares.

use std::collections::BTreeSet;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::readings::{Readings, SupplyReading};
use serde::Deserialize;

use super::columns::{RETIRED, UNKNOWN_LEVEL, level};
use super::engine::{Connection, Row, values};
use super::last_told::LastTold;
use super::needs::{self, Stands, settle};
use super::records::id;
use super::statements::{self, fleet};
use super::{Store, StoreError};
use crate::worst::Matters;

/// Devices that are worked out in one transaction when a database is brought to this version, or looked through.
const AT_ONCE: u32 = 500;

/// What the readings of a device say of its supplies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Levels {
    /// Percent that is left of the lowest supply that empties, rounded down; none where no level is known.
    pub(super) lowest: Option<u8>,
    /// Whether one of those is at or below its set value.
    pub(super) low: bool,
    /// Whether the readings came from a simulated board.
    pub(super) simulated: bool,
    /// The serial numbers of supplies and parts, a line each.
    pub(super) serials: String,
}

impl Levels {
    pub(super) fn of(readings: &Readings, simulated: bool) -> Self {
        let empties = || readings.supplies.iter().filter(|supply| !supply.is_receptacle());
        let of_supplies = readings.supplies.iter().filter_map(|supply| supply.serial.as_deref());
        let of_parts = readings.parts.iter().filter_map(|part| part.serial.as_deref());
        let mut serials = String::new();
        for serial in of_supplies.chain(of_parts) {
            if !serials.is_empty() {
                serials.push('\n');
            }
            serials.push_str(serial);
        }
        Self {
            lowest: empties().filter_map(SupplyReading::percent).min(),
            low: empties().any(SupplyReading::is_low),
            simulated,
            serials,
        }
    }

    /// As it stands in the columns `lowest`, `low`, `simulated` and `serials`.
    pub(super) fn from_row(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
        Ok(Self {
            lowest: level(row.get(at)?),
            low: row.get(at + 1)?,
            simulated: row.get(at + 2)?,
            serials: row.get(at + 3)?,
        })
    }

    pub(super) fn lowest_in_store(&self) -> i64 {
        self.lowest.map_or(UNKNOWN_LEVEL, i64::from)
    }
}

/// How a device stands, as the columns have it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    worst: i64,
    matters: Matters,
    /// Whether an operator has to decide about its identity, apart from signs of clones.
    identity: bool,
    clones: u32,
    decide_from: Option<i64>,
    /// 1 it is away, 2 it was never there.
    away: i64,
    levels: Levels,
    model: String,
    agent_version: String,
    place: String,
    customer: Option<i64>,
    site: Option<i64>,
    search: String,
}

/// Of a superseded certificate that is used again, what decides who must act.
#[derive(Deserialize)]
struct Consent {
    /// Whether an operator has consented that whoever has it may renew it, for a time.
    readmitted: bool,
}

/// From when on an operator has to decide about an identity: at once, or when a consent ends; none while there is
/// nothing to decide.
fn decide_from(revoked: Option<i64>, superseded: Option<&Consent>, readmitted: Option<i64>) -> Option<i64> {
    let superseded = superseded.filter(|_| revoked.is_none())?;
    Some(readmitted.filter(|_| superseded.readmitted).unwrap_or(0))
}

/// The text in which a search looks.
fn searched(texts: &[&str]) -> String {
    let lines: Vec<String> =
        texts.iter().filter(|text| !text.is_empty()).map(|text| text.to_lowercase()).collect();
    lines.join("\n")
}

impl State {
    /// As it should be by the rows, and as it is. `levels` are those of new readings.
    fn worked_out(row: &Row<'_>, levels: Option<&Levels>) -> Result<(Self, Self), StoreError> {
        let name: String = row.get(0)?;
        let superseded: Option<String> = row.get(9)?;
        // As where it is admitted: what does not read is forgotten.
        let superseded: Option<Consent> = superseded.and_then(|text| serde_json::from_str(&text).ok());
        let decide_from = decide_from(row.get(7)?, superseded.as_ref(), row.get(8)?);
        let (was_to_decide, was_from): (bool, Option<i64>) = (row.get(21)?, row.get(22)?);
        // That a consent has ended was written when it was found, and is so until there is another one.
        let identity =
            decide_from == Some(0) || (decide_from.is_some() && decide_from == was_from && was_to_decide);
        let clones: u32 = row.get(18)?;
        let (damaged, noisy): (bool, bool) = (row.get(20)?, row.get(43)?);
        let there_before = Levels::from_row(row, 23)?;
        let away = match (row.get::<i64>(19)?, row.get::<i64>(16)?) {
            (0, _) => 2,
            (_, 0) => 0,
            _ => 1,
        };
        let matters = Matters {
            critical: row.get(10)?,
            warnings: row.get(11)?,
            forecasts: row.get(12)?,
            service_calls: row.get(13)?,
            orders: row.get(14)?,
            watches: row.get(15)?,
            overdue: row.get::<i64>(17)? > 0,
            away: away > 0,
            identity: identity || clones > 0,
            damaged,
            noisy,
        };
        let retired = row.get::<Option<i64>>(6)?.is_some();
        let levels = levels.unwrap_or(&there_before).clone();
        let (model, place): (String, String) = (row.get(1)?, row.get(3)?);
        let should = Self {
            worst: if retired { RETIRED } else { matters.worst().rank() },
            matters,
            identity,
            clones,
            decide_from,
            away,
            search: searched(&[&name, &model, &place, &levels.serials]),
            levels,
            model,
            agent_version: row.get(2)?,
            place,
            customer: row.get(4)?,
            site: row.get(5)?,
        };
        let clones: u32 = row.get(36)?;
        let is = Self {
            worst: row.get(27)?,
            matters: Matters {
                critical: row.get(28)?,
                warnings: row.get(29)?,
                forecasts: row.get(30)?,
                service_calls: row.get(31)?,
                orders: row.get(32)?,
                watches: row.get(33)?,
                overdue: row.get(34)?,
                away: row.get(35)?,
                identity: was_to_decide || clones > 0,
                damaged,
                noisy,
            },
            identity: was_to_decide,
            clones,
            decide_from: was_from,
            away: row.get(35)?,
            levels: there_before,
            model: row.get(37)?,
            agent_version: row.get(38)?,
            place: row.get(39)?,
            customer: row.get(40)?,
            site: row.get(41)?,
            search: row.get(42)?,
        };
        Ok((should, is))
    }

    /// By which it is decided what of the device needs a person.
    const fn stands(&self) -> Stands {
        let Self { worst, identity, customer, site, .. } = self;
        Stands { in_service: *worst != RETIRED, identity: *identity, customer: *customer, site: *site }
    }

    fn write(&self, connection: &Connection, device: i64) -> Result<(), StoreError> {
        let Self { matters, levels, .. } = self;
        connection.execute(
            fleet::SET_STATE,
            values![
                device,
                self.worst,
                matters.critical,
                matters.warnings,
                matters.forecasts,
                matters.service_calls,
                matters.orders,
                matters.watches,
                matters.overdue,
                self.away,
                self.identity,
                self.clones,
                self.decide_from,
                matters.damaged,
                levels.lowest_in_store(),
                levels.low,
                levels.simulated,
                self.model,
                self.agent_version,
                self.place,
                self.customer,
                self.site,
                levels.serials,
                self.search
            ],
        )?;
        Ok(())
    }
}

/// Works out anew how a device stands, after something in this transaction changed what it stands by. `levels` are those
/// of readings that came with it.
pub(super) fn refresh(
    connection: &Connection,
    device: i64,
    levels: Option<&Levels>,
) -> Result<(), StoreError> {
    if let Connection::Postgres(_) = connection {
        connection.exists(fleet::HOLD_STATE, values![device])?;
    }
    let worked_out = connection.one(fleet::STATE, values![device], |row| State::worked_out(row, levels))?;
    // One that is being deleted stands nowhere any more.
    let Some((should, is)) = worked_out else { return Ok(()) };
    if should != is {
        should.write(connection, device)?;
    }
    settle(connection, device, should.stands())
}

/// The same of a device by its name.
pub(super) fn refresh_named(connection: &Connection, device: &DeviceId) -> Result<(), StoreError> {
    let key = connection.one(statements::DEVICE_KEY, values![device.as_str()], |row| row.get(0))?;
    key.map_or(Ok(()), |key| refresh(connection, key, None))
}

/// The same of several devices, each once and in the order of their keys.
pub(super) fn refresh_all<'a>(
    connection: &Connection,
    devices: impl Iterator<Item = &'a DeviceId>,
) -> Result<(), StoreError> {
    let mut keys: BTreeSet<i64> = BTreeSet::new();
    for device in devices.collect::<BTreeSet<_>>() {
        keys.extend(
            connection.one(statements::DEVICE_KEY, values![device.as_str()], |row| row.get::<i64>(0))?,
        );
    }
    keys.into_iter().try_for_each(|key| refresh(connection, key, None))
}

/// A device that enrolled: it has a row from now on.
pub(super) fn add(connection: &Connection, device: &DeviceId) -> Result<(), StoreError> {
    connection.execute(fleet::ADD_STATE, values![device.as_str()])?;
    refresh_named(connection, device)
}

/// The levels in the readings that are stored of a device; of what cannot be read, none are known.
fn stored_levels(connection: &Connection, device: i64) -> Result<Levels, StoreError> {
    let LastTold { readings, simulated } = LastTold::of(connection, device)?;
    Ok(readings.map_or_else(
        || Levels { simulated, ..Levels::default() },
        |readings| Levels::of(&readings, simulated),
    ))
}

/// Works out what is to be worked out, some at a time, with the levels that are there.
pub(super) fn work_out(connection: &Connection) -> Result<(), StoreError> {
    let statement = connection.text(fleet::STATES_TO_WORK_OUT, fleet::STATES_TO_WORK_OUT_POSTGRES);
    loop {
        let devices: Vec<i64> = connection.all(statement, values![AT_ONCE], |row| row.get(0))?;
        if devices.is_empty() {
            return Ok(());
        }
        devices.into_iter().try_for_each(|device| refresh(connection, device, None))?;
    }
}

/// Works out the rows that a migration has made, some at a time, and of devices that somebody brought back by hand.
pub(super) fn fill(connection: &Connection) -> Result<(), StoreError> {
    let mut all = 0;
    // Nothing is written where nothing is to be done: a standby can then be looked at.
    if connection.exists(fleet::MISSES_STATES, &[])? {
        connection.write(|connection| connection.execute(fleet::ADD_MISSING_STATES, &[]))?;
    }
    while connection.exists(fleet::STATES_TO_WORK_OUT, values![1])? {
        all += connection.write(|connection| {
            let devices: Vec<i64> =
                connection.all(fleet::STATES_TO_WORK_OUT, values![AT_ONCE], |row| row.get(0))?;
            for device in &devices {
                let levels = stored_levels(connection, *device)?;
                refresh(connection, *device, Some(&levels))?;
            }
            Ok(devices.len())
        })?;
        tracing::info!(devices = all, "how devices stand is worked out");
    }
    if let Connection::Postgres(_) = connection
        && all > 0
    {
        // Otherwise look-ups would be planned for empty columns until the server looks at the table of its own accord.
        connection.execute(fleet::KNOW_STATES, &[])?;
    }
    Ok(())
}

impl Store {
    /// Writes down what follows from the time alone: consents that have ended.
    pub async fn settle_identities(&self, now: Timestamp) -> Result<(), StoreError> {
        let due = self
            .readers
            .clone()
            .read(move |connection| {
                connection.exists(fleet::STATES_TO_DECIDE, values![now.as_millisecond(), 1])
            })
            .await?;
        if !due {
            return Ok(());
        }
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let devices: Vec<i64> = connection.all(
                    fleet::STATES_TO_DECIDE,
                    values![now.as_millisecond(), AT_ONCE],
                    |row| row.get(0),
                )?;
                for device in devices {
                    connection.execute(fleet::SET_TO_DECIDE, values![device])?;
                    refresh(connection, device, None)?;
                }
                Ok(())
            })
            .await
    }

    /// Writes down which devices were refused because of a quota since a moment, and which were not.
    pub async fn settle_noise(&self, since: Timestamp) -> Result<(), StoreError> {
        let changes = move |connection: &Connection, most: u32| -> Result<Vec<(i64, bool)>, StoreError> {
            let since = since.as_millisecond();
            let asked = values![since, most];
            let mut found = connection.all(fleet::STATES_NOISY, asked, |row| Ok((row.get(0)?, true)))?;
            found.extend(connection.all(fleet::STATES_QUIET, asked, |row| Ok((row.get(0)?, false)))?);
            Ok(found)
        };
        let due = self.readers.clone().read(move |connection| changes(connection, 1)).await?;
        if due.is_empty() {
            return Ok(());
        }
        self.writer
            .write(move |context| {
                for (device, noisy) in changes(context.connection, AT_ONCE)? {
                    context.connection.execute(fleet::SET_NOISY, values![device, noisy])?;
                    refresh(context.connection, device, None)?;
                }
                Ok(())
            })
            .await
    }

    /// What could not be read when a manager was here last is found again, if it still is so.
    pub async fn forget_damage(&self) -> Result<(), StoreError> {
        self.writer
            .write(|context| {
                context.connection.execute(fleet::SET_UNDAMAGED, &[])?;
                work_out(context.connection)
            })
            .await
    }

    /// Writes down of which devices something was found that cannot be read, since this was asked last.
    pub async fn settle_damage(&self) -> Result<(), StoreError> {
        let found = self.damage.take_new();
        if found.is_empty() {
            return Ok(());
        }
        let names = found.clone();
        let written = self
            .writer
            .write(move |context| {
                let connection = context.connection;
                for name in &names {
                    let device =
                        connection.one(fleet::SET_DAMAGED, values![name], |row| row.get::<i64>(0))?;
                    if let Some(device) = device {
                        refresh(connection, device, None)?;
                    }
                }
                Ok(())
            })
            .await;
        if written.is_err() {
            self.damage.give_back(found);
        }
        written
    }

    /// Devices whose columns are not what their rows say, with what differs: none, unless the manager has a fault.
    pub async fn states_astray(&self) -> Result<Vec<(DeviceId, String)>, StoreError> {
        let mut astray = Vec::new();
        let mut after = 0_i64;
        loop {
            let some = self
                .readers
                .clone()
                .read(move |connection| {
                    let devices: Vec<(i64, String)> =
                        connection.all(fleet::STATES_AFTER, values![after, AT_ONCE], |row| {
                            Ok((row.get(0)?, row.get(1)?))
                        })?;
                    let mut compared = Vec::new();
                    for (device, name) in devices {
                        let levels = stored_levels(connection, device)?;
                        let found = connection.one(fleet::STATE, values![device], |row| {
                            State::worked_out(row, Some(&levels))
                        })?;
                        let items = match &found {
                            Some((should, _)) => needs::astray(connection, device, should.stands())?,
                            None => None,
                        };
                        let differs = found.filter(|(should, is)| should != is);
                        let words = differs.map(|(should, is)| format!("{is:?} should be {should:?}"));
                        compared.push((device, name, words.or(items)));
                    }
                    Ok(compared)
                })
                .await?;
            let Some((last, _, _)) = some.last() else { return Ok(astray) };
            after = *last;
            for (_, name, words) in some {
                if let Some(words) = words {
                    astray.push((id("device", name)?, words));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use proptest::prelude::*;

    #[test]
    fn a_waste_box_is_no_supply_that_runs_out_and_an_unknown_level_is_behind_all_numbers() {
        use platen_protocol::supply::SupplyClass;
        let mut readings = sample::utilisation(1, 50).body.readings().unwrap().clone();
        readings.supplies = vec![sample::full_supply(40), sample::full_supply(7)];
        assert_eq!(Levels::of(&readings, true).lowest, Some(7));
        readings.supplies[1].class = SupplyClass::ReceptacleThatIsFilled;
        assert_eq!(Levels::of(&readings, true).lowest, Some(40));
        readings.supplies.clear();
        let levels = Levels::of(&readings, false);
        assert_eq!((levels.lowest, levels.lowest_in_store()), (None, UNKNOWN_LEVEL));
        assert!(!levels.low && levels.serials.is_empty());
    }

    #[test]
    fn a_search_looks_at_small_letters_a_line_for_each_text() {
        assert_eq!(searched(&["Zoo-1", "", "Straße 2", "AB\nCD"]), "zoo-1\nstraße 2\nab\ncd");
    }

    proptest! {
        #[test]
        fn when_somebody_must_decide_is_as_where_devices_are_admitted(
            revoked: bool, superseded: Option<bool>, readmitted in prop::option::of(0_i64..100), now in 0_i64..100,
        ) {
            use super::super::Certificate;
            use super::super::identities::{CertificateUse, Standing, Superseded};
            use crate::device::admit::{IdentityState, state};
            let at = |second: i64| Timestamp::from_second(second).unwrap();
            let certificate = Certificate { serial: "01".into(), issued: at(0), expires: at(1_000_000) };
            let used = CertificateUse { last: at(0), remote: [192, 0, 2, 1].into(), boot: None };
            let superseded = superseded.map(|readmitted| Superseded {
                certificate: certificate.clone(), first: at(0), used, present: None, readmitted,
            });
            let standing = Standing {
                revoked: revoked.then(|| at(0)),
                readmitted_until: readmitted.map(at),
                superseded: superseded.clone(),
                ..Standing::enrolled(certificate)
            };
            let consent = superseded.map(|used| Consent { readmitted: used.readmitted });
            let from = decide_from(revoked.then_some(0), consent.as_ref(), readmitted);
            prop_assert_eq!(from.is_some_and(|from| from <= now), state(&standing, at(now)) == IdentityState::Superseded);
        }
    }
}

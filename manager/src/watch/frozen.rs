//! The third watch: a reading that does not move though the printer works. The chip answers, the number
//! is plausible, and it is always the same: no other rule finds that.
//!
//! A printer's work is measured by its own counters: what passes between two readings is driven on an
//! odometer, and each sensor remembers where the odometer stood when it moved last. What cannot be read is
//! not frozen, and is forgotten: it has an alert of its own.

use jiff::Timestamp;
use platen_protocol::device_to_manager::Activity;
use platen_protocol::readings::{
    CounterKind, PartReading, Reading, Readings, SupplyReading, TemperatureReading, TemperatureRole,
};
use platen_protocol::supply::{Capacity, Level, SupplyUnit};
use serde::{Deserialize, Serialize};

/// A sensor must have said the same in so many readings: one jump of the counters says nothing.
const MIN_READINGS: u32 = 3;
/// A supply may stand still for so many times the pages that one step of its level lasts.
const SUPPLY_STEPS: u64 = 20;
/// And for so many pages at least. The device's own rule (10 steps, 1000 pages) comes first, and can tell a
/// refilled cartridge; this one is for the sensor.
const SUPPLY_PAGES: u64 = 2_000;
/// A supply of which nobody knows what a page takes may stand still for so many pages: more than one step
/// of the largest cartridges.
const SUPPLY_PAGES_UNLEARNT: u64 = 30_000;
/// A level is not expected to move by less than this part of its capacity: many cartridges count whole
/// percents, whatever their unit.
const SUPPLY_RESOLUTION: u64 = 100;
/// A part's life may stand still for so many pages: engines write it now and then, and not with each page.
const PART_PAGES: u64 = 1_000;
/// And for this part of its rated life.
const PART_SHARE: u64 = 50;
/// A fuser's temperature may stand still for so many pages and seconds: it swings with each page.
const FUSER: (u64, u64) = (200, 3_600);
/// Another temperature may stand still for longer: a cool room and a coarse chip.
const OTHER_TEMPERATURE: (u64, u64) = (1_000, 24 * 3_600);
/// A counter may stand still while the other one counts so many pages.
const COUNTER_PAGES: u64 = 100;
/// Sensors of one device that are followed: more than any printer has.
const MAX_SENSORS: usize = 128;

/// What kind of reading does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SensorKind {
    /// A supply's level.
    Supply,
    /// A part's used life.
    Part,
    /// A temperature.
    Temperature,
    /// A counter.
    Counter,
}

impl SensorKind {
    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Supply => "supply",
            Self::Part => "part",
            Self::Temperature => "temperature",
            Self::Counter => "counter",
        }
    }
}

/// By what the printer's work is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Measure {
    /// All pages, by whichever counter counts most.
    Pages,
    /// Pages in colour.
    Colour,
    /// Impressions alone.
    Impressions,
    /// Pages at the exit alone.
    Exits,
}

/// Pages since the manager began to follow the printer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Odometer {
    pages: u64,
    colour: u64,
    impressions: u64,
    exits: u64,
}

impl Odometer {
    fn by(&self, measure: Measure) -> u64 {
        match measure {
            Measure::Pages => self.pages,
            Measure::Colour => self.colour,
            Measure::Impressions => self.impressions,
            Measure::Exits => self.exits,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Count {
    kind: CounterKind,
    value: u64,
    epoch: u32,
}

/// What a sensor may do before it counts as frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Allowance {
    measure: Measure,
    pages: u64,
    seconds: u64,
}

/// A sensor, and since when it says the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Unchanged {
    kind: SensorKind,
    name: String,
    serial: Option<String>,
    value: i64,
    /// Since when, and where the odometer stood then.
    since: Timestamp,
    at: Odometer,
    /// In how many readings.
    readings: u32,
    allowance: Allowance,
}

/// What a reading says, of a sensor that can be judged.
struct SensorValue<'a> {
    kind: SensorKind,
    name: &'a str,
    serial: Option<&'a str>,
    value: i64,
    /// Whether it is known to have moved since the last reading, though it says the same now.
    moved: bool,
    allowance: Allowance,
}

/// A sensor that reads the same whatever the printer does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Frozen {
    /// What kind of reading does not change.
    pub sensor: SensorKind,
    /// Its name on the board; of a counter, its kind.
    pub name: String,
    /// What it keeps reading: a level or a life in the sensor's unit, a temperature in thousandths of a
    /// degree Celsius, a count.
    pub value: i64,
    /// Pages that were printed meanwhile.
    pub pages: u64,
    /// Since when it has read that.
    pub since: Timestamp,
}

/// What a printer's sensors said lately. It is kept with the device, so that a restart forgets nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensorHistory {
    odometer: Odometer,
    counts: Vec<Count>,
    stills: Vec<Unchanged>,
}

impl SensorHistory {
    /// Goes on with the next readings.
    pub fn follow(&mut self, readings: &Readings, activity: Option<&Activity>, now: Timestamp) {
        self.drive(readings);
        let colour =
            readings.counter(CounterKind::FullColor).is_some_and(|count| count.value.known().is_some());
        let supplies = readings.supplies.iter().filter_map(|supply| said_by_supply(supply, colour));
        let parts = readings.parts.iter().filter_map(said_by_part);
        let temperatures = readings.temperatures.iter().filter_map(|one| said_by_temperature(one, activity));
        let said = supplies.chain(parts).chain(temperatures).chain(said_by_counters(readings));
        let mut before = std::mem::take(&mut self.stills);
        for said in said.take(MAX_SENSORS) {
            let place = before.iter().position(|still| still.kind == said.kind && still.name == said.name);
            let still = place.map(|place| before.swap_remove(place));
            self.stills.push(self.next(still, &said, now));
        }
    }

    fn next(&self, still: Option<Unchanged>, said: &SensorValue<'_>, now: Timestamp) -> Unchanged {
        match still {
            Some(mut still)
                if !said.moved && still.value == said.value && still.serial.as_deref() == said.serial =>
            {
                still.readings = still.readings.saturating_add(1);
                // What a step lasts is learnt as time goes by. Another measure begins anew.
                if still.allowance.measure != said.allowance.measure {
                    (still.since, still.at) = (now, self.odometer);
                }
                still.allowance = said.allowance;
                still
            }
            _ => Unchanged {
                kind: said.kind,
                name: said.name.to_owned(),
                serial: said.serial.map(str::to_owned),
                value: said.value,
                since: now,
                at: self.odometer,
                readings: 1,
                allowance: said.allowance,
            },
        }
    }

    /// An alert told something of a supply or a part. If that is another number than the readings say, the
    /// sensor moves, and it is followed anew from the next readings.
    pub fn hear(&mut self, supply: Option<&SupplyReading>, part: Option<&PartReading>) {
        let said = supply.and_then(|supply| said_by_supply(supply, false));
        for said in said.into_iter().chain(part.and_then(said_by_part)) {
            self.stills.retain(|still| {
                still.kind != said.kind || still.name != said.name || still.value == said.value
            });
        }
    }

    /// Drives the odometer by what the counters counted since the last readings.
    fn drive(&mut self, readings: &Readings) {
        let mut driven = |kind: CounterKind| {
            let Some(counter) = readings.counter(kind) else { return 0 };
            // A counter that began again at 0 has counted on.
            let Some(value) = counter.total() else { return 0 };
            let count = Count { kind, value, epoch: counter.epoch };
            let Some(before) = self.counts.iter_mut().find(|count| count.kind == kind) else {
                self.counts.push(count);
                return 0;
            };
            let before = std::mem::replace(before, count);
            // A counter that was set back, or is another one, has counted nothing that is known.
            if before.epoch == count.epoch { value.saturating_sub(before.value) } else { 0 }
        };
        let (impressions, exits) = (driven(CounterKind::Impressions), driven(CounterKind::PageExits));
        let (sheets, colour) = (driven(CounterKind::Sheets), driven(CounterKind::FullColor));
        let odometer = &mut self.odometer;
        for (total, more) in [
            (&mut odometer.pages, impressions.max(exits).max(sheets)),
            (&mut odometer.colour, colour),
            (&mut odometer.impressions, impressions),
            (&mut odometer.exits, exits),
        ] {
            *total = total.saturating_add(more);
        }
    }

    /// The sensors that are frozen, by kind and name.
    pub fn frozen(&self, now: Timestamp) -> Vec<Frozen> {
        let mut frozen: Vec<Frozen> = self.stills.iter().filter_map(|still| self.judge(still, now)).collect();
        frozen.sort_by(|one, other| (one.sensor, &one.name).cmp(&(other.sensor, &other.name)));
        frozen
    }

    fn judge(&self, still: &Unchanged, now: Timestamp) -> Option<Frozen> {
        let Allowance { measure, pages: allowed, seconds } = still.allowance;
        let pages = self.odometer.by(measure).saturating_sub(still.at.by(measure));
        let passed = u64::try_from(now.duration_since(still.since).as_secs()).unwrap_or(0);
        let frozen = pages >= allowed && passed >= seconds && still.readings >= MIN_READINGS;
        frozen.then(|| Frozen {
            sensor: still.kind,
            name: still.name.clone(),
            value: still.value,
            pages,
            since: still.since,
        })
    }
}

/// How many pages a supply may stand still for.
fn supply_pages(supply: &SupplyReading, amount: u32) -> u64 {
    let Capacity::Known { amount: capacity } = supply.capacity else { return SUPPLY_PAGES_UNLEARNT };
    let step = u64::from(capacity).div_ceil(SUPPLY_RESOLUTION).max(1);
    let outlook = supply.outlook.as_ref().and_then(|outlook| outlook.pages);
    let pages_of_a_step = match (supply.unit, outlook) {
        // Its level counts pages itself.
        (SupplyUnit::Impressions | SupplyUnit::Sheets, _) => step,
        // What it will hardly last longer than, by what is left in it.
        (_, Some(outlook)) => u64::from(outlook.at_most).saturating_mul(step) / u64::from(amount.max(1)),
        (_, None) => return SUPPLY_PAGES_UNLEARNT,
    };
    pages_of_a_step.saturating_mul(SUPPLY_STEPS).max(SUPPLY_PAGES)
}

/// A supply that is empty, or a box that is full, cannot move any further.
fn said_by_supply(supply: &SupplyReading, colour_is_counted: bool) -> Option<SensorValue<'_>> {
    let Level::Known { amount: amount @ 1.. } = supply.level else { return None };
    if supply.is_empty() {
        return None;
    }
    let coloured = supply.colorant.as_ref().is_some_and(|colorant| !colorant.eq_ignore_ascii_case("black"));
    let measure = if coloured && colour_is_counted { Measure::Colour } else { Measure::Pages };
    Some(SensorValue {
        kind: SensorKind::Supply,
        name: &supply.name,
        serial: supply.serial.as_deref(),
        value: i64::from(amount),
        moved: false,
        allowance: Allowance { measure, pages: supply_pages(supply, amount), seconds: 0 },
    })
}

/// Only a life that is counted in pages moves with them.
fn said_by_part(part: &PartReading) -> Option<SensorValue<'_>> {
    let Reading::Known { value: used } = part.used else { return None };
    if !matches!(part.unit, SupplyUnit::Impressions | SupplyUnit::Sheets) {
        return None;
    }
    let share = match part.rated_life {
        Capacity::Known { amount } => u64::from(amount) / PART_SHARE,
        Capacity::Unrestricted | Capacity::Unknown => 0,
    };
    let allowance = Allowance { measure: Measure::Pages, pages: share.max(PART_PAGES), seconds: 0 };
    Some(SensorValue {
        kind: SensorKind::Part,
        name: &part.name,
        serial: part.serial.as_deref(),
        value: i64::from(used),
        moved: false,
        allowance,
    })
}

fn said_by_temperature<'a>(
    one: &'a TemperatureReading,
    activity: Option<&Activity>,
) -> Option<SensorValue<'a>> {
    let value = *one.millidegrees_celsius.known()?;
    let (pages, seconds) = if one.role == Some(TemperatureRole::Fuser) { FUSER } else { OTHER_TEMPERATURE };
    let range = activity.and_then(|told| told.temperatures.iter().find(|range| range.name == one.name));
    Some(SensorValue {
        kind: SensorKind::Temperature,
        name: &one.name,
        serial: None,
        value: i64::from(value),
        moved: range.is_some_and(|range| range.lowest != value || range.highest != value),
        allowance: Allowance { measure: Measure::Pages, pages, seconds },
    })
}

/// The engine's count of impressions, and the sensor at the exit, watch each other.
fn said_by_counters(readings: &Readings) -> impl Iterator<Item = SensorValue<'_>> {
    let both = [
        (CounterKind::Impressions, "impressions", Measure::Exits),
        (CounterKind::PageExits, "page-exits", Measure::Impressions),
    ];
    both.into_iter().filter_map(|(kind, name, measure)| {
        let value = *readings.counter(kind)?.value.known()?;
        Some(SensorValue {
            kind: SensorKind::Counter,
            name,
            serial: None,
            value: i64::try_from(value).unwrap_or(i64::MAX),
            moved: false,
            allowance: Allowance { measure, pages: COUNTER_PAGES, seconds: 0 },
        })
    })
}

#[cfg(test)]
mod tests;

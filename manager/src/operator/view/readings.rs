//! What was read at a device, each reading with what follows from it: whether it is low, wrong, beyond a limit or
//! wants a look. Pure.

use jiff::{SignedDuration, Timestamp};
use platen_protocol::facts::TemperatureLimit;
use platen_protocol::readings::{
    BillingReading, CounterReading, HeldKind, HeldReading, PartReading, Readings, SupplyReading,
    SwitchReading, TemperatureReading,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A supply, such as a toner cartridge or a waste toner box, as it was last read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct SupplyView {
    /// The reading itself.
    #[serde(flatten)]
    pub(in super::super) reading: SupplyReading,
    /// Percent that is left, 0 to 100, rounded down; for a receptacle the space left. `null` when that is not
    /// known. 0 is also what is below one percent: `level_words` and `empty` tell that apart.
    pub(in super::super) percent: Option<u8>,
    /// What is left, as people read it, such as `42 %`, `<1 %`, `empty`, `full` or `unknown`.
    pub(in super::super) level_words: String,
    /// `true` when nothing is left that the printer can use; for a receptacle, no space.
    pub(in super::super) empty: bool,
    /// `true` when what is left, or the outlook in pages or days, is at or below its set value.
    pub(in super::super) low: bool,
    /// `true` when the cartridge says of itself that it belongs elsewhere.
    pub(in super::super) wrong: bool,
}

/// A part that wears, such as a fuser or a drum, as it was last read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct PartView {
    /// The reading itself.
    #[serde(flatten)]
    pub(in super::super) reading: PartReading,
    /// Percent of its rated life that is left, 0 to 100, rounded down; `null` when that is not known. 0 is also
    /// what is below one percent.
    pub(in super::super) percent_left: Option<u8>,
    /// `true` when the life that is left is at or below the set value.
    pub(in super::super) low: bool,
}

/// A temperature, as it was last read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct TemperatureView {
    /// The reading itself, in thousandths of a degree Celsius.
    #[serde(flatten)]
    pub(in super::super) reading: TemperatureReading,
    /// The limit that it is beyond; `null` within its limits. A fuser is not too cold while nobody prints.
    pub(in super::super) beyond: Option<TemperatureLimit>,
}

/// A switch or contact, such as a cover's, as it was last read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct SwitchView {
    /// The reading itself.
    #[serde(flatten)]
    pub(in super::super) reading: SwitchReading,
    /// Its state in a word, such as `open` or `closed`; `unknown` when it could not be read.
    pub(in super::super) state: &'static str,
    /// `true` when a person at the printer should look at it.
    pub(in super::super) needs_attention: bool,
}

/// A page counter, as it was last read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct CounterView {
    /// The reading itself.
    #[serde(flatten)]
    pub(in super::super) reading: CounterReading,
    /// What it has counted in its epoch, where it has begun again at 0 in between because it was full: meters go
    /// by this, and by `value` where this is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) total: Option<u64>,
}

/// A counter by size of paper and colour, as it was last read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct BillingView {
    /// The reading itself.
    #[serde(flatten)]
    pub(in super::super) reading: BillingReading,
    /// What it counts, in words.
    pub(in super::super) words: String,
    /// What it has counted in its epoch, through every time that it was full; `null` while it cannot be read.
    pub(in super::super) total: Option<u64>,
}

/// Something that has no power while the printer sleeps: what is shown of it was read before.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct HeldView {
    /// In which list it is.
    pub(in super::super) kind: HeldKind,
    /// Its name there; of the counters `engine`.
    pub(in super::super) name: String,
    /// When what is shown was read; `null` where nothing was read before the printer fell asleep, and for a bus.
    pub(in super::super) as_of: Option<Timestamp>,
    /// Whether the printer sleeps, or may do so; else it has just woken, and this has not answered yet.
    pub(in super::super) asleep: bool,
}

impl HeldView {
    /// What stands among readings that are so many seconds old.
    pub(super) fn all(readings: &Readings, age_seconds: u64, now: Timestamp) -> Vec<Self> {
        let asleep = readings.may_sleep();
        let before = |seconds: u64| {
            let seconds = i64::try_from(seconds.saturating_add(age_seconds)).unwrap_or(i64::MAX);
            now.checked_sub(SignedDuration::from_secs(seconds)).ok()
        };
        let view = |held: &HeldReading| Self {
            kind: held.kind,
            name: held.name.clone(),
            as_of: held.age_seconds.and_then(before),
            asleep,
        };
        readings.held.iter().map(view).collect()
    }

    /// Why it stands, in words.
    pub(in super::super) fn why(&self) -> &'static str {
        if self.asleep { "printer asleep" } else { "printer waking up" }
    }
}

impl From<BillingReading> for BillingView {
    fn from(reading: BillingReading) -> Self {
        Self { words: reading.words(), total: reading.total(), reading }
    }
}

impl From<CounterReading> for CounterView {
    fn from(reading: CounterReading) -> Self {
        Self { total: reading.total().filter(|_| reading.wraps > 0), reading }
    }
}

impl SupplyView {
    pub(in super::super) fn of(reading: SupplyReading) -> Self {
        Self {
            percent: reading.percent(),
            level_words: reading.level_words(),
            empty: reading.is_empty(),
            low: reading.is_low(),
            wrong: reading.is_wrong(),
            reading,
        }
    }
}

impl From<PartReading> for PartView {
    fn from(reading: PartReading) -> Self {
        Self { percent_left: reading.percent_left(), low: reading.is_low(), reading }
    }
}

impl From<TemperatureReading> for TemperatureView {
    fn from(reading: TemperatureReading) -> Self {
        Self { beyond: reading.beyond(), reading }
    }
}

impl From<SwitchReading> for SwitchView {
    fn from(reading: SwitchReading) -> Self {
        Self { state: reading.state(), needs_attention: reading.needs_attention(), reading }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use platen_protocol::readings::{CounterKind, ExpectedSupply};
    use platen_protocol::supply::{Level, SupplyType};

    #[test]
    fn a_supply_is_low_by_whichever_set_value_it_reaches_first() {
        let low = |pages, days| {
            let reading = SupplyReading { set_pages: pages, set_days: days, ..sample::full_supply(50) };
            SupplyView::of(reading).low
        };
        assert!(!low(Some(1199), Some(14)), "about 1200 pages and 15 days are left");
        assert!(low(Some(1200), None) && low(None, Some(15)));
        assert!(!low(Some(0), Some(0)), "0 is never");
        assert!(SupplyView::of(sample::supply(5)).low, "by percent");
    }

    #[test]
    fn a_little_is_less_than_one_percent_and_not_empty() {
        let view = |amount| {
            let level = Level::Known { amount };
            SupplyView::of(SupplyReading { level, empty_at: Some(3), ..sample::supply(0) })
        };
        let (little, empty) = (view(4), view(3));
        assert_eq!((little.percent, little.level_words.as_str(), little.empty), (Some(0), "<1 %", false));
        assert_eq!((empty.percent, empty.level_words.as_str(), empty.empty), (Some(0), "empty", true));
        assert!(little.low && empty.low);
    }

    #[test]
    fn what_stands_since_sleep_is_as_old_as_it_was_then_and_the_readings_are_now() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let held = |age_seconds| HeldReading { kind: HeldKind::Supply, name: "black".into(), age_seconds };
        let readings = Readings { held: vec![held(Some(3_000)), held(None)], ..sample::full_readings(50) };
        let [read, never] = &HeldView::all(&readings, 600, now)[..] else { panic!() };
        assert_eq!(read.as_of, Some("2026-11-22T09:00:00Z".parse().unwrap()));
        assert_eq!((never.as_of, never.why()), (None, "printer waking up"));
        let absurd = Readings { held: vec![held(Some(u64::MAX))], ..Readings::default() };
        assert_eq!(HeldView::all(&absurd, u64::MAX, now)[0].as_of, None);
    }

    #[test]
    fn a_counter_that_began_again_shows_what_it_has_counted_in_all() {
        let counter =
            |value, wraps| CounterReading { wraps, ..sample::counter(CounterKind::Impressions, value) };
        assert_eq!(CounterView::from(counter(4, 1)).total, Some((1 << 32) + 4));
        assert_eq!(CounterView::from(counter(4, 0)).total, None);
    }

    #[test]
    fn a_cartridge_is_wrong_only_when_it_says_so_itself() {
        let wrong = |change: fn(&mut SupplyReading)| {
            let mut supply = sample::full_supply(50);
            change(&mut supply);
            SupplyView::of(supply).wrong
        };
        assert!(!wrong(|_| ()) && !wrong(|supply| supply.expected = None));
        assert!(!wrong(|supply| supply.colorant = Some("BLACK".into())));
        assert!(!wrong(|supply| (supply.supply_type, supply.colorant) = (SupplyType::Unknown, None)));
        assert!(!wrong(|supply| supply.supply_type = SupplyType::Toner), "a toner cartridge is toner");
        assert!(wrong(|supply| supply.colorant = Some("cyan".into())));
        assert!(wrong(|supply| supply.supply_type = SupplyType::Developer));
        assert!(!wrong(|supply| {
            supply.expected = Some(ExpectedSupply { supply_type: None, colorant: None });
        }));
    }
}

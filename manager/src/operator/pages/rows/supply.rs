//! Supplies and parts. A level that is not known is never a number here.

use platen_protocol::readings::{ExpectedSupply, Reading, SupplyReading};
use platen_protocol::supply::{Capacity, Level, SupplyClass, SupplyUnit};

use super::super::super::view::{PartView, SupplyView};
use super::super::words;

/// Colorants that have their own colour on the page.
const INKS: [&str; 6] = ["black", "cyan", "magenta", "yellow", "light-cyan", "light-magenta"];

pub(in super::super) struct SupplyRow {
    pub(in super::super) name: String,
    pub(in super::super) label: String,
    pub(in super::super) ink: &'static str,
    pub(in super::super) percent: Option<u8>,
    pub(in super::super) text: String,
    /// Why there is no percentage.
    pub(in super::super) unknown: String,
    pub(in super::super) set_percent: u8,
    pub(in super::super) low: bool,
    pub(in super::super) amount: String,
    pub(in super::super) capacity: String,
    pub(in super::super) kind: String,
    pub(in super::super) serial: Option<String>,
    pub(in super::super) part_number: Option<String>,
    /// Every set value that it has: percent, pages, days.
    pub(in super::super) set_values: String,
    /// How long it will last, and that with its band of error.
    pub(in super::super) outlook: Option<String>,
    pub(in super::super) outlook_band: String,
    /// What belongs in its place, if something else is in it.
    pub(in super::super) expected: Option<String>,
}

impl SupplyRow {
    pub(in super::super) fn of(view: &SupplyView) -> Self {
        let supply = &view.reading;
        let colorant = supply.colorant.as_deref().map(str::to_ascii_lowercase);
        let receptacle = supply.class == SupplyClass::ReceptacleThatIsFilled;
        let ink = colorant
            .and_then(|colorant| INKS.into_iter().find(|ink| *ink == colorant))
            .unwrap_or(if receptacle { "waste" } else { "other" });
        let (text, unknown) = match (&supply.level, view.percent) {
            (_, Some(percent)) if receptacle => (format!("{percent} % free"), String::new()),
            (_, Some(percent)) => (format!("{percent} %"), String::new()),
            (Level::Unknown { cause }, None) => ("unknown".to_owned(), cause.detail.clone()),
            (Level::Known { .. }, None) => ("unknown".to_owned(), "the capacity is not known".to_owned()),
            (Level::SomeRemains, None) if receptacle => {
                ("some space".to_owned(), "not full; how much space is left is not known".to_owned())
            }
            (Level::SomeRemains, None) => {
                ("some remains".to_owned(), "not empty; how much is left is not known".to_owned())
            }
            (Level::Unrestricted, None) => {
                ("no restriction".to_owned(), "its level has no restriction".to_owned())
            }
        };
        Self {
            label: words::label(&supply.name),
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
            part_number: supply.part_number.clone(),
            set_values: set_values(supply),
            outlook: supply.outlook.as_ref().and_then(words::outlook),
            outlook_band: supply.outlook.as_ref().map_or_else(String::new, words::outlook_band),
            expected: supply.expected.as_ref().filter(|_| view.wrong).map(expected),
        }
    }
}

fn set_values(supply: &SupplyReading) -> String {
    let more = |set: Option<u32>, unit: &str| {
        set.filter(|set| *set > 0).map(|set| format!("{} {unit}", words::thousands(set)))
    };
    let percent = format!("{} %", supply.set_percent);
    let all: Vec<String> = std::iter::once(percent)
        .chain(more(supply.set_pages, "pages"))
        .chain(more(supply.set_days, "days"))
        .collect();
    all.join(", ")
}

fn expected(expected: &ExpectedSupply) -> String {
    let kind = expected.supply_type.map(|kind| words::spaced(kind.name()).to_lowercase());
    let all: Vec<String> = expected.colorant.iter().cloned().chain(kind).collect();
    all.join(" ")
}

fn capacity(capacity: Capacity, unit: SupplyUnit) -> String {
    match capacity {
        Capacity::Known { amount } => words::amount(unit, amount),
        Capacity::Unrestricted => "no restriction".to_owned(),
        Capacity::Unknown => "unknown".to_owned(),
    }
}

pub(in super::super) struct PartRow {
    pub(in super::super) name: String,
    pub(in super::super) label: String,
    pub(in super::super) percent: Option<u8>,
    pub(in super::super) unknown: String,
    pub(in super::super) used: String,
    pub(in super::super) life: String,
    pub(in super::super) serial: Option<String>,
    pub(in super::super) part_number: Option<String>,
    pub(in super::super) set_percent: Option<u8>,
    pub(in super::super) low: bool,
}

impl PartRow {
    pub(in super::super) fn of(view: &PartView) -> Self {
        let part = &view.reading;
        Self {
            name: part.name.clone(),
            label: words::label(&part.name),
            percent: view.percent_left,
            unknown: words::cause(&part.used).unwrap_or("its rated life is not known").to_owned(),
            used: match &part.used {
                Reading::Known { value } => words::amount(part.unit, *value),
                Reading::Unknown { .. } => "unknown".to_owned(),
            },
            life: capacity(part.rated_life, part.unit),
            serial: part.serial.clone(),
            part_number: part.part_number.clone(),
            set_percent: part.set_percent,
            low: view.percent_left.zip(part.set_percent).is_some_and(|(left, set)| left <= set),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use platen_protocol::unknown::{UnknownCause, UnknownReason};

    #[test]
    fn a_box_that_fills_has_space_and_what_is_used_up_has_a_rest() {
        let words = |class| {
            let supply = SupplyReading { class, level: Level::SomeRemains, ..sample::supply(40) };
            SupplyRow::of(&SupplyView::of(supply)).text
        };
        assert_eq!(words(SupplyClass::ReceptacleThatIsFilled), "some space");
        assert_eq!(words(SupplyClass::SupplyThatIsConsumed), "some remains");
    }

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

    #[test]
    fn every_set_value_and_the_cartridge_that_belongs_there_are_named() {
        let mut supply = sample::full_supply(50);
        supply.colorant = Some("cyan".into());
        let row = SupplyRow::of(&SupplyView::of(supply));
        assert_eq!(row.set_values, "5 %, 500 pages, 7 days");
        assert_eq!(row.expected.as_deref(), Some("black toner cartridge"));
        assert_eq!(row.outlook.as_deref(), Some("about 1\u{202f}200 pages, 12 to 19 days"));
        let right = SupplyRow::of(&SupplyView::of(sample::full_supply(50)));
        assert_eq!((right.expected, right.part_number.as_deref()), (None, Some("TK-8335K")));
        assert_eq!(SupplyRow::of(&SupplyView::of(sample::supply(50))).set_values, "5 %");
    }
}

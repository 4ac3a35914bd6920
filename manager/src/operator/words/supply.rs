//! Supplies and parts, in a person's words. A level that is not known is never a number here.

use platen_protocol::facts::words::{Amount, grouped, part_of};
use platen_protocol::readings::{Estimate, PartReading, Reading, SupplyReading};
use platen_protocol::supply::{Capacity, Level, SupplyType, SupplyUnit};

use super::units::counted;

/// Colorants that have their own colour on the page.
const INKS: [&str; 6] = ["black", "cyan", "magenta", "yellow", "light-cyan", "light-magenta"];

/// A supply's colour: a word for the style sheet.
pub(in super::super) fn ink(supply: &SupplyReading) -> &'static str {
    let colorant = supply.colorant.as_deref().map(str::to_ascii_lowercase);
    colorant
        .and_then(|colorant| INKS.into_iter().find(|ink| *ink == colorant))
        .unwrap_or(if supply.is_receptacle() { "waste" } else { "other" })
}

/// What kind of supply it is.
pub(in super::super) fn type_of(supply: &SupplyReading) -> String {
    match supply.supply_type {
        SupplyType::Unknown => "type unknown".to_owned(),
        known => known.words(),
    }
}

/// How much of a supply is left, in its unit: "123.4 g of 300 g". Percent are shown anyhow.
pub(in super::super) fn content_of(supply: &SupplyReading) -> Option<String> {
    if supply.unit == SupplyUnit::Percent {
        return None;
    }
    let capacity = supply.capacity.words(supply.unit, true);
    Some(match (&supply.level, supply.share()) {
        (Level::Known { amount }, Some(_)) => {
            format!("{:#} of {capacity}", Amount { amount: *amount, unit: supply.unit })
        }
        _ => format!("Capacity {capacity}"),
    })
}

/// Every set value of a supply: "5 %, 500 pages, 7 days".
pub(in super::super) fn set_values(supply: &SupplyReading) -> String {
    let more = |set: Option<u32>, unit: &str| {
        set.filter(|set| *set > 0).map(|set| format!("{} {unit}", grouped(set)))
    };
    let percent = format!("{} %", supply.set_percent);
    let all: Vec<String> = std::iter::once(percent)
        .chain(more(supply.set_pages, "pages"))
        .chain(more(supply.set_days, "days"))
        .collect();
    all.join(", ")
}

/// The amount at which a supply is empty, where the board file says one: "Empty at 2.5 g".
pub(in super::super) fn empty_at(supply: &SupplyReading) -> Option<String> {
    let amount = supply.empty_at?;
    let word = platen_protocol::facts::words::title(supply.empty_word());
    Some(format!("{word} at {:#}", Amount { amount, unit: supply.unit }))
}

/// What belongs in a supply's place: "black toner cartridge".
pub(in super::super) fn expected(supply: &SupplyReading) -> String {
    let Some(expected) = &supply.expected else { return String::new() };
    let kind = expected.supply_type.map(SupplyType::words);
    let all: Vec<String> = expected.colorant.iter().cloned().chain(kind).collect();
    all.join(" ")
}

/// How long a supply will last, in a few words: "about 1 200 pages, 12 to 19 days".
pub(in super::super) fn outlook(supply: &SupplyReading) -> Option<String> {
    let outlook = supply.outlook.as_ref()?;
    let pages = outlook.pages.map(|pages| format!("about {}", counted(pages.likely.into(), "page", "pages")));
    let days = outlook.days.map(|days| match days {
        Estimate { at_least, at_most, .. } if at_least == at_most => {
            format!("about {}", counted(at_least.into(), "day", "days"))
        }
        Estimate { at_least, at_most, .. } => format!("{} to {} days", grouped(at_least), grouped(at_most)),
    });
    let words: Vec<String> = pages.into_iter().chain(days).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// The same with the whole band of error.
pub(in super::super) fn outlook_band(supply: &SupplyReading) -> String {
    let band = |estimate: Option<Estimate>, unit: &str| {
        estimate.map(|Estimate { likely, at_least, at_most }| {
            let (least, most) = (grouped(at_least), grouped(at_most));
            format!("{least} to {most} {unit}, most likely {}", grouped(likely))
        })
    };
    let Some(outlook) = &supply.outlook else { return String::new() };
    let words: Vec<String> =
        band(outlook.pages, "pages").into_iter().chain(band(outlook.days, "days")).collect();
    words.join("; ")
}

/// How much of a part's life is used, in its unit: "95 of 100 impressions".
pub(in super::super) fn used(part: &PartReading) -> String {
    let used = match &part.used {
        Reading::Known { value } => format!("{:#}", Amount { amount: *value, unit: part.unit }),
        Reading::Unknown { .. } if part.rated_life == Capacity::Unknown => return "unknown".to_owned(),
        Reading::Unknown { .. } => "unknown".to_owned(),
    };
    part_of(&used, &part.rated_life.words(part.unit, true))
}

/// Why it is not known how much of a part's life is left.
pub(in super::super) fn why_no_life(part: &PartReading) -> &str {
    part.used.cause().map_or("its rated life is not known", |cause| &cause.detail)
}

/// What a counter counts in.
pub(in super::super) fn unit(unit: SupplyUnit) -> String {
    platen_protocol::facts::words::spaced(unit.name()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use platen_protocol::readings::Outlook;

    #[test]
    fn every_set_value_and_the_cartridge_that_belongs_there_are_named() {
        let mut supply = sample::full_supply(50);
        supply.colorant = Some("cyan".into());
        assert!(supply.is_wrong());
        assert_eq!(set_values(&supply), "5 %, 500 pages, 7 days");
        assert_eq!(expected(&supply), "black toner cartridge");
        assert_eq!(set_values(&sample::supply(50)), "5 %");
    }

    #[test]
    fn an_outlook_reads_as_a_guess_and_not_as_a_promise() {
        let mut full = sample::full_supply(50);
        assert_eq!(outlook(&full).unwrap(), "about 1\u{202f}200 pages, 12 to 19 days");
        assert!(
            outlook_band(&full).starts_with("1\u{202f}000 to 1\u{202f}500 pages, most likely 1\u{202f}200; ")
        );
        full.outlook = Some(Outlook { pages: None, days: Some(sample::estimate(3, 3, 3)) });
        assert_eq!(outlook(&full).unwrap(), "about 3 days");
        full.outlook = Some(Outlook { pages: None, days: None });
        assert_eq!(outlook(&full), None);
    }
}

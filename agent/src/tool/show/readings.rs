//! What the board reads, as tables.

use std::fmt::Write as _;

use platen_protocol::readings::{
    CounterKind, CounterReading, Estimate, PartReading, Reading, Readings, SupplyReading, SwitchMeaning,
    SwitchReading, TemperatureReading,
};
use platen_protocol::supply::{Capacity, Level};

/// Cells of a full bar.
const BAR: usize = 20;

/// What the board reads, as tables. Each line of a table is indented.
pub fn readings(readings: &Readings) -> String {
    let mut out = String::new();
    table(&mut out, "SUPPLIES", &readings.supplies, |supply| (&supply.name, self::supply(supply)));
    table(&mut out, "PARTS (life left)", &readings.parts, |part| (&part.name, self::part(part)));
    table(&mut out, "COUNTERS", &readings.counters, |counter| {
        (counter_name(counter.kind), self::counter(counter))
    });
    table(&mut out, "TEMPERATURES", &readings.temperatures, |one| (&one.name, temperature(one)));
    table(&mut out, "SWITCHES", &readings.switches, |switch| (&switch.name, self::switch(switch)));
    let failing: Vec<_> =
        readings.buses.iter().filter_map(|bus| Some((&bus.name, bus.failing.as_ref()?))).collect();
    table(&mut out, "BUSES THAT FAIL", &failing, |(name, cause)| (name, cause.to_string()));
    out
}

fn table<'a, T>(out: &mut String, title: &str, rows: &'a [T], row: impl Fn(&'a T) -> (&'a str, String)) {
    if !rows.is_empty() {
        let _ = writeln!(out, "\n{title}");
    }
    for one in rows {
        let (name, value) = row(one);
        let _ = writeln!(out, "  {name:<14} {value}");
    }
}

fn supply(supply: &SupplyReading) -> String {
    let mut line = match (&supply.level, supply.percent()) {
        (_, Some(percent)) => {
            let low = if percent <= supply.set_percent { "  LOW" } else { "" };
            format!("{} {percent:>3} %  {}{low}", bar(percent), set_values(supply))
        }
        (Level::Unknown { cause }, None) => format!("{} unknown: {cause}", unknown_bar()),
        (level, None) => format!("{} {level} (capacity {})", unknown_bar(), capacity(supply.capacity)),
    };
    if let Some(outlook) = &supply.outlook {
        let left = [("pages", outlook.pages), ("days", outlook.days)];
        for (unit, estimate) in left.iter().filter_map(|(unit, estimate)| Some((unit, (*estimate)?))) {
            let _ = write!(line, "  {}", self::estimate(estimate, unit));
        }
    }
    part_number(&mut line, supply.part_number.as_deref());
    line
}

fn set_values(supply: &SupplyReading) -> String {
    let mut text = format!("set {:>2} %", supply.set_percent);
    for (value, unit) in [(supply.set_pages, "pages"), (supply.set_days, "days")] {
        if let Some(value) = value {
            let _ = write!(text, ", {value} {unit}");
        }
    }
    text
}

fn estimate(estimate: Estimate, unit: &str) -> String {
    format!("about {} {unit} left ({} to {})", estimate.likely, estimate.at_least, estimate.at_most)
}

fn part_number(line: &mut String, number: Option<&str>) {
    if let Some(number) = number {
        let _ = write!(line, "  [{number}]");
    }
}

fn part(part: &PartReading) -> String {
    let mut line = match (part.percent_left(), &part.used) {
        (Some(percent), Reading::Known { value: used }) => {
            let life = capacity(part.rated_life);
            format!("{} {percent:>3} %  {used} of {life} {} used", bar(percent), part.unit)
        }
        (_, Reading::Unknown { cause }) => format!("{} unknown: {cause}", unknown_bar()),
        (None, Reading::Known { value: used }) => format!("{} {used} {} used", unknown_bar(), part.unit),
    };
    part_number(&mut line, part.part_number.as_deref());
    line
}

fn counter_name(kind: CounterKind) -> &'static str {
    match kind {
        CounterKind::Impressions => "impressions",
        CounterKind::FullColor => "in colour",
        CounterKind::Monochrome => "monochrome",
        CounterKind::Sheets => "sheets",
        CounterKind::PageExits => "at the exit",
    }
}

fn counter(counter: &CounterReading) -> String {
    match &counter.value {
        Reading::Known { value } if counter.kind == CounterKind::PageExits => {
            format!("{value:>10} since the agent began")
        }
        Reading::Known { value } if counter.epoch > 0 => {
            format!("{value:>10}  (found {}× to have gone down)", counter.epoch)
        }
        Reading::Known { value } => format!("{value:>10}"),
        Reading::Unknown { cause } => format!("unknown: {cause}"),
    }
}

fn temperature(temperature: &TemperatureReading) -> String {
    match &temperature.millidegrees_celsius {
        Reading::Known { value } => format!("{:>6} °C", celsius(*value)),
        Reading::Unknown { cause } => format!("unknown: {cause}"),
    }
}

/// Degrees with one decimal, cut towards zero.
pub(super) fn celsius(millidegrees: i32) -> String {
    let tenths = millidegrees / 100;
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", (tenths / 10).abs(), (tenths % 10).abs())
}

fn switch(switch: &SwitchReading) -> String {
    let (on, off) = switch_words(switch.meaning);
    match &switch.active {
        Reading::Known { value: true } => on.to_owned(),
        Reading::Known { value: false } => off.to_owned(),
        Reading::Unknown { cause } => format!("unknown: {cause}"),
    }
}

/// What a switch says while it is active, and while it is not.
fn switch_words(meaning: SwitchMeaning) -> (&'static str, &'static str) {
    match meaning {
        SwitchMeaning::Cover | SwitchMeaning::Interlock => ("open", "closed"),
        SwitchMeaning::ServiceButton | SwitchMeaning::OrderButton => ("pressed", "not pressed"),
        SwitchMeaning::Jam => ("paper is stuck", "clear"),
        SwitchMeaning::PaperLow => ("little paper", "enough paper"),
        SwitchMeaning::PaperEmpty => ("no paper", "paper"),
        SwitchMeaning::WastePresent => ("waste box in place", "waste box missing"),
        SwitchMeaning::WasteFull => ("waste box full", "waste box not full"),
        SwitchMeaning::PageExit => ("a page is passing", "no page"),
        SwitchMeaning::Sleep => ("asleep", "awake"),
    }
}

fn bar(percent: u8) -> String {
    let full = (usize::from(percent) * BAR).div_ceil(100).min(BAR);
    format!("[{}{}]", "#".repeat(full), "-".repeat(BAR - full))
}

fn unknown_bar() -> String {
    format!("[{}]", "?".repeat(BAR))
}

fn capacity(capacity: Capacity) -> String {
    match capacity {
        Capacity::Known { amount } => amount.to_string(),
        Capacity::Unrestricted => "unrestricted".to_owned(),
        Capacity::Unknown => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platen_protocol::readings::{BusReading, Outlook};
    use platen_protocol::supply::{SupplyClass, SupplyType, SupplyUnit};
    use platen_protocol::unknown::{UnknownCause, UnknownReason};

    fn supply(level: Level) -> SupplyReading {
        SupplyReading {
            name: "black".into(),
            index: 1,
            class: SupplyClass::SupplyThatIsConsumed,
            supply_type: SupplyType::TonerCartridge,
            colorant: None,
            unit: SupplyUnit::Percent,
            capacity: Capacity::Known { amount: 100 },
            level,
            set_percent: 10,
            serial: None,
            set_pages: None,
            set_days: None,
            part_number: None,
            expected: None,
            outlook: None,
        }
    }

    fn cause() -> UnknownCause {
        UnknownCause { reason: UnknownReason::NoAnswer, detail: "no answer from it".into() }
    }

    #[test]
    fn an_unknown_level_is_never_shown_as_a_number() {
        let supply = supply(Level::Unknown { cause: cause() });
        let shown = readings(&Readings { supplies: vec![supply], ..Readings::default() });
        assert!(shown.contains("unknown: no answer") && !shown.contains('%'), "{shown}");
    }

    #[test]
    fn a_supply_is_shown_with_its_set_values_how_long_it_lasts_and_what_to_order() {
        let mut supply = supply(Level::Known { amount: 40 });
        supply.set_days = Some(14);
        supply.part_number = Some("TN-210K".into());
        let days = Estimate { likely: 12, at_least: 9, at_most: 17 };
        supply.outlook = Some(Outlook { pages: None, days: Some(days) });
        let shown = readings(&Readings { supplies: vec![supply], ..Readings::default() });
        for words in ["40 %", "set 10 %, 14 days", "about 12 days left (9 to 17)", "[TN-210K]"] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        assert!(!shown.contains("pages left"), "{shown}");
    }

    #[test]
    fn a_bus_is_shown_only_while_it_fails() {
        let bus = |failing| BusReading { name: "main".into(), failing };
        let shown = readings(&Readings { buses: vec![bus(None)], ..Readings::default() });
        assert_eq!(shown, "");
        let shown = readings(&Readings { buses: vec![bus(Some(cause()))], ..Readings::default() });
        assert!(shown.contains("BUSES THAT FAIL") && shown.contains("no answer"), "{shown}");
    }

    #[test]
    fn a_temperature_just_below_zero_keeps_its_sign() {
        assert_eq!(celsius(-500), "-0.5");
        assert_eq!(celsius(21_350), "21.3");
    }
}

//! What the board reads, as tables.

use std::fmt::Write as _;

use platen_protocol::facts::words::{Amount, part_of};
use platen_protocol::facts::{Celsius, Share, TemperatureLimit};
use platen_protocol::readings::{
    BillingReading, CounterKind, CounterReading, Estimate, HeldKind, PartReading, Reading, Readings,
    SupplyReading, SwitchReading, TemperatureReading,
};
use platen_protocol::supply::Level;

use super::age;
use crate::judge::ENGINE;

/// Cells of a full bar.
const BAR: usize = 20;

/// What the board reads, as tables. Each line of a table is indented.
pub fn readings(readings: &Readings) -> String {
    let mut out = String::new();
    let asleep = readings.may_sleep();
    let held = |kind, name: &str| {
        let held = readings.held_of(kind, name)?;
        Some(format!("  ({})", held.words(|seconds| format!("{} ago", age(seconds)), asleep)))
    };
    let with = |line: String, kind, name: &str| line + &held(kind, name).unwrap_or_default();
    table(&mut out, "SUPPLIES", &readings.supplies, |one| {
        (&one.name, with(supply(one), HeldKind::Supply, &one.name))
    });
    table(&mut out, "PARTS (life left)", &readings.parts, |one| {
        (&one.name, with(part(one), HeldKind::Part, &one.name))
    });
    table(&mut out, "COUNTERS", &readings.counters, |one| match one.kind {
        CounterKind::PageExits => (one.kind.words(), counter(one)),
        _ => (one.kind.words(), with(counter(one), HeldKind::Counters, ENGINE)),
    });
    let billed: Vec<(String, String)> = readings
        .billing
        .iter()
        .map(|one| (one.words(), with(billing(one), HeldKind::Counters, ENGINE)))
        .collect();
    table(&mut out, "BILLING COUNTERS", &billed, |(words, value)| (words, value.clone()));
    table(&mut out, "TEMPERATURES", &readings.temperatures, |one| {
        (&one.name, with(temperature(one), HeldKind::Temperature, &one.name))
    });
    table(&mut out, "SWITCHES", &readings.switches, |switch| (&switch.name, self::switch(switch)));
    let failing: Vec<_> =
        readings.buses.iter().filter_map(|bus| Some((&bus.name, bus.failing.as_ref()?))).collect();
    table(&mut out, "FAILING BUSES", &failing, |(name, cause)| (name, cause.to_string()));
    let dark: Vec<_> = readings.held.iter().filter(|held| held.kind == HeldKind::Bus).collect();
    let why =
        if asleep { "no power while the printer sleeps" } else { "no power yet: the printer is waking up" };
    table(&mut out, "BUSES WITHOUT POWER", &dark, |held| (&held.name, why.to_owned()));
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
    let mut line = match (&supply.level, supply.share()) {
        (_, Some(share)) => {
            let mark = if supply.is_empty() {
                format!("  {}", supply.empty_word().to_uppercase())
            } else {
                low(supply.is_low()).to_owned()
            };
            format!("{} {share:>5}  {}{mark}", bar(share), set_values(supply))
        }
        (Level::Unknown { cause }, None) => format!("{} unknown: {cause}", unknown_bar()),
        (_, None) => format!(
            "{} {} (capacity {})",
            unknown_bar(),
            supply.level_words(),
            supply.capacity.words(supply.unit, false)
        ),
    };
    if let Some(wrong) = supply.mismatch() {
        let _ = write!(line, "  WRONG: {wrong}");
    }
    if let Some(outlook) = &supply.outlook {
        let left = [("pages", outlook.pages), ("days", outlook.days)];
        for (unit, estimate) in left.iter().filter_map(|(unit, estimate)| Some((unit, (*estimate)?))) {
            let _ = write!(line, "  {}", self::estimate(estimate, unit));
        }
    }
    part_number(&mut line, supply.part_number.as_deref());
    line
}

fn low(is_low: bool) -> &'static str {
    if is_low { "  LOW" } else { "" }
}

fn set_values(supply: &SupplyReading) -> String {
    let mut text = format!("set {:>2} %", supply.set_percent);
    for (value, unit) in [(supply.set_pages, "pages"), (supply.set_days, "days")] {
        if let Some(value) = value {
            let _ = write!(text, ", {value} {unit}");
        }
    }
    if let Some(amount) = supply.empty_at {
        let _ = write!(text, ", {} at {}", supply.empty_word(), Amount { amount, unit: supply.unit });
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
    let mut line = match (part.share_left(), &part.used) {
        (Some(share), Reading::Known { value: used }) => {
            let used = Amount { amount: *used, unit: part.unit }.to_string();
            let used = part_of(&used, &part.rated_life.words(part.unit, false));
            let set = part.set_percent.map_or_else(String::new, |set| format!(", set {set} %"));
            format!("{} {share:>5}  {used} used{set}{}", bar(share), low(part.is_low()))
        }
        (_, Reading::Unknown { cause }) => format!("{} unknown: {cause}", unknown_bar()),
        (None, Reading::Known { value: used }) => {
            format!("{} {} used", unknown_bar(), Amount { amount: *used, unit: part.unit })
        }
    };
    part_number(&mut line, part.part_number.as_deref());
    line
}

fn counter(counter: &CounterReading) -> String {
    match &counter.value {
        Reading::Known { value } if counter.kind == CounterKind::PageExits => {
            format!("{value:>10}  since the agent started")
        }
        Reading::Known { value } => {
            let mut line = format!("{value:>10}");
            if let Some(total) = counter.total().filter(|_| counter.wraps > 0) {
                let _ = write!(line, "  (was full {}× and began again at 0: {total} in all)", counter.wraps);
            }
            if counter.epoch > 0 {
                let _ = write!(line, "  (found {}× to have gone down)", counter.epoch);
            }
            line
        }
        Reading::Unknown { cause } => format!("unknown: {cause}"),
    }
}

fn billing(counter: &BillingReading) -> String {
    match (&counter.value, counter.total()) {
        (Reading::Unknown { cause }, _) => format!("unknown: {cause}"),
        (Reading::Known { value }, total) => {
            let mut line = format!("{:>10}", total.unwrap_or(*value));
            if counter.epoch > 0 {
                let _ = write!(line, "  (found {}× to have gone down)", counter.epoch);
            }
            line
        }
    }
}

fn temperature(temperature: &TemperatureReading) -> String {
    let value = match &temperature.millidegrees_celsius {
        Reading::Known { value } => Celsius(*value),
        Reading::Unknown { cause } => return format!("unknown: {cause}"),
    };
    let beyond = match temperature.beyond_by(false, |_| 0) {
        Some((TemperatureLimit::Over, limit)) => format!("  TOO HOT (limit {} °C)", Celsius(limit)),
        Some((TemperatureLimit::Under, limit)) => format!("  TOO COLD (limit {} °C)", Celsius(limit)),
        None => String::new(),
    };
    format!("{value:>6} °C{beyond}")
}

fn switch(switch: &SwitchReading) -> String {
    let mark = if switch.needs_attention() { "  LOOK" } else { "" };
    match &switch.active {
        Reading::Known { .. } => format!("{}{mark}", switch.state()),
        Reading::Unknown { cause } => format!("unknown: {cause}"),
    }
}

/// A little fills a cell, and nothing fills none.
fn bar(share: Share) -> String {
    let full =
        (usize::from(share.percent()) * BAR).div_ceil(100).clamp(usize::from(!share.is_nothing()), BAR);
    format!("[{}{}]", "#".repeat(full), "-".repeat(BAR - full))
}

fn unknown_bar() -> String {
    format!("[{}]", "?".repeat(BAR))
}

#[cfg(test)]
mod tests {
    use super::*;
    use platen_protocol::readings::{BusReading, ExpectedSupply, HeldReading, Outlook, SwitchMeaning};
    use platen_protocol::supply::{Capacity, SupplyClass, SupplyType, SupplyUnit};
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
            empty_at: None,
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
    fn billing_counters_are_shown_by_size_and_colour() {
        let one = |name: &str, value| BillingReading {
            name: name.into(),
            unit: SupplyUnit::Impressions,
            value,
            epoch: 0,
            wraps: 0,
        };
        let known = one("iso_a4_210x297mm.full-color", Reading::Known { value: 815 });
        let lost = one("duplex-sheets", Reading::Unknown { cause: cause() });
        let shown = readings(&Readings { billing: vec![known, lost], ..Readings::default() });
        for words in
            ["BILLING COUNTERS", "A4, colour            815", "Sheets, both sides unknown: no answer"]
        {
            assert!(shown.contains(words), "{words}: {shown}");
        }
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
    fn little_is_shown_as_less_than_one_percent_and_only_nothing_as_empty() {
        let shown = |change: fn(&mut SupplyReading)| {
            let mut one = supply(Level::Known { amount: 1 });
            one.capacity = Capacity::Known { amount: 1_000_000 };
            change(&mut one);
            readings(&Readings { supplies: vec![one], ..Readings::default() })
        };
        let little = shown(|_| ());
        assert!(little.contains("[#-------------------]  <1 %  set 10 %  LOW"), "{little}");
        let nothing = shown(|one| one.level = Level::Known { amount: 0 });
        assert!(nothing.contains("[--------------------]   0 %  set 10 %  EMPTY"), "{nothing}");
        let board = shown(|one| {
            (one.unit, one.capacity) = (SupplyUnit::TenthsOfGrams, Capacity::Known { amount: 100 });
            (one.level, one.empty_at) = (Level::Known { amount: 25 }, Some(25));
        });
        assert!(board.contains("25 %  set 10 %, empty at 2.5 g  EMPTY"), "{board}");
        let full = shown(|one| {
            (one.class, one.level) = (SupplyClass::ReceptacleThatIsFilled, Level::Known { amount: 0 });
        });
        assert!(full.contains("0 %  set 10 %  FULL"), "{full}");
    }

    #[test]
    fn a_bus_is_shown_only_while_it_fails() {
        let bus = |failing| BusReading { name: "main".into(), failing };
        let shown = readings(&Readings { buses: vec![bus(None)], ..Readings::default() });
        assert_eq!(shown, "");
        let shown = readings(&Readings { buses: vec![bus(Some(cause()))], ..Readings::default() });
        assert!(shown.contains("FAILING BUSES") && shown.contains("no answer"), "{shown}");
    }

    #[test]
    fn what_stands_since_the_printer_fell_asleep_says_how_old_it_is() {
        let sleep = SwitchReading {
            name: "sleep".into(),
            meaning: SwitchMeaning::Sleep,
            active: Reading::Known { value: true },
            location: None,
            supply: None,
        };
        let held = |kind, name: &str, age_seconds| HeldReading { kind, name: name.into(), age_seconds };
        let shown = readings(&Readings {
            supplies: vec![supply(Level::Known { amount: 40 })],
            switches: vec![sleep],
            buses: vec![BusReading { name: "main".into(), failing: None }],
            held: vec![held(HeldKind::Supply, "black", Some(7_200)), held(HeldKind::Bus, "main", None)],
            ..Readings::default()
        });
        assert!(shown.contains("40 %  set 10 %  (as of 2 h ago, printer asleep)"), "{shown}");
        assert!(shown.contains("BUSES WITHOUT POWER") && !shown.contains("FAILING"), "{shown}");
    }

    #[test]
    fn a_counter_that_began_again_at_0_says_how_often_and_what_it_counted_in_all() {
        let counter = CounterReading {
            kind: CounterKind::Impressions,
            unit: SupplyUnit::Impressions,
            value: Reading::Known { value: 4 },
            epoch: 0,
            wraps: 1,
            wraps_at: None,
        };
        let shown = readings(&Readings { counters: vec![counter], ..Readings::default() });
        assert!(shown.contains("4  (was full 1× and began again at 0: 4294967300 in all)"), "{shown}");
    }

    #[test]
    fn what_is_low_wrong_or_beyond_its_limit_says_so_by_the_managers_rule() {
        let mut low = supply(Level::Known { amount: 40 });
        low.set_days = Some(14);
        let days = Estimate { likely: 12, at_least: 9, at_most: 17 };
        low.outlook = Some(Outlook { pages: None, days: Some(days) });
        low.colorant = Some("cyan".into());
        low.expected = Some(ExpectedSupply { supply_type: None, colorant: Some("black".into()) });
        let hot = TemperatureReading {
            name: "cabinet".into(),
            millidegrees_celsius: Reading::Known { value: 50_050 },
            role: None,
            under: None,
            over: Some(50_000),
        };
        let drum = PartReading {
            name: "drum".into(),
            index: 1,
            part_type: SupplyType::Opc,
            unit: SupplyUnit::Impressions,
            used: Reading::Known { value: 95 },
            rated_life: Capacity::Known { amount: 100 },
            serial: None,
            part_number: None,
            set_percent: Some(5),
        };
        let cover = SwitchReading {
            name: "cover".into(),
            meaning: SwitchMeaning::Cover,
            active: Reading::Known { value: true },
            location: None,
            supply: None,
        };
        let shown = readings(&Readings {
            supplies: vec![low],
            parts: vec![drum],
            temperatures: vec![hot],
            switches: vec![cover],
            ..Readings::default()
        });
        for words in [
            "set 10 %, 14 days  LOW",
            "WRONG: it says cyan, and black belongs there",
            "50.1 °C  TOO HOT (limit 50.0 °C)",
            "95 of 100 impressions used, set 5 %  LOW",
            "open  LOOK",
        ] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
    }
}

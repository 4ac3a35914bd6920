//! What a printer is and does: temperatures, switches, counters, buses, activity.

use jiff::Timestamp;
use platen_protocol::device_to_manager::Activity;
use platen_protocol::readings::{
    BusReading, CounterReading, Reading, SwitchReading, TemperatureReading, TemperatureRole,
};
use platen_protocol::supply::SupplyUnit;

use super::super::super::view::ActivityView;
use super::super::words;
use super::Age;

pub(in super::super) struct TemperatureRow {
    pub(in super::super) name: String,
    pub(in super::super) label: String,
    pub(in super::super) text: String,
    /// Whether it is outside its limits; a fuser may be cool, for it is when the printer sleeps.
    pub(in super::super) loud: bool,
    /// What is allowed.
    pub(in super::super) limits: Option<String>,
    /// What it ranged over in the last stretch.
    pub(in super::super) range: Option<String>,
    pub(in super::super) unknown: Option<String>,
}

impl TemperatureRow {
    pub(in super::super) fn of(temperature: &TemperatureReading, activity: Option<&Activity>) -> Self {
        let read = temperature.millidegrees_celsius.known().copied();
        let hot = read.zip(temperature.over).is_some_and(|(read, over)| read > over);
        let cold = read.zip(temperature.under).is_some_and(|(read, under)| read < under);
        let range = activity
            .and_then(|activity| activity.temperatures.iter().find(|range| range.name == temperature.name));
        Self {
            name: temperature.name.clone(),
            label: words::label(&temperature.name),
            text: read.map_or_else(|| "unknown".to_owned(), words::celsius),
            loud: hot || (cold && temperature.role != Some(TemperatureRole::Fuser)),
            limits: words::range(temperature.under, temperature.over),
            range: range.and_then(|range| words::range(Some(range.lowest), Some(range.highest))),
            unknown: words::cause(&temperature.millidegrees_celsius).map(str::to_owned),
        }
    }
}

pub(in super::super) struct SwitchRow {
    pub(in super::super) name: String,
    pub(in super::super) label: String,
    pub(in super::super) state: &'static str,
    /// Whether it wants attention: a cover that is open.
    pub(in super::super) loud: bool,
    pub(in super::super) unknown: Option<String>,
}

impl SwitchRow {
    pub(in super::super) fn of(switch: &SwitchReading) -> Self {
        Self {
            name: switch.name.clone(),
            label: words::label(&switch.name),
            state: words::switch_state(switch),
            loud: words::switch_is_loud(switch),
            unknown: words::cause(&switch.active).map(str::to_owned),
        }
    }
}

pub(in super::super) struct CounterRow {
    /// The kind, as on the wire.
    pub(in super::super) kind: &'static str,
    pub(in super::super) label: &'static str,
    pub(in super::super) text: String,
    pub(in super::super) value: Option<u64>,
    pub(in super::super) unit: String,
    /// How often it was found to have gone down.
    pub(in super::super) epoch: u32,
    pub(in super::super) unknown: Option<String>,
}

impl CounterRow {
    pub(in super::super) fn of(counter: &CounterReading) -> Self {
        let (kind, label) = words::counter(counter.kind);
        let unit = match counter.unit {
            SupplyUnit::Impressions => "impressions".to_owned(),
            SupplyUnit::Sheets => "sheets".to_owned(),
            other => words::spaced(other.name()).to_lowercase(),
        };
        Self {
            kind,
            label,
            text: match &counter.value {
                Reading::Known { value } => words::thousands(*value),
                Reading::Unknown { .. } => "unknown".to_owned(),
            },
            value: counter.value.known().copied(),
            unit,
            epoch: counter.epoch,
            unknown: words::cause(&counter.value).map(str::to_owned),
        }
    }
}

pub(in super::super) struct BusRow {
    pub(in super::super) name: String,
    pub(in super::super) state: &'static str,
    pub(in super::super) failing: Option<String>,
    /// What went wrong in the last stretch; `None` when that has not been told.
    pub(in super::super) errors: Option<BusErrorRow>,
}

pub(in super::super) struct BusErrorRow {
    pub(in super::super) failed_transfers: u64,
    pub(in super::super) failed_reads: u64,
    pub(in super::super) recoveries: u64,
}

impl BusRow {
    pub(in super::super) fn of(bus: &BusReading, activity: Option<&Activity>) -> Self {
        let errors = activity.and_then(|activity| activity.buses.iter().find(|told| told.name == bus.name));
        Self {
            name: bus.name.clone(),
            state: if bus.failing.is_some() { "failing" } else { "working" },
            failing: bus.failing.as_ref().map(|cause| cause.detail.clone()),
            errors: errors.map(|errors| BusErrorRow {
                failed_transfers: errors.failed_transfers,
                failed_reads: errors.failed_reads,
                recoveries: errors.recoveries,
            }),
        }
    }
}

/// One of the states that a printer spends its time in.
pub(in super::super) struct ShareRow {
    pub(in super::super) state: &'static str,
    pub(in super::super) words: &'static str,
    pub(in super::super) seconds: u64,
    pub(in super::super) text: String,
    /// Where its piece of the bar begins, and how long that is, in hundredths of the bar.
    pub(in super::super) begin: u64,
    pub(in super::super) width: u64,
}

pub(in super::super) struct ActivityRow {
    pub(in super::super) stretch: String,
    pub(in super::super) received: Age,
    pub(in super::super) shares: Vec<ShareRow>,
    /// The bar, for those who do not see it.
    pub(in super::super) summary: String,
    pub(in super::super) pages: Option<String>,
    pub(in super::super) pages_per_day: Option<String>,
}

impl ActivityRow {
    pub(in super::super) fn of(view: &ActivityView, now: Timestamp) -> Self {
        let activity = &view.activity;
        let shares = shares(activity);
        let said: Vec<String> =
            shares.iter().map(|share| format!("{} {}", share.words, share.text)).collect();
        Self {
            stretch: words::stretch(activity.seconds),
            received: Age::of(view.received, now),
            summary: said.join(", "),
            shares,
            pages: activity.pages.map(words::thousands),
            pages_per_day: activity.pages_per_day.map(words::thousands),
        }
    }
}

/// The states with their pieces of the bar, which end where the next begin: rounding leaves no holes.
fn shares(activity: &Activity) -> Vec<ShareRow> {
    let told = [
        ("printing", "Printing", activity.printing_seconds),
        ("idle", "Idle", activity.idle_seconds),
        ("sleeping", "Asleep", activity.sleeping_seconds),
        ("error", "Stopped", activity.error_seconds),
    ];
    let sum = told.iter().fold(0_u64, |sum, (_, _, seconds)| sum.saturating_add(*seconds));
    let whole = u128::from(sum.max(activity.seconds).max(1));
    let place = |seconds: u64| u64::try_from(u128::from(seconds) * 100 / whole).unwrap_or(100);
    let mut before = 0_u64;
    let mut rows = Vec::with_capacity(told.len());
    for (state, words, seconds) in told {
        let begin = place(before);
        before = before.saturating_add(seconds);
        let width = place(before).saturating_sub(begin);
        rows.push(ShareRow { state, words, seconds, text: words::stretch(seconds), begin, width });
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use proptest::prelude::*;

    #[test]
    fn a_temperature_above_its_limit_is_loud_and_a_cool_fuser_is_not() {
        let row = |value, role| {
            let mut temperature = sample::full_readings(50).temperatures.remove(0);
            temperature.millidegrees_celsius = Reading::Known { value };
            temperature.role = role;
            TemperatureRow::of(&temperature, Some(&sample::activity()))
        };
        let fuser = row(185_000, Some(TemperatureRole::Fuser));
        assert!(!fuser.loud);
        assert_eq!(fuser.limits.as_deref(), Some("160.0 °C to 210.0 °C"));
        assert_eq!(fuser.range.as_deref(), Some("180.0 °C to 190.0 °C"));
        assert!(row(210_001, Some(TemperatureRole::Fuser)).loud);
        assert!(!row(20_000, Some(TemperatureRole::Fuser)).loud);
        assert!(row(20_000, None).loud);
    }

    #[test]
    fn a_counter_that_is_not_known_has_no_number() {
        use platen_protocol::readings::CounterKind;
        use platen_protocol::unknown::{UnknownCause, UnknownReason};
        let cause = UnknownCause { reason: UnknownReason::Damaged, detail: "both copies are damaged".into() };
        let mut counter = sample::counter(CounterKind::Impressions, 1_234_567);
        assert_eq!(CounterRow::of(&counter).text, "1\u{202f}234\u{202f}567");
        counter.value = Reading::Unknown { cause };
        let row = CounterRow::of(&counter);
        assert_eq!((row.text.as_str(), row.value), ("unknown", None));
        assert_eq!(row.unknown.as_deref(), Some("both copies are damaged"));
    }

    proptest! {
        #[test]
        fn the_pieces_of_the_bar_follow_each_other_and_stay_on_it(
            seconds: u64, states in prop::array::uniform4(any::<u64>()),
        ) {
            let [idle_seconds, printing_seconds, sleeping_seconds, error_seconds] = states;
            let activity = Activity {
                seconds, idle_seconds, printing_seconds, sleeping_seconds, error_seconds, ..Activity::default()
            };
            let mut end = 0;
            for share in shares(&activity) {
                prop_assert_eq!(share.begin, end);
                end = share.begin + share.width;
            }
            prop_assert!(end <= 100);
        }
    }
}

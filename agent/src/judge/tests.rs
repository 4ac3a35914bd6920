//! The judge as a machine, by sentences and by properties. What the tests share stands here.

mod boards;
mod buttons;
mod conditions;
mod forecasts;
mod levels;
mod outlooks;
mod properties;
mod replacements;
mod sleeping;

use platen_protocol::alert::{AlertCode, Severity};
use platen_protocol::readings::{
    BusReading, CounterKind, CounterReading, ExpectedSupply, PartReading, TemperatureReading, TemperatureRole,
};
use platen_protocol::supply::{Capacity, Level, SupplyClass, SupplyType, SupplyUnit};
use platen_protocol::unknown::{UnknownCause, UnknownReason};

use super::*;

const SET: u8 = 10;
/// When the first sample of a test is taken.
const BEGIN: u64 = 1_000_000;

fn config(debounce_samples: u32) -> JudgeConfig {
    JudgeConfig { debounce_samples, ..JudgeConfig::default() }
}

fn judge(debounce_samples: u32) -> Judge {
    Judge::new(config(debounce_samples), Alerts::new("e"), Past::default())
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn moment(milliseconds: u64) -> Moment {
    Moment { at: ms(milliseconds), wall: None }
}

fn cause(reason: UnknownReason) -> UnknownCause {
    UnknownCause { reason, detail: "it does not answer".into() }
}

fn lost<T>(reason: UnknownReason) -> Reading<T> {
    Reading::Unknown { cause: cause(reason) }
}

fn unknown(reason: UnknownReason) -> Level {
    Level::Unknown { cause: cause(reason) }
}

fn supply(level: Level) -> SupplyReading {
    SupplyReading {
        name: "black".into(),
        index: 1,
        class: SupplyClass::SupplyThatIsConsumed,
        supply_type: SupplyType::TonerCartridge,
        colorant: Some("black".into()),
        unit: SupplyUnit::Percent,
        // A cartridge that cannot be read tells nothing of what it holds.
        capacity: match level {
            Level::Unknown { .. } => Capacity::Unknown,
            _ => Capacity::Known { amount: 100 },
        },
        level,
        set_percent: SET,
        serial: Some("1".into()),
        set_pages: None,
        set_days: None,
        part_number: None,
        expected: None,
        outlook: None,
        empty_at: None,
    }
}

fn named(name: &str, amount: u32) -> SupplyReading {
    SupplyReading { name: name.into(), ..supply(Level::Known { amount }) }
}

fn waste(level: Level) -> SupplyReading {
    SupplyReading {
        name: "waste".into(),
        class: SupplyClass::ReceptacleThatIsFilled,
        supply_type: SupplyType::WasteToner,
        colorant: None,
        serial: None,
        ..supply(level)
    }
}

fn part(name: &str, part_type: SupplyType, used: Reading<u32>) -> PartReading {
    PartReading {
        name: name.into(),
        index: 1,
        part_type,
        unit: SupplyUnit::Impressions,
        used,
        rated_life: Capacity::Known { amount: 100_000 },
        serial: None,
        part_number: Some("DR-100".into()),
        set_percent: None,
    }
}

fn drum(used: u32) -> PartReading {
    part("drum", SupplyType::Opc, Reading::Known { value: used })
}

fn switch(name: &str, meaning: SwitchMeaning, active: bool) -> SwitchReading {
    SwitchReading {
        name: name.into(),
        meaning,
        active: Reading::Known { value: active },
        location: None,
        supply: None,
    }
}

fn counter(kind: CounterKind, value: u64) -> CounterReading {
    let unit = SupplyUnit::Impressions;
    CounterReading { kind, unit, value: Reading::Known { value }, epoch: 0, wraps: 0, wraps_at: None }
}

fn sensor(name: &str, role: Option<TemperatureRole>, millidegrees: i32) -> TemperatureReading {
    TemperatureReading {
        name: name.into(),
        millidegrees_celsius: Reading::Known { value: millidegrees },
        role,
        under: None,
        over: None,
    }
}

fn fuser(millidegrees: i32) -> TemperatureReading {
    TemperatureReading {
        under: Some(150_000),
        over: Some(220_000),
        ..sensor("fuser", Some(TemperatureRole::Fuser), millidegrees)
    }
}

fn switches(cover: bool, button: bool) -> Vec<SwitchReading> {
    vec![
        switch("cover", SwitchMeaning::Cover, cover),
        switch("service", SwitchMeaning::ServiceButton, button),
    ]
}

fn level(level: Level) -> Readings {
    Readings { supplies: vec![supply(level)], switches: switches(false, false), ..Readings::default() }
}

fn percent(amount: u32) -> Readings {
    level(Level::Known { amount })
}

fn edge(switch: &str, meaning: SwitchMeaning, active: bool, at: u64) -> Edge {
    Edge { switch: switch.into(), meaning, active, at: ms(at) }
}

fn sample(judge: &mut Judge, readings: &Readings, at: u64) -> Vec<Event> {
    judge.sample(&mut readings.clone(), moment(at)).unwrap()
}

fn feed(judge: &mut Judge, readings: &Readings, times: usize) -> Vec<Event> {
    (0..times).flat_map(|_| sample(judge, readings, BEGIN)).collect()
}

fn codes(events: &[Event]) -> Vec<AlertCode> {
    raised(events).iter().map(|alert| alert.code).collect()
}

fn raised(events: &[Event]) -> Vec<&Alert> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Raised(alert) => Some(&**alert),
            _ => None,
        })
        .collect()
}

fn cleared(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Cleared { .. })).count()
}

fn standing(judge: &Judge) -> Vec<(String, AlertCode)> {
    judge.alerts().standing().map(|alert| (alert.subject.clone(), alert.code)).collect()
}

fn restarted(judge: &Judge) -> Judge {
    let alerts = serde_json::to_string(judge.alerts()).unwrap();
    let past = serde_json::to_string(judge.past()).unwrap();
    Judge::new(
        judge.config.clone(),
        serde_json::from_str(&alerts).unwrap(),
        serde_json::from_str(&past).unwrap(),
    )
}

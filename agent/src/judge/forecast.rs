//! What has not happened and possibly will, by what was learnt ([`super::past`]).

use platen_protocol::readings::{Readings, SupplyReading, SwitchMeaning, TemperatureReading};

use super::condition::{Aspect, Oddity};
use super::finding::{Finding, Scene, Verdict};
use super::past::{Past, Strangeness, counts_colour, is_chromatic};
use super::subject::{ENGINE, Subject, index_among, of_sensor, of_supply};

/// The findings of all forecasts. Each has its own evidence, and needs no debounce.
pub(super) fn findings<'r>(scene: Scene<'_, 'r>) -> Vec<Finding<'r>> {
    let mut findings = Vec::new();
    for supply in &scene.readings.supplies {
        findings.extend(of_consumption(scene, supply));
    }
    for sensor in &scene.readings.temperatures {
        findings.extend(of_sensor_past(scene, sensor));
    }
    findings.extend(of_jams(scene));
    if !scene.readings.counters.is_empty() {
        findings.push(of_counters(scene.past));
    }
    findings
}

fn of_consumption<'r>(scene: Scene<'_, 'r>, supply: &'r SupplyReading) -> [Finding<'r>; 2] {
    let known = scene.past.things.get(&supply.name);
    let colour = is_chromatic(supply) && counts_colour(scene.readings);
    let odd =
        known.and_then(|known| Some((known.usage.odd()?, known.usage.odd_wording(&supply.name, colour)?)));
    let odd = match odd {
        Some((what, wording)) => Verdict::holds(Aspect::Consumption(what), wording),
        None => Verdict::fine("is used as the pages need it"),
    };
    let refill = known.and_then(|known| known.usage.refill()).filter(|r| scene.past.is_recent(r.noted_ms));
    let refill = match refill {
        Some(refill) => Verdict::holds(Aspect::Refilled(refill.times), refill.wording(&supply.name)),
        None => Verdict::fine("has held what it should for a day"),
    };
    let finding = |kind, verdict| Finding { subject: of_supply(supply), kind, verdict, needed: 1 };
    [finding(Aspect::Consumption(Oddity::TooMuch), odd), finding(Aspect::Refilled(0), refill)]
}

fn of_sensor_past<'r>(scene: Scene<'_, 'r>, sensor: &'r TemperatureReading) -> [Finding<'r>; 2] {
    let past = scene.past.sensors.get(&sensor.name);
    let one = |what, kind, why| {
        let told = scene.alerts.of(&sensor.name, kind).is_some();
        let verdict = match past.filter(|past| past.is(what, told)) {
            Some(past) => Verdict::holds(kind, past.wording(sensor, what)),
            None => Verdict::fine(why),
        };
        Finding { subject: of_sensor(sensor), kind, verdict, needed: 1 }
    };
    [
        one(Strangeness::Noise, Aspect::Noise, "scatters no more than it used to"),
        one(Strangeness::Drift, Aspect::Drift, "works near its usual temperature"),
    ]
}

fn of_jams<'r>(scene: Scene<'_, 'r>) -> Option<Finding<'r>> {
    let switches = &scene.readings.switches;
    let (at, switch) = switches.iter().enumerate().find(|(_, s)| s.meaning == SwitchMeaning::Jam)?;
    let told = scene.alerts.of(&switch.name, Aspect::JamRate).is_some();
    let verdict = if scene.past.jams.too_many(told) {
        Verdict::holds(Aspect::JamRate, scene.past.jams.wording())
    } else {
        Verdict::fine("finds no more jams than it used to")
    };
    let index = index_among(switches, at, |meaning| meaning == SwitchMeaning::Jam);
    let subject = Subject { name: &switch.name, index, location: switch.location, ..Subject::default() };
    Some(Finding { subject, kind: Aspect::JamRate, verdict, needed: 1 })
}

fn of_counters<'r>(past: &Past) -> Finding<'r> {
    let verdict = match past.counters.fall().filter(|(noted, _)| past.is_recent(*noted)) {
        Some((_, times)) => Verdict::holds(Aspect::CounterFell(times), past.counters.wording()),
        None => Verdict::fine("has counted forwards for a day"),
    };
    let subject = Subject { name: ENGINE, ..Subject::default() };
    Finding { subject, kind: Aspect::CounterFell(0), verdict, needed: 1 }
}

/// What a fuser's sensor learnt does not hold for the next fuser.
pub(super) fn forget_fuser(past: &mut Past, readings: &Readings) {
    for sensor in readings.temperatures.iter().filter(|sensor| sensor.is_fuser()) {
        past.sensors.remove(&sensor.name);
    }
}

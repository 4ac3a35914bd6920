//! The fuser that heats and cools, the cabinet that it warms, and the air around.

use std::time::Duration;

use platen_protocol::readings::TemperatureRole;

use crate::faults::Faults;
use crate::random::Random;
use crate::truth::TemperatureTruth;
use platen_hal::config::{Curve, Temperature};
use platen_hal::sim_command::Fault;

/// Thousandths of a degree Celsius in one.
const DEGREE: f64 = 1000.0;
/// The air, at the middle of its daily wave.
const ROOM: f64 = 23.0 * DEGREE;
/// How far the air is above or below that in the course of a day.
const DAILY_WAVE: f64 = 2.5 * DEGREE;
const DAY_SECONDS: f64 = 86_400.0;
/// Where the fuser is held while the printer is awake.
const FUSER: f64 = 180.0 * DEGREE;
/// Where it ends when its heater stays on.
const FUSER_RUNAWAY: f64 = 280.0 * DEGREE;
/// Within this pages can be printed.
const FUSER_WORKS: std::ops::RangeInclusive<f64> = 150.0 * DEGREE..=230.0 * DEGREE;
/// Time constants in seconds: of heating up, of a heater that stays on, and of cooling.
const HEATS: f64 = 5.0;
const RUNS_AWAY: f64 = 60.0;
const COOLS: f64 = 300.0;
/// What one page adds to a cabinet, where that ends, and how fast it goes.
const CABINET_PER_PAGE: f64 = 20.0;
const CABINET_LIMIT: f64 = 60.0 * DEGREE;
const CABINET_COOLS: f64 = 1200.0;
/// How fast a sensor drifts, and how far at most.
const DRIFT_PER_HOUR: f64 = 2.0 * DEGREE;
const DRIFT_LIMIT: f64 = 40.0 * DEGREE;
/// How far a noisy sensor is off to either side. One value lasts so long on the bus, so that two reads in
/// a row mostly agree, as with a loose contact.
const NOISE: f64 = 6.0 * DEGREE;
const NOISE_LASTS: Duration = Duration::from_millis(400);

/// The longest warm-up from cold to a temperature at which pages can be printed.
pub(crate) const WARM_UP: Duration = Duration::from_secs(15);

/// Something with a temperature and a sensor.
pub(super) struct Body {
    pub(super) name: String,
    pub(super) target: usize,
    pub(super) curve: Option<Curve>,
    fuser: bool,
    /// Whether the air's daily wave is part of it.
    waves: bool,
    /// It was at `from` at `since`, and goes to `toward` with the time constant `pace` in seconds; without
    /// one it stays.
    from: f64,
    since: Duration,
    toward: f64,
    pace: Option<f64>,
}

impl Body {
    /// With `exact`, only the fuser follows its physics; the others stay where they are put.
    pub(super) fn new(entry: &Temperature, target: usize, exact: bool) -> Self {
        let fuser = entry.role == Some(TemperatureRole::Fuser);
        let start = if fuser { FUSER } else { ROOM };
        Self {
            name: entry.name.get_ref().clone(),
            target,
            curve: entry.sensor.as_ref().map(|sensor| sensor.curve.get_ref().clone()),
            fuser,
            waves: !fuser && !exact,
            from: start,
            since: Duration::ZERO,
            toward: start,
            pace: match (fuser, exact, entry.role) {
                (true, ..) => Some(HEATS),
                (false, false, None) => Some(CABINET_COOLS),
                _ => None,
            },
        }
    }

    /// Without what its sensor adds, in thousandths of a degree Celsius.
    fn at(&self, now: Duration) -> f64 {
        let wave = if self.waves { wave(now) } else { 0.0 };
        wave + match self.pace {
            Some(pace) => {
                let passed = now.saturating_sub(self.since).as_secs_f64();
                self.toward + (self.from - self.toward) * (-passed / pace).exp()
            }
            None => self.from,
        }
    }

    /// As its sensor sees it.
    pub(super) fn sensed(&self, faults: &Faults, seed: u64, now: Duration, bus_time: Duration) -> f64 {
        let here = self.at(now);
        match faults.of(self.target) {
            Fault::Drift => {
                let hours = now.saturating_sub(faults.since(self.target)).as_secs_f64() / 3600.0;
                here + (hours * DRIFT_PER_HOUR).min(DRIFT_LIMIT)
            }
            Fault::Noisy => {
                let moment = bus_time.as_nanos() / NOISE_LASTS.as_nanos();
                let moment = u64::try_from(moment).unwrap_or(u64::MAX);
                here + NOISE * Random::at(seed, &self.name, moment).signed_unit()
            }
            _ => here,
        }
    }

    pub(super) fn truth(&self, now: Duration) -> TemperatureTruth {
        TemperatureTruth { name: self.name.clone(), millidegrees: rounded(self.at(now)) }
    }

    /// Puts it at a temperature, from which it goes on.
    pub(super) fn put(&mut self, millidegrees: i32, now: Duration) {
        let wave = if self.waves { wave(now) } else { 0.0 };
        self.from = f64::from(millidegrees) - wave;
        self.since = now;
    }

    /// From now on a fuser goes where its heater takes it.
    pub(super) fn steer(&mut self, fault: Fault, asleep: bool, now: Duration) {
        if !self.fuser {
            return;
        }
        (self.from, self.since) = (self.at(now), now);
        let (toward, pace) = match fault {
            Fault::Overheats => (FUSER_RUNAWAY, RUNS_AWAY),
            Fault::Cold => (ROOM, COOLS),
            _ if asleep => (ROOM, COOLS),
            _ if self.from < FUSER => (FUSER, HEATS),
            _ => (FUSER, RUNS_AWAY),
        };
        (self.toward, self.pace) = (toward, Some(pace));
    }

    /// A page passed, and with it the time to warm up, if it was not `on_time`.
    pub(super) fn page(&mut self, fault: Fault, on_time: bool, now: Duration) {
        if self.fuser {
            if !on_time && !matches!(fault, Fault::Overheats | Fault::Cold) {
                (self.from, self.since, self.toward) = (FUSER, now, FUSER);
            }
        } else if !self.waves || self.pace.is_some() {
            let here = self.at(now) - if self.waves { wave(now) } else { 0.0 };
            self.from = (here + CABINET_PER_PAGE).min(CABINET_LIMIT.max(here));
            self.since = now;
        }
    }

    /// Why nothing can be printed at its temperature.
    pub(super) fn stops(&self, fault: Fault, on_time: bool, now: Duration) -> Option<String> {
        let heater = matches!(fault, Fault::Overheats | Fault::Cold);
        let out = self.fuser && (on_time || heater) && !FUSER_WORKS.contains(&self.at(now));
        out.then(|| {
            let state = if self.at(now) < FUSER { "too cold" } else { "too hot" };
            format!("{} was {state}", self.name)
        })
    }
}

fn wave(now: Duration) -> f64 {
    DAILY_WAVE * (now.as_secs_f64() / DAY_SECONDS * std::f64::consts::TAU).sin()
}

#[allow(clippy::cast_possible_truncation, reason = "temperatures are some hundred thousand of these at most")]
pub(super) fn rounded(millidegrees: f64) -> i32 {
    millidegrees.round() as i32
}

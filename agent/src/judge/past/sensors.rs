//! What a temperature sensor used to say: the fuser's operating temperature, and how much a sensor scatters.

use std::time::Duration;

use platen_protocol::alert::{AlertCode, Evidence};
use platen_protocol::facts::Celsius;
use platen_protocol::readings::TemperatureReading;
use serde::{Deserialize, Serialize};

use crate::judge::condition::Wording;
use crate::judge::subject::group;

/// A sensor's own past is what it said the first so many times that it could be learnt from.
const LEARNT: u32 = 200;
/// Once so many are known, one that is farther off than so many times the scatter (and a degree) is not
/// what the sensor usually says, and is not learnt.
const FIRST: u32 = 20;
const OUTLIER_FACTOR: i64 = 6;
const LEAST_SCATTER: i64 = 1_000;
/// A fuser has drifted when it works so far from its past, in thousandths of a degree Celsius...
const DRIFT: i32 = 6_000;
/// ... and so many times farther than it scatters.
const DRIFT_FACTOR: i32 = 4;
/// One reading weighs as one of so many, for drift.
const DRIFT_WINDOW: i32 = 32;
/// A sensor is noisy when it zigzags by so much on average, in thousandths of a degree Celsius...
const NOISE: i32 = 2_000;
/// ... and so many times more than it used to.
const NOISE_FACTOR: i32 = 5;
/// One reading weighs as one of so many, for noise.
const NOISE_WINDOW: i32 = 16;
/// One zigzag counts for no more than this: a single bad reading is not noise.
const MOST_ZIGZAG: i32 = 10_000;
/// Readings farther apart than this are not compared.
const LONGEST_GAP: Duration = Duration::from_secs(15 * 60);

/// What is strange about a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::judge) enum Strangeness {
    Drift,
    Noise,
}

/// What was learnt of one sensor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::judge) struct SensorPast {
    #[serde(rename = "w")]
    working: Learnt,
    #[serde(rename = "z")]
    zigzag: Learnt,
    #[serde(skip)]
    last: Option<Last>,
}

/// A mean that was learnt and then stays, beside one of late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Learnt {
    #[serde(rename = "n")]
    times: u32,
    #[serde(rename = "m")]
    mean: i32,
    #[serde(rename = "s")]
    spread: i32,
    #[serde(rename = "l")]
    late: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last {
    at: Duration,
    value: i32,
    /// How it came to be: the step to it from the one before.
    step: Option<i32>,
}

impl Learnt {
    fn take(&mut self, value: i32, window: i32) {
        if self.times < LEARNT {
            let times = i64::from(self.times);
            let blend = |old: i32, new: i64| narrow((i64::from(old) * times + new) / (times + 1));
            let off = if times == 0 { 0 } else { (i64::from(value) - i64::from(self.mean)).abs() };
            if self.times >= FIRST && off > OUTLIER_FACTOR * i64::from(self.spread).max(LEAST_SCATTER) {
                return;
            }
            self.spread = blend(self.spread, off);
            self.mean = blend(self.mean, i64::from(value));
            self.late = self.mean;
            self.times += 1;
        } else {
            let (late, value, window) = (i64::from(self.late), i64::from(value), i64::from(window));
            self.late = narrow((late * (window - 1) + value) / window);
        }
    }

    fn is_learnt(&self) -> bool {
        self.times >= LEARNT
    }
}

impl SensorPast {
    /// Takes in a reading. `steady` says that its scatter means something, `working` that the fuser it is
    /// at is working; a reading beyond the sensor's limits is told of as such, and is no drift.
    pub(in crate::judge) fn observe(
        &mut self,
        sensor: &TemperatureReading,
        at: Duration,
        steady: bool,
        working: bool,
    ) {
        let value = sensor.millidegrees_celsius.known().copied().filter(|_| steady);
        let Some(value) = value else {
            self.last = None;
            return;
        };
        let last = self.last.filter(|last| at.saturating_sub(last.at) <= LONGEST_GAP);
        let step = last.map(|last| value.saturating_sub(last.value));
        if let (Some(before), Some(step)) = (last.and_then(|last| last.step), step) {
            // Only what turns back is scatter; a slope or a jump is the temperature itself.
            let turned = i64::from(before) * i64::from(step) < 0;
            let zigzag = if turned { before.saturating_abs().min(step.saturating_abs()) } else { 0 };
            self.zigzag.take(zigzag.min(MOST_ZIGZAG), NOISE_WINDOW);
        }
        self.last = Some(Last { at, value, step });
        let within =
            sensor.over.is_none_or(|over| value <= over) && sensor.under.is_none_or(|under| value >= under);
        if working && within {
            self.working.take(value, DRIFT_WINDOW);
        }
    }

    fn limit(&self, what: Strangeness) -> i32 {
        match what {
            Strangeness::Drift => DRIFT.max(self.working.spread.saturating_mul(DRIFT_FACTOR)),
            Strangeness::Noise => NOISE.max(self.zigzag.mean.saturating_mul(NOISE_FACTOR)),
        }
    }

    /// Whether that is so; what was told once ends at half the limit.
    pub(in crate::judge) fn is(&self, what: Strangeness, told: bool) -> bool {
        let (learnt, off) = match what {
            Strangeness::Drift => (
                self.working.is_learnt(),
                self.working.late.saturating_sub(self.working.mean).saturating_abs(),
            ),
            Strangeness::Noise => (self.zigzag.is_learnt(), self.zigzag.late),
        };
        let limit = self.limit(what);
        learnt && off >= if told { limit / 2 } else { limit }
    }

    /// The forecast that a sensor has drifted or is noisy.
    pub(in crate::judge) fn wording(&self, sensor: &TemperatureReading, what: Strangeness) -> Wording {
        let name = &sensor.name;
        let (measure, learnt, text) = match what {
            Strangeness::Drift => {
                let (late, mean) = (Celsius(self.working.late), Celsius(self.working.mean));
                let text = format!("{name} runs at {late} °C, and used to run at {mean} °C");
                ("operating temperature", self.working, text)
            }
            Strangeness::Noise => {
                let (late, mean) = (Celsius(self.zigzag.late), Celsius(self.zigzag.mean));
                let text = format!("{name} scatters by {late} °C, and used to scatter by {mean} °C");
                ("scatter", self.zigzag, text)
            }
        };
        let shown = Evidence {
            measure: measure.to_owned(),
            unit: "thousandths of a degree Celsius".to_owned(),
            observed: learnt.late.into(),
            expected: Some(learnt.mean.into()),
        };
        Wording::forecast(group(sensor), AlertCode::SubunitNearLimit, text, vec![shown])
    }
}

fn narrow(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
}

//! Temperatures: too hot, too cold, and sensors that cannot be believed.

use std::time::Duration;

use platen_protocol::alert::{AlertCode, Severity, Training};
use platen_protocol::facts::Celsius;
use platen_protocol::readings::{HeldKind, SwitchMeaning, SwitchReading, TemperatureReading};
use platen_protocol::unknown::UnknownCause;

use super::condition::{Access, Aspect, Heat, Wording};
use super::finding::{Finding, Scene, Switches, Verdict};
use super::memory::{access, bus_failing, sensor_cause, told_of_another};
use super::subject::{group, of_sensor};

/// An alert about a temperature ends so far within the limit, in thousandths of a degree Celsius.
const TEMPERATURE_HYSTERESIS: i32 = 3_000;
/// A fuser that has been wanted hot for so long is hot, or something is wrong.
pub(super) const WARM_UP: Duration = Duration::from_secs(3 * 60);
/// Pages that follow each other within this belong to one stretch of printing, as far as heat goes.
const LULL: Duration = Duration::from_secs(60);

/// Since when the fuser is wanted hot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Warmth {
    awake_since: Option<Duration>,
    printing_since: Option<Duration>,
    last_page: Option<Duration>,
}

impl Warmth {
    /// Takes in one sample; `printed` says that pages came since the one before.
    pub(super) fn observe(
        &mut self,
        switches: &[SwitchReading],
        states: &Switches,
        printed: bool,
        at: Duration,
    ) {
        use SwitchMeaning::{Cover, Interlock, Jam, Sleep};
        // An open cover or a jam cuts the heater, and warming up begins again.
        if [Cover, Interlock, Jam].into_iter().any(|meaning| states.any(switches, meaning)) {
            *self = Self::default();
            return;
        }
        let has_sleep = switches.iter().any(|switch| switch.meaning == Sleep);
        if !has_sleep || states.any(switches, Sleep) {
            self.awake_since = None;
        } else {
            self.awake_since.get_or_insert(at);
        }
        if printed {
            self.last_page = Some(at);
            self.printing_since.get_or_insert(at);
        } else if self.last_page.is_none_or(|last| at.saturating_sub(last) > LULL) {
            self.printing_since = None;
        }
    }

    /// Whether it has been wanted hot for long enough.
    pub(super) fn hot(self, at: Duration) -> bool {
        [self.awake_since, self.printing_since].into_iter().flatten().any(|s| at.saturating_sub(s) >= WARM_UP)
    }
}

/// The findings about temperatures and their sensors.
pub(super) fn findings<'r>(scene: Scene<'_, 'r>) -> Vec<Finding<'r>> {
    let failing = bus_failing(scene.readings);
    let needed = scene.config.debounce_samples;
    let mut findings = Vec::new();
    for sensor in &scene.readings.temperatures {
        let subject = of_sensor(sensor);
        let kind = Aspect::Sensor(Access::Readable);
        let held = scene.readings.held_of(HeldKind::Temperature, &sensor.name).is_some();
        let verdict = match sensor_cause(sensor) {
            _ if held => Verdict::Unknown,
            Some(cause) if told_of_another(scene.readings, &sensor.name, cause) => Verdict::Unknown,
            cause => of_access(sensor, cause, failing),
        };
        findings.push(Finding { subject, kind, verdict, needed });
        let before = match scene.alerts.of(&sensor.name, Aspect::Heat(Heat::Over)) {
            Some(Aspect::Heat(heat)) => Some(heat),
            _ => None,
        };
        // What it was when the printer fell asleep says nothing of now.
        let verdict = if held { Verdict::Unknown } else { of_heat(sensor, before, scene.hot) };
        findings.push(Finding { subject, kind: Aspect::Heat(Heat::Over), verdict, needed });
    }
    findings
}

fn of_access(sensor: &TemperatureReading, cause: Option<&UnknownCause>, bus_failing: bool) -> Verdict {
    let Some(cause) = cause else {
        return Verdict::fine("can be read again");
    };
    let (name, fuser) = (&sensor.name, sensor.is_fuser());
    // Without its thermistor no fuser is heated.
    let severity = if fuser { Severity::Critical } else { Severity::Warning };
    let (severity, code, text) = match access(Some(cause), bus_failing) {
        None => return Verdict::Unknown,
        Some(Access::Readable) => return Verdict::fine("is not measured any more"),
        Some(Access::Missing) => {
            (Severity::Warning, AlertCode::SubunitMissing, format!("the sensor {name} is lost: {cause}"))
        }
        Some(Access::Failing) if fuser => (
            severity,
            AlertCode::MarkerFuserThermistorFailure,
            format!("the sensor {name} has failed: {cause}"),
        ),
        Some(Access::Failing) => {
            (severity, AlertCode::SubunitThermistorFailure, format!("the sensor {name} has failed: {cause}"))
        }
    };
    let access = if code == AlertCode::SubunitMissing { Access::Missing } else { Access::Failing };
    let rank = (severity, Training::FieldService);
    Verdict::holds(Aspect::Sensor(access), Wording::occurred(rank, group(sensor), code, text))
}

fn of_heat(sensor: &TemperatureReading, before: Option<Heat>, hot: bool) -> Verdict {
    let Some(value) = sensor.millidegrees_celsius.known().copied() else { return Verdict::Unknown };
    let margin = |side| if before == Some(Heat::from(side)) { TEMPERATURE_HYSTERESIS } else { 0 };
    match sensor.beyond_by(hot, margin) {
        Some((side, limit)) => heat_holds(sensor, side.into(), value, limit),
        None if before == Some(Heat::Under) && !hot && sensor.is_fuser() => {
            Verdict::fine("need not be hot now")
        }
        None => Verdict::Fine(format!("is at {} °C", Celsius(value)).into()),
    }
}

/// Too hot stops a fuser; other things go on, and a technician is to look.
fn heat_holds(sensor: &TemperatureReading, heat: Heat, value: i32, limit: i32) -> Verdict {
    let fuser = sensor.is_fuser();
    let severity = if fuser { Severity::Critical } else { Severity::Warning };
    let code = match (heat, fuser) {
        (Heat::Over, true) => AlertCode::MarkerFuserOverTemperature,
        (Heat::Under, true) => AlertCode::MarkerFuserUnderTemperature,
        (Heat::Over, false) => AlertCode::SubunitOverTemperature,
        (Heat::Under, false) => AlertCode::SubunitUnderTemperature,
    };
    let side = if heat == Heat::Over { "above" } else { "below" };
    let (name, value, limit) = (&sensor.name, Celsius(value), Celsius(limit));
    let text = format!("{name} is at {value} °C, {side} its limit of {limit} °C");
    let rank = (severity, Training::FieldService);
    Verdict::holds(Aspect::Heat(heat), Wording::occurred(rank, group(sensor), code, text))
}

//! Calibration curves of analog sensors.

use std::ops::RangeInclusive;

use crate::config::Sensor;
use crate::config::check::Check;

/// The most points of a curve.
const MAX_POINTS: usize = 64;
/// What an input of an ADS1115 can have at all (SBAS444, section 6.3: up to its supply of 5.5 V).
const MILLIVOLTS: RangeInclusive<f64> = 0.0..=5_500.0;

/// A curve must give one value for each voltage, and one voltage for each value.
pub(super) fn check(name: &str, sensor: &Sensor, values: &RangeInclusive<f64>) -> Check {
    let (curve, at) = (sensor.curve.get_ref(), sensor.curve.span().start);
    let wrong = |what: String| Err((at, format!("the curve of {name} {what}")));
    if curve.len() < 2 || curve.len() > MAX_POINTS {
        return wrong(format!(
            "has {} points: give it 2 to {MAX_POINTS} pairs of millivolts and value, such as [[400, 0], [2600, 100]]",
            curve.len()
        ));
    }
    for (millivolts, value) in curve {
        if !MILLIVOLTS.contains(millivolts) {
            let (least, most) = (MILLIVOLTS.start(), MILLIVOLTS.end());
            return wrong(format!(
                "has a point at {millivolts} mV: the converter takes {least} to {most} mV"
            ));
        }
        if !values.contains(value) {
            return wrong(format!(
                "has the value {value}, which cannot be: use {} to {}",
                values.start(),
                values.end()
            ));
        }
    }
    let steps: Vec<_> =
        curve.iter().zip(curve.iter().skip(1)).map(|(from, to)| (to.0 - from.0, to.1 - from.1)).collect();
    if steps.iter().any(|(millivolts, _)| *millivolts <= 0.0) {
        return wrong("does not rise in millivolts: sort its points by millivolts, each once".to_owned());
    }
    let rises = steps.iter().all(|(_, value)| *value > 0.0);
    let falls = steps.iter().all(|(_, value)| *value < 0.0);
    if !rises && !falls {
        return wrong("turns round: its values must all rise, or all fall".to_owned());
    }
    Ok(())
}

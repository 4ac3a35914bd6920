//! Analog sensors the other way round: from what is measured to the millivolts at the converter's input.

use platen_hal::config::Curve;

/// What an input is at when the sensor's wire is cut: the pull-up takes it to the supply voltage.
pub(crate) const OPEN_CIRCUIT: f64 = 3_300.0;
/// What an input is at when the sensor is short.
pub(crate) const SHORT_CIRCUIT: f64 = 0.0;

/// The millivolts at which the curve has a value. Beyond the curve's values it is at the nearer end.
pub(crate) fn millivolts(curve: &Curve, value: f64) -> f64 {
    for pair in curve.windows(2) {
        let &[(from, low), (to, high)] = pair else { continue };
        let (least, most) = if low <= high { (low, high) } else { (high, low) };
        if (least..=most).contains(&value) {
            let span = high - low;
            // A level piece of the curve has the value everywhere.
            return if span == 0.0 { from } else { from + (to - from) * (value - low) / span };
        }
    }
    let nearest = curve.iter().min_by(|a, b| (a.1 - value).abs().total_cmp(&(b.1 - value).abs()));
    nearest.map_or(SHORT_CIRCUIT, |(millivolts, _)| *millivolts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "the numbers are chosen so that nothing is rounded")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_is_found_on_rising_and_falling_curves() {
        assert_eq!(millivolts(&vec![(500.0, 0.0), (2500.0, 100.0)], 25.0), 1000.0);
        assert_eq!(millivolts(&vec![(200.0, 250.0), (1200.0, 50.0), (3000.0, -10.0)], 20.0), 2100.0);
    }

    #[test]
    fn beyond_the_curve_the_nearer_end_counts() {
        let curve = vec![(200.0, 250.0), (3000.0, 0.0)];
        assert_eq!(millivolts(&curve, 400.0), 200.0);
        assert_eq!(millivolts(&curve, -40.0), 3000.0);
    }

    proptest! {
        #[test]
        fn going_there_and_back_yields_the_value(value in 0.0..100.0_f64) {
            let curve = vec![(300.0, 0.0), (900.0, 40.0), (2900.0, 100.0)];
            let at = millivolts(&curve, value);
            let back = if at <= 900.0 { (at - 300.0) / 600.0 * 40.0 } else { 40.0 + (at - 900.0) / 2000.0 * 60.0 };
            prop_assert!((back - value).abs() < 1e-9);
        }
    }
}

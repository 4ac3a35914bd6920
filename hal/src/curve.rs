//! Calibration curves: what the voltage of an analog sensor means. Pure.

use crate::fault::ReadFault;

/// How far beyond the ends of its curve a voltage still counts as the value at that end: a fiftieth of
/// the curve's span, for sensors and converters have tolerances.
const MARGIN: f64 = 0.02;

/// What a voltage means by a curve: a straight line between the two points beside it. Beyond the ends it
/// cannot be true: the wire is cut, or short.
///
/// The curve was checked: at least two points, by rising millivolts.
pub(crate) fn value_at(curve: &[(f64, f64)], millivolts: f64) -> Result<f64, ReadFault> {
    let (Some((low, first)), Some((high, last))) = (curve.first(), curve.last()) else {
        return Err(ReadFault::Implausible("the sensor has no curve".to_owned()));
    };
    let margin = (high - low) * MARGIN;
    if !(low - margin..=high + margin).contains(&millivolts) {
        return Err(ReadFault::Implausible(format!(
            "the sensor gives {millivolts:.0} mV, outside its curve of {low:.0} to {high:.0} mV: is its wire cut, or short?"
        )));
    }
    if millivolts <= *low {
        return Ok(*first);
    }
    let segments = curve.iter().zip(curve.iter().skip(1));
    for ((left, from), (right, to)) in segments {
        if millivolts <= *right {
            return Ok(from + (to - from) * (millivolts - left) / (right - left));
        }
    }
    Ok(*last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOPPER: [(f64, f64); 3] = [(400.0, 0.0), (1_200.0, 40.0), (2_600.0, 100.0)];

    #[test]
    fn between_two_points_it_is_a_straight_line() {
        assert_eq!(value_at(&HOPPER, 400.0), Ok(0.0));
        assert_eq!(value_at(&HOPPER, 800.0), Ok(20.0));
        assert_eq!(value_at(&HOPPER, 1_900.0), Ok(70.0));
        assert_eq!(value_at(&HOPPER, 2_600.0), Ok(100.0));
    }

    #[test]
    fn a_little_beyond_an_end_is_that_end() {
        assert_eq!(value_at(&HOPPER, 360.0), Ok(0.0));
        assert_eq!(value_at(&HOPPER, 2_640.0), Ok(100.0));
    }

    #[test]
    fn far_beyond_an_end_the_wire_is_cut_or_short() {
        for millivolts in [0.0, 350.0, 2_650.0, 3_300.0, f64::NAN] {
            let fault = value_at(&HOPPER, millivolts).unwrap_err();
            assert!(
                matches!(&fault, ReadFault::Implausible(what) if what.contains("cut, or short")),
                "{fault:?}"
            );
        }
    }

    #[test]
    fn a_curve_without_points_measures_nothing() {
        assert!(matches!(value_at(&[], 1.0), Err(ReadFault::Implausible(_))));
    }

    /// Rising millivolts, and values that rise or fall.
    fn any_curve() -> impl Strategy<Value = Vec<(f64, f64)>> {
        (proptest::collection::vec((1.0..500.0, 0.1..20.0), 2..8), any::<bool>()).prop_map(
            |(steps, rising): (Vec<(f64, f64)>, bool)| {
                let (mut millivolts, mut value) = (0.0_f64, 0.0_f64);
                let mut curve = Vec::new();
                for (up, by) in steps {
                    millivolts += up;
                    value += if rising { by } else { -by };
                    curve.push((millivolts, value));
                }
                curve
            },
        )
    }

    proptest! {
        #[test]
        fn a_value_lies_between_the_ends_and_is_monotonic(
            curve in any_curve(), a in 0.0..1.0_f64, b in 0.0..1.0_f64
        ) {
            let ((low, first), (high, last)) = (curve[0], curve[curve.len() - 1]);
            let at = |part: f64| value_at(&curve, low + (high - low) * part).unwrap();
            let (small, large) = (first.min(last), first.max(last));
            prop_assert!((small - 1e-9..=large + 1e-9).contains(&at(a)));
            let rising = last > first;
            let (left, right) = (at(a.min(b)), at(a.max(b)));
            let ordered = if rising { left <= right + 1e-9 } else { left >= right - 1e-9 };
            prop_assert!(ordered);
        }

        #[test]
        fn every_point_of_a_curve_has_its_own_value(curve in any_curve()) {
            for (millivolts, value) in &curve {
                prop_assert!((value_at(&curve, *millivolts).unwrap() - value).abs() < 1e-9);
            }
        }
    }
}

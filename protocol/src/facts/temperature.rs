//! Temperatures: which limit one is beyond, and how it is rounded.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::readings::{TemperatureReading, TemperatureRole};

/// Which limit a temperature is beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TemperatureLimit {
    /// Below the lower one: too cold.
    Under,
    /// Above the upper one: too hot.
    Over,
}

/// Thousandths of a degree Celsius that print as degrees with one decimal, rounded half away from zero:
/// `21.4`, `-0.5`. No `-0.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Celsius(pub i32);

impl fmt::Display for Celsius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (i64::from(self.0) + if self.0 < 0 { -50 } else { 50 }) / 100;
        let sign = if tenths < 0 { "-" } else { "" };
        f.pad(&format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10))
    }
}

impl TemperatureReading {
    /// Whether it is a fuser's.
    pub fn is_fuser(&self) -> bool {
        self.role == Some(TemperatureRole::Fuser)
    }

    /// The limit that it is beyond, with that limit in thousandths of a degree; `None` within its limits,
    /// and where it is not known. Each limit is moved inwards by its margin, in the same unit. A fuser is
    /// too cold only when it is wanted hot (`heated`): it is cool while the printer sleeps.
    pub fn beyond_by(
        &self,
        heated: bool,
        margin: impl Fn(TemperatureLimit) -> i32,
    ) -> Option<(TemperatureLimit, i32)> {
        let value = *self.millidegrees_celsius.known()?;
        let (over, under) = (margin(TemperatureLimit::Over), margin(TemperatureLimit::Under));
        let hot = self.over.filter(|limit| value > limit.saturating_sub(over));
        let judged = heated || !self.is_fuser();
        let cold = self.under.filter(|limit| judged && value < limit.saturating_add(under));
        let hot = hot.map(|limit| (TemperatureLimit::Over, limit));
        hot.or(cold.map(|limit| (TemperatureLimit::Under, limit)))
    }

    /// The limit that it is beyond by what one reading tells: whether a fuser is wanted hot it does not.
    pub fn beyond(&self) -> Option<TemperatureLimit> {
        self.beyond_by(false, |_| 0).map(|(limit, _)| limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readings::Reading;
    use crate::unknown::{UnknownCause, UnknownReason};
    use proptest::prelude::*;

    fn reading(value: i32, role: Option<TemperatureRole>) -> TemperatureReading {
        TemperatureReading {
            name: "one".into(),
            millidegrees_celsius: Reading::Known { value },
            role,
            under: Some(160_000),
            over: Some(210_000),
        }
    }

    #[test]
    fn a_temperature_has_one_rounding_for_everybody() {
        for (value, text) in [
            (21_350, "21.4"),
            (21_349, "21.3"),
            (23_449, "23.4"),
            (-500, "-0.5"),
            (-550, "-0.6"),
            (-49, "0.0"),
            (0, "0.0"),
            (i32::MIN, "-2147483.6"),
        ] {
            assert_eq!(Celsius(value).to_string(), text);
        }
        assert_eq!(format!("{:>6}", Celsius(21_350)), "  21.4");
    }

    #[test]
    fn a_cool_fuser_is_within_its_limits_until_it_is_wanted_hot() {
        let fuser = Some(TemperatureRole::Fuser);
        assert_eq!(reading(20_000, fuser).beyond(), None);
        assert_eq!(reading(20_000, fuser).beyond_by(true, |_| 0), Some((TemperatureLimit::Under, 160_000)));
        assert_eq!(reading(20_000, None).beyond(), Some(TemperatureLimit::Under));
        assert_eq!(reading(210_000, fuser).beyond(), None, "the limit itself is allowed");
        assert_eq!(reading(210_001, fuser).beyond(), Some(TemperatureLimit::Over));
        let cause = UnknownCause { reason: UnknownReason::NoAnswer, detail: "no answer".into() };
        let unknown =
            TemperatureReading { millidegrees_celsius: Reading::Unknown { cause }, ..reading(0, None) };
        assert_eq!(unknown.beyond(), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_at_most_half_a_tenth_off(value: i32) {
            let shown: f64 = Celsius(value).to_string().parse().unwrap();
            prop_assert!((shown * 1000.0 - f64::from(value)).abs() <= 50.0 + 1e-3);
        }

        #[test]
        fn a_margin_only_makes_more_of_it_beyond(value: i32, margin in 0_i32..10_000) {
            let one = reading(value, None);
            if let Some((limit, _)) = one.beyond_by(false, |_| 0) {
                prop_assert_eq!(one.beyond_by(false, |side| if side == limit { margin } else { 0 }).map(|it| it.0), Some(limit));
            }
        }
    }
}

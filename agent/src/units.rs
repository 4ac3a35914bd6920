//! Values of agent.toml with their units and bounds, checked where they stand so that an error has its
//! line.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de::Error};

/// A period such as `"5s"` or `"15min"`, between two bounds in milliseconds.
pub(crate) fn period<'de, D: Deserializer<'de>, const MIN_MS: u64, const MAX_MS: u64>(
    input: D,
) -> Result<Duration, D::Error> {
    let text = String::deserialize(input)?;
    let parsed: SignedDuration = text.parse().map_err(|cause| {
        D::Error::custom(format!(
            "{text:?} is not a duration ({cause}): write a number with its unit, such as \"50ms\", \"5s\" or \"15min\""
        ))
    })?;
    let (min, max) = (Duration::from_millis(MIN_MS), Duration::from_millis(MAX_MS));
    match Duration::try_from(parsed) {
        Ok(period) if (min..=max).contains(&period) => Ok(period),
        _ => Err(D::Error::custom(format!(
            "{text:?} is out of bounds: give a duration from {} to {}",
            show(min),
            show(max)
        ))),
    }
}

/// A whole number between two bounds.
pub(crate) fn number<'de, D: Deserializer<'de>, T: TryFrom<i64>, const MIN: i64, const MAX: i64>(
    input: D,
) -> Result<T, D::Error> {
    let number = i64::deserialize(input)?;
    if (MIN..=MAX).contains(&number)
        && let Ok(number) = T::try_from(number)
    {
        return Ok(number);
    }
    Err(D::Error::custom(format!("{number} is out of bounds: give a number from {MIN} to {MAX}")))
}

/// A period for people, such as `50ms` or `15m`.
pub(crate) fn show(period: Duration) -> String {
    SignedDuration::try_from(period).map_or_else(|_| format!("{period:?}"), |period| format!("{period:#}"))
}

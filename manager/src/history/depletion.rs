//! When something ends that is used up, with the band in which it probably does (P10 to P90): from what was used day by day,
//! or, where its level is not known, from the pages since it was put in and what such ones gave before. Pure.

use super::DAY_MS;

/// Days of use that are needed before anything is said.
pub const MIN_DAYS: usize = 5;
/// Nothing is said of what lies further ahead.
pub const MAX_DAYS: f64 = 3_650.0;
/// A gap of so many days is filled with what was used in it on average; of a longer one nothing is concluded.
const MAX_GAP_DAYS: i64 = 14;
/// The normal distribution's place of P90; P10 is the same below.
const Z: f64 = 1.281_55;
/// How much one cartridge gives more or less than another, as a share of it, where too few were seen to tell.
const UNSEEN_SPREAD: f64 = 0.25;
/// So many cartridges tell how much they differ.
const ENOUGH_YIELDS: usize = 3;

/// Days from now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Hardly earlier: P10.
    pub early: f64,
    /// The best guess.
    pub likely: f64,
    /// Hardly later: P90; none where that is not in sight.
    pub late: Option<f64>,
}

/// What was used on each day, of what was left at its end. What rises was refilled, and that day says nothing.
pub fn daily_use(left: impl IntoIterator<Item = (i64, f64)>) -> Vec<f64> {
    between(left, |before, after| before - after)
}

/// What a counter counted on each day.
pub fn daily_count(counts: impl IntoIterator<Item = (i64, f64)>) -> Vec<f64> {
    between(counts, |before, after| after - before)
}

fn between(values: impl IntoIterator<Item = (i64, f64)>, used: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let mut before: Option<(i64, f64)> = None;
    let mut daily = Vec::new();
    for (at, value) in values {
        if let Some((earlier, old)) = before {
            let days = at.saturating_sub(earlier) / DAY_MS;
            let used = used(old, value);
            if (1..=MAX_GAP_DAYS).contains(&days) && used >= 0.0 {
                let days = usize::try_from(days).unwrap_or(1);
                daily.extend(std::iter::repeat_n(used / count(days), days));
            }
        }
        before = Some((at, value));
    }
    daily
}

#[expect(clippy::cast_precision_loss, reason = "days of a few years")]
fn count(number: usize) -> f64 {
    number as f64
}

/// The mean, and how much one differs from another.
fn spread(values: &[f64]) -> (f64, f64) {
    let n = count(values.len().max(1));
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

/// When so much is used up, if days go on as these were.
pub fn by_use(left: f64, daily: &[f64]) -> Option<Band> {
    let (mean, deviation) = spread(daily);
    if daily.len() < MIN_DAYS || mean <= 0.0 || left < 0.0 {
        return None;
    }
    let n = count(daily.len());
    // What is used in so many days differs because days differ, and because the mean is only known from these.
    let used = |days: f64, z: f64| days * mean + z * deviation * (days + days * days / n).sqrt();
    let first = |z: f64| {
        let (mut low, mut high) = (0.0, MAX_DAYS);
        if used(high, z) < left {
            return None;
        }
        // To a few minutes.
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if used(middle, z) < left { low = middle } else { high = middle }
        }
        Some(high)
    };
    Some(Band { early: first(Z)?, likely: first(0.0)?, late: first(-Z) })
}

/// When something ends of which only the pages are known that it has given, and what such ones gave in all.
pub fn by_pages(given: f64, yields: &[f64], daily: &[f64]) -> Option<Band> {
    let (mean, deviation) = spread(yields);
    if yields.is_empty() || mean <= 0.0 {
        return None;
    }
    let deviation = if yields.len() < ENOUGH_YIELDS { mean * UNSEEN_SPREAD } else { deviation };
    let left = |z: f64| (mean + z * deviation - given).max(0.0);
    let early = by_use(left(-Z), daily)?.early;
    let likely = by_use(left(0.0), daily)?.likely;
    Some(Band { early, likely, late: by_use(left(Z), daily)?.late })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 0.01, "{found} and not {wanted}");
    }

    #[test]
    fn even_use_ends_on_its_day_and_uneven_use_within_a_band() {
        let even = by_use(30.0, &[2.0; 20]).unwrap();
        near(even.early, 15.0);
        near(even.likely, 15.0);
        near(even.late.unwrap(), 15.0);
        let uneven: Vec<f64> = (0..20).map(|day| if day % 2 == 0 { 4.0 } else { 0.0 }).collect();
        let band = by_use(30.0, &uneven).unwrap();
        near(band.likely, 15.0);
        assert!(band.early < 12.0 && band.late.unwrap() > 18.0, "{band:?}");
        // What was worked out by hand: used(d, z) = 2 d + z · 2.0519 · sqrt(d + d²/20) = 30.
        let early = band.early;
        near(2.0 * early + Z * 2.051_957 * (early + early * early / 20.0).sqrt(), 30.0);
    }

    #[test]
    fn nothing_is_said_of_what_is_not_used_or_not_seen_for_long_enough() {
        assert_eq!(by_use(30.0, &[0.0; 20]), None);
        assert_eq!(by_use(30.0, &[2.0; 4]), None);
        assert_eq!(by_use(30.0, &[]), None);
        assert_eq!(by_use(99.0, &[0.01; 20]), None, "beyond ten years");
        // So uneven that its end is not in sight.
        let mut once = vec![0.0; 6];
        once[2] = 10.0;
        let band = by_use(50.0, &once).unwrap();
        assert_eq!(band.late, None);
    }

    #[test]
    fn a_refill_is_no_use_and_a_short_gap_is_shared_out() {
        let day = |day: i64, left: f64| (day * DAY_MS, left);
        let left = [day(0, 50.0), day(1, 48.0), day(2, 99.0), day(3, 95.0), day(6, 89.0), day(40, 10.0)];
        assert_eq!(daily_use(left), [2.0, 4.0, 2.0, 2.0, 2.0]);
        assert_eq!(daily_count([day(0, 100.0), day(1, 150.0), day(2, 20.0)]), [50.0]);
    }

    #[test]
    fn pages_since_it_was_put_in_tell_what_is_left_where_the_level_does_not() {
        let band = by_pages(6_000.0, &[8_000.0], &[100.0; 30]).unwrap();
        near(band.likely, 20.0);
        near(band.early, 0.0);
        near(band.late.unwrap(), (8_000.0 * (1.0 + Z * UNSEEN_SPREAD) - 6_000.0) / 100.0);
        let seen = by_pages(6_000.0, &[7_900.0, 8_000.0, 8_100.0], &[100.0; 30]).unwrap();
        assert!(seen.early > 18.0 && seen.late.unwrap() < 22.0, "{seen:?}");
        let over = by_pages(9_000.0, &[8_000.0; 3], &[100.0; 30]).unwrap();
        near(over.likely, by_use(0.0, &[100.0; 30]).unwrap().likely);
        assert_eq!(by_pages(6_000.0, &[], &[100.0; 30]), None);
    }
}

//! A part of a whole, exactly: what is left in a supply, or of a part's life. What is judged is compared here,
//! and nothing is rounded before; what people read is rounded, and says so where it would otherwise lie.

use std::cmp::Ordering;
use std::fmt;

use crate::readings::{PartReading, Reading, SupplyReading};
use crate::supply::{Capacity, Level, SupplyUnit};

/// An amount of a capacity, which is above 0; the amount is never above it.
///
/// Two shares are ordered by how much of their own capacity they are, so that a small cartridge can be
/// compared with a large one. They are equal when neither is more, whatever their units.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    amount: u32,
    capacity: u32,
}

impl Share {
    /// An amount of a capacity; what is above the capacity is all of it. `None` where the capacity is 0.
    pub fn new(amount: u32, capacity: u32) -> Option<Self> {
        (capacity > 0).then_some(Self { amount: amount.min(capacity), capacity })
    }

    /// `None` where either is not a number, or the capacity is 0.
    pub fn of(level: &Level, capacity: Capacity) -> Option<Self> {
        match (level, capacity) {
            (Level::Known { amount }, Capacity::Known { amount: full }) => Self::new(*amount, full),
            _ => None,
        }
    }

    /// How many units it is.
    pub fn amount(self) -> u32 {
        self.amount
    }

    /// Whether nothing is left.
    pub fn is_nothing(self) -> bool {
        self.amount == 0
    }

    /// Whether all of it is there.
    pub fn is_whole(self) -> bool {
        self.amount == self.capacity
    }

    /// Whether it is at or below so many percent, to the last unit.
    pub fn is_at_most(self, percent: u8) -> bool {
        self.compare(percent) != Ordering::Greater
    }

    /// Whether it is below so many percent, to the last unit.
    pub fn is_below(self, percent: u8) -> bool {
        self.compare(percent) == Ordering::Less
    }

    fn compare(self, percent: u8) -> Ordering {
        (u64::from(self.amount) * 100).cmp(&(u64::from(percent) * u64::from(self.capacity)))
    }

    /// What of it is above so many units.
    #[must_use]
    pub fn above(self, units: u32) -> Self {
        Self { amount: self.amount.saturating_sub(units), ..self }
    }

    /// Percent of the capacity, rounded down so that nothing looks fuller than it is: for people and their
    /// pictures, never to judge by. 0 is also what is below one percent, which the words tell apart.
    pub fn percent(self) -> u8 {
        let percent = u64::from(self.amount) * 100 / u64::from(self.capacity.max(1));
        u8::try_from(percent.min(100)).unwrap_or(100)
    }

    /// In millionths of the capacity, rounded down.
    pub fn millionths(self) -> u64 {
        u64::from(self.amount) * 1_000_000 / u64::from(self.capacity.max(1))
    }
}

/// For people: `42 %`; `<1 %` is little and not nothing.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.percent() {
            0 if !self.is_nothing() => f.pad("<1 %"),
            percent => f.pad(&format!("{percent} %")),
        }
    }
}

impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Share {}

impl PartialOrd for Share {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Share {
    fn cmp(&self, other: &Self) -> Ordering {
        let cross = |one: Self, other: Self| u64::from(one.amount) * u64::from(other.capacity);
        cross(*self, *other).cmp(&cross(*other, *self))
    }
}

impl SupplyReading {
    /// How much of its capacity is left, where both numbers are known; of a receptacle, the space.
    pub fn share(&self) -> Option<Share> {
        Share::of(&self.level, self.capacity)
    }

    /// Percent that is left, where both numbers are known: rounded, for people, and never to judge by.
    pub fn percent(&self) -> Option<u8> {
        self.share().map(Share::percent)
    }

    /// The amount at or below which the printer stops for it, in its unit: the board's own, or 0. One that is
    /// not below the capacity would call a full supply empty, and counts for nothing.
    pub fn empty_amount(&self) -> u32 {
        let full = match self.capacity {
            Capacity::Known { amount } => amount,
            Capacity::Unrestricted | Capacity::Unknown => 0,
        };
        self.empty_at.filter(|amount| *amount < full).unwrap_or(0)
    }

    /// Whether a sensor measures it, whose last digit shakes: only that has percent and no memory that tells a
    /// serial number. What is counted does not shake.
    pub fn is_sensed(&self) -> bool {
        self.unit == SupplyUnit::Percent && self.serial.is_none()
    }

    /// Whether nothing is left that the printer can use; of a receptacle, no space. By the amount, never by
    /// percent: little is not nothing, and a printer prints on. What is unknown is not empty.
    pub fn is_empty(&self) -> bool {
        self.share().is_some_and(|share| share.amount() <= self.empty_amount())
    }
}

impl PartReading {
    /// How much of its life is left, where both numbers are known; nothing when it is over.
    pub fn share_left(&self) -> Option<Share> {
        match (&self.used, self.rated_life) {
            (Reading::Known { value: used }, Capacity::Known { amount: life }) => {
                Share::new(life.saturating_sub(*used), life)
            }
            _ => None,
        }
    }

    /// Percent of its life that is left, where both numbers are known: rounded, for people, and never to
    /// judge by.
    pub fn percent_left(&self) -> Option<u8> {
        self.share_left().map(Share::percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unknown::{UnknownCause, UnknownReason};
    use proptest::prelude::*;

    fn share(amount: u32, capacity: u32) -> Share {
        Share::new(amount, capacity).unwrap()
    }

    #[test]
    fn little_is_not_nothing_and_is_told_apart_in_words() {
        for (amount, capacity, words) in [
            (0, 3000, "0 %"),
            (1, 1_000_000, "<1 %"),
            (29, 3000, "<1 %"),
            (30, 3000, "1 %"),
            (2999, 3000, "99 %"),
            (3000, 3000, "100 %"),
            (9, 3, "100 %"),
        ] {
            assert_eq!(share(amount, capacity).to_string(), words, "{amount} of {capacity}");
        }
        assert_eq!(format!("{:>5}|{:>5}", share(1, 900), share(1, 2)), " <1 %| 50 %");
        assert_eq!(Share::new(1, 0), None);
    }

    #[test]
    fn special_levels_are_no_share_of_anything() {
        let full = Capacity::Known { amount: 100 };
        let cause = UnknownCause { reason: UnknownReason::NoAnswer, detail: "no answer".into() };
        for level in [Level::Unrestricted, Level::SomeRemains, Level::Unknown { cause }] {
            assert_eq!(Share::of(&level, full), None);
        }
        assert_eq!(Share::of(&Level::Known { amount: 5 }, Capacity::Unknown), None);
        assert_eq!(Share::of(&Level::Known { amount: 5 }, Capacity::Known { amount: 0 }), None);
    }

    #[test]
    fn a_set_value_is_reached_to_the_last_unit() {
        assert!(!share(301, 3000).is_at_most(10), "10.03 % are above 10 %");
        assert!(share(300, 3000).is_at_most(10) && !share(300, 3000).is_below(10));
        assert!(share(299, 3000).is_below(10));
        assert!(share(0, 7).is_at_most(0) && !share(1, u32::MAX).is_at_most(0));
    }

    proptest! {
        #[test]
        fn shares_are_ordered_by_their_amount_and_their_percent_agrees(
            one in 0_u32..=1000, other in 0_u32..=1000, percent in 0_u8..=100,
        ) {
            let (one, other) = (share(one, 1000), share(other, 1000));
            prop_assert_eq!(one.cmp(&other), one.amount().cmp(&other.amount()));
            prop_assert!(one > other || one.percent() <= other.percent());
            prop_assert_eq!(one.is_below(percent), one.percent() < percent);
            prop_assert!(!one.is_at_most(percent) || one.percent() <= percent);
        }

        #[test]
        fn a_share_is_as_much_whatever_its_unit(amount in 0_u32..=1000, times in 1_u32..=1000) {
            prop_assert_eq!(share(amount, 1000), share(amount * times, 1000 * times));
        }

        #[test]
        fn a_percentage_is_never_above_a_hundred(amount: u32, full in 1_u32..) {
            prop_assert!(share(amount, full).percent() <= 100);
            prop_assert!(share(amount, full).millionths() <= 1_000_000);
        }
    }
}

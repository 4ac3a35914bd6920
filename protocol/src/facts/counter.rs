//! Counters: what they have counted, and how they go on when they are full.

use crate::readings::{CounterReading, DEFAULT_WRAPS_AT};

impl CounterReading {
    /// After how many counts it begins again at 0; never 0.
    pub fn wraps_at(&self) -> u64 {
        self.wraps_at.filter(|width| *width > 0).unwrap_or(DEFAULT_WRAPS_AT)
    }

    /// All counts of its epoch, those from before it began again at 0 included; `None` while it cannot be read.
    /// This is what meters go by.
    pub fn total(&self) -> Option<u64> {
        let value = *self.value.known()?;
        Some(u64::from(self.wraps).saturating_mul(self.wraps_at()).saturating_add(value))
    }
}

#[cfg(test)]
mod tests {
    use crate::readings::{CounterKind, CounterReading, Reading};
    use crate::supply::SupplyUnit;
    use proptest::prelude::*;

    fn counter(value: u64, wraps: u32, wraps_at: Option<u64>) -> CounterReading {
        CounterReading {
            kind: CounterKind::Impressions,
            unit: SupplyUnit::Impressions,
            value: Reading::Known { value },
            epoch: 0,
            wraps,
            wraps_at,
        }
    }

    #[test]
    fn the_total_goes_on_through_a_wrap_of_whatever_width() {
        assert_eq!(counter(u64::from(u32::MAX), 0, None).total(), Some(4_294_967_295));
        assert_eq!(counter(4, 1, None).total(), Some(4_294_967_300));
        assert_eq!(counter(0, 1, Some(10_000_000)).total(), Some(10_000_000));
        assert_eq!(counter(7, 2, Some(0)).total(), Some(7 + 2 * (1 << 32)), "no counter has no width");
    }

    proptest! {
        #[test]
        fn no_number_makes_a_total_overflow(value: u64, wraps: u32, width: Option<u64>) {
            prop_assert!(counter(value, wraps, width).total() >= Some(value));
        }
    }
}

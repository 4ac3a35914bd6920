//! Chance by seed: the same seed gives the same printer on every machine (PCG32, whose sequence is fixed).

use crc::{CRC_32_ISO_HDLC, Crc};
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;

const NAMES: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// One sequence. Each use has its own, so that what happens on a bus does not change what is printed.
#[derive(Debug, Clone)]
pub(crate) struct Random(Pcg32);

impl Random {
    /// The sequence of a use, such as `pages`, under a seed.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        Self(Pcg32::new(seed, NAMES.checksum(purpose.as_bytes()).into()))
    }

    /// The one throw of a use at a moment: the same however often it is asked for.
    pub(crate) fn at(seed: u64, purpose: &str, moment: u64) -> Self {
        let mut random = Self::new(seed ^ moment.wrapping_mul(0x9e37_79b9_7f4a_7c15), purpose);
        // Neighbouring moments differ in few bits; the first numbers would too.
        random.0.next_u32();
        random.0.next_u32();
        random
    }

    /// A number below `limit`; 0 when that is 0.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        let wide = u64::from(self.0.next_u32()) * u64::from(limit);
        u32::try_from(wide >> 32).unwrap_or(0)
    }

    /// A number from one bound to the other, both included.
    pub(crate) fn between(&mut self, least: u32, most: u32) -> u32 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// Whether what happens once in `many` happens now.
    pub(crate) fn one_in(&mut self, many: u32) -> bool {
        self.below(many) == 0
    }

    /// From -1 to 1.
    pub(crate) fn signed_unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_seed_gives_the_same_numbers_on_every_machine() {
        let mut random = Random::new(7, "pages");
        let numbers: Vec<_> = (0..4).map(|_| random.below(1000)).collect();
        // Computed apart from this program, by PCG32 as its paper has it (pcg-random.org, XSH RR 64/32).
        assert_eq!(numbers, [135, 385, 796, 34]);
    }

    #[test]
    fn each_use_has_a_sequence_of_its_own() {
        let numbers = |purpose| {
            let mut random = Random::new(7, purpose);
            (0..8).map(|_| random.below(1000)).collect::<Vec<_>>()
        };
        assert_ne!(numbers("pages"), numbers("bounce"));
    }

    proptest! {
        #[test]
        fn numbers_stay_within_their_bounds(seed: u64, least in 0..1000_u32, more in 0..1000_u32) {
            let mut random = Random::new(seed, "bounds");
            for _ in 0..50 {
                let number = random.between(least, least + more);
                prop_assert!((least..=least + more).contains(&number));
                prop_assert!((-1.0..=1.0).contains(&random.signed_unit()));
            }
        }
    }
}

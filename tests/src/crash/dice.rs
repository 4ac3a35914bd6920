//! Chance by seed: the same seed, the same choices.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;

/// One sequence.
#[derive(Debug, Clone)]
pub struct Dice(Pcg32);

impl Dice {
    /// The sequence of a use under a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg32::new(seed, stream))
    }

    /// A number below `limit`, which is at least 1.
    pub fn below(&mut self, limit: u32) -> u32 {
        u32::try_from((u64::from(self.0.next_u32()) * u64::from(limit)) >> 32).unwrap_or(0)
    }

    /// One of several.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(u32::try_from(of.len()).unwrap()) as usize]
    }
}

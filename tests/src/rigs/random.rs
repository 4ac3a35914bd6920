//! Random choices by seed, for everything here that chooses.

use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;

/// One sequence of choices. The same seed and stream give the same sequence on every machine; streams of one seed have
/// nothing to do with each other.
#[derive(Debug, Clone)]
pub struct Random(Pcg32);

impl Random {
    /// The sequence of a stream under a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg32::new(seed, stream))
    }

    /// A number below `limit`, which is at least 1.
    pub fn below(&mut self, limit: u32) -> u32 {
        u32::try_from((u64::from(self.0.next_u32()) * u64::from(limit)) >> 32).unwrap_or(0)
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u32, most: u32) -> u32 {
        least + self.below(most - least + 1)
    }

    /// Whether something happens that happens so often in a hundred times.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(u32::try_from(from.len()).unwrap()) as usize].clone()
    }

    /// A time from `least` to `most`, in milliseconds.
    pub fn time(&mut self, least: u32, most: u32) -> Duration {
        Duration::from_millis(u64::from(self.between(least, most)))
    }

    /// Fills bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

/// A number that an environment variable gives, or the one of `make test`.
pub fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{name}: {e}")))
}

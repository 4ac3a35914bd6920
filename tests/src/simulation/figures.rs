//! What many simulations came to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::world::Run;

/// The sum of many runs.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// How many.
    pub seeds: u64,
    /// What was wrong, by seed.
    pub failed: BTreeMap<u64, Vec<String>>,
    elapsed: Duration,
    longest_to_settle: (Duration, u64),
    faults: u64,
    written: u64,
    lost: u64,
    commands: u64,
    starts: u64,
    requests: u64,
    most_dials: (u32, u64),
}

impl Figures {
    /// Adds a run.
    pub fn add(&mut self, seed: u64, run: &Run) {
        self.seeds += 1;
        self.elapsed += run.elapsed;
        self.longest_to_settle = self.longest_to_settle.max((run.settled, seed));
        self.faults += run.faults;
        self.written += run.written;
        self.lost += run.lost;
        self.commands += run.commands;
        self.starts += run.starts;
        self.requests += run.requests;
        self.most_dials = self.most_dials.max((run.dials, seed));
        if !run.violations.is_empty() {
            self.failed.insert(seed, run.violations.clone());
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} seeds, {} simulated hours, {} faults, {} starts of agents",
            self.seeds,
            self.elapsed.as_secs() / 3_600,
            self.faults,
            self.starts
        )?;
        writeln!(
            f,
            "{} reports written, of these {} given up by full outboxes and told as lost; {} requests, {} commands",
            self.written, self.lost, self.requests, self.commands
        )?;
        let (settled, seed) = self.longest_to_settle;
        writeln!(
            f,
            "the longest until all had arrived after the last fault: {} s (seed {seed})",
            settled.as_secs()
        )?;
        let (dials, seed) = self.most_dials;
        writeln!(f, "the most connections that one device tried within a minute: {dials} (seed {seed})")?;
        for (seed, violations) in &self.failed {
            for violation in violations.iter().take(3) {
                writeln!(f, "seed {seed}: {violation}")?;
            }
            writeln!(f, "    simulate --seed {seed} --seeds 1")?;
        }
        write!(f, "{} seeds failed", self.failed.len())
    }
}

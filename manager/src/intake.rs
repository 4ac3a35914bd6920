//! What devices handed in since the manager began, and what of it was refused: for whoever watches over the manager.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use platen_protocol::problem::ProblemKind;

use crate::durations::Durations;

/// How many kinds of problems there are.
const KINDS: usize = ProblemKind::ALL.len();

/// Counts since the manager began.
#[derive(Debug)]
pub struct Intake {
    reports: AtomicU64,
    batches: Durations,
    refused: [AtomicU64; KINDS],
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            reports: AtomicU64::default(),
            batches: Durations::default(),
            refused: std::array::from_fn(|_| AtomicU64::default()),
        }
    }
}

impl Intake {
    /// A batch with so many new reports was stored, and that took so long from its last byte.
    pub fn stored(&self, reports: usize, time: Duration) {
        self.reports.fetch_add(u64::try_from(reports).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.batches.note(time);
    }

    /// A batch was refused.
    pub fn refused(&self, kind: ProblemKind) {
        if let Some(count) = self.refused.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// New reports that were stored.
    pub fn reports(&self) -> u64 {
        self.reports.load(Ordering::Relaxed)
    }

    /// How long batches took.
    pub fn batches(&self) -> &Durations {
        &self.batches
    }

    /// Batches that were refused, by why; those kinds that came about.
    pub fn all_refused(&self) -> impl Iterator<Item = (ProblemKind, u64)> {
        let counts = self.refused.iter().map(|count| count.load(Ordering::Relaxed));
        ProblemKind::ALL.iter().copied().zip(counts).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_counted_by_what_became_of_them() {
        let intake = Intake::default();
        intake.stored(3, Duration::from_millis(2));
        intake.stored(0, Duration::from_millis(2));
        intake.refused(ProblemKind::OverQuota);
        intake.refused(ProblemKind::OverQuota);
        intake.refused(ProblemKind::NotJson);
        assert_eq!(intake.reports(), 3);
        let refused: Vec<_> = intake.all_refused().collect();
        assert_eq!(refused, [(ProblemKind::NotJson, 1), (ProblemKind::OverQuota, 2)]);
    }
}

//! How fast programs are sent at this manager: so many bytes a second in all, so that reports have their share of the line
//! and of the processor; and of a rollout so many to all its devices together, where it says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::limits::Limits;
use crate::store::RolloutId;

/// Bytes that are read from a file at once.
const PIECE_BYTES: usize = 64 * 1024;
/// The same of what a rollout sends slowly: so that many devices have something of it in turn.
const SLOW_PIECE_BYTES: usize = 16 * 1024;
const MIB: u64 = 1024 * 1024;

/// One pace.
#[derive(Debug)]
struct Pace {
    bytes_per_second: u64,
    /// When what was taken so far has been sent at that pace. Held for a look-up.
    free_at: Mutex<Option<Instant>>,
}

impl Pace {
    const fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, free_at: Mutex::new(None) }
    }

    /// Takes so many bytes; they may be sent at the moment that is returned.
    fn take(&self, bytes: usize, now: Instant) -> Instant {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = free_at.map_or(now, |free_at| free_at.max(now));
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let nanoseconds = bytes.saturating_mul(1_000_000_000) / self.bytes_per_second.max(1);
        *free_at = Some(begin + Duration::from_nanos(nanoseconds));
        begin
    }
}

/// What paces one transfer.
#[derive(Debug)]
pub(super) struct Paced {
    all: Arc<Pace>,
    /// That of its rollout, as long as anything of it is sent.
    rollout: Option<Arc<Pace>>,
}

impl Paced {
    /// Bytes that are to be read at once.
    pub(super) const fn piece_bytes(&self) -> usize {
        if self.rollout.is_some() { SLOW_PIECE_BYTES } else { PIECE_BYTES }
    }

    /// Waits until so many bytes more may be sent.
    pub(super) async fn wait_for(&self, bytes: usize) {
        // In this order: who waits for its rollout takes nothing of what others could send meanwhile.
        for pace in self.rollout.iter().chain([&self.all]) {
            sleep_until(pace.take(bytes, Instant::now())).await;
        }
    }
}

/// The pace of all transfers, and those of all rollouts of which something is sent.
#[derive(Debug)]
pub(crate) struct Paces {
    all: Arc<Pace>,
    /// Held for a look-up.
    rollouts: Mutex<BTreeMap<RolloutId, Weak<Pace>>>,
}

impl Paces {
    pub(crate) fn new(limits: &Limits) -> Self {
        let bytes_per_second = u64::from(limits.transfer_mib_per_second) * MIB;
        Self { all: Arc::new(Pace::new(bytes_per_second)), rollouts: Mutex::default() }
    }

    /// What paces a transfer, which may be one of a rollout that sends so many bytes a second.
    pub(super) fn paced(&self, rollout: Option<&(RolloutId, u64)>) -> Paced {
        let rollout = rollout.map(|(rollout, bytes_per_second)| self.of(rollout, *bytes_per_second));
        Paced { all: Arc::clone(&self.all), rollout }
    }

    fn of(&self, rollout: &RolloutId, bytes_per_second: u64) -> Arc<Pace> {
        let mut paces = self.rollouts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pace) = paces.get(rollout).and_then(Weak::upgrade) {
            return pace;
        }
        // Those of which nothing is sent any more.
        paces.retain(|_, pace| pace.strong_count() > 0);
        let pace = Arc::new(Pace::new(bytes_per_second));
        paces.insert(rollout.clone(), Arc::downgrade(&pace));
        pace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_transfers_of_a_rollout_share_its_pace_and_no_other() {
        let (paces, now) = (Paces::new(&Limits::default()), Instant::now());
        let (one, other) = ("r-1".parse().unwrap(), "r-2".parse().unwrap());
        let (first, second) = (paces.of(&one, 1_000), paces.of(&one, 1_000));
        assert!(Arc::ptr_eq(&first, &second));
        let after = |seconds: u64| now + Duration::from_secs(seconds);
        assert_eq!(first.take(2_000, now), now);
        assert_eq!(second.take(1_000, now), after(2));
        assert_eq!(first.take(1_000, now), after(3));
        // Nothing is saved up.
        assert_eq!(first.take(1_000, after(60)), after(60));
        assert_eq!(paces.of(&other, 1_000).take(1, now), now);
        drop((first, second));
        assert_eq!(paces.of(&one, 1_000).take(1, now), now, "it is forgotten with its last transfer");
    }

    #[test]
    fn all_transfers_share_one_pace_whatever_their_rollouts_have() {
        let paces = Paces::new(&Limits { transfer_mib_per_second: 2, ..Limits::default() });
        let (none, slow) = (paces.paced(None), paces.paced(Some(&("r-1".parse().unwrap(), 1_000))));
        assert!(slow.piece_bytes() < none.piece_bytes());
        let now = Instant::now();
        assert_eq!(none.all.take(1024 * 1024, now), now);
        assert_eq!(slow.all.take(1024 * 1024, now), now + Duration::from_millis(500));
    }
}

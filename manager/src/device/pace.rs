//! How fast the programs of a rollout are sent: so many bytes a second to all its devices together, at this manager.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::RolloutId;

/// Bytes that are read at once of what is sent slowly: so that many devices have something of it in turn.
pub(super) const SLOW_PIECE_BYTES: usize = 16 * 1024;

/// The pace of one rollout, as long as anything of it is sent.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_second: u64,
    /// When what was taken so far has been sent at that pace. Held for a look-up.
    free_at: Mutex<Option<Instant>>,
}

impl Pace {
    /// Takes so many bytes; they may be sent at the moment that is returned.
    pub(super) fn take(&self, bytes: usize, now: Instant) -> Instant {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = free_at.map_or(now, |free_at| free_at.max(now));
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let nanoseconds = bytes.saturating_mul(1_000_000_000) / self.bytes_per_second.max(1);
        *free_at = Some(begin + Duration::from_nanos(nanoseconds));
        begin
    }
}

/// The paces of all rollouts of which something is sent.
#[derive(Debug, Default)]
pub(crate) struct Paces {
    /// Held for a look-up.
    of: Mutex<BTreeMap<RolloutId, Weak<Pace>>>,
}

impl Paces {
    /// The pace of a rollout.
    pub(super) fn of(&self, rollout: &RolloutId, bytes_per_second: u64) -> Arc<Pace> {
        let mut paces = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pace) = paces.get(rollout).and_then(Weak::upgrade) {
            return pace;
        }
        // Those of which nothing is sent any more.
        paces.retain(|_, pace| pace.strong_count() > 0);
        let pace = Arc::new(Pace { bytes_per_second, free_at: Mutex::default() });
        paces.insert(rollout.clone(), Arc::downgrade(&pace));
        pace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_transfers_of_a_rollout_share_its_pace_and_no_other() {
        let (paces, now) = (Paces::default(), Instant::now());
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
}

//! Gives memory back to the system once load has dropped.
//!
//! What a storm of connections took is free again when it is over, but glibc keeps it: after three storms of 5,000
//! devices the manager was at 135 to 217 MiB, and with this at 20 to 24. It costs milliseconds, in which who allocates
//! waits, so it is done when little else is.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use tokio_util::sync::CancellationToken;

/// So often it is looked at how busy the manager is.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Below so much processor time within [`LOOK_EVERY`] nothing was done that is worth giving back.
const LEAST_BUSY: Duration = Duration::from_millis(20);
/// Load has dropped when it is below this part of the most since memory was last given back.
const DROPPED_TO_PART: u32 = 4;

/// How busy the manager was since memory was last given back. Pure.
#[derive(Debug, Default)]
struct Load {
    most: Duration,
}

impl Load {
    /// So much processor time was used since the last look; says whether memory is to be given back now.
    fn has_dropped(&mut self, used: Duration) -> bool {
        self.most = self.most.max(used);
        let dropped = self.most >= LEAST_BUSY && used < self.most / DROPPED_TO_PART;
        if dropped {
            self.most = Duration::ZERO;
        }
        dropped
    }
}

/// Processor time that this process has used.
fn used() -> nix::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(microseconds.try_into().unwrap_or_default()))
}

/// Gives memory back whenever load has dropped, until `stop`.
pub(crate) async fn give_back_after_load(stop: CancellationToken) {
    let mut load = Load::default();
    let mut before = Duration::ZERO;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let now = match used() {
            Ok(now) => now,
            Err(error) => {
                tracing::warn!(%error, "the kernel does not say how busy the manager is: memory is not given back after load");
                return;
            }
        };
        if load.has_dropped(now.saturating_sub(before)) {
            give_back();
        }
        before = now;
    }
}

#[cfg(target_env = "gnu")]
fn give_back() {
    // Whether there was something to give back makes no difference.
    #[allow(
        unsafe_code,
        reason = "it takes a number by value, may be called at any time, and touches only what is free"
    )]
    let _ = unsafe { nix::libc::malloc_trim(0) };
}

/// Other C libraries do it by themselves, or cannot.
#[cfg(not(target_env = "gnu"))]
fn give_back() {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn looks(milliseconds: &[u64]) -> Vec<bool> {
        let mut load = Load::default();
        milliseconds.iter().map(|used| load.has_dropped(Duration::from_millis(*used))).collect()
    }

    #[test]
    fn memory_is_given_back_once_after_each_storm_and_never_in_it() {
        let storms = [1, 900, 2_000, 1_500, 3, 2, 1, 800, 900, 2, 1];
        let given = [false, false, false, false, true, false, false, false, false, true, false];
        assert_eq!(looks(&storms), given);
    }

    #[test]
    fn a_load_that_stays_and_a_manager_that_does_nothing_give_nothing_back() {
        assert!(!looks(&[300, 280, 310, 90, 300, 250]).contains(&true));
        assert!(!looks(&[5, 1, 19, 1, 0, 4]).contains(&true));
    }

    proptest! {
        #[test]
        fn memory_is_never_given_back_when_the_manager_is_as_busy_as_before(
            used in prop::collection::vec(0_u64..5_000, 1..50),
        ) {
            for (place, given) in looks(&used).into_iter().enumerate() {
                prop_assert!(!given || used[..place].iter().any(|before| *before > used[place] * 4));
            }
        }
    }

    #[tokio::test]
    async fn it_ends_when_it_is_told() {
        assert!(used().is_ok());
        give_back();
        let stop = CancellationToken::new();
        stop.cancel();
        give_back_after_load(stop).await;
    }
}

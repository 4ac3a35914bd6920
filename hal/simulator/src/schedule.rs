//! What is to happen to a simulated printer, by its own time.

use std::collections::BTreeMap;
use std::time::Duration;

/// The most that may be to come. Printing and scenarios put down one step at a time, so what is here
/// comes from commands; beyond it the newest is refused.
const MAX_EVENTS: usize = 10_000;

/// Events in the order of their time; those of one moment in the order in which they were put down.
#[derive(Debug)]
pub(crate) struct Schedule<E> {
    events: BTreeMap<(Duration, u64), E>,
    put: u64,
}

impl<E> Default for Schedule<E> {
    fn default() -> Self {
        Self { events: BTreeMap::new(), put: 0 }
    }
}

impl<E> Schedule<E> {
    /// Puts an event down; one too many is dropped.
    pub(crate) fn put(&mut self, at: Duration, event: E) {
        if self.events.len() < MAX_EVENTS {
            self.events.insert((at, self.put), event);
            self.put += 1;
        }
    }

    /// When the next event is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next event that is due by a moment.
    pub(crate) fn take(&mut self, by: Duration) -> Option<(Duration, E)> {
        let entry = self.events.first_entry().filter(|entry| entry.key().0 <= by)?;
        let ((at, _), event) = entry.remove_entry();
        Some((at, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn events_come_in_the_order_of_their_time_and_then_of_their_putting(
            times in proptest::collection::vec(0..20_u64, 0..100)
        ) {
            let mut schedule = Schedule::default();
            for (number, seconds) in times.iter().enumerate() {
                schedule.put(Duration::from_secs(*seconds), number);
            }
            let mut wanted: Vec<_> = times.iter().copied().enumerate().map(|(n, t)| (t, n)).collect();
            wanted.sort_unstable();
            let mut taken = Vec::new();
            while let Some((at, number)) = schedule.take(Duration::from_secs(100)) {
                taken.push((at.as_secs(), number));
            }
            prop_assert_eq!(taken, wanted);
        }
    }

    #[test]
    fn what_is_not_due_stays() {
        let mut schedule = Schedule::default();
        schedule.put(Duration::from_secs(5), ());
        assert!(schedule.take(Duration::from_secs(4)).is_none());
        assert_eq!(schedule.next(), Some(Duration::from_secs(5)));
    }
}

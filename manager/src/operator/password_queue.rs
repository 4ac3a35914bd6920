//! Which password is checked next, and who is turned away when too many wait. Pure.
//!
//! Checking is slow on purpose, so a flood of wrong passwords is always ahead of it; what matters is whose turn it
//! still is. First come addresses from which somebody signed in lately. After them, whoever has the fewest others in
//! the way: failures of the same address, and passwords that wait for the same name. So a flood against one name, or
//! from addresses that have failed before, waits behind whoever signs in under another name from another place, and is
//! turned away for them when there is no room. The name counts as it was typed, not whether it exists: who is turned
//! away learns nothing about names.

use std::collections::BTreeMap;

/// Passwords that may wait. Two threads work this off in a second or two.
pub(super) const MAX_WAITING: usize = 64;

/// Whose password is to be checked.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    /// Whether somebody signed in from the same address lately.
    pub(super) known_address: bool,
    /// Sign-ins from the same address that failed lately or are under way.
    pub(super) failures: u32,
    /// The name as it was typed.
    pub(super) name: String,
}

/// The least is next; the greatest is turned away first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    unknown_address: bool,
    in_the_way: usize,
    arrival: u64,
}

/// What waits, each for somebody.
#[derive(Debug)]
pub(super) struct PasswordQueue<T> {
    waiting: BTreeMap<Rank, (String, T)>,
    arrivals: u64,
}

impl<T> Default for PasswordQueue<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), arrivals: 0 }
    }
}

impl<T> PasswordQueue<T> {
    /// Puts one in; gives the one that is turned away, if there is no room for all.
    pub(super) fn push(&mut self, asker: Asker, item: T) -> Option<T> {
        let unknown_address = !asker.known_address;
        let same_name = self
            .waiting
            .iter()
            .filter(|(rank, (name, _))| rank.unknown_address == unknown_address && *name == asker.name)
            .count();
        let failures = usize::try_from(asker.failures).unwrap_or(usize::MAX);
        let rank =
            Rank { unknown_address, in_the_way: failures.saturating_add(same_name), arrival: self.arrivals };
        self.arrivals += 1;
        self.waiting.insert(rank, (asker.name, item));
        if self.waiting.len() <= MAX_WAITING {
            return None;
        }
        self.waiting.pop_last().map(|(_, (_, turned_away))| turned_away)
    }

    /// The next.
    pub(super) fn pop(&mut self) -> Option<T> {
        self.waiting.pop_first().map(|(_, (_, item))| item)
    }

    /// Forgets those for whom nobody waits any more.
    pub(super) fn retain(&mut self, mut is_wanted: impl FnMut(&T) -> bool) {
        self.waiting.retain(|_, (_, item)| is_wanted(item));
    }

    /// Whether no more may wait without somebody being turned away.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asker(name: &str, failures: u32) -> Asker {
        Asker { known_address: false, failures, name: name.to_owned() }
    }

    fn full_of(one: impl Fn(usize) -> Asker) -> PasswordQueue<&'static str> {
        let mut queue = PasswordQueue::default();
        for number in 0..MAX_WAITING {
            assert_eq!(queue.push(one(number), "flood"), None);
        }
        queue
    }

    #[test]
    fn of_a_flood_those_that_are_too_many_are_turned_away() {
        let mut queue = full_of(|_| asker("anna", 0));
        assert_eq!(queue.push(asker("anna", 0), "one more"), Some("one more"));
        assert!(queue.is_full());
    }

    #[test]
    fn a_flood_against_one_name_keeps_nobody_else_out() {
        let mut queue = full_of(|_| asker("anna", 0));
        assert_eq!(queue.push(asker("ben", 0), "ben"), Some("flood"));
        assert_eq!((queue.pop(), queue.pop()), (Some("flood"), Some("ben")), "behind the first of the flood");
    }

    #[test]
    fn a_flood_of_many_names_from_addresses_that_failed_before_keeps_nobody_out() {
        let mut queue = full_of(|number| asker(&format!("guess-{number}"), 1));
        assert_eq!(queue.push(asker("ben", 0), "ben"), Some("flood"));
        assert_eq!(queue.pop(), Some("ben"));
    }

    #[test]
    fn a_known_address_comes_before_all_others_even_for_the_name_that_is_flooded() {
        let mut queue = full_of(|_| asker("anna", 0));
        let anna = Asker { known_address: true, ..asker("anna", 3) };
        assert_eq!(queue.push(anna, "anna"), Some("flood"));
        assert_eq!(queue.pop(), Some("anna"));
    }

    #[test]
    fn who_is_gone_takes_no_room() {
        let mut queue = full_of(|_| asker("anna", 0));
        queue.retain(|item| *item != "flood");
        assert!(!queue.is_full() && queue.pop().is_none());
    }

    proptest! {
        #[test]
        fn whatever_comes_the_queue_stays_bounded_and_loses_nobody_in_silence(
            comings in prop::collection::vec((any::<bool>(), 0_u32..4, 0_u8..5), 0..300),
        ) {
            let mut queue = PasswordQueue::default();
            let mut turned_away = 0;
            let all = comings.len();
            for (number, (known_address, failures, name)) in comings.into_iter().enumerate() {
                let asker = Asker { known_address, failures, name: name.to_string() };
                turned_away += usize::from(queue.push(asker, number).is_some());
                prop_assert!(queue.waiting.len() <= MAX_WAITING);
            }
            let served = std::iter::from_fn(|| queue.pop()).count();
            prop_assert_eq!(served + turned_away, all);
        }
    }
}

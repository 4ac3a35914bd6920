//! What should stand, by what is known of a device; and how what stands differs from it. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::DeviceId;

use super::{Change, Finding, Key, Memory, Standing, Step, WatchKind, freshness};
use crate::contact::{ContactState, is_overdue};

/// What is known of a device.
pub(super) struct Seen<'a> {
    pub(super) state: ContactState,
    pub(super) last: Option<Timestamp>,
    pub(super) memory: &'a Memory,
    pub(super) standing: &'a BTreeMap<Key, Standing>,
    /// When the manager began.
    pub(super) started: Timestamp,
}

/// What should stand, and whether somebody should act on it.
pub(super) type Wanted = BTreeMap<Key, (Finding, bool)>;

/// Everything that should stand.
pub(super) fn wanted(seen: &Seen<'_>, overdue_after: SignedDuration, now: Timestamp) -> Wanted {
    let mut wanted = Wanted::new();
    let mut want = |finding: Finding, act: bool| {
        wanted.insert((finding.kind(), finding.subject()), (finding, act));
    };
    match seen.state {
        // One that was never there has not gone away.
        ContactState::Never => {}
        ContactState::Silent => {
            if let Some(last_contact) = seen.last {
                want(Finding::Contact { last_contact }, is_overdue(last_contact, overdue_after, now));
            }
        }
        ContactState::Parked | ContactState::Recent => {
            if let Some(late) = late(seen, now) {
                want(late, true);
            }
        }
    }
    // Nothing new is known of the sensors of a device that is away: what was found stays.
    for frozen in seen.memory.trail.frozen(seen.memory.received.unwrap_or(now)) {
        want(Finding::Frozen(frozen), true);
    }
    wanted
}

/// Readings that are late. Once they are, only readings end it: a manager that was restarted meanwhile does
/// not begin to count anew.
fn late(seen: &Seen<'_>, now: Timestamp) -> Option<Finding> {
    let (received, within_seconds) = seen.memory.received.zip(seen.memory.within_seconds)?;
    let stands = seen.standing.get(&(WatchKind::Freshness, String::new()));
    let still = stands.is_some_and(|standing| standing.finding.since() == received);
    let promised = seen.memory.promised_at(received);
    let counted = if still { received } else { promised.max(seen.started) };
    (now >= freshness::due(counted, within_seconds))
        .then_some(Finding::Freshness { received, within_seconds })
}

/// What must change so that `standing` becomes `wanted`.
pub(super) fn difference(
    device: &DeviceId,
    standing: &BTreeMap<Key, Standing>,
    wanted: &Wanted,
    now: Timestamp,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut change = |finding: &Finding, begun: Timestamp, step: Step| {
        changes.push(Change { device: device.clone(), finding: finding.clone(), begun, step });
    };
    for (key, stands) in standing {
        // Another one under the same name is the end of the first: the sensor moved in between.
        if wanted.get(key).is_none_or(|(finding, _)| finding.since() != stands.finding.since()) {
            change(&stands.finding, stands.begun, Step::End(now));
        }
    }
    for (key, (finding, act)) in wanted {
        let stands = standing.get(key).filter(|stands| stands.finding.since() == finding.since());
        let begun = stands.map_or(now, |stands| stands.begun);
        if stands.is_none() {
            change(finding, begun, Step::Begin);
        }
        if *act && stands.is_none_or(|stands| stands.overdue.is_none()) {
            change(finding, begun, Step::Overdue(now));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn memory(received: i64, within: u32) -> Memory {
        Memory { received: Some(at(received)), within_seconds: Some(within), ..Memory::default() }
    }

    fn seen<'a>(
        state: ContactState,
        last: i64,
        memory: &'a Memory,
        standing: &'a BTreeMap<Key, Standing>,
    ) -> Seen<'a> {
        Seen { state, last: Some(at(last)), memory, standing, started: at(-1_000_000) }
    }

    #[test]
    fn a_device_that_is_away_is_found_and_after_a_day_somebody_should_act() {
        let (memory, none) = (Memory::default(), BTreeMap::new());
        let away = |now| wanted(&seen(ContactState::Silent, 0, &memory, &none), DAY, at(now));
        let key = (WatchKind::Contact, String::new());
        assert_eq!(away(200)[&key], (Finding::Contact { last_contact: at(0) }, false));
        assert!(!away(86_399)[&key].1 && away(86_400)[&key].1);
        let there = seen(ContactState::Parked, 0, &memory, &none);
        assert!(wanted(&there, DAY, at(200)).is_empty());
    }

    #[test]
    fn readings_are_late_only_of_a_device_that_is_there_and_said_when_they_would_come() {
        let none = BTreeMap::new();
        let memory = memory(0, 900);
        let late = |state, now| !wanted(&seen(state, now, &memory, &none), DAY, at(now)).is_empty();
        assert!(!late(ContactState::Parked, 1_859) && late(ContactState::Parked, 1_860));
        let silent = wanted(&seen(ContactState::Silent, 0, &memory, &none), DAY, at(5_000));
        assert_eq!(silent.keys().map(|(kind, _)| *kind).collect::<Vec<_>>(), [WatchKind::Contact]);
        let unsaid = Memory { within_seconds: None, ..memory.clone() };
        assert!(wanted(&seen(ContactState::Parked, 0, &unsaid, &none), DAY, at(90_000)).is_empty());
    }

    #[test]
    fn readings_are_not_late_by_a_time_that_was_shortened_after_they_came() {
        let none = BTreeMap::new();
        let memory = Memory { shortened: Some(at(800)), ..memory(0, 10) };
        let late = |now| !wanted(&seen(ContactState::Parked, now, &memory, &none), DAY, at(now)).is_empty();
        assert!(!late(810) && !late(879) && late(880));
    }

    #[test]
    fn after_a_restart_nothing_is_late_that_was_not_and_what_was_stays_late() {
        let memory = memory(0, 900);
        let (none, mut standing) = (BTreeMap::new(), BTreeMap::new());
        let restarted = at(7_000);
        let judge = |standing: &BTreeMap<Key, Standing>, now| {
            let state = ContactState::Parked;
            let seen = Seen { started: restarted, ..seen(state, now, &memory, standing) };
            wanted(&seen, DAY, at(now)).len()
        };
        assert_eq!((judge(&none, 7_010), judge(&none, 7_000 + 1_860)), (0, 1));
        let finding = Finding::Freshness { received: at(0), within_seconds: 900 };
        standing.insert(
            (WatchKind::Freshness, String::new()),
            Standing { finding, begun: at(1_860), overdue: Some(at(1_860)) },
        );
        assert_eq!(judge(&standing, 7_010), 1);
    }

    fn apply(standing: &mut BTreeMap<Key, Standing>, changes: &[Change]) {
        for change in changes {
            let key = (change.finding.kind(), change.finding.subject());
            match change.step {
                Step::Begin => {
                    let new =
                        Standing { finding: change.finding.clone(), begun: change.begun, overdue: None };
                    assert!(standing.insert(key, new).is_none(), "begun twice");
                }
                Step::Overdue(since) => {
                    let before = standing.get_mut(&key).unwrap().overdue.replace(since);
                    assert!(before.is_none(), "told twice");
                }
                Step::End(_) => assert!(standing.remove(&key).is_some(), "ended without a beginning"),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_makes_what_stands_what_should_and_a_second_look_changes_nothing(
            steps in prop::collection::vec((0_u8..4, any::<bool>(), 1_i64..100_000), 1..60),
        ) {
            let device: DeviceId = "lobby".parse().unwrap();
            let mut standing = BTreeMap::new();
            let (mut memory, mut last, mut now) = (Memory::default(), 0, 0);
            for (state, reads, seconds) in steps {
                now += seconds;
                let state = [ContactState::Parked, ContactState::Recent, ContactState::Silent, ContactState::Never]
                    [usize::from(state)];
                if matches!(state, ContactState::Parked | ContactState::Recent) {
                    last = now;
                    if reads {
                        memory.received = Some(at(now));
                        memory.within_seconds = Some(900);
                    }
                }
                let should = wanted(&seen(state, last, &memory, &standing), DAY, at(now));
                let changes = difference(&device, &standing, &should, at(now));
                apply(&mut standing, &changes);
                prop_assert!(standing.keys().eq(should.keys()));
                for (key, (finding, act)) in &should {
                    prop_assert_eq!(standing[key].finding.since(), finding.since());
                    prop_assert!(!act || standing[key].overdue.is_some());
                }
                let again = wanted(&seen(state, last, &memory, &standing), DAY, at(now));
                prop_assert!(difference(&device, &standing, &again, at(now)).is_empty());
            }
        }
    }
}

//! When a report was taken. A device's wall clock may be anything, so each report is dated by the best that
//! is known: a synchronised wall clock; the time since the boot, against the clocks that the device sent
//! along with the batch; when that boot began, as was learnt from it before; or only its neighbours.
//! Pure.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use platen_protocol::stamp::{ClockQuality, Stamp};
use serde::{Deserialize, Serialize};

/// A synchronised wall clock may be ahead of ours by so much; beyond it is not believed.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);
/// And behind ours by so much: no outbox is that old.
const BEHIND: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);
/// A synchronised wall clock and the time since boot may differ by so much (a request can be long on its
/// way); beyond it the time since boot is believed, which nobody sets.
const DISAGREE: SignedDuration = SignedDuration::from_mins(5);

/// How a date is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatedBy {
    /// By the device's wall clock, which was synchronised.
    Clock,
    /// By the time since the boot in which it was also handed in.
    Boot,
    /// By when its boot began, which was learnt from that boot.
    Anchor,
    /// It lies between its neighbours: an estimate.
    Estimate,
}

impl DatedBy {
    /// The word in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Boot => "boot",
            Self::Anchor => "anchor",
            Self::Estimate => "estimate",
        }
    }
}

/// A moment at the device, and how the manager knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Dated {
    /// The moment, in UTC.
    pub at: Timestamp,
    /// How it is known; `null` for what was stored before dates were kept: then it is when it came in.
    pub by: Option<DatedBy>,
}

/// What is known beside the stamps.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// When the batch came in.
    pub received: Timestamp,
    /// The device's clocks when it sent it.
    pub sent: Option<&'a Stamp>,
    /// When earlier boots began, by their names.
    pub began: &'a HashMap<String, Timestamp>,
    /// The date of the report before the first.
    pub before: Option<Timestamp>,
}

fn since_boot(stamp: &Stamp) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(stamp.monotonic_ms).unwrap_or(i64::MAX))
}

/// When the boot of a batch began, by our clock: at most as late as the batch was long on its way.
pub fn began(sent: &Stamp, received: Timestamp) -> Option<Timestamp> {
    received.checked_sub(since_boot(sent)).ok()
}

impl Known<'_> {
    fn by_boot(&self, stamp: &Stamp) -> Option<Timestamp> {
        let sent = self.sent.filter(|sent| sent.boot_id == stamp.boot_id)?;
        let age = since_boot(sent).checked_sub(since_boot(stamp)).filter(|age| !age.is_negative())?;
        self.received.checked_sub(age).ok()
    }

    fn by_anchor(&self, stamp: &Stamp) -> Option<Timestamp> {
        let at = self.began.get(&stamp.boot_id)?.checked_add(since_boot(stamp)).ok()?;
        (at <= self.received).then_some(at)
    }

    fn certain(&self, stamp: &Stamp) -> Option<(Timestamp, DatedBy)> {
        let by_boot = self.by_boot(stamp).map(|at| (at, DatedBy::Boot));
        let other = by_boot.or_else(|| self.by_anchor(stamp).map(|at| (at, DatedBy::Anchor)));
        let believed = stamp.clock == ClockQuality::Synchronised
            && stamp.wall.duration_since(self.received) <= AHEAD
            && self.received.duration_since(stamp.wall) <= BEHIND
            && other.is_none_or(|(at, _)| at.duration_since(stamp.wall).abs() <= DISAGREE);
        if believed { Some((stamp.wall.min(self.received), DatedBy::Clock)) } else { other }
    }
}

/// Dates stamps in the order in which they were taken; as many dates as stamps, none after `received`.
pub fn date(stamps: &[&Stamp], known: Known<'_>) -> Vec<Dated> {
    let certain: Vec<Option<(Timestamp, DatedBy)>> =
        stamps.iter().map(|stamp| known.certain(stamp)).collect();
    // From the last back: what is not certain is at most as late as what follows, and as much earlier as
    // the time since boot says, if that is of the same boot.
    let mut dates: Vec<Dated> = Vec::with_capacity(stamps.len());
    let mut after: Option<(&Stamp, Timestamp)> = None;
    for (stamp, certain) in stamps.iter().zip(&certain).rev() {
        let (at, by) = certain.unwrap_or_else(|| (before(stamp, after, known.received), DatedBy::Estimate));
        dates.push(Dated { at, by: Some(by) });
        after = Some((stamp, at));
    }
    dates.reverse();
    // From the first on: an estimate is not before what precedes it.
    let mut floor = known.before;
    for dated in &mut dates {
        if dated.by == Some(DatedBy::Estimate)
            && let Some(floor) = floor
        {
            dated.at = dated.at.max(floor.min(known.received));
        }
        floor = Some(dated.at);
    }
    dates
}

fn before(stamp: &Stamp, after: Option<(&Stamp, Timestamp)>, received: Timestamp) -> Timestamp {
    let Some((next, at)) = after else { return received };
    if next.boot_id != stamp.boot_id {
        return at;
    }
    let apart = since_boot(next).checked_sub(since_boot(stamp)).unwrap_or(SignedDuration::ZERO);
    at.checked_sub(apart.max(SignedDuration::ZERO)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RECEIVED: &str = "2026-11-25T12:00:00Z";

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn stamp(boot: &str, seconds: u64, wall: &str, synchronised: bool) -> Stamp {
        let clock = if synchronised { ClockQuality::Synchronised } else { ClockQuality::Unsynchronised };
        Stamp { boot_id: boot.to_owned(), monotonic_ms: seconds * 1000, wall: time(wall), clock }
    }

    fn dated(stamps: &[Stamp], sent: Option<&Stamp>, began: &[(&str, &str)]) -> Vec<(String, DatedBy)> {
        let began = began.iter().map(|(boot, at)| ((*boot).to_owned(), time(at))).collect();
        let known = Known { received: time(RECEIVED), sent, began: &began, before: None };
        let stamps: Vec<&Stamp> = stamps.iter().collect();
        date(&stamps, known).into_iter().map(|dated| (dated.at.to_string(), dated.by.unwrap())).collect()
    }

    const IN_1970: &str = "1970-01-01T00:01:00Z";

    #[test]
    fn a_device_in_1970_is_dated_by_the_time_since_its_boot() {
        let sent = stamp("b", 1000, IN_1970, false);
        let found = dated(&[stamp("b", 400, IN_1970, false)], Some(&sent), &[]);
        assert_eq!(found, [("2026-11-25T11:50:00Z".to_owned(), DatedBy::Boot)]);
    }

    #[test]
    fn a_synchronised_clock_is_believed_unless_it_contradicts_what_is_known() {
        let sent = stamp("b", 1000, RECEIVED, true);
        let at = |wall| dated(&[stamp("b", 400, wall, true)], Some(&sent), &[]).remove(0);
        assert_eq!(at("2026-11-25T11:50:07Z"), ("2026-11-25T11:50:07Z".to_owned(), DatedBy::Clock));
        for wall in ["2099-01-01T00:00:00Z", "2026-11-25T11:00:00Z"] {
            assert_eq!(at(wall), ("2026-11-25T11:50:00Z".to_owned(), DatedBy::Boot), "{wall}");
        }
        let ahead = dated(&[stamp("b", 4, "2026-11-25T12:00:30Z", true)], None, &[]);
        assert_eq!(ahead, [(RECEIVED.to_owned(), DatedBy::Clock)]);
    }

    #[test]
    fn a_backlog_of_an_earlier_boot_is_dated_by_when_that_began() {
        let sent = stamp("new", 30, IN_1970, false);
        let stamps = [stamp("old", 3600, IN_1970, false), stamp("new", 10, IN_1970, false)];
        let found = dated(&stamps, Some(&sent), &[("old", "2026-11-20T00:00:00Z")]);
        assert_eq!(found[0], ("2026-11-20T01:00:00Z".to_owned(), DatedBy::Anchor));
        assert_eq!(found[1], ("2026-11-25T11:59:40Z".to_owned(), DatedBy::Boot));
    }

    #[test]
    fn a_boot_of_which_nothing_is_known_is_an_estimate_before_the_next_with_its_own_distances() {
        let sent = stamp("new", 30, IN_1970, false);
        let stamps = [
            stamp("lost", 100, IN_1970, false),
            stamp("lost", 700, IN_1970, false),
            stamp("new", 10, IN_1970, false),
        ];
        let found = dated(&stamps, Some(&sent), &[]);
        assert_eq!(found[1], ("2026-11-25T11:59:40Z".to_owned(), DatedBy::Estimate));
        assert_eq!(found[0], ("2026-11-25T11:49:40Z".to_owned(), DatedBy::Estimate));
    }

    #[test]
    fn an_older_agent_that_sends_no_clocks_is_dated_by_arrival_and_marked() {
        let found = dated(&[stamp("b", 400, IN_1970, false)], None, &[]);
        assert_eq!(found, [(RECEIVED.to_owned(), DatedBy::Estimate)]);
    }

    /// A device's life: boots of some length, in each of them moments; all in milliseconds.
    fn lives() -> impl Strategy<Value = Vec<(u64, Vec<u64>)>> {
        let boot = (1_u64..10_000_000, prop::collection::vec(0_u64..10_000_000, 1..6)).prop_map(
            |(length, mut moments)| {
                for moment in &mut moments {
                    *moment %= length;
                }
                moments.sort_unstable();
                (length, moments)
            },
        );
        prop::collection::vec(boot, 1..5)
    }

    proptest! {
        #[test]
        fn whatever_the_wall_says_dates_are_true_where_they_are_certain_and_within_their_neighbours_else(
            lives in lives(), walls in prop::collection::vec(-2_000_000_000_i64..9_000_000_000, 30),
            known in prop::collection::vec(any::<bool>(), 5), late in 0_i64..20_000,
        ) {
            let start = time("2026-01-01T00:00:00Z").as_millisecond();
            let (mut stamps, mut truths, mut began, mut at) = (Vec::new(), Vec::new(), HashMap::new(), start);
            for (number, (length, moments)) in lives.iter().enumerate() {
                let boot_id = format!("b{number}");
                if known[number] {
                    began.insert(boot_id.clone(), Timestamp::from_millisecond(at).unwrap());
                }
                for moment in moments {
                    let wall = Timestamp::from_second(walls[stamps.len()]).unwrap();
                    let clock = ClockQuality::Unsynchronised;
                    stamps.push(Stamp { boot_id: boot_id.clone(), monotonic_ms: *moment, wall, clock });
                    truths.push(at + i64::try_from(*moment).unwrap());
                }
                at += i64::try_from(*length).unwrap();
            }
            let (last, number) = (lives.last().unwrap(), lives.len() - 1);
            let wall = Timestamp::from_second(walls[0]).unwrap();
            let clock = ClockQuality::Unsynchronised;
            let sent = Stamp { boot_id: format!("b{number}"), monotonic_ms: last.0, wall, clock };
            let received = Timestamp::from_millisecond(at + late).unwrap();
            let known = Known { received, sent: Some(&sent), began: &began, before: None };
            let dates = date(&stamps.iter().collect::<Vec<_>>(), known);
            prop_assert_eq!(dates.len(), stamps.len());
            let mut before = None;
            for ((dated, truth), stamp) in dates.iter().zip(&truths).zip(&stamps) {
                prop_assert!(dated.at <= received);
                prop_assert!(before.is_none_or(|before| dated.at >= before), "in their order");
                let off = dated.at.as_millisecond() - truth;
                match dated.by.unwrap() {
                    DatedBy::Boot => prop_assert_eq!(off, late, "off by the time on the way alone"),
                    DatedBy::Anchor => prop_assert_eq!(off, 0),
                    DatedBy::Estimate => prop_assert!(!began.contains_key(&stamp.boot_id) && off >= 0),
                    DatedBy::Clock => prop_assert!(false, "no clock was synchronised"),
                }
                before = Some(dated.at);
            }
        }
    }
}

//! How large the packets to the manager may be at this site: learnt, and pure.
//!
//! A path may carry less than the cable that the device hangs on: behind a tunnel, a DSL line, a mobile network. The
//! router before the narrow stretch says so by ICMP; where that is dropped, small packets pass and large ones vanish.
//! TCP then connects, and TLS, whose certificates fill whole packets, stalls (RFC 2923, section 2.1). So what has stalled
//! is tried once more in segments that every path carries. If that helps, it is remembered for a time and then found out
//! again, for small packets are never worse than none, and whole ones are cheaper where they pass.

use std::net::SocketAddr;
use std::time::Duration;

/// Bytes of a segment by IPv4: the size that is assumed where none is told (RFC 9293, section 3.7.1), for every host takes
/// packets of 576 bytes, of which 40 are headers.
pub const SMALL_V4: u32 = 536;
/// By IPv6: every path carries packets of 1280 bytes (RFC 8200, section 5), of which 60 are headers.
pub const SMALL_V6: u32 = 1220;
/// So many requests in a row without an answer, on connections that came about, are a reason to try small ones: one may be
/// the manager's.
const STALLS: u32 = 2;
/// That small segments are needed is remembered for this at first; then for four times as long each time that it is found
/// again.
const FIRST_MEMORY: Duration = Duration::from_secs(60 * 60);
/// A site may have another line after a week.
const LONGEST_MEMORY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// In what segments a connection is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Segments {
    /// As the kernel makes them: they fill the packets of the cable.
    #[default]
    Whole,
    /// In such as every path carries.
    Small,
}

impl Segments {
    /// The most bytes in a segment to an address, if that is not left to the kernel.
    pub fn limit(self, number: SocketAddr) -> Option<u32> {
        match self {
            Self::Whole => None,
            // An IPv4 address in the clothes of IPv6 goes out as IPv4.
            Self::Small => Some(if number.ip().to_canonical().is_ipv4() { SMALL_V4 } else { SMALL_V6 }),
        }
    }
}

/// What was learnt.
#[derive(Debug, Clone, Default)]
pub struct SegmentMemory {
    need: Option<Need>,
    /// Requests in a row that were not answered, in whole segments.
    stalls: u32,
}

#[derive(Debug, Clone, Copy)]
struct Need {
    /// On the monotonic clock.
    since: Duration,
    /// How often it was found again.
    again: u32,
}

impl Need {
    fn holds(&self, now: Duration) -> bool {
        let factor = 4_u32.checked_pow(self.again).unwrap_or(u32::MAX);
        now.saturating_sub(self.since) < FIRST_MEMORY.saturating_mul(factor).min(LONGEST_MEMORY)
    }
}

impl SegmentMemory {
    /// In what segments the next connection begins. `now` is the monotonic clock.
    pub fn begin_with(&self, now: Duration) -> Segments {
        let needed = self.stalls >= STALLS || self.is_needed(now);
        if needed { Segments::Small } else { Segments::Whole }
    }

    /// Whether small segments are known to be needed.
    pub fn is_needed(&self, now: Duration) -> bool {
        self.need.is_some_and(|need| need.holds(now))
    }

    /// What had stalled in whole segments came about in small ones.
    pub fn found(&mut self, now: Duration) {
        let again = match self.need {
            // Found on several connections at once: it is the same finding.
            Some(need) if need.holds(now) => need.again,
            Some(need) => need.again.saturating_add(1),
            None => 0,
        };
        self.need = Some(Need { since: now, again });
        self.stalls = 0;
    }

    /// A request was not answered in its time, or no connection came about beyond TCP.
    pub fn stalled(&mut self, segments: Segments) {
        match segments {
            Segments::Whole => self.stalls = self.stalls.saturating_add(1),
            // Small ones do not help either: it is something else.
            Segments::Small => *self = Self::default(),
        }
    }

    /// A request was answered; says whether it is thereby found that small segments are needed.
    pub fn answered(&mut self, segments: Segments, now: Duration) -> bool {
        let found = segments == Segments::Small && self.stalls >= STALLS;
        if found {
            self.found(now);
        }
        self.stalls = 0;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_need_is_remembered_found_out_again_and_then_remembered_for_longer() {
        let mut memory = SegmentMemory::default();
        assert_eq!(memory.begin_with(Duration::ZERO), Segments::Whole);
        memory.found(Duration::ZERO);
        assert_eq!(memory.begin_with(59 * MINUTE), Segments::Small);
        assert_eq!(memory.begin_with(61 * MINUTE), Segments::Whole);
        memory.found(61 * MINUTE);
        assert_eq!(memory.begin_with(61 * MINUTE + 239 * MINUTE), Segments::Small);
        assert_eq!(memory.begin_with(61 * MINUTE + 241 * MINUTE), Segments::Whole);
    }

    #[test]
    fn requests_that_stall_one_after_the_other_are_tried_in_small_segments_and_one_alone_is_not() {
        let mut memory = SegmentMemory::default();
        memory.stalled(Segments::Whole);
        assert_eq!(memory.begin_with(MINUTE), Segments::Whole);
        assert!(!memory.answered(Segments::Whole, MINUTE));
        memory.stalled(Segments::Whole);
        memory.stalled(Segments::Whole);
        assert_eq!(memory.begin_with(MINUTE), Segments::Small);
        assert!(!memory.is_needed(MINUTE), "it is only tried");
        assert!(memory.answered(Segments::Small, MINUTE));
        assert!(memory.is_needed(MINUTE));
        assert!(!memory.answered(Segments::Small, MINUTE), "found once");
    }

    #[test]
    fn where_small_segments_stall_too_it_is_something_else() {
        let mut memory = SegmentMemory::default();
        memory.found(Duration::ZERO);
        memory.stalled(Segments::Small);
        assert_eq!(memory.begin_with(Duration::ZERO), Segments::Whole);
    }

    #[test]
    fn each_family_has_the_size_that_all_its_paths_carry() {
        let limit = |number: &str| Segments::Small.limit(number.parse().unwrap());
        assert_eq!(limit("192.0.2.1:443"), Some(536));
        assert_eq!(limit("[2001:db8::1]:443"), Some(1220));
        assert_eq!(limit("[::ffff:192.0.2.1]:443"), Some(536));
        assert_eq!(Segments::Whole.limit("192.0.2.1:443".parse().unwrap()), None);
    }

    proptest! {
        #[test]
        fn whatever_happened_whole_segments_are_tried_again_within_a_week(
            events in prop::collection::vec((0_u8..5, 0_u64..1_000_000), 0..60),
        ) {
            let (mut memory, mut now) = (SegmentMemory::default(), Duration::ZERO);
            for (event, later) in events {
                now += Duration::from_secs(later);
                match event {
                    0 => memory.found(now),
                    1 => memory.stalled(Segments::Whole),
                    2 => memory.stalled(Segments::Small),
                    3 => drop(memory.answered(Segments::Whole, now)),
                    _ => drop(memory.answered(Segments::Small, now)),
                }
            }
            memory.answered(Segments::Small, now);
            prop_assert_eq!(memory.begin_with(now + LONGEST_MEMORY), Segments::Whole);
        }
    }
}

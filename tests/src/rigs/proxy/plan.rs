//! What goes wrong with a connection: drawn from a seed, and done to its bytes. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng as _;

/// A fault comes within so many bytes of the one before it. Two handshakes and a few batches.
const FURTHEST: u32 = 16 * 1024;
/// So many faults are drawn for a connection. Most do not live to see the second.
const FAULTS: usize = 8;
/// The longest that bytes are held up, both for a delay and for a stall: above what the tests' agents
/// give an answer, so that some stalls are outlived and some are not.
const LONGEST_PAUSE_MS: u32 = 3_000;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the device.
    Up,
    /// To the device.
    Down,
}

/// What can happen to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Every piece of data is late by this.
    Delay(Duration),
    /// The connection is closed in the middle of what was being said.
    Truncate,
    /// It is reset.
    Reset,
    /// Bytes arrive twice.
    Duplicate,
    /// Bits of a byte arrive changed; never zero.
    Corrupt(u8),
    /// Nothing passes for so long, then everything.
    Stall(Duration),
    /// Nothing passes any more, and nobody is told.
    HalfOpen,
}

impl Fault {
    /// One of each, for tests that try them in turn.
    pub const ALL: [Self; 7] = [
        Self::Delay(Duration::from_millis(200)),
        Self::Truncate,
        Self::Reset,
        Self::Duplicate,
        Self::Corrupt(0x10),
        Self::Stall(Duration::from_millis(1_500)),
        Self::HalfOpen,
    ];

    /// Its name, for figures.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delay(_) => "delay",
            Self::Truncate => "truncate",
            Self::Reset => "reset",
            Self::Duplicate => "duplicate",
            Self::Corrupt(_) => "corrupt",
            Self::Stall(_) => "stall",
            Self::HalfOpen => "half-open",
        }
    }
}

/// A fault, where and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Which way it strikes.
    pub direction: Direction,
    /// After so many bytes that way.
    pub after: u64,
    /// What.
    pub fault: Fault,
}

/// What happens to the connection of a number under a seed, the earlier first.
pub fn draw(seed: u64, connection: u64) -> Vec<Plan> {
    let mut random = Pcg32::new(seed, connection);
    let mut below = |limit: u32| random.next_u32() % limit;
    let mut begin = 0;
    let mut next = || {
        let direction = if below(2) == 0 { Direction::Up } else { Direction::Down };
        // Near ones are as likely as far ones: a handshake breaks as often as a long conversation.
        let ceiling = FURTHEST >> below(10);
        begin += u64::from(below(ceiling));
        let pause = Duration::from_millis(u64::from(below(LONGEST_PAUSE_MS)));
        let fault = match below(7) {
            0 => Fault::Delay(pause / 10),
            1 => Fault::Truncate,
            2 => Fault::Reset,
            3 => Fault::Duplicate,
            4 => Fault::Corrupt(1 << below(8)),
            5 => Fault::Stall(pause),
            _ => Fault::HalfOpen,
        };
        Plan { direction, after: begin, fault }
    };
    std::iter::repeat_with(&mut next).take(FAULTS).collect()
}

/// What the proxy is to do with a piece of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Wait for this first.
    pub pause: Duration,
    /// Then let this through.
    pub bytes: Vec<u8>,
    /// Then this.
    pub then: Then,
    /// The fault that began with this piece.
    pub struck: Option<Fault>,
}

/// How it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// With the next piece.
    GoOn,
    /// Close both sides.
    Close,
    /// Reset both sides.
    Reset,
    /// Hold both sides, and let nothing pass.
    Hold,
}

/// One way of one connection.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    passed: u64,
    /// After how many bytes, and what; the next is first.
    planned: VecDeque<(u64, Fault)>,
    late_by: Duration,
}

impl Breaker {
    /// With what a connection's plans have for this way.
    pub fn new(plans: &[Plan], direction: Direction) -> Self {
        let ours = plans.iter().filter(|plan| plan.direction == direction);
        Self { planned: ours.map(|plan| (plan.after, plan.fault)).collect(), ..Self::default() }
    }

    /// The fault strikes with the next byte, or before it.
    pub fn strike(&mut self, fault: Fault) {
        self.planned.push_front((self.passed, fault));
    }

    /// Takes a piece of data, which may be empty, when a fault may be due that needs none.
    pub fn pass(&mut self, piece: &[u8]) -> Pass {
        let whole = Pass { pause: self.late_by, bytes: piece.to_vec(), then: Then::GoOn, struck: None };
        let Some((after, fault)) = self.planned.front().copied() else {
            self.passed += length(piece);
            return whole;
        };
        let before = usize::try_from(after.saturating_sub(self.passed)).unwrap_or(usize::MAX);
        let needs_a_byte = matches!(fault, Fault::Corrupt(_) | Fault::Duplicate);
        if before > piece.len() || (before == piece.len() && (needs_a_byte || before > 0)) {
            self.passed += length(piece);
            return whole;
        }
        self.planned.pop_front();
        self.passed += length(piece);
        let (sound, struck) = piece.split_at(before);
        let cut = |then| Pass { bytes: sound.to_vec(), then, ..whole.clone() };
        let mut pass = match fault {
            Fault::Delay(by) => {
                self.late_by = by;
                Pass { pause: by, ..whole }
            }
            Fault::Stall(pause) => Pass { pause, ..whole },
            Fault::Truncate => cut(Then::Close),
            Fault::Reset => cut(Then::Reset),
            Fault::HalfOpen => cut(Then::Hold),
            Fault::Duplicate => Pass { bytes: [sound, struck, struck].concat(), ..whole },
            Fault::Corrupt(bits) => {
                let mut bytes = whole.bytes.clone();
                if let Some(byte) = bytes.get_mut(before) {
                    *byte ^= bits;
                }
                Pass { bytes, ..whole }
            }
        };
        pass.struck = Some(fault);
        pass
    }
}

fn length(piece: &[u8]) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All that passed, how it ended, and how often something struck.
    fn through(plans: &[Plan], pieces: &[Vec<u8>]) -> (Vec<u8>, Then, usize) {
        let mut breaker = Breaker::new(plans, Direction::Up);
        let (mut out, mut struck) = (Vec::new(), 0);
        for piece in pieces {
            let pass = breaker.pass(piece);
            out.extend(pass.bytes);
            struck += usize::from(pass.struck.is_some());
            if pass.then != Then::GoOn {
                return (out, pass.then, struck);
            }
        }
        (out, Then::GoOn, struck)
    }

    proptest! {
        #[test]
        fn a_plan_is_the_same_each_time_and_within_its_limits(seed: u64, connection: u64) {
            let plans = draw(seed, connection);
            prop_assert_eq!(&plans, &draw(seed, connection));
            prop_assert_eq!(plans.len(), FAULTS);
            prop_assert!(plans.is_sorted_by_key(|plan| plan.after));
            for Plan { after, fault, .. } in plans {
                prop_assert!(after < u64::from(FURTHEST) * u64::try_from(FAULTS).unwrap());
                let longest = Duration::from_millis(LONGEST_PAUSE_MS.into());
                match fault {
                    Fault::Delay(pause) | Fault::Stall(pause) => prop_assert!(pause < longest),
                    Fault::Corrupt(bits) => prop_assert_ne!(bits, 0),
                    _ => {}
                }
            }
        }

        #[test]
        fn each_fault_strikes_once_and_does_only_what_it_is_named_for(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
            after in 0_u64..300,
            which in 0..Fault::ALL.len(),
        ) {
            let whole = pieces.concat();
            let fault = Fault::ALL[which];
            let (out, then, struck) = through(&[Plan { direction: Direction::Up, after, fault }], &pieces);
            let at = usize::try_from(after).unwrap();
            prop_assert!(struck <= 1);
            if struck == 0 {
                prop_assert_eq!(&out, &whole);
                prop_assert!(whole.len() <= at);
                return Ok(());
            }
            match fault {
                Fault::Delay(_) | Fault::Stall(_) => prop_assert_eq!(&out, &whole),
                Fault::Truncate | Fault::Reset | Fault::HalfOpen => {
                    prop_assert_eq!(&out[..], &whole[..at]);
                    prop_assert_ne!(then, Then::GoOn);
                }
                Fault::Duplicate => {
                    prop_assert!(out.len() > whole.len());
                    prop_assert_eq!(&out[..at], &whole[..at]);
                }
                Fault::Corrupt(_) => {
                    let changed: Vec<usize> = (0..whole.len()).filter(|i| out[*i] != whole[*i]).collect();
                    prop_assert_eq!(changed, vec![at]);
                }
            }
        }

        #[test]
        fn the_other_way_of_a_connection_stays_sound(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
            seed: u64,
        ) {
            let plans: Vec<Plan> =
                draw(seed, 1).into_iter().map(|plan| Plan { direction: Direction::Down, ..plan }).collect();
            let (out, then, struck) = through(&plans, &pieces);
            prop_assert_eq!((out, then, struck), (pieces.concat(), Then::GoOn, 0));
        }
    }

    #[test]
    fn a_fault_that_ends_a_connection_needs_no_data_and_one_that_changes_data_waits_for_some() {
        let mut breaker = Breaker::default();
        breaker.pass(b"hello");
        breaker.strike(Fault::Reset);
        assert_eq!(breaker.pass(b"").then, Then::Reset);
        let mut breaker = Breaker::default();
        breaker.strike(Fault::Corrupt(1));
        assert_eq!(breaker.pass(b"").struck, None);
        assert_eq!(breaker.pass(b"\0").bytes, b"\x01");
    }

    #[test]
    fn every_kind_of_fault_is_drawn() {
        let words: std::collections::BTreeSet<_> =
            (0..100).flat_map(|connection| draw(7, connection)).map(|plan| plan.fault.word()).collect();
        assert_eq!(words.len(), Fault::ALL.len(), "{words:?}");
    }

    #[test]
    fn a_connection_that_survives_a_fault_meets_the_next() {
        let plan = |after, fault| Plan { direction: Direction::Up, after, fault };
        let mut breaker = Breaker::new(
            &[plan(1, Fault::Corrupt(1)), plan(2, Fault::Corrupt(2)), plan(9, Fault::Reset)],
            Direction::Up,
        );
        assert_eq!(breaker.pass(b"\0\0\0").bytes, b"\0\x01\0");
        assert_eq!(breaker.pass(b"\0\0\0").bytes, b"\x02\0\0", "late, because the piece was over");
        let last = breaker.pass(b"\0\0\0\0");
        assert_eq!((last.bytes.len(), last.then), (3, Then::Reset));
    }
}

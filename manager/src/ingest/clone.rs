//! Two machines with one identity: a copied SD card. A device never goes back to an earlier boot, so one
//! that does is two. Pure.
//!
//! A request of the former boot can come late, after the first one of the next; so a return only counts when
//! it was *sent* later than the other boot was first heard, by the time since its boot. Where boots say
//! nothing (an older agent, a copied virtual machine), epochs that take turns and sequences that conflict
//! do, but more of them: an outbox that is restored once from a copy goes back once.

use std::collections::VecDeque;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::Epoch;
use platen_protocol::stamp::Stamp;
use serde::{Deserialize, Serialize};

use super::date::began;

/// A boot was heard; what another boot sent so much later was sent by another machine. More than a request
/// can take.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// Returns to an earlier boot, within [`WITHIN`], that are taken for two machines.
const BOOT_RETURNS: usize = 2;
/// Returns to an earlier epoch, or conflicts.
const OTHER_SIGNS: usize = 4;
/// Signs that are further apart have causes of their own.
const WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// Boots and epochs of one device that are remembered.
const MAX_SIDES: usize = 4;

/// How the manager noticed that two machines use one identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloneSignal {
    /// Two boots report in turns.
    Boots,
    /// Two epochs of an outbox report in turns.
    Epochs,
    /// Sequences arrive with different content, again and again.
    Conflicts,
}

/// One of the machines, as it was last heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CloneSide {
    /// Random identifier of its boot; `null` if it does not say.
    pub boot: Option<String>,
    /// The epoch of its outbox.
    pub epoch: Epoch,
    /// The IP address that it connected from.
    #[schema(value_type = String)]
    pub remote: IpAddr,
    /// When it was first heard in this boot and epoch.
    pub first: Timestamp,
    /// When it was last heard.
    pub last: Timestamp,
}

/// A sign that two machines are using one identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CloneSign {
    /// How it was noticed.
    pub signal: CloneSignal,
    /// The machines; one alone when addresses and boots do not tell them apart.
    pub sides: Vec<CloneSide>,
}

/// What is remembered of the batches of one device.
#[derive(Debug, Default)]
pub struct BatchHistory {
    /// The one that was heard last is the last.
    sides: VecDeque<(CloneSide, Option<Timestamp>)>,
    boots: VecDeque<Timestamp>,
    epochs: VecDeque<Timestamp>,
    conflicts: VecDeque<Timestamp>,
}

fn count(signs: &mut VecDeque<Timestamp>, now: Timestamp, enough: usize) -> bool {
    signs.push_back(now);
    signs.retain(|sign| now.duration_since(*sign).abs() <= WITHIN);
    while signs.len() > enough {
        signs.pop_front();
    }
    signs.len() >= enough
}

impl BatchHistory {
    /// Who was heard last.
    pub fn last(&self) -> Option<&CloneSide> {
        self.sides.back().map(|(side, _)| side)
    }

    /// A batch came in.
    pub fn see(
        &mut self,
        sent: Option<&Stamp>,
        epoch: &Epoch,
        remote: IpAddr,
        now: Timestamp,
    ) -> Option<CloneSign> {
        let boot = sent.map(|sent| sent.boot_id.clone());
        let begins = sent.and_then(|sent| began(sent, now));
        let position = self.sides.iter().position(|(side, _)| side.boot == boot && side.epoch == *epoch);
        let known_boot =
            self.sides.iter().filter(|(side, _)| side.boot == boot).find_map(|(_, begins)| *begins);
        let begins = [begins, known_boot].into_iter().flatten().min();
        let before = self.sides.back().map(|(side, _)| side.clone());
        let mut sign = None;
        if let Some(before) = before.filter(|before| before.boot != boot || before.epoch != *epoch) {
            // Back to a boot that was heard before the other one began to be.
            let heard = |boot: &Option<String>| {
                let of_boot = self.sides.iter().filter(|(side, _)| side.boot == *boot);
                of_boot.map(|(side, _)| side.first).min()
            };
            let other = heard(&before.boot);
            let boot_returns =
                boot.is_some() && before.boot.is_some() && heard(&boot) < other && heard(&boot).is_some();
            let since_boot = sent.and_then(|sent| i64::try_from(sent.monotonic_ms).ok());
            let sent_at = begins
                .zip(since_boot)
                .and_then(|(begins, passed)| begins.checked_add(SignedDuration::from_millis(passed)).ok());
            let later = sent_at.zip(other).is_some_and(|(at, other)| at.duration_since(other) > MARGIN);
            if boot_returns && later && count(&mut self.boots, now, BOOT_RETURNS) {
                sign = Some(CloneSignal::Boots);
            }
            let epoch_returns =
                before.epoch != *epoch && self.sides.iter().any(|(side, _)| side.epoch == *epoch);
            if epoch_returns && count(&mut self.epochs, now, OTHER_SIGNS) {
                sign = sign.or(Some(CloneSignal::Epochs));
            }
        }
        let mut side = position.and_then(|position| self.sides.remove(position)).map_or_else(
            || CloneSide { boot, epoch: epoch.clone(), remote, first: now, last: now },
            |(side, _)| side,
        );
        (side.remote, side.last) = (remote, now);
        // Most devices have one.
        self.sides.reserve_exact(1);
        self.sides.push_back((side, begins));
        if self.sides.len() > MAX_SIDES {
            self.sides.pop_front();
        }
        sign.map(|signal| self.sign(signal))
    }

    /// A batch was refused because its sequence is taken by another report.
    pub fn conflict(&mut self, now: Timestamp) -> Option<CloneSign> {
        count(&mut self.conflicts, now, OTHER_SIGNS).then(|| self.sign(CloneSignal::Conflicts))
    }

    fn sign(&mut self, signal: CloneSignal) -> CloneSign {
        let sides = self.sides.iter().rev().take(2).map(|(side, _)| side.clone()).collect();
        self.boots.clear();
        self.epochs.clear();
        self.conflicts.clear();
        CloneSign { signal, sides }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platen_protocol::stamp::ClockQuality;
    use proptest::prelude::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn stamp(boot: &str, seconds: i64) -> Stamp {
        let monotonic_ms = u64::try_from(seconds).unwrap() * 1000;
        let clock = ClockQuality::Unsynchronised;
        Stamp { boot_id: boot.to_owned(), monotonic_ms, wall: Timestamp::UNIX_EPOCH, clock }
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// A boot that began at a second and sends at another.
    fn see(trail: &mut BatchHistory, boot: &str, began: i64, at: i64, from: u8) -> Option<CloneSign> {
        let epoch = "e".parse().unwrap();
        trail.see(Some(&stamp(boot, at - began)), &epoch, address(from), second(at))
    }

    #[test]
    fn two_machines_that_report_in_turns_are_found_with_both_addresses_boots_and_times() {
        let mut trail = BatchHistory::default();
        assert_eq!(see(&mut trail, "x", 0, 100, 1), None);
        assert_eq!(see(&mut trail, "y", 150, 200, 2), None);
        assert_eq!(see(&mut trail, "x", 0, 300, 1), None, "one return is not enough");
        assert_eq!(see(&mut trail, "y", 150, 350, 2), None, "and this is the later boot");
        let sign = see(&mut trail, "x", 0, 400, 1).unwrap();
        assert_eq!(sign.signal, CloneSignal::Boots);
        let sides: Vec<_> =
            sign.sides.iter().map(|side| (side.boot.as_deref().unwrap(), side.remote, side.last)).collect();
        assert_eq!(sides, [("x", address(1), second(400)), ("y", address(2), second(350))]);
    }

    #[test]
    fn requests_of_the_former_boot_that_come_late_are_no_clone() {
        let mut trail = BatchHistory::default();
        let epoch: Epoch = "e".parse().unwrap();
        see(&mut trail, "x", 0, 1000, 1);
        for at in 1020..1040 {
            assert_eq!(see(&mut trail, "y", 1010, at, 1), None);
            // Sent before the machine went down, and long on its way.
            assert_eq!(trail.see(Some(&stamp("x", 1001)), &epoch, address(1), second(at)), None);
        }
    }

    #[test]
    fn conflicts_again_and_again_are_a_sign_and_one_is_not() {
        let mut trail = BatchHistory::default();
        see(&mut trail, "x", 0, 100, 1);
        assert_eq!(trail.conflict(second(1)), None);
        assert_eq!(trail.conflict(second(200_000)), None);
        for at in 1..3 {
            assert_eq!(trail.conflict(second(200_000 + at)), None);
        }
        assert_eq!(trail.conflict(second(200_003)).unwrap().signal, CloneSignal::Conflicts);
    }

    proptest! {
        #[test]
        fn a_device_that_reboots_changes_its_address_and_is_restored_once_is_no_clone(
            boots in prop::collection::vec((1_i64..5_000, 1_u8..200, 1_usize..5), 1..12), restored in 0_usize..12,
            late in prop::collection::vec(any::<bool>(), 12),
        ) {
            let mut trail = BatchHistory::default();
            let (mut at, mut before) = (0, None::<(String, i64)>);
            for (number, (length, address_of, batches)) in boots.iter().enumerate() {
                let (boot, began) = (format!("b{number}"), at);
                // One restored copy of the outbox: an older epoch for once, then a new one.
                let epoch = match number {
                    number if number + 1 < restored || number == restored => "e0",
                    number if number < restored => "e1",
                    _ => "e2",
                };
                let epoch: Epoch = epoch.parse().unwrap();
                for _ in 0..*batches {
                    at += length;
                    let sent = stamp(&boot, at - began);
                    prop_assert_eq!(trail.see(Some(&sent), &epoch, address(*address_of), second(at)), None);
                    if let (true, Some((boot, last))) = (late[number], &before) {
                        let sent = stamp(boot, *last);
                        prop_assert_eq!(trail.see(Some(&sent), &epoch, address(1), second(at)), None);
                    }
                }
                before = Some((boot, at - began));
            }
        }

        #[test]
        fn whenever_two_machines_report_in_turns_they_are_found(
            began in 0_i64..5_000, every in 61_i64..300, first in 1_i64..100,
        ) {
            let mut trail = BatchHistory::default();
            let mut found = None;
            let start = began + 5_000;
            for turn in 0..6 {
                let at = start + first + turn * every;
                let sign = if turn % 2 == 0 { see(&mut trail, "x", 0, at, 1) } else { see(&mut trail, "y", began, at, 2) };
                found = found.or(sign);
            }
            prop_assert_eq!(found.map(|sign| sign.signal), Some(CloneSignal::Boots));
        }
    }
}

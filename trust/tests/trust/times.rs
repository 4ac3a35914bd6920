//! Clocks that are wrong, in both directions.

use jiff::Timestamp;
use platen_trust::{Distrust, KnownTime, Role};

use crate::maker::{Maker, day, on};

const CLOCK_OF_1970: Timestamp = Timestamp::UNIX_EPOCH;

fn year_2099() -> Timestamp {
    "2099-01-01T00:00:00Z".parse().unwrap()
}

#[test]
fn a_device_without_a_clock_is_served_whatever_its_clock_says() {
    let maker = Maker::new();
    for wrong in [CLOCK_OF_1970, year_2099()] {
        let now = KnownTime::unsynchronised(wrong);
        let device = maker.device().bring_up(&maker.document(), now).unwrap();
        assert!(device.program("engine/1", now).is_ok());
        assert_eq!(device.latest_known_time(), Timestamp::MIN);
    }
}

#[test]
fn what_is_certainly_expired_is_refused_without_a_clock_too() {
    let maker = Maker::new();
    let device = maker.device().not_before(day(7));
    let refused = device.bring_up(&maker.document(), KnownTime::unsynchronised(CLOCK_OF_1970)).unwrap_err();
    assert_eq!(refused, Distrust::Expired { role: Role::Timestamp, until: day(7), now: day(7) });
}

#[test]
fn the_latest_known_time_moves_forward_only() {
    let mut maker = Maker::new();
    let device = maker.brought_up(3);
    assert_eq!(device.latest_known_time(), day(3));
    maker.timestamp(3);
    let back = device.bring_up(&maker.document(), KnownTime::synchronised(CLOCK_OF_1970)).unwrap();
    assert_eq!(back.latest_known_time(), day(3));
    assert_eq!(back.not_before(day(1)).latest_known_time(), day(3));
}

/// A forged time server must not lock a device out for longer than it is believed.
#[test]
fn a_clock_that_was_forged_into_the_future_leaves_nothing_behind() {
    let mut maker = Maker::new();
    let device = maker.brought_up(0);
    maker.publish("2", 1);
    assert!(device.bring_up(&maker.document(), KnownTime::synchronised(year_2099())).is_err());
    // The caller keeps what it had, and the roots.
    let device = device.bring_up_roots(&maker.document()).unwrap();
    assert!(device.bring_up(&maker.document(), on(1)).is_ok());
}

#[test]
fn each_role_says_until_when_it_is_good() {
    let maker = Maker::new();
    assert_eq!(maker.device().until(Role::Timestamp), None);
    let device = maker.brought_up(0);
    for (role, until) in [(Role::Root, 365), (Role::Timestamp, 7), (Role::Snapshot, 30), (Role::Targets, 365)]
    {
        assert_eq!(device.until(role), Some(day(until)));
    }
}

//! What a seed draws before the run: the devices, what happens at them, what operators ask, and every fault with
//! its time.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use platen_agent::outbox::OutboxConfig;
use platen_agent::uplink::UplinkConfig;
use platen_protocol::manager_to_device::Action;

use super::fault::{Direction, Fault};
use crate::rigs::random::Random;

/// Faults come within this time.
const TROUBLED: Duration = Duration::from_secs(200);
/// The longest that a request is parked, in seconds.
const LONGEST_WAIT: u32 = 40;
/// The most devices of a seed.
const MOST_DEVICES: u32 = 3;
/// Settings that operators change; each is good on the board of the simulation.
const SETTINGS: [&str; 3] =
    ["sample.interval-seconds", "judge.hysteresis-percent", "supply.no-such-supply.set-percent"];

/// Something happens at a device, and is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// The interval of the utilisation state.
    Utilisation,
    /// Readings change.
    Change,
    /// An alert is raised.
    Raised,
    /// The last alert ends.
    Cleared,
    /// A person asks for service.
    ServiceCall,
    /// A person orders the first or the second supply, and insists if it is ordered already, or not.
    Order {
        /// The second.
        second: bool,
        /// Whether the person insists.
        again: bool,
    },
    /// So many things at one moment.
    Burst(u32),
}

/// What a device does.
#[derive(Debug, Clone)]
pub(super) struct DevicePlan {
    /// Its outbox is small, so that it must give reports up.
    pub(super) limits: OutboxConfig,
    /// Its patience.
    pub(super) uplink: UplinkConfig,
    /// The wall clock when it begins.
    pub(super) wall: Timestamp,
    /// What happens at it, by rising time.
    pub(super) happenings: Vec<(Duration, Happening)>,
}

/// What an operator asks.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    /// When.
    pub(super) at: Duration,
    /// Of which device, by number.
    pub(super) device: usize,
    /// What.
    pub(super) action: Action,
    /// For how long it is worth doing.
    pub(super) valid: Duration,
}

/// Everything that a seed draws.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The devices.
    pub(super) devices: Vec<DevicePlan>,
    /// Whether the site's proxy stands between.
    pub(super) proxied: bool,
    /// How slow the manager's disk is.
    pub(super) disk: Duration,
    /// The slowest way of a message.
    pub(super) latency: Duration,
    /// What operators ask, by rising time.
    pub(super) wishes: Vec<Wish>,
    /// When operators find the oldest open order of a device delivered, and which device.
    pub(super) deliveries: Vec<(Duration, usize)>,
    /// The faults, by rising time.
    pub(super) faults: Vec<(Duration, Fault)>,
    /// From now on nothing goes wrong any more.
    pub(super) calm: Duration,
}

/// The moment at which every simulation begins.
pub(super) fn beginning() -> Timestamp {
    "2026-11-25T10:00:00Z".parse().unwrap()
}

impl Plan {
    /// Draws.
    pub(super) fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed, 1);
        let count = random.between(1, MOST_DEVICES);
        let devices: Vec<DevicePlan> = (0..count).map(|_| device(&mut random)).collect();
        let proxied = random.percent(60);
        let disk = Duration::from_millis(u64::from(random.pick(&[0_u32, 5, 60, 250])));
        let latency = Duration::from_millis(u64::from(random.pick(&[1_u32, 50, 200, 800])));
        let wishes = wishes(&mut random, devices.len());
        let deliveries = deliveries(&mut random, devices.len());
        let mut faults = Vec::new();
        for _ in 0..random.between(2, 12) {
            fault(&mut random, devices.len(), proxied, &mut faults);
        }
        faults.sort_by_key(|(at, _)| *at);
        let calm = faults.last().map_or(Duration::ZERO, |(at, _)| *at).max(Duration::from_secs(60));
        Self { devices, proxied, disk, latency, wishes, deliveries, faults, calm }
    }
}

fn wall(random: &mut Random) -> Timestamp {
    match random.below(4) {
        0 => "1970-01-01T00:00:07Z".parse().unwrap(),
        1 => "2099-06-01T00:00:00Z".parse().unwrap(),
        _ => beginning(),
    }
}

fn device(random: &mut Random) -> DevicePlan {
    let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
    let limits = OutboxConfig {
        max_reports: random.pick(&[8_usize, 20, 60, 5_000]),
        max_bytes: random.pick(&[20_000_u64, 60_000, 8 * 1024 * 1024]),
        ..OutboxConfig::default()
    };
    let uplink = UplinkConfig {
        wait: seconds(random.between(5, 25)),
        wait_least: seconds(random.between(3, 10)),
        wait_most: seconds(LONGEST_WAIT),
        connect_timeout: seconds(random.between(3, 6)),
        reply_timeout: seconds(random.between(3, 8)),
        backoff_first: random.time(200, 1_000),
        backoff_limit: seconds(random.between(10, 30)),
        ping: seconds(random.between(5, 15)),
        ..UplinkConfig::default()
    };
    let mut happenings = Vec::new();
    let mut at = Duration::ZERO;
    // Some devices are busy, some are nearly silent.
    let pause = random.pick(&[2_000_u32, 8_000, 40_000]);
    loop {
        at += random.time(10, pause);
        if at > TROUBLED {
            break;
        }
        let happening = match random.below(16) {
            0..=4 => Happening::Utilisation,
            5..=7 => Happening::Change,
            8..=9 => Happening::Raised,
            10 => Happening::Cleared,
            11..=12 => Happening::ServiceCall,
            13..=14 => Happening::Order { second: random.percent(30), again: random.percent(30) },
            _ => Happening::Burst(random.between(2, 30)),
        };
        happenings.push((at, happening));
    }
    DevicePlan { limits, uplink, wall: wall(random), happenings }
}

fn wishes(random: &mut Random, devices: usize) -> Vec<Wish> {
    let mut wishes: Vec<Wish> = (0..random.below(12))
        .map(|_| {
            let action = match random.below(8) {
                0..=3 => Action::ReadNow,
                4..=5 => {
                    let name = random.pick(&SETTINGS).to_owned();
                    Action::Set { settings: BTreeMap::from([(name, random.between(1, 40))]) }
                }
                6 => Action::Reset { settings: Vec::new() },
                _ => Action::Unknown,
            };
            Wish {
                at: random.time(500, 200_000),
                device: random.below(u32::try_from(devices).unwrap()) as usize,
                action,
                valid: Duration::from_secs(u64::from(random.pick(&[10_u32, 60, 3_600]))),
            }
        })
        .collect();
    wishes.sort_by_key(|wish| wish.at);
    wishes
}

fn deliveries(random: &mut Random, devices: usize) -> Vec<(Duration, usize)> {
    let devices = u32::try_from(devices).unwrap();
    let mut deliveries: Vec<_> =
        (0..random.below(12)).map(|_| (random.time(500, 200_000), random.below(devices) as usize)).collect();
    deliveries.sort_unstable();
    deliveries
}

/// Draws one fault, and its end.
fn fault(random: &mut Random, devices: usize, proxied: bool, faults: &mut Vec<(Duration, Fault)>) {
    let at = random.time(1_000, 180_000);
    let long = random.pick(&[500_u32, 4_000, 25_000]);
    let down = random.time(100, long);
    let end = at + down;
    let device = random.below(u32::try_from(devices).unwrap()) as usize;
    match random.below(if proxied { 18 } else { 16 }) {
        0..=4 => {
            // Behind a proxy there are two stretches of the way that can be cut.
            let device = (!proxied || random.percent(60)).then_some(device);
            let direction = random.pick(&[Direction::Both, Direction::Up, Direction::Down]);
            faults.push((at, Fault::Part { device, direction }));
            faults.push((end, Fault::Repair { device }));
        }
        5..=7 => {
            let power = random.percent(40);
            let wall = power.then(|| wall(random));
            let fuse = random.pick(&[0_u32, 1, 2, 3, 5, 10, 30]);
            faults.push((at, Fault::KillAgent { device, fuse, wall, down }));
        }
        8 => faults.push((at, Fault::StopAgent { device, down })),
        9..=11 => {
            let power = random.percent(40);
            let fuse = random.pick(&[0_u32, 1, 2, 3, 5, 10, 30]);
            faults.push((at, Fault::KillManager { fuse, power, down }));
        }
        12 => faults.push((at, Fault::StopManager { down })),
        13 => {
            let wall = if random.percent(30) { beginning() } else { wall(random) };
            faults.push((at, Fault::SetClock { device, wall, synchronised: random.percent(50) }));
        }
        14..=15 => {
            faults.push((at, Fault::StoreFails));
            faults.push((end, Fault::StoreRecovers));
        }
        16 => faults.push((at, Fault::Cut { after: random.pick(&[0_u32, 1, 40, 400, 4_000]) })),
        _ => {
            for _ in 0..random.between(1, 3) {
                faults.push((at + random.time(0, 3_000), Fault::Repeat));
            }
        }
    }
}

//! Three dead-man watches. Each finds what nobody reports, because what should report it is what is
//! broken: a device that is not there ([`crate::contact`]), one that is there and does not read its printer
//! ([`freshness`]), and a sensor that says the same whatever the printer does ([`frozen`]). A fourth is about
//! the manager itself: the certificates and tokens that end ([`endings`]).
//!
//! The rules are pure. [`Watches`] remembers what they need of each device, in memory; it compares what
//! should stand with what stands, and [`crate::upkeep`] writes the difference, many devices at once. So a
//! watch costs no write for a report, and what could not be written is tried again.

pub mod backup_age;
pub mod endings;
pub mod freshness;
pub mod frozen;
mod rules;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use platen_protocol::device_to_manager::{Report, ReportBody};
use platen_protocol::identity::DeviceId;
use serde::{Deserialize, Serialize};

use crate::contact::Contact;
use endings::Endings;
use frozen::{Frozen, SensorHistory};
use rules::{Seen, wanted};

/// The `[watches]` of `manager.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// A device that is away for so many hours is overdue: somebody should look after it. 1 to 8,760.
    #[serde(deserialize_with = "crate::limits::within::<_, 1, 8_760>")]
    pub overdue_after_hours: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { overdue_after_hours: 24 }
    }
}

impl Settings {
    fn overdue_after(self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.overdue_after_hours))
    }
}

/// What the manager looks for by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WatchKind {
    /// Devices that are out of contact.
    Contact,
    /// Devices in contact whose readings are late.
    Freshness,
    /// Sensors that read the same whatever the printer does.
    Frozen,
}

impl WatchKind {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Freshness => "freshness",
            Self::Frozen => "frozen",
        }
    }
}

/// What a watch found, with the numbers that support it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "watch", rename_all = "snake_case")]
pub enum Finding {
    /// The device is out of contact.
    Contact {
        /// When the manager last heard from it.
        last_contact: Timestamp,
    },
    /// The device is in contact, and its readings are late.
    Freshness {
        /// When the last readings arrived.
        received: Timestamp,
        /// Within how many seconds the device said that there would be more.
        within_seconds: u32,
    },
    /// A sensor reads the same whatever the printer does.
    Frozen(Frozen),
}

impl Finding {
    /// Which watch found it.
    pub const fn kind(&self) -> WatchKind {
        match self {
            Self::Contact { .. } => WatchKind::Contact,
            Self::Freshness { .. } => WatchKind::Freshness,
            Self::Frozen(_) => WatchKind::Frozen,
        }
    }

    /// What it is about, beside the device: of a sensor, its kind and name.
    pub fn subject(&self) -> String {
        match self {
            Self::Contact { .. } | Self::Freshness { .. } => String::new(),
            Self::Frozen(frozen) => format!("{}/{}", frozen.sensor.word(), frozen.name),
        }
    }

    /// Since when it is so.
    pub fn since(&self) -> Timestamp {
        match self {
            Self::Contact { last_contact } => *last_contact,
            Self::Freshness { received, .. } => *received,
            Self::Frozen(frozen) => frozen.since,
        }
    }
}

/// A watch that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What it found.
    pub finding: Finding,
    /// When it was found.
    pub begun: Timestamp,
    /// Since when somebody should act on it.
    pub overdue: Option<Timestamp>,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub device: DeviceId,
    /// What the watch found.
    pub finding: Finding,
    /// When it was found.
    pub begun: Timestamp,
    /// What happened to it.
    pub step: Step,
}

/// What happened to a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It begins.
    Begin,
    /// Somebody should act on it.
    Overdue(Timestamp),
    /// It is over.
    End(Timestamp),
}

/// What is remembered of a device across restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// When readings came last.
    #[serde(default)]
    pub received: Option<Timestamp>,
    /// Within how many seconds the device said that there would be more.
    #[serde(default)]
    pub within_seconds: Option<u32>,
    /// When it last said a shorter time than before: the readings that came earlier are not late by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortened: Option<Timestamp>,
    /// What its sensors said.
    #[serde(default)]
    pub trail: SensorHistory,
}

impl Memory {
    /// From when the time is counted that the device said: the last readings, or when it said a shorter one.
    fn promised_at(&self, received: Timestamp) -> Timestamp {
        self.shortened.map_or(received, |shortened| received.max(shortened))
    }
}

/// What stands, and what the watches remember, of devices that another manager watched over until now.
#[derive(Debug, Clone, Default)]
pub struct Inherited {
    /// What stands.
    pub standing: Vec<(DeviceId, Standing)>,
    /// What is remembered.
    pub memories: Vec<(DeviceId, Memory)>,
}

type Key = (WatchKind, String);

#[derive(Debug, Default)]
struct Watched {
    memory: Memory,
    /// Whether the memory is newer than what is stored.
    unflushed: bool,
    /// What stands in the store.
    standing: BTreeMap<Key, Standing>,
}

/// Watches over all devices.
pub struct Watches {
    /// What ends.
    pub endings: Endings,
    settings: Settings,
    started: Timestamp,
    /// Held for a look-up, never across an await.
    watched: Mutex<BTreeMap<DeviceId, Watched>>,
}

impl Watches {
    /// From what the store holds. Nothing is late for a time in which this manager did not run.
    pub fn new(
        settings: Settings,
        memories: Vec<(DeviceId, Memory)>,
        standing: Vec<(DeviceId, Standing)>,
        started: Timestamp,
    ) -> Self {
        let mut watched: BTreeMap<DeviceId, Watched> = BTreeMap::new();
        for (device, memory) in memories {
            watched.entry(device).or_default().memory = memory;
        }
        for (device, standing) in standing {
            let key = (standing.finding.kind(), standing.finding.subject());
            watched.entry(device).or_default().standing.insert(key, standing);
        }
        Self { endings: Endings::default(), settings, started, watched: Mutex::new(watched) }
    }

    fn watched(&self) -> MutexGuard<'_, BTreeMap<DeviceId, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What another manager found and remembered of devices, as the store has it. Of these devices what is newer here stays.
    pub fn inherit(&self, devices: &[DeviceId], inherited: Inherited) {
        let mut watched = self.watched();
        for device in devices {
            watched.entry(device.clone()).or_default().standing.clear();
        }
        for (device, standing) in inherited.standing {
            let key = (standing.finding.kind(), standing.finding.subject());
            watched.entry(device).or_default().standing.insert(key, standing);
        }
        for (device, memory) in inherited.memories {
            let one = watched.entry(device).or_default();
            if one.memory.received < memory.received || one.memory == Memory::default() {
                one.memory = memory;
            }
        }
    }

    /// Devices that were away when the manager began.
    pub fn away(&self) -> Vec<DeviceId> {
        let watched = self.watched();
        let away = watched
            .iter()
            .filter(|(_, one)| one.standing.keys().any(|(kind, _)| *kind == WatchKind::Contact));
        away.map(|(device, _)| device.clone()).collect()
    }

    /// A batch is in: within what time readings come again, and the reports that were new.
    pub fn follow(&self, device: &DeviceId, within_seconds: Option<u32>, new: &[Report], now: Timestamp) {
        let tells = |report: &Report| {
            report.body.readings().is_some() || matches!(report.body, ReportBody::AlertRaised { .. })
        };
        if within_seconds.is_none() && !new.iter().any(tells) {
            return;
        }
        let mut watched = self.watched();
        let one = watched.entry(device.clone()).or_default();
        if within_seconds.is_some() && one.memory.within_seconds != within_seconds {
            if one.memory.within_seconds > within_seconds {
                one.memory.shortened = Some(now);
            }
            one.memory.within_seconds = within_seconds;
            one.unflushed = true;
        }
        for report in new {
            if let ReportBody::AlertRaised { alert } = &report.body {
                // What an alert says of its supply or part is news as well.
                one.memory.trail.hear(alert.supply.as_ref(), alert.part.as_ref());
            }
            let Some(readings) = report.body.readings() else { continue };
            let activity = match &report.body {
                ReportBody::Utilisation(utilisation) => utilisation.activity.as_ref(),
                _ => None,
            };
            one.memory.trail.follow(readings, activity, now);
            one.memory.received = Some(now);
            one.unflushed = true;
        }
    }

    /// A device is out of service: what was found of it is over, and nothing is looked for.
    pub fn rest(&self, device: &DeviceId) {
        if let Some(one) = self.watched().get_mut(device) {
            one.memory = Memory::default();
            one.unflushed = true;
        }
    }

    /// There is no such device any more.
    pub fn forget(&self, device: &DeviceId) {
        self.watched().remove(device);
    }

    /// How old readings may be before they are late: when they must have come.
    pub fn due(&self, device: &DeviceId) -> Option<Timestamp> {
        let watched = self.watched();
        let memory = &watched.get(device)?.memory;
        Some(freshness::due(memory.promised_at(memory.received?), memory.within_seconds?))
    }

    /// What must be written so that what should stand stands, at most `most`; `each_contact` goes through all
    /// devices.
    pub fn changes(
        &self,
        each_contact: impl FnOnce(&mut dyn FnMut(&DeviceId, Contact)),
        now: Timestamp,
        most: usize,
    ) -> Vec<Change> {
        let watched = self.watched();
        let unknown = Watched::default();
        let mut changes = Vec::new();
        each_contact(&mut |device, contact| {
            if changes.len() >= most {
                return;
            }
            // A device that never reported anything has nothing to be watched but its contact, and takes no memory for it.
            let one = watched.get(device).unwrap_or(&unknown);
            let seen = Seen {
                state: contact.state,
                last: contact.last,
                memory: &one.memory,
                standing: &one.standing,
                started: self.started,
            };
            let wanted = wanted(&seen, self.settings.overdue_after(), now);
            changes.extend(rules::difference(device, &one.standing, &wanted, now));
        });
        changes
    }

    /// These are in the store now.
    pub fn kept(&self, changes: &[Change]) {
        let mut watched = self.watched();
        for change in changes {
            let one = watched.entry(change.device.clone()).or_default();
            let key = (change.finding.kind(), change.finding.subject());
            match change.step {
                Step::Begin => {
                    let standing =
                        Standing { finding: change.finding.clone(), begun: change.begun, overdue: None };
                    one.standing.insert(key, standing);
                }
                Step::Overdue(since) => {
                    if let Some(standing) = one.standing.get_mut(&key) {
                        standing.overdue = Some(since);
                    }
                }
                Step::End(_) => {
                    one.standing.remove(&key);
                }
            }
        }
    }

    /// What is newer here than in the store, at most `most`; it counts as flushed.
    pub fn take_unflushed(&self, most: usize) -> Vec<(DeviceId, Memory)> {
        let mut watched = self.watched();
        let newer = watched.iter_mut().filter(|(_, one)| one.unflushed).take(most);
        newer
            .map(|(device, one)| {
                one.unflushed = false;
                (device.clone(), one.memory.clone())
            })
            .collect()
    }

    /// These could not be flushed after all.
    pub fn give_back(&self, memories: &[(DeviceId, Memory)]) {
        let mut watched = self.watched();
        for (device, _) in memories {
            if let Some(one) = watched.get_mut(device) {
                one.unflushed = true;
            }
        }
    }
}

//! What was learnt of the printer, kept across restarts.
//!
//! All numbers are whole; those that come of a damaged store may be absurd and do no harm, for every sum
//! saturates. It is bounded: see the `MAX_` limits here and in the files beside this one.

mod colour;
mod counters;
mod daily;
mod jams;
mod known;
mod outlook;
mod sensors;
mod sleep;
mod usage;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::readings::Readings;
use serde::{Deserialize, Serialize};

pub(super) use colour::{counts_colour, is_chromatic};
use counters::Counters;
pub(super) use counters::Printed;
use daily::Daily;
use jams::Jams;
pub(super) use known::{Identity, Known};
use sensors::SensorPast;
pub(super) use sensors::Strangeness;
pub(super) use sleep::Signs;
use sleep::Sleep;
use usage::Usage;

/// The most supplies, parts and sensors, each, that are remembered; a board has no more.
const MAX_REMEMBERED: usize = 128;
/// What happened once, such as a counter that fell, is told for so long in powered time.
pub(super) const NOTE: Duration = Duration::from_secs(24 * 60 * 60);

/// What was learnt. The shell keeps it with the outbox: whenever it keeps events, and now and then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Past {
    /// How long the agent has watched, over all its runs.
    pub(super) watched_ms: u64,
    pub(super) counters: Counters,
    pub(super) daily: Daily,
    pub(super) jams: Jams,
    pub(super) things: BTreeMap<String, Known>,
    pub(super) sensors: BTreeMap<String, SensorPast>,
    #[serde(skip_serializing_if = "Sleep::is_empty")]
    pub(super) sleep: Sleep,
}

impl Past {
    /// Impressions a day, over the last days; `None` before that is known.
    pub fn pages_per_day(&self) -> Option<u32> {
        self.daily.pages_per_day()
    }

    /// What the watched time will be after a span.
    pub(super) fn watched_after(&self, span: Duration) -> u64 {
        self.watched_ms.saturating_add(millis(span))
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, span: Duration, wall: Option<Timestamp>) {
        self.watched_ms = self.watched_after(span);
        self.daily.pass(millis(span), wall.map(|wall| wall.as_second().div_euclid(daily::DAY_SECONDS)));
    }

    /// Whether something that was noted then is still to be told.
    pub(super) fn is_recent(&self, noted_ms: u64) -> bool {
        self.watched_ms.saturating_sub(noted_ms) < millis(NOTE)
    }

    /// Forgets what the board no longer has, once there is more than a board can have.
    pub(super) fn bound(&mut self, readings: &Readings) {
        if self.things.len() > MAX_REMEMBERED {
            self.things.retain(|name, _| {
                readings.supplies.iter().any(|supply| supply.name == *name)
                    || readings.parts.iter().any(|part| part.name == *name)
            });
        }
        if self.sensors.len() > MAX_REMEMBERED {
            self.sensors.retain(|name, _| readings.temperatures.iter().any(|sensor| sensor.name == *name));
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

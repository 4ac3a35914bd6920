//! What physically happened to a simulated printer, whatever its chips say of it: for those who check
//! that a reader of the chips comes to the right conclusions.

use std::collections::VecDeque;
use std::time::Duration;

use platen_protocol::readings::SwitchMeaning;
use platen_protocol::supply::SupplyType;
use serde::{Deserialize, Serialize};

use platen_hal::sim_command::Fault;

/// The most conditions, replacements, jobs and refusals that are kept of each; older ones make room.
pub const MAX_KEPT: usize = 10_000;

/// Everything, at one moment. Times are on the printer's clock, from its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Now.
    pub at: Duration,
    /// Pages that were printed since the start.
    pub pages: u64,
    /// What the engine counts.
    pub counters: Counters,
    /// In the order of the board file.
    pub supplies: Vec<SupplyTruth>,
    /// Those of the board file, in its order.
    pub parts: Vec<PartTruth>,
    /// In the order of the board file.
    pub temperatures: Vec<TemperatureTruth>,
    /// Whether it sleeps.
    pub asleep: bool,
    /// The engine's firmware, where its controller is on the board.
    pub firmware: Option<FirmwareTruth>,
    /// Faults and states of switches, by their beginning.
    pub conditions: Vec<Condition>,
    /// What was taken out and put in, by its time.
    pub replacements: Vec<Replacement>,
    /// What was printed, by its end.
    pub jobs: Vec<Job>,
    /// Steps of a scenario that the printer could not do when they were due.
    pub refusals: Vec<Refusal>,
}

/// What the engine counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Pages.
    pub impressions: u32,
    /// Those in colour.
    pub full_color: u32,
    /// Those in one colour.
    pub monochrome: u32,
    /// Sheets of paper.
    pub sheets: u32,
    /// How often it was switched on.
    pub power_ons: u32,
    /// The same by size of paper, and sheets with two printed sides, where the engine counts them.
    #[serde(default, skip_serializing_if = "BySize::is_none")]
    pub by_size: BySize,
}

/// What an engine with billing counters counts beside the rest: two sizes of paper, each in one colour and in colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BySize {
    /// Impressions in one colour on A4.
    pub a4_monochrome: u32,
    /// Impressions in colour on A4.
    pub a4_full_color: u32,
    /// Impressions in one colour on A3.
    pub a3_monochrome: u32,
    /// Impressions in colour on A3.
    pub a3_full_color: u32,
    /// Sheets that were printed on both sides.
    pub duplex_sheets: u32,
}

impl BySize {
    /// Whether nothing was counted.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The firmware of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirmwareTruth {
    /// The version of what runs; none while only the bootloader does, or nothing.
    pub running: Option<String>,
    /// The version of the whole image in each bank.
    pub banks: Vec<Option<String>>,
    /// The bank that is started.
    pub active: Option<u8>,
    /// How many pages were written since the simulation began.
    pub pages_written: u64,
}

/// A supply as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SupplyTruth {
    /// Its name on the board.
    pub name: String,
    /// What is left in it, or of a receptacle's space, in thousandths of its capacity.
    pub thousandths: u32,
    /// The same as its chip says; another only when the supply is counterfeit.
    pub told: u32,
    /// Its serial number.
    pub serial: String,
}

/// A part as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartTruth {
    /// Its name on the board.
    pub name: String,
    /// What it is.
    pub part_type: SupplyType,
    /// Impressions, or sheets of feed rollers.
    pub used: u32,
    /// What it is rated for.
    pub rated: u32,
}

/// A temperature as it is, without what its sensor adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TemperatureTruth {
    /// Its name on the board.
    pub name: String,
    /// In thousandths of a degree Celsius.
    pub millidegrees: i32,
}

/// Something out of the ordinary, and how long it lasted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Of what: a name on the board, or `gpio`.
    pub target: String,
    /// What.
    pub what: What,
    /// When it began.
    pub begin: Duration,
    /// When it ended, if it did.
    pub end: Option<Duration>,
}

/// What is out of the ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A fault.
    Fault(Fault),
    /// A switch that is active (of a waste box's presence: that is not), other than one by a page at the
    /// exit.
    Switch(SwitchMeaning),
    /// A slot that is empty while its cartridge or part is changed.
    Out,
}

/// A cartridge or part that was taken out, and what was put in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replacement {
    /// Its name on the board.
    pub target: String,
    /// When the slot was empty.
    pub out: Duration,
    /// When it no longer was.
    pub back: Duration,
    /// The serial number of what was taken out.
    pub old_serial: String,
    /// That of what was put in; the same when it was only re-seated.
    pub new_serial: String,
    /// What was left in the old one, in thousandths of its capacity or life.
    pub residue: u32,
}

/// Pages that were asked for together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job {
    /// When it ended.
    pub end: Duration,
    /// How many pages were asked for.
    pub asked: u32,
    /// How many were printed.
    pub printed: u32,
    /// Why not all of them.
    pub stopped: Option<String>,
}

/// A step of a scenario that could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// When.
    pub at: Duration,
    /// Why.
    pub why: String,
}

/// What is kept of the past.
#[derive(Debug, Default)]
pub(crate) struct History {
    conditions: VecDeque<Condition>,
    replacements: VecDeque<Replacement>,
    jobs: VecDeque<Job>,
    refusals: VecDeque<Refusal>,
}

impl History {
    /// A condition begins.
    pub(crate) fn begin(&mut self, target: &str, what: What, now: Duration) {
        keep(&mut self.conditions, Condition { target: target.to_owned(), what, begin: now, end: None });
    }

    /// The newest condition of that kind that lasts ends.
    pub(crate) fn end(&mut self, target: &str, what: What, now: Duration) {
        let lasting = |condition: &&mut Condition| {
            condition.end.is_none() && condition.what == what && condition.target == target
        };
        if let Some(condition) = self.conditions.iter_mut().rev().find(lasting) {
            condition.end = Some(now);
        }
    }

    pub(crate) fn replaced(&mut self, replacement: Replacement) {
        keep(&mut self.replacements, replacement);
    }

    pub(crate) fn printed(&mut self, job: Job) {
        keep(&mut self.jobs, job);
    }

    pub(crate) fn refused(&mut self, why: String, at: Duration) {
        keep(&mut self.refusals, Refusal { at, why });
    }

    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        self.refusals.iter().cloned().collect()
    }

    pub(crate) fn conditions(&self) -> Vec<Condition> {
        self.conditions.iter().cloned().collect()
    }

    pub(crate) fn replacements(&self) -> Vec<Replacement> {
        self.replacements.iter().cloned().collect()
    }

    pub(crate) fn jobs(&self) -> Vec<Job> {
        self.jobs.iter().cloned().collect()
    }
}

fn keep<T>(kept: &mut VecDeque<T>, new: T) {
    if kept.len() == MAX_KEPT {
        kept.pop_front();
    }
    kept.push_back(new);
}

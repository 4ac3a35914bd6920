//! Rollouts, their waves, devices and log as the pages draw them. Pure.

use jiff::Timestamp;

use super::super::super::view::{RolloutDeviceView, RolloutView, WaveView};
use super::bar::{self, Part};
use crate::rollouts::decide::Counts;
use crate::store::{DeviceStanding, RolloutEntry, RolloutState, RolloutWhat};

/// A rollout with its bar.
pub(super) struct Shown {
    pub(super) view: RolloutView,
    pub(super) parts: Vec<Part>,
    pub(super) percent: u64,
    /// Devices that failed or fell silent, whatever was lifted since.
    pub(super) failed: u64,
}

impl Shown {
    pub(super) fn new(view: RolloutView) -> Self {
        let counts = &view.devices;
        Self { parts: bar::parts(counts), percent: bar::percent(counts), failed: failed(counts), view }
    }

    /// What it rolls out.
    pub(super) fn program_words(&self) -> String {
        format!("{} {}", self.view.program.name, self.view.program.version)
    }

    /// How many devices it is for.
    pub(super) const fn all(&self) -> u64 {
        self.view.devices.all()
    }

    /// The colour of how it stands.
    pub(super) const fn class(&self) -> &'static str {
        match self.view.state {
            RolloutState::Halted => "critical",
            RolloutState::Paused => "warning",
            RolloutState::Running => "forecast",
            RolloutState::Finished => "fine",
            RolloutState::Making | RolloutState::Planned | RolloutState::Cancelled => "silent",
        }
    }

    /// Its waves, with how each stands.
    pub(super) fn waves(&self) -> Vec<Wave> {
        self.view.waves.iter().map(|wave| Wave::new(&self.view, wave)).collect()
    }
}

const fn failed(counts: &Counts) -> u64 {
    counts.failed + counts.silent
}

/// A wave with its bar.
pub(super) struct Wave {
    pub(super) number: usize,
    pub(super) devices: u64,
    pub(super) ended: u64,
    pub(super) failed: u64,
    pub(super) parts: Vec<Part>,
    /// How it stands: the word, and for people.
    pub(super) state: &'static str,
    pub(super) words: &'static str,
    /// When that was.
    pub(super) at: Option<Timestamp>,
}

impl Wave {
    fn new(rollout: &RolloutView, wave: &WaveView) -> Self {
        let is_last_begun = rollout.wave == Some(wave.number);
        let began = rollout.wave_began.filter(|_| is_last_begun);
        let (state, words, at) = match (wave.begun, wave.succeeded) {
            (_, true) => ("succeeded", "succeeded", None),
            (true, false) => ("begun", "began", began),
            (false, false) => ("waits", "has not begun", None),
        };
        Self {
            number: wave.number,
            devices: wave.devices,
            ended: wave.counts.ended(),
            failed: failed(&wave.counts),
            parts: bar::parts(&wave.counts),
            state,
            words,
            at,
        }
    }
}

/// The colour of how a device stands.
pub(super) const fn device_class(line: &RolloutDeviceView) -> &'static str {
    match line.state {
        DeviceStanding::Kept => "done",
        DeviceStanding::Failed => "failed",
        DeviceStanding::Silent => "refused",
        DeviceStanding::Proving | DeviceStanding::UnderWay => "forecast",
        DeviceStanding::Waiting
        | DeviceStanding::Offered
        | DeviceStanding::Skipped
        | DeviceStanding::Held => "",
    }
}

/// All ways in which a device can stand, as choices.
pub(super) const STATES: [(&str, &str); 9] = [
    ("waiting", "Waiting"),
    ("offered", "Offered"),
    ("under_way", "Under way"),
    ("proving", "Kept, to prove themselves"),
    ("kept", "Kept"),
    ("failed", "Failed"),
    ("silent", "Silent"),
    ("skipped", "Skipped"),
    ("held", "Held"),
];

/// What stands in the log, as a sentence.
pub(super) fn sentence(entry: &RolloutEntry) -> String {
    let who = entry.who.as_deref().unwrap_or("The manager");
    let device = entry.device.as_ref();
    let did = match (entry.what, device) {
        (RolloutWhat::Planned, _) => "planned it".to_owned(),
        (RolloutWhat::Started, _) => "started it".to_owned(),
        (RolloutWhat::Paused, _) => "paused it".to_owned(),
        (RolloutWhat::Resumed, _) => "had it go on".to_owned(),
        (RolloutWhat::Halted, _) => "halted it".to_owned(),
        (RolloutWhat::Lifted, _) => "lifted the halt".to_owned(),
        (RolloutWhat::WaveEnded, _) => "saw a wave succeed".to_owned(),
        (RolloutWhat::WaveBegan, _) => "began a wave".to_owned(),
        (RolloutWhat::Finished, _) => "finished it".to_owned(),
        (RolloutWhat::Cancelled, _) => "gave it up".to_owned(),
        (RolloutWhat::Retried, Some(device)) => format!("had {device} try again"),
        (RolloutWhat::Retried, None) => "had those that failed try again".to_owned(),
        (RolloutWhat::Skipped, Some(device)) => format!("left {device} out"),
        (RolloutWhat::Skipped, None) => "left devices out".to_owned(),
    };
    match &entry.words {
        Some(words) => format!("{who} {did}: {words}"),
        None => format!("{who} {did}"),
    }
}

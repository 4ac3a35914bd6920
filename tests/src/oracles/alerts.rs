//! The oracle of alerts: it knows each cause. Each alert needs a cause, each cause that lasts needs its alert.

use std::collections::BTreeMap;
use std::time::Duration;

use platen_agent::judge::Event;
use platen_protocol::alert::{Alert, AlertCode};
use platen_protocol::identity::AlertId;
use platen_simulator::Truth;

use crate::year::catalogue::Episode;

/// After its cause an alert may still come for so long: samples that agree take their time.
const GRACE: Duration = Duration::from_secs(30 * 60);
/// A forecast speaks of what was learnt, and may be told again for so long.
const FORECAST_GRACE: Duration = Duration::from_secs(14 * 24 * 3600);
/// A level that is low for so long must have been told.
const LEVEL_PATIENCE: Duration = Duration::from_secs(2 * 3600);
/// The set values of the board, in thousandths, by supply.
const SET: u32 = 100;
const SET_WASTE: u32 = 50;
/// Parts are told of at 10 % of their life, by the agent's default.
const SET_PARTS: u32 = 100;
/// A level is told in whole percent, and one that counts may have moved by one more since it was read.
const ROUNDING: u32 = 20;
/// More mistakes than this of one printer say nothing new.
const MOST_MISTAKES: usize = 20;

/// Codes that tell of a level, in the order low, at its end.
const LEVEL_CODES: [AlertCode; 10] = [
    AlertCode::MarkerTonerAlmostEmpty,
    AlertCode::MarkerTonerEmpty,
    AlertCode::MarkerWasteTonerReceptacleAlmostFull,
    AlertCode::MarkerWasteTonerReceptacleFull,
    AlertCode::MarkerOpcLifeAlmostOver,
    AlertCode::MarkerOpcLifeOver,
    AlertCode::SubunitLifeAlmostOver,
    AlertCode::SubunitLifeOver,
    AlertCode::MarkerDeveloperAlmostEmpty,
    AlertCode::MarkerDeveloperEmpty,
];

fn is_level(code: AlertCode) -> bool {
    LEVEL_CODES.contains(&code)
}

/// What is known to be wrong, until when.
struct Cause {
    subject: &'static str,
    code: AlertCode,
    until: Option<Duration>,
}

/// The oracle of one printer.
#[derive(Default)]
pub(crate) struct AlertOracle {
    /// Alerts that stand.
    standing: BTreeMap<AlertId, Alert>,
    causes: Vec<Cause>,
    /// The subject of the episode that goes on, and whether it was told.
    active: Option<(Option<&'static str>, bool)>,
    /// Raised since the last comparison, for a level's sake.
    levels: Vec<Alert>,
    /// Since when a level is low, by name.
    low_since: BTreeMap<String, Duration>,
    now: Duration,
    pub(crate) episodes: BTreeMap<&'static str, (u64, u64)>,
    pub(crate) mistakes: Vec<String>,
}

impl AlertOracle {
    pub(crate) fn mistake(&mut self, what: String) {
        if self.mistakes.len() < MOST_MISTAKES {
            self.mistakes.push(what);
        }
    }

    /// An episode begins.
    pub(crate) fn begin(&mut self, episode: &Episode, now: Duration) {
        let expected = episode
            .expects
            .iter()
            .flat_map(|(subject, codes)| codes.iter().map(move |code| (*subject, *code)));
        let causes = expected.chain(episode.allows.iter().copied());
        self.causes.retain(|cause| cause.until.is_none_or(|until| until > now));
        self.causes.extend(causes.map(|(subject, code)| Cause { subject, code, until: None }));
        // What stands already tells of it.
        let told = self.stands(episode);
        self.active = Some((episode.about, told));
        self.episodes.entry(episode.name).or_default().0 += 1;
    }

    fn stands(&self, episode: &Episode) -> bool {
        episode.expects.as_ref().is_some_and(|(subject, codes)| {
            self.standing.values().any(|alert| {
                alert.subject == *subject && codes.contains(&alert.code) && alert.forecast != episode.ends
            })
        })
    }

    /// The episode has lasted as long as it will: it must have been told by now.
    pub(crate) fn due(&mut self, episode: &Episode, seed: u64) {
        let told = self.active.is_some_and(|(_, told)| told) || self.stands(episode);
        if told || episode.expects.is_none() {
            self.episodes.entry(episode.name).or_default().1 += 1;
        } else {
            self.mistake(format!(
                "seed {seed}, {:?}: MISSED {}: {:?}",
                self.now, episode.name, episode.begin
            ));
        }
    }

    /// The episode has ended.
    pub(crate) fn end(&mut self, episode: &Episode, now: Duration) {
        let grace = if episode.ends { GRACE } else { FORECAST_GRACE };
        for cause in self.causes.iter_mut().filter(|cause| cause.until.is_none()) {
            cause.until = Some(now + grace);
        }
        self.active = None;
    }

    /// Its alert must have ended as well.
    pub(crate) fn over(&mut self, episode: &Episode, seed: u64) {
        if episode.ends && self.stands(episode) {
            let standing: Vec<_> = self.standing.values().map(|alert| &alert.description).collect();
            let what = format!("seed {seed}, {:?}: OUTLIVED {}: {standing:?}", self.now, episode.name);
            self.mistake(what);
        }
    }

    /// Somebody changes a cartridge or a part, for which the cover is opened.
    pub(crate) fn changes(&mut self, now: Duration) {
        self.causes.push(Cause { subject: "cover", code: AlertCode::CoverOpen, until: Some(now + GRACE) });
    }

    /// Whether something is wrong with a supply or part just now.
    pub(crate) fn is_troubled(&self, name: &str) -> bool {
        self.active.is_some_and(|(target, _)| target == Some(name))
    }

    /// Takes in what the judge says.
    pub(crate) fn take(&mut self, event: Event, now: Duration) {
        self.now = now;
        match event {
            Event::Raised(alert) => {
                self.standing.insert(alert.id.clone(), (*alert).clone());
                let caused = self
                    .causes
                    .iter()
                    .any(|cause| cause.subject == alert.subject && cause.code == alert.code);
                if let Some((_, told)) = &mut self.active {
                    *told |= caused;
                }
                if !caused {
                    self.levels.push(*alert);
                }
            }
            Event::Cleared { id, .. } => {
                self.standing.remove(&id);
            }
            _ => {}
        }
    }

    /// Compares what was said of levels with what is true.
    pub(crate) fn compare(&mut self, truth: &Truth, seed: u64) {
        self.now = truth.at;
        let left = remaining(truth);
        for alert in std::mem::take(&mut self.levels) {
            let low = left.iter().find(|level| level.name == alert.subject);
            // Printing has stopped when toner is told to be empty, so that it still is what was told.
            let most = if alert.code == AlertCode::MarkerTonerEmpty { Some(0) } else { None };
            let true_ = is_level(alert.code)
                && low.is_some_and(|level| level.thousandths <= most.unwrap_or(level.set + ROUNDING));
            if !true_ {
                let what = format!(
                    "seed {seed}, {:?}: FALSE {} of {}{}: {} (truth {:?})",
                    truth.at,
                    alert.code,
                    alert.subject,
                    if alert.forecast { " (forecast)" } else { "" },
                    alert.description,
                    low.map(|level| level.thousandths)
                );
                self.mistake(what);
            }
        }
        for level in left {
            let told =
                self.standing.values().any(|alert| alert.subject == level.name && is_level(alert.code));
            if level.thousandths + ROUNDING > level.set || told || self.is_troubled(&level.name) {
                self.low_since.remove(&level.name);
                continue;
            }
            let since = *self.low_since.entry(level.name.clone()).or_insert(truth.at);
            if truth.at.saturating_sub(since) > LEVEL_PATIENCE {
                self.low_since.remove(&level.name);
                self.mistake(format!(
                    "seed {seed}, {:?}: MISSED level of {}: {}",
                    truth.at, level.name, level.thousandths
                ));
            }
        }
    }
}

struct Remaining {
    name: String,
    thousandths: u32,
    set: u32,
}

fn remaining(truth: &Truth) -> Vec<Remaining> {
    let supplies = truth.supplies.iter().map(|supply| Remaining {
        name: supply.name.clone(),
        thousandths: supply.told,
        set: if supply.name == "waste" { SET_WASTE } else { SET },
    });
    let parts = truth.parts.iter().map(|part| {
        let left = u64::from(part.rated.saturating_sub(part.used)) * 1000 / u64::from(part.rated.max(1));
        Remaining { name: part.name.clone(), thousandths: u32::try_from(left).unwrap(), set: SET_PARTS }
    });
    supplies.chain(parts).collect()
}

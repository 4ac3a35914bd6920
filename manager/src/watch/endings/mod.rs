//! The fourth watch: what ends. Certificates and tokens are good until a moment that is known, and whoever
//! looks at that at the start only finds out when nobody can connect any more.
//!
//! [`Endings`] holds what was found when the manager looked last ([`crate::upkeep`]), for operators, and says
//! what of it is news: each threshold ([`rule`]) once for each end, until something has taken its place.

mod ending;
pub mod rule;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use serde::Serialize;

pub use ending::{Ending, EndingView, What, day};
use rule::EndState;

/// Tokens that are named on a page; the rest are counted. A roll-out has hundreds that end on one day.
const MAX_TOKENS_SHOWN: usize = 3;

/// What happened to something that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewsKind {
    /// Its end has come nearer, or has come.
    Nears,
    /// Its end was told of, and another has taken its place.
    Renewed,
    /// What should take its place is not used.
    Trouble,
    /// That is over.
    TroubleOver,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What happened.
    pub kind: NewsKind,
    /// To what.
    pub what: What,
    /// How near its end is.
    pub state: EndState,
    /// The same for people.
    pub words: String,
}

/// What was told of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    until: Option<Timestamp>,
    state: EndState,
    trouble: Option<String>,
}

/// What is new since it was told of last, and what has been told then.
fn step(told: Option<&Told>, ending: &Ending, now: Timestamp) -> (Told, Vec<News>) {
    let state = ending.state(now);
    let news = |kind, words: String| News { kind, what: ending.what, state, words };
    let mut all = Vec::new();
    let same = told.filter(|told| told.until == ending.until);
    if told.is_some_and(|told| told.state.is_near()) && same.is_none() && !state.is_near() {
        let valid = ending.until.map(|until| format!(", valid until {}", day(until))).unwrap_or_default();
        let words = match ending.what {
            What::Backup => format!("A backup was made: {}.", ending.subject),
            what => format!("The {} was renewed: {}{valid}.", what.words(), ending.subject),
        };
        all.push(news(NewsKind::Renewed, words));
    }
    let before = same.map_or(EndState::Good, |told| told.state);
    let nears = state.is_near() && state > before;
    if nears {
        // With the trouble, if there is any.
        all.extend(ending.words(now).map(|words| news(NewsKind::Nears, words)));
    }
    let troubled = told.and_then(|told| told.trouble.as_ref());
    match &ending.trouble {
        Some(trouble) if troubled != Some(trouble) && !nears => {
            all.extend(ending.words(now).map(|words| news(NewsKind::Trouble, words)));
        }
        None if troubled.is_some() => {
            let words = format!("The {} is in order again.", ending.what.words());
            all.push(news(NewsKind::TroubleOver, words));
        }
        _ => {}
    }
    // A clock that goes back does not make old news new.
    let state = if state.is_near() { state.max(before) } else { before };
    (Told { until: ending.until, state, trouble: ending.trouble.clone() }, all)
}

/// How many devices' certificates are how near their ends. Devices that are shut out do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DeviceCertificates {
    /// Far from their ends.
    pub good: u64,
    /// To end within 30 days.
    pub within_30_days: u64,
    /// To end within 7 days.
    pub within_7_days: u64,
    /// To end within a day.
    pub within_1_day: u64,
    /// Ended.
    pub ended: u64,
}

impl DeviceCertificates {
    /// Counts a device's certificate; how near it is to its end.
    pub fn count(&mut self, issued: Timestamp, expires: Timestamp, now: Timestamp) -> EndState {
        let state = rule::state(Some(issued), expires, now);
        *match state {
            EndState::Within30Days => &mut self.within_30_days,
            EndState::Within7Days => &mut self.within_7_days,
            EndState::Within1Day => &mut self.within_1_day,
            EndState::Ended => &mut self.ended,
            EndState::Good | EndState::NoEnd | EndState::Unknown => &mut self.good,
        } += 1;
        state
    }
}

/// Devices whose certificates came nearer to their ends, all by the same step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceNews {
    /// How near they are now.
    pub state: EndState,
    /// Which.
    pub devices: Vec<DeviceId>,
}

/// What is looked at together.
#[derive(Debug, Default)]
struct Group {
    endings: Vec<Ending>,
    told: BTreeMap<String, Told>,
}

impl Group {
    fn follow(&mut self, endings: Vec<Ending>, now: Timestamp) -> Vec<News> {
        let mut told = BTreeMap::new();
        let mut all = Vec::new();
        for ending in &endings {
            let (next, news) = step(self.told.get(&ending.key), ending, now);
            told.insert(ending.key.clone(), next);
            all.extend(news);
        }
        *self = Self { endings, told };
        all
    }
}

#[derive(Debug, Default)]
struct Held {
    certificates: Group,
    tokens: Group,
    backup: Group,
    devices: DeviceCertificates,
    /// Of devices whose certificates near their ends: which, and what was told.
    told: BTreeMap<DeviceId, (Timestamp, EndState)>,
}

/// What was found when the manager looked last.
#[derive(Debug, Default)]
pub struct Endings {
    /// Held for a look, never across an await.
    held: Mutex<Held>,
}

impl Endings {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are the certificates of the CA and the listeners; what of that is news.
    pub fn certificates(&self, endings: Vec<Ending>, now: Timestamp) -> Vec<News> {
        self.held().certificates.follow(endings, now)
    }

    /// These are the tokens that can still be used, or have just ended; what of that is news.
    pub fn tokens(&self, endings: Vec<Ending>, now: Timestamp) -> Vec<News> {
        self.held().tokens.follow(endings, now)
    }

    /// This is the last backup; what of that is news.
    pub fn backup(&self, ending: Option<Ending>, now: Timestamp) -> Vec<News> {
        self.held().backup.follow(ending.into_iter().collect(), now)
    }

    /// Looks at every device that is let in, which `each` goes through with the beginning and the end of its
    /// certificate; what is news, the nearest ends last.
    pub fn devices(
        &self,
        each: impl FnOnce(&mut dyn FnMut(&DeviceId, Timestamp, Timestamp)),
        now: Timestamp,
    ) -> Vec<DeviceNews> {
        let mut held = self.held();
        let before = std::mem::take(&mut held.told);
        let mut counts = DeviceCertificates::default();
        let mut told = BTreeMap::new();
        let mut news: BTreeMap<EndState, Vec<DeviceId>> = BTreeMap::new();
        each(&mut |device, issued, ends| {
            let state = counts.count(issued, ends, now);
            if !state.is_near() {
                return;
            }
            let last = before.get(device).filter(|(until, _)| *until == ends).map(|(_, state)| *state);
            if last.is_none_or(|last| last < state) {
                news.entry(state).or_default().push(device.clone());
            }
            told.insert(device.clone(), (ends, last.map_or(state, |last| last.max(state))));
        });
        (held.devices, held.told) = (counts, told);
        news.into_iter().map(|(state, devices)| DeviceNews { state, devices }).collect()
    }

    /// All that ends, the CA's and the listeners' certificates first; and how devices' certificates stand.
    pub fn all(&self, now: Timestamp) -> (Vec<EndingView>, DeviceCertificates) {
        let held = self.held();
        let groups = [&held.certificates, &held.backup, &held.tokens];
        let endings = groups.into_iter().flat_map(|group| &group.endings);
        (endings.map(|ending| ending.view(now)).collect(), held.devices)
    }

    /// What operators should know and act on. Of a token that has ended, nobody has to.
    pub fn to_act_on(&self, now: Timestamp) -> Vec<EndingView> {
        let (all, _) = self.all(now);
        let matters = |view: &EndingView| {
            view.words.is_some() && (!view.what.is_token() || view.state != EndState::Ended)
        };
        let (mut certificates, mut tokens): (Vec<_>, Vec<_>) =
            all.into_iter().filter(matters).partition(|view| !view.what.is_token());
        let more = tokens.len().saturating_sub(MAX_TOKENS_SHOWN);
        tokens.truncate(MAX_TOKENS_SHOWN);
        if let Some(words) = tokens.last_mut().and_then(|view| view.words.as_mut()).filter(|_| more > 0) {
            *words = format!("{words} So do {more} more; `platen-manager status` lists all.");
        }
        certificates.append(&mut tokens);
        certificates
    }
}

#[cfg(test)]
mod tests;

//! A line that changes faster than a person, paper or the engine moves it: a stuck button, a chafed wire. Its
//! presses are nobody's wishes, its changes are no news, and one alert tells of the line until it is quiet again.
//! Lines whose own alert may flap are told of by that one alone ([`super::debouncer`]).

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use platen_protocol::alert::{AlertCode, AlertGroup, Severity, Training};
use platen_protocol::readings::{Readings, SwitchMeaning, SwitchReading};

use super::condition::{Aspect, Wording};
use super::finding::{Finding, Verdict};
use super::subject::Subject;

/// A line may become active so often within [`STORM_SPAN`]; from the next time on it storms.
pub const STORM_PRESSES: usize = 30;
/// The presses of a line are counted over so long.
pub const STORM_SPAN: Duration = Duration::from_secs(60);
/// A storm is over when the line has been still for so long.
pub const STORM_QUIET: Duration = Duration::from_secs(60);

/// What each line did of late, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Storms(BTreeMap<String, Line>);

#[derive(Debug, Clone, Default)]
struct Line {
    /// When it became active, at most [`STORM_PRESSES`] times.
    recent: VecDeque<Duration>,
    storms: bool,
}

impl Line {
    fn press(&mut self, at: Duration) {
        if self.is_still(at) {
            *self = Self::default();
        }
        self.recent.retain(|press| at.saturating_sub(*press) < STORM_SPAN);
        self.storms |= self.recent.len() >= STORM_PRESSES;
        if self.recent.len() >= STORM_PRESSES {
            self.recent.pop_front();
        }
        self.recent.push_back(at);
    }

    fn is_still(&self, at: Duration) -> bool {
        self.recent.back().is_none_or(|last| at.saturating_sub(*last) >= STORM_QUIET)
    }
}

impl Storms {
    /// A line became active. Pages at the exit come as fast as the printer prints.
    pub(super) fn press(&mut self, name: &str, meaning: SwitchMeaning, at: Duration) {
        if meaning != SwitchMeaning::PageExit {
            self.0.entry(name.to_owned()).or_default().press(at);
        }
    }

    /// Whether a line storms at a moment.
    pub(super) fn rages(&self, name: &str, at: Duration) -> bool {
        self.0.get(name).is_some_and(|line| line.storms && !line.is_still(at))
    }

    /// What was told, as if it had told of the lines that storm how they are now: that is no news.
    pub(super) fn overlook<'t>(&self, told: &'t Readings, now: &Readings, at: Duration) -> Cow<'t, Readings> {
        let mut seen = Cow::Borrowed(told);
        if told.switches.len() == now.switches.len() {
            for (place, line) in now.switches.iter().enumerate() {
                if self.rages(&line.name, at)
                    && let Some(told) = seen.to_mut().switches.get_mut(place)
                {
                    *told = line.clone();
                }
            }
        }
        seen
    }
}

/// The findings about lines that have no alert of their own.
pub(super) fn findings<'r>(switches: &'r [SwitchReading], storms: &Storms, at: Duration) -> Vec<Finding<'r>> {
    let silent = |switch: &&SwitchReading| words(switch.meaning).is_some();
    switches.iter().filter(silent).map(|switch| finding(switch, storms, at)).collect()
}

fn finding<'r>(switch: &'r SwitchReading, storms: &Storms, at: Duration) -> Finding<'r> {
    let verdict = if storms.rages(&switch.name, at) {
        let (name, what) = (&switch.name, words(switch.meaning).unwrap_or_default());
        let (span, quiet) = (STORM_SPAN.as_secs(), STORM_QUIET.as_secs());
        let text = format!(
            "{name} {what} more than {STORM_PRESSES} times within {span} s: it is stuck or its line is disturbed; \
             nothing is taken from it until it has been still for {quiet} s"
        );
        let rank = (Severity::Warning, Training::FieldService);
        let code = AlertCode::SubunitRecoverableFailure;
        Verdict::holds(Aspect::Storm, Wording::occurred(rank, AlertGroup::GeneralPrinter, code, text))
    } else {
        Verdict::fine("is still again")
    };
    let subject = Subject { name: &switch.name, location: switch.location, ..Subject::default() };
    Finding { subject, kind: Aspect::Storm, verdict, needed: 1 }
}

/// What a line does when it becomes active, if no other alert would tell of it.
fn words(meaning: SwitchMeaning) -> Option<&'static str> {
    match meaning {
        SwitchMeaning::ServiceButton | SwitchMeaning::OrderButton => Some("was pressed"),
        SwitchMeaning::Sleep => Some("became active"),
        _ => None,
    }
}

//! From findings to events: debounce, and the limit to flapping. At most one alert stands for each aspect
//! of each thing.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use platen_protocol::alert::Severity;
use platen_protocol::identity::InvalidId;

use super::Event;
use super::alert::Alerts;
use super::condition::{Aspect, Wording, evidence};
use super::finding::{Finding, Verdict};

/// Raises of one alert are counted over so long.
const FLAP_SPAN: Duration = Duration::from_secs(60 * 60);
/// An alert that flapped ends when nothing has spoken for it for so long.
pub const FLAP_QUIET: Duration = Duration::from_secs(15 * 60);

/// What is between two states, and what came and went of late.
#[derive(Debug, Clone, Default)]
pub(super) struct Debouncer {
    pending: BTreeMap<String, HashMap<Discriminant<Aspect>, Pending>>,
}

#[derive(Debug, Clone, Default)]
struct Pending {
    agreement: Agreement<Option<Aspect>>,
    raises: VecDeque<Duration>,
    /// It flapped, and stands until it is quiet.
    held: bool,
    /// What is said instead of what stands, and since when.
    quiet: Option<(Option<Aspect>, Duration)>,
}

impl Debouncer {
    /// Whether something is in between, so that another sample soon would settle it.
    pub(super) fn undecided(&self) -> bool {
        self.pending
            .values()
            .flat_map(HashMap::values)
            .any(|pending| !pending.held && pending.agreement.undecided())
    }

    /// Nothing of this thing counts any more.
    pub(super) fn forget(&mut self, subject: &str) {
        self.pending.remove(subject);
    }

    /// Takes in what a rule said; alerts rise and end by it.
    pub(super) fn settle(
        &mut self,
        alerts: &mut Alerts,
        finding: Finding<'_>,
        (at, flap_limit): (Duration, u32),
        events: &mut Vec<Event>,
    ) -> Result<(), InvalidId> {
        let Finding { subject, kind, verdict, needed } = finding;
        let before = alerts.of(subject.name, kind);
        let said = match &verdict {
            Verdict::Unknown => None,
            Verdict::Fine(_) => Some(None),
            Verdict::Holds(aspect, _) => Some(Some(*aspect)),
        };
        let Some(said) = said.filter(|said| *said != before) else {
            if let Some(pending) = self.find(subject.name, kind) {
                pending.agreement = Agreement::default();
                pending.quiet = None;
            }
            return Ok(());
        };
        let critical = |severity| severity == Severity::Critical;
        let worse = matches!(&verdict, Verdict::Holds(_, wording) if critical(wording.severity))
            && !alerts.alert(subject.name, kind).is_some_and(|alert| critical(alert.severity));
        let pending = self.entry(subject.name, kind);
        if pending.agreement.observe(Some(said), before, needed).is_none()
            || (!worse && pending.holds_on(said, at))
        {
            return Ok(());
        }
        let why = match &verdict {
            Verdict::Holds(_, wording) => format!("{} is now told of as {}", subject.name, wording.code),
            Verdict::Fine(why) => format!("{} {why}", subject.name),
            Verdict::Unknown => return Ok(()),
        };
        if let Some(id) = alerts.clear(subject.name, kind) {
            events.push(Event::Cleared { id, description: why });
        }
        if let Verdict::Holds(aspect, mut wording) = verdict {
            pending.count_raise(at, flap_limit, &mut wording);
            events.push(Event::Raised(Box::new(alerts.raise(aspect, &subject, *wording)?)));
        }
        Ok(())
    }

    fn find(&mut self, subject: &str, kind: Aspect) -> Option<&mut Pending> {
        let kind = discriminant(&kind);
        self.pending.get_mut(subject)?.get_mut(&kind)
    }

    fn entry(&mut self, subject: &str, kind: Aspect) -> &mut Pending {
        let kind = discriminant(&kind);
        self.pending.entry(subject.to_owned()).or_default().entry(kind).or_default()
    }
}

impl Pending {
    /// Whether an alert that flapped still has to stand although something else is said now. When it has
    /// been quiet it is no longer held.
    fn holds_on(&mut self, said: Option<Aspect>, at: Duration) -> bool {
        if !self.held {
            return false;
        }
        let since = match self.quiet {
            Some((same, since)) if same == said => since,
            _ => at,
        };
        self.quiet = Some((said, since));
        self.held = at.saturating_sub(since) < FLAP_QUIET;
        self.held
    }

    fn count_raise(&mut self, at: Duration, limit: u32, wording: &mut Wording) {
        self.raises.retain(|raise| at.saturating_sub(*raise) < FLAP_SPAN);
        self.raises.push_back(at);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        while self.raises.len() > limit {
            self.raises.pop_front();
        }
        self.quiet = None;
        self.held = self.raises.len() >= limit;
        if self.held {
            let minutes = FLAP_QUIET.as_secs() / 60;
            wording.description = format!(
                "{}; raised {limit} times within an hour, so it stays until it has been quiet for {minutes} min",
                wording.description
            );
            let (observed, expected) = (limit as u64, None);
            wording.evidence.push(evidence("raises of this alert", "within an hour", observed, expected));
        }
    }
}

/// Counts samples that agree on a state other than the present one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Agreement<T> {
    candidate: Option<(T, u32)>,
}

impl<T> Default for Agreement<T> {
    fn default() -> Self {
        Self { candidate: None }
    }
}

impl<T: Copy + PartialEq> Agreement<T> {
    /// Takes one sample's opinion; returns it when `needed` samples in a row held it against
    /// `present`. `None`, an unknown reading, breaks the row.
    fn observe(&mut self, opinion: Option<T>, present: T, needed: u32) -> Option<T> {
        let Some(opinion) = opinion.filter(|opinion| *opinion != present) else {
            self.candidate = None;
            return None;
        };
        let seen = match self.candidate {
            Some((candidate, seen)) if candidate == opinion => seen.saturating_add(1),
            _ => 1,
        };
        if seen >= needed.max(1) {
            self.candidate = None;
            return Some(opinion);
        }
        self.candidate = Some((opinion, seen));
        None
    }

    /// Whether a row has begun and is not complete.
    fn undecided(&self) -> bool {
        self.candidate.is_some()
    }
}

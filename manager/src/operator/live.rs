//! What open pages follow. A page is told which devices and rollouts changed, and whether what needs a person did, and asks
//! again for what is on its screen.
//!
//! All pages hear the same few messages: the first change at once, then what changed within a second as one. A row that
//! several pages ask for is drawn once after each change, and numbers of the whole fleet, which take longer the larger it
//! is, are worked out for all pages that look at the same, and no oftener than they are worth. So a fleet in which a
//! thousand devices change every second costs a hundred pages no more than a few rows each.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use platen_protocol::identity::DeviceId;
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::problem::Refusal;
use crate::inform::{Event, Informer, NOW};
use crate::store::{FleetCounts, FleetFilter, FleetOrder, RolloutId, Scope, Store, StoreError};

/// Between two messages, in which changes are gathered.
const GATHER: Duration = Duration::from_secs(1);
/// After a quiet time, what follows the first change so closely comes with it.
const CLOSELY: Duration = Duration::from_millis(20);
/// Messages that a page may be behind before it is told to look at everything.
const BEHIND: usize = 16;
/// Devices that are named in a message; of more, the page is told that all may have changed.
const MAX_NAMED: usize = 5_000;
/// Devices of which it is remembered when they changed, and whose rows are kept.
const MAX_REMEMBERED: usize = 20_000;
/// A row tells ages in seconds: it is drawn again after this.
const ROW_FOR: Duration = Duration::from_secs(1);
/// Different questions about the whole fleet whose answers are kept.
const MAX_QUESTIONS: usize = 100;
/// An answer is good for so many times the time that it took: all pages together that ask one question take no more
/// than a 200th of a processor for it.
const WORTH: u32 = 200;
/// But at least and at most so long.
const AT_LEAST: Duration = Duration::from_millis(200);
const AT_MOST: Duration = Duration::from_secs(30);
/// Devices at the head of a list by which a page sees that there are new ones.
pub(super) const HEAD: u32 = 50;

/// What pages are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Told {
    /// These changed.
    Named(Named),
    /// Anything may have changed.
    All { all: bool },
}

/// What all pages are told, with its text.
#[derive(Debug)]
pub(super) struct Message {
    told: Told,
    text: Arc<str>,
}

impl Message {
    fn new(told: Told) -> Option<Self> {
        let text = serde_json::to_string(&told).ok()?.into();
        Some(Self { told, text })
    }

    /// As much of it as somebody may hear, if that is anything.
    pub(super) async fn within(&self, store: &Store, scope: &Scope) -> Result<Option<Arc<str>>, StoreError> {
        let Told::Named(named) = &self.told else { return Ok(Some(Arc::clone(&self.text))) };
        if *scope == Scope::All {
            return Ok(Some(Arc::clone(&self.text)));
        }
        let devices = store.within(scope, named.devices.clone()).await?;
        let mut rollouts = BTreeSet::new();
        for rollout in &named.rollouts {
            if store.rollout(scope, rollout.clone()).await?.is_some() {
                rollouts.insert(rollout.clone());
            }
        }
        let now = named.now && (named.devices.is_empty() || !devices.is_empty());
        let is_any = now || !devices.is_empty() || !rollouts.is_empty();
        Ok(is_any
            .then(|| Self::new(Told::Named(Named { devices, rollouts, now })).map(|one| one.text))
            .flatten())
    }
}

/// What changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Named {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    devices: BTreeSet<DeviceId>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    rollouts: BTreeSet<RolloutId>,
    /// Whether what needs a person may have changed.
    #[serde(skip_serializing_if = "is_false")]
    now: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What one event is about.
enum About {
    /// A device, and whether what needs a person may have changed with it.
    Device(DeviceId, bool),
    Rollout(RolloutId),
    /// What needs a person, of no one device.
    Now,
    /// Anything.
    All,
}

impl About {
    fn of(event: &Event) -> Self {
        match (&event.device, &event.rollout) {
            (Some(device), _) => Self::Device(device.clone(), event.concerns_now()),
            (None, Some(rollout)) => Self::Rollout(rollout.clone()),
            (None, None) if event.kind == NOW => Self::Now,
            (None, None) => Self::All,
        }
    }
}

/// How a device's row is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// As a card.
    Card,
    /// As a line of a table.
    Line,
}

/// Numbers of the whole fleet, as far as somebody asked for it.
pub(super) struct Overview {
    /// How many devices there are.
    pub(super) counts: FleetCounts,
    /// The first of them.
    pub(super) head: Vec<DeviceId>,
    /// How many changes were known when it was worked out.
    changes: u64,
    worked_out: Instant,
    good_for: Duration,
}

struct Row {
    html: Arc<str>,
    changes: u64,
    drawn: Instant,
}

/// Which changes are known, and what was drawn.
#[derive(Default)]
struct Rows {
    /// The number of the last change of each device.
    changed: HashMap<DeviceId, u64>,
    /// A change of any device that is not among them may be so new.
    forgotten: u64,
    drawn: HashMap<(DeviceId, Shape), Row>,
}

type Question = (FleetFilter, FleetOrder);
/// Held by the one who works it out, while others wait for the answer.
type Answer = Arc<tokio::sync::Mutex<Option<Arc<Overview>>>>;

/// What open pages follow.
pub(super) struct Live {
    told: broadcast::Sender<Arc<Message>>,
    /// How many changes there were.
    changes: AtomicU64,
    /// Held for a look-up, never across an await.
    rows: Mutex<Rows>,
    /// Held for a look-up, never across an await.
    answers: Mutex<HashMap<Question, Answer>>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            told: broadcast::channel(BEHIND).0,
            changes: AtomicU64::new(0),
            rows: Mutex::default(),
            answers: Mutex::default(),
        }
    }
}

fn add(told: Option<Told>, about: About) -> Told {
    let mut named = match told {
        None => Named::default(),
        Some(Told::Named(named)) if named.devices.len() + named.rollouts.len() < MAX_NAMED => named,
        Some(_) => return Told::All { all: true },
    };
    match about {
        About::Device(device, now) => {
            named.devices.insert(device);
            named.now |= now;
        }
        About::Rollout(rollout) => drop(named.rollouts.insert(rollout)),
        About::Now => named.now = true,
        About::All => return Told::All { all: true },
    }
    Told::Named(named)
}

impl Live {
    /// Listens for what pages are told.
    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<Message>> {
        self.told.subscribe()
    }

    /// Follows what happens, until the manager stops.
    pub(super) async fn follow(&self, informer: &Informer, stop: &CancellationToken) {
        let mut coming = informer.subscribe(None).coming;
        let mut waiting: Option<Told> = None;
        let mut next = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                received = coming.recv() => {
                    let about = match received {
                        Ok(event) => About::of(&event),
                        // What was missed may have been anything.
                        Err(broadcast::error::RecvError::Lagged(_)) => About::All,
                        Err(broadcast::error::RecvError::Closed) => return,
                    };
                    match &about {
                        About::Device(device, _) => self.note(Some(device)),
                        About::All => self.note(None),
                        // No row of the fleet shows it.
                        About::Rollout(_) | About::Now => {}
                    }
                    if waiting.is_none() {
                        next = next.max(Instant::now() + CLOSELY);
                    }
                    waiting = Some(add(waiting, about));
                }
                () = tokio::time::sleep_until(next), if waiting.is_some() => {
                    if let Some(message) = waiting.take().and_then(Message::new) {
                        // An error says that no page is open.
                        let _ = self.told.send(Arc::new(message));
                    }
                    next = Instant::now() + GATHER;
                }
            }
        }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A device changed, or any.
    fn note(&self, device: Option<&DeviceId>) {
        let change = self.changes.fetch_add(1, Ordering::Relaxed) + 1;
        let mut rows = self.rows();
        match device {
            Some(device) if rows.changed.len() < MAX_REMEMBERED => {
                rows.changed.insert(device.clone(), change);
            }
            _ => {
                rows.changed.clear();
                rows.drawn.clear();
                rows.forgotten = change;
            }
        }
    }

    /// How many changes there were: to be asked before a row is looked up that is kept afterwards.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// The row of a device, if it is drawn as it is now.
    pub(super) fn drawn(&self, device: &DeviceId, shape: Shape, now: Instant) -> Option<Arc<str>> {
        let rows = self.rows();
        let row = rows.drawn.get(&(device.clone(), shape))?;
        let changed = rows.changed.get(device).copied().unwrap_or(rows.forgotten);
        (row.changes >= changed && now.duration_since(row.drawn) < ROW_FOR).then(|| Arc::clone(&row.html))
    }

    /// Keeps a row that was looked up after so many changes.
    pub(super) fn keep(&self, device: DeviceId, shape: Shape, html: Arc<str>, changes: u64, now: Instant) {
        let mut rows = self.rows();
        if rows.drawn.len() >= MAX_REMEMBERED {
            rows.drawn.clear();
        }
        rows.drawn.insert((device, shape), Row { html, changes, drawn: now });
    }

    /// Numbers of the whole fleet, as they were a moment ago; and when to ask again, if something has changed since.
    pub(super) async fn overview(
        &self,
        store: &Store,
        scope: &Scope,
        question: Question,
    ) -> Result<(Arc<Overview>, Option<Duration>), Refusal> {
        if *scope != Scope::All {
            let overview = self.work_out(store, scope, question).await?;
            let again = overview.good_for;
            return Ok((overview, Some(again)));
        }
        let answer = self.answer(question.clone());
        let mut answer = answer.lock().await;
        let age = |known: &Overview| known.worked_out.elapsed();
        match &*answer {
            Some(known) if known.changes == self.changes() && age(known) < AT_MOST => {
                Ok((Arc::clone(known), None))
            }
            Some(known) if age(known) < known.good_for => {
                Ok((Arc::clone(known), Some(known.good_for.saturating_sub(age(known)))))
            }
            _ => {
                let worked_out = self.work_out(store, scope, question).await?;
                *answer = Some(Arc::clone(&worked_out));
                Ok((worked_out, None))
            }
        }
    }

    fn answer(&self, question: Question) -> Answer {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MAX_QUESTIONS && !answers.contains_key(&question) {
            answers.clear();
        }
        Arc::clone(answers.entry(question).or_default())
    }

    async fn work_out(
        &self,
        store: &Store,
        scope: &Scope,
        question: Question,
    ) -> Result<Arc<Overview>, Refusal> {
        let (begun, changes) = (Instant::now(), self.changes());
        let counts = store.fleet_counts(scope, question.0.clone()).await?;
        let head = store.fleet_head(scope, question, HEAD).await?;
        let worked_out = Instant::now();
        let good_for = (worked_out.duration_since(begun) * WORTH).clamp(AT_LEAST, AT_MOST);
        Ok(Arc::new(Overview { counts, head, changes, worked_out, good_for }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str) -> DeviceId {
        name.parse().unwrap()
    }

    fn event(name: &str) -> Event {
        Event::new("readings", device(name), "2026-11-22T10:00:00Z".parse().unwrap())
    }

    #[tokio::test]
    async fn the_first_change_is_told_at_once_and_a_thousand_others_as_one() {
        let (live, informer) = (Arc::new(Live::default()), Arc::new(Informer::new().unwrap()));
        let stop = CancellationToken::new();
        let mut told = live.listen();
        let (follows, of, until) = (Arc::clone(&live), Arc::clone(&informer), stop.clone());
        let followed = tokio::spawn(async move { follows.follow(&of, &until).await });
        tokio::task::yield_now().await;
        informer.publish(event("lobby"));
        assert_eq!(&*told.recv().await.unwrap().text, r#"{"devices":["lobby"]}"#);
        for number in 0..1000 {
            informer.publish(event(&format!("d{}", number % 3)));
        }
        assert_eq!(&*told.recv().await.unwrap().text, r#"{"devices":["d0","d1","d2"]}"#);
        let rollout: RolloutId = "r-1".parse().unwrap();
        informer.publish(Event::of_rollout(rollout, "2026-11-22T10:00:00Z".parse().unwrap()));
        informer.publish(Event { kind: "alert_raised", ..event("lobby") });
        let told_now = r#"{"devices":["lobby"],"rollouts":["r-1"],"now":true}"#;
        assert_eq!(&*told.recv().await.unwrap().text, told_now);
        informer.publish(Event::of_store(false, "2026-11-22T10:00:00Z".parse().unwrap()));
        informer.publish(event("lobby"));
        assert_eq!(&*told.recv().await.unwrap().text, r#"{"all":true}"#);
        stop.cancel();
        followed.await.unwrap();
    }

    #[test]
    fn what_needs_a_person_is_told_apart_from_what_changes_every_second() {
        let at = "2026-11-22T10:00:00Z".parse().unwrap();
        let told = |event: &Event| serde_json::to_string(&add(None, About::of(event))).unwrap();
        assert_eq!(told(&Event::of_now(None, at)), r#"{"now":true}"#);
        let of_item = Event::of_now(Some((7, Some(device("lobby")))), at);
        assert_eq!(told(&of_item), r#"{"devices":["lobby"],"now":true}"#);
        assert_eq!(told(&event("lobby")), r#"{"devices":["lobby"]}"#);
    }

    #[test]
    fn a_row_is_drawn_again_after_a_change_that_came_while_it_was_looked_up() {
        let live = Live::default();
        let (lobby, now) = (device("lobby"), Instant::now());
        let before = live.changes();
        live.note(Some(&lobby));
        live.keep(lobby.clone(), Shape::Card, "old".into(), before, now);
        assert_eq!(live.drawn(&lobby, Shape::Card, now), None);
        live.keep(lobby.clone(), Shape::Card, "new".into(), live.changes(), now);
        live.note(Some(&device("other")));
        assert_eq!(live.drawn(&lobby, Shape::Card, now).as_deref(), Some("new"));
        assert_eq!(live.drawn(&lobby, Shape::Line, now), None);
        assert_eq!(live.drawn(&lobby, Shape::Card, now + ROW_FOR), None);
        live.note(None);
        assert_eq!(live.drawn(&lobby, Shape::Card, now), None);
    }
}

//! Tells operators' programs and pages what happened, as it happens.
//!
//! Events live in memory: a ring for those who come back, and a bounded broadcast for those who
//! listen. Whoever was away longer than the ring, or across a restart, or too slow, is told to look
//! again (`resync`) rather than left with a hole.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use platen_protocol::alert::Alert;
use platen_protocol::device_to_manager::{Order, Outcome, Replacement, Report, ReportBody, ServiceCall};
use platen_protocol::identity::{AlertId, CommandId, DeviceId, Epoch};
use platen_protocol::stamp::Stamp;
use serde::Serialize;
use tokio::sync::broadcast;

use crate::contact::ContactState;
use crate::ingest::Loss;
use crate::ingest::clone::CloneSign;
use crate::ingest::loss::in_words;
use crate::secret::{self, NoRandom};
use crate::store::{CommandState, Hint, OrderState, RolloutId, ServiceCallState, Teller};
use crate::watch::Finding;

/// Events that are kept for those who come back.
const RING: usize = 1024;
/// Events that a listener may be behind before it is told to look again.
const BEHIND: usize = 1024;
/// The kind that says that everything is to be looked at again; it is no event of its own.
pub const RESYNC: &str = "resync";
/// The kind that tells of programs, of a device's or of all.
pub const PROGRAM: &str = "program";
/// The kind that tells of a rollout.
pub const ROLLOUT: &str = "rollout";
/// The kind that tells that somebody did something with what needs a person.
pub const NOW: &str = "now";
/// Kinds of events by which what needs a person may change.
const OF_NOW: [&str; 16] = [
    "started",
    "alert_raised",
    "alert_cleared",
    "alerts_standing",
    "service_call",
    "service_call_changed",
    "order",
    "order_changed",
    "watch",
    "watch_over",
    "identity",
    "superseded",
    "clone",
    "details",
    "deleted",
    NOW,
];
/// The kinds of events.
const KINDS: [&str; 27] = [
    "started",
    "alert_raised",
    "alert_cleared",
    "alerts_standing",
    "service_call",
    "order",
    "replacement",
    "utilisation",
    "readings",
    "outcome",
    "outbox_replaced",
    "contact",
    "command",
    "service_call_changed",
    "order_changed",
    "gap",
    "watch",
    "watch_over",
    "store",
    "identity",
    "certificate_ends",
    "superseded",
    "clone",
    "ending",
    PROGRAM,
    ROLLOUT,
    NOW,
];
/// Bytes of the word that tells one run of the manager from another.
const RUN_BYTES: usize = 4;

/// Something that happened, for pages and programs that listen. A thousand of them are kept: what most of them have not is
/// in a box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Event {
    /// Identifies the event; hand it back as `Last-Event-ID`.
    pub id: String,
    /// `started`, `alert_raised`, `alert_cleared`, `alerts_standing`, `service_call`, `order`, `replacement`, `utilisation`,
    /// `readings`, `outcome`, `contact`, `command`, `service_call_changed`, `order_changed`, `gap`, `watch`,
    /// `watch_over`, `store`, `identity` (it was let in, shut out, readmitted or retired), `details` (operators said
    /// something else about it), `deleted`, `certificate_ends`, `arrival` (it waits with a certificate that is newer than the
    /// backup that this manager was restored from), `restored` (what operators decided about that), `superseded` (a
    /// certificate is used that the device has replaced), `clone`, `noisy` (it is over one of its quotas), `program` (a program
    /// that it is to have, has or has tried; without a device, what there is), `rollout` (how a
    /// rollout stands, or how many of its devices stand how), `now` (somebody did something with what needs a person) or `ending` (a
    /// certificate of the manager, or a token,
    /// nears its end or was renewed).
    pub kind: &'static str,
    /// Which device it is about; all of them, if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// When the manager learned of it.
    pub time: Timestamp,
    /// Of a report: the life of the device's outbox that numbered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// Of a report: its sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Of a report: the device's stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<Box<Stamp>>,
    /// Of a report: whether the board is a simulated one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated: Option<bool>,
    /// The alert that was raised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<Box<Alert>>,
    /// The alert that was cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_id: Option<AlertId>,
    /// What a person at the device asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_call: Option<Box<ServiceCall>>,
    /// Which service call somebody did something with, or opened at the desk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_call_id: Option<i64>,
    /// The state that it has from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_call_state: Option<ServiceCallState>,
    /// What a person at the device orders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Box<Order>>,
    /// What an operator made of an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_state: Option<OrderState>,
    /// What was changed or put back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<Box<Replacement>>,
    /// How a command ended, as the device says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Box<Outcome>>,
    /// Which command changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandId>,
    /// To what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_state: Option<CommandState>,
    /// How the device can be reached now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactState>,
    /// What tells that two machines are using one identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clone: Option<Box<CloneSign>>,
    /// When the device's certificate ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_ends: Option<Timestamp>,
    /// First and last sequence that are lost; between them some may not be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<(u64, u64)>,
    /// What a watch found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<Box<Finding>>,
    /// Whether anything can be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storing: Option<bool>,
    /// What is lost, run by run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<Loss>,
    /// The item of what needs a person with which somebody did something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<i64>,
    /// Which rollout changed; any, if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutId>,
    /// What happened, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

impl Event {
    /// An event of a kind about a device; the id is given when it is published.
    pub fn new(kind: &'static str, device: DeviceId, time: Timestamp) -> Self {
        Self::about(kind, Some(device), time)
    }

    fn about(kind: &'static str, device: Option<DeviceId>, time: Timestamp) -> Self {
        Self {
            id: String::new(),
            kind,
            device,
            time,
            epoch: None,
            sequence: None,
            taken: None,
            simulated: None,
            alert: None,
            alert_id: None,
            service_call: None,
            service_call_id: None,
            service_call_state: None,
            order: None,
            order_state: None,
            replacement: None,
            outcome: None,
            command: None,
            command_state: None,
            contact: None,
            clone: None,
            certificate_ends: None,
            gap: None,
            finding: None,
            storing: None,
            losses: Vec::new(),
            item: None,
            rollout: None,
            words: None,
        }
    }

    /// Whether anything can be stored changed: that concerns every device.
    pub fn of_store(storing: bool, time: Timestamp) -> Self {
        Self { storing: Some(storing), ..Self::about("store", None, time) }
    }

    /// A certificate of the manager, or a token, nears its end, or was renewed.
    pub fn of_ending(words: String, time: Timestamp) -> Self {
        Self { words: Some(words), ..Self::about("ending", None, time) }
    }

    /// Operators decided about devices that are newer than the backup that this manager was restored from.
    pub fn of_restored(time: Timestamp) -> Self {
        Self::about("restored", None, time)
    }

    /// Programs were published, revoked or renewed.
    pub fn of_programs(time: Timestamp) -> Self {
        Self::about(PROGRAM, None, time)
    }

    /// What is offered to a device, what runs on it, or how an attempt goes has changed.
    pub fn of_program(device: DeviceId, time: Timestamp) -> Self {
        Self::new(PROGRAM, device, time)
    }

    /// How a rollout stands, or its devices, has changed.
    pub fn of_rollout(rollout: RolloutId, time: Timestamp) -> Self {
        Self { rollout: Some(rollout), ..Self::about(ROLLOUT, None, time) }
    }

    /// Somebody did something with what needs a person, or something followed from the time alone.
    pub fn of_now(item: Option<(i64, Option<DeviceId>)>, time: Timestamp) -> Self {
        let (item, device) = item.map_or((None, None), |(item, device)| (Some(item), device));
        Self { item, ..Self::about(NOW, device, time) }
    }

    /// Whether what needs a person may have changed by it.
    pub fn concerns_now(&self) -> bool {
        OF_NOW.contains(&self.kind)
    }

    /// Reports of an epoch are lost.
    pub fn of_losses(device: DeviceId, epoch: Epoch, losses: Vec<Loss>, time: Timestamp) -> Self {
        let first = losses.first().map(|loss| loss.first);
        let gap = first.zip(losses.last().and_then(|loss| loss.last));
        let words = Some(in_words(&losses));
        Self { epoch: Some(epoch), gap, losses, words, ..Self::new("gap", device, time) }
    }

    /// A report came in.
    pub fn of_report(device: &DeviceId, epoch: &Epoch, report: &Report, time: Timestamp) -> Self {
        let mut event = Self {
            epoch: Some(epoch.clone()),
            sequence: Some(report.sequence),
            taken: Some(Box::new(report.taken.clone())),
            simulated: Some(report.simulated),
            ..Self::new(report.body.kind(), device.clone(), time)
        };
        match &report.body {
            ReportBody::AlertRaised { alert } => event.alert = Some(Box::new(alert.clone())),
            ReportBody::AlertCleared { alert_id, .. } => event.alert_id = Some(alert_id.clone()),
            ReportBody::ServiceCall(call) => event.service_call = Some(Box::new(call.clone())),
            ReportBody::Order(order) => event.order = Some(Box::new(order.clone())),
            ReportBody::Replacement(replacement) => event.replacement = Some(replacement.clone()),
            ReportBody::Outcome(outcome) => event.outcome = Some(Box::new(outcome.clone())),
            ReportBody::Started(_)
            | ReportBody::AlertsStanding { .. }
            | ReportBody::Utilisation(_)
            | ReportBody::Readings(_)
            | ReportBody::OutboxReplaced(_)
            | ReportBody::Program { .. } => {}
        }
        event
    }

    /// A command changed.
    pub fn of_command(device: DeviceId, command: CommandId, state: CommandState, time: Timestamp) -> Self {
        Self { command: Some(command), command_state: Some(state), ..Self::new("command", device, time) }
    }
}

/// What a listener begins with.
pub struct Subscription {
    /// What it missed.
    pub missed: Vec<Arc<Event>>,
    /// Whether it missed more than is known here.
    pub resync: bool,
    /// What comes.
    pub coming: broadcast::Receiver<Arc<Event>>,
}

struct Ring {
    events: VecDeque<Arc<Event>>,
    published: u64,
}

/// Tells everyone.
pub struct Informer {
    run: String,
    /// Held while an event is numbered, kept and sent, so that who subscribes misses none and gets
    /// none twice.
    ring: Mutex<Ring>,
    listeners: broadcast::Sender<Arc<Event>>,
    /// Tells the other managers, where there are some.
    others: OnceLock<Teller>,
}

impl Informer {
    /// Nothing has happened yet.
    pub fn new() -> Result<Self, NoRandom> {
        Ok(Self {
            run: secret::random_hex::<RUN_BYTES>()?,
            ring: Mutex::new(Ring { events: VecDeque::with_capacity(RING), published: 0 }),
            listeners: broadcast::channel(BEHIND).0,
            others: OnceLock::new(),
        })
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on other managers are told what happens here.
    pub fn tell_others(&self, teller: Teller) {
        // There is one only: it is told once, at the start.
        let _ = self.others.set(teller);
    }

    /// Numbers, keeps and sends an event, and tells other managers that there was one.
    pub fn publish(&self, event: Event) {
        self.hint(event.kind, event.device.as_ref());
        self.publish_here(event);
    }

    /// Other managers are to look at something of a device anew.
    pub fn hint(&self, kind: &str, device: Option<&DeviceId>) {
        if let Some(teller) = self.others.get() {
            teller.tell(Hint(kind.to_owned(), device.cloned()));
        }
    }

    /// Something happened at another manager; what it was is to be read.
    pub fn publish_from_elsewhere(&self, kind: &str, device: Option<DeviceId>, time: Timestamp) {
        // What a later version tells is shown by looking at everything.
        let known = KINDS.iter().find(|known| **known == kind).copied().unwrap_or("identity");
        self.publish_here(Event::about(known, device, time));
    }

    /// Whoever listens is to look at everything again.
    pub fn everything_may_have_changed(&self) {
        let mut ring = self.ring();
        ring.events.clear();
        // Who is behind is told to look again; nobody is not, after so many.
        ring.published += RING as u64 + 1;
        drop(ring);
        self.publish_here(Event::about(RESYNC, None, crate::clock::now()));
    }

    /// Numbers, keeps and sends an event to those who listen here.
    fn publish_here(&self, mut event: Event) {
        let mut ring = self.ring();
        ring.published += 1;
        event.id = format!("{}-{}", self.run, ring.published);
        let event = Arc::new(event);
        if ring.events.len() == RING {
            ring.events.pop_front();
        }
        ring.events.push_back(Arc::clone(&event));
        // An error says that nobody listens.
        let _ = self.listeners.send(event);
    }

    /// Listens, from the event after `last` when that is given.
    pub fn subscribe(&self, last: Option<&str>) -> Subscription {
        let ring = self.ring();
        let coming = self.listeners.subscribe();
        let Some(last) = last else {
            return Subscription { missed: Vec::new(), resync: false, coming };
        };
        let seen = last
            .split_once('-')
            .filter(|(run, _)| *run == self.run)
            .and_then(|(_, number)| number.parse::<u64>().ok())
            .filter(|number| *number <= ring.published);
        let kept = ring.events.len() as u64;
        match seen {
            Some(seen) if ring.published - seen <= kept => {
                let skip = usize::try_from(kept - (ring.published - seen)).unwrap_or(usize::MAX);
                Subscription {
                    missed: ring.events.iter().skip(skip).cloned().collect(),
                    resync: false,
                    coming,
                }
            }
            _ => Subscription { missed: Vec::new(), resync: true, coming },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &'static str) -> Event {
        Event::new(kind, "d".parse().unwrap(), "2026-11-22T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn who_comes_back_gets_what_was_missed_and_no_more() {
        let informer = Informer::new().unwrap();
        informer.publish(event("started"));
        informer.publish(event("readings"));
        informer.publish(event("utilisation"));
        let first = format!("{}-1", informer.run);
        let subscription = informer.subscribe(Some(&first));
        let kinds: Vec<_> = subscription.missed.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["readings", "utilisation"]);
        assert!(!subscription.resync);
        assert!(informer.subscribe(None).missed.is_empty());
    }

    #[test]
    fn an_order_and_a_replacement_are_told_with_what_they_are_about() {
        use crate::sample;
        let of = |body| {
            let (device, epoch) = ("d".parse().unwrap(), "e".parse().unwrap());
            Event::of_report(&device, &epoch, &sample::report(1, body), event("x").time)
        };
        let order = sample::order("o1", 2);
        let told = of(ReportBody::Order(order.clone()));
        assert_eq!((told.kind, told.order), ("order", Some(Box::new(order))));
        let told = of(ReportBody::Replacement(Box::new(sample::replacement())));
        assert_eq!((told.kind, told.replacement), ("replacement", Some(Box::new(sample::replacement()))));
    }

    #[test]
    fn who_was_away_too_long_or_across_a_restart_is_told_to_look_again() {
        let informer = Informer::new().unwrap();
        for _ in 0..RING + 2 {
            informer.publish(event("readings"));
        }
        assert!(informer.subscribe(Some(&format!("{}-1", informer.run))).resync);
        assert!(!informer.subscribe(Some(&format!("{}-2", informer.run))).resync);
        for other in ["another-3", "", "7", &format!("{}-99999", informer.run)] {
            assert!(informer.subscribe(Some(other)).resync, "{other}");
        }
    }
}

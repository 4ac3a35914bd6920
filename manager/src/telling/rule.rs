//! Whom an event concerns, and when they are told. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::event::{Event, EventClass, Grade};
use crate::rollouts::window::{Opening, Window, zone};

/// How often a message that is put off is put off once more: by hours, by a mute, by a pause, each of which may end in
/// another.
const PUT_OFF_AT_MOST: usize = 4;

/// Who is told of what, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name; no other rule has it.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Number of the channel by which it is told.
    pub channel: i64,
    /// Whether it is in use.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Of which kinds of events; none: of all but `service_call_moved`.
    #[serde(default)]
    #[schema(max_items = 9)]
    pub events: Vec<EventClass>,
    /// Of alerts, only those that are so bad; none: of all.
    #[serde(default)]
    #[schema(max_items = 3)]
    pub grades: Vec<Grade>,
    /// Only of devices of these customers; none: of all.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub customers: Vec<i64>,
    /// Only of devices at these sites; none: of all.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub sites: Vec<i64>,
    /// Only of devices with one of these tags; none: of all.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub tags: Vec<String>,
    /// It must have lasted so many seconds. What is over before is never told.
    #[serde(default)]
    #[schema(maximum = 604_800)]
    pub after_seconds: u32,
    /// So many seconds it is waited for more of the same site, which is then one message.
    #[serde(default = "minute")]
    #[schema(maximum = 3_600)]
    pub gather_seconds: u32,
    /// At least so many seconds are between two messages about one site.
    #[serde(default = "five_minutes")]
    #[schema(maximum = 86_400)]
    pub pause_seconds: u32,
    /// Only at these times; what happens otherwise waits for them. Without it at any time.
    #[serde(default)]
    pub hours: Option<Window>,
    /// Whether critical alerts are told at any time.
    #[serde(default)]
    pub critical_at_any_time: bool,
    /// Whether it is told as well when it is over.
    #[serde(default = "yes")]
    pub resolved: bool,
    /// If nobody has taken it so many seconds after it was told, others are told; `null` for never.
    #[serde(default)]
    #[schema(minimum = 60, maximum = 604_800)]
    pub escalate_after_seconds: Option<u32>,
    /// Number of the channel by which those are told.
    #[serde(default)]
    pub escalate_to: Option<i64>,
}

fn yes() -> bool {
    true
}

fn minute() -> u32 {
    60
}

fn five_minutes() -> u32 {
    300
}

/// What of a rule makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleError(String);

/// Where a device is, as far as somebody said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// Whose it is.
    pub customer: Option<i64>,
    /// Where it stands.
    pub site: Option<i64>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Until when it, or its site, is muted.
    pub muted_until: Option<Timestamp>,
}

/// What the time of a message depends on, beside the rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// When a message of the same rule about the same site was sent, or is to be.
    pub last: Option<Timestamp>,
    /// Until when nothing is told of it.
    pub muted_until: Option<Timestamp>,
}

fn seconds(seconds: u32) -> SignedDuration {
    SignedDuration::from_secs(i64::from(seconds))
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

impl Rule {
    /// Whether it makes sense, as far as that can be told without the store.
    pub fn check(&self) -> Result<(), RuleError> {
        let wrong = |words: &str| Err(RuleError(words.to_owned()));
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return wrong("name must have 1 to 100 characters, and no control characters");
        }
        if self.after_seconds > 604_800 || self.gather_seconds > 3_600 || self.pause_seconds > 86_400 {
            return wrong("after_seconds is at most 604800, gather_seconds 3600, pause_seconds 86400");
        }
        if self.customers.len() > 100 || self.sites.len() > 100 || self.tags.len() > 20 {
            return wrong("a rule names at most 100 customers, 100 sites and 20 tags");
        }
        if self.escalate_after_seconds.is_some_and(|after| !(60..=604_800).contains(&after)) {
            return wrong("escalate_after_seconds is from 60 to 604800");
        }
        if self.escalate_after_seconds.is_some() != self.escalate_to.is_some() {
            return wrong(
                "escalate_after_seconds and escalate_to go together: after how long, and by which channel",
            );
        }
        let Some(hours) = &self.hours else { return Ok(()) };
        hours.check().map_err(|error| RuleError(format!("hours: {error}")))?;
        match hours.time_zone.as_deref() {
            Some(name) if jiff::tz::TimeZone::get(name).is_err() => Err(RuleError(format!(
                "hours: there is no time zone {:?}",
                name.chars().take(60).collect::<String>()
            ))),
            _ => Ok(()),
        }
    }

    /// Whether an event is told by it.
    pub fn concerns(&self, event: &Event, whereabouts: &Whereabouts) -> bool {
        let among = |wanted: &[i64], found: Option<i64>| {
            wanted.is_empty() || found.is_some_and(|found| wanted.contains(&found))
        };
        // A proposal follows from an alert, which is told already: it is told to those who ask for orders by name.
        self.enabled
            && (!event.is_proposal() || self.events.contains(&event.class))
            && self.wants(event.class)
            && (self.grades.is_empty() || event.grade.is_none_or(|grade| self.grades.contains(&grade)))
            && among(&self.customers, whereabouts.customer)
            && among(&self.sites, whereabouts.site)
            && (self.tags.is_empty() || self.tags.iter().any(|tag| whereabouts.tags.contains(tag)))
    }

    /// How far technicians are interests those who asked for it: everybody else is told of beginning and end.
    fn wants(&self, class: EventClass) -> bool {
        let named = self.events.contains(&class);
        named || (self.events.is_empty() && class != EventClass::ServiceCallMoved)
    }

    /// When it is told that an event has begun.
    pub fn due(&self, event: &Event, timing: Timing, now: Timestamp) -> Timestamp {
        let first = later(now, seconds(self.after_seconds.max(self.gather_seconds)));
        let at_any_time = self.critical_at_any_time && event.grade == Some(Grade::Critical);
        self.not_before(first, timing, at_any_time)
    }

    /// When it is told that one is over.
    pub fn due_over(&self, now: Timestamp) -> Timestamp {
        self.not_before(later(now, seconds(self.gather_seconds)), Timing::default(), false)
    }

    fn not_before(&self, first: Timestamp, timing: Timing, at_any_time: bool) -> Timestamp {
        let paused = timing.last.map(|last| later(last, seconds(self.pause_seconds)));
        let mut due = [paused, timing.muted_until].into_iter().flatten().fold(first, Timestamp::max);
        let Some(hours) = self.hours.as_ref().filter(|_| !at_any_time) else { return due };
        let zone = zone(None, hours.time_zone.as_deref());
        for _ in 0..PUT_OFF_AT_MOST {
            match hours.opening(&zone, due) {
                Opening::Until(_) => break,
                Opening::From(open) => due = open,
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        serde_json::from_str(text).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn event(class: EventClass, grade: Option<Grade>) -> Event {
        Event {
            class,
            grade,
            subject: "s".to_owned(),
            over: false,
            what: "it".to_owned(),
            evidence: Vec::new(),
            who: "somebody".to_owned(),
            bring: Vec::new(),
            since: at("2026-11-30T09:00:00Z"),
            order: None,
        }
    }

    #[test]
    fn a_rule_concerns_what_it_names_and_without_names_everything() {
        let all = rule(r#"{"name": "all", "channel": 1}"#);
        let nowhere = Whereabouts::default();
        assert!(all.concerns(&event(EventClass::Alert, Some(Grade::Warning)), &nowhere));
        assert!(all.concerns(&event(EventClass::Manager, None), &nowhere));
        assert!(!all.concerns(&event(EventClass::ServiceCallMoved, None), &nowhere), "only who asks for it");
        let some = rule(
            r#"{"name": "some", "channel": 1, "events": ["alert", "service_call"], "grades": ["critical"],
                "customers": [7], "tags": ["loud"]}"#,
        );
        let there =
            Whereabouts { customer: Some(7), tags: vec!["loud".to_owned()], ..Whereabouts::default() };
        assert!(some.concerns(&event(EventClass::Alert, Some(Grade::Critical)), &there));
        assert!(!some.concerns(&event(EventClass::Alert, Some(Grade::Warning)), &there));
        assert!(some.concerns(&event(EventClass::ServiceCall, None), &there), "only alerts have a grade");
        assert!(!some.concerns(&event(EventClass::Order, None), &there));
        assert!(!some.concerns(&event(EventClass::ServiceCall, None), &nowhere));
        let off = Rule { enabled: false, ..all };
        assert!(!off.concerns(&event(EventClass::Alert, None), &nowhere));
    }

    #[test]
    fn a_message_waits_for_what_lasts_for_the_pause_for_the_end_of_a_mute_and_for_the_hours() {
        let now = at("2026-11-30T21:00:00Z"); // a Monday, 22:00 in Berlin
        let plain = rule(r#"{"name": "r", "channel": 1, "after_seconds": 600, "pause_seconds": 3600}"#);
        let warning = event(EventClass::Alert, Some(Grade::Warning));
        assert_eq!(plain.due(&warning, Timing::default(), now), at("2026-11-30T21:10:00Z"));
        let last = Timing { last: Some(at("2026-11-30T20:30:00Z")), muted_until: None };
        assert_eq!(plain.due(&warning, last, now), at("2026-11-30T21:30:00Z"));
        let muted = Timing { last: None, muted_until: Some(at("2026-12-01T06:00:00Z")) };
        assert_eq!(plain.due(&warning, muted, now), at("2026-12-01T06:00:00Z"));
        let by_day = rule(
            r#"{"name": "r", "channel": 1, "critical_at_any_time": true,
                "hours": {"days": ["tuesday", "wednesday"], "from": "08:00", "to": "17:00", "time_zone": "Europe/Berlin"}}"#,
        );
        assert_eq!(by_day.due(&warning, Timing::default(), now), at("2026-12-01T07:00:00Z"));
        assert_eq!(
            by_day.due(&event(EventClass::Alert, Some(Grade::Critical)), Timing::default(), now),
            at("2026-11-30T21:01:00Z")
        );
        assert_eq!(by_day.due_over(at("2026-12-01T10:00:00Z")), at("2026-12-01T10:01:00Z"));
    }

    #[test]
    fn a_rule_that_makes_no_sense_is_refused_in_words() {
        for (text, word) in [
            (r#"{"name": " ", "channel": 1}"#, "name"),
            (r#"{"name": "r", "channel": 1, "gather_seconds": 9999}"#, "gather_seconds"),
            (r#"{"name": "r", "channel": 1, "escalate_after_seconds": 600}"#, "escalate_to"),
            (r#"{"name": "r", "channel": 1, "hours": {"from": "25:00", "to": "17:00"}}"#, "hours"),
            (
                r#"{"name": "r", "channel": 1, "hours": {"from": "08:00", "to": "17:00", "time_zone": "Mars"}}"#,
                "Mars",
            ),
        ] {
            let refused = rule(text).check().unwrap_err().to_string();
            assert!(refused.contains(word), "{text}: {refused}");
        }
        assert!(serde_json::from_str::<Rule>(r#"{"name": "r", "channel": 1, "colour": 3}"#).is_err());
    }
}

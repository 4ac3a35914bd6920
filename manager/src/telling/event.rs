//! What a notice means for people: a notice is a row that was written with what it tells of, and has that as JSON.

use jiff::Timestamp;
use platen_protocol::alert::{Alert, Evidence, Severity, Training};
use platen_protocol::device_to_manager::{Order, Replacement};
use platen_protocol::facts::words::{grouped, label, spaced, title};
use platen_protocol::readings::{PartReading, SupplyReading};
use serde::{Deserialize, Serialize};

use crate::watch::Finding;

/// What kind of thing people are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventClass {
    /// A condition of the printer.
    Alert,
    /// A person at the printer asks for help, or the desk sends somebody; and that this is over.
    ServiceCall,
    /// What happens to a service call meanwhile: who goes there, and how far they are.
    ServiceCallMoved,
    /// A person at the printer orders a supply.
    Order,
    /// A supply or a part was changed.
    Replacement,
    /// Something that nobody reports: a device that is away, readings that are late, a sensor that is frozen.
    Watch,
    /// Reports were lost.
    Loss,
    /// Something about a device's certificate or identity.
    Identity,
    /// A trouble of the manager itself.
    Manager,
}

impl EventClass {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Alert,
        Self::ServiceCall,
        Self::ServiceCallMoved,
        Self::Order,
        Self::Replacement,
        Self::Watch,
        Self::Loss,
        Self::Identity,
        Self::Manager,
    ];

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::ServiceCall => "service_call",
            Self::ServiceCallMoved => "service_call_moved",
            Self::Order => "order",
            Self::Replacement => "replacement",
            Self::Watch => "watch",
            Self::Loss => "loss",
            Self::Identity => "identity",
            Self::Manager => "manager",
        }
    }

    /// By its word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }
}

/// How bad an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// The printer does not print.
    Critical,
    /// It prints.
    Warning,
    /// It has not happened and possibly will.
    Forecast,
}

impl Grade {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Warning, Self::Forecast];

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Forecast => "forecast",
        }
    }

    /// By its word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grade| grade.word() == word)
    }

    fn of(alert: &Alert) -> Self {
        match (alert.forecast, alert.severity) {
            (true, _) => Self::Forecast,
            (false, Severity::Critical) => Self::Critical,
            (false, _) => Self::Warning,
        }
    }
}

/// A notice as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    /// Makes it unique.
    pub origin: &'a str,
    /// Whose it is; the manager's own without one.
    pub device: Option<&'a str>,
    /// What kind.
    pub kind: &'a str,
    /// When it was written.
    pub written: Timestamp,
    /// What it tells of, as JSON.
    pub body: &'a str,
}

/// A trouble of the manager, as the body of its notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnTrouble {
    /// Tells it from others.
    pub subject: String,
    /// What is wrong and what to do.
    pub words: String,
}

/// What became of an order, as the body of its notice, and as programs are told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OrderNews {
    /// Number of the order at this manager.
    pub id: i64,
    /// The name that the device gave it; `null` as long as nobody has asked for it there.
    pub order: Option<String>,
    /// The supply's name on the board.
    pub supply: String,
    /// What is to be sent.
    pub part_number: Option<String>,
    /// Number of pieces.
    pub quantity: u16,
    /// Who or what wants it.
    pub entered_by: String,
    /// The state before; `null` for an order that is new.
    pub before: Option<String>,
    /// The state from now on.
    pub state: String,
    /// The operator who changed it; `null` for the machine and the rule.
    pub by: Option<String>,
    /// Why it was cancelled.
    pub reason: Option<String>,
    /// Who carries it.
    pub carrier: Option<String>,
    /// The carrier's number of it.
    pub tracking: Option<String>,
    /// Serial number of what was found in the machine.
    pub serial: Option<String>,
    /// What was written with it.
    pub note: Option<String>,
    /// Rises with everything that is done to the order.
    pub version: i64,
}

/// A cartridge that was in another machine, as the body of its notice. Which one is not told: it may be another customer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameBack {
    /// Its serial number.
    pub serial: String,
    /// The name of the supply in whose place it is.
    pub subject: String,
}

/// What the notice of a service call says; before it named the call it was the report of it.
#[derive(Debug, Deserialize)]
struct ToldCall {
    service_call: Option<i64>,
    state: Option<String>,
    message: Option<String>,
    by: Option<String>,
    technician: Option<String>,
    words: Option<String>,
}

/// What people are to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Of which kind.
    pub class: EventClass,
    /// Of an alert, how bad.
    pub grade: Option<Grade>,
    /// The same for its beginning and its end.
    pub subject: String,
    /// Whether it is over.
    pub over: bool,
    /// What happened.
    pub what: String,
    /// What speaks for it.
    pub evidence: Vec<String>,
    /// Who can mend it.
    pub who: String,
    /// What to bring.
    pub bring: Vec<String>,
    /// Since when.
    pub since: Timestamp,
    /// What became of an order, for programs.
    pub order: Option<OrderNews>,
}

/// Who can mend a condition, as the Printer MIB sorts people.
fn who(training: Training) -> &'static str {
    match training {
        Training::Untrained => "anybody at the printer",
        Training::Trained => "somebody who was shown how",
        Training::FieldService => "field service",
        Training::Management => "whoever manages the printers",
        Training::NoInterventionRequired => "nobody has to",
        Training::Other | Training::Unknown => "not known",
    }
}

fn evidence(evidence: &Evidence) -> String {
    let expected =
        evidence.expected.map(|expected| format!(", compared with {expected}")).unwrap_or_default();
    format!("{}: {} {}{expected}", title(&spaced(&evidence.measure)), evidence.observed, evidence.unit)
}

fn supply_number(supply: &SupplyReading) -> Option<String> {
    let number = supply.part_number.as_ref()?;
    Some(format!("{} ({})", number, label(&supply.name)))
}

fn part_number(part: &PartReading) -> Option<String> {
    let number = part.part_number.as_ref()?;
    Some(format!("{} ({})", number, label(&part.name)))
}

impl Event {
    /// What a notice means. One whose body cannot be read is told all the same, in fewer words.
    pub fn of(notice: Notice<'_>) -> Self {
        let plain = Self::plain(notice);
        let read = match notice.kind {
            "alert_raised" | "alert_cleared" => {
                serde_json::from_str(notice.body).ok().map(|alert| plain.of_alert(notice, &alert))
            }
            "watch" | "watch_over" => {
                serde_json::from_str(notice.body).ok().map(|finding| plain.of_finding(notice, &finding))
            }
            "service_call" | "service_call_moved" | "service_call_over" => {
                serde_json::from_str(notice.body).ok().map(|call| plain.of_call(notice, call))
            }
            "order" => serde_json::from_str(notice.body).ok().map(|order| plain.of_order(&order)),
            "order_state" => serde_json::from_str(notice.body).ok().map(|news| plain.of_news(news)),
            "replacement" => serde_json::from_str(notice.body).ok().map(|of| plain.of_replacement(&of)),
            "cartridge_came_back" => serde_json::from_str(notice.body).ok().map(|of| plain.of_cartridge(&of)),
            "manager_trouble" | "manager_trouble_over" => {
                serde_json::from_str(notice.body).ok().map(|trouble| plain.of_trouble(trouble))
            }
            _ => None,
        };
        read.unwrap_or(plain)
    }

    /// Whether it tells of an order that nobody wants yet, or that nobody ever wanted.
    pub(super) fn is_proposal(&self) -> bool {
        self.order.as_ref().is_some_and(|news| {
            let withdrawn = news.by.is_none() && news.before.as_deref() == Some("proposed");
            news.state == "proposed" || withdrawn
        })
    }

    fn plain(notice: Notice<'_>) -> Self {
        let (class, what) = match notice.kind {
            "alert_raised" | "alert_cleared" => (EventClass::Alert, "An alert that cannot be read"),
            "watch" | "watch_over" => (EventClass::Watch, "A watch found something that cannot be read"),
            "service_call" => (EventClass::ServiceCall, "Somebody at the printer asks for help"),
            "service_call_moved" => (EventClass::ServiceCallMoved, "A service call goes on"),
            "service_call_over" => (EventClass::ServiceCall, "A service call is over"),
            "order" => (EventClass::Order, "Somebody at the printer orders a supply"),
            "order_state" => (EventClass::Order, "An order was made or moved on"),
            "replacement" => (EventClass::Replacement, "A supply or a part was changed"),
            "cartridge_came_back" => {
                (EventClass::Replacement, "A cartridge is in the machine that was in another one before")
            }
            "gap" => (EventClass::Loss, "Reports of the device are lost"),
            "outbox_replaced" => (EventClass::Loss, "The device lost its outbox, and began a new one"),
            "certificate_ends" => (EventClass::Identity, "The device's certificate ends and was not renewed"),
            "clone" => (EventClass::Identity, "Two machines use the device's identity"),
            "superseded" => (EventClass::Identity, "A certificate is used that the device has replaced"),
            "manager_trouble" | "manager_trouble_over" => (EventClass::Manager, "The manager has a trouble"),
            _ => (EventClass::Identity, "Something happened; the device's page says what"),
        };
        let over = matches!(
            notice.kind,
            "alert_cleared" | "watch_over" | "service_call_over" | "manager_trouble_over"
        );
        Self {
            class,
            grade: None,
            subject: notice.origin.to_owned(),
            over,
            what: what.to_owned(),
            evidence: Vec::new(),
            who: "whoever manages the printers".to_owned(),
            bring: Vec::new(),
            since: notice.written,
            order: None,
        }
    }

    fn of_alert(&self, notice: Notice<'_>, alert: &Alert) -> Self {
        let supply = alert.supply.as_ref().and_then(supply_number);
        let part = alert.part.as_ref().and_then(part_number);
        Self {
            grade: Some(Grade::of(alert)),
            subject: format!("{}/alert/{}", notice.device.unwrap_or_default(), alert.id),
            what: alert.description.clone(),
            evidence: alert.evidence.iter().map(evidence).collect(),
            who: who(alert.training).to_owned(),
            bring: supply.into_iter().chain(part).collect(),
            ..self.clone()
        }
    }

    fn of_finding(&self, notice: Notice<'_>, finding: &Finding) -> Self {
        let what = match finding {
            Finding::Contact { .. } => {
                "Out of contact for too long: is it switched on, and does its network let it connect?"
                    .to_owned()
            }
            Finding::Freshness { .. } => {
                "In contact, but its readings are late: run `platen doctor` on the controller".to_owned()
            }
            Finding::Frozen(frozen) => {
                format!("{}: the sensor reads the same whatever the printer does", label(&frozen.name))
            }
        };
        let device = notice.device.unwrap_or_default();
        Self {
            subject: format!("{device}/watch/{}/{}", finding.kind().word(), finding.subject()),
            what,
            who: "whoever is at the site; else field service".to_owned(),
            since: finding.since(),
            ..self.clone()
        }
    }

    fn of_call(&self, notice: Notice<'_>, call: ToldCall) -> Self {
        let begun = match &call.by {
            Some(by) if notice.kind == "service_call" => format!("{by} asks for service"),
            _ => self.what.clone(),
        };
        let what = call.message.map_or_else(|| begun.clone(), |message| format!("{begun}: {message}"));
        let technician = call.technician.map(|technician| format!("Technician: {technician}"));
        let state = call.state.filter(|_| notice.kind != "service_call");
        let state = state.map(|state| format!("State: {}", state.replace('_', " ")));
        let words = call.words.map(|words| format!("“{words}”"));
        // What an earlier version wrote does not name the call.
        let subject = call.service_call.map_or_else(
            || self.subject.clone(),
            |key| format!("{}/service_call/{key}", notice.device.unwrap_or_default()),
        );
        Self {
            what,
            subject,
            evidence: state.into_iter().chain(technician).chain(words).collect(),
            who: "the service desk".to_owned(),
            ..self.clone()
        }
    }

    fn of_order(&self, order: &Order) -> Self {
        let note = order.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        Self {
            what: format!(
                "Somebody at the printer orders {} of {}{note}",
                grouped(u64::from(order.quantity)),
                label(&order.supply.name)
            ),
            who: "whoever ships supplies".to_owned(),
            bring: supply_number(&order.supply).into_iter().collect(),
            ..self.clone()
        }
    }

    /// What became of an order is one event for each of its states.
    fn of_news(&self, news: OrderNews) -> Self {
        let what = format!("{} of {}", grouped(u64::from(news.quantity)), label(&news.supply));
        let by = news.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let sent = [news.carrier.as_deref(), news.tracking.as_deref()];
        let sent = sent.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let why = match (news.state.as_str(), &news.reason, &news.serial) {
            ("cancelled", Some(reason), _) => format!(": {reason}"),
            ("shipped", ..) if !sent.is_empty() => format!(" with {sent}"),
            ("delivered", _, Some(serial)) => format!(": it is in the machine, serial {serial}"),
            _ => String::new(),
        };
        let done = match news.state.as_str() {
            "proposed" => "An order is proposed".to_owned(),
            "asked" => format!("Order {} was asked for{by}", news.id),
            other => format!("Order {} was {other}{by}", news.id),
        };
        let number = news.part_number.as_ref();
        Self {
            what: format!("{done}{why}: {what}"),
            who: "whoever ships supplies".to_owned(),
            bring: number.map(|number| format!("{number} ({})", label(&news.supply))).into_iter().collect(),
            order: Some(news),
            ..self.clone()
        }
    }

    fn of_cartridge(&self, of: &CameBack) -> Self {
        Self {
            what: format!(
                "{} has a cartridge now that was in another machine before (serial {})",
                label(&of.subject),
                of.serial
            ),
            who: "whoever ships supplies".to_owned(),
            ..self.clone()
        }
    }

    fn of_replacement(&self, of: &Replacement) -> Self {
        Self {
            what: format!("{} was changed or put back", label(&of.subject)),
            who: "nobody has to".to_owned(),
            ..self.clone()
        }
    }

    fn of_trouble(&self, trouble: OwnTrouble) -> Self {
        Self {
            subject: format!("manager/{}", trouble.subject),
            what: trouble.words,
            who: "whoever runs the manager".to_owned(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn notice<'a>(kind: &'a str, body: &'a str) -> Notice<'a> {
        let written = "2026-11-22T10:00:00Z".parse().unwrap();
        Notice { origin: "d/e/1/x", device: Some("d"), kind, written, body }
    }

    #[test]
    fn an_alert_says_what_it_is_who_can_mend_it_and_what_to_bring_and_its_end_has_its_subject() {
        let body = serde_json::to_string(&sample::toner_low("a1", 4)).unwrap();
        let raised = Event::of(notice("alert_raised", &body));
        let alert = sample::toner_low("a1", 4);
        assert_eq!((raised.class, raised.over), (EventClass::Alert, false));
        assert_eq!(
            (raised.what.as_str(), raised.subject.as_str()),
            (alert.description.as_str(), "d/alert/a1")
        );
        assert!(raised.grade.is_some() && !raised.who.is_empty());
        let cleared = Event::of(notice("alert_cleared", &body));
        assert!(cleared.over);
        assert_eq!(cleared.subject, raised.subject);
    }

    #[test]
    fn a_call_has_one_subject_from_its_beginning_to_its_end() {
        let body = r#"{"service_call": 7, "state": "on_the_way", "message": "jams", "technician": "tom", "words": null}"#;
        let [begun, moved, over] = ["service_call", "service_call_moved", "service_call_over"]
            .map(|kind| Event::of(notice(kind, body)));
        assert_eq!(begun.subject, "d/service_call/7");
        assert!(begun.subject == moved.subject && begun.subject == over.subject && over.over && !moved.over);
        assert_eq!(begun.what, "Somebody at the printer asks for help: jams");
        assert_eq!(moved.class, EventClass::ServiceCallMoved);
        assert_eq!(moved.evidence, ["State: on the way", "Technician: tom"]);
        let before = Event::of(notice("service_call", r#"{"entered_by": "button", "message": "jams"}"#));
        assert_eq!((before.what, before.subject), (begun.what, "d/e/1/x".to_owned()));
    }

    #[test]
    fn what_cannot_be_read_is_told_in_fewer_words() {
        for (kind, class) in [
            ("alert_raised", EventClass::Alert),
            ("watch", EventClass::Watch),
            ("order", EventClass::Order),
            ("gap", EventClass::Loss),
            ("something_new", EventClass::Identity),
        ] {
            let event = Event::of(notice(kind, "{"));
            assert_eq!((event.class, event.subject.as_str()), (class, "d/e/1/x"), "{kind}");
            assert!(!event.what.is_empty());
        }
    }

    #[test]
    fn an_order_says_of_what_and_which_part() {
        let order = sample::order("o1", 2);
        let body = serde_json::to_string(&order).unwrap();
        let event = Event::of(notice("order", &body));
        assert!(event.what.contains("orders 2 of"), "{}", event.what);
    }

    #[test]
    fn what_becomes_of_an_order_is_told_in_words_and_to_programs() {
        let news = |state: &str, more: serde_json::Value| {
            let mut body = serde_json::json!({
                "id": 12, "order": null, "supply": "black", "part_number": "TK-1", "quantity": 1,
                "entered_by": "set_value", "before": null, "state": state, "by": "anna", "reason": null,
                "carrier": null, "tracking": null, "serial": null, "note": null, "version": 2
            });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Event::of(notice("order_state", &body.to_string()))
        };
        let shipped = news("shipped", serde_json::json!({"carrier": "DHL", "tracking": "JJD01"}));
        assert_eq!(shipped.what, "Order 12 was shipped by anna with DHL JJD01: 1 of Black");
        assert_eq!((shipped.bring, shipped.over), (vec!["TK-1 (Black)".to_owned()], false));
        assert_eq!(shipped.order.unwrap().tracking.as_deref(), Some("JJD01"));
        let cancelled = news("cancelled", serde_json::json!({"reason": "own stock"}));
        assert_eq!(cancelled.what, "Order 12 was cancelled by anna: own stock: 1 of Black");
        let back = Event::of(notice("cartridge_came_back", r#"{"serial": "K-2", "subject": "black"}"#));
        assert_eq!(back.class, EventClass::Replacement);
        assert!(back.what.contains("K-2"), "{}", back.what);
    }
}

//! What is said: a message with its items, as plain text, as HTML that says the same, and as a `CloudEvent`. Pure.

use std::fmt::Write as _;

use askama::Template;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::event::{Event, EventClass, Grade, OrderNews};

/// Items that a message names; of more it says how many.
pub const ITEMS_NAMED: usize = 20;
/// The longest text of one thing that a message says, in characters.
const LONGEST: usize = 500;

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Something happened.
    Raised,
    /// It is over.
    Resolved,
    /// Nobody has taken it.
    Escalated,
    /// Somebody tries whether messages arrive.
    Test,
}

impl Purpose {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Resolved => "resolved",
            Self::Escalated => "escalated",
            Self::Test => "test",
        }
    }

    /// By its word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Raised, Self::Resolved, Self::Escalated, Self::Test].into_iter().find(|it| it.word() == word)
    }
}

/// One thing that is told, with what a ticket needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Item {
    /// The same for its beginning and its end.
    pub subject: String,
    /// Of which kind.
    pub event: EventClass,
    /// Of an alert, how bad.
    pub grade: Option<Grade>,
    /// The device; `null` for what is the manager's own.
    pub device: Option<String>,
    /// Whose it is.
    pub customer: Option<String>,
    /// Where it stands.
    pub site: Option<String>,
    /// The site's address.
    pub address: Option<String>,
    /// Where at the site.
    pub place: Option<String>,
    /// What happened.
    pub what: String,
    /// Since when.
    pub since: Timestamp,
    /// What speaks for it.
    pub evidence: Vec<String>,
    /// Who can mend it.
    pub who: String,
    /// Part numbers of what to bring.
    pub bring: Vec<String>,
    /// What became of an order, where it tells of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderNews>,
}

/// Where a device is, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Whose it is.
    pub customer: Option<String>,
    /// Where it stands.
    pub site: Option<String>,
    /// The site's address.
    pub address: Option<String>,
    /// Where at the site.
    pub place: Option<String>,
}

/// What comes from devices and people is cut to a length, and has no line breaks or marks that turn text around.
fn fitted(text: &str) -> String {
    let plain = |sign: &char| {
        !sign.is_control()
            && !matches!(*sign, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    text.chars().filter(plain).take(LONGEST).collect()
}

impl Item {
    /// Of an event of a device at a place.
    pub fn new(event: &Event, device: Option<&str>, place: Place) -> Self {
        let fit = |text: Option<String>| text.map(|text| fitted(&text));
        Self {
            subject: event.subject.clone(),
            event: event.class,
            grade: event.grade,
            device: device.map(str::to_owned),
            customer: fit(place.customer),
            site: fit(place.site),
            address: fit(place.address),
            place: fit(place.place),
            what: fitted(&event.what),
            since: event.since,
            evidence: event.evidence.iter().map(|one| fitted(one)).collect(),
            who: fitted(&event.who),
            bring: event.bring.iter().map(|one| fitted(one)).collect(),
            order: event.order.clone(),
        }
    }

    fn whose(&self) -> &str {
        self.device.as_deref().unwrap_or("the manager")
    }

    /// Place, site and customer, as far as they are known.
    fn where_it_is(&self) -> String {
        let parts = [&self.place, &self.site, &self.address, &self.customer];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// What a ticket needs, each with its name.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("Device", self.whose().to_owned())];
        let mut also = |name, text: String| {
            if !text.is_empty() {
                facts.push((name, text));
            }
        };
        also("Place", self.where_it_is());
        also("What", self.what.clone());
        also("Since", self.since.strftime("%Y-%m-%d %H:%M UTC").to_string());
        also("Evidence", self.evidence.join("; "));
        also("Who can fix it", self.who.clone());
        also("Bring", self.bring.join("; "));
        facts
    }
}

/// A message, as it is sent and as it stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Message {
    /// The same however often it is sent.
    pub id: String,
    /// What it is for.
    pub purpose: Purpose,
    /// The id of the message that it follows.
    pub follows: Option<String>,
    /// The rule that it comes of.
    pub rule: String,
    /// When it was put together.
    pub made: Timestamp,
    /// What it tells; the first of them.
    pub items: Vec<Item>,
    /// How many more there are.
    pub more: u64,
}

#[derive(Template)]
#[template(path = "telling/message.html")]
struct Html<'a> {
    heading: &'a str,
    items: Vec<Vec<(&'static str, String)>>,
    more: u64,
    foot: &'a str,
}

impl Message {
    /// Of all that is to be told.
    pub fn new(
        (id, purpose, follows): (String, Purpose, Option<String>),
        rule: String,
        mut items: Vec<Item>,
        made: Timestamp,
    ) -> Self {
        items.sort_by_key(|item| (item.grade.is_none(), item.grade, item.since));
        let more = items.len().saturating_sub(ITEMS_NAMED);
        items.truncate(ITEMS_NAMED);
        Self { id, purpose, follows, rule, made, items, more: u64::try_from(more).unwrap_or(u64::MAX) }
    }

    /// One that only says that it came.
    pub fn test(id: String, channel: String, made: Timestamp) -> Self {
        Self { id, purpose: Purpose::Test, follows: None, rule: channel, made, items: Vec::new(), more: 0 }
    }

    /// How many things it tells of.
    fn count(&self) -> u64 {
        self.more + u64::try_from(self.items.len()).unwrap_or(u64::MAX)
    }

    /// One line: of one thing what it is, of many where they are.
    pub fn subject(&self) -> String {
        let before = match self.purpose {
            Purpose::Raised => "",
            Purpose::Resolved => "Resolved: ",
            Purpose::Escalated => "Nobody has taken it: ",
            Purpose::Test => return format!("A test of the channel {}", fitted(&self.rule)),
        };
        match self.items.as_slice() {
            [] => format!("{before}{}", fitted(&self.rule)),
            [one] if self.more == 0 => format!("{before}{}: {}", one.whose(), one.what),
            [first, rest @ ..] => {
                let same_site =
                    first.site.as_ref().filter(|_| rest.iter().all(|item| item.site == first.site));
                let site = same_site.map(|site| format!("{site}: ")).unwrap_or_default();
                let same = rest.iter().all(|item| item.what == first.what);
                let what = if same { first.what.as_str() } else { "several things" };
                format!("{before}{site}{} times {what}", self.count())
            }
        }
    }

    fn foot(&self) -> String {
        match self.purpose {
            Purpose::Test => {
                "If you read this, messages of this channel arrive. Nothing has happened.".to_owned()
            }
            _ => format!("Platen, by the rule \"{}\". Message {}.", fitted(&self.rule), self.id),
        }
    }

    /// For people whose mail shows no HTML.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.subject());
        for item in &self.items {
            text.push('\n');
            for (name, fact) in item.facts() {
                // It writes to memory.
                let _ = writeln!(text, "{name}: {fact}");
            }
        }
        if self.more > 0 {
            let _ = writeln!(text, "\nAnd {} more.", self.more);
        }
        let _ = writeln!(text, "\n{}", self.foot());
        text
    }

    /// For those whose mail does; it says the same.
    pub fn html(&self) -> String {
        let (heading, foot) = (self.subject(), self.foot());
        let items = self.items.iter().map(Item::facts).collect();
        let html = Html { heading: &heading, items, more: self.more, foot: &foot };
        html.render().unwrap_or_default()
    }

    /// The type of its `CloudEvent`.
    fn cloud_type(&self) -> String {
        format!("org.platen.message.{}", self.purpose.word())
    }

    /// As a `CloudEvent` 1.0 in the structured mode.
    pub fn cloud_event(&self, source: &str) -> Value {
        let mut event = json!({
            "specversion": "1.0",
            "id": self.id,
            "source": source,
            "type": self.cloud_type(),
            "time": self.made,
            "datacontenttype": "application/json",
            "data": {
                "title": self.subject(),
                "purpose": self.purpose,
                "follows": self.follows,
                "rule": self.rule,
                "count": self.count(),
                "items": self.items,
                "more": self.more,
                "text": self.text(),
            },
        });
        let subject = self.items.first().and_then(|item| item.device.clone());
        if let (Some(subject), Some(event)) = (subject, event.as_object_mut()) {
            event.insert("subject".to_owned(), Value::String(subject));
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(device: &str, what: &str) -> Item {
        Item {
            subject: format!("{device}/alert/1"),
            event: EventClass::Alert,
            grade: Some(Grade::Critical),
            device: Some(device.to_owned()),
            customer: Some("Nord AG".to_owned()),
            site: Some("Kiel".to_owned()),
            address: None,
            place: Some("2nd floor".to_owned()),
            what: what.to_owned(),
            since: "2026-11-30T09:12:00Z".parse().unwrap(),
            evidence: vec!["Temperature: 231 °C, compared with 220".to_owned()],
            who: "field service".to_owned(),
            bring: vec!["FU-450 (Fuser)".to_owned()],
            order: None,
        }
    }

    fn message(items: Vec<Item>) -> Message {
        let made = "2026-11-30T09:13:00Z".parse().unwrap();
        Message::new(("m1".to_owned(), Purpose::Raised, None), "dispatch".to_owned(), items, made)
    }

    #[test]
    fn text_and_html_say_the_same_and_everything_that_a_ticket_needs() {
        let message = message(vec![item("lobby", "Fuser too hot <b>")]);
        assert_eq!(message.subject(), "lobby: Fuser too hot <b>");
        let (text, html) = (message.text(), message.html());
        for fact in
            ["lobby", "2nd floor, Kiel, Nord AG", "2026-11-30 09:12 UTC", "231 °C", "field service", "FU-450"]
        {
            assert!(text.contains(fact) && html.contains(fact), "{fact}\n{text}\n{html}");
        }
        assert!(text.contains("Fuser too hot <b>") && !html.contains("hot <b>"), "{html}");
    }

    #[test]
    fn three_hundred_printers_of_a_site_are_one_line_and_twenty_names() {
        let many = (0..300).map(|number| item(&format!("p{number}"), "Out of contact")).collect();
        let message = message(many);
        assert_eq!(message.subject(), "Kiel: 300 times Out of contact");
        assert_eq!((message.items.len(), message.more), (ITEMS_NAMED, 280));
        assert!(message.text().contains("And 280 more.") && message.html().contains("And 280 more."));
    }

    #[test]
    fn marks_that_turn_text_around_and_line_breaks_do_not_come_through() {
        let event = Event {
            class: EventClass::ServiceCall,
            grade: None,
            subject: "s".to_owned(),
            over: false,
            what: format!("a\u{202e}b\r\nBcc: all@example.org{}", "x".repeat(10_000)),
            evidence: Vec::new(),
            who: String::new(),
            bring: Vec::new(),
            since: "2026-11-30T09:12:00Z".parse().unwrap(),
            order: None,
        };
        let item = Item::new(&event, Some("d"), Place::default());
        assert!(item.what.starts_with("abBcc: all@example.org") && item.what.chars().count() == LONGEST);
    }

    #[test]
    fn a_cloud_event_has_what_the_specification_asks_for() {
        let event = message(vec![item("lobby", "Jam")]).cloud_event("https://manager.example.org");
        assert_eq!(event["specversion"], "1.0");
        assert_eq!((&event["id"], &event["type"]), (&json!("m1"), &json!("org.platen.message.raised")));
        assert_eq!(event["subject"], "lobby");
        assert_eq!(event["data"]["items"][0]["bring"][0], "FU-450 (Fuser)");
    }
}

//! `/telling/rules/{id}`: one rule of who is told of what.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::response::{Html, Redirect};
use platen_protocol::facts::words::title;

use super::super::super::problem::Refusal;
use super::super::super::telling::RuleForm;
use super::super::super::who::Operator;
use super::super::super::{Operators, Shared};
use super::super::details::choices;
use super::super::device::bad_form;
use super::super::{Frame, render};
use super::{Fields, number, owned, text, wrong};
use crate::clock;
use crate::rollouts::window::{Day, Window};
use crate::store::{ChannelRecord, CustomerRecord, SiteRecord};
use crate::telling::event::{EventClass, Grade};
use crate::telling::rule::Rule;

/// What the names of fields begin with that are ticked, each with what is behind it.
const EVENT: &str = "event_";
const GRADE: &str = "grade_";
const DAY: &str = "day_";
const CUSTOMER: &str = "customer_";
const SITE: &str = "site_";

/// Something that can be ticked.
struct Choice {
    /// Of the field.
    name: String,
    words: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "telling/rule.html")]
struct RulePage {
    frame: Frame,
    /// The number of a rule that is there.
    key: Option<i64>,
    rule: Rule,
    /// Of the rule that is there; none of a new one.
    mark: String,
    channels: Vec<(ChannelRecord, bool, bool)>,
    events: Vec<Choice>,
    grades: Vec<Choice>,
    days: Vec<Choice>,
    hours: Window,
    places: Vec<Choice>,
    /// Places that the rule names and that are not among those.
    others: Vec<String>,
    cut: bool,
    tags: String,
    escalate_after: String,
}

/// Customers and sites that can be chosen, and those of the rule that are not among them.
fn places(rule: &Rule, customers: &[(CustomerRecord, Vec<SiteRecord>)]) -> (Vec<Choice>, Vec<String>) {
    let mut all = Vec::new();
    for (customer, sites) in customers {
        let name = format!("{CUSTOMER}{}", customer.key);
        all.push(Choice {
            name,
            words: format!("{}, all sites", customer.name),
            chosen: rule.customers.contains(&customer.key),
        });
        all.extend(sites.iter().map(|site| Choice {
            name: format!("{SITE}{}", site.key),
            words: format!("{}, {}", customer.name, site.name),
            chosen: rule.sites.contains(&site.key),
        }));
    }
    let named = rule.customers.iter().map(|key| format!("{CUSTOMER}{key}"));
    let named = named.chain(rule.sites.iter().map(|key| format!("{SITE}{key}")));
    let others = named.filter(|name| all.iter().all(|choice| choice.name != *name)).collect();
    (all, others)
}

impl RulePage {
    async fn new(
        operators: &Operators,
        operator: Operator,
        key: Option<i64>,
        rule: Rule,
        channels: Vec<ChannelRecord>,
    ) -> Result<Self, Refusal> {
        let (customers, cut) = choices(operators, &operator).await?;
        let (places, others) = places(&rule, &customers);
        let chosen = |channel: ChannelRecord| {
            let (tells, escalates) = (rule.channel == channel.key, rule.escalate_to == Some(channel.key));
            (channel, tells, escalates)
        };
        let none = Window { days: Vec::new(), from: String::new(), to: String::new(), time_zone: None };
        let hours = rule.hours.clone().unwrap_or(none);
        let event = |class: EventClass| Choice {
            name: format!("{EVENT}{}", class.word()),
            words: event_words(class).to_owned(),
            chosen: rule.events.contains(&class),
        };
        let grade = |grade: Grade| Choice {
            name: format!("{GRADE}{}", grade.word()),
            words: grade_words(grade).to_owned(),
            chosen: rule.grades.contains(&grade),
        };
        let day = |day: Day| Choice {
            name: format!("{DAY}{}", day.word()),
            words: title(day.word()),
            chosen: hours.days.contains(&day),
        };
        Ok(Self {
            frame: Frame::new(Some(operator), false),
            key,
            mark: String::new(),
            channels: channels.into_iter().map(chosen).collect(),
            events: EventClass::ALL.map(event).into(),
            grades: Grade::ALL.map(grade).into(),
            days: Day::ALL.map(day).into(),
            places,
            others,
            cut,
            tags: rule.tags.join(", "),
            escalate_after: rule
                .escalate_after_seconds
                .map(|seconds| seconds.div_ceil(60).to_string())
                .unwrap_or_default(),
            hours,
            rule,
        })
    }
}

/// A class of events, for people.
const fn event_words(class: EventClass) -> &'static str {
    match class {
        EventClass::Alert => "Alerts",
        EventClass::ServiceCall => "Service calls",
        EventClass::ServiceCallMoved => "Service calls that go on: who goes there, and how far they are",
        EventClass::Order => "Orders",
        EventClass::Replacement => "Replacements",
        EventClass::Watch => "Silent devices and stuck readings",
        EventClass::Loss => "Lost reports",
        EventClass::Identity => "Identities",
        EventClass::Manager => "Troubles of the manager",
    }
}

/// A grade of alerts, for people.
const fn grade_words(grade: Grade) -> &'static str {
    match grade {
        Grade::Critical => "Critical: it stops the printer",
        Grade::Warning => "Warnings",
        Grade::Forecast => "Forecasts",
    }
}

/// A rule as the form begins.
fn new_rule(channels: &[ChannelRecord]) -> Rule {
    Rule {
        name: String::new(),
        channel: channels.first().map_or(0, |channel| channel.key),
        enabled: true,
        events: Vec::new(),
        grades: Vec::new(),
        customers: Vec::new(),
        sites: Vec::new(),
        tags: Vec::new(),
        after_seconds: 0,
        gather_seconds: 60,
        pause_seconds: 300,
        hours: None,
        critical_at_any_time: false,
        resolved: true,
        escalate_after_seconds: None,
        escalate_to: None,
    }
}

/// The form of a new rule.
pub(in super::super) async fn new_page(
    State(operators): Shared,
    operator: Operator,
) -> Result<Html<String>, Refusal> {
    let channels = operators.store.channels().await?;
    let rule = new_rule(&channels);
    render(&RulePage::new(&operators, operator, None, rule, channels).await?)
}

/// The form of a rule.
pub(in super::super) async fn page(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let Path(key) = id?;
    let found = operators.store.telling_rule(key).await?;
    let found = found.ok_or_else(|| Refusal::not_found("rule"))?;
    let mark = found.mark();
    let channels = operators.store.channels().await?;
    let page = RulePage::new(&operators, operator, Some(key), found.rule, channels).await?;
    render(&RulePage { mark, ..page })
}

/// Adds a rule.
pub(in super::super) async fn add(
    State(operators): Shared,
    operator: Operator,
    form: Result<Form<Fields>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Form(fields) = form.map_err(|rejection| bad_form(&rejection))?;
    let rule = RuleForm::new(rule_of(&fields)?).read()?;
    operators.store.add_telling_rule(rule, operator.name, clock::now()).await??;
    Ok(Redirect::to("/telling#rules"))
}

/// Says something else in a rule.
pub(in super::super) async fn save(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    form: Result<Form<Fields>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    let Form(fields) = form.map_err(|rejection| bad_form(&rejection))?;
    let rule = RuleForm::new(rule_of(&fields)?).read()?;
    operators.store.set_telling_rule(key, rule, operator.name, clock::now()).await??;
    Ok(Redirect::to("/telling#rules"))
}

/// Removes a rule.
pub(in super::super) async fn remove(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    operators.store.remove_telling_rule(key).await??;
    Ok(Redirect::to("/telling#rules"))
}

fn list(fields: &Fields, name: &str) -> Vec<String> {
    let parts = text(fields, name).split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

/// The numbers behind the ticked fields whose names begin so.
fn keys(fields: &Fields, prefix: &str) -> Vec<i64> {
    fields.keys().filter_map(|name| name.strip_prefix(prefix)?.parse().ok()).collect()
}

fn seconds(fields: &Fields, name: &str) -> Result<Option<u32>, Refusal> {
    Ok(number::<u32>(fields, name)?.map(|minutes| minutes.saturating_mul(60)))
}

/// A rule, as the form says it: its times are in minutes.
fn rule_of(fields: &Fields) -> Result<Rule, Refusal> {
    let has = |name: &str| fields.contains_key(name);
    let (from, to) = (owned(fields, "from"), owned(fields, "to"));
    let zone = owned(fields, "time_zone");
    let days: Vec<Day> = Day::ALL.into_iter().filter(|day| has(&format!("{DAY}{}", day.word()))).collect();
    let hours = (!from.is_empty() || !to.is_empty() || !days.is_empty()).then(|| Window {
        days,
        from: if from.is_empty() { "00:00".to_owned() } else { from },
        to: if to.is_empty() { "00:00".to_owned() } else { to },
        time_zone: (!zone.is_empty()).then_some(zone),
    });
    Ok(Rule {
        name: owned(fields, "name"),
        channel: number(fields, "channel")?.ok_or_else(|| wrong("choose a channel"))?,
        enabled: has("enabled"),
        events: EventClass::ALL
            .into_iter()
            .filter(|class| has(&format!("{EVENT}{}", class.word())))
            .collect(),
        grades: Grade::ALL.into_iter().filter(|grade| has(&format!("{GRADE}{}", grade.word()))).collect(),
        customers: keys(fields, CUSTOMER),
        sites: keys(fields, SITE),
        tags: list(fields, "tags"),
        after_seconds: seconds(fields, "after")?.unwrap_or(0),
        gather_seconds: seconds(fields, "gather")?.unwrap_or(60),
        pause_seconds: seconds(fields, "pause")?.unwrap_or(300),
        hours,
        critical_at_any_time: has("critical_at_any_time"),
        resolved: has("resolved"),
        escalate_after_seconds: seconds(fields, "escalate_after")?,
        escalate_to: number(fields, "escalate_to")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_a_rule_and_what_is_no_number_is_named() {
        let fields = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Fields>()
        };
        let form = fields(&[
            ("name", "dispatch"),
            ("channel", "3"),
            ("enabled", "on"),
            ("event_alert", "on"),
            ("grade_critical", "on"),
            ("site_1", "on"),
            ("site_2", "on"),
            ("site_x", "on"),
            ("tags", "loud"),
            ("after", "10"),
            ("day_monday", "on"),
            ("from", "08:00"),
            ("to", "17:00"),
            ("time_zone", "Europe/Berlin"),
        ]);
        let rule = rule_of(&form).unwrap();
        assert_eq!((rule.channel, rule.after_seconds, rule.resolved), (3, 600, false));
        assert_eq!(
            (rule.events.as_slice(), rule.sites.as_slice()),
            ([EventClass::Alert].as_slice(), [1, 2].as_slice())
        );
        assert!(rule.check().is_ok());
        let refused = rule_of(&fields(&[("name", "x"), ("channel", "1"), ("after", "soon")])).unwrap_err();
        assert!(refused.0.detail.contains("soon"), "{}", refused.0.detail);
    }
}

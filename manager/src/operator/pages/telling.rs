//! `/telling`: who is told of what, by which ways, and what was told.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, Redirect};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::problem::Refusal;
use super::super::telling::{self, ChannelForm, MuteForm, RuleForm, Tested};
use super::super::who::Operator;
use super::super::{Operators, Shared};
use super::customers::cut;
use super::device::bad_form;
use super::{Frame, filters, render, render_at};
use crate::clock;
use crate::rollouts::window::Window;
use crate::store::{
    ChannelKind, ChannelRecord, MessageRecord, MessageState, MuteRecord, RuleRecord, SiteRecord,
};
use crate::telling::event::{EventClass, Grade};
use crate::telling::message::Message;
use crate::telling::rule::Rule;

/// Messages on a page.
const ON_A_PAGE: u32 = 50;
/// Sites that the form of a mute offers.
const SITES_OFFERED: u32 = 500;

/// The days of the week, as they are called in a rule.
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// What a form says, by the names of its fields.
type Fields = BTreeMap<String, String>;

/// Which messages are shown, and whether a channel was tried.
#[derive(Debug, Deserialize)]
pub(super) struct Shown {
    state: Option<MessageState>,
    before: Option<i64>,
}

/// A message on the page.
struct MessageRow {
    message: MessageRecord,
    subject: String,
}

/// A rule on the page.
struct RuleRow {
    key: i64,
    name: String,
    channel: String,
    enabled: bool,
}

#[derive(Template)]
#[template(path = "telling/page.html")]
struct Page {
    frame: Frame,
    messages: Vec<MessageRow>,
    next: Option<i64>,
    /// The state of the messages that are shown; empty for all.
    state: &'static str,
    /// All states, and whether those are shown.
    states: Vec<Choice>,
    rules: Vec<RuleRow>,
    channels: Vec<ChannelRecord>,
    mutes: Vec<MuteRecord>,
    sites: Vec<SiteRecord>,
    /// What is shown this once: a secret, or how a test went.
    secret: Option<String>,
    tested: Option<Tested>,
}

/// What is said above everything else.
enum Said {
    /// Nothing.
    Nothing,
    /// A secret, once.
    Secret(Option<String>),
    /// How a test went.
    Tested(Tested),
}

fn message_row(message: MessageRecord) -> MessageRow {
    let subject = message.message.as_ref().map_or_else(|| message.rule.clone(), Message::subject);
    MessageRow { message, subject }
}

fn rule_row(RuleRecord { key, rule }: RuleRecord, channels: &[ChannelRecord]) -> RuleRow {
    let channel = channels.iter().find(|channel| channel.key == rule.channel);
    let channel = channel.map_or_else(String::new, |channel| channel.name.clone());
    RuleRow { key, name: rule.name, channel, enabled: rule.enabled }
}

async fn show(
    operators: &Operators,
    operator: Operator,
    shown: Shown,
    said: Said,
) -> Result<Html<String>, Refusal> {
    let now = clock::now();
    let mut messages = operators.store.messages(shown.state, shown.before, ON_A_PAGE + 1).await?;
    let next = cut(&mut messages, ON_A_PAGE, |message| message.key);
    let (secret, tested) = match said {
        Said::Nothing => (None, None),
        Said::Secret(secret) => (secret, None),
        Said::Tested(tested) => (None, Some(tested)),
    };
    let channels = operators.store.channels().await?;
    let rules = operators.store.telling_rules().await?.into_iter();
    let sites = operators.store.sites(operator.scope(), None, None, SITES_OFFERED).await?;
    let page = Page {
        frame: Frame::new(Some(operator), false),
        messages: messages.into_iter().map(message_row).collect(),
        next,
        state: shown.state.map_or("", MessageState::word),
        states: MessageState::ALL.map(|state| (state.word().to_owned(), shown.state == Some(state))).into(),
        rules: rules.map(|rule| rule_row(rule, &channels)).collect(),
        channels,
        mutes: operators.store.mutes(now).await?,
        sites,
        secret,
        tested,
    };
    render_at(&page, now)
}

/// All of it.
pub(super) async fn page(
    State(operators): Shared,
    operator: Operator,
    shown: Result<Query<Shown>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(shown) = shown?;
    show(&operators, operator, shown, Said::Nothing).await
}

const NOTHING: Shown = Shown { state: None, before: None };

/// Adds a channel. Of a webhook the answer shows the secret, this once.
pub(super) async fn add_channel(
    State(operators): Shared,
    operator: Operator,
    form: Result<Form<Fields>, FormRejection>,
) -> Result<Html<String>, Refusal> {
    let Form(fields) = form.map_err(|rejection| bad_form(&rejection))?;
    let kind =
        ChannelKind::of_word(text(&fields, "kind")).ok_or_else(|| wrong("choose a kind of channel"))?;
    let form = ChannelForm::new(owned(&fields, "name"), kind, owned(&fields, "address"));
    let added = telling::add_channel(&operators, form, operator.name.clone()).await?;
    let said = Said::Secret(added.secret);
    show(&operators, operator, NOTHING, said).await
}

/// Tries a channel, and says what happened.
pub(super) async fn test_channel(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let Path(key) = id?;
    let tested = telling::test_channel(&operators, key).await?;
    let said = Said::Tested(tested);
    show(&operators, operator, NOTHING, said).await
}

/// Gives a webhook another secret; the answer shows it, this once.
pub(super) async fn new_secret(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let Path(key) = id?;
    let secret = telling::new_channel_secret(&operators, key, operator.name.clone()).await?;
    let said = Said::Secret(Some(secret));
    show(&operators, operator, NOTHING, said).await
}

/// Removes a channel.
pub(super) async fn remove_channel(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    operators.store.remove_channel(key).await??;
    Ok(Redirect::to("/telling#channels"))
}

/// A word that can be chosen, and whether it is.
type Choice = (String, bool);

#[derive(Template)]
#[template(path = "telling/rule.html")]
struct RulePage {
    frame: Frame,
    /// The number of a rule that is there.
    key: Option<i64>,
    rule: Rule,
    channels: Vec<(ChannelRecord, bool, bool)>,
    events: Vec<Choice>,
    grades: Vec<Choice>,
    days: Vec<Choice>,
    hours: Window,
    customers: String,
    sites: String,
    tags: String,
    escalate_after: String,
}

fn numbers_shown(numbers: &[i64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl RulePage {
    fn new(operator: Operator, key: Option<i64>, rule: Rule, channels: Vec<ChannelRecord>) -> Self {
        let chosen = |channel: ChannelRecord| {
            let (tells, escalates) = (rule.channel == channel.key, rule.escalate_to == Some(channel.key));
            (channel, tells, escalates)
        };
        let none = Window { days: Vec::new(), from: String::new(), to: String::new(), time_zone: None };
        let hours = rule.hours.clone().unwrap_or(none);
        let is_on =
            |day: &str| hours.days.iter().any(|one| serde_json::to_value(one).is_ok_and(|word| word == day));
        let choice = |word: &str, chosen: bool| (word.to_owned(), chosen);
        Self {
            frame: Frame::new(Some(operator), false),
            key,
            channels: channels.into_iter().map(chosen).collect(),
            events: EventClass::ALL.map(|class| choice(class.word(), rule.events.contains(&class))).into(),
            grades: Grade::ALL.map(|grade| choice(grade.word(), rule.grades.contains(&grade))).into(),
            days: DAYS.map(|day| choice(day, is_on(day))).into(),
            customers: numbers_shown(&rule.customers),
            sites: numbers_shown(&rule.sites),
            tags: rule.tags.join(", "),
            escalate_after: rule
                .escalate_after_seconds
                .map(|seconds| seconds.div_ceil(60).to_string())
                .unwrap_or_default(),
            hours,
            rule,
        }
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
pub(super) async fn new_rule_page(
    State(operators): Shared,
    operator: Operator,
) -> Result<Html<String>, Refusal> {
    let channels = operators.store.channels().await?;
    let rule = new_rule(&channels);
    render(&RulePage::new(operator, None, rule, channels))
}

/// The form of a rule.
pub(super) async fn rule_page(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let Path(key) = id?;
    let found = operators.store.telling_rule(key).await?;
    let RuleRecord { rule, .. } = found.ok_or_else(|| Refusal::not_found("rule"))?;
    let channels = operators.store.channels().await?;
    render(&RulePage::new(operator, Some(key), rule, channels))
}

/// Adds a rule.
pub(super) async fn add_rule(
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
pub(super) async fn save_rule(
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
pub(super) async fn remove_rule(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    operators.store.remove_telling_rule(key).await??;
    Ok(Redirect::to("/telling#rules"))
}

/// Mutes a device or a site.
pub(super) async fn add_mute(
    State(operators): Shared,
    operator: Operator,
    form: Result<Form<Fields>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Form(fields) = form.map_err(|rejection| bad_form(&rejection))?;
    let device = text(&fields, "device");
    let device = (!device.is_empty()).then(|| device.parse()).transpose();
    let device = device.ok().ok_or_else(|| wrong("there is no device of that name here"))?;
    let site = number::<i64>(&fields, "site")?;
    let until: DateTime = text(&fields, "until").parse().ok().ok_or_else(|| wrong("say until when"))?;
    let until = until.to_zoned(TimeZone::UTC).ok().ok_or_else(|| wrong("say until when"))?.timestamp();
    let note = Some(owned(&fields, "note"));
    let now = clock::now();
    let mute = MuteForm::new(device, site, until, note).read(now)?;
    operators.store.add_mute(mute, operator.name, now).await??;
    Ok(Redirect::to("/telling#mutes"))
}

/// Ends a mute now.
pub(super) async fn end_mute(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(key) = id?;
    operators.store.end_mute(key, clock::now()).await??;
    Ok(Redirect::to("/telling#mutes"))
}

/// Takes what a message tells.
pub(super) async fn take(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<String>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    operators.store.take_message(id, operator.name, clock::now()).await??;
    Ok(Redirect::to("/telling"))
}

/// Sends a message again that was given up.
pub(super) async fn send_again(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<String>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    operators.store.send_again(id, clock::now()).await??;
    Ok(Redirect::to("/telling"))
}

fn wrong(words: &str) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, words)
}

fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", |text| text.trim())
}

fn owned(fields: &Fields, name: &str) -> String {
    text(fields, name).to_owned()
}

fn number<T: std::str::FromStr>(fields: &Fields, name: &str) -> Result<Option<T>, Refusal> {
    let text = text(fields, name);
    if text.is_empty() {
        return Ok(None);
    }
    let shown: String = text.chars().take(20).collect();
    text.parse().ok().map(Some).ok_or_else(|| wrong(&format!("{name}: {shown:?} is no number")))
}

fn list(fields: &Fields, name: &str) -> Vec<String> {
    let parts = text(fields, name).split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

fn numbers(fields: &Fields, name: &str) -> Result<Vec<i64>, Refusal> {
    let read = |part: String| {
        part.parse().ok().ok_or_else(|| wrong(&format!("{name} are numbers with commas between")))
    };
    list(fields, name).into_iter().map(read).collect()
}

fn seconds(fields: &Fields, name: &str) -> Result<Option<u32>, Refusal> {
    Ok(number::<u32>(fields, name)?.map(|minutes| minutes.saturating_mul(60)))
}

/// A rule, as the form says it: its times are in minutes.
fn rule_of(fields: &Fields) -> Result<Rule, Refusal> {
    let has = |name: &str| fields.contains_key(name);
    let (from, to) = (owned(fields, "from"), owned(fields, "to"));
    let zone = owned(fields, "time_zone");
    let days = DAYS.into_iter().filter(|day| has(&format!("day_{day}")));
    let days = days.map(|day| serde_json::from_value(serde_json::Value::String(day.to_owned())));
    let days = days.collect::<Result<Vec<_>, _>>().map_err(|error| Refusal::internal(&error))?;
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
        events: EventClass::ALL.into_iter().filter(|class| has(&format!("event_{}", class.word()))).collect(),
        grades: Grade::ALL.into_iter().filter(|grade| has(&format!("grade_{}", grade.word()))).collect(),
        customers: numbers(fields, "customers")?,
        sites: numbers(fields, "sites")?,
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
            ("sites", "1, 2"),
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

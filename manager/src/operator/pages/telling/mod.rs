//! `/telling`: who is told of what, by which ways, and what was told.

pub(super) mod rule;

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
use super::super::telling::{self, ChannelForm, MuteForm, Tested};
use super::super::who::Operator;
use super::super::{Operators, Shared};
use super::customers::cut;
use super::device::bad_form;
use super::{Frame, filters, render_at};
use crate::clock;
use crate::store::{
    ChannelKind, ChannelRecord, MessageRecord, MessageState, MuteRecord, RuleRecord, SiteRecord,
};
use crate::telling::message::Message;

/// Messages on a page.
const ON_A_PAGE: u32 = 50;
/// Sites that the form of a mute offers.
const SITES_OFFERED: u32 = 500;

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
    /// Its state, for people.
    state: &'static str,
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
    /// All states, each with its word for people, and whether those are shown.
    states: Vec<(&'static str, &'static str, bool)>,
    rules: Vec<RuleRow>,
    channels: Vec<ChannelRecord>,
    mutes: Vec<MuteRecord>,
    sites: Vec<SiteRecord>,
    /// What is shown this once: a secret, or how a test went.
    secret: Option<String>,
    tested: Option<Tested>,
}

/// A state of messages, for people.
const fn state_words(state: MessageState) -> &'static str {
    match state {
        MessageState::Gathering => "waiting for more",
        MessageState::Waiting => "to be sent",
        MessageState::Sent => "sent",
        MessageState::Dead => "given up",
        MessageState::Dropped => "not needed any more",
    }
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
    MessageRow { subject, state: state_words(message.state), message }
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
        states: MessageState::ALL
            .map(|state| (state.word(), state_words(state), shown.state == Some(state)))
            .into(),
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

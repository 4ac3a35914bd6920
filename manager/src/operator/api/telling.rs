//! Channels, rules and mutes of what people are told, and the messages that came of them.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::Shared;
use super::super::cursor::RowCursor;
use super::super::problem::Refusal;
use super::super::telling::{self, ChannelForm, MuteForm, RuleForm, Tested};
use super::super::who::Operator;
use super::list::{List, row};
use super::marks::{IfMatch, One};
use super::refused::{Always, BadBody, BadMatch, BadQuery, Conflicts, Missing, NotAsSeen};
use crate::clock;
use crate::store::{ChannelRecord, MessageRecord, MessageState, MuteRecord, RuleRecord};
use crate::telling::rule::Rule;

const TAG: &str = "Telling people";

/// All of a short list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct All<T> {
    /// The items.
    items: Vec<T>,
}

/// A channel, with what is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChannelAdded {
    /// The channel.
    #[serde(flatten)]
    channel: ChannelRecord,
    /// With which requests are signed (Standard Webhooks); it is never shown again. `null` for mail.
    secret: Option<String>,
}

/// A secret that is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NewSecret {
    /// With which requests are signed from now on.
    secret: String,
}

/// Lists the ways to people and other systems.
#[utoipa::path(
    get, path = "/api/v1/channels", operation_id = "listChannels", tag = TAG,
    responses((status = 200, description = "All channels, by name.", body = All<ChannelRecord>), Always),
)]
pub(super) async fn channels(
    State(operators): Shared,
    _: Operator,
) -> Result<Json<All<ChannelRecord>>, Refusal> {
    Ok(Json(All { items: operators.store.channels().await? }))
}

async fn the_channel(operators: &super::super::Operators, key: i64) -> Result<ChannelRecord, Refusal> {
    operators.store.channel(key).await?.ok_or_else(|| Refusal::not_found("channel"))
}

/// Shows one channel.
#[utoipa::path(
    get, path = "/api/v1/channels/{id}", operation_id = "getChannel", tag = TAG,
    params(("id" = i64, Path, description = "Number of the channel.")),
    responses((status = 200, description = "The channel.", body = ChannelRecord, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), Missing, Always),
)]
pub(super) async fn channel(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<One<ChannelRecord>, Refusal> {
    let Path(key) = id?;
    Ok(One(the_channel(&operators, key).await?))
}

/// Adds a channel.
#[utoipa::path(
    post, path = "/api/v1/channels", operation_id = "addChannel", tag = TAG, request_body = ChannelForm,
    responses((status = 201, description = "The channel, with its secret.", body = ChannelAdded), BadBody, Conflicts, Always),
)]
pub(super) async fn add_channel(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<ChannelForm>, JsonRejection>,
) -> Result<(StatusCode, Json<ChannelAdded>), Refusal> {
    let Json(form) = body?;
    let added = telling::add_channel(&operators, form, operator.name).await?;
    let channel = the_channel(&operators, added.key).await?;
    Ok((StatusCode::CREATED, Json(ChannelAdded { channel, secret: added.secret })))
}

/// Says something else about a channel.
#[utoipa::path(
    put, path = "/api/v1/channels/{id}", operation_id = "setChannel", tag = TAG, request_body = ChannelForm,
    params(("id" = i64, Path, description = "Number of the channel."), IfMatch),
    responses((status = 200, description = "The channel.", body = ChannelRecord, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), BadBody, Missing, Conflicts, NotAsSeen, Always),
)]
pub(super) async fn set_channel(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    body: Result<Json<ChannelForm>, JsonRejection>,
) -> Result<One<ChannelRecord>, Refusal> {
    let (Path(key), Json(form)) = (id?, body?);
    operators.store.set_channel(key, form.read()?, operator.name, clock::now()).await??;
    Ok(One(the_channel(&operators, key).await?))
}

/// Removes a channel by which no rule tells.
#[utoipa::path(
    delete, path = "/api/v1/channels/{id}", operation_id = "removeChannel", tag = TAG,
    params(("id" = i64, Path, description = "Number of the channel."), IfMatch),
    responses((status = 204, description = "It is removed."), BadMatch, Missing, Conflicts, NotAsSeen, Always),
)]
pub(super) async fn remove_channel(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(key) = id?;
    operators.store.remove_channel(key).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a webhook another secret; the one before is of no use from then on.
#[utoipa::path(
    post, path = "/api/v1/channels/{id}/secret", operation_id = "newChannelSecret", tag = TAG,
    params(("id" = i64, Path, description = "Number of the channel.")),
    responses((status = 200, description = "The secret, which is never shown again.", body = NewSecret), Missing, Always),
)]
pub(super) async fn new_secret(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<NewSecret>, Refusal> {
    let Path(key) = id?;
    Ok(Json(NewSecret { secret: telling::new_channel_secret(&operators, key, operator.name).await? }))
}

/// Sends a message that only says that it came, and says what happened.
#[utoipa::path(
    post, path = "/api/v1/channels/{id}/test", operation_id = "testChannel", tag = TAG,
    params(("id" = i64, Path, description = "Number of the channel.")),
    responses((status = 200, description = "What happened.", body = Tested), Missing, Always),
)]
pub(super) async fn test_channel(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<Tested>, Refusal> {
    let Path(key) = id?;
    Ok(Json(telling::test_channel(&operators, key).await?))
}

/// Lists who is told of what.
#[utoipa::path(
    get, path = "/api/v1/notification-rules", operation_id = "listRules", tag = TAG,
    responses((status = 200, description = "All rules, by name.", body = All<RuleRecord>), Always),
)]
pub(super) async fn rules(State(operators): Shared, _: Operator) -> Result<Json<All<RuleRecord>>, Refusal> {
    Ok(Json(All { items: operators.store.telling_rules().await? }))
}

async fn the_rule(operators: &super::super::Operators, key: i64) -> Result<RuleRecord, Refusal> {
    operators.store.telling_rule(key).await?.ok_or_else(|| Refusal::not_found("rule"))
}

/// Shows one rule.
#[utoipa::path(
    get, path = "/api/v1/notification-rules/{id}", operation_id = "getRule", tag = TAG,
    params(("id" = i64, Path, description = "Number of the rule.")),
    responses((status = 200, description = "The rule.", body = RuleRecord, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), Missing, Always),
)]
pub(super) async fn rule(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<One<RuleRecord>, Refusal> {
    let Path(key) = id?;
    Ok(One(the_rule(&operators, key).await?))
}

/// Adds a rule.
#[utoipa::path(
    post, path = "/api/v1/notification-rules", operation_id = "addRule", tag = TAG, request_body = Rule,
    responses((status = 201, description = "The rule.", body = RuleRecord), BadBody, Missing, Conflicts, Always),
)]
pub(super) async fn add_rule(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<RuleForm>, JsonRejection>,
) -> Result<(StatusCode, Json<RuleRecord>), Refusal> {
    let Json(form) = body?;
    let key = operators.store.add_telling_rule(form.read()?, operator.name, clock::now()).await??;
    Ok((StatusCode::CREATED, Json(the_rule(&operators, key).await?)))
}

/// Says something else in a rule. What it has gathered already is told as it was.
#[utoipa::path(
    put, path = "/api/v1/notification-rules/{id}", operation_id = "setRule", tag = TAG, request_body = Rule,
    params(("id" = i64, Path, description = "Number of the rule."), IfMatch),
    responses((status = 200, description = "The rule.", body = RuleRecord, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), BadBody, Missing, Conflicts, NotAsSeen, Always),
)]
pub(super) async fn set_rule(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    body: Result<Json<RuleForm>, JsonRejection>,
) -> Result<One<RuleRecord>, Refusal> {
    let (Path(key), Json(form)) = (id?, body?);
    operators.store.set_telling_rule(key, form.read()?, operator.name, clock::now()).await??;
    Ok(One(the_rule(&operators, key).await?))
}

/// Removes a rule.
#[utoipa::path(
    delete, path = "/api/v1/notification-rules/{id}", operation_id = "removeRule", tag = TAG,
    params(("id" = i64, Path, description = "Number of the rule."), IfMatch),
    responses((status = 204, description = "It is removed."), BadMatch, Missing, NotAsSeen, Always),
)]
pub(super) async fn remove_rule(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(key) = id?;
    operators.store.remove_telling_rule(key).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists what is muted now.
#[utoipa::path(
    get, path = "/api/v1/mutes", operation_id = "listMutes", tag = TAG,
    responses((status = 200, description = "All mutes that stand, the first to end first.", body = All<MuteRecord>), Always),
)]
pub(super) async fn mutes(State(operators): Shared, _: Operator) -> Result<Json<All<MuteRecord>>, Refusal> {
    Ok(Json(All { items: operators.store.mutes(clock::now()).await? }))
}

/// Mutes a device or a site until a moment. What still stands then is told.
#[utoipa::path(
    post, path = "/api/v1/mutes", operation_id = "addMute", tag = TAG, request_body = MuteForm,
    responses((status = 201, description = "The mute.", body = MuteRecord), BadBody, Missing, Conflicts, Always),
)]
pub(super) async fn add_mute(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<MuteForm>, JsonRejection>,
) -> Result<(StatusCode, Json<MuteRecord>), Refusal> {
    let (Json(form), now) = (body?, clock::now());
    let key = operators.store.add_mute(form.read(now)?, operator.name, now).await??;
    let made = operators.store.mutes(now).await?.into_iter().find(|mute| mute.key == key);
    Ok((StatusCode::CREATED, Json(made.ok_or_else(|| Refusal::not_found("mute"))?)))
}

/// Ends a mute now.
#[utoipa::path(
    delete, path = "/api/v1/mutes/{id}", operation_id = "endMute", tag = TAG,
    params(("id" = i64, Path, description = "Number of the mute.")),
    responses((status = 204, description = "It has ended."), Missing, Always),
)]
pub(super) async fn end_mute(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(key) = id?;
    operators.store.end_mute(key, clock::now()).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Which messages, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OfState {
    /// Only those that stand so; `dead` are those that were given up.
    #[param(required = false, nullable = false)]
    state: Option<MessageState>,
    /// `next_cursor` of the previous page; leave it out for the first page.
    #[param(required = false, nullable = false, pattern = "^r[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// The most items on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Lists messages.
#[utoipa::path(
    get, path = "/api/v1/messages", operation_id = "listMessages", tag = TAG, params(OfState),
    responses((status = 200, description = "Messages, the newest first.", body = List<MessageRecord>), BadQuery, Always),
)]
pub(super) async fn messages(
    State(operators): Shared,
    _: Operator,
    which: Result<Query<OfState>, QueryRejection>,
) -> Result<Json<List<MessageRecord>>, Refusal> {
    let Query(which) = which?;
    let (before, limit) = row(which.cursor.as_deref(), which.limit)?;
    let records = operators.store.messages(which.state, before, limit + 1).await?;
    Ok(Json(List::new(records, limit, |record| RowCursor(record.key).to_string(), |record| record)))
}

async fn the_message(operators: &super::super::Operators, id: String) -> Result<MessageRecord, Refusal> {
    operators.store.message(id).await?.ok_or_else(|| Refusal::not_found("message"))
}

/// Shows one message.
#[utoipa::path(
    get, path = "/api/v1/messages/{id}", operation_id = "getMessage", tag = TAG,
    params(("id" = String, Path, description = "Id of the message.")),
    responses((status = 200, description = "The message.", body = MessageRecord), Missing, Always),
)]
pub(super) async fn message(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<MessageRecord>, Refusal> {
    let Path(id) = id?;
    Ok(Json(the_message(&operators, id).await?))
}

/// Sends a message again that was given up.
#[utoipa::path(
    post, path = "/api/v1/messages/{id}/send-again", operation_id = "sendAgain", tag = TAG,
    params(("id" = String, Path, description = "Id of the message.")),
    responses((status = 200, description = "The message.", body = MessageRecord), Missing, Conflicts, Always),
)]
pub(super) async fn send_again(
    State(operators): Shared,
    _: Operator,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<MessageRecord>, Refusal> {
    let Path(id) = id?;
    operators.store.send_again(id.clone(), clock::now()).await??;
    Ok(Json(the_message(&operators, id).await?))
}

/// Takes what a message tells: nobody else is told.
#[utoipa::path(
    post, path = "/api/v1/messages/{id}/take", operation_id = "takeMessage", tag = TAG,
    params(("id" = String, Path, description = "Id of the message.")),
    responses((status = 200, description = "The message.", body = MessageRecord), Missing, Conflicts, Always),
)]
pub(super) async fn take(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<MessageRecord>, Refusal> {
    let Path(id) = id?;
    operators.store.take_message(id.clone(), operator.name, clock::now()).await??;
    Ok(Json(the_message(&operators, id).await?))
}

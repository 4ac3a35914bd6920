//! `POST` and `GET /enrolment-tokens`, `DELETE /enrolment-tokens/{token}`; `POST /devices/{id}/replace-controller`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Shared;
use super::super::enrolment::{self, Asked, MadeTokens};
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::refused::{Always, BadBody, Conflicts, Missing};
use crate::clock;
use crate::store::UnusedToken;

/// Tokens that are listed: the first to end.
const LISTED: u32 = 1_000;

fn a_day() -> u32 {
    24
}

/// Tokens for devices that are to come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct NewTokens {
    /// How many that are bound to no name.
    #[serde(default)]
    #[schema(maximum = 100)]
    count: u32,
    /// And for devices of these names, one each; none of them is enrolled.
    #[serde(default)]
    #[schema(max_items = 100)]
    devices: Vec<DeviceId>,
    /// For how many hours they can be used.
    #[serde(default = "a_day")]
    #[schema(minimum = 1, maximum = 744)]
    valid_hours: u32,
}

/// For how long another controller can take the place of a device's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct Replacing {
    /// For how many hours its token can be used.
    #[serde(default = "a_day")]
    #[schema(minimum = 1, maximum = 744)]
    valid_hours: u32,
}

only_objects!(NewTokens, Replacing);

/// A token that has let nobody in yet. Its secret is not known here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenView {
    /// What it is called here: not the token.
    id: String,
    /// The only device that it lets in; `null` for any that is not there yet.
    device: Option<DeviceId>,
    /// When it was made.
    created: Timestamp,
    /// Until when it can be used.
    expires: Timestamp,
    /// The operator who made it; `null` of one that was made at the command line.
    made_by: Option<String>,
}

impl From<UnusedToken> for TokenView {
    fn from(token: UnusedToken) -> Self {
        let UnusedToken { hash, device, created, expires, made_by } = token;
        Self { id: hash, device, created, expires, made_by }
    }
}

/// Makes enrolment tokens. They are shown this once.
#[utoipa::path(
    post,
    path = "/api/v1/enrolment-tokens",
    operation_id = "makeEnrolmentTokens",
    tag = "Identities",
    request_body = NewTokens,
    responses((status = 201, description = "The tokens.", body = MadeTokens), BadBody, Conflicts, Always),
)]
pub(super) async fn make(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<NewTokens>, JsonRejection>,
) -> Result<(StatusCode, Json<MadeTokens>), Refusal> {
    let Json(NewTokens { count, devices, valid_hours }) = body?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let made = enrolment::sheet(&operators, &operator, Asked { count, devices, valid_hours }).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Lists enrolment tokens that can still be used, the first to end first; at most 1,000.
#[utoipa::path(
    get,
    path = "/api/v1/enrolment-tokens",
    operation_id = "listEnrolmentTokens",
    tag = "Identities",
    responses((status = 200, description = "Tokens that have let nobody in.", body = Vec<TokenView>), Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    _operator: Operator,
) -> Result<Json<Vec<TokenView>>, Refusal> {
    let found = operators.store.tokens_left(clock::now(), LISTED).await?;
    Ok(Json(found.into_iter().map(TokenView::from).collect()))
}

/// Takes an enrolment token back: it lets nobody in any more.
#[utoipa::path(
    delete,
    path = "/api/v1/enrolment-tokens/{token}",
    operation_id = "takeEnrolmentTokenBack",
    tag = "Identities",
    params(("token" = String, Path, description = "`id` of the token, as it is listed.", pattern = "^[0-9a-f]{64}$")),
    responses((status = 204, description = "It can be used no more."), Missing, Always),
)]
pub(super) async fn take_back(
    State(operators): Shared,
    operator: Operator,
    token: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(token) = token?;
    if !operators.store.take_token_back(token).await? {
        return Err(Refusal::not_found("unused token"));
    }
    tracing::info!(operator = operator.name, "an operator took an enrolment token back");
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a token by which another controller takes the place of that of a device, and keeps its history. The old controller is
/// refused from the moment in which the new one enrols.
#[utoipa::path(
    post,
    path = "/api/v1/devices/{id}/replace-controller",
    operation_id = "replaceController",
    tag = "Identities",
    params(("id" = DeviceId, Path, description = "The device.")),
    request_body = Option<Replacing>,
    responses((status = 201, description = "The token.", body = MadeTokens), BadBody, Missing, Always),
)]
pub(super) async fn replace(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    body: Result<Option<Json<Option<Replacing>>>, JsonRejection>,
) -> Result<(StatusCode, Json<MadeTokens>), Refusal> {
    let Path(device) = id?;
    let asked = body?.and_then(|Json(asked)| asked);
    let valid_hours = asked.map_or_else(a_day, |asked| asked.valid_hours);
    let made = enrolment::replace(&operators, &operator, (device, valid_hours)).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

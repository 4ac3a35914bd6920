//! `POST /enrolment-tokens`, `POST /devices/{id}/replace-controller`: tokens with which devices enrol. They are listed and taken back
//! as the other credentials are ([`super::credentials`]).

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use platen_protocol::identity::DeviceId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::Shared;
use super::super::enrolment::{self, Asked, MadeEnrolmentTokens};
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::refused::{Always, BadBody, Conflicts, Missing};

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

/// Makes enrolment tokens. They are shown this once.
#[utoipa::path(
    post,
    path = "/api/v1/enrolment-tokens",
    operation_id = "makeEnrolmentTokens",
    tag = "Identities",
    request_body = NewTokens,
    responses((status = 201, description = "The tokens.", body = MadeEnrolmentTokens), BadBody, Conflicts, Always),
)]
pub(super) async fn make(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<NewTokens>, JsonRejection>,
) -> Result<(StatusCode, Json<MadeEnrolmentTokens>), Refusal> {
    let Json(NewTokens { count, devices, valid_hours }) = body?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let made = enrolment::sheet(&operators, &operator, Asked { count, devices, valid_hours }).await?;
    Ok((StatusCode::CREATED, Json(made)))
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
    responses((status = 201, description = "The token.", body = MadeEnrolmentTokens), BadBody, Missing, Always),
)]
pub(super) async fn replace(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    body: Result<Option<Json<Option<Replacing>>>, JsonRejection>,
) -> Result<(StatusCode, Json<MadeEnrolmentTokens>), Refusal> {
    let Path(device) = id?;
    let asked = body?.and_then(|Json(asked)| asked);
    let valid_hours = asked.map_or_else(a_day, |asked| asked.valid_hours);
    let made = enrolment::replace(&operators, &operator, (device, valid_hours)).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

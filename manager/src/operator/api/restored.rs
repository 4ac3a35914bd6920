//! `GET /restoration`, `POST /restoration/let-in`, `POST /restoration/end`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::Shared;
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::restored::{self, RestoredAction, RestoredView};
use super::super::who::Operator;
use super::refused::{Always, BadBody, BadQuery, NotRestored};

/// Certificates on a page, unless fewer are asked for.
const PAGE: u32 = 200;

/// Which page of those that wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichWaiting {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Whether the manager was restored from a backup.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RestorationView {
    /// What stands of it; `null` if it was not restored, or that is dealt with.
    restoration: Option<RestoredView>,
}

/// Whom to let in: one certificate, or all of the time of which the manager knows nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct LetIn {
    /// The device; not with `all`.
    device: Option<DeviceId>,
    /// The serial number of its certificate; not with `all`.
    serial: Option<String>,
    /// `true` for all that wait and all that will come.
    #[serde(default)]
    all: bool,
}

only_objects!(LetIn);

/// Tells whether the manager was restored from a backup, and which devices wait since.
#[utoipa::path(
    get,
    path = "/api/v1/restoration",
    operation_id = "getRestoration",
    tag = "Identities",
    params(WhichWaiting),
    responses((status = 200, description = "What stands of it.", body = RestorationView), BadQuery, Always),
)]
pub(super) async fn restoration(
    State(operators): Shared,
    _operator: Operator,
    which: Result<Query<WhichWaiting>, QueryRejection>,
) -> Result<Json<RestorationView>, Refusal> {
    let Query(which) = which?;
    let restoration = restored::view(&operators, which.cursor.as_deref(), PAGE).await?;
    Ok(Json(RestorationView { restoration }))
}

/// Lets a device in with a certificate that is newer than the backup, or all of them.
#[utoipa::path(
    post,
    path = "/api/v1/restoration/let-in",
    operation_id = "letInAfterRestore",
    tag = "Identities",
    request_body = LetIn,
    responses((status = 204, description = "Done."), BadBody, NotRestored, Always),
)]
pub(super) async fn let_in(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<LetIn>, JsonRejection>,
) -> Result<StatusCode, Refusal> {
    let Json(body) = body?;
    let action = match (body.device, body.serial, body.all) {
        (Some(device), Some(serial), false) => RestoredAction::LetIn(device, serial),
        (None, None, true) => RestoredAction::LetInAll,
        _ => {
            return Err(Refusal::new(
                ProblemKind::InvalidRequest,
                "give either `device` and `serial`, or `\"all\": true`",
            ));
        }
    };
    restored::act(&operators, action, operator.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says that the restore is dealt with: from now on a certificate that is not known here is refused as ever.
#[utoipa::path(
    post,
    path = "/api/v1/restoration/end",
    operation_id = "endRestoration",
    tag = "Identities",
    responses((status = 204, description = "Done."), NotRestored, Always),
)]
pub(super) async fn end(State(operators): Shared, operator: Operator) -> Result<StatusCode, Refusal> {
    restored::act(&operators, RestoredAction::End, operator.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

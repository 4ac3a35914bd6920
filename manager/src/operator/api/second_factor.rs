//! `/me/second-factor` and that of others: a code beside the password.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Shared;
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::second_factor::{self, Enrolment};
use super::super::who::{Operator, Remote};
use super::refused::{Always, BadBody, Conflicts, Missing, TooMany};

/// What an authenticator app is given.
#[derive(Serialize, ToSchema)]
pub(super) struct BegunFactor {
    /// The secret, in Base32.
    secret: String,
    /// The same as an address of apps (`otpauth`), which is drawn as a QR code.
    uri: String,
}

/// Codes that are good once each.
#[derive(Serialize, ToSchema)]
pub(super) struct RecoveryCodes {
    /// They are not shown again.
    recovery_codes: Vec<String>,
}

/// A code of the app. It has no `Debug`.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct CodeForm {
    /// As the app shows it now.
    #[schema(min_length = 6, max_length = 10)]
    code: String,
}

/// The present password. It has no `Debug`.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct PresentForm {
    /// The present password.
    #[schema(min_length = 1, max_length = 256)]
    present: String,
}

only_objects!(CodeForm, PresentForm);

/// Begins a second factor for who asks. Until a code of it is confirmed, none is asked for.
#[utoipa::path(
    post,
    path = "/api/v1/me/second-factor",
    operation_id = "beginMySecondFactor",
    tag = "People",
    request_body = PresentForm,
    responses((status = 201, description = "What an app is given.", body = BegunFactor), BadBody, Conflicts, TooMany, Always),
)]
pub(super) async fn begin(
    State(operators): Shared,
    operator: Operator,
    Extension(Remote(remote)): Extension<Remote>,
    body: Result<Json<PresentForm>, JsonRejection>,
) -> Result<(StatusCode, Json<BegunFactor>), Refusal> {
    let Json(PresentForm { present }) = body?;
    let Enrolment { secret, uri, svg: _ } =
        second_factor::begin(&operators, (present, remote), &operator).await?;
    Ok((StatusCode::CREATED, Json(BegunFactor { secret, uri })))
}

/// Confirms the second factor that was begun, by a code of it.
#[utoipa::path(
    post,
    path = "/api/v1/me/second-factor/confirm",
    operation_id = "confirmMySecondFactor",
    tag = "People",
    request_body = CodeForm,
    responses((status = 200, description = "From now on a code is asked for.", body = RecoveryCodes), BadBody, Conflicts, Always),
)]
pub(super) async fn confirm(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<CodeForm>, JsonRejection>,
) -> Result<Json<RecoveryCodes>, Refusal> {
    let Json(CodeForm { code }) = body?;
    let recovery_codes = second_factor::confirm(&operators, &code, &operator).await?;
    Ok(Json(RecoveryCodes { recovery_codes }))
}

/// Takes the second factor of who asks away.
#[utoipa::path(
    post,
    path = "/api/v1/me/second-factor/remove",
    operation_id = "removeMySecondFactor",
    tag = "People",
    request_body = PresentForm,
    responses((status = 204, description = "The password alone lets in."), BadBody, Missing, TooMany, Always),
)]
pub(super) async fn remove_own(
    State(operators): Shared,
    operator: Operator,
    Extension(Remote(remote)): Extension<Remote>,
    body: Result<Json<PresentForm>, JsonRejection>,
) -> Result<StatusCode, Refusal> {
    let Json(PresentForm { present }) = body?;
    second_factor::remove_own(&operators, (present, remote), &operator).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the second factor of an operator away, who has lost it.
#[utoipa::path(
    delete,
    path = "/api/v1/operators/{name}/second-factor",
    operation_id = "removeSecondFactor",
    tag = "People",
    params(("name" = String, Path, description = "The operator's name.")),
    responses((status = 204, description = "The password alone lets in."), Missing, Always),
)]
pub(super) async fn remove(
    State(operators): Shared,
    operator: Operator,
    name: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(name) = name?;
    second_factor::remove(&operators, name, &operator).await?;
    Ok(StatusCode::NO_CONTENT)
}

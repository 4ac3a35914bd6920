//! `/me/sessions`, `/me/tokens`, the same of `/operators/{name}`, `/enrolment-tokens`: by what people, programs and new devices
//! are let in. Each can be listed, and taken back.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Shared;
use super::super::credentials::{self, OwnPasswordForm, TokenForm};
use super::super::problem::Refusal;
use super::super::view::{EnrolmentTokenView, SessionView, TokenView};
use super::super::who::{Operator, Remote};
use super::refused::{Always, BadBody, Conflicts, Missing, TooMany};

/// All of them: there are so few that the list has no pages.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Credentials<T> {
    /// In the order that the list promises.
    items: Vec<T>,
}

/// A token, with its secret.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeToken {
    #[serde(flatten)]
    token: TokenView,
    /// Send it as `Authorization: Bearer ...`. It is not shown again.
    secret: String,
}

/// Lists the sessions of who asks, those used last first.
#[utoipa::path(
    get,
    path = "/api/v1/me/sessions",
    operation_id = "listMySessions",
    tag = "People",
    responses((status = 200, description = "Sessions.", body = Credentials<SessionView>), Always),
)]
pub(super) async fn my_sessions(
    State(operators): Shared,
    operator: Operator,
) -> Result<Json<Credentials<SessionView>>, Refusal> {
    let items = credentials::sessions(&operators, operator.name.clone(), &operator).await?;
    Ok(Json(Credentials { items }))
}

/// Gives who asks another password, which ends all sessions of the old one, this one too.
#[utoipa::path(
    post,
    path = "/api/v1/me/password",
    operation_id = "changeMyPassword",
    tag = "People",
    request_body = OwnPasswordForm,
    responses((status = 204, description = "The password is another one."), BadBody, TooMany, Always),
)]
pub(super) async fn change_my_password(
    State(operators): Shared,
    operator: Operator,
    Extension(Remote(remote)): Extension<Remote>,
    body: Result<Json<OwnPasswordForm>, JsonRejection>,
) -> Result<StatusCode, Refusal> {
    let Json(form) = body?;
    credentials::change_own_password(&operators, form, remote, &operator).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions of who asks, but the one by which this is asked.
#[utoipa::path(
    delete,
    path = "/api/v1/me/sessions",
    operation_id = "endMySessions",
    tag = "People",
    responses((status = 204, description = "They have ended, with their open streams."), Always),
)]
pub(super) async fn end_my_sessions(
    State(operators): Shared,
    operator: Operator,
) -> Result<StatusCode, Refusal> {
    credentials::end_sessions(&operators, operator.name.clone(), &operator).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a session of who asks.
#[utoipa::path(
    delete,
    path = "/api/v1/me/sessions/{id}",
    operation_id = "endMySession",
    tag = "People",
    params(("id" = String, Path, description = "`id` of it.")),
    responses((status = 204, description = "It has ended, with its open streams."), Missing, Always),
)]
pub(super) async fn end_my_session(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(id) = id?;
    credentials::end_session(&operators, (operator.name.clone(), id), &operator).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the bearer tokens of who asks.
#[utoipa::path(
    get,
    path = "/api/v1/me/tokens",
    operation_id = "listMyTokens",
    tag = "People",
    responses((status = 200, description = "Tokens.", body = Credentials<TokenView>), Always),
)]
pub(super) async fn my_tokens(
    State(operators): Shared,
    operator: Operator,
) -> Result<Json<Credentials<TokenView>>, Refusal> {
    let items = credentials::tokens(&operators, operator.name).await?;
    Ok(Json(Credentials { items }))
}

/// Makes a bearer token that acts on behalf of who asks.
#[utoipa::path(
    post,
    path = "/api/v1/me/tokens",
    operation_id = "makeMyToken",
    tag = "People",
    request_body = TokenForm,
    responses((status = 201, description = "The token, with its secret.", body = MadeToken), BadBody, Conflicts, Always),
)]
pub(super) async fn make_my_token(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<TokenForm>, JsonRejection>,
) -> Result<(StatusCode, Json<MadeToken>), Refusal> {
    let Json(form) = body?;
    let (token, secret) = credentials::make_token(&operators, form, &operator).await?;
    Ok((StatusCode::CREATED, Json(MadeToken { token, secret })))
}

/// Takes a bearer token of who asks back.
#[utoipa::path(
    delete,
    path = "/api/v1/me/tokens/{id}",
    operation_id = "revokeMyToken",
    tag = "People",
    params(("id" = String, Path, description = "`id` of it.")),
    responses((status = 204, description = "It is good no more."), Missing, Always),
)]
pub(super) async fn revoke_my_token(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(id) = id?;
    credentials::revoke_token(&operators, (operator.name.clone(), id), &operator).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the sessions of an operator, those used last first.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{name}/sessions",
    operation_id = "listSessions",
    tag = "People",
    params(("name" = String, Path, description = "The operator's name.")),
    responses((status = 200, description = "Sessions.", body = Credentials<SessionView>), Missing, Always),
)]
pub(super) async fn sessions(
    State(operators): Shared,
    operator: Operator,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Credentials<SessionView>>, Refusal> {
    let Path(name) = name?;
    let items = credentials::sessions(&operators, name, &operator).await?;
    Ok(Json(Credentials { items }))
}

/// Ends all sessions of an operator, but the one by which this is asked.
#[utoipa::path(
    delete,
    path = "/api/v1/operators/{name}/sessions",
    operation_id = "endSessions",
    tag = "People",
    params(("name" = String, Path, description = "The operator's name.")),
    responses((status = 204, description = "They have ended, with their open streams."), Missing, Always),
)]
pub(super) async fn end_sessions(
    State(operators): Shared,
    operator: Operator,
    name: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(name) = name?;
    credentials::end_sessions(&operators, name, &operator).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a session of an operator.
#[utoipa::path(
    delete,
    path = "/api/v1/operators/{name}/sessions/{id}",
    operation_id = "endSession",
    tag = "People",
    params(("name" = String, Path, description = "The operator's name."), ("id" = String, Path, description = "`id` of it.")),
    responses((status = 204, description = "It has ended, with its open streams."), Missing, Always),
)]
pub(super) async fn end_session(
    State(operators): Shared,
    operator: Operator,
    which: Result<Path<(String, String)>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(which) = which?;
    credentials::end_session(&operators, which, &operator).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the bearer tokens of an operator.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{name}/tokens",
    operation_id = "listTokens",
    tag = "People",
    params(("name" = String, Path, description = "The operator's name.")),
    responses((status = 200, description = "Tokens.", body = Credentials<TokenView>), Missing, Always),
)]
pub(super) async fn tokens(
    State(operators): Shared,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Credentials<TokenView>>, Refusal> {
    let Path(name) = name?;
    let items = credentials::tokens(&operators, name).await?;
    Ok(Json(Credentials { items }))
}

/// Takes a bearer token of an operator back.
#[utoipa::path(
    delete,
    path = "/api/v1/operators/{name}/tokens/{id}",
    operation_id = "revokeToken",
    tag = "People",
    params(("name" = String, Path, description = "The operator's name."), ("id" = String, Path, description = "`id` of it.")),
    responses((status = 204, description = "It is good no more."), Missing, Always),
)]
pub(super) async fn revoke_token(
    State(operators): Shared,
    operator: Operator,
    which: Result<Path<(String, String)>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(which) = which?;
    credentials::revoke_token(&operators, which, &operator).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists tokens with which devices can enrol, the first to end first; at most 1,000.
#[utoipa::path(
    get,
    path = "/api/v1/enrolment-tokens",
    operation_id = "listEnrolmentTokens",
    tag = "People",
    responses((status = 200, description = "Tokens that have let nobody in.", body = Credentials<EnrolmentTokenView>), Always),
)]
pub(super) async fn enrolment_tokens(
    State(operators): Shared,
) -> Result<Json<Credentials<EnrolmentTokenView>>, Refusal> {
    let items = credentials::enrolment_tokens(&operators).await?;
    Ok(Json(Credentials { items }))
}

/// Takes a token back with which a device could enrol.
#[utoipa::path(
    delete,
    path = "/api/v1/enrolment-tokens/{id}",
    operation_id = "revokeEnrolmentToken",
    tag = "People",
    params(("id" = String, Path, description = "`id` of it.")),
    responses((status = 204, description = "It lets nobody in."), Missing, Always),
)]
pub(super) async fn revoke_enrolment_token(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(id) = id?;
    credentials::revoke_enrolment_token(&operators, id, &operator).await?;
    Ok(StatusCode::NO_CONTENT)
}

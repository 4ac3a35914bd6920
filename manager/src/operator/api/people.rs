//! `/operators`, `/operators/{name}`, `/operators/{name}/password`, `/me`: who may do what.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::Shared;
use super::super::cursor::NameCursor;
use super::super::people::{self, OperatorChange, OperatorForm, PasswordForm};
use super::super::problem::Refusal;
use super::super::view::OperatorView;
use super::super::who::Operator;
use super::list::{List, bad_cursor, limit};
use super::marks::{IfMatch, One};
use super::refused::{Always, BadBody, BadMatch, BadQuery, Conflicts, Missing, NotAsSeen};

/// Which page of a list in the order of names.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ByName {
    /// `next_cursor` of the previous page; leave it out for the first page.
    #[param(required = false, nullable = false, pattern = "^n([0-9a-f]{2}){1,256}$")]
    cursor: Option<String>,
    /// The most items on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Lists operators, by name.
#[utoipa::path(
    get,
    path = "/api/v1/operators",
    operation_id = "listOperators",
    tag = "People",
    params(ByName),
    responses((status = 200, description = "Operators, by name.", body = List<OperatorView>), BadQuery, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    which: Result<Query<ByName>, QueryRejection>,
) -> Result<Json<List<OperatorView>>, Refusal> {
    let Query(ByName { cursor, limit: most }) = which?;
    let after = cursor.map(|cursor| cursor.parse::<NameCursor>()).transpose().map_err(bad_cursor)?;
    let most = limit(most)?;
    let records = operators.store.operators(after.map(|after| after.0), most + 1).await?;
    let cursor = |record: &crate::store::OperatorRecord| NameCursor(record.name.clone()).to_string();
    Ok(Json(List::new(records, most, cursor, OperatorView::from)))
}

/// An operator, with the password if it was made here.
#[derive(Serialize, ToSchema)]
pub(super) struct AddedOperator {
    #[serde(flatten)]
    operator: OperatorView,
    /// The password that was made; it is not shown again. `null` if one was sent.
    password: Option<String>,
}

/// Adds an operator.
#[utoipa::path(
    post,
    path = "/api/v1/operators",
    operation_id = "addOperator",
    tag = "People",
    request_body = OperatorForm,
    responses((status = 201, description = "The operator.", body = AddedOperator), BadBody, Conflicts, Always),
)]
pub(super) async fn add(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<OperatorForm>, JsonRejection>,
) -> Result<(StatusCode, Json<AddedOperator>), Refusal> {
    let Json(form) = body?;
    let (added, password) = people::add(&operators, form, &operator).await?;
    Ok((StatusCode::CREATED, Json(AddedOperator { operator: added, password })))
}

/// Shows one operator.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{name}",
    operation_id = "getOperator",
    tag = "People",
    params(("name" = String, Path, description = "The operator's name.")),
    responses((status = 200, description = "The operator.", body = OperatorView, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), Missing, Always),
)]
pub(super) async fn one(
    State(operators): Shared,
    name: Result<Path<String>, PathRejection>,
) -> Result<One<OperatorView>, Refusal> {
    let Path(name) = name?;
    people::one(&operators, name).await.map(One)
}

/// Gives an operator another role and other limits. The last administrator stays one.
#[utoipa::path(
    put,
    path = "/api/v1/operators/{name}",
    operation_id = "setOperator",
    tag = "People",
    params(("name" = String, Path, description = "The operator's name."), IfMatch),
    request_body = OperatorChange,
    responses((status = 200, description = "The operator.", body = OperatorView, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), BadBody, Missing, Conflicts, NotAsSeen, Always),
)]
pub(super) async fn set(
    State(operators): Shared,
    operator: Operator,
    name: Result<Path<String>, PathRejection>,
    body: Result<Json<OperatorChange>, JsonRejection>,
) -> Result<One<OperatorView>, Refusal> {
    let (Path(name), Json(change)) = (name?, body?);
    people::change(&operators, name, change, &operator).await.map(One)
}

/// Removes an operator, with all sessions and tokens. The last administrator stays.
#[utoipa::path(
    delete,
    path = "/api/v1/operators/{name}",
    operation_id = "removeOperator",
    tag = "People",
    params(("name" = String, Path, description = "The operator's name."), IfMatch),
    responses((status = 204, description = "The operator is removed."), BadMatch, Missing, Conflicts, NotAsSeen, Always),
)]
pub(super) async fn remove(
    State(operators): Shared,
    operator: Operator,
    name: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(name) = name?;
    people::remove(&operators, name, &operator).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A password that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct MadePassword {
    /// The password that was made; it is not shown again. `null` if one was sent.
    password: Option<String>,
}

/// Gives an operator another password, which ends all sessions of the old one.
#[utoipa::path(
    post,
    path = "/api/v1/operators/{name}/password",
    operation_id = "resetPassword",
    tag = "People",
    params(("name" = String, Path, description = "The operator's name.")),
    request_body = PasswordForm,
    responses((status = 200, description = "The password, if it was made here.", body = MadePassword), BadBody, Missing, Always),
)]
pub(super) async fn reset(
    State(operators): Shared,
    operator: Operator,
    name: Result<Path<String>, PathRejection>,
    body: Result<Json<PasswordForm>, JsonRejection>,
) -> Result<Json<MadePassword>, Refusal> {
    let (Path(name), Json(form)) = (name?, body?);
    let password = people::reset(&operators, name, form, &operator).await?;
    Ok(Json(MadePassword { password }))
}

/// Shows who asks, and what that operator may do.
#[utoipa::path(
    get,
    path = "/api/v1/me",
    operation_id = "getMe",
    tag = "People",
    responses((status = 200, description = "The operator on whose behalf this is asked.", body = OperatorView), Missing, Always),
)]
pub(super) async fn me(State(operators): Shared, operator: Operator) -> Result<Json<OperatorView>, Refusal> {
    people::one(&operators, operator.name).await.map(Json)
}

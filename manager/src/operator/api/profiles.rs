//! `GET`, `POST`, `PUT` and `DELETE` of `/profiles`; `POST /profiles/{id}/send`, `GET /profiles/{id}/refusals`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::cursor::RowCursor;
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::view::ProfileView;
use super::super::who::Operator;
use super::super::{Operators, Shared, profiles};
use super::list::{List, Page};
use super::marks::{IfMatch, One};
use super::refused::{Always, BadBody, BadMatch, BadQuery, Conflicts, Missing, NotAsSeen};
use crate::clock;
use crate::store::{GroupKind, NewProfile, ProfileRefused, Scope};

/// Devices that did not accept a profile that are listed at once.
const MAX_REFUSALS: u32 = 500;

/// A group of devices, as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct GroupForm {
    /// What kind of group.
    kind: GroupKind,
    /// The tag, or the number of the site or customer.
    name: String,
}

/// A profile, as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct ProfileForm {
    /// Name; no other profile has it.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// Whatever is to be remembered of it.
    #[serde(default)]
    #[schema(max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    note: Option<String>,
    /// Values by the names of the settings, in the unit that each name ends with. A device is sent those for supplies
    /// and parts that it has.
    settings: BTreeMap<String, u32>,
    /// Whom it is for; a group has at most one profile. A device has the profile that it was given itself, else that of
    /// the first of its tags that has one, else its site's, else its customer's.
    #[serde(default)]
    groups: Vec<GroupForm>,
}

only_objects!(GroupForm, ProfileForm);

impl ProfileForm {
    fn read(self) -> Result<NewProfile, Refusal> {
        let groups = self.groups.into_iter().map(|group| (group.kind, group.name));
        profiles::read(&self.name, self.note.as_deref(), self.settings, groups)
    }
}

/// Lists profiles, each with how far it has come.
#[utoipa::path(
    get,
    path = "/api/v1/profiles",
    operation_id = "listProfiles",
    tag = "Customers and profiles",
    params(Page),
    responses((status = 200, description = "Profiles, in the order in which they were added.", body = List<ProfileView>), BadQuery, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<ProfileView>>, Refusal> {
    let Query(page) = page?;
    let (after, limit) = page.place()?;
    let records = operators.store.profiles(after, limit + 1).await?;
    let progress = operators.store.profile_progress(operator.scope(), None).await?;
    let view = |record: crate::store::ProfileRecord| {
        let come = progress.get(&record.key);
        ProfileView::of(record, come)
    };
    Ok(Json(List::new(records, limit, |record| RowCursor(record.key).to_string(), view)))
}

async fn view(operators: &Operators, scope: &Scope, key: i64) -> Result<ProfileView, Refusal> {
    let record = operators.store.profile(key).await?.ok_or_else(|| Refusal::not_found("profile"))?;
    let progress = operators.store.profile_progress(scope, Some(key)).await?;
    Ok(ProfileView::with_groups(record, progress.get(&key)))
}

/// Shows one profile, with whom it is for and how far it has come.
#[utoipa::path(
    get,
    path = "/api/v1/profiles/{id}",
    operation_id = "getProfile",
    tag = "Customers and profiles",
    params(("id" = i64, Path, description = "Number of the profile.")),
    responses((status = 200, description = "The profile.", body = ProfileView, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), Missing, Always),
)]
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<One<ProfileView>, Refusal> {
    let Path(key) = id?;
    Ok(One(view(&operators, operator.scope(), key).await?))
}

/// Adds a profile, and sends it to the devices of its groups.
#[utoipa::path(
    post,
    path = "/api/v1/profiles",
    operation_id = "addProfile",
    tag = "Customers and profiles",
    request_body = ProfileForm,
    responses((status = 201, description = "The profile.", body = ProfileView), BadBody, Conflicts, Always),
)]
pub(super) async fn add(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<ProfileForm>, JsonRejection>,
) -> Result<(StatusCode, Json<ProfileView>), Refusal> {
    let Json(form) = body?;
    let scope = operator.scope();
    let key = operators.store.add_profile(form.read()?, operator.name.clone(), clock::now()).await??;
    operators.bell.ring();
    Ok((StatusCode::CREATED, Json(view(&operators, scope, key).await?)))
}

/// Says something else about a profile, and sends what changed to the devices that have it.
#[utoipa::path(
    put,
    path = "/api/v1/profiles/{id}",
    operation_id = "setProfile",
    tag = "Customers and profiles",
    params(("id" = i64, Path, description = "Number of the profile."), IfMatch),
    request_body = ProfileForm,
    responses((status = 200, description = "The profile.", body = ProfileView, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), BadBody, Missing, Conflicts, NotAsSeen, Always),
)]
pub(super) async fn set(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    body: Result<Json<ProfileForm>, JsonRejection>,
) -> Result<One<ProfileView>, Refusal> {
    let (Path(key), Json(form)) = (id?, body?);
    let scope = operator.scope();
    operators.store.set_profile(key, form.read()?, operator.name.clone(), clock::now()).await??;
    operators.bell.ring();
    Ok(One(view(&operators, scope, key).await?))
}

/// Removes a profile. Devices that have no other one go back to their own values.
#[utoipa::path(
    delete,
    path = "/api/v1/profiles/{id}",
    operation_id = "removeProfile",
    tag = "Customers and profiles",
    params(("id" = i64, Path, description = "Number of the profile."), IfMatch),
    responses((status = 204, description = "It is removed."), BadMatch, Missing, NotAsSeen, Always),
)]
pub(super) async fn remove(
    State(operators): Shared,
    _operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(key) = id?;
    operators.store.remove_profile(key, clock::now()).await??;
    operators.bell.ring();
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a profile to all devices that have it once more, such as after a device lost what it had been set to.
#[utoipa::path(
    post,
    path = "/api/v1/profiles/{id}/send",
    operation_id = "sendProfile",
    tag = "Customers and profiles",
    params(("id" = i64, Path, description = "Number of the profile.")),
    responses((status = 202, description = "It is being sent.", body = ProfileView), Missing, Always),
)]
pub(super) async fn send(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<(StatusCode, Json<ProfileView>), Refusal> {
    let Path(key) = id?;
    let scope = operator.scope();
    if !operators.store.send_profile_again(key, operator.name.clone(), clock::now()).await? {
        return Err(Refusal::not_found("profile"));
    }
    operators.bell.ring();
    Ok((StatusCode::ACCEPTED, Json(view(&operators, scope, key).await?)))
}

/// Devices that did not accept a profile.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Refusals {
    /// The first 500, by name.
    items: Vec<ProfileRefused>,
}

/// Lists devices that did not accept a profile, and why: the first 500, by name.
#[utoipa::path(
    get,
    path = "/api/v1/profiles/{id}/refusals",
    operation_id = "listProfileRefusals",
    tag = "Customers and profiles",
    params(("id" = i64, Path, description = "Number of the profile.")),
    responses((status = 200, description = "Devices, by name.", body = Refusals), Missing, Always),
)]
pub(super) async fn refusals(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<Refusals>, Refusal> {
    let Path(key) = id?;
    view(&operators, operator.scope(), key).await?;
    let items = operators.store.profile_refusals(operator.scope(), key, MAX_REFUSALS).await?;
    Ok(Json(Refusals { items }))
}

//! `GET`, `POST /views`, `GET`, `PUT`, `DELETE /views/{id}`, `PUT`, `DELETE /views/{id}/default`: saved views of the fleet.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::fleet_filters::FleetFilters;
use super::super::fleet_query::FleetForm;
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::views::{self, ViewView};
use super::super::who::Operator;
use super::super::{Operators, Shared};
use super::refused::{Always, BadBody, Conflicts, Missing};
use crate::clock;
use crate::store::NewView;

/// A column of the fleet's table, beside the state and the device.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FleetColumn {
    /// What is the matter there.
    Matter,
    /// Where it stands.
    Place,
    /// Its model.
    Model,
    /// Its lowest supply.
    Supply,
    /// When it was last in contact.
    Contact,
    /// The version of its agent.
    AgentVersion,
}

impl FleetColumn {
    const fn word(self) -> &'static str {
        match self {
            Self::Matter => "matter",
            Self::Place => "place",
            Self::Model => "model",
            Self::Supply => "supply",
            Self::Contact => "contact",
            Self::AgentVersion => "agent_version",
        }
    }
}

/// How devices are laid out.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Layout {
    /// A card each.
    Cards,
    /// A line each.
    Table,
}

/// A view, as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct ViewForm {
    /// Name; none of your other views has it.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// Whether all see it who are not limited to some customers. Dispatchers and administrators may say so.
    #[serde(default)]
    shared: bool,
    /// Which devices it shows.
    #[serde(default)]
    filters: FleetFilters,
    /// By what they are sorted, with a `-` before it the other way round.
    #[serde(default)]
    #[schema(
        pattern = "^(?:-?(?:worst|name|last_contact|supply|model|place|agent_version))?$",
        default = "worst"
    )]
    sort: Option<String>,
    /// Which columns its table has, beside the state and the device; those of every table, if none.
    #[serde(default)]
    #[schema(max_items = 6)]
    columns: Vec<FleetColumn>,
    /// How devices are laid out; `null`: what suits their number.
    #[serde(default)]
    layout: Option<Layout>,
}

only_objects!(ViewForm);

/// Columns that a view can name: each that there is, once.
const MAX_COLUMNS: usize = 6;

impl ViewForm {
    fn read(&self, operator: &Operator) -> Result<NewView, Refusal> {
        if self.columns.len() > MAX_COLUMNS {
            let why = format!("{} columns are named; a view has at most {MAX_COLUMNS}", self.columns.len());
            return Err(Refusal::new(ProblemKind::InvalidRequest, why));
        }
        let columns: Vec<&str> = self.columns.iter().map(|column| column.word()).collect();
        let layout = match self.layout {
            None => "",
            Some(Layout::Cards) => "cards",
            Some(Layout::Table) => "table",
        };
        let form = FleetForm {
            sort: self.sort.clone().unwrap_or_default(),
            columns: columns.join(","),
            view: layout.to_owned(),
            ..self.filters.form()
        };
        views::read(operator, &self.name, self.shared, &form)
    }
}

/// Saved views.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Views {
    /// Your own by name, then those of others that are shared.
    items: Vec<ViewView>,
}

async fn seen(operators: &Operators, operator: &Operator, key: i64) -> Result<ViewView, Refusal> {
    let found = operators.store.view(views::viewer(operator), key).await?;
    found.map(ViewView::from).ok_or_else(|| Refusal::not_found("view"))
}

/// Lists the views that you see: at most 150.
#[utoipa::path(
    get,
    path = "/api/v1/views",
    operation_id = "listViews",
    tag = "Devices",
    responses((status = 200, description = "The views.", body = Views), Always),
)]
pub(super) async fn list(State(operators): Shared, operator: Operator) -> Result<Json<Views>, Refusal> {
    let found = operators.store.views(views::viewer(&operator)).await?;
    Ok(Json(Views { items: found.into_iter().map(ViewView::from).collect() }))
}

/// Keeps a view.
#[utoipa::path(
    post,
    path = "/api/v1/views",
    operation_id = "addView",
    tag = "Devices",
    request_body = ViewForm,
    responses((status = 201, description = "The view.", body = ViewView), BadBody, Conflicts, Always),
)]
pub(super) async fn add(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<ViewForm>, JsonRejection>,
) -> Result<(StatusCode, Json<ViewView>), Refusal> {
    let Json(form) = body?;
    let view = form.read(&operator)?;
    let key = operators.store.add_view(operator.name.clone(), view, clock::now()).await??;
    Ok((StatusCode::CREATED, Json(seen(&operators, &operator, key).await?)))
}

/// Shows one view.
#[utoipa::path(
    get,
    path = "/api/v1/views/{id}",
    operation_id = "getView",
    tag = "Devices",
    params(("id" = i64, Path, description = "Number of the view.")),
    responses((status = 200, description = "The view.", body = ViewView), Missing, Always),
)]
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<ViewView>, Refusal> {
    let Path(key) = id?;
    seen(&operators, &operator, key).await.map(Json)
}

/// Has a view be another one. Only who keeps it may do so, and administrators.
#[utoipa::path(
    put,
    path = "/api/v1/views/{id}",
    operation_id = "setView",
    tag = "Devices",
    params(("id" = i64, Path, description = "Number of the view.")),
    request_body = ViewForm,
    responses((status = 200, description = "The view from now on.", body = ViewView), BadBody, Missing, Conflicts, Always),
)]
pub(super) async fn set(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    body: Result<Json<ViewForm>, JsonRejection>,
) -> Result<Json<ViewView>, Refusal> {
    let (Path(key), Json(form)) = (id?, body?);
    let view = form.read(&operator)?;
    operators.store.set_view(views::viewer(&operator), key, view, clock::now()).await??;
    seen(&operators, &operator, key).await.map(Json)
}

/// Keeps a view no more.
#[utoipa::path(
    delete,
    path = "/api/v1/views/{id}",
    operation_id = "removeView",
    tag = "Devices",
    params(("id" = i64, Path, description = "Number of the view.")),
    responses((status = 204, description = "It is removed."), Missing, Conflicts, Always),
)]
pub(super) async fn remove(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(key) = id?;
    operators.store.remove_view(views::viewer(&operator), key).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Has you see a view when you ask for the fleet and nothing else.
#[utoipa::path(
    put,
    path = "/api/v1/views/{id}/default",
    operation_id = "setDefaultView",
    tag = "Devices",
    params(("id" = i64, Path, description = "Number of the view.")),
    responses((status = 204, description = "You see it from now on."), Missing, Always),
)]
pub(super) async fn set_default(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(key) = id?;
    operators.store.set_default_view(views::viewer(&operator), Some(key)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Has you see the whole fleet again, if you saw this view.
#[utoipa::path(
    delete,
    path = "/api/v1/views/{id}/default",
    operation_id = "removeDefaultView",
    tag = "Devices",
    params(("id" = i64, Path, description = "Number of the view.")),
    responses((status = 204, description = "You do not see it by itself."), Missing, Always),
)]
pub(super) async fn remove_default(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path(key) = id?;
    if seen(&operators, &operator, key).await?.is_default {
        operators.store.set_default_view(views::viewer(&operator), None).await??;
    }
    Ok(StatusCode::NO_CONTENT)
}

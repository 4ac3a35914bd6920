//! `GET /programs`, `/programs/{name}/{version}`; `GET` and `POST` of its `/offers`, `DELETE` of one; `GET` of its
//! `/attempts`.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use platen_protocol::identity::{DeviceId, ProgramName};
use platen_protocol::programs::ProgramVersion;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::cursor::RowCursor;
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::view::{AttemptView, OfferView, ProgramView};
use super::super::who::Operator;
use super::super::{Shared, programs};
use super::list::{List, Page};
use super::refused::{Always, BadBody, BadQuery, CannotBeOffered, Missing};

/// Lists programs, the newest first, each with how it stands at the devices.
#[utoipa::path(
    get,
    path = "/api/v1/programs",
    operation_id = "listPrograms",
    tag = "Programs",
    params(Page),
    responses((status = 200, description = "Programs, the newest first.", body = List<ProgramView>), BadQuery, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<ProgramView>>, Refusal> {
    let Query(page) = page?;
    let (before, limit) = page.place()?;
    let records = operators.store.programs(before, limit + 1).await?;
    let counted = operators.store.program_counts(operator.scope(), records).await?;
    let cursor = |(record, _): &(crate::store::ProgramRecord, _)| RowCursor(record.key).to_string();
    Ok(Json(List::new(counted, limit, cursor, ProgramView::new)))
}

/// Shows one program.
#[utoipa::path(
    get,
    path = "/api/v1/programs/{name}/{version}",
    operation_id = "getProgram",
    tag = "Programs",
    params(
        ("name" = ProgramName, Path, description = "The program."),
        ("version" = ProgramVersion, Path, description = "Its version."),
    ),
    responses((status = 200, description = "The program.", body = ProgramView), Missing, Always),
)]
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<(ProgramName, ProgramVersion)>, PathRejection>,
) -> Result<Json<ProgramView>, Refusal> {
    let Path((name, version)) = id?;
    let record = programs::record(&operators, name.as_str(), version.as_str()).await?;
    let views = programs::views(&operators, operator.scope(), vec![record]).await?;
    views.into_iter().next().map(Json).ok_or_else(|| Refusal::not_found("program"))
}

/// Lists the devices that are to have a program, the earliest first.
#[utoipa::path(
    get,
    path = "/api/v1/programs/{name}/{version}/offers",
    operation_id = "listProgramOffers",
    tag = "Programs",
    params(
        ("name" = ProgramName, Path, description = "The program."),
        ("version" = ProgramVersion, Path, description = "Its version."),
        Page
    ),
    responses((status = 200, description = "Offers, the earliest first.", body = List<OfferView>), BadQuery, Missing, Always),
)]
pub(super) async fn offers(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<(ProgramName, ProgramVersion)>, PathRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<OfferView>>, Refusal> {
    let (Path((name, version)), Query(page)) = (id?, page?);
    let (after, limit) = page.place()?;
    let program = programs::record(&operators, name.as_str(), version.as_str()).await?;
    let found = operators.store.offers_of_program(operator.scope(), program.key, after, limit + 1).await?;
    Ok(Json(List::new(found, limit, |offer| RowCursor(offer.key).to_string(), OfferView::from)))
}

/// Lists what came of a program at devices, the newest attempt first.
#[utoipa::path(
    get,
    path = "/api/v1/programs/{name}/{version}/attempts",
    operation_id = "listProgramAttempts",
    tag = "Programs",
    params(
        ("name" = ProgramName, Path, description = "The program."),
        ("version" = ProgramVersion, Path, description = "Its version."),
        Page
    ),
    responses((status = 200, description = "Attempts, the newest first.", body = List<AttemptView>), BadQuery, Missing, Always),
)]
pub(super) async fn attempts(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<(ProgramName, ProgramVersion)>, PathRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<AttemptView>>, Refusal> {
    let (Path((name, version)), Query(page)) = (id?, page?);
    let (before, limit) = page.place()?;
    programs::record(&operators, name.as_str(), version.as_str()).await?;
    let program = Some((name.to_string(), version.to_string()));
    let found = operators.store.attempts(operator.scope(), None, program, (before, limit + 1)).await?;
    Ok(Json(List::new(found, limit, |attempt| RowCursor(attempt.key).to_string(), AttemptView::from)))
}

/// To which devices.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct OfferForm {
    /// The devices, 1 to 1,000. If one of them cannot be offered it, none is.
    #[schema(min_items = 1, max_items = 1000)]
    devices: Vec<DeviceId>,
}

only_objects!(OfferForm);

/// What came of offering a program.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OfferedView {
    /// Devices to which it is offered now.
    offered: Vec<DeviceId>,
    /// Devices to which it was offered before.
    already: Vec<DeviceId>,
}

/// Offers a program to devices. Each is given it when it asks next, and is told to ask at once where it is in contact.
#[utoipa::path(
    post,
    path = "/api/v1/programs/{name}/{version}/offers",
    operation_id = "offerProgram",
    tag = "Programs",
    params(
        ("name" = ProgramName, Path, description = "The program."),
        ("version" = ProgramVersion, Path, description = "Its version."),
    ),
    request_body = OfferForm,
    responses((status = 200, description = "To whom it is offered.", body = OfferedView), BadBody, Missing, CannotBeOffered, Always),
)]
pub(super) async fn offer(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<(ProgramName, ProgramVersion)>, PathRejection>,
    body: Result<Json<OfferForm>, JsonRejection>,
) -> Result<Json<OfferedView>, Refusal> {
    let (Path((name, version)), Json(form)) = (id?, body?);
    let devices: BTreeSet<DeviceId> = form.devices.into_iter().collect();
    let program = (name.to_string(), version.to_string());
    let scope = operator.scope();
    let offered = programs::offer(&operators, scope, program, devices, operator.name.clone()).await?;
    Ok(Json(OfferedView { offered: offered.new, already: offered.already }))
}

/// Takes the offer of a program to a device back. What the device was given already stays with it.
#[utoipa::path(
    delete,
    path = "/api/v1/programs/{name}/{version}/offers/{device}",
    operation_id = "takeProgramBack",
    tag = "Programs",
    params(
        ("name" = ProgramName, Path, description = "The program."),
        ("version" = ProgramVersion, Path, description = "Its version."),
        ("device" = DeviceId, Path, description = "The device."),
    ),
    responses((status = 204, description = "It is taken back."), Missing, Always),
)]
pub(super) async fn take_back(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<(ProgramName, ProgramVersion, DeviceId)>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path((name, version, device)) = id?;
    let program = (name.as_str(), version.as_str());
    programs::take_back(&operators, operator.scope(), program, device, &operator.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

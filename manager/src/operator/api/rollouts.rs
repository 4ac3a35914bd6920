//! `GET` and `POST /rollouts`, `POST /rollouts/preview`; `GET` of one, its `/devices` and its `/log`; `POST` of what is done
//! with it and with one of its devices.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::cursor::RowCursor;
use super::super::problem::Refusal;
use super::super::rollouts::{self, ActForm, RolloutForm};
use super::super::view::{RolloutDeviceView, RolloutView};
use super::super::who::Operator;
use super::super::{Operators, Shared};
use super::list::{List, Page, row};
use super::refused::{Always, BadBody, BadQuery, CannotBeRolledOut, Missing, NotNow};
use crate::clock;
use crate::store::{Act, DeviceStanding, RolloutEntry, RolloutId, RolloutPart, RolloutRecord};

/// Lists rollouts, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/rollouts",
    operation_id = "listRollouts",
    tag = "Rollouts",
    params(Page),
    responses((status = 200, description = "Rollouts, the newest first.", body = List<RolloutView>), BadQuery, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<RolloutView>>, Refusal> {
    let Query(page) = page?;
    let (before, limit) = page.place()?;
    let found = operators.store.rollouts(operator.scope(), before, limit + 1).await?;
    let cursor = |record: &RolloutRecord| RowCursor(record.key).to_string();
    Ok(Json(List::new(found, limit, cursor, RolloutView::from)))
}

/// Plans a rollout. Which devices it is for is written down now; it offers nothing before it is started.
#[utoipa::path(
    post,
    path = "/api/v1/rollouts",
    operation_id = "planRollout",
    tag = "Rollouts",
    request_body = RolloutForm,
    responses((status = 201, description = "The rollout.", body = RolloutView), BadBody, Missing, CannotBeRolledOut, Always),
)]
pub(super) async fn create(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<RolloutForm>, JsonRejection>,
) -> Result<(StatusCode, Json<RolloutView>), Refusal> {
    let Json(form) = body?;
    let planned = form.read(clock::now())?;
    let scope = operator.scope();
    Ok((
        StatusCode::CREATED,
        Json(rollouts::create(&operators, scope, planned, operator.name.clone()).await?),
    ))
}

/// Devices that a rollout would leave out, or leave as they are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UnfitView {
    /// Why.
    reason: String,
    /// How many.
    devices: u64,
    /// Some of them: at most ten.
    some: Vec<DeviceId>,
}

/// What a rollout would come to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreviewView {
    /// Devices of each wave, in their order.
    waves: Vec<u64>,
    /// All of them.
    devices: u64,
    /// Those that it would leave out or leave as they are, by the reason; at most 50 reasons.
    unfit: Vec<UnfitView>,
    /// Devices that it would be given to and whose window is open now.
    open_now: u64,
    /// Bytes of the program.
    bytes: u64,
}

/// Says what a rollout would come to, and changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/rollouts/preview",
    operation_id = "previewRollout",
    tag = "Rollouts",
    request_body = RolloutForm,
    responses((status = 200, description = "What it would come to.", body = PreviewView), BadBody, Missing, CannotBeRolledOut, Always),
)]
pub(super) async fn preview(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<RolloutForm>, JsonRejection>,
) -> Result<Json<PreviewView>, Refusal> {
    let Json(form) = body?;
    let found = rollouts::preview(&operators, operator.scope(), form.read(clock::now())?).await?;
    let unfit = found.unfit.into_iter();
    Ok(Json(PreviewView {
        devices: found.waves.iter().sum(),
        waves: found.waves,
        unfit: unfit
            .map(|one| UnfitView { reason: one.reason, devices: one.devices, some: one.some })
            .collect(),
        open_now: found.at_once,
        bytes: found.bytes,
    }))
}

/// Shows one rollout.
#[utoipa::path(
    get,
    path = "/api/v1/rollouts/{id}",
    operation_id = "getRollout",
    tag = "Rollouts",
    params(("id" = RolloutId, Path, description = "The rollout.")),
    responses((status = 200, description = "The rollout.", body = RolloutView), Missing, Always),
)]
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<RolloutId>, PathRejection>,
) -> Result<Json<RolloutView>, Refusal> {
    let Path(id) = id?;
    Ok(Json(rollouts::one(&operators, operator.scope(), id).await?))
}

/// Which devices of a rollout, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OfRollout {
    /// Only those that stand so.
    #[param(required = false, nullable = false, inline)]
    state: Option<DeviceStanding>,
    /// Only those of the wave of this number, from 1.
    #[param(required = false, nullable = false, minimum = 1)]
    wave: Option<usize>,
    /// `next_cursor` of the previous page; leave it out for the first page.
    #[param(required = false, nullable = false, pattern = "^r[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// The most items on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// Lists the devices of a rollout, those of the first wave first: how each stands, and why.
#[utoipa::path(
    get,
    path = "/api/v1/rollouts/{id}/devices",
    operation_id = "listRolloutDevices",
    tag = "Rollouts",
    params(("id" = RolloutId, Path, description = "The rollout."), OfRollout),
    responses((status = 200, description = "Its devices.", body = List<RolloutDeviceView>), BadQuery, Missing, Always),
)]
pub(super) async fn devices(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<RolloutId>, PathRejection>,
    which: Result<Query<OfRollout>, QueryRejection>,
) -> Result<Json<List<RolloutDeviceView>>, Refusal> {
    let (Path(id), Query(which)) = (id?, which?);
    let (after, limit) = row(which.cursor.as_deref(), which.limit)?;
    if which.wave == Some(0) {
        return Err(Refusal::new(ProblemKind::InvalidRequest, "wave: waves are numbered from 1"));
    }
    let part = RolloutPart { state: which.state, wave: which.wave.map(|wave| wave - 1) };
    let found = rollouts::devices(&operators, operator.scope(), id, part, (after, limit + 1)).await?;
    Ok(Json(List::new(found, limit, |(key, _)| RowCursor(*key).to_string(), |(_, view)| view)))
}

/// Lists who did what with a rollout, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/rollouts/{id}/log",
    operation_id = "listRolloutLog",
    tag = "Rollouts",
    params(("id" = RolloutId, Path, description = "The rollout."), Page),
    responses((status = 200, description = "What was done, the newest first.", body = List<RolloutEntry>), BadQuery, Missing, Always),
)]
pub(super) async fn log(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<RolloutId>, PathRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<RolloutEntry>>, Refusal> {
    let (Path(id), Query(page)) = (id?, page?);
    let (before, limit) = page.place()?;
    let found = rollouts::log(&operators, operator.scope(), id, (before, limit + 1)).await?;
    Ok(Json(List::new(found, limit, |entry| RowCursor(entry.key).to_string(), |entry| entry)))
}

async fn acted(
    operators: &Operators,
    operator: Operator,
    act: (RolloutId, Act),
    body: Option<Json<Option<ActForm>>>,
) -> Result<Json<RolloutView>, Refusal> {
    let form = body.and_then(|Json(form)| form).unwrap_or_default();
    let scope = operator.scope();
    rollouts::act(operators, scope, act, form.note.as_deref(), operator.name.clone()).await.map(Json)
}

/// What is done with a rollout as a whole.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ActWord {
    /// It begins.
    Start,
    /// It offers nothing for a while. What was given goes on.
    Pause,
    /// It goes on after a pause.
    Resume,
    /// It offers nothing until a person lifts that.
    Halt,
    /// It goes on after a halt, with a note that says why; failures count anew.
    Lift,
    /// It is given up for good. What was given goes on.
    Cancel,
    /// Devices that failed or fell silent are offered it again.
    Retry,
}

impl From<ActWord> for Act {
    fn from(word: ActWord) -> Self {
        match word {
            ActWord::Start => Self::Start,
            ActWord::Pause => Self::Pause,
            ActWord::Resume => Self::Resume,
            ActWord::Halt => Self::Halt,
            ActWord::Lift => Self::Lift,
            ActWord::Cancel => Self::Cancel,
            ActWord::Retry => Self::RetryFailed,
        }
    }
}

/// Does something with a rollout: starts it, stops it, has it go on.
#[utoipa::path(
    post,
    path = "/api/v1/rollouts/{id}/{act}",
    operation_id = "actOnRollout",
    tag = "Rollouts",
    params(
        ("id" = RolloutId, Path, description = "The rollout."),
        ("act" = ActWord, Path, description = "What is done."),
    ),
    request_body = Option<ActForm>,
    responses((status = 200, description = "The rollout from now on.", body = RolloutView), BadBody, Missing, NotNow, Always),
)]
pub(super) async fn act(
    State(operators): Shared,
    operator: Operator,
    which: Result<Path<(RolloutId, ActWord)>, PathRejection>,
    body: Result<Option<Json<Option<ActForm>>>, JsonRejection>,
) -> Result<Json<RolloutView>, Refusal> {
    let (Path((id, word)), body) = (which?, body?);
    acted(&operators, operator, (id, word.into()), body).await
}

/// Offers it again to a device that failed, fell silent, was left out or was held.
#[utoipa::path(
    post,
    path = "/api/v1/rollouts/{id}/devices/{device}/retry",
    operation_id = "retryRolloutDevice",
    tag = "Rollouts",
    params(
        ("id" = RolloutId, Path, description = "The rollout."),
        ("device" = DeviceId, Path, description = "The device."),
    ),
    request_body = Option<ActForm>,
    responses((status = 200, description = "The rollout from now on.", body = RolloutView), BadBody, Missing, NotNow, Always),
)]
pub(super) async fn retry_device(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<(RolloutId, DeviceId)>, PathRejection>,
    body: Result<Option<Json<Option<ActForm>>>, JsonRejection>,
) -> Result<Json<RolloutView>, Refusal> {
    let (Path((id, device)), body) = (id?, body?);
    acted(&operators, operator, (id, Act::Retry(device)), body).await
}

/// Leaves a device out that was not given the program yet, or failed.
#[utoipa::path(
    post,
    path = "/api/v1/rollouts/{id}/devices/{device}/skip",
    operation_id = "skipRolloutDevice",
    tag = "Rollouts",
    params(
        ("id" = RolloutId, Path, description = "The rollout."),
        ("device" = DeviceId, Path, description = "The device."),
    ),
    request_body = Option<ActForm>,
    responses((status = 200, description = "The rollout from now on.", body = RolloutView), BadBody, Missing, NotNow, Always),
)]
pub(super) async fn skip_device(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<(RolloutId, DeviceId)>, PathRejection>,
    body: Result<Option<Json<Option<ActForm>>>, JsonRejection>,
) -> Result<Json<RolloutView>, Refusal> {
    let (Path((id, device)), body) = (id?, body?);
    acted(&operators, operator, (id, Act::Skip(device)), body).await
}

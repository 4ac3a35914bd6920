//! `GET`, `POST /bulk-commands`, `POST /bulk-commands/preview`, `GET /bulk-commands/{id}` and `/bulk-commands/{id}/devices`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::cursor::RowCursor;
use super::super::fleet_filters::FleetFilters;
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::super::{Operators, Shared, bulk};
use super::list::{List, Page, row};
use super::refused::{Always, BadBody, BadQuery, Conflicts, Missing};
use crate::clock;
use crate::store::{BulkAct, BulkChoice, BulkDeviceRecord, BulkOutcome, BulkRecord, CommandState};

/// Devices that are named in one request.
const MAX_NAMED: usize = 1_000;

/// What is done at each device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum BulkActForm {
    /// It is asked to read and report at once.
    ReadNow {},
    /// It is given a profile of its own, or none.
    SetProfile {
        /// The number of the profile; `null` takes its own away.
        profile: Option<i64>,
    },
    /// Rollouts leave it alone.
    Hold {
        /// Until when; until somebody lets it go, if `null`.
        #[serde(default)]
        until: Option<Timestamp>,
        /// Why.
        #[serde(default)]
        #[schema(max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
        why: Option<String>,
    },
    /// Rollouts leave it alone no more.
    LetGo {},
    /// It is taken out of service.
    Retire {},
}

/// What is asked of many devices: of those that are named, or of those that are found.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct BulkForm {
    /// Names of devices.
    #[serde(default)]
    #[schema(nullable = false, min_items = 1, max_items = 1000)]
    devices: Option<Vec<DeviceId>>,
    /// Which devices, instead of their names; `{}` means all that are in service.
    #[serde(default)]
    #[schema(nullable = false)]
    found: Option<FleetFilters>,
    /// How many devices there are, by the preview: if there are others by now, nothing is done.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    expected: Option<u64>,
    /// What is done at each of them.
    act: BulkActForm,
}

only_objects!(BulkActForm, BulkForm);

impl From<BulkActForm> for BulkAct {
    fn from(form: BulkActForm) -> Self {
        match form {
            BulkActForm::ReadNow {} => Self::ReadNow,
            BulkActForm::SetProfile { profile } => Self::SetProfile { profile },
            BulkActForm::Hold { until, why } => Self::Hold { until, why },
            BulkActForm::LetGo {} => Self::LetGo,
            BulkActForm::Retire {} => Self::Retire,
        }
    }
}

/// More devices than there are anywhere.
const MAX_EXPECTED: u64 = 1_000_000_000;

impl BulkForm {
    fn read(self) -> Result<(BulkAct, BulkChoice, String), Refusal> {
        let invalid = |why: String| Refusal::new(ProblemKind::InvalidRequest, why);
        if let Some(count) = self.expected.filter(|count| *count > MAX_EXPECTED) {
            return Err(invalid(format!("{count} devices are expected, at most {MAX_EXPECTED} can be")));
        }
        let (choice, chosen) = match (self.devices, self.found) {
            (Some(devices), None) if (1..=MAX_NAMED).contains(&devices.len()) => {
                (BulkChoice::Named(devices), "by name".to_owned())
            }
            (Some(devices), None) => {
                let count = devices.len();
                return Err(invalid(format!("devices names {count} devices: name 1 to {MAX_NAMED}")));
            }
            (None, Some(filters)) => {
                let form = filters.form();
                let filter = form.asked(clock::now())?.filter;
                (BulkChoice::Found(Box::new(filter)), form.words())
            }
            _ => {
                let why = "say which devices: either their names (devices), or how they are found (found)";
                return Err(invalid(why.to_owned()));
            }
        };
        Ok((self.act.into(), choice, chosen))
    }
}

/// How many devices it would be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkPreview {
    /// So many. Pass it back as `expected`.
    devices: u64,
}

/// What was asked of many devices, and how it goes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkView {
    /// Its number.
    id: i64,
    /// What is done.
    act: BulkAct,
    /// Who asked.
    operator: String,
    /// How the devices were chosen, for people.
    chosen: String,
    /// How many there were.
    total: u64,
    /// At how many it was done.
    done: u64,
    /// At how many it was not.
    refused: u64,
    /// When it was asked.
    made: Timestamp,
    /// When it was done with the last device; `null` before.
    ended: Option<Timestamp>,
}

impl From<BulkRecord> for BulkView {
    fn from(record: BulkRecord) -> Self {
        let BulkRecord { key: id, act, operator, chosen, total, made, ended, done, refused } = record;
        Self { id, act, operator, chosen, total, done, refused, made, ended }
    }
}

/// How it went at one device.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkDeviceView {
    /// The device.
    device: DeviceId,
    /// How it went.
    outcome: BulkOutcome,
    /// Why it was not done; or why the device did not carry the command out.
    reason: Option<String>,
    /// How the command stands that came of it; `null` where there is none.
    command: Option<CommandState>,
}

impl From<BulkDeviceRecord> for BulkDeviceView {
    fn from(record: BulkDeviceRecord) -> Self {
        let BulkDeviceRecord { device, outcome, words, command, reason, .. } = record;
        Self { device, outcome, reason: words.or(reason), command }
    }
}

/// Which of the devices, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only those at which it went so.
    #[param(required = false, nullable = false)]
    outcome: Option<BulkOutcome>,
    /// `next_cursor` of the previous page; leave it out for the first page.
    #[param(required = false, nullable = false, pattern = "^r[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// The most items on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

async fn seen(operators: &Operators, operator: &Operator, key: i64) -> Result<BulkRecord, Refusal> {
    let found = operators.store.bulk(key, bulk::seen_by(operator)).await?;
    found.ok_or_else(|| Refusal::not_found("bulk command"))
}

/// Says how many devices it would be.
#[utoipa::path(
    post,
    path = "/api/v1/bulk-commands/preview",
    operation_id = "previewBulkCommand",
    tag = "Devices",
    request_body = BulkForm,
    responses((status = 200, description = "How many.", body = BulkPreview), BadBody, Missing, Always),
)]
pub(super) async fn preview(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<BulkForm>, JsonRejection>,
) -> Result<Json<BulkPreview>, Refusal> {
    let Json(form) = body?;
    let (act, choice, _) = form.read()?;
    Ok(Json(BulkPreview { devices: bulk::count(&operators, &operator, &act, choice).await? }))
}

/// Asks something of many devices, at most 5,000; it is done behind this, and `GET` says how it goes. Reading and holds
/// want the right `tend`, a profile wants `describe`, and to take devices out of service wants `admit`.
#[utoipa::path(
    post,
    path = "/api/v1/bulk-commands",
    operation_id = "giveBulkCommand",
    tag = "Devices",
    request_body = BulkForm,
    responses((status = 202, description = "It is begun.", body = BulkView), BadBody, Missing, Conflicts, Always),
)]
pub(super) async fn begin(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<BulkForm>, JsonRejection>,
) -> Result<(StatusCode, Json<BulkView>), Refusal> {
    let Json(form) = body?;
    let expected = form.expected;
    let key = bulk::begin(&operators, &operator, form.read()?, expected).await?;
    Ok((StatusCode::ACCEPTED, Json(seen(&operators, &operator, key).await?.into())))
}

/// Lists what was asked of many devices within 90 days, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/bulk-commands",
    operation_id = "listBulkCommands",
    tag = "Devices",
    params(Page),
    responses((status = 200, description = "Bulk commands.", body = List<BulkView>), BadQuery, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<List<BulkView>>, Refusal> {
    let Query(page) = page?;
    let (before, limit) = page.place()?;
    let found = operators.store.bulks(before, limit + 1, bulk::seen_by(&operator)).await?;
    Ok(Json(List::new(found, limit, |record| RowCursor(record.key).to_string(), BulkView::from)))
}

/// Shows one of them.
#[utoipa::path(
    get,
    path = "/api/v1/bulk-commands/{id}",
    operation_id = "getBulkCommand",
    tag = "Devices",
    params(("id" = i64, Path, description = "Its number.")),
    responses((status = 200, description = "How it goes.", body = BulkView), Missing, Always),
)]
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<BulkView>, Refusal> {
    let Path(key) = id?;
    Ok(Json(seen(&operators, &operator, key).await?.into()))
}

/// Lists how it went at each device.
#[utoipa::path(
    get,
    path = "/api/v1/bulk-commands/{id}/devices",
    operation_id = "listBulkDevices",
    tag = "Devices",
    params(("id" = i64, Path, description = "Its number."), Which),
    responses((status = 200, description = "The devices.", body = List<BulkDeviceView>), BadQuery, Missing, Always),
)]
pub(super) async fn devices(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<List<BulkDeviceView>>, Refusal> {
    let (Path(key), Query(which)) = (id?, which?);
    seen(&operators, &operator, key).await?;
    let (after, limit) = row(which.cursor.as_deref(), which.limit)?;
    let scope = operator.scope();
    let found = operators.store.bulk_devices(scope, key, which.outcome, after, limit + 1).await?;
    Ok(Json(List::new(found, limit, |record| RowCursor(record.key).to_string(), BulkDeviceView::from)))
}

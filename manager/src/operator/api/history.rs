//! `GET /devices/{id}/history`: levels, lives, counters and temperatures over time, with their gaps.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use platen_protocol::supply::SupplyUnit;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::Shared;
use super::super::cursor::HistoryCursor;
use super::super::history::{Asked, Place, resolution_for, tell};
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::list::bad_cursor;
use super::refused::{Always, BadQuery, Missing};
use crate::clock;
use crate::history::points::{Knowledge, Point};
use crate::history::{Resolution, Subject, SubjectKind, UnknownSubject};

/// How far back it goes unless the request says otherwise.
const DEFAULT_TIME: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Points on a page unless the request says otherwise.
const DEFAULT_LIMIT: u32 = 500;
/// The most points on a page.
const MAX_LIMIT: u32 = 2_000;
/// The unit of temperatures, which the MIB does not have.
const MILLIDEGREES: &str = "thousandthsOfDegreesCelsius";

/// Which part of a history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only this, such as `supply.black`, `part.fuser`, `temperature.ambient` or `counter.impressions`; everything when
    /// left out.
    #[param(required = false, nullable = false, pattern = "^(supply|part|temperature|counter)\\..{1,500}$")]
    subject: Option<String>,
    /// From this moment on; 30 days before `to` when left out.
    #[param(required = false, nullable = false, value_type = String, format = DateTime)]
    from: Option<Timestamp>,
    /// Up to this moment; now when left out.
    #[param(required = false, nullable = false, value_type = String, format = DateTime)]
    to: Option<Timestamp>,
    /// How finely: every value, or the last, the lowest and the highest of each hour or day. What suits the length of the
    /// time, and is still kept, when left out.
    #[param(required = false, nullable = false)]
    resolution: Option<Resolution>,
    /// `next_cursor` of the previous page, with everything else as before; leave it out for the first page.
    #[param(required = false, nullable = false, pattern = "^h[rhd][0-9]{1,15}\\.[0-9]{1,6}$")]
    cursor: Option<String>,
    /// The most points on the page.
    #[param(required = false, nullable = false, minimum = 1, maximum = 2000, default = 500)]
    limit: Option<u32>,
}

/// A part of the history of a device.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct History {
    /// How finely it is told.
    resolution: Resolution,
    /// From this moment on: no earlier than anything is kept of so finely.
    from: Timestamp,
    /// Up to this moment.
    to: Timestamp,
    /// `true` when the device has reported so much lately that the earliest of that is not here yet; it will be within
    /// hours.
    cut: bool,
    /// The points, the earliest first.
    items: Vec<PointView>,
    /// Pass it back as `cursor` for the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// One moment, hour or day of something; or a time in which nothing was heard of it.
#[derive(Debug, Serialize, ToSchema)]
struct PointView {
    /// Of what, such as `supply.black`.
    subject: String,
    /// What was known of it: a number stands here only where one was read.
    knowledge: Knowledge,
    /// The beginning of the hour or the day, in UTC; of a single value or a time without any, as `at`.
    begin: Timestamp,
    /// When the last value was read; where there is none, when that was found, or since when nothing was heard.
    at: Timestamp,
    /// Until when nothing was heard; `null` for what was heard.
    until: Option<Timestamp>,
    /// The last value, in `unit`: of a supply its level, of a part how much of its life is used, of a counter what it has
    /// counted in its epoch. `null` where none was known.
    value: Option<i64>,
    /// The lowest value.
    lowest: Option<i64>,
    /// The highest value.
    highest: Option<i64>,
    /// Of a supply and a part, percent that is left, rounded down; `null` where that is not known.
    percent: Option<u8>,
    /// The unit; `null` where nothing was heard.
    unit: Option<&'static str>,
    /// The capacity of the supply, or the rated life of the part, in `unit`; `null` where it is not known.
    of: Option<u32>,
    /// Of a counter: the epoch of its counts. Counts of different epochs are not to be subtracted from each other.
    counter_epoch: Option<u32>,
}

fn time(at: i64) -> Timestamp {
    // What is stored lies within the years that can be shown: dates are checked as they come in.
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl From<Point> for PointView {
    fn from(point: Point) -> Self {
        let percent = point.percent();
        let column = point.column.as_ref();
        let unit = column.map(|column| match column.kind {
            SubjectKind::Temperature => MILLIDEGREES,
            _ => SupplyUnit::from_number(column.unit).unwrap_or(SupplyUnit::Unknown).name(),
        });
        let counter = column.filter(|column| column.kind == SubjectKind::Counter);
        Self {
            subject: point.subject.to_string(),
            knowledge: point.knowledge,
            begin: time(point.begin),
            at: time(point.at),
            until: point.until.map(time),
            value: point.value,
            lowest: point.lowest,
            highest: point.highest,
            percent,
            unit,
            of: column.and_then(|column| column.of),
            counter_epoch: counter.map(|column| column.epoch),
        }
    }
}

fn invalid(why: String) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, why)
}

/// Tells what levels, lives, counters and temperatures of a device were, and when they were not known.
///
/// A time in which nothing was heard of the device, in which its agent did not run, or of which reports were lost is a
/// point of its own, without a number. What is older is kept less finely, as the manager's configuration says.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}/history",
    operation_id = "getHistory",
    tag = "Devices",
    params(("id" = DeviceId, Path, description = "The device."), Which),
    responses((status = 200, description = "The points, the earliest first.", body = History), BadQuery, Missing, Always),
)]
pub(super) async fn history(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<History>, Refusal> {
    let (Path(id), Query(which)) = (id?, which?);
    let now = clock::now();
    let limit = match which.limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => limit,
        other => return Err(invalid(format!("limit must be between 1 and {MAX_LIMIT}, not {other}"))),
    };
    let subject: Option<Subject> = which
        .subject
        .map(|text| text.parse())
        .transpose()
        .map_err(|e: UnknownSubject| invalid(e.to_string()))?;
    let to = which.to.unwrap_or(now);
    let from = match which.from {
        Some(from) => from,
        None => to.checked_sub(DEFAULT_TIME).unwrap_or(Timestamp::UNIX_EPOCH),
    };
    if from >= to {
        return Err(invalid(format!("from ({from}) must lie before to ({to})")));
    }
    let cursor: Option<HistoryCursor> =
        which.cursor.map(|text| text.parse()).transpose().map_err(bad_cursor)?;
    let (from, to, now_ms) = (from.as_millisecond(), to.as_millisecond(), now.as_millisecond());
    let settings = operators.history_settings();
    let resolution = cursor
        .map(|cursor| cursor.resolution)
        .or(which.resolution)
        .unwrap_or_else(|| resolution_for(settings, from, to, now_ms));
    // What is not kept any more is no gap: it begins later.
    let from = from.max(settings.horizon(resolution, now_ms)).max(0).min(to);
    let asked = Asked {
        subject,
        resolution,
        from,
        to,
        place: cursor.map(|HistoryCursor { begin, skip, .. }| Place { begin, skip }),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    };
    let told = tell(&operators, operator.scope(), &id, asked, now).await?;
    Ok(Json(History {
        resolution,
        from: time(from),
        to: time(to),
        cut: told.cut,
        items: told.points.into_iter().map(PointView::from).collect(),
        next_cursor: told
            .next
            .map(|Place { begin, skip }| HistoryCursor { resolution, begin, skip }.to_string()),
    }))
}

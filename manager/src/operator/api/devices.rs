//! `GET /devices`, `/devices/{id}`, `/device-counts`.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use platen_protocol::identity::{DeviceId, Epoch};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::cursor::FleetCursor;
use super::super::fleet_query::{cursor, order, text};
use super::super::problem::Refusal;
use super::super::view::{DetailsView, DevicePrograms, DeviceView};
use super::super::who::Operator;
use super::super::{Shared, gather, programs};
use super::list::{List, limit, number};
use super::refused::{Always, BadQuery, Missing};
use crate::clock;
use crate::ingest::Loss;
use crate::store::{FleetCounts, FleetFilter, IdentityEntry, Reached};
use crate::worst::Worst;

/// Gaps of one device that are shown; older ones are in the store.
const MAX_GAPS: u32 = 50;

/// One device, with what it is known to have lost.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeviceDetail {
    #[serde(flatten)]
    device: DeviceView,
    /// Reports that it had to discard, the newest first.
    gaps: Vec<GapView>,
    /// What operators say about it: whose it is, where it stands, its tags, its profile.
    details: DetailsView,
    /// What runs on it, what it is to have, and what was tried.
    programs: DevicePrograms,
    /// What was done to its identity (enrolled, renewed, shut out, readmitted), the newest first.
    identity_log: Vec<IdentityEntry>,
}

/// Reports that a device had to discard before they reached the manager.
#[derive(Debug, Serialize, ToSchema)]
struct GapView {
    /// The life of the device's outbox that numbered the reports.
    epoch: Epoch,
    /// The run of sequences that is lost, and why.
    #[serde(flatten)]
    loss: Loss,
    /// The same, for people.
    words: String,
    /// When the manager noticed the gap.
    recorded: Timestamp,
}

/// The parameters that say which devices, with others.
macro_rules! which_devices {
    ($(#[$about:meta])* $name:ident { $($others:tt)* }) => {
        $(#[$about])*
        #[derive(Debug, Deserialize, IntoParams)]
        #[into_params(parameter_in = Query)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            /// Words, each of which is in the name, the model, the place or the serial number of a supply or part.
            /// Small and capital letters are the same; every other letter stands for itself.
            #[param(required = false, nullable = false, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
            q: Option<String>,
            /// Only those of which this is the worst that is the matter.
            #[param(required = false, nullable = false)]
            worst: Option<Worst>,
            /// Only those that can be reached so. Devices out of service are in the list only when they are asked
            /// for.
            #[param(required = false, nullable = false)]
            state: Option<Reached>,
            /// Only those of which the lowest supply, waste boxes apart, is at or below so many percent.
            #[param(required = false, nullable = false, minimum = 0, maximum = 100)]
            supply: Option<u8>,
            /// Only those that have not been in contact since then, or never.
            #[param(required = false, nullable = false)]
            silent_since: Option<Timestamp>,
            /// Only those of this model.
            #[param(required = false, nullable = false, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
            model: Option<String>,
            /// Only those that run this version of the agent.
            #[param(required = false, nullable = false, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
            agent_version: Option<String>,
            /// Only those with this tag.
            #[param(required = false, nullable = false, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
            tag: Option<String>,
            /// Only those of this customer, by its number.
            #[param(required = false, nullable = false, minimum = 1)]
            customer: Option<i64>,
            /// Only those at this site, by its number.
            #[param(required = false, nullable = false, minimum = 1)]
            site: Option<i64>,
            $($others)*
        }

        impl $name {
            fn filter(&self) -> Result<FleetFilter, Refusal> {
                let percent = self.supply.filter(|percent| *percent > 100);
                if let Some(percent) = percent {
                    return Err(bad(format!("supply must be between 0 and 100, not {percent}")));
                }
                Ok(FleetFilter {
                    text: text("q", self.q.as_deref())?,
                    worst: self.worst,
                    reached: self.state,
                    supply_at_most: self.supply,
                    silent_since: self.silent_since,
                    model: text("model", self.model.as_deref())?,
                    agent_version: text("agent_version", self.agent_version.as_deref())?,
                    tag: text("tag", self.tag.as_deref())?,
                    customer: number("customer", self.customer)?,
                    site: number("site", self.site)?,
                })
            }
        }
    };
}

which_devices! {
    /// Which devices, in which order, and which page of them.
    DevicePage {
        /// By what the devices are sorted, with a `-` before it the other way round; those that are equal in it are
        /// sorted by name. Empty is as left out. A page that a cursor asks for goes on in the order in which the list began.
        #[param(
            required = false,
            nullable = false,
            pattern = "^(?:-?(?:worst|name|last_contact|supply|model|place|agent_version))?$",
            default = "worst"
        )]
        sort: Option<String>,
        /// `next_cursor` of the previous page; leave it out for the first page. A device that changes between two
        /// pages in what the list is sorted by may be on both or on neither.
        #[param(
            required = false,
            nullable = false,
            pattern = r"^f-?(?:n|[wcs](?:0|-?[1-9][0-9]{0,17})|[mpv](?:[0-9a-f]{2}){0,2000})\.[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
        )]
        cursor: Option<String>,
        /// The most items on the page.
        #[param(required = false, nullable = false, minimum = 1, maximum = 200, default = 50)]
        limit: Option<u32>,
    }
}

which_devices! {
    /// Which devices are counted.
    Counted {}
}

fn bad(detail: String) -> Refusal {
    Refusal::new(platen_protocol::problem::ProblemKind::InvalidRequest, detail)
}

/// Lists devices: by default the worst first, over the whole fleet.
///
/// Of what is open at a device, the items have the worst and the newest; `open` counts all.
#[utoipa::path(
    get,
    path = "/api/v1/devices",
    operation_id = "listDevices",
    tag = "Devices",
    params(DevicePage),
    responses((status = 200, description = "Devices, in the order that is asked for.", body = List<DeviceView>), BadQuery, Always),
)]
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    page: Result<Query<DevicePage>, QueryRejection>,
) -> Result<Json<List<DeviceView>>, Refusal> {
    let Query(page) = page?;
    let (filter, limit) = (page.filter()?, limit(page.limit)?);
    let asked = order(page.sort.as_deref().unwrap_or_default())?;
    let (order, after) = match page.cursor.as_deref().map(cursor).transpose()? {
        None => (asked, None),
        Some(cursor) => (cursor.order, Some(cursor.place)),
    };
    let now = clock::now();
    let question = (filter, order);
    let found =
        operators.store.fleet(operator.scope(), question, after, limit + 1, gather::in_list(now)).await?;
    let place = |(place, _): &(_, _)| FleetCursor { order, place: Clone::clone(place) }.to_string();
    let view = |(_, device)| gather::view_of(&operators, device, now);
    Ok(Json(List::new(found, limit, place, view)))
}

/// Counts devices by the worst that is the matter with them, and what is open at them.
#[utoipa::path(
    get,
    path = "/api/v1/device-counts",
    operation_id = "countDevices",
    tag = "Devices",
    params(Counted),
    responses((status = 200, description = "How many there are, exactly.", body = FleetCounts), BadQuery, Always),
)]
pub(super) async fn counts(
    State(operators): Shared,
    operator: Operator,
    which: Result<Query<Counted>, QueryRejection>,
) -> Result<Json<FleetCounts>, Refusal> {
    let Query(which) = which?;
    Ok(Json(operators.store.fleet_counts(operator.scope(), which.filter()?).await?))
}

/// Shows one device, with what it is known to have lost.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}",
    operation_id = "getDevice",
    tag = "Devices",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "The device.", body = DeviceDetail), Missing, Always),
)]
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Json<DeviceDetail>, Refusal> {
    let Path(id) = id?;
    let scope = operator.scope();
    let device = gather::view(&operators, scope, id.clone(), clock::now()).await?;
    let details = gather::details(&operators, scope, id.clone()).await?;
    let identity_log = operators.store.identity_log(scope, id.clone()).await?;
    let programs = programs::of_device(&operators, scope, id.clone()).await?;
    let gaps = operators.store.gaps(scope, id, MAX_GAPS).await?;
    let gaps = gaps.into_iter().map(|gap| GapView {
        epoch: gap.epoch,
        words: gap.loss.words(),
        loss: gap.loss,
        recorded: gap.recorded,
    });
    Ok(Json(DeviceDetail { device, gaps: gaps.collect(), details, programs, identity_log }))
}

//! `GET` and `PATCH /devices/{id}/details`, `POST /device-changes`; `POST /devices/{id}/retire`, `DELETE /devices/{id}`.

#![expect(
    clippy::option_option,
    reason = "a field that is not there, one that is null, and one with a value"
)]

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::cursor::RowCursor;
use super::super::objects::only_objects;
use super::super::problem::Refusal;
use super::super::view::DetailsView;
use super::super::who::Operator;
use super::super::{Shared, details, gather, retire, said};
use super::marks::{IfMatch, One};
use super::refused::{Always, BadBody, BadQuery, Conflicts, Missing, NotAsSeen};
use crate::store::{Choice, DetailsChange};

/// Devices that are named in one request.
const MAX_NAMED: usize = 1_000;

/// A field that is there, even if it is `null`.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(field).map(Some)
}

/// What is to be said otherwise about a device. What is left out stays as it is, and `null` takes it away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct DetailsPatch {
    /// Number of the customer. A device at a site is its customer's; with another customer it leaves its site.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    customer: Option<Option<i64>>,
    /// Number of the site.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    site: Option<Option<i64>>,
    /// Where at the site it stands.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 300, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    place: Option<Option<String>>,
    /// Its own time zone, by its name in the IANA database, where that is another one than the site's.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 100)]
    time_zone: Option<Option<String>>,
    /// Whatever is to be remembered of it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    note: Option<Option<String>>,
    /// All its tags: each has 1 to 40 letters, digits and `-`, `_`, `.`, `:`, and is kept in small letters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>, max_items = 20)]
    tags: Option<Option<Vec<String>>>,
    /// Tags that it gets beside those that it has.
    #[serde(default)]
    #[schema(max_items = 20)]
    add_tags: Vec<String>,
    /// Tags that it loses.
    #[serde(default)]
    #[schema(max_items = 20)]
    remove_tags: Vec<String>,
    /// Number of the profile that it is given itself; without one it has that of one of its groups.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    profile: Option<Option<i64>>,
}

/// A text that may be taken away.
fn text(
    given: Option<Option<String>>,
    read: impl Fn(&str) -> Result<Option<String>, said::Unsayable>,
) -> Result<Option<Option<String>>, said::Unsayable> {
    given.map(|text| read(text.as_deref().unwrap_or(""))).transpose()
}

impl DetailsPatch {
    fn read(self) -> Result<DetailsChange, Refusal> {
        let tags = |tags: &[String]| said::tags(tags.iter().map(String::as_str));
        let change = DetailsChange {
            customer: self.customer,
            site: self.site,
            place: text(self.place, said::place)?,
            time_zone: text(self.time_zone, said::time_zone)?,
            note: text(self.note, said::note)?,
            tags: self.tags.map(|all| tags(&all.unwrap_or_default())).transpose()?,
            add_tags: tags(&self.add_tags)?,
            remove_tags: tags(&self.remove_tags)?,
            profile: self.profile,
        };
        if change == DetailsChange::default() {
            let why = "nothing is to be changed: give at least one of customer, site, place, time_zone, note, tags, add_tags, remove_tags, profile";
            return Err(Refusal::new(ProblemKind::InvalidRequest, why));
        }
        Ok(change)
    }
}

/// Shows what operators say about a device.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}/details",
    operation_id = "getDeviceDetails",
    tag = "Customers and profiles",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "The details.", body = DetailsView, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), Missing, Always),
)]
pub(super) async fn get(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<One<DetailsView>, Refusal> {
    let Path(id) = id?;
    Ok(One(gather::details(&operators, operator.scope(), id).await?))
}

/// Says something else about a device.
#[utoipa::path(
    patch,
    path = "/api/v1/devices/{id}/details",
    operation_id = "changeDeviceDetails",
    tag = "Customers and profiles",
    params(("id" = DeviceId, Path, description = "The device."), IfMatch),
    request_body = DetailsPatch,
    responses((status = 200, description = "The details from now on.", body = DetailsView, headers(("ETag" = String, description = "Its mark, for `If-Match`."))), BadBody, Missing, NotAsSeen, Always),
)]
pub(super) async fn change(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    body: Result<Json<DetailsPatch>, JsonRejection>,
) -> Result<One<DetailsView>, Refusal> {
    let (Path(id), Json(patch)) = (id?, body?);
    details::set(&operators, id.clone(), patch.read()?, &operator).await?;
    Ok(One(gather::details(&operators, operator.scope(), id).await?))
}

/// Which devices; what is left out or `null` does not matter.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct Those {
    /// Those of this customer.
    #[serde(default)]
    customer: Option<i64>,
    /// Those at this site.
    #[serde(default)]
    site: Option<i64>,
    /// Those that have this profile.
    #[serde(default)]
    profile: Option<i64>,
    /// Those with this tag.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 40)]
    tag: Option<String>,
}

/// A change of many devices: of those that are named, or of those that are chosen.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct ManyPatch {
    /// Names of devices.
    #[serde(default)]
    #[schema(nullable = false, min_items = 1, max_items = 1000)]
    devices: Option<Vec<DeviceId>>,
    /// Which devices, instead of their names; `{}` means all.
    #[serde(default)]
    #[schema(nullable = false)]
    those: Option<Those>,
    /// `next_cursor` of the answer before, to go on with those that are chosen.
    #[serde(default)]
    #[schema(pattern = "^r[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
    /// What is to be said otherwise about each of them.
    change: DetailsPatch,
}

only_objects!(DetailsPatch, Those, ManyPatch);

/// A device that was not changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotChanged {
    /// Which device.
    device: DeviceId,
    /// Why.
    reason: String,
}

/// What became of a change of many devices.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "they are the names on the wire")]
pub(super) struct Changed {
    /// How many devices were changed.
    changed: u64,
    /// Those that were not.
    not_changed: Vec<NotChanged>,
    /// Pass it back as `cursor`, with the same request, for the next devices; `null` when there are no more.
    next_cursor: Option<String>,
}

/// Says something else about many devices, each for itself: at most 1,000 at once.
#[utoipa::path(
    post,
    path = "/api/v1/device-changes",
    operation_id = "changeDevices",
    tag = "Customers and profiles",
    request_body = ManyPatch,
    responses((status = 200, description = "What became of it.", body = Changed), BadBody, Missing, Always),
)]
pub(super) async fn change_many(
    State(operators): Shared,
    operator: Operator,
    body: Result<Json<ManyPatch>, JsonRejection>,
) -> Result<Json<Changed>, Refusal> {
    let Json(ManyPatch { devices, those, cursor, change }) = body?;
    let invalid = |why: String| Refusal::new(ProblemKind::InvalidRequest, why);
    let change = change.read()?;
    let changes = match (devices, those) {
        (Some(devices), None) if (1..=MAX_NAMED).contains(&devices.len()) && cursor.is_none() => {
            let devices: BTreeSet<DeviceId> = devices.into_iter().collect();
            details::set_many(&operators, devices.into_iter().collect(), change, &operator).await?
        }
        (Some(devices), None) => {
            let count = devices.len();
            return Err(invalid(format!(
                "devices names {count} devices: name 1 to {MAX_NAMED}, without a cursor"
            )));
        }
        (None, Some(those)) => {
            let after = cursor
                .map(|cursor| cursor.parse::<RowCursor>().map(|cursor| cursor.0))
                .transpose()
                .map_err(|error| invalid(error.to_string()))?;
            let tag = those.tag.as_deref().map(said::tag).transpose()?;
            let choice = Choice { customer: those.customer, site: those.site, profile: those.profile, tag };
            details::set_chosen(&operators, choice, after, change, &operator).await?
        }
        _ => {
            let why = "say which devices: either their names (devices), or what they have in common (those)";
            return Err(invalid(why.to_owned()));
        }
    };
    let refused = changes.refused.into_iter();
    Ok(Json(Changed {
        changed: changes.changed,
        not_changed: refused
            .map(|(device, refusal)| NotChanged { device, reason: refusal.to_string() })
            .collect(),
        next_cursor: changes.next.map(|key| RowCursor(key).to_string()),
    }))
}

/// Takes a device out of service. What it reported is kept; the device is told, removes its key and is refused from
/// then on. Only a new token brings it back.
#[utoipa::path(
    post,
    path = "/api/v1/devices/{id}/retire",
    operation_id = "retireDevice",
    tag = "Identities",
    params(("id" = DeviceId, Path, description = "The device.")),
    responses((status = 200, description = "The details from now on.", body = DetailsView), Missing, Always),
)]
pub(super) async fn retire_one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Json<DetailsView>, Refusal> {
    let Path(id) = id?;
    retire::retire(&operators, id.clone(), &operator.name).await?;
    Ok(Json(gather::details(&operators, operator.scope(), id).await?))
}

/// The name of what is to be deleted, once more.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Repeated {
    /// The device's name once more, so that no other one is deleted by a slip.
    #[param(value_type = DeviceId)]
    confirm: String,
}

/// Deletes a device for good that is retired or shut out: everything that it reported, and all that is known of persons
/// there. From now on it is shown nowhere; a long history takes a while to vanish. Its certificates stay refused.
#[utoipa::path(
    delete,
    path = "/api/v1/devices/{id}",
    operation_id = "deleteDevice",
    tag = "Identities",
    params(("id" = DeviceId, Path, description = "The device."), Repeated),
    responses((status = 202, description = "It is being deleted."), BadQuery, Missing, Conflicts, Always),
)]
pub(super) async fn delete(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    repeated: Result<Query<Repeated>, QueryRejection>,
) -> Result<StatusCode, Refusal> {
    let (Path(id), Query(Repeated { confirm })) = (id?, repeated?);
    retire::delete(&operators, id, &confirm, operator.name).await?;
    Ok(StatusCode::ACCEPTED)
}

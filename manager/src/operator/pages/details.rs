//! `GET` and `POST /devices/{id}/details`: what operators say about a device. It is a page of its own, which does not
//! follow what happens, so that nothing moves under who types. `POST /devices/{id}/retire`, `/devices/{id}/delete`.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::response::{Html, Redirect};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::problem::Refusal;
use super::super::view::DetailsView;
use super::super::who::Operator;
use super::super::{Operators, Shared, details, gather, retire, said};
use super::device::bad_form;
use super::{Frame, render};
use crate::rights::Right;
use crate::store::{CustomerRecord, DetailsChange, ProfileRecord, SiteRecord};

/// Customers, and sites, that a page offers to choose from.
const MAX_CHOICES: u32 = 1_000;

/// Customers with their sites, by name; whether there are more than are offered.
pub(super) type Choices = (Vec<(CustomerRecord, Vec<SiteRecord>)>, bool);

/// All that an operator can choose from.
pub(super) async fn choices(operators: &Operators, operator: &Operator) -> Result<Choices, Refusal> {
    let most = usize::try_from(MAX_CHOICES).unwrap_or(usize::MAX);
    let customers = operators.store.customers(operator.scope(), None, MAX_CHOICES).await?;
    let sites = operators.store.sites(operator.scope(), None, None, MAX_CHOICES).await?;
    let cut = customers.len() >= most || sites.len() >= most;
    let with_sites = |customer: CustomerRecord| {
        let its = sites.iter().filter(|site| site.customer == customer.key).cloned().collect();
        (customer, its)
    };
    Ok((customers.into_iter().map(with_sites).collect(), cut))
}

#[derive(Template)]
#[template(path = "device_details.html")]
struct DetailsPage {
    frame: Frame,
    id: DeviceId,
    details: DetailsView,
    customers: Vec<(CustomerRecord, Vec<SiteRecord>)>,
    cut: bool,
    profiles: Vec<ProfileRecord>,
}

/// The page.
pub(super) async fn page(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let Path(id) = id?;
    let details = gather::details(&operators, operator.scope(), id.clone()).await?;
    let (customers, cut) = choices(&operators, &operator).await?;
    let mut profiles = operators.store.profiles(None, MAX_CHOICES).await?;
    if !operator.may(Right::SeeAll) {
        // Only the one that it has, so that it stays.
        profiles.retain(|profile| details.is_own_profile(profile.key));
    }
    let frame = Frame::new(Some(operator), false);
    render(&DetailsPage { frame, id, details, customers, cut, profiles })
}

/// What was typed.
#[derive(Debug, Deserialize)]
pub(super) struct Typed {
    #[serde(rename = "where")]
    place_of: String,
    place: String,
    time_zone: String,
    tags: String,
    profile: String,
    note: String,
}

/// A choice of a list: what it is of, and its key.
pub(super) fn chosen(choice: &str) -> Result<Option<(&str, i64)>, Refusal> {
    if choice.is_empty() {
        return Ok(None);
    }
    let parts = choice.split_once(':').and_then(|(kind, key)| Some((kind, key.parse().ok()?)));
    let why = || Refusal::new(ProblemKind::InvalidRequest, format!("{choice:?} is none of the choices"));
    parts.map(Some).ok_or_else(why)
}

impl Typed {
    fn read(&self) -> Result<DetailsChange, Refusal> {
        let (customer, site) = match chosen(&self.place_of)? {
            None => (Some(None), Some(None)),
            Some(("customer", key)) => (Some(Some(key)), Some(None)),
            // The site says whose it is.
            Some((_, key)) => (None, Some(Some(key))),
        };
        let none = || Refusal::new(ProblemKind::InvalidRequest, "the profile is none of the choices");
        let profile = match self.profile.as_str() {
            "" => None,
            key => Some(key.parse().ok().ok_or_else(none)?),
        };
        Ok(DetailsChange {
            customer,
            site,
            place: Some(said::place(&self.place)?),
            time_zone: Some(said::time_zone(&self.time_zone)?),
            note: Some(said::note(&self.note)?),
            tags: Some(said::typed_tags(&self.tags)?),
            profile: Some(profile),
            ..DetailsChange::default()
        })
    }
}

/// Keeps what was typed.
pub(super) async fn save(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    form: Result<Form<Typed>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    let Form(typed) = form.map_err(|rejection| bad_form(&rejection))?;
    details::set(&operators, id.clone(), typed.read()?, &operator).await?;
    Ok(Redirect::to(&format!("/devices/{id}#details")))
}

/// `POST /devices/{id}/retire`.
pub(super) async fn retire_one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    retire::retire(&operators, id.clone(), &operator.name).await?;
    Ok(Redirect::to(&format!("/devices/{id}#details")))
}

/// The name of the device, once more.
#[derive(Debug, Deserialize)]
pub(super) struct Confirmed {
    confirm: String,
}

/// `POST /devices/{id}/delete`.
pub(super) async fn delete(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    form: Result<Form<Confirmed>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    let Form(Confirmed { confirm }) = form.map_err(|rejection| bad_form(&rejection))?;
    retire::delete(&operators, id, confirm.trim(), operator.name).await?;
    Ok(Redirect::to("/"))
}

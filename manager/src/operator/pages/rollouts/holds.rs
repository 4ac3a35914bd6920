//! `POST /devices/{id}/hold`, `/devices/{id}/let-go`: that rollouts leave a device alone, from its page.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::response::Redirect;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::super::Shared;
use super::super::super::problem::Refusal;
use super::super::super::rollouts::{self, HoldForm};
use super::super::super::who::Operator;
use super::super::device::bad_form;

/// What is to stay as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super::super) struct Held {
    /// Which program; empty for all.
    name: String,
    /// On which version it stays; empty for whatever it has.
    version: String,
    why: String,
}

/// What was typed into a field; nothing where that is empty.
fn typed<T: FromStr<Err: Display>>(text: &str) -> Result<Option<T>, Refusal> {
    let wrong = |error: T::Err| Refusal::new(ProblemKind::InvalidRequest, error.to_string());
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(wrong),
    }
}

/// Has rollouts leave it alone.
pub(in super::super::super) async fn hold(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    form: Result<Form<Held>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    let Form(held) = form.map_err(|rejection| bad_form(&rejection))?;
    let (name, version) = (typed(&held.name)?, typed(&held.version)?);
    let form = HoldForm { version, until: None, why: Some(held.why) };
    rollouts::hold(&operators, operator.scope(), id.clone(), name, form, operator.name.clone()).await?;
    Ok(Redirect::to(&format!("/devices/{id}#programs")))
}

/// Has rollouts leave it alone no more.
pub(in super::super::super) async fn let_go(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    form: Result<Form<Held>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    let Form(held) = form.map_err(|rejection| bad_form(&rejection))?;
    rollouts::let_go(&operators, operator.scope(), id.clone(), typed(&held.name)?, &operator.name).await?;
    Ok(Redirect::to(&format!("/devices/{id}#programs")))
}

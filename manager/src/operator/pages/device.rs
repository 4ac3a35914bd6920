//! What can be done on a device's page ([`super::device_page`]).

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::response::Redirect;
use platen_protocol::facts::words::grouped;
use platen_protocol::identity::DeviceId;
use platen_protocol::manager_to_device::Action;
use platen_protocol::problem::ProblemKind;
use platen_protocol::settings::{SettingKey, UnknownSetting};
use serde::Deserialize;

use super::super::identity::{self, IdentityAction};
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::super::{Shared, command, order, service_call};
use super::words;
use crate::store::{Duplicate, OrderState, ServiceCallState};

/// `POST /devices/{id}/revoke`.
pub(super) async fn revoke(
    shared: Shared,
    visitor: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Redirect, Refusal> {
    stand(shared, visitor, id, IdentityAction::Revoke).await
}

/// `POST /devices/{id}/readmit`.
pub(super) async fn readmit(
    shared: Shared,
    visitor: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Redirect, Refusal> {
    stand(shared, visitor, id, IdentityAction::Readmit).await
}

/// `POST /devices/{id}/dismiss-clone`.
pub(super) async fn dismiss_clone(
    shared: Shared,
    visitor: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Redirect, Refusal> {
    stand(shared, visitor, id, IdentityAction::DismissClone).await
}

/// `POST /devices/{id}/dismiss-superseded`.
pub(super) async fn dismiss_superseded(
    shared: Shared,
    visitor: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Redirect, Refusal> {
    stand(shared, visitor, id, IdentityAction::DismissSuperseded).await
}

async fn stand(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    action: IdentityAction,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    identity::change(&operators, id.clone(), action, operator.name).await?;
    Ok(Redirect::to(&format!("/devices/{id}#identity")))
}

/// `POST /devices/{id}/read-now`.
pub(super) async fn read_now(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    command::issue(&operators, id.clone(), Action::ReadNow, &operator.name).await?;
    Ok(Redirect::to(&format!("/devices/{id}#commands")))
}

/// What to do with a setting.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    Set,
    Reset,
    ResetAll,
}

/// Which setting, and its new value as it was typed.
#[derive(Debug, Deserialize)]
pub(super) struct NewSetting {
    change: Change,
    name: String,
    #[serde(default)]
    value: String,
}

impl NewSetting {
    fn action(self) -> Result<Action, Refusal> {
        Ok(match self.change {
            Change::ResetAll => Action::Reset { settings: Vec::new() },
            Change::Reset => Action::Reset { settings: vec![self.name] },
            Change::Set => {
                let refused = |why| Refusal::new(ProblemKind::InvalidRequest, why);
                let key: SettingKey =
                    self.name.parse().map_err(|e: UnknownSetting| refused(e.to_string()))?;
                let value = self.value.trim().parse().ok().filter(|value| key.bounds().contains(value));
                let value = value.ok_or_else(|| {
                    let (least, most) = key.bounds().into_inner();
                    let name = words::setting_name(&key);
                    refused(format!("{name}: must be a whole number between {least} and {}", grouped(most)))
                })?;
                Action::Set { settings: [(self.name, value)].into() }
            }
        })
    }
}

/// `POST /devices/{id}/settings`: a command, whose outcome is among the commands.
pub(super) async fn set_setting(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    form: Result<Form<NewSetting>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    let Form(setting) = form.map_err(|rejection| bad_form(&rejection))?;
    command::issue(&operators, id.clone(), setting.action()?, &operator.name).await?;
    Ok(Redirect::to(&format!("/devices/{id}#commands")))
}

pub(super) fn bad_form(rejection: &FormRejection) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, rejection.body_text())
}

/// What has become of a service call, and where to go back to.
#[derive(Debug, Deserialize)]
pub(super) struct NewState {
    state: ServiceCallState,
    device: DeviceId,
}

/// `POST /service-calls/{id}`.
pub(super) async fn set_service_call(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    form: Result<Form<NewState>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    let Form(NewState { state, device }) = form.map_err(|rejection| bad_form(&rejection))?;
    service_call::set(&operators, &operator, id, state).await?;
    Ok(Redirect::to(&format!("/devices/{device}#service-calls")))
}

/// What has become of an order, and where to go back to: the device's page, or the order's.
#[derive(Debug, Deserialize)]
pub(super) struct NewOrderState {
    state: OrderState,
    device: Option<DeviceId>,
    version: Option<i64>,
    reason: Option<String>,
    carrier: Option<String>,
    tracking: Option<String>,
}

/// `POST /orders/{id}`.
pub(super) async fn set_order(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    form: Result<Form<NewOrderState>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    let Form(form) = form.map_err(|rejection| bad_form(&rejection))?;
    let said = (form.reason.as_deref(), form.carrier.as_deref(), form.tracking.as_deref());
    let to = order::to(form.state, said)?;
    order::set(&operators, &operator, (id, form.version), to).await?;
    Ok(match form.device {
        Some(device) => Redirect::to(&format!("/devices/{device}#orders")),
        None => Redirect::to(&format!("/orders/{id}")),
    })
}

/// Whether an order is the same want as an earlier one, and where to go back to.
#[derive(Debug, Deserialize)]
pub(super) struct SettledDuplicate {
    what: Duplicate,
    device: Option<DeviceId>,
}

/// `POST /orders/{id}/duplicate`.
pub(super) async fn settle_duplicate(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    form: Result<Form<SettledDuplicate>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    let Form(SettledDuplicate { what, device }) = form.map_err(|rejection| bad_form(&rejection))?;
    order::settle(&operators, &operator, id, what).await?;
    Ok(match device {
        Some(device) => Redirect::to(&format!("/devices/{device}#orders")),
        None => Redirect::to(&format!("/orders/{id}")),
    })
}

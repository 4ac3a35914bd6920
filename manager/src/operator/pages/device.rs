//! `GET /devices/{id}`, and what can be done there.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::response::{Html, Redirect};
use platen_protocol::facts::words::grouped;
use platen_protocol::identity::DeviceId;
use platen_protocol::manager_to_device::Action;
use platen_protocol::problem::ProblemKind;
use platen_protocol::settings::{SettingKey, UnknownSetting};
use serde::Deserialize;

use super::super::identity::{self, IdentityAction};
use super::super::problem::Refusal;
use super::super::view::{
    AlertView, CommandView, DetailsView, DevicePrograms, DeviceView, OrderView, ReplacementView, ReportView,
    ServiceCallView, WatchView,
};
use super::super::who::Operator;
use super::super::{Shared, command, gather, order, programs, service_call};
use super::gap::LostRuns;
use super::history::{LevelChart, level_charts};
use super::{Frame, filters, render_at, words};
use crate::clock;
use crate::rights::Right;
use crate::store::{
    AlertFilter, Duplicate, IdentityEntry, OrderFilter, OrderState, ReportFilter, ServiceCallFilter,
    ServiceCallState, Trouble, WatchFilter,
};
use crate::watch::endings::EndingView;

/// The most of each list on the page.
const MAX_CLEARED: u32 = 10;
const MAX_SERVICE_CALLS: u32 = 20;
const MAX_ORDERS: u32 = 20;
const MAX_REPLACEMENTS: u32 = 10;
const MAX_REPORTS: u32 = 30;
const MAX_COMMANDS: u32 = 10;
/// Runs of lost reports that are looked at; those that belong together are one line.
const MAX_GAPS: u32 = 500;

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage {
    frame: Frame,
    trouble: Option<Trouble>,
    endings: Vec<EndingView>,
    device: DeviceView,
    watches_over: Vec<WatchView>,
    cleared: Vec<AlertView>,
    service_calls: Vec<ServiceCallView>,
    orders: Vec<OrderView>,
    replacements: Vec<ReplacementView>,
    commands: Vec<CommandView>,
    reports: Vec<ReportView>,
    gaps: Vec<LostRuns>,
    details: DetailsView,
    identity_log: Vec<IdentityEntry>,
    programs: DevicePrograms,
    levels: Vec<LevelChart>,
}

/// The page.
pub(super) async fn page(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let Path(id) = id?;
    let (store, scope) = (&operators.store, operator.scope());
    let now = clock::now();
    let trouble = operators.store.health().trouble();
    let endings = operators.watches.endings.to_act_on(now);
    let endings = if operator.may(Right::SeeAll) { endings } else { Vec::new() };
    let device = gather::view(&operators, scope, id.clone(), now).await?;
    let over = WatchFilter { device: Some(id.clone()), open: Some(false) };
    let over = store.watches(scope, over, None, MAX_CLEARED).await?;
    let cleared = AlertFilter { device: Some(id.clone()), open: Some(false) };
    let cleared = store.alerts(scope, cleared, None, MAX_CLEARED).await?;
    let calls = ServiceCallFilter { device: Some(id.clone()), open: None };
    let calls = store.service_calls(scope, calls, None, MAX_SERVICE_CALLS).await?;
    let orders = OrderFilter { device: Some(id.clone()), open: None };
    let orders = store.orders(scope, orders, None, MAX_ORDERS).await?;
    let replacements = store.replacements(scope, Some(id.clone()), None, MAX_REPLACEMENTS).await?;
    let commands = store.commands(scope, id.clone(), None, MAX_COMMANDS).await?;
    let reports = store.reports(scope, ReportFilter { device: Some(id.clone()) }, None, MAX_REPORTS).await?;
    let details = gather::details(&operators, scope, id.clone()).await?;
    let identity_log = store.identity_log(scope, id.clone()).await?;
    let programs = programs::of_device(&operators, scope, id.clone()).await?;
    let gaps = store.gaps(scope, id, MAX_GAPS).await?;
    let levels = level_charts(&operators, scope, &device, now).await?;

    let page = DevicePage {
        frame: Frame::new(Some(operator), true),
        trouble,
        endings,
        device,
        watches_over: over.into_iter().map(WatchView::from).collect(),
        cleared: cleared.into_iter().map(AlertView::from).collect(),
        service_calls: calls.into_iter().map(|call| ServiceCallView::new(call, now)).collect(),
        orders: orders.into_iter().map(OrderView::from).collect(),
        replacements: replacements.into_iter().map(ReplacementView::from).collect(),
        commands: commands.into_iter().map(CommandView::from).collect(),
        reports: reports.into_iter().map(ReportView::from).collect(),
        gaps: LostRuns::all(gaps),
        details,
        identity_log,
        programs,
        levels,
    };
    render_at(&page, now)
}

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

/// What has become of an order, and where to go back to.
#[derive(Debug, Deserialize)]
pub(super) struct NewOrderState {
    state: OrderState,
    device: DeviceId,
}

/// `POST /orders/{id}`.
pub(super) async fn set_order(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    form: Result<Form<NewOrderState>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    let Form(NewOrderState { state, device }) = form.map_err(|rejection| bad_form(&rejection))?;
    order::set(&operators, operator.scope(), id, state, operator.name.clone()).await?;
    Ok(Redirect::to(&format!("/devices/{device}#orders")))
}

/// Whether an order is the same want as an earlier one, and where to go back to.
#[derive(Debug, Deserialize)]
pub(super) struct SettledDuplicate {
    what: Duplicate,
    device: DeviceId,
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
    order::settle(&operators, operator.scope(), id, what, operator.name.clone()).await?;
    Ok(Redirect::to(&format!("/devices/{device}#orders")))
}

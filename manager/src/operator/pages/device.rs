//! `GET /devices/{id}`, and what can be done there.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::response::{Html, Redirect};
use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::manager_to_device::Action;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::identity::{self, Deed};
use super::super::problem::Refusal;
use super::super::view::{
    AlertView, CommandView, OrderView, ReplacementView, ReportView, ServiceCallView, WatchView,
};
use super::super::who::Visitor;
use super::super::{Shared, command, gather, order, service_call};
use super::rows::{
    Age, AlertRow, CommandRow, DeviceRow, GapRow, OrderRow, ReplacementRow, ReportRow, ServiceCallRow,
    SettingRow, TroubleRow, WatchRow,
};
use super::{Frame, render, words};
use crate::clock;
use crate::store::{
    AlertFilter, IdentityEntry, OrderFilter, OrderState, ReportFilter, ServiceCallFilter, ServiceCallState,
    WatchFilter,
};

/// The most of each list on the page.
const MAX_CLEARED: u32 = 10;
const MAX_SERVICE_CALLS: u32 = 20;
const MAX_ORDERS: u32 = 20;
const MAX_REPLACEMENTS: u32 = 10;
const MAX_REPORTS: u32 = 30;
const MAX_COMMANDS: u32 = 10;
/// Runs of lost reports that are looked at; those that belong together are one line.
const MAX_GAPS: u32 = 500;

/// What was done to the identity.
struct IdentityRow {
    what: &'static str,
    words: &'static str,
    by: Option<String>,
    at: Age,
}

impl IdentityRow {
    fn of(entry: IdentityEntry, now: Timestamp) -> Self {
        let (what, words) = words::identity_change(entry.what);
        Self { what, words, by: entry.by, at: Age::of(entry.at, now) }
    }
}

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage {
    frame: Frame,
    trouble: Option<TroubleRow>,
    device: DeviceRow,
    enrolled: String,
    certificate_expires: String,
    watches_over: Vec<WatchRow>,
    cleared: Vec<AlertRow>,
    service_calls: Vec<ServiceCallRow>,
    orders: Vec<OrderRow>,
    replacements: Vec<ReplacementRow>,
    settings: Vec<SettingRow>,
    commands: Vec<CommandRow>,
    reports: Vec<ReportRow>,
    gaps: Vec<GapRow>,
    identity_log: Vec<IdentityRow>,
}

/// The page.
pub(super) async fn page(
    State(operators): Shared,
    Visitor(operator): Visitor,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Html<String>, Refusal> {
    let Path(id) = id?;
    let store = &operators.store;
    let now = clock::now();
    let trouble = operators.store.health().trouble();
    let view = gather::view(&operators, id.clone(), now).await?;
    let over = WatchFilter { device: Some(id.clone()), open: Some(false) };
    let over = store.watches(over, None, MAX_CLEARED).await?;
    let cleared = AlertFilter { device: Some(id.clone()), open: Some(false) };
    let cleared = store.alerts(cleared, None, MAX_CLEARED).await?;
    let calls = ServiceCallFilter { device: Some(id.clone()), open: None };
    let calls = store.service_calls(calls, None, MAX_SERVICE_CALLS).await?;
    let orders = OrderFilter { device: Some(id.clone()), open: None };
    let orders = store.orders(orders, None, MAX_ORDERS).await?;
    let replacements = store.replacements(Some(id.clone()), None, MAX_REPLACEMENTS).await?;
    let commands = store.commands(id.clone(), None, MAX_COMMANDS).await?;
    let reports = store.reports(ReportFilter { device: Some(id.clone()) }, None, MAX_REPORTS).await?;
    let identity_log = store.identity_log(id.clone()).await?;
    let gaps = store.gaps(id, MAX_GAPS).await?;

    render(&DevicePage {
        frame: Frame::new(Some(operator.name), true),
        trouble: trouble.map(|trouble| TroubleRow::of(&trouble, now)),
        device: DeviceRow::of(&view, now),
        enrolled: words::moment(view.enrolled),
        certificate_expires: words::moment(view.certificate_expires),
        watches_over: over
            .into_iter()
            .map(|record| WatchRow::of(&WatchView::from(record), &view, now))
            .collect(),
        cleared: cleared.into_iter().map(|record| AlertRow::of(&AlertView::from(record), now)).collect(),
        service_calls: calls
            .into_iter()
            .map(|record| ServiceCallRow::of(&ServiceCallView::from(record), now))
            .collect(),
        orders: orders.into_iter().map(|record| OrderRow::of(&OrderView::from(record), now)).collect(),
        replacements: replacements
            .into_iter()
            .map(|record| ReplacementRow::of(&ReplacementView::from(record), now))
            .collect(),
        settings: SettingRow::all(&view),
        commands: commands
            .into_iter()
            .map(|record| CommandRow::of(&CommandView::from(record), now))
            .collect(),
        reports: reports.into_iter().map(|record| ReportRow::of(&ReportView::from(record), now)).collect(),
        gaps: GapRow::all(gaps, now),
        identity_log: identity_log.into_iter().map(|entry| IdentityRow::of(entry, now)).collect(),
    })
}

/// `POST /devices/{id}/revoke`.
pub(super) async fn revoke(
    shared: Shared,
    visitor: Visitor,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Redirect, Refusal> {
    stand(shared, visitor, id, Deed::Revoke).await
}

/// `POST /devices/{id}/readmit`.
pub(super) async fn readmit(
    shared: Shared,
    visitor: Visitor,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Redirect, Refusal> {
    stand(shared, visitor, id, Deed::Readmit).await
}

/// `POST /devices/{id}/dismiss-clone`.
pub(super) async fn dismiss_clone(
    shared: Shared,
    visitor: Visitor,
    id: Result<Path<DeviceId>, PathRejection>,
) -> Result<Redirect, Refusal> {
    stand(shared, visitor, id, Deed::DismissClone).await
}

async fn stand(
    State(operators): Shared,
    Visitor(operator): Visitor,
    id: Result<Path<DeviceId>, PathRejection>,
    deed: Deed,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    identity::change(&operators, id.clone(), deed, operator.name).await?;
    Ok(Redirect::to(&format!("/devices/{id}#identity")))
}

/// `POST /devices/{id}/read-now`.
pub(super) async fn read_now(
    State(operators): Shared,
    Visitor(operator): Visitor,
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
                let value = self.value.trim().parse().map_err(|error| {
                    let why = format!("{:?} is no value for {}: {error}", self.value, self.name);
                    Refusal::new(ProblemKind::InvalidRequest, why)
                })?;
                Action::Set { settings: [(self.name, value)].into() }
            }
        })
    }
}

/// `POST /devices/{id}/settings`: a command, whose outcome is among the commands.
pub(super) async fn set_setting(
    State(operators): Shared,
    Visitor(operator): Visitor,
    id: Result<Path<DeviceId>, PathRejection>,
    form: Result<Form<NewSetting>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    let Form(setting) = form.map_err(|rejection| bad_form(&rejection))?;
    command::issue(&operators, id.clone(), setting.action()?, &operator.name).await?;
    Ok(Redirect::to(&format!("/devices/{id}#commands")))
}

fn bad_form(rejection: &FormRejection) -> Refusal {
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
    Visitor(operator): Visitor,
    id: Result<Path<i64>, PathRejection>,
    form: Result<Form<NewState>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    let Form(NewState { state, device }) = form.map_err(|rejection| bad_form(&rejection))?;
    service_call::set(&operators, id, state, operator.name).await?;
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
    Visitor(operator): Visitor,
    id: Result<Path<i64>, PathRejection>,
    form: Result<Form<NewOrderState>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path(id) = id?;
    let Form(NewOrderState { state, device }) = form.map_err(|rejection| bad_form(&rejection))?;
    order::set(&operators, id, state, operator.name).await?;
    Ok(Redirect::to(&format!("/devices/{device}#orders")))
}

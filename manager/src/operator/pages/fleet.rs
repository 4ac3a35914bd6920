//! `GET /`: all devices, the worst first.

use askama::Template;
use axum::extract::State;
use axum::response::Html;

use super::super::problem::Refusal;
use super::super::view::{DeviceView, SupplyView, Worst};
use super::super::who::PageOperator;
use super::super::{Shared, gather};
use super::{Frame, filters, render_at, words};
use crate::clock;
use crate::store::{LogState, Trouble};
use crate::watch::endings::EndingView;

/// Devices on the page; a larger fleet is told so, and is looked at by the API.
const MAX_DEVICES: u32 = 500;

#[derive(Template)]
#[template(path = "fleet.html")]
struct FleetPage {
    frame: Frame,
    trouble: Option<Trouble>,
    /// The database's log, while another program holds it.
    held_log: Option<LogState>,
    endings: Vec<EndingView>,
    summary: Vec<(&'static str, String)>,
    devices: Vec<DeviceView>,
    cut: bool,
}

/// The page.
pub(super) async fn page(
    State(operators): Shared,
    PageOperator(operator): PageOperator,
) -> Result<Html<String>, Refusal> {
    let mut records = operators.store.devices(None, MAX_DEVICES + 1).await?;
    let most = usize::try_from(MAX_DEVICES).unwrap_or(usize::MAX);
    let cut = records.len() > most;
    records.truncate(most);
    let now = clock::now();
    let trouble = operators.store.health().trouble();
    let held_log = Some(operators.store.health().log()).filter(|log| log.is_held(now));
    let endings = operators.watches.endings.to_act_on(now);
    let mut views = gather::views(&operators, records, now).await?;
    // Stable, so devices of one rank stay by name.
    views.sort_by_key(|view| view.worst);
    let (frame, summary) = (Frame::new(Some(operator.name), true), summary(&views));
    render_at(&FleetPage { frame, trouble, held_log, endings, summary, devices: views, cut }, now)
}

/// The fleet in one line: what is the matter, with how many.
fn summary(views: &[DeviceView]) -> Vec<(&'static str, String)> {
    let count = |matters: &dyn Fn(&DeviceView) -> bool| views.iter().filter(|view| matters(view)).count();
    let calls: usize = views.iter().map(|view| view.service_calls.len()).sum();
    let orders: usize = views.iter().map(|view| view.orders.len()).sum();
    let counted =
        |number: usize, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    let mut parts = vec![("all", counted(views.len(), "device", "devices"))];
    let refill = |view: &DeviceView| view.supplies.iter().any(SupplyView::needs_refill);
    let forecasts: usize =
        views.iter().map(|view| view.alerts.iter().filter(|alert| alert.alert.forecast).count()).sum();
    for (class, number, one, many) in [
        ("critical", count(&|view| view.worst == Worst::Critical), "stopped", "stopped"),
        ("service", calls, "service call", "service calls"),
        ("order", orders, "open order", "open orders"),
        ("overdue", count(&|view| view.contact.overdue), "overdue", "overdue"),
        ("warning", count(&refill), "needs toner", "need toner"),
        ("warning", count(&|view| view.worst == Worst::Warning && !refill(view)), "warning", "warnings"),
        ("forecast", forecasts, "forecast", "forecasts"),
        ("silent", count(&|view| view.worst == Worst::Silent), "silent", "silent"),
    ] {
        if number > 0 {
            parts.push((class, counted(number, one, many)));
        }
    }
    if parts.len() == 1 && !views.is_empty() {
        parts.push(("fine", "all fine".to_owned()));
    }
    parts
}

//! From devices' records to what an operator sees of them: with what is open, and how they can be
//! reached now.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::DeviceId;

use super::Operators;
use super::problem::Refusal;
use super::view::{
    AlertView, CloneView, DeviceView, IdentityView, Open, OrderView, ServiceCallView, WatchView, Worst,
};
use crate::store::{AlertFilter, DeviceRecord, OrderFilter, ServiceCallFilter};

/// Open alerts, service calls and orders, of each, that are looked at for a list of devices.
const MAX_OPEN: u32 = 2_000;

/// So long a device is shown to have lost reports; its own page keeps it.
const LOST_LATELY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Views of these devices, in their order: a few look-ups, however many they are.
pub(super) async fn views(
    operators: &Operators,
    records: Vec<DeviceRecord>,
    now: Timestamp,
) -> Result<Vec<DeviceView>, Refusal> {
    let only = match records.as_slice() {
        [] => return Ok(Vec::new()),
        [one] => Some(one.id.clone()),
        _ => None,
    };
    let clones = operators.store.open_clones(MAX_OPEN).await?;
    let mut clones: HashMap<_, _> =
        clones.into_iter().map(|record| (record.device.clone(), record)).collect();
    let alerts = AlertFilter { device: only.clone(), open: Some(true) };
    let alerts = operators.store.alerts(alerts, None, MAX_OPEN).await?;
    let mut alerts =
        by_device(alerts.into_iter().map(AlertView::from), |view: &AlertView| view.device.clone());
    let calls = ServiceCallFilter { device: only.clone(), open: Some(true) };
    let calls = operators.store.service_calls(calls, None, MAX_OPEN).await?;
    let mut calls =
        by_device(calls.into_iter().map(ServiceCallView::from), |view: &ServiceCallView| view.device.clone());
    let orders = OrderFilter { device: only, open: Some(true) };
    let orders = operators.store.orders(orders, None, MAX_OPEN).await?;
    let mut orders =
        by_device(orders.into_iter().map(OrderView::from), |view: &OrderView| view.device.clone());
    let mut lost: HashMap<DeviceId, u64> =
        operators.store.lost_since(now - LOST_LATELY).await?.into_iter().collect();
    let views = records.into_iter().map(|record| {
        let contact = operators.roster.contact(&record.id, now);
        let standing = operators.watches.standing(&record.id);
        let watches = standing.into_iter().map(|one| WatchView::new(record.id.clone(), one)).collect();
        let open = Open {
            lost_lately: lost.remove(&record.id).unwrap_or(0),
            watches,
            alerts: alerts.remove(&record.id).unwrap_or_default(),
            service_calls: calls.remove(&record.id).unwrap_or_default(),
            orders: orders.remove(&record.id).unwrap_or_default(),
        };
        let due = operators.watches.due(&record.id);
        let inspected_by = operators.roster.inspected_by(&record.id);
        let standing = operators.roster.standing(&record.id);
        let clone = clones.remove(&record.id).map(CloneView::from);
        let present = operators.roster.present(&record.id);
        let identity = standing
            .map(|standing| IdentityView { clone, ..IdentityView::of(standing, present.as_ref(), now) });
        let mut view = DeviceView::new(record, contact, due, open.in_order(), now);
        if identity.as_ref().is_some_and(IdentityView::needs_attention) {
            view.worst = view.worst.min(Worst::Warning);
        }
        view.identity = identity;
        view.contact.inspected_by = inspected_by;
        view
    });
    Ok(views.collect())
}

/// The view of one device.
pub(super) async fn view(operators: &Operators, id: DeviceId, now: Timestamp) -> Result<DeviceView, Refusal> {
    let record = operators.store.device(id).await?;
    let views = views(operators, record.into_iter().collect(), now).await?;
    views.into_iter().next().ok_or_else(|| Refusal::not_found("device"))
}

fn by_device<T>(
    views: impl Iterator<Item = T>,
    device: impl Fn(&T) -> DeviceId,
) -> HashMap<DeviceId, Vec<T>> {
    let mut sorted: HashMap<DeviceId, Vec<T>> = HashMap::new();
    for view in views {
        sorted.entry(device(&view)).or_default().push(view);
    }
    sorted
}

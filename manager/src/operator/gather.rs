//! From devices' records to what an operator sees of them: with what is open, and how they can be reached now.

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::DeviceId;

use super::Operators;
use super::problem::Refusal;
use super::view::{
    AlertView, CloneView, DetailsView, DeviceView, IdentityView, Open, OrderView, PrinterMib,
    ServiceCallView, WatchView,
};
use crate::clock;
use crate::store::{FleetDevice, OpenThings, Scope};
use crate::worst::Worst;

/// Open things of a kind that are handed out of each device in a list of devices. How many there are is counted.
const MOST_IN_LIST: u32 = 10;
/// The same of a device that is looked at alone.
const MOST_OF_ONE: u32 = 200;

/// So long a device is shown to have lost reports; its own page keeps it.
const LOST_LATELY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is to be looked up of each device in a list: how many open things of a kind, and losses since when.
pub(super) fn in_list(now: Timestamp) -> (u32, Timestamp) {
    (MOST_IN_LIST, now - LOST_LATELY)
}

/// The view of a device with what is open there.
pub(super) fn view_of(operators: &Operators, found: FleetDevice, now: Timestamp) -> DeviceView {
    let FleetDevice { device: record, open } = found;
    let OpenThings { alerts, service_calls, orders, watches, clone, lost } = open;
    let open = Open {
        lost_lately: lost,
        watches: watches.into_iter().map(WatchView::from).collect(),
        alerts: alerts.into_iter().map(AlertView::from).collect(),
        service_calls: service_calls.into_iter().map(|call| ServiceCallView::new(call, now)).collect(),
        orders: orders.into_iter().map(OrderView::from).collect(),
    };
    let contact = operators.roster.contact(&record.id, now);
    let due = operators.watches.due(&record.id);
    let inspected_by = operators.roster.inspected_by(&record.id);
    let standing = operators.roster.standing(&record.id);
    let present = operators.roster.present(&record.id);
    let clone = clone.map(CloneView::from);
    let identity =
        standing.map(|standing| IdentityView { clone, ..IdentityView::of(standing, present.as_ref(), now) });
    let mut view = DeviceView::new(record, contact, due, open.in_order(), now);
    view.noisy = operators.quotas().noisy(&view.id, now);
    if view.noisy.is_some() {
        view.worst = view.worst.min(Worst::Warning);
    }
    view.identity = identity;
    view.contact.inspected_by = inspected_by;
    view
}

/// What operators say about one device.
pub(super) async fn details(
    operators: &Operators,
    scope: &Scope,
    id: DeviceId,
) -> Result<DetailsView, Refusal> {
    let details = operators.store.details(scope, id.clone()).await?;
    let details = details.ok_or_else(|| Refusal::not_found("device"))?;
    let retirement = operators.store.retirement(scope, id).await?;
    Ok(DetailsView::new(details, retirement))
}

/// One device with what is open there.
async fn one(
    operators: &Operators,
    scope: &Scope,
    id: DeviceId,
    now: Timestamp,
) -> Result<FleetDevice, Refusal> {
    let (one, which) = (vec![id], (MOST_OF_ONE, now - LOST_LATELY));
    let found = operators.store.some_devices(scope, one, which).await?;
    found.into_iter().next().ok_or_else(|| Refusal::not_found("device"))
}

/// The view of one device.
pub(super) async fn view(
    operators: &Operators,
    scope: &Scope,
    id: DeviceId,
    now: Timestamp,
) -> Result<DeviceView, Refusal> {
    Ok(view_of(operators, one(operators, scope, id, now).await?, now))
}

/// One device in the words of the Printer MIB.
pub(super) async fn printer_mib(
    operators: &Operators,
    scope: &Scope,
    id: DeviceId,
) -> Result<PrinterMib, Refusal> {
    let FleetDevice { device, open } = one(operators, scope, id, clock::now()).await?;
    let readings = device.readings.unwrap_or_default();
    Ok(PrinterMib::new(device.id, device.readings_received, &readings, open.alerts))
}

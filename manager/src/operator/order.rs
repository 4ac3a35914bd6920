//! Orders, for pages and API: somebody makes one, moves it on, or says whether it is the same want as an earlier one. The
//! others are told, and the device hears whether its order still stands in the way of another one.

use platen_protocol::identity::DeviceId;
use platen_protocol::limits::MAX_ORDER_QUANTITY;
use platen_protocol::problem::ProblemKind;

use super::problem::Refusal;
use super::who::Operator;
use super::{Operators, gather, said};
use crate::clock;
use crate::inform::Event;
use crate::money::Money;
use crate::store::{
    Duplicate, NewOrder, OrderAct, OrderMove, OrderRecord, OrderRefusal, OrderState, OrderWhat, Scope,
};

/// The longest reason for which an order is cancelled, in characters.
pub(super) const MAX_REASON_CHARS: usize = 500;
/// The longest name of a carrier, and the longest number of a parcel, in characters.
pub(super) const MAX_CARRIER_CHARS: usize = 100;
/// The longest note, in characters: as that of a person at a device.
pub(super) const MAX_NOTE_CHARS: usize = platen_protocol::limits::MAX_MESSAGE_CHARS;

/// A move as it was typed.
pub(super) fn to(
    state: OrderState,
    (reason, carrier, tracking): (Option<&str>, Option<&str>, Option<&str>),
) -> Result<OrderMove, Refusal> {
    let line =
        |what, text: Option<&str>, most| said::text(what, &text.unwrap_or_default().replace('\n', " "), most);
    Ok(OrderMove {
        state,
        reason: said::text("the reason", reason.unwrap_or_default(), MAX_REASON_CHARS)?,
        carrier: line("the carrier", carrier, MAX_CARRIER_CHARS)?,
        tracking: line("the tracking number", tracking, MAX_CARRIER_CHARS)?,
    })
}

/// One order that the operator sees.
pub(super) async fn one(operators: &Operators, scope: &Scope, id: i64) -> Result<OrderRecord, Refusal> {
    operators.store.order(scope, id).await?.ok_or_else(|| Refusal::not_found("order"))
}

/// Moves an order on, if it still is the version that the person saw, and tells the others; what it is then.
pub(super) async fn set(
    operators: &Operators,
    operator: &Operator,
    order: (i64, Option<i64>),
    to: OrderMove,
) -> Result<OrderRecord, Refusal> {
    let (scope, by) = (operator.scope(), operator.name.clone());
    let moved = operators.store.move_order(scope, order, to, by, clock::now()).await?.map_err(refused)?;
    tell(operators, &moved, Some(moved.state));
    Ok(moved)
}

/// Keeps whether an order of a supply that was ordered already is the same want, and tells the others.
pub(super) async fn settle(
    operators: &Operators,
    operator: &Operator,
    id: i64,
    what: Duplicate,
) -> Result<(), Refusal> {
    let (scope, by) = (operator.scope(), operator.name.clone());
    let settled =
        operators.store.settle_duplicate(scope, id, what, by, clock::now()).await?.map_err(refused)?;
    tell(operators, &settled, (what == Duplicate::Merge).then_some(OrderState::Cancelled));
    Ok(())
}

/// An order as somebody asks for it at the desk.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// For which device.
    pub(super) device: DeviceId,
    /// The name of the supply on its board.
    pub(super) supply: String,
    /// Number of pieces.
    pub(super) quantity: u16,
    /// What is to be known of it.
    pub(super) note: Option<String>,
}

/// Makes an order, and tells the others.
pub(super) async fn make(
    operators: &Operators,
    operator: &Operator,
    wanted: Wanted,
) -> Result<OrderRecord, Refusal> {
    let Wanted { device, supply, quantity, note } = wanted;
    let invalid = |why: String| Refusal::new(ProblemKind::InvalidRequest, why);
    if !(1..=MAX_ORDER_QUANTITY).contains(&quantity) {
        return Err(invalid(format!("quantity must be between 1 and {MAX_ORDER_QUANTITY}, not {quantity}")));
    }
    let note = said::text("the note", note.as_deref().unwrap_or_default(), MAX_NOTE_CHARS)?;
    let now = clock::now();
    let view = gather::view(operators, operator.scope(), device.clone(), now).await?;
    let simulated = view.simulated;
    let names = view.supplies.iter().map(|one| one.reading.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = view.supplies.into_iter().find(|one| one.reading.name == supply);
    let Some(found) = found else {
        let has =
            if names.is_empty() { "it has told of none yet".to_owned() } else { format!("it has {names}") };
        return Err(invalid(format!("supply: {device} has no supply of the name {supply:?}; {has}")));
    };
    let new = NewOrder { device, supply: found.reading, simulated, quantity, note };
    let made = operators.store.add_order(operator.scope(), new, operator.name.clone(), now).await?;
    let made = made.map_err(refused)?;
    tell(operators, &made, Some(made.state));
    Ok(made)
}

fn tell(operators: &Operators, order: &OrderRecord, state: Option<OrderState>) {
    operators.mailbox.wake(&order.device);
    let event = Event::new("order_changed", order.device.clone(), clock::now());
    operators.informer.publish(Event { order_state: state, ..event });
}

/// What a piece cost when it was approved.
pub(super) const fn price(order: &OrderRecord) -> Option<Money> {
    order.price
}

/// What all of it costs, in words.
pub(super) fn cost(order: &OrderRecord) -> Option<String> {
    let price = order.price?;
    let all = price.times(u32::from(order.quantity))?;
    Some(if order.quantity == 1 { all.to_string() } else { format!("{all} ({price} a piece)") })
}

/// What somebody did, behind their name.
pub(super) fn did(act: &OrderAct) -> String {
    let what = match act.what {
        OrderWhat::Proposed => "proposed it",
        OrderWhat::Asked => "asked for it",
        OrderWhat::Approved => "approved it",
        OrderWhat::Shipped => "sent it",
        OrderWhat::Delivered => "found it delivered",
        OrderWhat::Cancelled => "cancelled it",
        OrderWhat::Also => "found one more reason for it",
        OrderWhat::Fitted => "found another cartridge in the machine",
        OrderWhat::Merged => "found it to be the same want as an earlier one",
        OrderWhat::Kept => "kept it beside an earlier one",
        OrderWhat::Taken => "took it from a shelf",
        OrderWhat::GivenBack => "put it back on a shelf",
    };
    act.words.as_ref().map_or_else(|| what.to_owned(), |words| format!("{what}: {words}"))
}

/// Who did it.
pub(super) fn doer(act: &OrderAct) -> &str {
    match (&act.who, act.what) {
        (Some(who), _) => who,
        (None, OrderWhat::Asked) => "somebody",
        (None, OrderWhat::Fitted) => "the machine",
        (None, _) => "the manager",
    }
}

/// Why nothing was done, and what to do.
fn refused(refusal: OrderRefusal) -> Refusal {
    let conflict = |why: String| Refusal::new(ProblemKind::StateConflict, why);
    match refusal {
        OrderRefusal::Missing => Refusal::not_found("order"),
        OrderRefusal::Changed(order, last) => {
            let last = last.map_or_else(String::new, |act| format!(": {} {}", doer(&act), did(&act)));
            Refusal::new(
                ProblemKind::ChangedMeanwhile,
                format!(
                    "order {} has changed since you looked at it, and is {} now{last}. Nothing was done: look at it again",
                    order.key,
                    order.state.words()
                ),
            )
        }
        OrderRefusal::Retired(device) => conflict(format!(
            "{device} is retired: nothing is sent to it any more. An order of it that is open can be cancelled, or found delivered"
        )),
        OrderRefusal::NoProposal => Refusal::new(
            ProblemKind::InvalidRequest,
            "state: an order cannot be made a proposal; only the rule proposes",
        ),
        OrderRefusal::Exists(key, state) => conflict(format!(
            "order {key} of this supply is {} already, and of a supply one order is open at a time: move that one on",
            state.words()
        )),
        OrderRefusal::NotDuplicate => conflict(
            "the order is closed, or no earlier order of the same supply is open: there is nothing to decide"
                .to_owned(),
        ),
    }
}

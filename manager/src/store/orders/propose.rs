//! Orders that come with reports: what a person asks for at the device, and what the rule proposes when a supply comes down to a
//! set value. Both become one with what is open of the supply already.

use jiff::SignedDuration;
use platen_protocol::alert::{Alert, AlertCode};
use platen_protocol::device_to_manager::{EnteredBy, Order, Report};
use platen_protocol::identity::AlertId;
use platen_protocol::readings::SupplyReading;

use super::super::engine::values;
use super::super::ingest::{BatchWrite, written};
use super::super::order_records::{OrderMove, OrderOrigin, OrderState, OrderWhat};
use super::super::statements::orders as statements;
use super::super::{StoreError, to_json};
use super::acts::{held, hold, note, note_repeated, tell};
use super::moves::put;
use super::rules::rule_of;

/// What was delivered is taken to lie beside the machine for so long: until then no more of it is proposed.
pub(super) const AT_HAND_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Why a proposal ends by itself.
const ALERT_OVER: &str = "the alert is over";

/// The supply that an alert says is to be changed.
fn wanted(alert: &Alert) -> Option<&SupplyReading> {
    let ends = matches!(
        alert.code,
        AlertCode::SubunitLifeAlmostOver
            | AlertCode::SubunitLifeOver
            | AlertCode::SubunitAlmostEmpty
            | AlertCode::SubunitEmpty
            | AlertCode::SubunitAlmostFull
            | AlertCode::SubunitFull
            | AlertCode::MarkerTonerEmpty
            | AlertCode::MarkerInkEmpty
            | AlertCode::MarkerPrintRibbonEmpty
            | AlertCode::MarkerTonerAlmostEmpty
            | AlertCode::MarkerInkAlmostEmpty
            | AlertCode::MarkerWasteTonerReceptacleAlmostFull
            | AlertCode::MarkerWasteTonerReceptacleFull
            | AlertCode::MarkerOpcLifeAlmostOver
            | AlertCode::MarkerOpcLifeOver
            | AlertCode::MarkerDeveloperAlmostEmpty
            | AlertCode::MarkerDeveloperEmpty
    );
    // One that is forecast is about how a supply is used, not about its end.
    alert.supply.as_ref().filter(|_| ends && !alert.forecast)
}

const fn entered(by: EnteredBy) -> OrderOrigin {
    match by {
        EnteredBy::Button => OrderOrigin::Button,
        EnteredBy::Command => OrderOrigin::Command,
    }
}

impl BatchWrite<'_, '_> {
    /// What a person asks for: repeated, it is the order that there is; of what is proposed or was made here it is that one.
    pub(in crate::store) fn order(
        &mut self,
        report: &Report,
        key: i64,
        order: &Order,
    ) -> Result<(), StoreError> {
        let (connection, at) = (self.context.connection, self.received());
        if connection.exists(statements::NAMED, values![self.device, order.id.as_str()])? {
            return Ok(());
        }
        hold(connection, self.device)?;
        let supply = &order.supply;
        let (note_there, by) = (written(order.note.as_deref()), entered(order.entered_by).word());
        let unasked = values![self.device, supply.name];
        let there: Option<i64> = connection.one(statements::UNASKED, unasked, |row| row.get(0))?;
        let name = order.id.as_str();
        let key = if let Some(there) = there {
            let asked = values![there, name, key, order.quantity, note_there, by, order.again];
            connection.execute(statements::ASK, asked)?;
            there
        } else {
            connection.row(
                statements::ADD,
                values![
                    self.device,
                    name,
                    key,
                    at,
                    report.simulated,
                    to_json("supply", supply)?,
                    order.quantity,
                    note_there,
                    by,
                    OrderState::Asked.word(),
                    supply.name,
                    order.again,
                    supply.part_number,
                    None::<&str>
                ],
                |row| row.get(0),
            )?
        };
        self.touched = true;
        let pieces = format!("{} at the device", order.quantity);
        note(connection, (self.device, key), (None, OrderWhat::Asked), Some(&pieces), at)?;
        self.notice("order", report.sequence, &to_json("order", order)?)
    }

    /// An alert was raised: if it says that a supply is to be changed, an order is proposed.
    pub(in crate::store) fn propose(&mut self, report: &Report, alert: &Alert) -> Result<(), StoreError> {
        let Some(supply) = wanted(alert) else { return Ok(()) };
        let (connection, at) = (self.context.connection, self.received());
        let origin = OrderOrigin::of_low(supply);
        if !rule_of(connection, self.device)?.takes(origin) {
            return Ok(());
        }
        hold(connection, self.device)?;
        let of_supply = values![self.device, supply.name];
        let open: Option<i64> = connection.one(statements::OPEN_OF_SUPPLY, of_supply, |row| row.get(0))?;
        if let Some(open) = open {
            connection.execute(statements::SPEAKS_FOR, values![open, alert.id.as_str()])?;
            return note_repeated(connection, (self.device, open), OrderWhat::Also, &alert.description, at);
        }
        let since = at.saturating_sub(i64::try_from(AT_HAND_FOR.as_millis()).unwrap_or(i64::MAX));
        if connection.exists(statements::AT_HAND, values![self.device, supply.name, since])? {
            return Ok(());
        }
        let key: i64 = connection.row(
            statements::ADD,
            values![
                self.device,
                None::<&str>,
                None::<i64>,
                at,
                report.simulated,
                to_json("supply", supply)?,
                1,
                None::<&str>,
                origin.word(),
                OrderState::Proposed.word(),
                supply.name,
                false,
                supply.part_number,
                alert.id.as_str()
            ],
            |row| row.get(0),
        )?;
        let why = Some(alert.description.as_str());
        note(connection, (self.device, key), (None, OrderWhat::Proposed), why, at)?;
        tell(connection, self.damage, key, None, at)
    }

    /// An alert is over: what was proposed for it, and nobody has taken up, is as well.
    pub(in crate::store) fn withdraw(&mut self, alert: &AlertId) -> Result<(), StoreError> {
        let connection = self.context.connection;
        let alert = alert.as_str();
        let by_alert = values![self.device, alert];
        let proposed: Vec<i64> = connection.all(statements::PROPOSED_BY, by_alert, |row| row.get(0))?;
        for key in proposed {
            let Some(found) = held(connection, self.damage, key)? else { continue };
            let reason = Some(ALERT_OVER.to_owned());
            let to = OrderMove { reason, ..OrderState::Cancelled.into() };
            put(connection, self.damage, &found, &to, (None, self.received()))?;
        }
        Ok(())
    }
}

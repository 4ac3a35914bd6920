//! The machine says that another cartridge is in: the order of it has ended, wherever it stood. A cartridge that is known from
//! another machine ends none, and is told.

use platen_protocol::device_to_manager::{Replacement, ReplacementKind};

use super::super::engine::{Connection, values};
use super::super::ingest::BatchWrite;
use super::super::order_records::{OrderMove, OrderState, OrderWhat};
use super::super::statements::orders as statements;
use super::super::{StoreError, to_json};
use super::acts::{held, hold, note, tell};
use super::moves::put;
use super::propose::AT_HAND_FOR;
use crate::telling::event::CameBack;

/// Whether a cartridge was in this machine before.
fn was_here(connection: &Connection, serial: &str, device: i64) -> Result<bool, StoreError> {
    connection.exists(statements::WAS_HERE, values![serial, device])
}

impl BatchWrite<'_, '_> {
    /// What a replacement that is new means for orders. `origin` is the name of its row.
    pub(in crate::store) fn fitted(
        &mut self,
        sequence: u64,
        replacement: &Replacement,
        origin: &str,
    ) -> Result<(), StoreError> {
        if replacement.change != ReplacementKind::Replaced {
            return Ok(());
        }
        let (connection, at) = (self.context.connection, self.received());
        if let Some(removed) = replacement.removed_supply.as_ref().and_then(|supply| supply.serial.as_deref())
        {
            connection.execute(statements::IS_IN, values![removed, self.device, at])?;
        }
        let Some(fitted) = &replacement.fitted_supply else { return Ok(()) };
        let Some(serial) = fitted.serial.as_deref() else { return Ok(()) };
        let was_here = was_here(connection, serial, self.device)?;
        let from: Option<i64> =
            connection.one(statements::WAS_IN, values![serial, self.device], |row| row.get(0))?;
        connection.execute(statements::IS_IN, values![serial, self.device, at])?;
        if let Some(from) = from.filter(|_| !was_here) {
            connection.execute(statements::CAME_FROM, values![self.device, origin, from])?;
            let back = CameBack { serial: serial.to_owned(), subject: replacement.subject.clone() };
            return self.notice("cartridge_came_back", sequence, &to_json("cartridge", &back)?);
        }
        if was_here { Ok(()) } else { self.close_by(&replacement.subject, serial, at) }
    }

    /// Ends the order of a supply by what is in the machine now: the open one, or else what lay beside the machine.
    fn close_by(&mut self, supply: &str, serial: &str, at: i64) -> Result<(), StoreError> {
        let connection = self.context.connection;
        hold(connection, self.device)?;
        let of_supply = values![self.device, supply];
        let mut key: Option<i64> = connection.one(statements::OPEN_OF_SUPPLY, of_supply, |row| row.get(0))?;
        if key.is_none() {
            let since = at.saturating_sub(i64::try_from(AT_HAND_FOR.as_millis()).unwrap_or(i64::MAX));
            key =
                connection.one(statements::TO_FIT, values![self.device, supply, since], |row| row.get(0))?;
        }
        let Some(key) = key else { return Ok(()) };
        let Some(found) = held(connection, self.damage, key)? else { return Ok(()) };
        let (before, words) = (found.order.state, format!("serial {serial}"));
        self.touched = true;
        if before == OrderState::Proposed {
            // Nobody sent it.
            let reason = Some(format!("another cartridge is in the machine, {words}"));
            let to = OrderMove { reason, ..OrderState::Cancelled.into() };
            return put(connection, self.damage, &found, &to, (None, at));
        }
        connection.execute(statements::FIT, values![key, at, serial])?;
        note(connection, (self.device, key), (None, OrderWhat::Fitted), Some(&words), at)?;
        tell(connection, self.damage, key, Some(before), at)
    }
}

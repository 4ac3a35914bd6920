//! Orders that somebody at the service centre makes, or another system in their name.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::engine::{Connection, values};
use super::super::order_records::{NewOrder, OrderOrigin, OrderRecord, OrderRefusal, OrderState, OrderWhat};
use super::super::sight::sees_device;
use super::super::statements::orders as statements;
use super::super::states::refresh;
use super::super::writer::WriteContext;
use super::super::{Scope, Store, StoreError, to_json};
use super::acts::{hold, note, read, tell};

impl Store {
    /// Makes an order that is asked for, unless one of the supply is open.
    pub async fn add_order(
        &self,
        scope: &Scope,
        new: NewOrder,
        by: String,
        now: Timestamp,
    ) -> Result<Result<OrderRecord, OrderRefusal>, StoreError> {
        let (damage, scope) = (Arc::clone(&self.damage), scope.clone());
        let at = now.as_millisecond();
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            if !sees_device(connection, &scope, &new.device)? {
                return Ok(Err(OrderRefusal::Missing));
            }
            let found: Option<(i64, Option<i64>)> =
                connection.one(statements::DEVICE_OF_NAME, values![new.device.as_str()], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            let Some((device, retired)) = found else { return Ok(Err(OrderRefusal::Missing)) };
            if retired.is_some() {
                return Ok(Err(OrderRefusal::Retired(new.device.clone())));
            }
            // The device may hand an order in at the same time: in this order both are held there as well.
            if let Connection::Postgres(_) = connection {
                connection.exists(statements::HOLD_DEVICE, values![device])?;
            }
            hold(connection, device)?;
            let supply = &new.supply;
            let of_supply = values![device, supply.name];
            let open: Option<(i64, String)> =
                connection
                    .one(statements::OPEN_OF_SUPPLY, of_supply, |row| Ok((row.get(0)?, row.get(1)?)))?;
            if let Some((key, state)) = open {
                let state = super::super::records::word("state of an order", state)?;
                return Ok(Err(OrderRefusal::Exists(key, state)));
            }
            let key: i64 = connection.row(
                statements::ADD,
                values![
                    device,
                    None::<&str>,
                    None::<i64>,
                    at,
                    new.simulated,
                    to_json("supply", supply)?,
                    new.quantity,
                    new.note,
                    OrderOrigin::Operator.word(),
                    OrderState::Asked.word(),
                    supply.name,
                    false,
                    supply.part_number,
                    None::<&str>
                ],
                |row| row.get(0),
            )?;
            note(connection, (device, key), (Some(&by), OrderWhat::Asked), new.note.as_deref(), at)?;
            tell(connection, &damage, key, None, at)?;
            refresh(connection, device, None)?;
            let made = read(connection, &damage, key)?;
            Ok(made.map(|held| held.order).ok_or(OrderRefusal::Missing))
        };
        self.writer.write(act).await
    }
}

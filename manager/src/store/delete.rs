//! Deleting a device for good, with all that is known of persons: every row that belongs to it. It goes in small steps,
//! each a transaction of its own, so that a long history holds up no report; what a restart interrupts goes on from
//! where it was. The device's certificates stay refused until they end, without its name.

use std::collections::BTreeMap;

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;

use super::engine::{Connection, Value, values};
use super::identities::{IdentityChange, log};
use super::journal::Entry;
use super::needs::end_all;
use super::records::time_if_any;
use super::{Certificate, Store, StoreError, from_integer, statements::devices as statements};

/// Rows that are deleted in one step.
const ROWS_AT_ONCE: u32 = 500;

/// Looked through last: others refer to them.
const LAST: [&str; 3] = ["reports", "epochs", "devices"];

/// A table that has something of devices.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Belonging {
    table: String,
    whose: Whose,
    /// Whether its rows have keys, so that some can be deleted at a time; without, there are few of each device.
    has_keys: bool,
}

/// How a table says whose a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// By the key of the device.
    Key,
    /// By its name.
    Name,
    /// By the key of an epoch of it.
    Epoch,
}

/// Why a device is not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeleteRefusal {
    /// There is none of that name.
    #[error("there is no such device")]
    UnknownDevice,
    /// It is in service.
    #[error(
        "the device is in service: retire it first, so that it removes its key, or shut it out if it is lost"
    )]
    InService,
}

/// How far a deletion has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// No device is being deleted.
    Nothing,
    /// Something of this device was deleted, and there is more.
    Goes(DeviceId),
    /// Nothing is left of this device.
    Ended(DeviceId),
}

impl Store {
    /// Begins to delete a device that is retired or shut out. From now on it is shown nowhere.
    pub async fn begin_deletion(
        &self,
        device: DeviceId,
        by: String,
        now: Timestamp,
    ) -> Result<Result<(), DeleteRefusal>, StoreError> {
        let open = std::sync::Arc::clone(&self.open);
        let gone = device.clone();
        let act = move |context: &mut super::writer::WriteContext<'_>| {
            let begun = begin(context.connection, &device, &by, now, false)?;
            if begun == Ok(true) {
                context.journal.push(Entry::Deleted { device: device.clone(), by: by.clone(), at: now });
            }
            Ok(begun.map(|_is_new| ()))
        };
        self.writer.write_then(act, move |_done| open.changed(&gone)).await
    }

    /// One step of deleting the device whose turn it is.
    pub async fn delete_some(&self) -> Result<Deletion, StoreError> {
        let waits = self
            .readers
            .clone()
            .read(|connection| connection.exists(statements::DELETING, values![]))
            .await?;
        if !waits {
            return Ok(Deletion::Nothing);
        }
        self.writer
            .write(|context| {
                let connection = context.connection;
                let found: Option<(i64, String)> =
                    connection.one(statements::DELETING, values![], |row| Ok((row.get(0)?, row.get(1)?)))?;
                let Some((key, name)) = found else { return Ok(Deletion::Nothing) };
                let device = super::records::id("device", name.clone())?;
                if delete_rows(connection, key, &name)? {
                    return Ok(Deletion::Goes(device));
                }
                connection.execute(statements::DELETE_TOKENS_OF, values![name])?;
                connection.execute(statements::DELETE_DEVICE, values![key])?;
                context.places.forget_device(&device);
                Ok(Deletion::Ended(device))
            })
            .await
    }

    /// Rows that say that they belong to a device that is not there, by their tables: there are none.
    pub async fn rows_of_nobody(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.readers
            .clone()
            .read(|connection| {
                let mut all = belongings(connection)?;
                let last = LAST.iter().filter(|table| **table != "devices");
                all.extend(last.map(|table| Belonging {
                    table: (*table).to_owned(),
                    whose: Whose::Key,
                    has_keys: true,
                }));
                let mut found = Vec::new();
                for Belonging { table, .. } in all.iter().filter(|one| one.whose == Whose::Key) {
                    let text =
                        format!("SELECT count(*) FROM {table} WHERE device NOT IN (SELECT key FROM devices)");
                    let count = connection.row(&text, values![], |row| row.get(0)).map(from_integer)?;
                    if count > 0 {
                        found.push((table.clone(), count));
                    }
                }
                Ok(found)
            })
            .await
    }

    /// Whether a certificate was that of a device that has been deleted.
    pub async fn certificate_deleted(&self, serial: String) -> Result<bool, StoreError> {
        self.readers
            .clone()
            .read(move |connection| connection.exists(statements::CERTIFICATE_DELETED, values![serial]))
            .await
    }

    /// Forgets certificates of deleted devices that have ended: they are refused by themselves.
    pub async fn forget_deleted_certificates(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.writer
            .write(move |context| {
                context.connection.execute(statements::FORGET_CERTIFICATES, values![now.as_millisecond()])
            })
            .await
    }
}

/// Every table that has something of devices, as the tables themselves say: one that a later version adds is not
/// forgotten.
fn belongings(connection: &Connection) -> Result<Vec<Belonging>, StoreError> {
    let text = connection.text(statements::COLUMNS, statements::COLUMNS_POSTGRES);
    let mut columns: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
    connection.each(text, values![], |row| {
        let (table, column, kind): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let is_number = matches!(kind.to_ascii_uppercase().as_str(), "INTEGER" | "BIGINT");
        columns.entry(table).or_default().insert(column, is_number);
        Ok(())
    })?;
    let of = |(table, columns): (String, BTreeMap<String, bool>)| {
        let whose = match (columns.get("device"), columns.get("epoch")) {
            (Some(true), _) => Whose::Key,
            (Some(false), _) => Whose::Name,
            (None, Some(true)) => Whose::Epoch,
            (None, _) => return None,
        };
        Some(Belonging { table, whose, has_keys: columns.contains_key("key") })
    };
    let all = columns.into_iter().filter(|(table, _)| !LAST.contains(&table.as_str()));
    Ok(all.filter_map(of).collect())
}

/// Begins to delete a device; says whether that is new. `in_service_too` is for one that was deleted before, and came
/// back with an older database.
pub(super) fn begin(
    connection: &Connection,
    device: &DeviceId,
    by: &str,
    now: Timestamp,
    in_service_too: bool,
) -> Result<Result<bool, DeleteRefusal>, StoreError> {
    let found = connection.one(statements::DEVICE_TO_DELETE, values![device.as_str()], |row| {
        let in_service = row.get::<Option<i64>>(1)?.is_none() && row.get::<Option<i64>>(2)?.is_none();
        let mut serials: Vec<(String, i64)> = vec![(row.get(4)?, row.get(5)?)];
        if let (Some(serial), Some(expires)) = (row.get(6)?, row.get(7)?) {
            serials.push((serial, expires));
        }
        let former: Option<String> = row.get(8)?;
        // What cannot be read was of no use for letting anybody in either.
        let former: Option<Vec<Certificate>> = former.and_then(|text| serde_json::from_str(&text).ok());
        let former = former.unwrap_or_default().into_iter();
        serials.extend(former.map(|one| (one.serial, one.expires.as_millisecond())));
        Ok((row.get::<i64>(0)?, in_service, time_if_any(row, 3)?, serials))
    })?;
    let Some((key, in_service, deleting, serials)) = found else {
        return Ok(Err(DeleteRefusal::UnknownDevice));
    };
    if deleting.is_some() {
        return Ok(Ok(false));
    }
    if in_service && !in_service_too {
        return Ok(Err(DeleteRefusal::InService));
    }
    connection.execute(statements::BEGIN_DELETION, values![key, now.as_millisecond()])?;
    end_all(connection, key, now)?;
    for (serial, expires) in serials {
        connection.execute(statements::REMEMBER_CERTIFICATE, values![serial, expires])?;
    }
    // What is one row of a device goes at once, so that it is shown nowhere.
    for Belonging { table, .. } in
        belongings(connection)?.iter().filter(|one| one.whose == Whose::Key && !one.has_keys)
    {
        connection.execute(&format!("DELETE FROM {table} WHERE device = ?1"), values![key])?;
    }
    // So that other managers hear of it while its rows are still there.
    log(connection, device, IdentityChange::Revoked, Some(by), now)?;
    Ok(Ok(true))
}

/// Deletes some rows of a device; says whether there may be more.
fn delete_rows(connection: &Connection, device: i64, name: &str) -> Result<bool, StoreError> {
    let all = belongings(connection)?;
    for Belonging { table, whose, has_keys } in all.iter().filter(|one| one.whose != Whose::Epoch) {
        // The newest first: an order that was merged refers to an earlier one.
        let text = if *has_keys {
            format!(
                "DELETE FROM {table} WHERE key IN \
                 (SELECT key FROM {table} WHERE device = ?1 ORDER BY key DESC LIMIT {ROWS_AT_ONCE})"
            )
        } else {
            format!("DELETE FROM {table} WHERE device = ?1")
        };
        let deleted = match whose {
            Whose::Key => connection.execute(&text, values![device])?,
            Whose::Name | Whose::Epoch => connection.execute(&text, values![name])?,
        };
        if deleted > 0 {
            return Ok(true);
        }
    }
    delete_reports(connection, device, &all)
}

/// Reports are found from the newest of each epoch back; behind the end of that only those are left that do not come at
/// an interval.
fn delete_reports(connection: &Connection, device: i64, all: &[Belonging]) -> Result<bool, StoreError> {
    let epoch: Option<(i64, Option<i64>)> =
        connection.one(statements::EPOCH_TO_DELETE, values![device], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((epoch, last)) = epoch else { return Ok(false) };
    let chain: Vec<(i64, Option<i64>)> = match last {
        Some(last) => connection
            .all(statements::CHAIN_BACK, values![last, ROWS_AT_ONCE], |row| Ok((row.get(0)?, row.get(1)?)))?,
        None => Vec::new(),
    };
    if let Some((_, before)) = chain.last() {
        connection.execute(statements::EPOCH_UPTO, values![epoch, *before])?;
        let rows: Vec<Vec<Value<'_>>> = chain.iter().map(|(key, _)| vec![Value::Integer(*key)]).collect();
        connection.execute_all(&statements::DELETE_REPORTS, &rows)?;
        return Ok(true);
    }
    if connection.execute(statements::DELETE_KEPT_REPORTS, values![device, ROWS_AT_ONCE])? > 0 {
        return Ok(true);
    }
    for Belonging { table, .. } in all.iter().filter(|one| one.whose == Whose::Epoch) {
        let text = format!("DELETE FROM {table} WHERE epoch = ?1");
        connection.execute(&text, values![epoch])?;
    }
    connection.execute(statements::DELETE_EPOCH, values![epoch])?;
    Ok(true)
}

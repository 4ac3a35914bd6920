//! Where devices are in the lives of their outboxes, as the writer needs it for each batch.
//!
//! SQLite has one writer: what it has written stays true, so a report needs no look-up. In PostgreSQL other managers
//! write too: a group looks up what it needs of all its devices at once and holds their rows until it is committed.

use std::collections::HashMap;

use platen_protocol::identity::{DeviceId, Epoch};

use super::engine::{AsValue as _, Connection, Row, Value, owned, values};
use super::records::id;
use super::states::Levels;
use super::{StoreError, from_integer, statements};

/// Devices whose place in their epoch is remembered.
const MAX_REMEMBERED: usize = 100_000;
/// Keys of reports that are drawn from PostgreSQL at once. What is not used is lost, which harms nothing.
const KEYS_AT_ONCE: u32 = 2_000;

/// Where a device is in its outbox's life.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) device: i64,
    pub(super) epoch: Option<(Epoch, EpochPlace)>,
    /// Another epoch of the device, which it kept in memory only when it was last heard of.
    pub(super) in_memory_epoch: Option<InMemoryEpoch>,
    /// What its readings said last of its supplies.
    pub(super) levels: Levels,
    /// Whether the store knows that it was ever there.
    pub(super) was_there: bool,
}

/// An epoch that was in memory only.
#[derive(Debug, Clone)]
pub(super) struct InMemoryEpoch {
    pub(super) key: i64,
    pub(super) epoch: Epoch,
    pub(super) acknowledged: u64,
}

/// Where an epoch is.
#[derive(Debug, Clone, Copy)]
pub(super) struct EpochPlace {
    pub(super) key: i64,
    pub(super) acknowledged: u64,
    /// Its newest report.
    pub(super) last: Option<LastReport>,
    /// Whether the device keeps it in memory only.
    pub(super) in_memory: bool,
}

/// The newest report of an epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastReport {
    pub(super) key: i64,
    /// When it was taken, or else came in.
    pub(super) dated: i64,
}

/// What the writer remembers of devices.
#[derive(Default)]
pub(super) struct Places {
    /// Boxed, for half of such a table is empty.
    of: HashMap<DeviceId, Box<Place>>,
    /// When the present boot of a device began, by its key, as it was last written. It is only a reason not to write it
    /// again.
    boots: HashMap<i64, (String, i64)>,
    keys: Keys,
}

/// Keys for reports that are not used yet.
#[derive(Default)]
struct Keys {
    /// Of SQLite, where nobody else draws any: the highest that is used, once it was looked up.
    highest: Option<i64>,
    /// Of PostgreSQL, the next one last.
    drawn: Vec<i64>,
}

impl Places {
    /// Before a group of batches: looks up what is not remembered, where that pays.
    pub(super) fn prepare(
        &mut self,
        connection: &Connection,
        wanted: &[(&DeviceId, &Epoch)],
    ) -> Result<(), StoreError> {
        if self.of.len() > MAX_REMEMBERED || self.boots.len() > MAX_REMEMBERED {
            self.forget();
        }
        if let Connection::Sqlite(_) = connection {
            return Ok(());
        }
        self.of.clear();
        if wanted.is_empty() {
            return Ok(());
        }
        // First held, then read: what another manager has committed meanwhile is seen by the second.
        let held = in_rows(wanted).iter().map(|row| owned(row)).collect();
        connection.send_all(&statements::HOLD_DEVICES, held)?;
        for (device, place) in look_up(connection, wanted)? {
            // A device whose batches of two epochs are in one group is looked up again for the second.
            self.of.entry(device).or_insert_with(|| Box::new(place));
        }
        Ok(())
    }

    /// Where a device is, with the epoch as far as it exists; `None` when nobody knows the device.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        device: &DeviceId,
        epoch: &Epoch,
    ) -> Result<Option<Place>, StoreError> {
        if let Some(place) = self.of.get(device)
            && place.epoch.as_ref().is_some_and(|(known, _)| known == epoch)
        {
            return Ok(Some(Place::clone(place)));
        }
        let Some((_, place)) = look_up(connection, &[(device, epoch)])?.into_iter().next() else {
            return Ok(None);
        };
        self.of.insert(device.clone(), Box::new(place.clone()));
        Ok(Some(place))
    }

    /// Remembers where a device is now.
    pub(super) fn set(&mut self, device: &DeviceId, place: Place) {
        match self.of.get_mut(device) {
            Some(known) => **known = place,
            None => drop(self.of.insert(device.clone(), Box::new(place))),
        }
    }

    /// Whether it must be written that a boot began then: not where the same or an earlier moment, but for a second,
    /// was written before.
    pub(super) fn is_news_of_boot(&mut self, device: i64, boot: &str, began: i64) -> bool {
        let known = self.boots.get(&device).is_some_and(|(known, at)| known == boot && began >= at - 1000);
        if !known {
            self.boots.insert(device, (boot.to_owned(), began));
        }
        !known
    }

    /// A key for a new report.
    pub(super) fn next_key(&mut self, connection: &Connection) -> Result<i64, StoreError> {
        if let Connection::Sqlite(_) = connection {
            let highest = match self.keys.highest {
                Some(highest) => highest,
                None => connection.row(statements::HIGHEST_REPORT, &[], |row| row.get(0))?,
            };
            self.keys.highest = Some(highest + 1);
            return Ok(highest + 1);
        }
        if self.keys.drawn.is_empty() {
            self.keys.drawn =
                connection.all(statements::DRAW_KEYS, values![KEYS_AT_ONCE], |row| row.get(0))?;
            self.keys.drawn.reverse();
        }
        self.keys.drawn.pop().ok_or(StoreError::NoRow)
    }

    /// There may be another device of this name now.
    pub(super) fn forget_device(&mut self, device: &DeviceId) {
        self.of.remove(device);
    }

    /// What was written is undone, or another may have written: all is looked up again.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn in_rows<'a>(wanted: &[(&'a DeviceId, &'a Epoch)]) -> Vec<Vec<Value<'a>>> {
    wanted.iter().map(|(device, epoch)| vec![device.as_str().as_value(), epoch.as_str().as_value()]).collect()
}

/// Where these devices are, as far as they are known, with these epochs as far as they exist.
fn look_up(
    connection: &Connection,
    wanted: &[(&DeviceId, &Epoch)],
) -> Result<Vec<(DeviceId, Place)>, StoreError> {
    let mut found = Vec::new();
    connection.each_of(&statements::PLACES, &in_rows(wanted), |row| {
        let (device, epoch): (DeviceId, Epoch) = (id("device", row.get(0)?)?, id("epoch", row.get(1)?)?);
        let last_contact: Option<i64> = row.get(15)?;
        // One that is being deleted stands nowhere any more.
        let levels = last_contact.map(|_| Levels::from_row(row, 11)).transpose()?.unwrap_or_default();
        let place = Place {
            device: row.get(2)?,
            epoch: epoch_place(row)?.map(|place| (epoch, place)),
            in_memory_epoch: in_memory_epoch(row)?,
            levels,
            was_there: last_contact.is_some_and(|at| at != 0),
        };
        found.push((device, place));
        Ok(())
    })?;
    Ok(found)
}

/// Its columns begin at 3: key, acknowledged, key of the last report, its date, in memory.
fn epoch_place(row: &Row<'_>) -> Result<Option<EpochPlace>, StoreError> {
    let Some(key) = row.get(3)? else { return Ok(None) };
    let last = row.get::<Option<i64>>(5)?.zip(row.get::<Option<i64>>(6)?);
    Ok(Some(EpochPlace {
        key,
        acknowledged: from_integer(row.get(4)?),
        last: last.map(|(key, dated)| LastReport { key, dated }),
        in_memory: row.get(7)?,
    }))
}

/// Its columns begin at 8: key, epoch, acknowledged.
fn in_memory_epoch(row: &Row<'_>) -> Result<Option<InMemoryEpoch>, StoreError> {
    let Some(key) = row.get(8)? else { return Ok(None) };
    let (epoch, acknowledged) = (id("epoch", row.get(9)?)?, from_integer(row.get(10)?));
    Ok(Some(InMemoryEpoch { key, epoch, acknowledged }))
}

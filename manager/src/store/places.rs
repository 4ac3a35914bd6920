//! Where devices are in the lives of their outboxes, as the writer needs it for each batch.
//!
//! SQLite has one writer: what it has written stays true, so a report needs no look-up. In PostgreSQL other managers
//! write too: a group looks up what it needs of all its devices at once and holds their rows until it is committed.

use std::collections::HashMap;

use platen_protocol::identity::{DeviceId, Epoch};

use super::engine::{AsValue as _, Connection, Row, values};
use super::records::id;
use super::states::{Levels, levels};
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
    of: HashMap<DeviceId, Place>,
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
        let rows: Vec<_> = wanted
            .iter()
            .map(|(device, epoch)| vec![device.as_str().as_value(), epoch.as_str().as_value()])
            .collect();
        // First held, then read: what another manager has committed meanwhile is seen by the second.
        connection.each_of(&statements::HOLD_DEVICES, &rows, |_| Ok(()))?;
        let mut found = Vec::new();
        connection.each_of(&statements::PLACES, &rows, |row| {
            let (device, epoch): (DeviceId, Epoch) = (id("device", row.get(0)?)?, id("epoch", row.get(1)?)?);
            let in_memory_epoch = in_memory_epoch(row, 8)?;
            let epoch = epoch_place(row, 3)?.map(|place| (epoch, place));
            let (levels, was_there) = (Levels::from_row(row, 11)?, row.get::<i64>(15)? != 0);
            let device_key = row.get(2)?;
            found.push((device, Place { device: device_key, epoch, in_memory_epoch, levels, was_there }));
            Ok(())
        })?;
        for (device, place) in found {
            // A device whose batches of two epochs are in one group is looked up again for the second.
            self.of.entry(device).or_insert(place);
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
        if let Some(place @ Place { epoch: Some((known, _)), .. }) = self.of.get(device)
            && known == epoch
        {
            return Ok(Some(place.clone()));
        }
        let key = connection.one(statements::DEVICE_KEY, values![device.as_str()], |row| row.get(0))?;
        let Some(key): Option<i64> = key else { return Ok(None) };
        let word = epoch.as_str();
        let parameters = values![key, word];
        let found = connection.one(statements::EPOCH, parameters, |row| epoch_place(row, 0))?.flatten();
        let in_memory_epoch =
            connection.one(statements::EPOCH_IN_MEMORY, parameters, |row| in_memory_epoch(row, 0))?.flatten();
        let (levels, was_there) = levels(connection, key)?.unwrap_or_default();
        let epoch = found.map(|place| (epoch.clone(), place));
        let place = Place { device: key, epoch, in_memory_epoch, levels, was_there };
        self.of.insert(device.clone(), place.clone());
        Ok(Some(place))
    }

    /// Remembers where a device is now.
    pub(super) fn set(&mut self, device: &DeviceId, place: Place) {
        self.of.insert(device.clone(), place);
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

/// Columns: key, acknowledged, key of the last report, its date, in memory.
fn epoch_place(row: &Row<'_>, at: usize) -> Result<Option<EpochPlace>, StoreError> {
    let Some(key) = row.get(at)? else { return Ok(None) };
    let last = row.get::<Option<i64>>(at + 2)?.zip(row.get::<Option<i64>>(at + 3)?);
    Ok(Some(EpochPlace {
        key,
        acknowledged: from_integer(row.get(at + 1)?),
        last: last.map(|(key, dated)| LastReport { key, dated }),
        in_memory: row.get(at + 4)?,
    }))
}

/// Columns: key, epoch, acknowledged.
fn in_memory_epoch(row: &Row<'_>, at: usize) -> Result<Option<InMemoryEpoch>, StoreError> {
    let Some(key) = row.get(at)? else { return Ok(None) };
    let (epoch, acknowledged) = (id("epoch", row.get(at + 1)?)?, from_integer(row.get(at + 2)?));
    Ok(Some(InMemoryEpoch { key, epoch, acknowledged }))
}

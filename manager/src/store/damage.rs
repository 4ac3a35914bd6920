//! What of a device cannot be read: it is left out of what is shown, the device is shown as damaged, and
//! everything else is shown as ever.
//!
//! Such a row is no failure of the engine: a bit that flipped on the disk, or a row that a later manager
//! wrote before an older one was installed again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use platen_protocol::identity::DeviceId;

use super::StoreError;
use super::engine::{Connection, Row, Value};

/// Devices of which a damage is remembered; of more, the log alone knows.
const MAX_DEVICES: usize = 10_000;

/// The first damage that was found of each device, since the manager began.
#[derive(Default)]
pub(super) struct Damage {
    /// Held for a look-up.
    of: Mutex<BTreeMap<String, String>>,
    /// Devices of which the store does not know it yet. Held for a look-up.
    new: Mutex<BTreeSet<String>>,
}

impl Damage {
    fn of(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers it, and tells it once.
    pub(super) fn note(&self, device: &str, found: &str) {
        let mut of = self.of();
        if of.len() < MAX_DEVICES && !of.contains_key(device) {
            tracing::error!(device, found, "some of what is stored about a device is damaged and left out");
            of.insert(device.to_owned(), found.to_owned());
            self.found_lately().insert(device.to_owned());
        }
    }

    /// Devices of which the store does not know it yet; they count as known from now on.
    pub(super) fn take_new(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.found_lately())
    }

    /// The store could not be told of these after all.
    pub(super) fn give_back(&self, mut devices: BTreeSet<String>) {
        self.found_lately().append(&mut devices);
    }

    fn found_lately(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.new.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is damaged of a device, if anything was found.
    pub(super) fn known(&self, device: &DeviceId) -> Option<String> {
        self.of().get(device.as_str()).cloned()
    }

    /// The row, unless it cannot be read; `whose` is the column that names its device.
    pub(super) fn readable<T>(
        &self,
        row: &Row<'_>,
        whose: usize,
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Option<T> {
        match read(row) {
            Ok(found) => Some(found),
            Err(error) => {
                let device: String = row.get(whose).unwrap_or_else(|_| "a device without a name".to_owned());
                self.note(&device, &error.to_string());
                None
            }
        }
    }

    /// The rows of a statement that can be read.
    pub(super) fn collect<T>(
        &self,
        connection: &Connection,
        statement: &str,
        parameters: &[Value<'_>],
        whose: usize,
        read: fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        connection.each(statement, parameters, |row| {
            found.extend(self.readable(row, whose, read));
            Ok(())
        })?;
        Ok(found)
    }
}

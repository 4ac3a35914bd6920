//! Devices: the list, one of them, and the contacts that are flushed in batches.

use std::sync::Arc;

use platen_protocol::identity::DeviceId;

use super::damage::Damage;
use super::engine::{owned, values};
use super::records::{ContactRecord, DeviceRecord};
use super::statements::{self, fleet};
use super::states::work_out;
use super::{Store, StoreError};

impl DeviceRecord {
    /// With what was found to be damaged of it in other places.
    pub(super) fn know(&mut self, damage: &Damage) {
        match &self.damaged {
            Some(found) => damage.note(self.id.as_str(), found),
            None => self.damaged = damage.known(&self.id),
        }
    }
}

impl Store {
    /// Devices by name, those after `after`, for the manager itself.
    pub async fn devices(
        &self,
        after: Option<DeviceId>,
        limit: u32,
    ) -> Result<Vec<DeviceRecord>, StoreError> {
        let damage = Arc::clone(&self.damage);
        self.readers
            .clone()
            .read(move |connection| {
                let after = after.as_ref().map_or("", DeviceId::as_str);
                let parameters = values![after, limit];
                let mut devices =
                    damage.collect(connection, statements::DEVICES, parameters, 0, DeviceRecord::from_row)?;
                for device in &mut devices {
                    device.know(&damage);
                }
                Ok(devices)
            })
            .await
    }

    /// One device, if it is known, for the manager itself.
    pub async fn device(&self, id: DeviceId) -> Result<Option<DeviceRecord>, StoreError> {
        let damage = Arc::clone(&self.damage);
        self.readers
            .clone()
            .read(move |connection| {
                let found = connection.one(statements::DEVICE, values![id.as_str()], |row| {
                    Ok(damage.readable(row, 0, DeviceRecord::from_row))
                })?;
                Ok(found.flatten().map(|mut device| {
                    device.know(&damage);
                    device
                }))
            })
            .await
    }

    /// Keeps the contacts of many devices at once.
    pub async fn keep_contacts(&self, contacts: Vec<ContactRecord>) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                let row = |contact: &ContactRecord| {
                    let at = contact.last_contact.as_millisecond();
                    owned(values![contact.device.as_str(), at, contact.remote])
                };
                let rows: Vec<_> = contacts.iter().map(row).collect();
                context.connection.execute_all(&fleet::SET_CONTACTS, &rows)?;
                work_out(context.connection)
            })
            .await
    }
}

//! Devices: the list, one of them, and the contacts that are flushed in batches.

use platen_protocol::identity::DeviceId;
use rusqlite::params;

use super::lists::collect;
use super::records::{ContactRecord, DeviceRecord};
use super::{Store, StoreError, statements};

impl Store {
    /// Devices by name, those after `after`.
    pub async fn devices(
        &self,
        after: Option<DeviceId>,
        limit: u32,
    ) -> Result<Vec<DeviceRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let after = after.as_ref().map_or("", DeviceId::as_str);
                collect(connection, statements::DEVICES, params![after, limit], DeviceRecord::from_row)
            })
            .await
    }

    /// One device, if it is known.
    pub async fn device(&self, id: DeviceId) -> Result<Option<DeviceRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let mut statement = connection.prepare_cached(statements::DEVICE)?;
                let mut rows = statement.query(params![id.as_str()])?;
                rows.next()?.map(DeviceRecord::from_row).transpose()
            })
            .await
    }

    /// Keeps the contacts of many devices at once.
    pub async fn keep_contacts(&self, contacts: Vec<ContactRecord>) -> Result<(), StoreError> {
        self.writer
            .write(move |desk| {
                let mut statement = desk.connection.prepare_cached(statements::SET_CONTACT)?;
                for contact in &contacts {
                    statement.execute(params![
                        contact.device.as_str(),
                        contact.last_contact.as_millisecond(),
                        contact.remote
                    ])?;
                }
                Ok(())
            })
            .await
    }
}

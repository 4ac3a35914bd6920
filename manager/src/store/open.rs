//! What is open of all that people at a device asked for, as every reply tells it. It is remembered, so that a device
//! that waits costs the database nothing; what changed of a device is looked up once, at its next reply.

use std::collections::BTreeMap;

use platen_protocol::device_to_manager::{ReportBatch, ReportBody};
use platen_protocol::identity::DeviceId;
use platen_protocol::limits::MAX_OPEN_PER_REPLY;
use platen_protocol::manager_to_device::OpenRequests;

use super::engine::{Connection, values};
use super::known::Known;
use super::{Store, StoreError, statements};

/// What is open of each device.
pub(super) struct Open(Known<OpenRequests>);

impl Open {
    /// By what the store holds.
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        Ok(Self(Known::new(all(connection)?)))
    }

    /// What the store holds now, whatever was known.
    pub(super) fn reload(&self, connection: &Connection) -> Result<(), StoreError> {
        let changes = self.0.changes();
        self.0.learn_all(changes, all(connection)?);
        Ok(())
    }

    /// Something of this device was committed.
    pub(super) fn changed(&self, device: &DeviceId) {
        self.0.changed(device);
    }
}

fn all(connection: &Connection) -> Result<BTreeMap<DeviceId, OpenRequests>, StoreError> {
    let mut devices: BTreeMap<DeviceId, OpenRequests> = BTreeMap::new();
    for (device, name) in pairs(connection, statements::OPEN_CALL_NAMES)? {
        add(&mut devices.entry(device).or_default().service_calls, &name);
    }
    for (device, name) in pairs(connection, statements::OPEN_ORDER_NAMES)? {
        add(&mut devices.entry(device).or_default().orders, &name);
    }
    Ok(devices)
}

/// Whether something in a batch can change what is open.
pub(super) fn asks(batch: &ReportBatch) -> bool {
    // A cartridge that is changed ends the order of it.
    let may = |body: &ReportBody| {
        matches!(body, ReportBody::ServiceCall(_) | ReportBody::Order(_) | ReportBody::Replacement(_))
    };
    batch.reports.iter().any(|report| may(&report.body))
}

/// A name that cannot be read is named to nobody.
fn add<T: std::str::FromStr>(names: &mut Vec<T>, name: &str) {
    if names.len() < MAX_OPEN_PER_REPLY {
        names.extend(name.parse::<T>().ok());
    }
}

fn pairs(connection: &Connection, statement: &str) -> Result<Vec<(DeviceId, String)>, StoreError> {
    let mut found = Vec::new();
    connection.each(statement, &[], |row| {
        let (device, name): (String, String) = (row.get(0)?, row.get(1)?);
        found.extend(device.parse().ok().map(|device| (device, name)));
        Ok(())
    })?;
    Ok(found)
}

fn look_up(connection: &Connection, device: &DeviceId) -> Result<OpenRequests, StoreError> {
    let mut open = OpenRequests::default();
    let most = u32::try_from(MAX_OPEN_PER_REPLY).unwrap_or(u32::MAX);
    let names = |statement: &str| -> Result<Vec<String>, StoreError> {
        connection.all(statement, values![device.as_str(), most], |row| row.get(0))
    };
    names(statements::OPEN_CALL_NAMES_OF)?.iter().for_each(|name| add(&mut open.service_calls, name));
    names(statements::OPEN_ORDER_NAMES_OF)?.iter().for_each(|name| add(&mut open.orders, name));
    Ok(open)
}

impl Store {
    /// What is open of all that people at a device asked for.
    ///
    /// # Errors
    ///
    /// When it cannot be read. The device must not be told that nothing is open then: it would ask once more.
    pub async fn open_requests(&self, device: &DeviceId) -> Result<OpenRequests, StoreError> {
        let change = match self.open.0.get(device) {
            Ok(open) => return Ok(open),
            Err(change) => change,
        };
        let asked = device.clone();
        let open = self.readers.clone().read(move |connection| look_up(connection, &asked)).await?;
        self.open.0.learn(device, change, &open);
        Ok(open)
    }
}

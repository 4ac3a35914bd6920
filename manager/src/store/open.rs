//! What is open of all that people at a device asked for, as every reply tells it. It is remembered, so that a device
//! that waits costs the database nothing; what changed of a device is looked up once, at its next reply.

use std::collections::BTreeMap;

use platen_protocol::device_to_manager::{ReportBatch, ReportBody};
use platen_protocol::identity::{DeviceId, ServiceCallId};
use platen_protocol::limits::MAX_OPEN_PER_REPLY;
use platen_protocol::manager_to_device::{CallStanding, CallState, OpenRequests};

use super::engine::{Connection, Row, values};
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
    connection.each(statements::OPEN_CALL_NAMES, &[], |row| {
        let (device, call) = (row.get::<String>(0)?, OpenCall::from_row(row, 1)?);
        if let Ok(device) = device.parse() {
            call.add_to(devices.entry(device).or_default());
        }
        Ok(())
    })?;
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

/// A call that is open, as its device is told of it.
struct OpenCall {
    name: String,
    state: String,
    technician: Option<String>,
}

impl OpenCall {
    fn from_row(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
        Ok(Self { name: row.get(at)?, state: row.get(at + 1)?, technician: row.get(at + 2)? })
    }

    /// Of one with which nobody has done anything there is nothing to say but that it is open.
    fn add_to(self, open: &mut OpenRequests) {
        let Ok(service_call) = self.name.parse::<ServiceCallId>() else { return };
        if open.service_calls.len() >= MAX_OPEN_PER_REPLY {
            return;
        }
        open.service_calls.push(service_call.clone());
        let state = match self.state.as_str() {
            "seen" => CallState::Seen,
            "dispatched" => CallState::Dispatched,
            "on_the_way" => CallState::OnTheWay,
            "at_device" => CallState::AtDevice,
            _ => return,
        };
        open.standings.push(CallStanding { service_call, state, technician: self.technician });
    }
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
    connection.each(statements::OPEN_CALL_NAMES_OF, values![device.as_str(), most], |row| {
        OpenCall::from_row(row, 0)?.add_to(&mut open);
        Ok(())
    })?;
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

//! Whether something is within what somebody may see, where it is not a condition of a list.

use std::collections::BTreeSet;

use platen_protocol::identity::DeviceId;

use super::conditions::Conditions;
use super::engine::{AsValue as _, Connection};
use super::records::id;
use super::{Scope, Store, StoreError};

/// Devices that are looked up at once.
const NAMED_AT_ONCE: usize = 500;

/// Whether a row of a table belongs to a device within a scope. Where the scope has everything, it need not even be there.
pub(super) fn sees_row(
    connection: &Connection,
    scope: &Scope,
    table: &'static str,
    key: i64,
) -> Result<bool, StoreError> {
    if *scope == Scope::All {
        return Ok(true);
    }
    let mut conditions = Conditions::new(&[key.as_value()]);
    conditions.and("t.key = ?1");
    conditions.and_within(scope, "d");
    let text =
        format!("SELECT 1 FROM {table} t JOIN devices d ON d.key = t.device WHERE {}", conditions.text());
    connection.exists(&text, conditions.values())
}

/// Whether a device is within a scope.
pub(super) fn sees_device(
    connection: &Connection,
    scope: &Scope,
    device: &DeviceId,
) -> Result<bool, StoreError> {
    let mut conditions = Conditions::new(&[device.as_str().as_value()]);
    conditions.and("d.id = ?1");
    conditions.and_within(scope, "d");
    connection.exists(&format!("SELECT 1 FROM devices d WHERE {}", conditions.text()), conditions.values())
}

impl Store {
    /// Those of some devices that are within a scope.
    pub async fn within(
        &self,
        scope: &Scope,
        devices: BTreeSet<DeviceId>,
    ) -> Result<BTreeSet<DeviceId>, StoreError> {
        if *scope == Scope::All || devices.is_empty() {
            return Ok(devices);
        }
        let (scope, devices): (_, Vec<DeviceId>) = (scope.clone(), devices.into_iter().collect());
        self.readers
            .clone()
            .read(move |connection| {
                let mut within = BTreeSet::new();
                for some in devices.chunks(NAMED_AT_ONCE) {
                    let mut conditions = Conditions::new(&[]);
                    conditions.and_in("d.id", some.iter().map(|device| device.as_str().as_value()));
                    conditions.and_within(&scope, "d");
                    let text = format!("SELECT d.id FROM devices d WHERE {}", conditions.text());
                    let found =
                        connection.all(&text, conditions.values(), |row| id("device", row.get(0)?))?;
                    within.extend(found);
                }
                Ok(within)
            })
            .await
    }
}

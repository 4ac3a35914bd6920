//! What the pieces of a group write for many devices alike: with PostgreSQL it is kept until the end of the group and
//! written at once, for each statement is a way to the server and back. SQLite writes it where it arises.

use std::collections::HashSet;

use platen_protocol::identity::DeviceId;

use super::StoreError;
use super::engine::{Bulk, Connection, Value, owned};

/// The rows that wait, by their statements, in the order in which these were first used.
#[derive(Default)]
pub(super) struct Later {
    waiting: Vec<(&'static Bulk, Vec<Vec<Value<'static>>>)>,
    /// Whose they are: of these devices nothing is read before it is written.
    of: HashSet<DeviceId>,
}

impl Later {
    /// Writes a row, or keeps it for the end.
    pub(super) fn write(
        &mut self,
        connection: &Connection,
        bulk: &'static Bulk,
        row: &[Value<'_>],
    ) -> Result<(), StoreError> {
        if let Connection::Sqlite(_) = connection {
            return connection.execute(bulk.each, row).map(drop);
        }
        let row = owned(row);
        match self.waiting.iter_mut().find(|(known, _)| std::ptr::eq(*known, bulk)) {
            Some((_, rows)) => rows.push(row),
            None => self.waiting.push((bulk, vec![row])),
        }
        Ok(())
    }

    /// Before a piece of work reads and writes: of one device, or of anything.
    pub(super) fn before(
        &mut self,
        connection: &Connection,
        device: Option<&DeviceId>,
    ) -> Result<(), StoreError> {
        let Some(device) = device else { return self.flush(connection) };
        if self.of.contains(device) {
            self.flush(connection)?;
        }
        if let Connection::Postgres(_) = connection {
            self.of.insert(device.clone());
        }
        Ok(())
    }

    /// Writes what waits. Whether that went well is heard with whatever is asked next.
    pub(super) fn flush(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.of.clear();
        for (bulk, rows) in self.waiting.drain(..) {
            connection.send_all(bulk, rows)?;
        }
        Ok(())
    }
}

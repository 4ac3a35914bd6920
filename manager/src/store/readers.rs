//! Connections that only read: a look-up does not wait for a commit.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{Grouping, StoreError};

/// As many look-ups at once as small machines have cores.
const READERS: usize = 2;

pub(super) struct Readers {
    /// Held for a push or a pop, never across an await.
    idle: Mutex<Vec<Connection>>,
    free: Arc<Semaphore>,
    /// Whether look-ups are made on the asker's thread, which a simulation wants.
    inline: bool,
}

/// Gives the connection back, also when the look-up panics.
struct Lent<'a> {
    connection: Option<Connection>,
    idle: &'a Mutex<Vec<Connection>>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

impl Readers {
    pub(super) fn open(
        connect: impl Fn() -> Result<Connection, StoreError>,
        grouping: Grouping,
    ) -> Result<Self, StoreError> {
        let mut idle = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let connection = connect()?;
            connection.pragma_update(None, "query_only", true)?;
            idle.push(connection);
        }
        let inline = matches!(grouping, Grouping::Simulated { .. });
        Ok(Self { idle: Mutex::new(idle), free: Arc::new(Semaphore::new(READERS)), inline })
    }

    /// Runs the look-up on a thread that may block, with everything it sees from one moment.
    pub(super) async fn read<F, T>(self: Arc<Self>, look_up: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let Ok(permit) = Arc::clone(&self.free).acquire_owned().await else {
            return Err(StoreError::Closed);
        };
        if self.inline {
            return self.look(look_up);
        }
        let looking = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            self.look(look_up)
        });
        looking.await.unwrap_or(Err(StoreError::Closed))
    }

    fn look<T>(&self, look_up: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let lent = Lent { connection, idle: &self.idle };
        let connection = lent.connection.as_ref().ok_or(StoreError::Closed)?;
        let snapshot = connection.unchecked_transaction()?;
        let found = look_up(&snapshot)?;
        snapshot.commit()?;
        Ok(found)
    }
}

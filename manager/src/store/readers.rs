//! Connections that only read: a look-up does not wait for a commit.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::engine::{Connection, Location, Purpose};
use super::{Grouping, LogLimits, StoreError};

/// As many look-ups at once as small machines have cores.
const READERS_OF_SQLITE: usize = 2;
/// PostgreSQL's own processors look up, and the way to it takes time.
const READERS_OF_POSTGRES: usize = 6;

pub(super) struct Readers {
    location: Location,
    limits: LogLimits,
    /// Those that are open and not lent. Held for a push or a pop, never across an await.
    idle: Mutex<Vec<Connection>>,
    free: Arc<Semaphore>,
    /// Whether look-ups are made on the asker's thread, which a simulation wants.
    inline: bool,
}

/// Gives the connection back, also when the look-up panics; one that was cut is dropped, and the next is made anew.
struct Lent<'a> {
    connection: Option<Connection>,
    idle: &'a Mutex<Vec<Connection>>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take_if(|connection| connection.is_open()) {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

impl Readers {
    pub(super) fn open(
        location: Location,
        limits: LogLimits,
        grouping: Grouping,
    ) -> Result<Self, StoreError> {
        let (readers, at_once) = match location {
            Location::Sqlite(_) => (READERS_OF_SQLITE, READERS_OF_SQLITE),
            Location::Postgres(_) => (READERS_OF_POSTGRES, 0),
        };
        let open = || Connection::open(&location, limits, Purpose::Read);
        let idle = (0..at_once).map(|_| open()).collect::<Result<_, _>>()?;
        let inline = matches!(grouping, Grouping::Simulated { .. });
        Ok(Self { location, limits, idle: Mutex::new(idle), free: Arc::new(Semaphore::new(readers)), inline })
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
        let open = || -> Result<Connection, StoreError> {
            let connection = Connection::open(&self.location, self.limits, Purpose::Read)?;
            connection.begin_snapshot()?;
            Ok(connection)
        };
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // One of PostgreSQL may have been cut while it was idle, which is found out only now.
        let idle = idle.filter(|idle| idle.begin_snapshot().is_ok());
        let connection = idle.map_or_else(open, Ok)?;
        let lent = Lent { connection: Some(connection), idle: &self.idle };
        let connection = lent.connection.as_ref().ok_or(StoreError::Closed)?;
        let found = look_up(connection);
        connection.finish(found)
    }
}

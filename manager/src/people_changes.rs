//! That something was changed of operators, their sessions or tokens: who holds a stream open looks whether its operator is
//! still let in. Changes by other programs on the same database (another manager, the command line) are counted in it.

use tokio::sync::watch;

use crate::store::{Store, StoreError};

/// The kind of a hint to other managers; it is no event.
pub const PEOPLE: &str = "people";

/// Tells streams to look.
pub struct PeopleChanges(watch::Sender<i64>);

impl Default for PeopleChanges {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl PeopleChanges {
    /// Hears of changes from now on.
    pub fn listen(&self) -> watch::Receiver<i64> {
        self.0.subscribe()
    }

    /// Reads how often something was changed.
    pub async fn look(&self, store: &Store) -> Result<(), StoreError> {
        if self.0.is_closed() {
            // Nobody holds a stream open; who begins to reads the truth first.
            return Ok(());
        }
        let count = store.people_changes().await?;
        self.0.send_if_modified(|known| std::mem::replace(known, count) != count);
        Ok(())
    }
}

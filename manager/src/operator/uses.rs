//! When sessions and tokens were used last. It is written down from time to time and not with each request: so a page that
//! is open costs no write. What was not written when a manager is cut off makes a session look a minute older.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Operators;
use super::who::Credential;
use crate::store::{Store, StoreError};

/// How often uses are written down.
const WRITE_EVERY: Duration = Duration::from_secs(60);
/// Credentials whose uses wait to be written; of more, the newest are not noted until the next time.
const MAX_WAITING: usize = 10_000;

#[derive(Default)]
struct Waiting {
    sessions: BTreeMap<String, Timestamp>,
    tokens: BTreeMap<String, Timestamp>,
}

/// Uses that are not written yet.
#[derive(Default)]
pub(super) struct Uses {
    /// Held for a look-up, never across an await.
    waiting: Mutex<Waiting>,
}

impl Uses {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It was used now.
    pub(super) fn note(&self, credential: &Credential, now: Timestamp) {
        let mut waiting = self.waiting();
        let (uses, hash) = match credential {
            Credential::Session(hash) => (&mut waiting.sessions, hash),
            Credential::Token(hash) => (&mut waiting.tokens, hash),
        };
        if uses.len() < MAX_WAITING || uses.contains_key(hash) {
            uses.insert(hash.clone(), now);
        }
    }

    /// Writes what waits.
    async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let Waiting { sessions, tokens } = std::mem::take(&mut *self.waiting());
        if sessions.is_empty() && tokens.is_empty() {
            return Ok(());
        }
        store.note_uses(sessions, tokens).await
    }
}

/// Writes down from time to time what was used, until the manager stops, and once more then.
pub(super) async fn write_down(operators: &Operators, stop: &CancellationToken) {
    loop {
        let stopped = tokio::time::timeout(WRITE_EVERY, stop.cancelled()).await.is_ok();
        if let Err(error) = operators.uses.write(&operators.store).await {
            tracing::debug!(%error, "when sessions and tokens were used could not be written");
        }
        if stopped {
            return;
        }
    }
}

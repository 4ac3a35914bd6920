//! What is done behind the answers: memory is brought up to what the store says, the timestamp is renewed before it ends,
//! and what nobody needs any more is removed.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use platen_trust::Role;
use platen_trust::sign::SignError;

use super::Programs;
use super::files::{FileError, on_a_thread};
use super::online::{OnlineKey, RENEW_BEFORE, RENEW_SNAPSHOT_BEFORE, SNAPSHOT_LIFE, TIMESTAMP_LIFE};
use super::shelf::{Shelf, Signed};
use crate::store::{MetadataFile, StoreError};

/// When so little is left of the timestamp and it cannot be renewed, somebody has to hear it.
const WARN_BEFORE: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Why something behind the answers was not done. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The manager's key cannot be used.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The timestamp ends, and this manager has no key to renew it.
    #[error(
        "the timestamp of the programs ends on {until} and is not renewed: no manager has the key programs/online.key; bring it back from the backup, or sign a root with another one"
    )]
    NoKey {
        /// When.
        until: Timestamp,
    },
}

impl Programs {
    /// Looks whether something was published, revoked or renewed, and takes it up; says whether there was.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn follow(&self) -> Result<bool, StoreError> {
        let before = self.shelf();
        if self.store.program_changes().await? == before.changes {
            return Ok(false);
        }
        let (changes, metadata, programs) = self.store.given_programs().await?;
        self.put_on_shelf(before.next(changes, metadata, programs));
        Ok(true)
    }

    /// Renews the timestamp, and with it a snapshot that is old; says whether it did.
    ///
    /// # Errors
    /// When the key or the store fails, or there is no key and little time.
    pub async fn renew(&self, state_directory: &Path, now: Timestamp) -> Result<bool, FollowError> {
        let stock = self.shelf();
        let Some((_, timestamp)) = stock.newest(Role::Timestamp) else { return Ok(false) };
        let until = timestamp.expires;
        if until.duration_since(now) > RENEW_BEFORE {
            return Ok(false);
        }
        let Some(key) = OnlineKey::load(state_directory)? else {
            let is_soon = until.duration_since(now) <= WARN_BEFORE;
            return if is_soon { Err(FollowError::NoKey { until }) } else { Ok(false) };
        };
        let Some(files) = renewed(&stock, &key, now)? else { return Ok(false) };
        let is_new = self.store.renew_metadata(files, now).await?;
        self.follow().await?;
        Ok(is_new)
    }

    /// Removes what nobody needs any more: files, and on a shared database pieces.
    ///
    /// # Errors
    /// When a file or the store fails.
    pub async fn clean(&self, now: Timestamp) -> Result<(), FollowError> {
        let stock = self.shelf();
        let wanted: BTreeSet<String> = stock.programs().map(|given| given.record.sha256.clone()).collect();
        let files = self.files.clone();
        on_a_thread(move || files.clean(now.into(), |name| wanted.contains(name))).await?;
        if self.store.is_shared() {
            self.store.forget_pieces(now).await?;
        }
        Ok(())
    }
}

fn number(version: u64) -> u32 {
    u32::try_from(version).unwrap_or(u32::MAX)
}

/// The next timestamp, first, and a snapshot where that is old; none where there is nothing to sign.
fn renewed(stock: &Shelf, key: &OnlineKey, now: Timestamp) -> Result<Option<Vec<MetadataFile>>, SignError> {
    let (Some((timestamp, _)), Some((version, snapshot)), Some((_, targets))) =
        (stock.newest(Role::Timestamp), stock.newest(Role::Snapshot), stock.newest(Role::Targets))
    else {
        return Ok(None);
    };
    let Signed { body, expires } = snapshot;
    let mut files = Vec::new();
    let mut named = body.as_bytes().to_vec();
    if expires.duration_since(now) <= RENEW_SNAPSHOT_BEFORE {
        named = key.snapshot(Some(number(version)), targets.body.as_bytes(), now)?;
        files.push(file(Role::Snapshot, version + 1, &named, now + SNAPSHOT_LIFE));
    }
    let signed = key.timestamp(Some(number(timestamp)), &named, now)?;
    files.insert(0, file(Role::Timestamp, timestamp + 1, &signed, now + TIMESTAMP_LIFE));
    Ok(Some(files))
}

/// A file of a role, for the store.
pub(super) fn file(role: Role, version: u64, bytes: &[u8], expires: Timestamp) -> MetadataFile {
    let body = String::from_utf8_lossy(bytes).into_owned();
    MetadataFile { role: role.name().to_owned(), version, body, expires }
}

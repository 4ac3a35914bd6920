//! The key with which this manager signs snapshot and timestamp: in a file of its own, for its owner alone. Whoever has it
//! can say which of the maker's targets are the newest, and no more.
//!
//! Several managers on one database have the same key: its file is copied from the first to the others, as the CA's are.

use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use platen_trust::PrivateKey;
use platen_trust::sign::{Protection, SignError, SigningKey, key_file, online};

use super::files::ProgramFiles;

/// The file, in the folder of programs.
pub const ONLINE_KEY: &str = "online.key";
/// So long a timestamp is good: how long whoever holds the manager's connections can keep devices from hearing that there
/// is something newer.
pub const TIMESTAMP_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A timestamp is renewed when no more than this is left of it: a manager may be away for days.
pub const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(6 * 24);
/// So long a snapshot is good. It is made anew with each publication, and with the timestamp when it is old.
pub const SNAPSHOT_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// When no more than this is left of it.
pub const RENEW_SNAPSHOT_BEFORE: SignedDuration = SignedDuration::from_hours(60 * 24);

/// The manager's key.
pub struct OnlineKey(SigningKey);

impl OnlineKey {
    /// Where its file is.
    pub fn path(state_directory: &Path) -> PathBuf {
        ProgramFiles::in_state(state_directory).folder().join(ONLINE_KEY)
    }

    /// The key, if there is one.
    pub fn load(state_directory: &Path) -> Result<Option<Self>, SignError> {
        match key_file::read_private(&Self::path(state_directory), None) {
            Err(SignError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(|key| Some(Self(key))),
        }
    }

    /// The key, which is made where there is none.
    pub fn load_or_make(state_directory: &Path) -> Result<Self, SignError> {
        if let Some(key) = Self::load(state_directory)? {
            return Ok(key);
        }
        let key = SigningKey::generate()?;
        match key_file::write_private(&Self::path(state_directory), &key, Protection::FileMode) {
            Ok(()) => Ok(Self(key)),
            // Somebody else has made one at the same time.
            Err(SignError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                Self::load(state_directory)?
                    .ok_or(SignError::Io { path: Self::path(state_directory), source })
            }
            Err(error) => Err(error),
        }
    }

    /// Its public half, as a file.
    pub fn public_pem(&self) -> Result<String, SignError> {
        platen_trust::sign::key::public_to_pem(self.0.public())
    }

    /// The snapshot that names these targets.
    pub fn snapshot(
        &self,
        previous: Option<u32>,
        targets: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, SignError> {
        online::snapshot(previous, targets, now + SNAPSHOT_LIFE, &[&self.0])
    }

    /// The timestamp that names this snapshot.
    pub fn timestamp(
        &self,
        previous: Option<u32>,
        snapshot: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, SignError> {
        online::timestamp(previous, snapshot, now + TIMESTAMP_LIFE, &[&self.0])
    }
}

//! What is remembered of backups.

use jiff::Timestamp;

use super::engine::values;
use super::records::time;
use super::statements::restored as statements;
use super::{Store, StoreError, to_integer};

/// Backups that are remembered.
const BACKUPS_KEPT: i64 = 50;

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupRecord {
    /// The moment that it holds.
    pub made: Timestamp,
    /// The file.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

impl Store {
    /// A backup was made.
    pub async fn backup_made(&self, backup: BackupRecord) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                let (made, bytes) = (backup.made.as_millisecond(), to_integer(backup.bytes));
                context.connection.execute(statements::ADD_BACKUP, values![made, backup.path, bytes])?;
                context.connection.execute(statements::FORGET_BACKUPS, values![BACKUPS_KEPT])?;
                Ok(())
            })
            .await
    }

    /// The last backup that was made, and since when there has been this store.
    pub async fn last_backup(&self) -> Result<(Option<BackupRecord>, Timestamp), StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let last = connection.one(statements::LAST_BACKUP, values![], |row| {
                    let bytes: i64 = row.get(2)?;
                    Ok(BackupRecord {
                        made: time(row, 0)?,
                        path: row.get(1)?,
                        bytes: u64::try_from(bytes).unwrap_or(0),
                    })
                })?;
                let since = connection.row(statements::FIRST_RUN, values![], |row| time(row, 0))?;
                Ok((last, since))
            })
            .await
    }
}

//! A program whose bytes only another manager on the same database has in a file: the file is made of the pieces in the
//! database, when a device first asks for it here.

use std::time::Duration;

use tokio::sync::Mutex;

use super::Programs;
use super::files::{FileError, on_a_thread};
use crate::store::{PIECE_BYTES, ProgramRecord, StoreError};

/// How long a device waits for that. If it takes longer, it comes again, and goes on from what is there then.
const FETCH_LIMIT: Duration = Duration::from_secs(20);

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is not here, and nowhere else.
    #[error("the bytes of {name} {version} are lost: publish it again with its file")]
    Lost {
        /// Which program.
        name: String,
        /// Of which version.
        version: String,
    },
    /// It takes long.
    #[error("the bytes are being fetched from the database")]
    Slow,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Held while a file is made: the others who want one wait.
#[derive(Default)]
pub(super) struct Fetching(Mutex<()>);

impl Programs {
    /// Makes sure that the file of a program is there.
    ///
    /// # Errors
    /// When it is not, and cannot be made.
    pub async fn have_file(&self, program: &ProgramRecord) -> Result<(), FetchError> {
        if self.files.has(&program.sha256) {
            return Ok(());
        }
        if !self.store.is_shared() {
            return Err(lost(program));
        }
        tokio::time::timeout(FETCH_LIMIT, self.fetch(program)).await.unwrap_or(Err(FetchError::Slow))
    }

    async fn fetch(&self, program: &ProgramRecord) -> Result<(), FetchError> {
        let _alone = self.fetching.0.lock().await;
        let sha256 = &program.sha256;
        if self.files.has(sha256) {
            return Ok(());
        }
        let mut part = self.files.begin()?;
        let pieces = program.size.div_ceil(PIECE_BYTES as u64);
        for place in 0..u32::try_from(pieces).unwrap_or(u32::MAX) {
            let Some(piece) = self.store.piece(sha256.clone(), place).await? else {
                return Err(lost(program));
            };
            part = on_a_thread(move || part.write(&piece).map(|()| part)).await?;
        }
        let wanted = sha256.clone();
        on_a_thread(move || part.finish(Some(&wanted))).await?;
        tracing::info!(name = %program.name, version = %program.version, "fetched a program from the database");
        Ok(())
    }

    /// Puts the bytes of programs into the database of which it has none or not all, and this manager has a file: after a
    /// database was moved here, or somebody published without it.
    ///
    /// # Errors
    /// When the store or a file fails.
    pub async fn share(&self) -> Result<(), FetchError> {
        if !self.store.is_shared() {
            return Ok(());
        }
        let stock = self.shelf();
        for given in stock.programs().filter(|given| self.files.has(&given.record.sha256)) {
            if self.store.pieces_of(given.record.sha256.clone()).await? < given.record.size {
                self.keep_pieces(&given.record.sha256).await?;
            }
        }
        Ok(())
    }

    /// Puts the bytes of a file into the database.
    pub(super) async fn keep_pieces(&self, sha256: &str) -> Result<(), FetchError> {
        let path = self.files.path(sha256);
        let failed = |source| FileError::Io { path: path.clone(), source };
        let mut file = tokio::fs::File::open(&path).await.map_err(failed)?;
        for place in 0.. {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let mut limited = tokio::io::AsyncReadExt::take(&mut file, PIECE_BYTES as u64);
            let count =
                tokio::io::AsyncReadExt::read_to_end(&mut limited, &mut piece).await.map_err(failed)?;
            if count == 0 {
                break;
            }
            self.store.keep_piece(sha256.to_owned(), place, piece, crate::clock::now()).await?;
        }
        Ok(())
    }
}

fn lost(program: &ProgramRecord) -> FetchError {
    FetchError::Lost { name: program.name.to_string(), version: program.version.to_string() }
}

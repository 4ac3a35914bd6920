//! The bytes of programs in a database that several managers share: in pieces, each a transaction of its own, so that no
//! report waits for a large program.

use jiff::{SignedDuration, Timestamp};

use super::super::engine::values;
use super::super::statements::programs as statements;
use super::super::{Store, StoreError, from_integer};

/// The size of a piece, but for the last.
pub const PIECE_BYTES: usize = 1 << 20;
/// So long what somebody begins to publish is kept without being published.
const UNPUBLISHED_FOR: SignedDuration = SignedDuration::from_hours(24);

impl Store {
    /// How many bytes of a program are there, in pieces.
    pub async fn pieces_of(&self, sha256: String) -> Result<u64, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                connection.row(statements::PIECES, values![sha256], |row| row.get::<i64>(1).map(from_integer))
            })
            .await
    }

    /// Keeps a piece.
    pub async fn keep_piece(
        &self,
        sha256: String,
        place: u32,
        bytes: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                let at = now.as_millisecond();
                let row = values![sha256, place, bytes, at];
                context.connection.execute(statements::KEEP_PIECE, row).map(drop)
            })
            .await
    }

    /// A piece, if it is there.
    pub async fn piece(&self, sha256: String, place: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                connection.one(statements::PIECE, values![sha256, place], |row| row.get(0))
            })
            .await
    }

    /// Forgets pieces of programs that nobody is given any more.
    pub async fn forget_pieces(&self, now: Timestamp) -> Result<u64, StoreError> {
        let before = (now - UNPUBLISHED_FOR).as_millisecond();
        self.writer
            .write(move |context| context.connection.execute(statements::FORGET_PIECES, values![before]))
            .await
    }

    /// Whether a program of these bytes is given to devices.
    pub async fn is_given(&self, sha256: String) -> Result<bool, StoreError> {
        self.readers
            .clone()
            .read(move |connection| connection.exists(statements::SHA256_WANTED, values![sha256]))
            .await
    }
}

//! Prints, as they are written down and listed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::engine::{Row, values};
use super::super::records::{time, time_if_any, word};
use super::super::statements::prints as statements;
use super::super::{Store, StoreError};

/// Prints that wait at once, of all printers.
const MAX_WAITING: i64 = 500;
/// Prints that are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: u32 = 20;

/// How far a print has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrintState {
    /// The printer does not have it yet.
    Waiting,
    /// The printer has it.
    Sent,
    /// It is on paper.
    Printed,
    /// It never will be, unless somebody prints it again.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl PrintState {
    /// The word on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Printed => "printed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether something may still come of it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Sent)
    }
}

/// A print, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPrint {
    /// Random, by which it is found again at the printer.
    pub id: String,
    /// Which printer.
    pub printer: String,
    /// What it is.
    pub title: String,
    /// The PDF.
    pub file: Vec<u8>,
}

/// A print.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PrintRecord {
    /// Number of the print, used in its address.
    #[serde(rename = "id")]
    pub key: i64,
    /// The printer's name, as `manager.toml` has it.
    pub printer: String,
    /// What is printed.
    pub title: String,
    /// How far it has come.
    pub state: PrintState,
    /// When it was asked for.
    pub made: Timestamp,
    /// Who asked for it.
    pub made_by: String,
    /// How often it was begun to be sent.
    pub tries: u32,
    /// Number of the job at the printer; `null` while the printer does not have it.
    pub job: Option<i32>,
    /// How it stands, in plain words, such as `it is out of paper`; `null` where there is nothing to say.
    pub words: Option<String>,
    /// When nothing more came of it; `null` while something may.
    pub ended: Option<Timestamp>,
}

/// Why nothing was done with a print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrintRefusal {
    /// There is none.
    #[error("there is no print of that number here")]
    Missing,
    /// Too many wait.
    #[error(
        "{MAX_WAITING} documents wait for printers already: look at the page Prints why they are not printed, and cancel what is not needed"
    )]
    TooMany,
    /// It cannot be cancelled any more.
    #[error(
        "the printer has it already, or it is over: a job that is being printed is cancelled at the printer"
    )]
    TooLate,
}

pub(super) fn record(row: &Row<'_>) -> Result<PrintRecord, StoreError> {
    Ok(PrintRecord {
        key: row.get(0)?,
        printer: row.get(1)?,
        title: row.get(2)?,
        state: word("state of a print", row.get(3)?)?,
        made: time(row, 4)?,
        made_by: row.get(5)?,
        tries: row.get(6)?,
        job: row.get::<Option<i64>>(7)?.and_then(|job| i32::try_from(job).ok()),
        words: row.get(8)?,
        ended: time_if_any(row, 9)?,
    })
}

impl Store {
    /// Prints, the newest first, those below `before`: all, or those that one operator asked for.
    pub async fn prints(
        &self,
        only_by: Option<String>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<PrintRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let before = before.unwrap_or(i64::MAX);
                match &only_by {
                    None => connection.all(statements::PRINTS, values![before, limit], record),
                    Some(by) => connection.all(statements::PRINTS_OF, values![before, limit, by], record),
                }
            })
            .await
    }

    /// One of them.
    pub async fn print(&self, only_by: Option<String>, key: i64) -> Result<Option<PrintRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| connection.one(statements::PRINT, values![key, only_by], record))
            .await
    }

    /// Writes one down; its number.
    pub async fn add_print(
        &self,
        new: NewPrint,
        by: String,
        now: Timestamp,
    ) -> Result<Result<i64, PrintRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let waiting = connection.row(statements::WAITING_PRINTS, &[], |row| row.get::<i64>(0))?;
                if waiting >= MAX_WAITING {
                    return Ok(Err(PrintRefusal::TooMany));
                }
                let at = now.as_millisecond();
                let row = values![new.id, new.printer, new.title, new.file, at, by];
                connection.row(statements::ADD_PRINT, row, |row| row.get(0)).map(Ok)
            })
            .await
    }

    /// Prints the file of one once more, as a print of its own; its number.
    pub async fn print_again(
        &self,
        (only_by, key): (Option<String>, i64),
        (id, by): (String, String),
        now: Timestamp,
    ) -> Result<Result<i64, PrintRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let waiting = connection.row(statements::WAITING_PRINTS, &[], |row| row.get::<i64>(0))?;
                if waiting >= MAX_WAITING {
                    return Ok(Err(PrintRefusal::TooMany));
                }
                let at = now.as_millisecond();
                let row = values![key, only_by, id, by, at];
                let added = connection.one(statements::PRINT_AGAIN, row, |row| row.get(0))?;
                Ok(added.ok_or(PrintRefusal::Missing))
            })
            .await
    }

    /// Cancels one that the printer does not have yet.
    pub async fn cancel_print(
        &self,
        only_by: Option<String>,
        key: i64,
        now: Timestamp,
    ) -> Result<Result<(), PrintRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if connection.one(statements::PRINT, values![key, only_by], record)?.is_none() {
                    return Ok(Err(PrintRefusal::Missing));
                }
                let at = now.as_millisecond();
                let done = connection.execute(statements::CANCEL_PRINT, values![key, at])?;
                Ok(if done == 0 { Err(PrintRefusal::TooLate) } else { Ok(()) })
            })
            .await
    }

    /// Forgets some of those that ended before a moment; whether there may be more.
    pub async fn forget_prints(&self, before: Timestamp) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                let before = before.as_millisecond();
                let row = values![before, FORGOTTEN_AT_ONCE];
                let forgotten = context.connection.execute(statements::FORGET_PRINTS, row)?;
                Ok(forgotten >= u64::from(FORGOTTEN_AT_ONCE))
            })
            .await
    }
}

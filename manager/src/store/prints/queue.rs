//! Prints that are to be looked after: claimed, and noted.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::super::engine::{Connection, Row, values};
use super::super::records::{time, word};
use super::super::statements::prints as statements;
use super::super::{Store, StoreError};
use super::records::PrintState;

/// A claim lasts so long: longer than a printer can take for a step.
const CLAIMED_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Prints that are looked at in one transaction.
const LOOKED_AT: u32 = 100;
/// The longest words that are kept, in characters.
const LONGEST_WORDS: usize = 300;

/// A print with which something is to be done, by whoever claimed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintToDo {
    /// Its number.
    pub key: i64,
    /// By which it is found again at the printer.
    pub id: String,
    /// Which printer.
    pub printer: String,
    /// What it is.
    pub title: String,
    /// Whose it is.
    pub by: String,
    /// When it was asked for.
    pub made: Timestamp,
    /// How often it was begun to be sent, this time included.
    pub tries: u32,
    /// Its number at the printer, which has it already.
    pub job: Option<i32>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrintStep {
    /// It is looked after again at a moment; the printer has it under this number, if there is one.
    Again {
        /// When.
        due: Timestamp,
        /// Its number at the printer.
        job: Option<i32>,
        /// How it stands.
        words: Option<String>,
    },
    /// It is on paper.
    Printed,
    /// It never will be, for this reason.
    Failed(String),
}

fn to_do(row: &Row<'_>) -> Result<(PrintState, PrintToDo), StoreError> {
    let state = word("state of a print", row.get(8)?)?;
    let to_do = PrintToDo {
        key: row.get(0)?,
        id: row.get(1)?,
        printer: row.get(2)?,
        title: row.get(3)?,
        by: row.get(4)?,
        made: time(row, 5)?,
        tries: row.get(6)?,
        job: row.get::<Option<i64>>(7)?.and_then(|job| i32::try_from(job).ok()),
    };
    Ok((state, to_do))
}

impl Store {
    /// Claims prints that are due, at most `most` and of each printer one: a printer that is slow holds up no other, and what
    /// was asked for first is printed first.
    pub async fn claim_prints(&self, most: usize, now: Timestamp) -> Result<Vec<PrintToDo>, StoreError> {
        let look = move |connection: &Connection| {
            connection.all(statements::PRINTS_DUE, values![now.as_millisecond(), LOOKED_AT], to_do)
        };
        if self.readers.clone().read(look).await?.is_empty() {
            return Ok(Vec::new());
        }
        self.writer
            .write(move |context| {
                let (connection, mut printers, mut claimed) =
                    (context.connection, BTreeSet::new(), Vec::new());
                for (state, mut due) in look(connection)? {
                    if claimed.len() >= most || !printers.insert(due.printer.clone()) {
                        continue;
                    }
                    let begins = i64::from(state == PrintState::Waiting);
                    let until = now.checked_add(CLAIMED_FOR).unwrap_or(Timestamp::MAX);
                    let (until, at) = (until.as_millisecond(), now.as_millisecond());
                    let row = values![due.key, until, at, begins];
                    if connection.execute(statements::CLAIM_PRINT, row)? == 1 {
                        due.tries = due.tries.saturating_add(u32::from(begins == 1));
                        claimed.push(due);
                    }
                }
                Ok(claimed)
            })
            .await
    }

    /// The file of a print.
    pub async fn print_file(&self, key: i64) -> Result<Option<Vec<u8>>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| connection.one(statements::PRINT_FILE, values![key], |row| row.get(0)))
            .await
    }

    /// Notes how a step ended. What was cancelled meanwhile stays so.
    pub async fn print_stands(&self, key: i64, step: PrintStep, now: Timestamp) -> Result<(), StoreError> {
        let cut = |words: &String| words.chars().take(LONGEST_WORDS).collect::<String>();
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let done = match &step {
                    PrintStep::Again { due, job, words } => {
                        let state = if job.is_some() { PrintState::Sent } else { PrintState::Waiting };
                        let (job, words) = (job.map(i64::from), words.as_ref().map(cut));
                        let (state, due) = (state.word(), due.as_millisecond());
                        let row = values![key, state, due, job, words];
                        connection.execute(statements::PRINT_GOES_ON, row)
                    }
                    PrintStep::Printed => {
                        let (none, word) = (None::<String>, PrintState::Printed.word());
                        connection
                            .execute(statements::PRINT_ENDED, values![key, word, now.as_millisecond(), none])
                    }
                    PrintStep::Failed(why) => {
                        let (why, word) = (Some(cut(why)), PrintState::Failed.word());
                        connection
                            .execute(statements::PRINT_ENDED, values![key, word, now.as_millisecond(), why])
                    }
                };
                done.map(drop)
            })
            .await
    }
}

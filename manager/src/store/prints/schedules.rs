//! What is printed by itself: at which times, where. The print is added in the transaction that moves the schedule on, so that it
//! is printed once for each time, whoever does it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::engine::{Row, values};
use super::super::records::{time, time_if_any};
use super::super::statements::prints as statements;
use super::super::{Store, StoreError, from_json, to_json};
use super::records::NewPrint;
use crate::printing::schedule::Days;

/// Schedules of one manager.
const MAX_SCHEDULES: i64 = 200;
/// The longest words that are kept, in characters.
const LONGEST_WORDS: usize = 300;

/// What is printed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheduled {
    /// The day's list.
    Day,
    /// The statement of meters of the month before.
    Meters,
}

impl Scheduled {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Day => "the day’s list",
            Self::Meters => "meters of the month before",
        }
    }
}

/// What, whose and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScheduleBody {
    /// What is printed.
    pub document: Scheduled,
    /// Whose; `null` for all.
    pub customer: Option<i64>,
    /// The time zone, such as `Europe/Berlin`.
    pub zone: String,
    /// On which days.
    pub days: Days,
    /// At which time there, such as `07:00`.
    #[schema(pattern = "^[0-2][0-9]:[0-5][0-9]$")]
    pub at: String,
}

/// A schedule, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchedule {
    /// How it is called; no other has that name.
    pub name: String,
    /// Where it is printed.
    pub printer: String,
    /// What, whose and when.
    pub body: ScheduleBody,
    /// When first.
    pub next: Timestamp,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ScheduleRecord {
    /// Number, used in its address.
    #[serde(rename = "id")]
    pub key: i64,
    /// How it is called.
    pub name: String,
    /// Where it is printed.
    pub printer: String,
    /// What, whose and when.
    #[serde(flatten)]
    pub body: ScheduleBody,
    /// When it is printed next.
    pub next: Timestamp,
    /// When it was last; `null` before the first time.
    pub last: Option<Timestamp>,
    /// Why it was not printed, the last time; `null` if it was.
    pub words: Option<String>,
    /// Who wrote it down.
    pub changed_by: String,
}

/// Why a schedule was not written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleRefusal {
    /// Another one is called so.
    #[error("another schedule has the name {0:?}: give this one another")]
    NameTaken(String),
    /// There are many.
    #[error("there are {MAX_SCHEDULES} schedules already: remove one that is not needed")]
    TooMany,
}

fn record(row: &Row<'_>) -> Result<ScheduleRecord, StoreError> {
    let body: String = row.get(3)?;
    Ok(ScheduleRecord {
        key: row.get(0)?,
        name: row.get(1)?,
        printer: row.get(2)?,
        body: from_json("schedule", &body)?,
        next: time(row, 4)?,
        last: time_if_any(row, 5)?,
        words: row.get(6)?,
        changed_by: row.get(7)?,
    })
}

impl Store {
    /// All of them, by name.
    pub async fn print_schedules(&self) -> Result<Vec<ScheduleRecord>, StoreError> {
        self.readers.clone().read(|connection| connection.all(statements::SCHEDULES, &[], record)).await
    }

    /// Those whose time has come.
    pub async fn due_schedules(&self, now: Timestamp) -> Result<Vec<ScheduleRecord>, StoreError> {
        let now = now.as_millisecond();
        self.readers
            .clone()
            .read(move |connection| connection.all(statements::SCHEDULES_DUE, values![now], record))
            .await
    }

    /// Adds one; its number.
    pub async fn add_print_schedule(
        &self,
        new: NewSchedule,
        by: String,
        now: Timestamp,
    ) -> Result<Result<i64, ScheduleRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if connection.row(statements::COUNT_SCHEDULES, &[], |row| row.get::<i64>(0))? >= MAX_SCHEDULES
                {
                    return Ok(Err(ScheduleRefusal::TooMany));
                }
                let body = to_json("schedule", &new.body)?;
                let (next, now) = (new.next.as_millisecond(), now.as_millisecond());
                let row = values![new.name, new.printer, body, next, now, by];
                let added = connection.one(statements::ADD_SCHEDULE, row, |row| row.get(0))?;
                Ok(added.ok_or_else(|| ScheduleRefusal::NameTaken(new.name.clone())))
            })
            .await
    }

    /// Removes one; whether it was there.
    pub async fn remove_print_schedule(&self, key: i64) -> Result<bool, StoreError> {
        self.writer
            .write(move |context| {
                Ok(context.connection.execute(statements::REMOVE_SCHEDULE, values![key])? > 0)
            })
            .await
    }

    /// Moves one on that was due at a moment, and adds what was made of it, or says why nothing was. Whoever comes second does
    /// nothing.
    pub async fn schedule_ran(
        &self,
        schedule: ScheduleRecord,
        next: Timestamp,
        made: Result<NewPrint, String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let at = now.as_millisecond();
                let words =
                    made.as_ref().err().map(|why| why.chars().take(LONGEST_WORDS).collect::<String>());
                let (due, next) = (schedule.next.as_millisecond(), next.as_millisecond());
                let row = values![schedule.key, due, next, at, words];
                if connection.execute(statements::SCHEDULE_RAN, row)? == 0 {
                    return Ok(());
                }
                let Ok(new) = &made else { return Ok(()) };
                let by = &schedule.name;
                let row = values![new.id, new.printer, new.title, new.file, at, by];
                connection.row(statements::ADD_PRINT, row, |row| row.get::<i64>(0)).map(drop)
            })
            .await
    }
}

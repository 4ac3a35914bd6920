//! Offers as such clients see them: each under a number of its own, by which they tell how it goes.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::identity::{AttemptId, DeviceId};
use platen_protocol::programs::ProgramStep;
use serde::{Deserialize, Serialize};

use super::super::engine::{Row, values};
use super::super::programs::{attempt_told, key_of, ran};
use super::super::records::{id, time, time_if_any};
use super::super::statements::ddi as statements;
use super::super::writer::WriteContext;
use super::super::{Store, StoreError, from_json, to_json};

/// What a client told of one action that is kept: the last.
const FEEDBACKS_KEPT: usize = 20;
/// Actions of one device that are kept: the newest.
const ACTIONS_KEPT: u32 = 20;

/// What a client told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Feedback {
    /// When that came in.
    pub at: Timestamp,
    /// Its word for how far it is, such as `proceeding`.
    pub execution: String,
    /// Its word for what came of it: `none`, `success` or `failure`.
    pub finished: String,
    /// Its words for people.
    pub details: String,
}

impl Feedback {
    fn says_the_same(&self, other: &Self) -> bool {
        (&self.execution, &self.finished, &self.details)
            == (&other.execution, &other.finished, &other.details)
    }
}

/// An offer that a client was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionRecord {
    /// Its number.
    pub key: i64,
    /// The attempt that comes of it.
    pub attempt: AttemptId,
    /// The program, by its key.
    pub program: i64,
    /// When it was first shown.
    pub shown: Timestamp,
    /// When the client first asked what it is.
    pub fetched: Option<Timestamp>,
    /// When it was over.
    pub closed: Option<Timestamp>,
    /// What the client told last.
    pub told: Vec<Feedback>,
}

impl ActionRecord {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let told: String = row.get(6)?;
        Ok(Self {
            key: row.get(0)?,
            attempt: id("attempt", row.get(1)?)?,
            program: row.get(2)?,
            shown: time(row, 3)?,
            fetched: time_if_any(row, 4)?,
            closed: time_if_any(row, 5)?,
            told: from_json("feedback of a client", &told)?,
        })
    }
}

/// What became of something that a client told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Took {
    /// There is no such action.
    Nothing,
    /// It is over already, or it was told before.
    Known,
    /// It is news.
    News,
}

impl Store {
    /// What a device was shown that is not over.
    pub async fn ddi_open_actions(&self, device: DeviceId) -> Result<Vec<ActionRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                connection.all(statements::OPEN_ACTIONS, values![device.as_str()], ActionRecord::from_row)
            })
            .await
    }

    /// What a device was shown, the newest first.
    pub async fn ddi_actions(&self, device: DeviceId) -> Result<Vec<ActionRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let name = device.as_str();
                let of = values![name, ACTIONS_KEPT];
                connection.all(statements::ACTIONS, of, ActionRecord::from_row)
            })
            .await
    }

    /// One of them by its number.
    pub async fn ddi_action(&self, device: DeviceId, key: i64) -> Result<Option<ActionRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                connection.one(statements::ACTION, values![device.as_str(), key], ActionRecord::from_row)
            })
            .await
    }

    /// The number under which a device is shown an offer: the same each time.
    pub async fn show_ddi_action(
        &self,
        device: DeviceId,
        attempt: AttemptId,
        program: i64,
        now: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            let Some(key) = key_of(connection, &device)? else { return Ok(None) };
            let at = now.as_millisecond();
            connection.execute(statements::CLOSE_UNFETCHED, values![key, at])?;
            connection.execute(statements::SHOW_ACTION, values![key, attempt.as_str(), program, at])?;
            connection.execute(statements::FORGET_ACTIONS, values![key, ACTIONS_KEPT])?;
            connection.one(statements::ACTION_OF_ATTEMPT, values![key, attempt.as_str()], |row| row.get(0))
        };
        self.writer.write(act).await
    }

    /// A client has asked what an action is.
    pub async fn ddi_action_fetched(&self, action: i64, now: Timestamp) -> Result<(), StoreError> {
        let act = move |context: &mut WriteContext<'_>| {
            let at = now.as_millisecond();
            context.connection.execute(statements::ACTION_FETCHED, values![action, at]).map(drop)
        };
        self.writer.write(act).await
    }

    /// Keeps what a client tells of an action, and how far its attempt is, if it says so. Where that is its end, or
    /// `closes` says so, nothing more is asked of the client.
    pub async fn ddi_told(
        &self,
        device: DeviceId,
        action: i64,
        (feedback, step, closes): (Feedback, Option<ProgramStep>, bool),
        now: Timestamp,
    ) -> Result<Took, StoreError> {
        let (on_offer, whose) = (Arc::clone(&self.on_offer), device.clone());
        let act = move |context: &mut WriteContext<'_>| {
            let connection = context.connection;
            let Some(key) = key_of(connection, &device)? else { return Ok(Took::Nothing) };
            let record = connection.one(
                statements::ACTION,
                values![device.as_str(), action],
                ActionRecord::from_row,
            )?;
            let Some(record) = record else { return Ok(Took::Nothing) };
            let ends = step.is_some_and(ProgramStep::is_end);
            let again = record.told.last().is_some_and(|last| last.says_the_same(&feedback));
            if record.closed.is_some() || again {
                return Ok(Took::Known);
            }
            let mut told = record.told;
            told.push(feedback.clone());
            told.drain(..told.len().saturating_sub(FEEDBACKS_KEPT));
            let told = to_json("feedback of a client", &told)?;
            let over = (ends || closes).then(|| now.as_millisecond());
            connection.execute(statements::ACTION_TOLD, values![action, told, over])?;
            if let Some(step) = step {
                let reason = (ends && step != ProgramStep::Kept).then_some(feedback.details.as_str());
                if step == ProgramStep::Kept {
                    ran(connection, key, record.attempt.as_str(), now)?;
                }
                attempt_told(connection, key, record.attempt.as_str(), None, (step, reason), now)?;
            }
            Ok(Took::News)
        };
        let then = move |took: &Took| {
            if *took == Took::News {
                on_offer.changed(&whose);
            }
        };
        self.writer.write_then(act, then).await
    }
}

//! Update clients that are not ours, as people and programs see them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::{ActionRecord, DdiTokenRecord, Feedback};

/// What is known of a device's update client.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct DdiView {
    /// The tokens with which it can ask, without their secrets.
    pub(in super::super) tokens: Vec<DdiTokenView>,
    /// What it says of itself; empty before it has.
    pub(in super::super) attributes: BTreeMap<String, String>,
    /// When it said something else last; `null` before it has.
    pub(in super::super) attributes_changed: Option<Timestamp>,
    /// What it was shown, the newest first, with what it told of it.
    pub(in super::super) actions: Vec<DdiActionView>,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct DdiTokenView {
    /// Its number.
    id: i64,
    /// When it was made.
    created: Timestamp,
    /// By whom.
    created_by: String,
}

impl From<DdiTokenRecord> for DdiTokenView {
    fn from(record: DdiTokenRecord) -> Self {
        let DdiTokenRecord { key, created, created_by } = record;
        Self { id: key, created, created_by }
    }
}

/// A program that a client was shown.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct DdiActionView {
    /// The number by which the client knows it.
    id: i64,
    /// The attempt, as in the lists of attempts.
    attempt_id: String,
    /// When it was first shown.
    shown: Timestamp,
    /// When the client first asked what it is; `null` before.
    fetched: Option<Timestamp>,
    /// When it was over; `null` before.
    closed: Option<Timestamp>,
    /// What the client told of it, the newest last: at most 20.
    told: Vec<Feedback>,
}

impl From<ActionRecord> for DdiActionView {
    fn from(record: ActionRecord) -> Self {
        let ActionRecord { key, attempt, program: _, shown, fetched, closed, told } = record;
        Self { id: key, attempt_id: attempt.to_string(), shown, fetched, closed, told }
    }
}

//! An entry of the audit log, as people and programs see it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::audit::{DONE, Entry};

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct AuditView {
    /// Its number: one more than that of the entry before it.
    pub(crate) number: i64,
    /// When.
    pub(crate) at: Timestamp,
    /// Who; `null` if nobody knows.
    pub(crate) operator: Option<String>,
    /// By which credential.
    pub(crate) credential: String,
    /// From which address.
    pub(crate) address: String,
    /// What: method and address as a pattern, or words.
    pub(crate) act: String,
    /// The address as it was asked.
    pub(crate) about: String,
    /// `done`, or why not.
    pub(crate) outcome: String,
    /// The record before, as the text of JSON over which the hash goes; `null` if there was none, or where only is known that
    /// something was asked.
    pub(crate) before: Option<String>,
    /// The same of the record afterwards.
    pub(crate) after: Option<String>,
    /// SHA-256 over the hash of the entry before and this entry: docs/people.md says how.
    pub(crate) hash: String,
}

impl AuditView {
    /// Whether it was done.
    pub(crate) fn is_done(&self) -> bool {
        self.outcome == DONE
    }
}

impl From<Entry> for AuditView {
    fn from(entry: Entry) -> Self {
        let Entry { number, at, operator, credential, address, act, about, outcome, before, after, hash } =
            entry;
        Self { number, at, operator, credential, address, act, about, outcome, before, after, hash }
    }
}

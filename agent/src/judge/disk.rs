//! The agent's own disk: whether what is to be kept can be written down.

use platen_protocol::alert::{AlertCode, AlertGroup, Severity, Training};
use serde::{Deserialize, Serialize};

use super::alert::{Aspect, Subject, Wording};
use super::finding::{Finding, Scene, Verdict};

/// The outbox, as the subject of an alert.
pub const OUTBOX: &str = "outbox";

/// What is wrong with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskFault {
    /// It has no room.
    Full,
    /// Nothing can be changed on it.
    ReadOnly,
    /// It fails, or is not there.
    Failing,
}

impl DiskFault {
    /// In words that follow "the disk".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Full => "is full",
            Self::ReadOnly => "can only be read",
            Self::Failing => "fails",
        }
    }
}

/// One event, one entry: full and failing are states of one aspect.
pub(super) fn finding(scene: Scene<'_, '_>) -> Finding<'static> {
    let verdict = match scene.disk {
        None => Verdict::fine("is kept on the disk again"),
        Some(fault) => {
            let code = match fault {
                DiskFault::Full => AlertCode::SubunitMemoryExhausted,
                DiskFault::ReadOnly | DiskFault::Failing => AlertCode::SubunitRecoverableFailure,
            };
            let text = format!(
                "the controller's disk {}: reports are kept in memory, and are lost if it stops before they are handed in",
                fault.words()
            );
            let ranks = (Severity::Warning, Training::FieldService);
            let wording = Wording::occurred(ranks, AlertGroup::GeneralPrinter, code, text);
            Verdict::holds(Aspect::Disk(fault), wording)
        }
    };
    let subject = Subject { name: OUTBOX, ..Subject::default() };
    // What failed once was tried again before it came here: nothing is to be waited for.
    Finding { subject, kind: Aspect::Disk(DiskFault::Full), verdict, needed: 1 }
}

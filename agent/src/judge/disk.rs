//! The agent's own disk: whether what is to be kept can be written down.

use platen_protocol::alert::{AlertCode, AlertGroup, Severity, Training};

use super::condition::{Aspect, DiskFault, Wording};
use super::finding::{Finding, Scene, Verdict};
use super::subject::{OUTBOX, Subject};

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
                "the controller's disk {}: reports are kept in memory, and are lost if it stops before they are sent",
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use platen_protocol::readings::Readings;

    use super::*;
    use crate::judge::{Alerts, Event, Judge, JudgeConfig, Moment, Past};

    #[test]
    fn a_disk_that_takes_nothing_is_one_alert_that_changes_its_code_and_ends() {
        let mut judge = Judge::new(JudgeConfig::default(), Alerts::new("a"), Past::default());
        let mut second = 0;
        let mut told = |fault| {
            second += 5;
            judge.note_disk(fault);
            let moment = Moment { at: Duration::from_secs(second), wall: None };
            let events = judge.sample(&mut Readings::default(), moment).unwrap();
            events
                .into_iter()
                .map(|event| match event {
                    Event::Raised(alert) => (alert.subject, Some(alert.code)),
                    Event::Cleared { description, .. } => (description, None),
                    other => panic!("{other:?}"),
                })
                .collect::<Vec<_>>()
        };
        let outbox = || OUTBOX.to_owned();
        assert!(told(None).is_empty());
        assert_eq!(told(Some(DiskFault::Full)), [(outbox(), Some(AlertCode::SubunitMemoryExhausted))]);
        assert!(told(Some(DiskFault::Full)).is_empty());
        let worse = told(Some(DiskFault::Failing));
        assert_eq!(worse.len(), 2, "{worse:?}");
        assert_eq!(worse[1], (outbox(), Some(AlertCode::SubunitRecoverableFailure)));
        assert_eq!(told(None), [("outbox is kept on the disk again".to_owned(), None)]);
    }
}

//! Covers: open is an alert, closed is its end.

use platen_protocol::alert::{AlertCode, AlertGroup, Severity, Training};

use super::alert::Wording;

/// An open cover stops printing (`critical`), and whoever stands there can close it (`untrained`).
pub(super) fn wording(name: &str) -> Wording {
    Wording {
        severity: Severity::Critical,
        training: Training::Untrained,
        group: AlertGroup::Cover,
        code: AlertCode::CoverOpen,
        description: format!("{name} is open"),
    }
}

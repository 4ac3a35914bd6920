//! What happened on a curve: a cartridge or a part was changed, something was wrong, somebody was there.

use jiff::Timestamp;
use platen_protocol::device_to_manager::ReplacementKind;
use platen_protocol::facts::words::label;
use platen_protocol::identity::DeviceId;

use super::super::Operators;
use super::super::problem::Refusal;
use super::chart::Frame as ChartFrame;
use super::words;
use crate::history::{Subject, SubjectKind};
use crate::store::{AlertFilter, Scope, ServiceCallFilter, ServiceCallState};

/// The newest of each kind that are looked at.
const MAX_LOOKED_AT: u32 = 300;
/// Marks on a curve.
const MAX_MARKS: usize = 100;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    /// Its place in the drawing.
    pub(super) x: f64,
    /// A word for the style sheet: `replaced`, `alert`, `visit`.
    pub(super) kind: &'static str,
    pub(super) at: Timestamp,
    pub(super) words: String,
}

/// What happened to a subject within the frame, the earliest first; whether there was more.
pub(super) async fn marks(
    operators: &Operators,
    scope: &Scope,
    device: &DeviceId,
    subject: &Subject,
    frame: ChartFrame,
) -> Result<(Vec<Mark>, bool), Refusal> {
    let (store, id) = (&operators.store, Some(device.clone()));
    let mark = |kind, at: Timestamp, words| Mark { x: frame.x(at.as_millisecond()), kind, at, words };
    let mut marks = Vec::new();
    if matches!(subject.kind, SubjectKind::Supply | SubjectKind::Part) {
        let changes = store.replacements(scope, id.clone(), None, MAX_LOOKED_AT).await?;
        for change in changes.iter().filter(|change| change.replacement.subject == subject.name) {
            let is_new = change.replacement.change == ReplacementKind::Replaced;
            let what = if is_new { "replaced" } else { "put back" };
            let residue = words::residue(&change.replacement).filter(|_| is_new);
            let residue = residue.map(|residue| format!("; of the old one {residue}")).unwrap_or_default();
            marks.push(mark(
                "replaced",
                change.dated.at,
                format!("{} {what}{residue}", label(&subject.name)),
            ));
        }
    }
    let which = AlertFilter { device: id.clone(), open: None };
    for alert in store.alerts(scope, which, None, MAX_LOOKED_AT).await? {
        if alert.alert.subject == subject.name {
            marks.push(mark("alert", alert.raised_dated.at, words::alert_title(&alert.alert)));
        }
    }
    let which = ServiceCallFilter { device: id, open: Some(false) };
    for call in store.service_calls(scope, which, None, MAX_LOOKED_AT).await? {
        let Some(at) = call.changed.filter(|_| call.state == ServiceCallState::Done) else { continue };
        let by = call.changed_by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        let message = call.message.as_deref().map(|message| format!(": “{message}”")).unwrap_or_default();
        marks.push(mark("visit", at, format!("Service call done{by}{message}")));
    }
    marks.retain(|mark| (frame.from..=frame.until).contains(&mark.at.as_millisecond()));
    marks.sort_by_key(|mark| mark.at);
    let cut = marks.len() > MAX_MARKS;
    Ok((marks.split_off(marks.len().saturating_sub(MAX_MARKS)), cut))
}

//! What fails as a whole: a bus, the lines. One event, one entry: the chips of a bus that fails, and the
//! switches of lines that are gone, raise none of their own.

use platen_protocol::alert::{AlertCode, AlertGroup, Severity, Training};
use platen_protocol::readings::{BusReading, HeldKind, Reading, Readings, SwitchReading};
use platen_protocol::unknown::{UnknownCause, UnknownReason};

use super::condition::{Aspect, Wording};
use super::finding::{Finding, Scene, Verdict};
use super::subject::{LINES, Subject};

/// The most lines that an alert names.
const NAMED_LINES: usize = 5;

/// The findings about buses and lines.
pub(super) fn findings<'r>(scene: Scene<'_, 'r>) -> Vec<Finding<'r>> {
    let needed = scene.config.debounce_samples;
    let mut findings: Vec<Finding<'r>> =
        scene.readings.buses.iter().map(|bus| of_bus(bus, scene.readings, needed)).collect();
    if !scene.readings.switches.is_empty() {
        findings.push(of_lines(&scene.readings.switches, needed));
    }
    findings
}

fn of_bus<'r>(bus: &'r BusReading, readings: &Readings, needed: u32) -> Finding<'r> {
    let verdict = match bus.failing.as_ref().filter(|cause| is_failure(cause)) {
        _ if readings.held_of(HeldKind::Bus, &bus.name).is_some() => Verdict::Unknown,
        None => Verdict::fine("works again"),
        Some(cause) => Verdict::holds(
            Aspect::Bus,
            failure(
                AlertCode::SubunitRecoverableFailure,
                format!("nothing on the bus {} can be read: {cause}", bus.name),
            ),
        ),
    };
    let subject = Subject { name: &bus.name, ..Subject::default() };
    Finding { subject, kind: Aspect::Bus, verdict, needed }
}

fn of_lines<'r>(switches: &[SwitchReading], needed: u32) -> Finding<'r> {
    let lost: Vec<(&str, &UnknownCause)> = switches
        .iter()
        .filter_map(|switch| match &switch.active {
            Reading::Unknown { cause } if is_failure(cause) => Some((switch.name.as_str(), cause)),
            _ => None,
        })
        .collect();
    let verdict = match lost.first() {
        None => Verdict::fine("can be read again"),
        Some((_, cause)) => {
            let mut names: Vec<&str> = lost.iter().take(NAMED_LINES).map(|(name, _)| *name).collect();
            if lost.len() > NAMED_LINES {
                names.push("and more");
            }
            let text = format!("lines cannot be read ({}): {cause}", names.join(", "));
            Verdict::holds(Aspect::Lines, failure(AlertCode::SubunitMissing, text))
        }
    };
    let subject = Subject { name: LINES, ..Subject::default() };
    Finding { subject, kind: Aspect::Lines, verdict, needed }
}

fn is_failure(cause: &UnknownCause) -> bool {
    cause.reason != UnknownReason::NotMeasured
}

/// The printer may print on; we see less of it, and a technician is to look.
fn failure(code: AlertCode, text: String) -> Wording {
    Wording::occurred((Severity::Warning, Training::FieldService), AlertGroup::GeneralPrinter, code, text)
}

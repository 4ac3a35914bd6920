//! Covers, interlocks, jams and paper: what a switch says at once, by edge or by sample.

use platen_protocol::alert::{AlertCode, AlertGroup, Severity, Training};
use platen_protocol::readings::{SwitchMeaning, SwitchReading};

use super::alert::Alerts;
use super::condition::{Aspect, Standing, Wording};
use super::finding::{Finding, Switches, Verdict};
use super::subject::{Subject, index_among};

/// What stops printing (`critical`), and whoever stands there can mend (`untrained`).
const STOPS: (Severity, Training) = (Severity::Critical, Training::Untrained);

/// The findings about all switches that tell of a condition by themselves.
pub(super) fn findings<'r>(
    switches: &'r [SwitchReading],
    states: &Switches,
    alerts: &Alerts,
) -> Vec<Finding<'r>> {
    let mut findings = Vec::new();
    for (at, switch) in switches.iter().enumerate() {
        let Some(active) = states.state(&switch.name) else { continue };
        let (kind, index) = match switch.meaning {
            SwitchMeaning::Cover => (Aspect::Cover, index_among(switches, at, is_opening)),
            SwitchMeaning::Interlock => (Aspect::Interlock, index_among(switches, at, is_opening)),
            SwitchMeaning::Jam => (Aspect::Jam, index_among(switches, at, |m| m == SwitchMeaning::Jam)),
            SwitchMeaning::PaperLow | SwitchMeaning::PaperEmpty => {
                (Aspect::Paper(Standing::Enough), Some(tray(switches, switch)))
            }
            _ => continue,
        };
        let told_otherwise = match switch.meaning {
            SwitchMeaning::Cover => shared(switch, SwitchMeaning::Interlock, switches, |other| {
                alerts.of(other, Aspect::Interlock).is_some() && alerts.of(&switch.name, kind).is_none()
            }),
            SwitchMeaning::Interlock => shared(switch, SwitchMeaning::Cover, switches, |other| {
                (states.state(other) == Some(true) || alerts.of(other, Aspect::Cover).is_some())
                    && alerts.of(&switch.name, kind).is_none()
            }),
            SwitchMeaning::PaperLow => switches.iter().any(|other| {
                other.meaning == SwitchMeaning::PaperEmpty
                    && other.location == switch.location
                    && states.state(&other.name) == Some(true)
            }),
            _ => false,
        };
        let verdict = match (active && !told_otherwise).then(|| holds(switch, switches)).flatten() {
            Some((aspect, wording)) => Verdict::holds(aspect, wording),
            None => Verdict::fine(ended(switch.meaning)),
        };
        let subject = Subject { name: &switch.name, index, location: switch.location, ..Subject::default() };
        findings.push(Finding { subject, kind, verdict, needed: 1 });
    }
    findings
}

/// A cover and its interlock open together: that is one event. They are taken for one place unless the
/// board file gives them different locations.
fn shared(
    switch: &SwitchReading,
    meaning: SwitchMeaning,
    switches: &[SwitchReading],
    told: impl Fn(&str) -> bool,
) -> bool {
    let apart = |other: &SwitchReading| matches!((switch.location, other.location), (Some(here), Some(there)) if here != there);
    switches.iter().any(|other| other.meaning == meaning && !apart(other) && told(&other.name))
}

fn is_opening(meaning: SwitchMeaning) -> bool {
    matches!(meaning, SwitchMeaning::Cover | SwitchMeaning::Interlock)
}

fn is_paper(meaning: SwitchMeaning) -> bool {
    matches!(meaning, SwitchMeaning::PaperLow | SwitchMeaning::PaperEmpty)
}

/// The place of a tray among the trays, from 1 (`prtInputIndex`): switches of one location are of one tray.
fn tray(switches: &[SwitchReading], switch: &SwitchReading) -> u16 {
    let mut seen: Vec<Option<i32>> = Vec::new();
    for location in switches.iter().filter(|s| is_paper(s.meaning)).map(|s| s.location) {
        if !seen.contains(&location) {
            seen.push(location);
        }
    }
    let at = seen.iter().position(|location| *location == switch.location).unwrap_or(0);
    u16::try_from(at + 1).unwrap_or(u16::MAX)
}

fn holds(switch: &SwitchReading, switches: &[SwitchReading]) -> Option<(Aspect, Wording)> {
    use AlertCode as Code;
    let name = &switch.name;
    let said = match switch.meaning {
        SwitchMeaning::Cover => (
            Aspect::Cover,
            Wording::occurred(STOPS, AlertGroup::Cover, Code::CoverOpen, format!("{name} is open")),
        ),
        SwitchMeaning::Interlock => (
            Aspect::Interlock,
            Wording::occurred(STOPS, AlertGroup::Cover, Code::InterlockOpen, format!("{name} is open")),
        ),
        SwitchMeaning::Jam => (
            Aspect::Jam,
            Wording::occurred(STOPS, AlertGroup::MediaPath, Code::Jam, format!("paper is jammed at {name}")),
        ),
        SwitchMeaning::PaperLow => (
            Aspect::Paper(Standing::Low),
            Wording::occurred(
                (Severity::Warning, Training::Untrained),
                AlertGroup::Input,
                Code::InputMediaSupplyLow,
                format!("a tray has little paper ({name})"),
            ),
        ),
        SwitchMeaning::PaperEmpty => {
            // With another tray the printer can go on.
            let trays = switches.iter().filter(|s| s.meaning == SwitchMeaning::PaperEmpty).count();
            let rank = if trays > 1 { (Severity::Warning, Training::Untrained) } else { STOPS };
            let text = format!("a tray has no paper ({name})");
            (
                Aspect::Paper(Standing::Empty),
                Wording::occurred(rank, AlertGroup::Input, Code::InputMediaSupplyEmpty, text),
            )
        }
        _ => return None,
    };
    Some(said)
}

fn ended(meaning: SwitchMeaning) -> &'static str {
    match meaning {
        SwitchMeaning::Cover | SwitchMeaning::Interlock => "is closed",
        SwitchMeaning::Jam => "no longer detects paper",
        SwitchMeaning::PaperLow => "no longer tells of little paper",
        _ => "finds paper again",
    }
}

//! Readings and status as text, for `platen` and `platen-agent read`.

use std::fmt::Write as _;

use platen_protocol::readings::{Reading, Readings, SwitchMeaning};
use platen_protocol::supply::{Capacity, Level};

use crate::status::{ContactReport, ContactState, StatusReport};

/// Cells of a full bar.
const BAR: usize = 20;

/// The whole status.
pub fn status(status: &StatusReport) -> String {
    let mut out = String::new();
    let mark = if status.simulated { "   SIMULATED" } else { "" };
    let _ = writeln!(out, "{}  {}{mark}", status.device, status.model);
    let _ = writeln!(out, "manager   {}", status.manager.as_deref().unwrap_or("none yet"));
    let _ = writeln!(out, "contact   {}", contact_line(&status.contact));
    if let Some(trouble) = &status.contact.trouble {
        let _ = writeln!(out, "          why: {}", trouble.what);
        let _ = writeln!(out, "          do:  {}", trouble.remedy);
    }
    let _ = writeln!(out, "backlog   {}", backlog(status));
    if let Some(trouble) = &status.outbox.trouble {
        let _ = writeln!(out, "          {trouble}");
    }
    match &status.readings {
        Some(read) => out.push_str(&readings(read)),
        None => out.push_str("\nThe board has not been read yet.\n"),
    }
    if status.alerts.is_empty() {
        out.push_str("\nNo alerts.\n");
    } else {
        out.push_str("\nALERTS\n");
        for alert in &status.alerts {
            let _ = writeln!(out, "  {:<9} {}  ({})", alert.severity.name(), alert.description, alert.code);
        }
    }
    out
}

fn backlog(status: &StatusReport) -> String {
    let outbox = &status.outbox;
    let mut line = match status.backlog {
        0 => "empty".to_owned(),
        1 => "1 report waits to be sent".to_owned(),
        many => format!("{many} reports wait to be sent ({} KiB)", outbox.bytes.div_ceil(1024)),
    };
    if outbox.service_call_waits {
        line.push_str(", a service call among them");
    }
    if outbox.given_up > 0 {
        let _ = write!(line, "; {} were given up since the start", outbox.given_up);
    }
    line
}

/// A contact state in a word or two.
pub fn contact(state: ContactState) -> &'static str {
    match state {
        ContactState::NotEnrolled => "not enrolled",
        ContactState::Connecting => "connecting",
        ContactState::Sending => "connected, sending",
        ContactState::Parked => "parked",
        ContactState::Waiting => "no contact",
        ContactState::Stopping => "stopping",
    }
}

fn contact_line(report: &ContactReport) -> String {
    let mut line = format!("{} since {}", contact(report.state), age(report.since_seconds));
    if let Some(protocol) = &report.protocol {
        let _ = write!(line, " ({protocol})");
    }
    match report.last_reply_seconds_ago {
        Some(ago) => {
            let _ = write!(line, ", last reply {} ago", age(ago));
        }
        None => line.push_str(", no reply yet"),
    }
    if let Some(next) = report.trouble.as_ref().and_then(|trouble| trouble.next_try_seconds) {
        let _ = write!(line, ", next try in {}", age(next));
    }
    if report.state == ContactState::NotEnrolled {
        line.push_str(
            "\n          do:  get a token at the service centre (`platen-manager token create`), then run `platen-agent enroll` here",
        );
    }
    line
}

fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// What the board reads, as tables.
pub fn readings(readings: &Readings) -> String {
    let mut out = String::new();
    if !readings.supplies.is_empty() {
        out.push_str("\nSUPPLIES\n");
    }
    for supply in &readings.supplies {
        let low = supply.percent().is_some_and(|percent| percent <= supply.set_percent);
        let value = match (&supply.level, supply.percent()) {
            (_, Some(percent)) => {
                format!(
                    "{} {percent:>3} %  set {:>2} %{}",
                    bar(percent),
                    supply.set_percent,
                    if low { "  LOW" } else { "" }
                )
            }
            (Level::Unknown { cause }, None) => format!("{} unknown: {cause}", unknown_bar()),
            (level, None) => format!("{} {level} (capacity {})", unknown_bar(), capacity(supply.capacity)),
        };
        let _ = writeln!(out, "  {:<14} {value}", supply.name);
    }
    if !readings.parts.is_empty() {
        out.push_str("\nPARTS (life left)\n");
    }
    for part in &readings.parts {
        let value = match (part.percent_left(), &part.used) {
            (Some(percent), Reading::Known { value: used }) => {
                format!(
                    "{} {percent:>3} %  {used} of {} {} used",
                    bar(percent),
                    capacity(part.rated_life),
                    part.unit
                )
            }
            (_, Reading::Unknown { cause }) => format!("{} unknown: {cause}", unknown_bar()),
            (None, Reading::Known { value: used }) => format!("{} {used} {} used", unknown_bar(), part.unit),
        };
        let _ = writeln!(out, "  {:<14} {value}", part.name);
    }
    if !readings.temperatures.is_empty() {
        out.push_str("\nTEMPERATURES\n");
    }
    for temperature in &readings.temperatures {
        let value = match &temperature.millidegrees_celsius {
            Reading::Known { value } => {
                let tenths = value / 100;
                let sign = if tenths < 0 { "-" } else { "" };
                format!("{:>6} °C", format!("{sign}{}.{}", (tenths / 10).abs(), (tenths % 10).abs()))
            }
            Reading::Unknown { cause } => format!("unknown: {cause}"),
        };
        let _ = writeln!(out, "  {:<14} {value}", temperature.name);
    }
    if !readings.switches.is_empty() {
        out.push_str("\nSWITCHES\n");
    }
    for switch in &readings.switches {
        let value = match (&switch.active, switch.meaning) {
            (Reading::Known { value: true }, SwitchMeaning::Cover) => "open".to_owned(),
            (Reading::Known { value: false }, SwitchMeaning::Cover) => "closed".to_owned(),
            (Reading::Known { value: true }, SwitchMeaning::ServiceButton) => "pressed".to_owned(),
            (Reading::Known { value: false }, SwitchMeaning::ServiceButton) => "not pressed".to_owned(),
            (Reading::Unknown { cause }, _) => format!("unknown: {cause}"),
        };
        let _ = writeln!(out, "  {:<14} {value}", switch.name);
    }
    out
}

fn bar(percent: u8) -> String {
    let full = (usize::from(percent) * BAR).div_ceil(100).min(BAR);
    format!("[{}{}]", "#".repeat(full), "-".repeat(BAR - full))
}

fn unknown_bar() -> String {
    format!("[{}]", "?".repeat(BAR))
}

fn capacity(capacity: Capacity) -> String {
    match capacity {
        Capacity::Known { amount } => amount.to_string(),
        Capacity::Unrestricted => "unrestricted".to_owned(),
        Capacity::Unknown => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platen_protocol::readings::{SupplyReading, TemperatureReading};
    use platen_protocol::supply::{SupplyClass, SupplyType, SupplyUnit};
    use platen_protocol::unknown::{UnknownCause, UnknownReason};

    #[test]
    fn an_unknown_level_is_never_shown_as_a_number() {
        let cause = UnknownCause { reason: UnknownReason::NoAnswer, detail: "no answer from it".into() };
        let supply = SupplyReading {
            name: "black".into(),
            index: 1,
            class: SupplyClass::SupplyThatIsConsumed,
            supply_type: SupplyType::TonerCartridge,
            colorant: None,
            unit: SupplyUnit::Percent,
            capacity: Capacity::Known { amount: 100 },
            level: Level::Unknown { cause },
            set_percent: 10,
            serial: None,
        };
        let shown = readings(&Readings { supplies: vec![supply], ..Readings::default() });
        assert!(shown.contains("unknown: no answer") && !shown.contains('%'), "{shown}");
    }

    #[test]
    fn a_temperature_just_below_zero_keeps_its_sign() {
        let cold = TemperatureReading {
            name: "ambient".into(),
            millidegrees_celsius: Reading::Known { value: -500 },
        };
        let shown = readings(&Readings { temperatures: vec![cold], ..Readings::default() });
        assert!(shown.contains("-0.5 °C"), "{shown}");
    }
}

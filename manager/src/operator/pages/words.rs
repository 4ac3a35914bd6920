//! Numbers and codes in a person's words. Pure.

use jiff::Timestamp;
use platen_protocol::alert::{Alert, AlertCode, Training};
use platen_protocol::device_to_manager::{EnteredBy, OutcomeResult, ReadingsCause, ReportBody};
use platen_protocol::readings::{Reading, Readings, SwitchMeaning, SwitchReading};
use platen_protocol::supply::SupplyUnit;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long ago; `live.js` counts on in the same words.
pub(super) fn ago(seconds: u64) -> String {
    match seconds {
        0..=1 => "now".to_owned(),
        2..MINUTE => format!("{seconds} s ago"),
        MINUTE..HOUR => format!("{} min ago", seconds / MINUTE),
        HOUR..DAY => format!("{} h ago", seconds / HOUR),
        _ => format!("{} d ago", seconds / DAY),
    }
}

/// How long.
pub(super) fn duration(seconds: u64) -> String {
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => format!("{} h", seconds / HOUR),
        _ => format!("{} d", seconds / DAY),
    }
}

/// A moment, in UTC.
pub(super) fn moment(time: Timestamp) -> String {
    time.strftime("%d %b %Y, %H:%M:%S UTC").to_string()
}

/// An amount with its unit, in units that people use.
pub(super) fn amount(unit: SupplyUnit, amount: u32) -> String {
    match unit {
        SupplyUnit::TenthsOfGrams => format!("{} g", tenths(amount)),
        SupplyUnit::TenthsOfMilliliters => format!("{} ml", tenths(amount)),
        SupplyUnit::Percent => format!("{amount} %"),
        SupplyUnit::TenThousandthsOfInches => format!("{amount} × 0.0001 in"),
        SupplyUnit::Micrometers => format!("{amount} µm"),
        SupplyUnit::Impressions => format!("{} impressions", thousands(amount)),
        SupplyUnit::Sheets => format!("{} sheets", thousands(amount)),
        SupplyUnit::Hours => format!("{} h", thousands(amount)),
        SupplyUnit::ThousandthsOfOunces => format!("{amount} × 0.001 oz"),
        SupplyUnit::HundrethsOfFluidOunces => format!("{amount} × 0.01 fl oz"),
        SupplyUnit::Feet => format!("{amount} ft"),
        SupplyUnit::Meters => format!("{amount} m"),
        SupplyUnit::Items => format!("{amount} items"),
        SupplyUnit::Other | SupplyUnit::Unknown => thousands(amount),
    }
}

fn tenths(amount: u32) -> String {
    match (amount / 10, amount % 10) {
        (whole, 0) => whole.to_string(),
        (whole, rest) => format!("{whole}.{rest}"),
    }
}

fn thousands(amount: u32) -> String {
    let digits = amount.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            // A narrow space that does not break.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A temperature.
pub(super) fn celsius(millidegrees: i32) -> String {
    let tenths = (i64::from(millidegrees) + if millidegrees < 0 { -50 } else { 50 }) / 100;
    let sign = if tenths < 0 { "−" } else { "" };
    format!("{sign}{}.{} °C", tenths.abs() / 10, tenths.abs() % 10)
}

/// A name with its first letter large.
pub(super) fn title(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `subunitLifeAlmostOver` as "Subunit life almost over"; letters that stand for words stay large.
pub(super) fn spaced(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 8);
    let mut before: Option<char> = None;
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let begins_word = letters.peek().is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && before.is_some_and(|before| before.is_lowercase() || begins_word) {
            text.push(' ');
        }
        if letter.is_uppercase() && begins_word {
            text.extend(letter.to_lowercase());
        } else {
            text.push(letter);
        }
        before = Some(letter);
    }
    title(&text)
}

/// What happened, in the words on a printer's panel.
pub(super) fn alert_title(alert: &Alert) -> String {
    let about = |what: &str| match &alert.subject {
        subject if subject.is_empty() => title(what),
        subject => format!("{} {what}", title(subject)),
    };
    match alert.code {
        AlertCode::MarkerTonerAlmostEmpty => about("toner almost empty"),
        AlertCode::MarkerTonerEmpty => about("toner empty"),
        AlertCode::MarkerInkAlmostEmpty => about("ink almost empty"),
        AlertCode::MarkerInkEmpty => about("ink empty"),
        AlertCode::MarkerTonerCartridgeMissing => about("toner cartridge missing"),
        AlertCode::SubunitAlmostEmpty => about("almost empty"),
        AlertCode::SubunitEmpty => about("empty"),
        AlertCode::SubunitAlmostFull => about("almost full"),
        AlertCode::SubunitFull => about("full"),
        AlertCode::SubunitLifeAlmostOver => about("life almost over"),
        AlertCode::SubunitLifeOver => about("life over"),
        AlertCode::SubunitMissing => about("missing"),
        AlertCode::SubunitRecoverableFailure => about("cannot be read"),
        AlertCode::SubunitOverTemperature => about("too hot"),
        AlertCode::SubunitUnderTemperature => about("too cold"),
        AlertCode::CoverOpen => match alert.subject.as_str() {
            "" | "cover" => "Cover open".to_owned(),
            _ => about("open"),
        },
        code => spaced(code.name().strip_prefix("marker").unwrap_or(code.name())),
    }
}

/// Who can mend it.
pub(super) fn training(training: Training) -> &'static str {
    match training {
        Training::Untrained => "anyone can mend it",
        Training::Trained => "a trained user can mend it",
        Training::FieldService => "needs a technician",
        Training::Management => "needs the manager of the printers",
        Training::NoInterventionRequired => "mends itself",
        Training::Other | Training::Unknown => "not known who can mend it",
    }
}

/// The state of a switch, as it stands in `data-state` too.
pub(super) fn switch_state(switch: &SwitchReading) -> &'static str {
    match (switch.meaning, switch.active.known()) {
        (_, None) => "unknown",
        (SwitchMeaning::Cover, Some(true)) => "open",
        (SwitchMeaning::Cover, Some(false)) => "closed",
        (SwitchMeaning::ServiceButton, Some(true)) => "pressed",
        (SwitchMeaning::ServiceButton, Some(false)) => "released",
    }
}

/// The kind of a report.
pub(super) fn kind(body: &ReportBody) -> &'static str {
    match body {
        ReportBody::Started(_) => "Started",
        ReportBody::AlertRaised { .. } => "Alert",
        ReportBody::AlertCleared { .. } => "Cleared",
        ReportBody::ServiceCall(_) => "Service call",
        ReportBody::Utilisation(_) => "Utilisation",
        ReportBody::Readings(_) => "Readings",
        ReportBody::Outcome(_) => "Outcome",
    }
}

/// What a report says, in one line.
pub(super) fn content(body: &ReportBody) -> String {
    match body {
        ReportBody::Started(started) => {
            format!("Agent {} began on {}", started.agent_version, started.model)
        }
        ReportBody::AlertRaised { alert } => format!("{} ({})", alert_title(alert), alert.severity),
        ReportBody::AlertCleared { description, .. } => description.clone(),
        ReportBody::ServiceCall(call) => {
            let by = entered_by(call.entered_by);
            call.message.as_ref().map_or_else(|| by.to_owned(), |message| format!("{by}: {message}"))
        }
        ReportBody::Utilisation(utilisation) => format!(
            "{}; running {}; {} failed reads",
            levels(&utilisation.readings),
            duration(utilisation.running_seconds),
            utilisation.failed_reads
        ),
        ReportBody::Readings(report) => {
            let why = match report.cause {
                ReadingsCause::Change => "Changed",
                ReadingsCause::Person => "Asked at the device",
                ReadingsCause::Command => "Asked by an operator",
            };
            format!("{why}: {}", levels(&report.readings))
        }
        ReportBody::Outcome(outcome) => match &outcome.result {
            OutcomeResult::Done => format!("Command {} done", outcome.command_id),
            OutcomeResult::Failed { reason } => format!("Command {} failed: {reason}", outcome.command_id),
            OutcomeResult::Refused { reason } => format!("Command {} refused: {reason}", outcome.command_id),
            OutcomeResult::Expired => format!("Command {} came too late", outcome.command_id),
        },
    }
}

/// Where a person asked.
pub(super) fn entered_by(by: EnteredBy) -> &'static str {
    match by {
        EnteredBy::Button => "With the button on the printer",
        EnteredBy::Command => "With the command on the controller",
    }
}

fn levels(readings: &Readings) -> String {
    let supplies = readings.supplies.iter().map(|supply| match supply.percent() {
        Some(percent) => format!("{} {percent} %", supply.name),
        None => format!("{} {}", supply.name, supply.level),
    });
    let switches = readings
        .switches
        .iter()
        .filter(|switch| switch.meaning == SwitchMeaning::Cover || switch.active.known() != Some(&false))
        .map(|switch| format!("{} {}", switch.name, switch_state(switch)));
    let all: Vec<String> = supplies.chain(switches).collect();
    if all.is_empty() { "nothing to read".to_owned() } else { all.join(", ") }
}

/// The cause of something unknown.
pub(super) fn cause<T>(reading: &Reading<T>) -> Option<&str> {
    match reading {
        Reading::Known { .. } => None,
        Reading::Unknown { cause } => Some(&cause.detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn ages_and_amounts_read_as_people_say_them() {
        assert_eq!(ago(0), "now");
        assert_eq!(ago(12), "12 s ago");
        assert_eq!(ago(200), "3 min ago");
        assert_eq!(ago(90_000), "1 d ago");
        assert_eq!(amount(SupplyUnit::TenthsOfGrams, 1234), "123.4 g");
        assert_eq!(amount(SupplyUnit::Impressions, 1_234_567), "1\u{202f}234\u{202f}567 impressions");
        assert_eq!(celsius(23_449), "23.4 °C");
        assert_eq!(celsius(-550), "−0.6 °C");
    }

    #[test]
    fn alerts_read_like_a_printers_panel() {
        assert_eq!(alert_title(&sample::toner_low("a", 4)), "Black toner almost empty");
        assert_eq!(alert_title(&sample::cover_open("a")), "Cover open");
        assert_eq!(
            alert_title(&sample::alert("a", AlertCode::MarkerFuserOverTemperature, "fuser")),
            "Fuser over temperature"
        );
        assert_eq!(alert_title(&sample::alert("a", AlertCode::PrinterNmsReset, "")), "Printer NMS reset");
    }

    #[test]
    fn a_report_says_its_levels_in_one_line() {
        let line = content(&sample::utilisation(1, 42).body);
        assert_eq!(line, "black 42 %, cover closed; running 1 s; 0 failed reads");
    }
}

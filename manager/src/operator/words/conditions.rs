//! Conditions, in the words on a printer's panel.

use platen_protocol::alert::{Alert, AlertCode, Evidence, Training};
use platen_protocol::facts::words::{label, spaced, title};
use platen_protocol::readings::{SupplyReading, SwitchMeaning, SwitchReading};

/// What happened, in the words on a printer's panel.
pub(in super::super) fn alert_title(alert: &Alert) -> String {
    if let Some(words) = forecast_title(alert) {
        return words;
    }
    if is_wrong_cartridge(alert) {
        return format!("{}: wrong cartridge", label(&alert.subject));
    }
    if let Some(words) = title_of(alert.code) {
        return words.to_owned();
    }
    match (about(alert.code), alert.subject.as_str()) {
        (None, _) => {
            let name = alert.code.name();
            title(&spaced(name.strip_prefix("marker").unwrap_or(name)))
        }
        (Some(what), "") if alert.code == AlertCode::CoverOpen => format!("Cover {what}"),
        (Some(what), "") => title(what),
        (Some(what), subject) => format!("{} {what}", label(subject)),
    }
}

/// What will possibly happen: the MIB's codes are those of what has happened, and the evidence tells more.
fn forecast_title(alert: &Alert) -> Option<String> {
    let shown = alert.evidence.first().filter(|_| alert.forecast)?;
    let name = label(&alert.subject);
    Some(match (alert.code, shown.measure.as_str()) {
        (AlertCode::ConfigurationChange, _) => "Wrong counts".to_owned(),
        (AlertCode::SubunitNearLimit, "jams") => "More jams than usual".to_owned(),
        (AlertCode::SubunitNearLimit, "scatter") => format!("{name}: sensor failing"),
        (AlertCode::SubunitNearLimit, "operating temperature") => format!("{name} drifts"),
        // Fewer pages for each percent than usual.
        (AlertCode::SubunitRecoverableFailure, "consumption")
            if shown.expected.is_some_and(|usual| shown.observed < usual) =>
        {
            format!("{name} leaks")
        }
        (AlertCode::SubunitRecoverableFailure, "consumption" | "level") => {
            format!("{name} counterfeit or refilled")
        }
        _ => return None,
    })
}

/// The code is that of a memory that cannot be read; but this one was read, and belongs elsewhere.
fn is_wrong_cartridge(alert: &Alert) -> bool {
    alert.code == AlertCode::SubunitRecoverableFailure
        && alert.supply.as_ref().is_some_and(SupplyReading::is_wrong)
}

/// Codes that say all themselves.
fn title_of(code: AlertCode) -> Option<&'static str> {
    Some(match code {
        AlertCode::Jam => "Paper jam",
        AlertCode::InterlockOpen => "Safety interlock open",
        AlertCode::InputMediaSupplyLow => "Paper low",
        AlertCode::InputMediaSupplyEmpty => "Paper empty",
        AlertCode::InputMediaTrayMissing => "Paper tray missing",
        AlertCode::MarkerWasteTonerReceptacleAlmostFull => "Waste toner box almost full",
        AlertCode::MarkerWasteTonerReceptacleFull => "Waste toner box full",
        AlertCode::MarkerFuserOverTemperature => "Fuser too hot",
        AlertCode::MarkerFuserUnderTemperature => "Fuser too cold",
        _ => return None,
    })
}

/// What follows the name of the subject.
fn about(code: AlertCode) -> Option<&'static str> {
    Some(match code {
        AlertCode::MarkerTonerAlmostEmpty => "toner almost empty",
        AlertCode::MarkerTonerEmpty => "toner empty",
        AlertCode::MarkerInkAlmostEmpty => "ink almost empty",
        AlertCode::MarkerInkEmpty => "ink empty",
        AlertCode::MarkerTonerCartridgeMissing => "toner cartridge missing",
        AlertCode::SubunitAlmostEmpty | AlertCode::MarkerDeveloperAlmostEmpty => "almost empty",
        AlertCode::SubunitEmpty | AlertCode::MarkerDeveloperEmpty => "empty",
        AlertCode::SubunitAlmostFull => "almost full",
        AlertCode::SubunitFull => "full",
        AlertCode::SubunitLifeAlmostOver | AlertCode::MarkerOpcLifeAlmostOver => "life almost over",
        AlertCode::SubunitLifeOver | AlertCode::MarkerOpcLifeOver => "life over",
        AlertCode::SubunitMissing => "missing",
        AlertCode::SubunitNearLimit => "near its limit",
        AlertCode::SubunitAtLimit => "at its limit",
        AlertCode::SubunitAdded => "added",
        AlertCode::SubunitRemoved => "removed",
        AlertCode::SubunitOffline => "offline",
        AlertCode::CoverOpen | AlertCode::SubunitOpened => "open",
        AlertCode::SubunitPowerSaver => "asleep",
        AlertCode::SubunitWarmingUp => "warming up",
        AlertCode::SubunitRecoverableFailure => "cannot be read",
        AlertCode::SubunitUnrecoverableFailure => "has failed",
        AlertCode::SubunitMotorFailure => "motor failure",
        AlertCode::SubunitTimingFailure => "timing failure",
        AlertCode::SubunitThermistorFailure => "thermistor failure",
        AlertCode::SubunitOverTemperature => "too hot",
        AlertCode::SubunitUnderTemperature => "too cold",
        _ => return None,
    })
}

/// Who can fix it.
pub(in super::super) fn training(training: Training) -> &'static str {
    match training {
        Training::Untrained => "any user can fix it",
        Training::Trained => "a trained user can fix it",
        Training::FieldService => "needs a technician",
        Training::Management => "needs the fleet manager",
        Training::NoInterventionRequired => "clears by itself",
        Training::Other | Training::Unknown => "it is not known who can fix it",
    }
}

/// What speaks for an alert: "jams: 9 in the last 1000 pages, expected 2".
pub(in super::super) fn evidence(evidence: &Evidence) -> String {
    let gap = if evidence.unit.is_empty() { "" } else { " " };
    let observed = format!("{}: {}{gap}{}", evidence.measure, evidence.observed, evidence.unit);
    match evidence.expected {
        Some(expected) => format!("{observed}, expected {expected}"),
        None => observed,
    }
}

/// Whether a switch has its place in a report of one line: what is as it always is has none.
pub(super) fn switch_is_told(switch: &SwitchReading) -> bool {
    match switch.meaning {
        _ if switch.active.known().is_none() => true,
        SwitchMeaning::Cover => true,
        SwitchMeaning::PageExit => false,
        SwitchMeaning::WastePresent => switch.active.known() == Some(&false),
        _ => switch.active.known() == Some(&true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn alerts_read_like_a_printers_panel() {
        assert_eq!(alert_title(&sample::toner_low("a", 4)), "Black toner almost empty");
        assert_eq!(alert_title(&sample::cover_open("a")), "Cover open");
        for (code, subject, words) in [
            (AlertCode::MarkerFuserOverTemperature, "fuser", "Fuser too hot"),
            (AlertCode::PrinterNmsReset, "", "Printer NMS reset"),
            (AlertCode::Jam, "path", "Paper jam"),
            (AlertCode::MarkerOpcLifeOver, "drum", "Drum life over"),
            (
                AlertCode::SubunitThermistorFailure,
                "fuser-temperature",
                "Fuser temperature thermistor failure",
            ),
            (AlertCode::MarkerWasteTonerReceptacleFull, "waste", "Waste toner box full"),
        ] {
            assert_eq!(alert_title(&sample::alert("a", code, subject)), words);
        }
    }

    #[test]
    fn a_forecast_says_what_will_possibly_happen() {
        for (code, measure, observed, words) in [
            (AlertCode::ConfigurationChange, "impressions counter", 4, "Wrong counts"),
            (AlertCode::SubunitNearLimit, "jams", 9, "More jams than usual"),
            (AlertCode::SubunitNearLimit, "scatter", 9, "Black: sensor failing"),
            (AlertCode::SubunitNearLimit, "operating temperature", 9, "Black drifts"),
            (AlertCode::SubunitRecoverableFailure, "consumption", 4, "Black leaks"),
            (AlertCode::SubunitRecoverableFailure, "consumption", 9, "Black counterfeit or refilled"),
            (AlertCode::SubunitRecoverableFailure, "level", 9, "Black counterfeit or refilled"),
            (AlertCode::Jam, "jams", 9, "Paper jam"),
        ] {
            let measure = measure.into();
            let shown = Evidence { measure, unit: String::new(), observed, expected: Some(5) };
            let mut alert = sample::alert("a", code, "black");
            (alert.forecast, alert.evidence) = (true, vec![shown]);
            assert_eq!(alert_title(&alert), words);
        }
    }

    #[test]
    fn a_wrong_cartridge_is_no_unreadable_one() {
        let mut alert = sample::alert("a", AlertCode::SubunitRecoverableFailure, "black");
        assert_eq!(alert_title(&alert), "Black cannot be read");
        alert.supply = Some(sample::full_supply(50));
        assert_eq!(alert_title(&alert), "Black cannot be read");
        let colorant = Some("cyan".into());
        alert.supply = Some(SupplyReading { colorant, ..sample::full_supply(50) });
        assert_eq!(alert_title(&alert), "Black: wrong cartridge");
    }

    #[test]
    fn every_code_has_a_title_that_begins_large() {
        for code in AlertCode::ALL {
            let title = alert_title(&sample::alert("a", *code, "tray-2"));
            assert!(title.starts_with(char::is_uppercase) && !title.contains('-'), "{code}: {title}");
        }
    }

    #[test]
    fn evidence_sets_what_was_found_against_what_was_expected() {
        let jams = Evidence {
            measure: "jams".into(),
            unit: "in the last 1000 pages".into(),
            observed: 9,
            expected: Some(2),
        };
        assert_eq!(evidence(&jams), "jams: 9 in the last 1000 pages, expected 2");
        assert_eq!(evidence(&Evidence { unit: String::new(), expected: None, ..jams }), "jams: 9");
    }
}

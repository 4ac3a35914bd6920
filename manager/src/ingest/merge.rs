//! An alert carries the supply or part that it is about, as it was read then. That is newer than the
//! readings of the last interval, so it goes into them; so does what was fitted in a replacement. A cover
//! that is reported open is open, and paper that is reported stuck is stuck, until that ends.

use platen_protocol::alert::{Alert, AlertCode};
use platen_protocol::device_to_manager::Replacement;
use platen_protocol::readings::{PartReading, Reading, Readings, SupplyReading, SwitchMeaning};

/// Puts what a raised alert tells into the latest readings; says whether that changed them.
pub fn merge_alert(readings: &mut Readings, alert: &Alert) -> bool {
    let supply = put_supply(readings, alert.supply.as_ref());
    let part = put_part(readings, alert.part.as_ref());
    set_switch(readings, alert, true) || supply || part
}

/// What was fitted is what there is now; says whether that changed the readings.
pub fn merge_replacement(readings: &mut Readings, replacement: &Replacement) -> bool {
    let supply = put_supply(readings, replacement.fitted_supply.as_ref());
    let part = put_part(readings, replacement.fitted_part.as_ref());
    supply || part
}

/// The condition of an alert that is cleared is over; says whether that changed the readings.
pub fn merge_end(readings: &mut Readings, alert: &Alert) -> bool {
    set_switch(readings, alert, false)
}

fn put_supply(readings: &mut Readings, read: Option<&SupplyReading>) -> bool {
    let Some(read) = read else { return false };
    match readings.supplies.iter_mut().find(|known| known.name == read.name) {
        Some(known) if known != read => {
            known.clone_from(read);
            true
        }
        _ => false,
    }
}

fn put_part(readings: &mut Readings, read: Option<&PartReading>) -> bool {
    let Some(read) = read else { return false };
    match readings.parts.iter_mut().find(|known| known.name == read.name) {
        Some(known) if known != read => {
            known.clone_from(read);
            true
        }
        _ => false,
    }
}

/// The switches that can raise a code, and whether they are active while it lasts.
fn raised_by(code: AlertCode) -> (&'static [SwitchMeaning], bool) {
    match code {
        AlertCode::CoverOpen => (&[SwitchMeaning::Cover], true),
        AlertCode::InterlockOpen => (&[SwitchMeaning::Interlock], true),
        AlertCode::SubunitOpened => (&[SwitchMeaning::Cover, SwitchMeaning::Interlock], true),
        AlertCode::Jam => (&[SwitchMeaning::Jam], true),
        AlertCode::InputMediaSupplyLow => (&[SwitchMeaning::PaperLow], true),
        AlertCode::InputMediaSupplyEmpty => (&[SwitchMeaning::PaperEmpty], true),
        AlertCode::MarkerWasteTonerReceptacleFull | AlertCode::SubunitFull => {
            (&[SwitchMeaning::WasteFull], true)
        }
        AlertCode::SubunitMissing => (&[SwitchMeaning::WastePresent], false),
        _ => (&[], true),
    }
}

/// Sets the switch that the alert is about: the one of its subject's name, or the one that watches the
/// supply of that name. A forecast says nothing of what is now.
fn set_switch(readings: &mut Readings, alert: &Alert, lasts: bool) -> bool {
    if alert.forecast {
        return false;
    }
    let (meanings, active) = raised_by(alert.code);
    let state = Reading::Known { value: active == lasts };
    let switch = readings.switches.iter_mut().find(|switch| {
        meanings.contains(&switch.meaning)
            && (switch.name == alert.subject || switch.supply.as_ref() == Some(&alert.subject))
    });
    match switch {
        Some(switch) if switch.active != state => {
            switch.active = state;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_supply_in_an_alert_replaces_the_older_reading() {
        let mut readings = sample::readings(40);
        let alert = sample::toner_low("a1", 4);
        assert!(merge_alert(&mut readings, &alert));
        assert_eq!(readings.supplies[0].percent(), Some(4));
        assert!(!merge_alert(&mut readings, &alert), "a second time changes nothing");
    }

    #[test]
    fn a_cover_is_open_from_its_alert_to_the_end_of_it() {
        let mut readings = sample::readings(40);
        let alert = sample::cover_open("a2");
        assert!(merge_alert(&mut readings, &alert));
        assert_eq!(readings.switches[0].active, Reading::Known { value: true });
        assert!(merge_end(&mut readings, &alert));
        assert_eq!(readings.switches[0].active, Reading::Known { value: false });
    }

    #[test]
    fn every_condition_that_a_switch_sees_sets_that_switch_and_no_other() {
        for (code, subject, name, while_it_lasts) in [
            (AlertCode::InterlockOpen, "interlock", "interlock", true),
            (AlertCode::Jam, "path", "path", true),
            (AlertCode::InputMediaSupplyLow, "tray-low", "tray-low", true),
            (AlertCode::InputMediaSupplyEmpty, "tray-empty", "tray-empty", true),
            (AlertCode::MarkerWasteTonerReceptacleFull, "waste", "waste-full", true),
            (AlertCode::SubunitMissing, "waste", "waste-in", false),
        ] {
            let before = sample::full_readings(40);
            let mut readings = before.clone();
            let alert = sample::alert("a", code, subject);
            let changed = merge_alert(&mut readings, &alert);
            for (switch, was) in readings.switches.iter().zip(&before.switches) {
                let expected = if switch.name == name { Some(&while_it_lasts) } else { was.active.known() };
                assert_eq!(switch.active.known(), expected, "{code}: {}", switch.name);
            }
            assert!(changed, "{code}");
            assert!(merge_end(&mut readings, &alert), "{code}");
            assert_eq!(readings, before, "{code}");
        }
    }

    #[test]
    fn a_forecast_of_a_jam_is_no_jam() {
        let mut readings = sample::full_readings(40);
        assert!(!merge_alert(
            &mut readings,
            &Alert { forecast: true, ..sample::alert("a", AlertCode::Jam, "path") }
        ));
    }

    #[test]
    fn what_is_fitted_takes_the_place_of_what_was_removed() {
        let mut readings = sample::full_readings(3);
        assert!(merge_replacement(&mut readings, &sample::replacement()));
        assert_eq!(readings.supplies[0].percent(), Some(100));
        assert_eq!(readings.supplies[0].serial.as_deref(), Some("K-2"));
        assert!(!merge_replacement(&mut readings, &sample::replacement()));
    }

    #[test]
    fn a_supply_that_the_board_does_not_have_is_not_added() {
        let mut readings = Readings::default();
        assert!(!merge_alert(&mut readings, &sample::toner_low("a1", 4)));
        assert!(!merge_replacement(&mut readings, &sample::replacement()));
        assert!(readings.supplies.is_empty());
    }
}

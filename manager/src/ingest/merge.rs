//! An alert carries the supply or part that it is about, as it was read then. That is newer than the
//! readings of the last interval, so it goes into them; a cover that is reported open is open.

use platen_protocol::alert::{Alert, AlertCode};
use platen_protocol::readings::{Reading, Readings, SwitchMeaning};

/// Puts what a raised alert tells into the latest readings; says whether that changed them.
pub fn merge_alert(readings: &mut Readings, alert: &Alert) -> bool {
    let mut changed = false;
    if let Some(supply) = &alert.supply
        && let Some(known) = readings.supplies.iter_mut().find(|known| known.name == supply.name)
        && known != supply
    {
        known.clone_from(supply);
        changed = true;
    }
    if let Some(part) = &alert.part
        && let Some(known) = readings.parts.iter_mut().find(|known| known.name == part.name)
        && known != part
    {
        known.clone_from(part);
        changed = true;
    }
    cover_opened(readings, alert) || changed
}

/// A cover that is reported open is open.
pub fn cover_opened(readings: &mut Readings, alert: &Alert) -> bool {
    set_cover(readings, alert, true)
}

/// A cover whose alert is cleared is closed.
pub fn cover_closed(readings: &mut Readings, alert: &Alert) -> bool {
    set_cover(readings, alert, false)
}

fn set_cover(readings: &mut Readings, alert: &Alert, open: bool) -> bool {
    if alert.code != AlertCode::CoverOpen {
        return false;
    }
    let state = Reading::Known { value: open };
    let cover = readings
        .switches
        .iter_mut()
        .find(|switch| switch.meaning == SwitchMeaning::Cover && switch.name == alert.subject);
    match cover {
        Some(cover) if cover.active != state => {
            cover.active = state;
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
        assert!(cover_closed(&mut readings, &alert));
        assert_eq!(readings.switches[0].active, Reading::Known { value: false });
    }

    #[test]
    fn a_supply_that_the_board_does_not_have_is_not_added() {
        let mut readings = Readings::default();
        assert!(!merge_alert(&mut readings, &sample::toner_low("a1", 4)));
        assert!(readings.supplies.is_empty());
    }
}

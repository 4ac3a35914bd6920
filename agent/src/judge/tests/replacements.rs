//! Cartridges and parts that come and go.

use platen_protocol::device_to_manager::ReplacementKind;

use super::*;

fn cartridge(amount: u32, serial: &str) -> Readings {
    let mut readings = percent(amount);
    readings.supplies[0].serial = Some(serial.into());
    readings
}

fn replacements(events: &[Event]) -> Vec<&Replacement> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Replacement(replacement) => Some(&**replacement),
            _ => None,
        })
        .collect()
}

#[test]
fn another_serial_number_is_a_replacement_with_the_residue_and_ends_the_alerts_of_the_old_one() {
    let mut judge = judge(2);
    feed(&mut judge, &cartridge(7, "A"), 2);
    feed(&mut judge, &level(unknown(UnknownReason::NoAnswer)), 2);
    assert_eq!(judge.alerts().standing().count(), 2);
    assert_eq!(feed(&mut judge, &cartridge(100, "B"), 1), []);
    let events = feed(&mut judge, &cartridge(100, "B"), 1);
    let [one] = replacements(&events)[..] else { panic!("{events:?}") };
    assert_eq!((one.change, one.subject.as_str()), (ReplacementKind::Replaced, "black"));
    let removed = one.removed_supply.as_ref().unwrap();
    assert_eq!((removed.level.clone(), removed.serial.as_deref()), (Level::Known { amount: 7 }, Some("A")));
    assert_eq!(one.fitted_supply.as_ref().unwrap().serial.as_deref(), Some("B"));
    assert_eq!((cleared(&events), standing(&judge)), (2, vec![]));
    assert_eq!(feed(&mut judge, &cartridge(100, "B"), 3), []);
}

#[test]
fn a_serial_number_that_is_read_once_is_no_replacement() {
    let mut judge = judge(2);
    feed(&mut judge, &cartridge(50, "A"), 2);
    assert_eq!(feed(&mut judge, &cartridge(50, "Q"), 1), []);
    assert_eq!(feed(&mut judge, &cartridge(50, "A"), 3), []);
}

#[test]
fn a_replacement_while_the_agent_was_down_is_told_after_the_restart() {
    let mut before = judge(2);
    feed(&mut before, &cartridge(7, "A"), 2);
    let mut after = restarted(&before);
    let events = feed(&mut after, &cartridge(90, "B"), 2);
    let [one] = replacements(&events)[..] else { panic!("{events:?}") };
    let removed = one.removed_supply.as_ref().unwrap();
    assert_eq!(
        (&removed.level, removed.capacity),
        (&Level::Known { amount: 7 }, supply(Level::SomeRemains).capacity)
    );
    assert_eq!((removed.supply_type, removed.unit), (SupplyType::TonerCartridge, SupplyUnit::Percent));
}

#[test]
fn the_same_cartridge_after_it_was_missing_was_reseated_and_one_that_was_damaged_was_not() {
    let mut judge = judge(1);
    feed(&mut judge, &cartridge(50, "A"), 1);
    feed(&mut judge, &level(unknown(UnknownReason::NoAnswer)), 1);
    let mut judge = restarted(&judge);
    let events = feed(&mut judge, &cartridge(49, "A"), 1);
    let [one] = replacements(&events)[..] else { panic!("{events:?}") };
    assert_eq!(one.change, ReplacementKind::Reseated);
    assert_eq!(one.removed_supply.as_ref().unwrap().level, Level::Known { amount: 50 });
    assert_eq!(cleared(&events), 1);
    feed(&mut judge, &level(unknown(UnknownReason::Damaged)), 1);
    assert_eq!(replacements(&feed(&mut judge, &cartridge(49, "A"), 2)), Vec::<&Replacement>::new());
}

#[test]
fn a_part_with_another_serial_number_or_a_life_that_was_set_back_was_replaced() {
    let mut judge = judge(2);
    let with = |used, serial: Option<&str>| Readings {
        parts: vec![PartReading { serial: serial.map(str::to_owned), ..drum(used) }],
        ..Readings::default()
    };
    feed(&mut judge, &with(95_000, Some("A")), 2);
    let events = feed(&mut judge, &with(12, Some("B")), 2);
    let [one] = replacements(&events)[..] else { panic!("{events:?}") };
    assert_eq!(one.removed_part.as_ref().unwrap().used, Reading::Known { value: 95_000 });
    assert_eq!(cleared(&events), 1, "its life is no longer almost over");
    feed(&mut judge, &with(60_000, Some("B")), 2);
    assert_eq!(replacements(&feed(&mut judge, &with(59_000, Some("B")), 3)), Vec::<&Replacement>::new());
    assert_eq!(replacements(&feed(&mut judge, &with(0, Some("B")), 3)).len(), 1);
}

#[test]
fn lives_that_fall_with_the_counters_of_the_engine_are_no_new_parts() {
    let mut judge = judge(1);
    let with = |used, pages| Readings {
        parts: vec![drum(used)],
        counters: vec![counter(CounterKind::Impressions, pages)],
        ..Readings::default()
    };
    feed(&mut judge, &with(60_000, 80_000), 1);
    let events = feed(&mut judge, &with(0, 0), 3);
    assert_eq!(replacements(&events), Vec::<&Replacement>::new());
    assert_eq!(codes(&events), [AlertCode::ConfigurationChange]);
}

#[test]
fn what_is_kept_of_a_full_board_is_small() {
    let mut judge = judge(1);
    let mut readings =
        Readings { counters: vec![counter(CounterKind::Impressions, 0)], ..Readings::default() };
    for number in 0..64 {
        let mut supply = named(&format!("cartridge-{number}"), 100);
        supply.serial = Some(format!("SN{number:08}"));
        readings.supplies.push(supply);
    }
    for at in 0..60 {
        readings.counters[0].value = Reading::Known { value: at * 25 };
        for supply in &mut readings.supplies {
            supply.level = Level::Known { amount: 100 - u32::try_from(at).unwrap() };
        }
        sample(&mut judge, &readings, at * 60_000);
    }
    let kept = serde_json::to_string(judge.past()).unwrap();
    assert!(kept.len() < 12 * 1024, "{} bytes", kept.len());
    assert_eq!(&serde_json::from_str::<Past>(&kept).unwrap().things.len(), &64);
}

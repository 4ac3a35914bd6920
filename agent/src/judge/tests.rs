//! The judge as a machine: no flapping, every raise has at most one end, the unknown raises no level.

use std::collections::HashMap;

use platen_protocol::alert::Severity;
use platen_protocol::readings::TemperatureReading;
use platen_protocol::supply::{Capacity, SupplyClass, SupplyType, SupplyUnit};
use platen_protocol::unknown::UnknownReason;
use proptest::prelude::*;

use super::*;

const SET: u8 = 10;

fn config(debounce_samples: u32) -> JudgeConfig {
    JudgeConfig { debounce_samples, ..JudgeConfig::default() }
}

fn judge(debounce_samples: u32) -> Judge {
    Judge::new(config(debounce_samples), Alerts::new("e"))
}

fn unknown(reason: UnknownReason) -> Level {
    Level::Unknown { cause: UnknownCause { reason, detail: "it does not answer".into() } }
}

fn supply(level: Level) -> SupplyReading {
    SupplyReading {
        name: "black".into(),
        index: 1,
        class: SupplyClass::SupplyThatIsConsumed,
        supply_type: SupplyType::TonerCartridge,
        colorant: Some("black".into()),
        unit: SupplyUnit::Percent,
        capacity: Capacity::Known { amount: 100 },
        level,
        set_percent: SET,
        serial: Some("1".into()),
    }
}

fn drum(used: u32) -> PartReading {
    PartReading {
        name: "drum".into(),
        index: 1,
        part_type: SupplyType::Opc,
        unit: SupplyUnit::Impressions,
        used: Reading::Known { value: used },
        rated_life: Capacity::Known { amount: 1000 },
        serial: None,
    }
}

fn switches(cover: bool, button: bool) -> Vec<SwitchReading> {
    let switch = |name: &str, meaning, active| SwitchReading {
        name: name.into(),
        meaning,
        active: Reading::Known { value: active },
    };
    vec![
        switch("cover", SwitchMeaning::Cover, cover),
        switch("service", SwitchMeaning::ServiceButton, button),
    ]
}

fn level(level: Level) -> Readings {
    Readings { supplies: vec![supply(level)], switches: switches(false, false), ..Readings::default() }
}

fn percent(amount: u32) -> Readings {
    level(Level::Known { amount })
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn edge(switch: &str, meaning: SwitchMeaning, active: bool, at: u64) -> Edge {
    Edge { switch: switch.into(), meaning, active, at: ms(at) }
}

fn codes(events: &[Event]) -> Vec<AlertCode> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Raised(alert) => Some(alert.code),
            _ => None,
        })
        .collect()
}

fn feed(judge: &mut Judge, readings: &Readings, times: usize) -> Vec<Event> {
    (0..times).flat_map(|_| judge.sample(readings, ms(1_000_000)).unwrap()).collect()
}

#[test]
fn toner_at_its_set_value_is_reported_with_the_cartridge() {
    let mut judge = judge(2);
    assert_eq!(codes(&feed(&mut judge, &percent(11), 5)), []);
    assert_eq!(codes(&feed(&mut judge, &percent(10), 1)), []);
    let events = feed(&mut judge, &percent(10), 1);
    let [Event::Raised(alert)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(alert.code, AlertCode::MarkerTonerAlmostEmpty);
    assert_eq!(alert.severity, Severity::Warning);
    assert_eq!(alert.supply, Some(supply(Level::Known { amount: 10 })));
    assert_eq!(alert.group_index, Some(1));
}

#[test]
fn empty_takes_the_place_of_almost_empty() {
    let mut judge = judge(1);
    let first = feed(&mut judge, &percent(5), 1);
    let [Event::Raised(low)] = first.as_slice() else { panic!("{first:?}") };
    let second = feed(&mut judge, &percent(0), 1);
    let [Event::Cleared { id, .. }, Event::Raised(empty)] = second.as_slice() else { panic!("{second:?}") };
    assert_eq!(*id, low.id);
    assert_eq!(empty.code, AlertCode::MarkerTonerEmpty);
    assert_eq!(empty.severity, Severity::Critical);
    assert_eq!(judge.alerts().standing().count(), 1);
}

#[test]
fn a_level_alert_ends_only_at_the_set_value_with_its_hysteresis() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(10), 1);
    assert_eq!(feed(&mut judge, &percent(12), 5), []);
    assert!(matches!(feed(&mut judge, &percent(13), 1).as_slice(), [Event::Cleared { .. }]));
}

#[test]
fn a_waste_box_is_full_when_no_space_is_left() {
    let mut judge = judge(1);
    let mut readings = percent(0);
    readings.supplies[0].class = SupplyClass::ReceptacleThatIsFilled;
    readings.supplies[0].supply_type = SupplyType::WasteToner;
    assert_eq!(codes(&feed(&mut judge, &readings, 1)), [AlertCode::MarkerWasteTonerReceptacleFull]);
}

#[test]
fn a_drum_at_the_end_of_its_life_is_reported_with_the_part() {
    let mut judge = judge(1);
    let with = |used| Readings { parts: vec![drum(used)], ..Readings::default() };
    assert_eq!(codes(&feed(&mut judge, &with(889), 3)), []);
    let events = feed(&mut judge, &with(900), 1);
    let [Event::Raised(alert)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((alert.code, alert.part.as_ref()), (AlertCode::MarkerOpcLifeAlmostOver, Some(&drum(900))));
    assert_eq!(codes(&feed(&mut judge, &with(1_200), 1)), [AlertCode::MarkerOpcLifeOver]);
}

#[test]
fn a_cartridge_that_does_not_answer_is_missing_and_one_that_answers_nonsense_has_failed() {
    let mut judge = judge(2);
    assert_eq!(codes(&feed(&mut judge, &level(unknown(UnknownReason::NoAnswer)), 1)), []);
    let missing = feed(&mut judge, &level(unknown(UnknownReason::NoAnswer)), 1);
    assert_eq!(codes(&missing), [AlertCode::MarkerTonerCartridgeMissing]);
    let failing = feed(&mut judge, &level(unknown(UnknownReason::Damaged)), 2);
    assert_eq!(codes(&failing), [AlertCode::SubunitRecoverableFailure]);
    assert!(matches!(feed(&mut judge, &percent(50), 2).as_slice(), [Event::Cleared { .. }]));
}

#[test]
fn a_low_level_stays_low_while_its_memory_cannot_be_read() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(5), 1);
    let events = feed(&mut judge, &level(unknown(UnknownReason::BusFailing)), 1);
    assert_eq!(codes(&events), [AlertCode::SubunitRecoverableFailure]);
    assert_eq!(judge.alerts().standing().count(), 2);
}

#[test]
fn a_cover_is_told_at_its_first_edge_and_bounce_is_ignored() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(50), 1);
    let cover = |active, at: u64| edge("cover", SwitchMeaning::Cover, active, 2_000_000 + at);
    let opened = judge.edge(&cover(true, 0)).unwrap();
    assert_eq!(codes(&opened), [AlertCode::CoverOpen]);
    for (active, at) in [(false, 1), (true, 2), (false, 30), (true, 49)] {
        assert_eq!(judge.edge(&cover(active, at)).unwrap(), []);
    }
    assert!(matches!(judge.edge(&cover(false, 60)).unwrap().as_slice(), [Event::Cleared { .. }]));
}

#[test]
fn an_edge_that_was_lost_is_healed_by_the_next_sample() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(50), 1);
    let mut open = percent(50);
    open.switches = switches(true, false);
    assert_eq!(codes(&judge.sample(&open, ms(2_000_000)).unwrap()), [AlertCode::CoverOpen]);
    assert!(matches!(judge.sample(&percent(50), ms(2_000_001)).unwrap().as_slice(), [Event::Cleared { .. }]));
}

#[test]
fn a_sample_within_the_window_does_not_undo_an_edge_and_one_after_it_does() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(50), 1);
    judge.edge(&edge("cover", SwitchMeaning::Cover, true, 2_000_000)).unwrap();
    assert_eq!(judge.sample(&percent(50), ms(2_000_049)).unwrap(), []);
    let events = judge.sample(&percent(50), ms(2_000_050)).unwrap();
    assert!(matches!(events.as_slice(), [Event::Cleared { .. }]), "{events:?}");
}

#[test]
fn one_press_is_one_call_also_when_it_bounces_and_is_held() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(50), 1);
    let mut calls = 0;
    let mut count =
        |events: Vec<Event>| calls += events.iter().filter(|e| **e == Event::ServiceButton).count();
    for (active, at) in [(true, 0), (false, 3), (true, 5), (false, 9), (true, 11)] {
        count(judge.edge(&edge("service", SwitchMeaning::ServiceButton, active, 2_000_000 + at)).unwrap());
    }
    let mut held = percent(50);
    held.switches = switches(false, true);
    for at in 0..20 {
        count(judge.sample(&held, ms(2_000_100 + at * 1_000)).unwrap());
    }
    count(judge.edge(&edge("service", SwitchMeaning::ServiceButton, false, 2_030_000)).unwrap());
    assert_eq!(calls, 1);
}

#[test]
fn a_button_that_is_stuck_when_the_agent_begins_calls_nobody() {
    let mut judge = judge(1);
    let mut stuck = percent(50);
    stuck.switches = switches(false, true);
    assert_eq!(judge.sample(&stuck, ms(1)).unwrap(), []);
}

#[test]
fn a_press_before_the_first_sample_is_a_call() {
    let mut judge = judge(1);
    let pressed = judge.edge(&edge("service", SwitchMeaning::ServiceButton, true, 5)).unwrap();
    assert_eq!(pressed, [Event::ServiceButton]);
}

#[test]
fn a_restart_neither_repeats_nor_loses_an_alert() {
    let mut before = judge(1);
    let mut readings = percent(5);
    readings.switches = switches(true, false);
    assert_eq!(feed(&mut before, &readings, 1).len(), 2);
    let kept = serde_json::to_string(before.alerts()).unwrap();
    let mut after = Judge::new(config(1), serde_json::from_str(&kept).unwrap());
    assert_eq!(feed(&mut after, &readings, 3), []);
    let ended = feed(&mut after, &percent(50), 1);
    assert!(matches!(ended.as_slice(), [Event::Cleared { .. }, Event::Cleared { .. }]), "{ended:?}");
    let again = feed(&mut after, &readings, 1);
    let old: Vec<_> = before.alerts().standing().map(|alert| &alert.id).collect();
    assert!(again.iter().all(|event| !matches!(event, Event::Raised(alert) if old.contains(&&alert.id))));
}

#[test]
fn an_alert_of_something_that_the_board_no_longer_has_ends() {
    let mut judge = judge(1);
    feed(&mut judge, &percent(5), 1);
    assert!(matches!(feed(&mut judge, &Readings::default(), 1).as_slice(), [Event::Cleared { .. }]));
}

#[test]
fn readings_are_told_again_only_when_they_moved_enough() {
    let told = Readings {
        temperatures: vec![TemperatureReading {
            name: "ambient".into(),
            millidegrees_celsius: Reading::Known { value: 20_000 },
        }],
        ..percent(50)
    };
    assert!(!is_worth_telling(&told, &told));
    let mut warmer = told.clone();
    warmer.temperatures[0].millidegrees_celsius = Reading::Known { value: 21_999 };
    assert!(!is_worth_telling(&told, &warmer));
    warmer.temperatures[0].millidegrees_celsius = Reading::Known { value: 22_000 };
    assert!(is_worth_telling(&told, &warmer));
    let mut less = told.clone();
    less.supplies[0].level = Level::Known { amount: 49 };
    assert!(is_worth_telling(&told, &less));
    let mut other = told.clone();
    other.supplies[0].serial = Some("2".into());
    assert!(is_worth_telling(&told, &other));
    let mut gone = told.clone();
    gone.supplies[0].level = unknown(UnknownReason::NoAnswer);
    assert!(is_worth_telling(&told, &gone));
    let mut still_gone = gone.clone();
    still_gone.supplies[0].level = unknown(UnknownReason::Damaged);
    assert!(!is_worth_telling(&gone, &still_gone), "another wording of the same trouble is no news");
}

fn any_level() -> impl Strategy<Value = Level> {
    prop_oneof![
        6 => (0_u32..=100).prop_map(|amount| Level::Known { amount }),
        1 => Just(Level::SomeRemains),
        1 => Just(Level::Unrestricted),
        2 => prop_oneof![Just(UnknownReason::NoAnswer), Just(UnknownReason::Damaged)].prop_map(unknown),
    ]
}

fn is_level(alert: &Alert) -> bool {
    matches!(alert.code, AlertCode::MarkerTonerAlmostEmpty | AlertCode::MarkerTonerEmpty)
}

proptest! {
    #[test]
    fn a_level_that_swings_around_the_set_value_alarms_at_most_once(
        amounts in prop::collection::vec(u32::from(SET) - 2..=u32::from(SET) + 2, 1..200),
        debounce in 1_u32..5,
    ) {
        let mut judge = judge(debounce);
        let raised: usize = amounts.iter().map(|amount| codes(&feed(&mut judge, &percent(*amount), 1)).len()).sum();
        prop_assert!(raised <= 1);
    }

    #[test]
    fn every_alert_is_raised_once_and_ends_at_most_once_after_it(
        levels in prop::collection::vec(any_level(), 1..150),
        debounce in 1_u32..4,
    ) {
        let mut judge = judge(debounce);
        let mut standing: HashMap<AlertId, Alert> = HashMap::new();
        let mut seen = Vec::new();
        for one in levels {
            for event in feed(&mut judge, &level(one), 1) {
                match event {
                    Event::Raised(alert) => {
                        prop_assert!(!seen.contains(&alert.id), "an id was used twice");
                        seen.push(alert.id.clone());
                        standing.insert(alert.id.clone(), *alert);
                    }
                    Event::Cleared { id, .. } => prop_assert!(standing.remove(&id).is_some(), "cleared what does not stand"),
                    _ => {}
                }
            }
            let levels = standing.values().filter(|alert| is_level(alert)).count();
            prop_assert!(levels <= 1 && standing.len() - levels <= 1, "one entry an event");
            let told: Vec<_> = judge.alerts().standing().map(|alert| alert.id.clone()).collect();
            prop_assert_eq!(told.len(), standing.len());
        }
    }

    #[test]
    fn what_is_unknown_never_raises_or_ends_a_level_alert(
        start in 0_u32..=100,
        reasons in prop::collection::vec(prop_oneof![Just(UnknownReason::NoAnswer), Just(UnknownReason::Implausible)], 1..50),
    ) {
        let mut judge = judge(1);
        feed(&mut judge, &percent(start), 1);
        let before: Vec<_> = judge.alerts().standing().filter(|a| is_level(a)).cloned().collect();
        for reason in reasons {
            feed(&mut judge, &level(unknown(reason)), 1);
            let now: Vec<_> = judge.alerts().standing().filter(|a| is_level(a)).cloned().collect();
            prop_assert_eq!(&now, &before);
        }
    }

    #[test]
    fn after_any_bounce_the_settled_level_is_what_stands(
        bounces in prop::collection::vec((any::<bool>(), 0_u64..40), 0..30),
        settled: bool,
    ) {
        let mut judge = judge(1);
        feed(&mut judge, &percent(50), 1);
        let mut at = 2_000_000;
        for (active, gap) in bounces {
            at += gap;
            judge.edge(&edge("cover", SwitchMeaning::Cover, active, at)).unwrap();
        }
        let mut readings = percent(50);
        readings.switches = switches(settled, false);
        judge.sample(&readings, ms(at + 51)).unwrap();
        prop_assert_eq!(judge.alerts().standing().count() == 1, settled);
    }
}

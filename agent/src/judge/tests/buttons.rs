//! Presses and what they mean.

use super::*;

fn panel(service: bool, order: bool) -> Vec<SwitchReading> {
    vec![
        switch("service", SwitchMeaning::ServiceButton, service),
        switch("order", SwitchMeaning::OrderButton, order),
    ]
}

fn stocked() -> Readings {
    let unreadable = SupplyReading { name: "yellow".into(), ..supply(unknown(UnknownReason::Damaged)) };
    let supplies = vec![
        unreadable,
        waste(Level::Known { amount: 5 }),
        named("black", 40),
        named("cyan", 8),
        named("magenta", 8),
    ];
    Readings { supplies, switches: panel(false, false), ..Readings::default() }
}

#[test]
fn a_short_press_orders_what_is_lowest_to_the_last_unit() {
    let of = |name: &str, amount, full| SupplyReading {
        capacity: Capacity::Known { amount: full },
        ..named(name, amount)
    };
    let supplies = vec![of("cyan", 29, 3000), of("magenta", 9_000, 1_000_000), of("black", 28, 3000)];
    let mut judge = judge(1);
    let readings = Readings { supplies, switches: panel(false, false), ..Readings::default() };
    sample(&mut judge, &readings, 0);
    let events = press(&mut judge, SwitchMeaning::OrderButton, 10_000, 10_200);
    assert_eq!(ordered(&events), [vec!["magenta"]], "all three are below one percent");
}

fn wishes(events: Vec<Event>) -> Vec<Event> {
    let wish = |e: &Event| matches!(e, Event::ServiceCall | Event::ReportWanted | Event::Order { .. });
    events.into_iter().filter(wish).collect()
}

fn press(judge: &mut Judge, meaning: SwitchMeaning, from: u64, to: u64) -> Vec<Event> {
    let name = if meaning == SwitchMeaning::OrderButton { "order" } else { "service" };
    let mut events = judge.edge(&edge(name, meaning, true, from)).unwrap();
    assert_eq!(wishes(events.clone()), [], "a press is judged at its end");
    events.extend(judge.edge(&edge(name, meaning, false, to)).unwrap());
    wishes(events)
}

fn ordered(events: &[Event]) -> Vec<Vec<&str>> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Order { supplies, .. } => Some(supplies.iter().map(|s| s.name.as_str()).collect()),
            _ => None,
        })
        .collect()
}

fn ready() -> Judge {
    let mut judge = judge(1);
    sample(&mut judge, &stocked(), 0);
    judge
}

#[test]
fn a_short_press_calls_service_and_a_long_one_wants_the_report() {
    let mut judge = ready();
    assert_eq!(press(&mut judge, SwitchMeaning::ServiceButton, 1_000, 3_999), [Event::ServiceCall]);
    assert_eq!(press(&mut judge, SwitchMeaning::ServiceButton, 10_000, 13_000), [Event::ReportWanted]);
}

#[test]
fn one_press_is_one_call_also_when_it_bounces_and_its_end_is_seen_by_a_sample() {
    let mut judge = ready();
    let mut calls = Vec::new();
    for (active, at) in [(true, 0), (false, 3), (true, 5), (false, 9), (true, 11), (false, 12)] {
        let bounce = edge("service", SwitchMeaning::ServiceButton, active, 2_000_000 + at);
        calls.extend(judge.edge(&bounce).unwrap());
    }
    for at in 0..20 {
        calls.extend(sample(&mut judge, &stocked(), 2_000_060 + at * 1_000));
    }
    assert_eq!(wishes(calls), [Event::ServiceCall]);
}

#[test]
fn a_button_that_is_stuck_when_the_agent_begins_calls_nobody_until_it_is_pressed_again() {
    let mut judge = judge(1);
    let stuck = Readings { switches: panel(true, true), ..stocked() };
    assert_eq!(wishes(sample(&mut judge, &stuck, 0)), []);
    assert_eq!(wishes(sample(&mut judge, &stocked(), 1_000)), []);
    assert_eq!(press(&mut judge, SwitchMeaning::ServiceButton, 2_000, 2_500), [Event::ServiceCall]);
}

#[test]
fn a_button_that_is_held_for_half_a_minute_is_nobodys_wish() {
    let mut judge = ready();
    assert_eq!(press(&mut judge, SwitchMeaning::ServiceButton, 1_000, 31_000), []);
    assert_eq!(press(&mut judge, SwitchMeaning::OrderButton, 1_000, 31_000), []);
}

#[test]
fn a_press_before_the_first_sample_is_a_call() {
    let mut judge = judge(1);
    assert_eq!(press(&mut judge, SwitchMeaning::ServiceButton, 5, 500), [Event::ServiceCall]);
}

#[test]
fn a_short_press_orders_the_lowest_supply_that_is_known_and_of_equals_the_first() {
    let events = press(&mut ready(), SwitchMeaning::OrderButton, 1_000, 1_300);
    assert_eq!(ordered(&events), [["cyan"]]);
}

#[test]
fn a_long_press_orders_all_that_have_reached_a_set_value() {
    let events = press(&mut ready(), SwitchMeaning::OrderButton, 1_000, 5_000);
    assert_eq!(ordered(&events), [["waste", "cyan", "magenta"]]);
}

#[test]
fn a_double_press_is_one_order_and_a_later_one_another() {
    let mut judge = ready();
    let mut all = Vec::new();
    for (from, to) in [(1_000, 1_200), (1_500, 1_700), (11_000, 11_200), (21_200, 21_400)] {
        all.push(press(&mut judge, SwitchMeaning::OrderButton, from, to).len());
    }
    assert_eq!(all, [1, 0, 0, 1]);
}

#[test]
fn a_press_orders_nothing_where_nothing_is_known() {
    let mut judge = judge(1);
    let blind = Readings { supplies: vec![supply(Level::SomeRemains)], ..stocked() };
    sample(&mut judge, &blind, 0);
    assert_eq!(press(&mut judge, SwitchMeaning::OrderButton, 1_000, 1_200), []);
    assert_eq!(press(&mut judge, SwitchMeaning::OrderButton, 20_000, 24_000), []);
}

/// Presses, each so long after the one before; how many were wishes.
fn hammer(judge: &mut Judge, meaning: SwitchMeaning, (begin, pause, times): (u64, u64, u64)) -> usize {
    (0..times).map(|n| press(judge, meaning, begin + n * pause, begin + n * pause + 120).len()).sum()
}

fn storms(judge: &Judge) -> Vec<String> {
    judge
        .alerts()
        .standing()
        .filter(|alert| alert.description.contains("stuck"))
        .map(|a| a.subject.clone())
        .collect()
}

#[test]
fn a_storm_at_a_button_is_one_alert_about_it_that_ends_when_it_is_still_and_its_presses_are_nobodys() {
    let mut judge = ready();
    assert_eq!(hammer(&mut judge, SwitchMeaning::ServiceButton, (1_000, 400, 150)), STORM_PRESSES);
    assert_eq!(storms(&judge), ["service"]);
    let quiet = 1_000 + 149 * 400 + 120;
    assert_eq!(cleared(&sample(&mut judge, &stocked(), quiet + 30_000)), 0);
    assert_eq!(press(&mut judge, SwitchMeaning::OrderButton, quiet + 30_500, quiet + 30_700).len(), 1);
    let still = quiet + 61_000;
    assert_eq!(cleared(&sample(&mut judge, &stocked(), still)), 1);
    assert_eq!(storms(&judge), [""; 0]);
    assert_eq!(press(&mut judge, SwitchMeaning::ServiceButton, still + 1, still + 200), [Event::ServiceCall]);
}

#[test]
fn an_impatient_person_is_no_storm() {
    let mut judge = ready();
    assert_eq!(hammer(&mut judge, SwitchMeaning::ServiceButton, (1_000, 4_000, 100)), 100);
    assert_eq!(storms(&judge), [""; 0]);
}

#[test]
fn a_line_without_an_alert_of_its_own_that_storms_is_told_of_and_its_changes_are_no_news() {
    let mut judge = judge(1);
    let asleep =
        |active| Readings { switches: vec![switch("sleep", SwitchMeaning::Sleep, active)], ..stocked() };
    sample(&mut judge, &asleep(false), 0);
    judge.told(&asleep(false));
    let mut told = 0;
    for n in 0..200 {
        let at = 1_000 + n * 400;
        judge.edge(&edge("sleep", SwitchMeaning::Sleep, n % 2 == 0, at)).unwrap();
        let events = sample(&mut judge, &asleep(n % 2 == 0), at + 60);
        told += events.iter().filter(|event| matches!(event, Event::Changed)).count();
    }
    assert!(told <= 2 * STORM_PRESSES + 2, "{told}");
    assert_eq!(storms(&judge), ["sleep"]);
    let end = 1_000 + 200 * 400;
    let events = sample(&mut judge, &asleep(true), end + 61_000);
    assert!(events.contains(&Event::Changed), "how it stands after the storm is news");
}

#[test]
fn what_was_refused_is_ordered_again_by_holding_the_button_soon_and_by_nothing_else() {
    let again =
        |judge: &mut Judge, from, to| match press(judge, SwitchMeaning::OrderButton, from, to).as_slice() {
            [Event::Order { supplies, again }] => {
                (supplies.iter().map(|s| s.name.clone()).collect::<Vec<_>>(), *again)
            }
            other => panic!("{other:?}"),
        };
    let refused = || {
        let mut judge = ready();
        judge.refuse(vec!["black".into()], ms(1_200));
        judge
    };
    assert_eq!(again(&mut refused(), 4_000, 7_500), (vec!["black".into()], true));
    let all: Vec<String> = ["waste", "cyan", "magenta"].map(Into::into).into();
    assert_eq!(
        again(&mut refused(), 40_000, 43_500),
        (all.clone(), false),
        "too late: it is an order of its own"
    );
    let mut judge = refused();
    assert_eq!(
        again(&mut judge, 14_000, 14_200),
        (vec!["cyan".into()], false),
        "a short press repeats nothing"
    );
    assert_eq!(again(&mut judge, 16_000, 19_500), (all, false), "and forgets what was refused before it");
}

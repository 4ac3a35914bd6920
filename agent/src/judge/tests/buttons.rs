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
            Event::Order { supplies } => Some(supplies.iter().map(|s| s.name.as_str()).collect()),
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

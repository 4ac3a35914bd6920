//! Whatever a printer says.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn any_reason() -> impl Strategy<Value = UnknownReason> {
    prop_oneof![
        Just(UnknownReason::NoAnswer),
        Just(UnknownReason::BusFailing),
        Just(UnknownReason::Damaged),
        Just(UnknownReason::Implausible),
        Just(UnknownReason::NotMeasured),
    ]
}

fn any_level() -> impl Strategy<Value = Level> {
    prop_oneof![
        6 => (0_u32..=100).prop_map(|amount| Level::Known { amount }),
        1 => any::<u32>().prop_map(|amount| Level::Known { amount }),
        1 => Just(Level::SomeRemains),
        1 => Just(Level::Unrestricted),
        2 => any_reason().prop_map(unknown),
    ]
}

fn maybe<T: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Reading<T>> {
    prop_oneof![5 => value.prop_map(|value| Reading::Known { value }), 1 => any_reason().prop_map(lost)]
        .boxed()
}

fn any_supply(name: &'static str) -> impl Strategy<Value = SupplyReading> {
    let capacity = prop_oneof![
        8 => Just(Capacity::Known { amount: 100 }),
        1 => any::<u32>().prop_map(|amount| Capacity::Known { amount }),
        1 => Just(Capacity::Unrestricted),
        1 => Just(Capacity::Unknown),
    ];
    let serial =
        prop_oneof![6 => Just(Some("1".to_owned())), 1 => Just(Some("2".to_owned())), 1 => Just(None)];
    (any_level(), capacity, serial, any::<(Option<u32>, bool)>()).prop_map(
        move |(level, capacity, serial, (set_pages, wrong))| SupplyReading {
            name: name.into(),
            capacity,
            serial,
            set_pages,
            expected: wrong.then_some(ExpectedSupply { supply_type: Some(SupplyType::Ink), colorant: None }),
            ..if name == "waste" { waste(level) } else { supply(level) }
        },
    )
}

fn any_switches() -> impl Strategy<Value = Vec<SwitchReading>> {
    use SwitchMeaning as Means;
    let all = [
        ("cover", Means::Cover),
        ("lock", Means::Interlock),
        ("path", Means::Jam),
        ("low", Means::PaperLow),
        ("empty", Means::PaperEmpty),
        ("box", Means::WastePresent),
        ("full", Means::WasteFull),
        ("sleep", Means::Sleep),
        ("service", Means::ServiceButton),
        ("order", Means::OrderButton),
        ("exit", Means::PageExit),
    ];
    prop::collection::vec(maybe(any::<bool>()), all.len()).prop_map(move |states| {
        let one = |((name, meaning), active)| SwitchReading {
            active,
            supply: matches!(meaning, Means::WastePresent | Means::WasteFull).then(|| "waste".to_owned()),
            ..switch(name, meaning, false)
        };
        all.into_iter().zip(states).map(one).collect()
    })
}

prop_compose! {
    fn any_readings()(
        supplies in (any_supply("black"), any_supply("waste")),
        used in maybe(any::<u32>()),
        heat in maybe(prop_oneof![0_i32..250_000, any::<i32>()]),
        switches in any_switches(),
        pages in maybe(prop_oneof![0_u64..5_000, any::<u64>()]),
        colour in maybe(0_u64..5_000),
        bus in prop::option::weighted(0.2, any_reason()),
    ) -> Readings {
        Readings {
            supplies: vec![supplies.0, supplies.1],
            parts: vec![part("drum", SupplyType::Opc, used)],
            temperatures: vec![TemperatureReading { millidegrees_celsius: heat, ..fuser(0) }],
            switches,
            counters: vec![
                CounterReading { value: pages, ..counter(CounterKind::Impressions, 0) },
                CounterReading { value: colour, ..counter(CounterKind::FullColor, 0) },
            ],
            billing: vec![],
            buses: vec![BusReading { name: "main".into(), failing: bus.map(cause) }],
            held: Vec::new(),
        }
    }
}

/// A sample or an edge, and the time that passes before it.
#[derive(Debug, Clone)]
enum Step {
    Sample(Box<Readings>, u64, Option<i64>),
    Edge(usize, bool, u64),
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    let wall = prop::option::of(prop_oneof![1_700_000_000_i64..1_710_000_000, any::<i64>()]);
    prop_oneof![
        6 => (any_readings(), 0_u64..20_000_000, wall)
            .prop_map(|(readings, gap, wall)| Step::Sample(Box::new(readings), gap, wall)),
        4 => (0_usize..11, any::<bool>(), 0_u64..40_000).prop_map(|(n, active, gap)| Step::Edge(n, active, gap)),
        1 => Just(Step::Restart),
    ]
}

/// Follows what was told, and checks that it agrees with what stands.
#[derive(Default)]
struct Follower {
    standing: HashMap<AlertId, Alert>,
    seen: Vec<AlertId>,
}

impl Follower {
    fn follow(&mut self, judge: &Judge, events: Vec<Event>) -> Result<(), TestCaseError> {
        for event in events {
            match event {
                Event::Raised(alert) => {
                    prop_assert!(!self.seen.contains(&alert.id), "an id was used twice");
                    prop_assert!(
                        !alert.forecast || !alert.evidence.is_empty(),
                        "a forecast without evidence"
                    );
                    self.seen.push(alert.id.clone());
                    self.standing.insert(alert.id.clone(), *alert);
                }
                Event::Cleared { id, .. } => {
                    prop_assert!(self.standing.remove(&id).is_some(), "cleared what does not stand");
                }
                Event::Order { supplies, .. } => {
                    prop_assert!(!supplies.is_empty());
                    prop_assert!(supplies.iter().all(|supply| supply.percent().is_some()));
                }
                _ => {}
            }
        }
        let stands = serde_json::to_value(judge.alerts()).unwrap();
        let mut aspects: Vec<_> = stands["standing"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["alert"]["subject"].to_string(), one["aspect"]["aspect"].to_string()))
            .collect();
        prop_assert_eq!(aspects.len(), self.standing.len());
        aspects.sort();
        aspects.dedup();
        prop_assert_eq!(aspects.len(), self.standing.len(), "one alert for each aspect of a thing");
        Ok(())
    }
}

/// What is plain to read and away from every limit by more than the hysteresis, or well beyond it.
fn plain() -> impl Strategy<Value = Readings> {
    let level = prop_oneof![Just(0_u32), 4_u32..=9, 20_u32..=100];
    let used = prop_oneof![0_u32..=80_000, 91_000_u32..=96_000, 100_000_u32..=200_000];
    let heat = prop_oneof![160_000_i32..=215_000, 225_000_i32..=250_000];
    let states = prop::collection::vec(any::<bool>(), 11);
    (level.clone(), level, used, heat, states, any::<bool>()).prop_flat_map(
        |(black, full, used, heat, states, other)| {
            any_switches().prop_map(move |mut switches| {
                for (switch, active) in switches.iter_mut().zip(&states) {
                    switch.active = Reading::Known { value: *active };
                }
                let mut waste = waste(Level::Known { amount: full });
                waste.serial = Some("3".into());
                let mut black = named("black", black);
                black.expected = Some(ExpectedSupply {
                    supply_type: Some(if other { SupplyType::Ink } else { SupplyType::Toner }),
                    colorant: None,
                });
                Readings {
                    supplies: vec![black, waste],
                    parts: vec![drum(used)],
                    temperatures: vec![fuser(heat)],
                    switches,
                    counters: vec![counter(CounterKind::Impressions, 7), counter(CounterKind::FullColor, 7)],
                    billing: vec![],
                    buses: vec![BusReading { name: "main".into(), failing: None }],
                    held: Vec::new(),
                }
            })
        },
    )
}

/// What stands, apart from forecasts and from what says of itself that it is held.
fn conditions(judge: &Judge) -> Vec<(String, AlertCode)> {
    let mut all: Vec<_> = judge
        .alerts()
        .standing()
        .filter(|alert| !alert.forecast)
        .map(|alert| (alert.subject.clone(), alert.code))
        .collect();
    all.sort_by_key(|(subject, code)| (subject.clone(), code.number()));
    all
}

fn run(judge: &mut Judge, steps: Vec<Step>, at: &mut u64) -> Result<(), TestCaseError> {
    let mut follower = Follower::default();
    for step in steps {
        let events = match step {
            Step::Sample(mut readings, gap, wall) => {
                *at += gap;
                let wall = wall.and_then(|second| Timestamp::from_second(second).ok());
                judge.sample(&mut readings, Moment { at: ms(*at), wall }).unwrap()
            }
            Step::Edge(number, active, gap) => {
                *at += gap;
                let names = ["cover", "lock", "path", "low", "empty", "service", "order", "unheard-of"];
                let meanings = [
                    SwitchMeaning::Cover,
                    SwitchMeaning::Interlock,
                    SwitchMeaning::Jam,
                    SwitchMeaning::PaperLow,
                    SwitchMeaning::PaperEmpty,
                    SwitchMeaning::ServiceButton,
                    SwitchMeaning::OrderButton,
                    SwitchMeaning::Cover,
                ];
                let number = number % names.len();
                judge.edge(&edge(names[number], meanings[number], active, *at)).unwrap()
            }
            Step::Restart => {
                *judge = restarted(judge);
                Vec::new()
            }
        };
        follower.follow(judge, events)?;
    }
    Ok(())
}

fn is_level(alert: &Alert) -> bool {
    matches!(alert.code, AlertCode::MarkerTonerAlmostEmpty | AlertCode::MarkerTonerEmpty)
}

proptest! {
    #[test]
    fn whatever_is_read_every_raise_has_at_most_one_end_and_every_aspect_one_alert(
        steps in prop::collection::vec(any_step(), 1..60),
        debounce in 1_u32..4,
    ) {
        run(&mut judge(debounce), steps, &mut 0)?;
    }

    #[test]
    fn what_stands_after_a_quiet_time_is_what_a_fresh_judge_would_raise(
        steps in prop::collection::vec(any_step(), 1..40),
        last in plain(),
        debounce in 1_u32..4,
    ) {
        let mut old = judge(debounce);
        let mut at = 0;
        run(&mut old, steps, &mut at)?;
        let mut fresh = judge(debounce);
        // Longer than warming up and than an alert is held, in steps that a real agent has.
        for _ in 0..70 {
            at += 30_000;
            sample(&mut old, &last, at);
            sample(&mut fresh, &last, at);
        }
        // A cover and its interlock that are both open are one alert, of whichever was seen first.
        let one_door = |mut all: Vec<(String, AlertCode)>| {
            for (subject, code) in &mut all {
                if *code == AlertCode::InterlockOpen {
                    (*subject, *code) = ("cover".to_owned(), AlertCode::CoverOpen);
                }
            }
            all.sort_by_key(|(subject, code)| (subject.clone(), code.number()));
            all
        };
        let both = last.switches.iter().take(2).all(|s| s.active == Reading::Known { value: true });
        let (mut old, mut fresh) = (conditions(&old), conditions(&fresh));
        if both {
            (old, fresh) = (one_door(old), one_door(fresh));
        }
        prop_assert_eq!(old, fresh);
    }

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
    fn however_a_thing_trembles_its_alert_is_raised_no_oftener_than_the_limit(
        trembles in prop::collection::vec((any::<bool>(), 60_u64..5_000, 0_u32..=14), 1..400),
        flap_limit in 2_u32..20,
    ) {
        let mut judge = Judge::new(JudgeConfig { flap_limit, ..config(1) }, Alerts::new("e"), Past::default());
        let (mut at, mut covers, mut levels) = (BEGIN, 0, 0);
        for (active, gap, amount) in trembles {
            at += gap;
            let mut events = judge.edge(&edge("cover", SwitchMeaning::Cover, active, at)).unwrap();
            let mut readings = percent(amount);
            readings.switches = switches(active, false);
            events.extend(sample(&mut judge, &readings, at));
            covers += codes(&events).iter().filter(|code| **code == AlertCode::CoverOpen).count();
            levels += raised(&events).iter().filter(|alert| is_level(alert)).count();
        }
        // 400 trembles of 5 s are less than an hour; an alert that is held may become worse once.
        prop_assert!(covers <= flap_limit as usize, "{covers} of {flap_limit}");
        prop_assert!(levels <= flap_limit as usize + 1, "{levels} of {flap_limit}");
    }

    #[test]
    fn what_is_unknown_never_raises_or_ends_a_level_alert(
        start in 0_u32..=100,
        reasons in prop::collection::vec(any_reason(), 1..50),
    ) {
        let mut judge = judge(1);
        feed(&mut judge, &percent(start), 1);
        let levels = |judge: &Judge| judge.alerts().standing().filter(|a| is_level(a)).cloned().collect::<Vec<_>>();
        let before = levels(&judge);
        for reason in reasons {
            feed(&mut judge, &level(unknown(reason)), 1);
            prop_assert_eq!(&levels(&judge), &before);
        }
    }

    #[test]
    fn special_levels_never_raise_a_level_alert(
        specials in prop::collection::vec(
            prop_oneof![Just(Level::SomeRemains), Just(Level::Unrestricted), any_reason().prop_map(unknown)], 1..50),
    ) {
        let mut judge = judge(1);
        for special in specials {
            let events = feed(&mut judge, &level(special), 1);
            prop_assert!(raised(&events).iter().all(|alert| !is_level(alert)));
        }
    }

    #[test]
    fn after_any_bounce_the_settled_level_is_what_stands(
        bounces in prop::collection::vec((any::<bool>(), 0_u64..40), 0..20),
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
        sample(&mut judge, &readings, at + 51);
        prop_assert_eq!(judge.alerts().standing().count() == 1, settled);
    }

    #[test]
    fn an_outlook_keeps_its_order_and_nothing_is_foretold_of_what_is_unknown(
        steps in prop::collection::vec((any_level(), 0_u64..2_000, 0_u64..90_000_000), 1..120),
    ) {
        let mut judge = judge(1);
        let (mut at, mut pages) = (0, 0);
        for (said, printed, gap) in steps {
            at += gap;
            pages += printed;
            let mut readings = level(said);
            readings.counters = vec![counter(CounterKind::Impressions, pages)];
            judge.sample(&mut readings, moment(at)).unwrap();
            let supply = &readings.supplies[0];
            if let Some(outlook) = &supply.outlook {
                prop_assert!(matches!(supply.level, Level::Known { .. }), "foretold of what is unknown");
                for estimate in [outlook.pages, outlook.days].into_iter().flatten() {
                    prop_assert!(estimate.at_least <= estimate.likely && estimate.likely <= estimate.at_most);
                }
            }
        }
    }

    #[test]
    fn a_past_whose_numbers_are_absurd_does_no_harm(
        steps in prop::collection::vec(any_step(), 1..20),
        seeds in prop::collection::vec(any::<u64>(), 8),
        small in prop::collection::vec(any::<i32>(), 4),
    ) {
        let [a, b, c, d, e, f, g, h] = seeds[..] else { panic!() };
        let [i, j, k, l] = small[..] else { panic!() };
        let text = serde_json::json!({
            "watched_ms": a,
            "counters": {"known": {"impressions": {"value": b, "epoch": u32::MAX}}, "pages": c, "colour": d,
                "fell": {"times": u32::MAX, "noted_ms": e, "counters": [["sheets", f, g]]}},
            "daily": {"day": i, "powered_ms": a, "pages": b, "colour": c, "begun": true, "days": u32::MAX,
                "all": {"mean": h, "spread": f}, "in_colour": {"mean": 1, "spread": g}},
            "jams": {"recent": [a, b, c], "before": d, "pages_before": e, "counted_to": f},
            "things": {"black": {"s": "1", "l": i, "c": j, "t": 999, "u": 0,
                "w": {"a": [a, b], "x": true, "v": c, "p": d, "n": 9, "d": e, "o": f, "f": 255,
                    "q": {"what": "too_much", "found": g, "usual": h},
                    "r": {"times": u32::MAX, "noted_ms": a, "from_percent": b, "to_percent": c}}}},
            "sensors": {"fuser": {"w": {"n": 300, "m": i, "s": j, "l": k}, "z": {"n": 199, "m": l, "s": i, "l": j}}},
        });
        let past: Past = serde_json::from_value(text).unwrap();
        let mut judge = Judge::new(config(1), Alerts::new("e"), past);
        run(&mut judge, steps, &mut 0)?;
    }
}

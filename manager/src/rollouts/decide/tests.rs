//! Rollouts by the rules alone: single decisions, and a state machine in which devices and people do anything at any time.

use proptest::prelude::*;

use super::super::plan::{HaltAt, Plan, Wave};
use super::*;

fn now() -> Timestamp {
    "2026-11-30T10:00:00Z".parse().unwrap()
}

fn plan(change: impl FnOnce(&mut Plan)) -> Plan {
    let mut plan = Plan { pause_seconds: 60, enough_percent: 100, at_once: 10, ..Plan::default() };
    change(&mut plan);
    plan
}

fn standing(waves: &[Counts]) -> Standing {
    let kept = waves.iter().map(|wave| wave.kept).sum();
    let failures = waves.iter().map(|wave| wave.failed + wave.silent).sum();
    Standing { waves: waves.to_vec(), wave: 0, wave_ended: None, verdicts: Verdicts { kept, failures } }
}

#[test]
fn as_many_are_offered_it_as_may_be_at_once_and_only_of_waves_that_have_begun() {
    let first = Counts { waiting: 30, offered: 2, under_way: 3, ..Counts::default() };
    let second = Counts { waiting: 500, ..Counts::default() };
    assert_eq!(decide(&plan(|_| {}), &standing(&[first, second]), now()), Decision::Offer(5));
    let few = Counts { waiting: 1, ..first };
    assert_eq!(decide(&plan(|_| {}), &standing(&[few, second]), now()), Decision::Offer(1));
    let full = Counts { under_way: 8, ..first };
    assert_eq!(decide(&plan(|_| {}), &standing(&[full, second]), now()), Decision::Nothing);
}

#[test]
fn a_wave_succeeds_when_enough_of_it_have_ended_and_the_next_begins_after_the_pause() {
    let first = Counts { kept: 9, under_way: 1, ..Counts::default() };
    let waves = [first, Counts { waiting: 5, ..Counts::default() }];
    assert_eq!(decide(&plan(|_| {}), &standing(&waves), now()), Decision::Nothing);
    let most = plan(|plan| plan.enough_percent = 90);
    assert_eq!(decide(&most, &standing(&waves), now()), Decision::EndWave);
    let ended = |seconds: i64| {
        let ended = now() - SignedDuration::from_secs(seconds);
        Standing { wave_ended: Some(ended), ..standing(&waves) }
    };
    assert_eq!(decide(&most, &ended(59), now()), Decision::Nothing);
    assert_eq!(decide(&most, &ended(60), now()), Decision::BeginWave);
    let done = Counts { kept: 9, skipped: 1, ..Counts::default() };
    assert_eq!(decide(&most, &standing(&[done]), now()), Decision::Finish);
}

#[test]
fn it_halts_at_the_limit_and_not_before() {
    let of = |kept, failed, silent| {
        let wave = Counts { waiting: 100, kept, failed, silent, ..Counts::default() };
        standing(&[wave])
    };
    let count = plan(|plan| plan.halt_at = HaltAt { failures: Some(3), percent: None, of_at_least: 1 });
    assert_eq!(decide(&count, &of(50, 1, 1), now()), Decision::Offer(10));
    let halted = decide(&count, &of(50, 2, 1), now());
    assert_eq!(halted, Decision::Halt("3 of 53 devices failed; it halts at 3".to_owned()));
    // 5 percent of at least 20.
    let share = plan(|_| {});
    assert_eq!(decide(&share, &of(18, 1, 0), now()), Decision::Offer(10), "of 19");
    assert!(matches!(decide(&share, &of(19, 1, 0), now()), Decision::Halt(_)), "of 20");
    assert_eq!(decide(&share, &of(20, 1, 0), now()), Decision::Offer(10), "4.8 percent");
    assert!(matches!(decide(&share, &of(0, 0, 20), now()), Decision::Halt(_)), "silence is a failure");
}

#[test]
fn at_the_end_of_a_wave_few_devices_count_too() {
    let first = Counts { kept: 2, failed: 1, ..Counts::default() };
    let next = Counts { waiting: 100, ..Counts::default() };
    assert!(matches!(decide(&plan(|_| {}), &standing(&[first, next]), now()), Decision::Halt(_)));
    assert!(matches!(decide(&plan(|_| {}), &standing(&[first]), now()), Decision::Halt(_)));
    // Somebody has looked at it and lifted the halt.
    let lifted = Standing { verdicts: Verdicts::default(), ..standing(&[first, next]) };
    assert_eq!(decide(&plan(|_| {}), &lifted, now()), Decision::EndWave);
}

/// How a device of the model stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Waiting,
    Offered,
    UnderWay,
    Proving,
    Kept,
    Failed,
    Silent,
    Skipped,
}

/// What happens in the model; numbers choose a device.
#[derive(Debug, Clone)]
enum Happens {
    Fetches(usize),
    DoesNotFetch(usize),
    Ends(usize, bool),
    FallsSilent(usize),
    IsHeardOf(usize, bool),
    IsSkipped(usize),
    IsRetried(usize),
    TimePasses(i64),
    Pause,
    Resume,
    Lift,
}

struct Device {
    wave: usize,
    is: Is,
    lift: u32,
}

/// A rollout of the model, which does what is decided as the store does.
struct Model {
    plan: Plan,
    devices: Vec<Device>,
    wave: usize,
    wave_ended: Option<Timestamp>,
    running: bool,
    halted: bool,
    finished: bool,
    lifts: u32,
    now: Timestamp,
}

impl Model {
    fn new(plan: Plan, devices: u64) -> Self {
        let sizes = plan.sizes(devices);
        let of_wave =
            |(wave, size): (usize, &u64)| (0..*size).map(move |_| Device { wave, is: Is::Waiting, lift: 0 });
        let devices = sizes.iter().enumerate().flat_map(of_wave).collect();
        Self {
            plan,
            devices,
            wave: 0,
            wave_ended: None,
            running: true,
            halted: false,
            finished: false,
            lifts: 0,
            now: now(),
        }
    }

    fn standing(&self) -> Standing {
        let waves = self.devices.last().map_or(0, |last| last.wave + 1);
        let (mut counts, mut verdicts) = (vec![Counts::default(); waves], Verdicts::default());
        for device in &self.devices {
            let counts = &mut counts[device.wave];
            let counts = match device.is {
                Is::Waiting => &mut counts.waiting,
                Is::Offered => &mut counts.offered,
                Is::UnderWay => &mut counts.under_way,
                Is::Proving => &mut counts.proving,
                Is::Kept => &mut counts.kept,
                Is::Failed => &mut counts.failed,
                Is::Silent => &mut counts.silent,
                Is::Skipped => &mut counts.skipped,
            };
            *counts += 1;
            if device.lift == self.lifts {
                match device.is {
                    Is::Kept => verdicts.kept += 1,
                    Is::Failed | Is::Silent => verdicts.failures += 1,
                    _ => {}
                }
            }
        }
        Standing { waves: counts, wave: self.wave, wave_ended: self.wave_ended, verdicts }
    }

    fn at_once(&self) -> usize {
        self.devices.iter().filter(|one| matches!(one.is, Is::Offered | Is::UnderWay)).count()
    }

    /// A device that stands so becomes something else.
    fn becomes(&mut self, which: usize, from: &[Is], to: Is) {
        let (at, lifts) = (which % self.devices.len(), self.lifts);
        let device = &mut self.devices[at];
        if from.contains(&device.is) {
            device.is = to;
            device.lift = lifts;
        }
    }

    fn happens(&mut self, what: &Happens) {
        match what {
            Happens::Fetches(which) => self.becomes(*which, &[Is::Offered], Is::UnderWay),
            Happens::DoesNotFetch(which) => self.becomes(*which, &[Is::Offered], Is::Waiting),
            Happens::Ends(which, true) => self.becomes(*which, &[Is::UnderWay, Is::Silent], Is::Proving),
            Happens::Ends(which, false) => self.becomes(*which, &[Is::UnderWay, Is::Silent], Is::Failed),
            Happens::FallsSilent(which) => self.becomes(*which, &[Is::UnderWay], Is::Silent),
            Happens::IsHeardOf(which, true) => self.becomes(*which, &[Is::Proving], Is::Kept),
            Happens::IsHeardOf(which, false) => self.becomes(*which, &[Is::Proving], Is::Silent),
            Happens::IsSkipped(which) => self.becomes(*which, &[Is::Waiting, Is::Offered], Is::Skipped),
            Happens::IsRetried(which) => {
                self.becomes(*which, &[Is::Failed, Is::Silent], Is::Waiting);
                self.finished = false;
            }
            Happens::TimePasses(seconds) => self.now += SignedDuration::from_secs(*seconds),
            Happens::Pause => self.running = false,
            Happens::Resume => self.running = true,
            Happens::Lift if self.halted => {
                self.halted = false;
                self.lifts += 1;
            }
            Happens::Lift => {}
        }
    }

    /// Goes on as far as it can; what must never be is looked for at each decision.
    fn step(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..1000 {
            if !self.running || self.halted || self.finished {
                return Ok(());
            }
            let standing = self.standing();
            let Verdicts { kept, failures } = standing.verdicts;
            let ended = kept + failures;
            let HaltAt { failures: most, percent, of_at_least } = self.plan.halt_at;
            let over = |least: u64| {
                most.is_some_and(|most| failures >= most.into())
                    || percent.is_some_and(|percent| {
                        failures > 0 && ended >= least && failures * 100 >= ended * u64::from(percent)
                    })
            };
            match decide(&self.plan, &standing, self.now) {
                Decision::Halt(_) => {
                    let at_an_end = standing.waves.iter().all(|wave| wave.open() == 0)
                        || standing.waves.get(self.wave).is_some_and(|wave| {
                            wave.ended() * 100 >= wave.all() * u64::from(self.plan.enough_percent)
                        });
                    prop_assert!(over(of_at_least.into()) || (at_an_end && over(1)), "it halts too early");
                    self.halted = true;
                    // What was not fetched is taken back.
                    self.devices
                        .iter_mut()
                        .filter(|one| one.is == Is::Offered)
                        .for_each(|one| one.is = Is::Waiting);
                    return Ok(());
                }
                decision => {
                    prop_assert!(!over(of_at_least.into()), "it goes on where it must halt: {decision:?}");
                    match decision {
                        Decision::EndWave => {
                            prop_assert!(self.wave_ended.is_none() && !over(1));
                            self.wave_ended = Some(self.now);
                        }
                        Decision::BeginWave => {
                            let pause = SignedDuration::from_secs(self.plan.pause_seconds.into());
                            prop_assert!(self.wave_ended.is_some_and(|ended| ended + pause <= self.now));
                            prop_assert!(!over(1));
                            self.wave += 1;
                            self.wave_ended = None;
                        }
                        Decision::Finish => {
                            prop_assert!(standing.waves.iter().all(|wave| wave.open() == 0));
                            self.finished = true;
                        }
                        Decision::Offer(most) => {
                            prop_assert!(most > 0, "it would go round in a circle");
                            let wave = self.wave;
                            let begun = |one: &&mut Device| one.is == Is::Waiting && one.wave <= wave;
                            let some = self.devices.iter_mut().filter(begun);
                            some.take(usize::try_from(most).unwrap()).for_each(|one| one.is = Is::Offered);
                            prop_assert!(self.at_once() <= self.plan.at_once as usize);
                        }
                        Decision::Nothing | Decision::Halt(_) => return Ok(()),
                    }
                }
            }
        }
        Err(TestCaseError::fail("it never comes to rest"))
    }
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let wave = prop_oneof![
        (1_u8..=60).prop_map(|percent| Wave { percent: Some(percent), devices: None }),
        (1_u32..8).prop_map(|devices| Wave { percent: None, devices: Some(devices) }),
    ];
    let halt_at = (prop::option::of(1_u32..6), prop::option::of(1_u8..=60), 1_u32..12).prop_map(
        |(failures, percent, of_at_least)| HaltAt {
            failures,
            percent: percent.or(if failures.is_none() { Some(10) } else { None }),
            of_at_least,
        },
    );
    (prop::collection::vec(wave, 0..4), 0_u32..100, 50_u8..=100, halt_at, 1_u32..10).prop_map(
        |(waves, pause_seconds, enough_percent, halt_at, at_once)| Plan {
            waves,
            pause_seconds,
            enough_percent,
            halt_at,
            at_once,
            ..Plan::default()
        },
    )
}

fn anything() -> impl Strategy<Value = Happens> {
    let which = || 0_usize..40;
    prop_oneof![
        6 => which().prop_map(Happens::Fetches),
        1 => which().prop_map(Happens::DoesNotFetch),
        6 => (which(), prop::bool::weighted(0.85)).prop_map(|(which, kept)| Happens::Ends(which, kept)),
        1 => which().prop_map(Happens::FallsSilent),
        6 => (which(), prop::bool::weighted(0.9)).prop_map(|(which, heard)| Happens::IsHeardOf(which, heard)),
        1 => which().prop_map(Happens::IsSkipped),
        1 => which().prop_map(Happens::IsRetried),
        2 => (0_i64..80).prop_map(Happens::TimePasses),
        1 => Just(Happens::Pause),
        2 => Just(Happens::Resume),
        1 => Just(Happens::Lift),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_no_limit_is_passed_and_it_halts_where_it_must(
        plan in any_plan(), devices in 1_u64..40, all in prop::collection::vec(anything(), 0..200),
    ) {
        let mut model = Model::new(plan, devices);
        model.step()?;
        for what in &all {
            let (halted, offered) = (model.halted, model.at_once());
            model.happens(what);
            model.step()?;
            if halted && !matches!(what, Happens::Lift) {
                prop_assert!(model.halted, "a halt stays until a person lifts it");
                prop_assert!(model.at_once() <= offered, "and nothing is offered");
            }
        }
    }

    #[test]
    fn where_all_goes_well_it_comes_to_its_end(plan in any_plan(), devices in 1_u64..40) {
        let mut model = Model::new(plan, devices);
        for _ in 0..500 {
            model.step()?;
            for which in 0..model.devices.len() {
                model.happens(&Happens::Fetches(which));
                model.happens(&Happens::Ends(which, true));
                model.happens(&Happens::IsHeardOf(which, true));
            }
            model.happens(&Happens::TimePasses(100));
        }
        model.step()?;
        prop_assert!(model.finished && !model.halted);
    }
}

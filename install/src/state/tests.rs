use proptest::prelude::*;

use super::*;

/// More actions than any attempt may take.
const ALL_RUNS: u32 =
    VERIFY_RUNS + CHECK_RUNS + INSTALL_RUNS + PROBE_RUNS + CONFIRM_RUNS + COMMIT_RUNS + ROLLBACK_RUNS + 1;

/// What one action comes to.
#[derive(Debug, Clone, Copy)]
enum Beat {
    /// It ends with this.
    Ends(Event),
    /// Power is cut meanwhile, and what it did is done or not.
    Cut { acted: bool },
}

fn beat() -> impl Strategy<Value = Beat> {
    prop_oneof![
        4 => Just(Beat::Ends(Event::Passed)),
        1 => Just(Beat::Ends(Event::Refused)),
        1 => Just(Beat::Ends(Event::Later)),
        1 => Just(Beat::Ends(Event::Failed)),
        2 => any::<bool>().prop_map(|acted| Beat::Cut { acted }),
    ]
}

/// The machine on which an attempt runs, and what really happened to it.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact for itself")]
#[derive(Debug, Default)]
struct Machine {
    genuine: bool,
    verified: bool,
    installs: u32,
    confirmed: bool,
    rollbacks: u32,
    back: bool,
    starts: u32,
    actions: u32,
}

impl Machine {
    /// What an action does to the machine, and what it may say.
    fn act(&mut self, at: Position, event: Event) -> Event {
        self.actions += 1;
        match action(at.step) {
            Action::Verify => {
                if event == Event::Passed && !self.genuine {
                    return Event::Refused;
                }
                self.verified |= event == Event::Passed;
            }
            Action::Run(InstallerStep::Install) => {
                assert!(self.verified, "what was not verified was installed");
                self.installs += 1;
                self.back = false;
            }
            Action::Run(InstallerStep::Rollback) => {
                self.rollbacks += 1;
                self.back = event == Event::Passed;
            }
            Action::AwaitConfirmation => {
                assert!(self.installs > 0);
                self.confirmed |= event == Event::Passed;
            }
            Action::Run(InstallerStep::Check | InstallerStep::Verify | InstallerStep::Commit)
            | Action::File => {}
        }
        event
    }

    fn judge(&self, at: Position) {
        match at.step {
            Step::Kept => assert!(self.confirmed && self.installs > 0 && self.rollbacks == 0),
            Step::RolledBack => assert!(self.back),
            Step::Refused => assert!(self.installs == 0 && self.rollbacks == 0),
            Step::Failed => assert!(self.verified),
            other => panic!("{other:?} is no end"),
        }
        assert!(self.rollbacks <= ROLLBACK_RUNS, "{} rollbacks", self.rollbacks);
        assert!(self.installs <= INSTALL_RUNS, "{} installs", self.installs);
        assert!(self.actions <= ALL_RUNS, "{} actions", self.actions);
        assert_eq!(at.starts, self.starts);
    }
}

/// Lives an attempt to its end: the beats, then the last one over and over.
fn live(genuine: bool, beats: &[Beat], last: Beat) -> (Position, Machine) {
    let mut machine = Machine { genuine, starts: 1, ..Machine::default() };
    let mut durable = beginning();
    let mut rounds = 0;
    for beat in beats.iter().copied().chain(std::iter::repeat(last)) {
        if durable.step.outcome().is_some() {
            break;
        }
        rounds += 1;
        assert!(rounds <= ALL_RUNS, "it does not end: {durable:?}");
        let event = match beat {
            Beat::Ends(event) => machine.act(durable, event),
            Beat::Cut { acted } => {
                if acted {
                    machine.act(durable, Event::Passed);
                }
                machine.starts += 1;
                Event::Restarted
            }
        };
        durable = next(durable, event);
    }
    (durable, machine)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn it_ends_and_ends_as_it_should_whatever_happens(
        genuine in prop::bool::weighted(0.9),
        beats in prop::collection::vec(beat(), 0..120),
        last in beat(),
    ) {
        let (end, machine) = live(genuine, &beats, last);
        machine.judge(end);
        if !genuine {
            prop_assert_eq!(end.step, Step::Refused);
        }
    }

    #[test]
    fn power_cuts_alone_never_make_it_last(cuts in prop::collection::vec(any::<bool>(), 0..60), passed in 0_usize..6) {
        let mut beats = vec![Beat::Ends(Event::Passed); passed];
        beats.extend(cuts.iter().map(|acted| Beat::Cut { acted: *acted }));
        let (end, machine) = live(true, &beats, Beat::Cut { acted: false });
        machine.judge(end);
        prop_assert!(end.starts <= STARTS + ROLLBACK_RUNS + 1, "{end:?}");
    }
}

#[test]
fn all_going_well_it_is_kept() {
    let (end, machine) = live(true, &[], Beat::Ends(Event::Passed));
    assert_eq!(end, Position { step: Step::Kept, runs: 1, starts: 1 });
    assert_eq!((machine.installs, machine.rollbacks, machine.actions), (1, 0, 6));
}

#[test]
fn each_row_of_the_table_is_what_it_says() {
    let rows = [
        (Step::Staged, Step::Verified, Step::Refused, Some(Step::Refused), Step::Refused),
        (Step::Verified, Step::Installing, Step::Refused, None, Step::Refused),
        (Step::Installing, Step::Installed, Step::GoingBack, None, Step::GoingBack),
        (Step::Installed, Step::Confirming, Step::GoingBack, None, Step::GoingBack),
        (Step::Confirming, Step::Committing, Step::GoingBack, Some(Step::GoingBack), Step::GoingBack),
        (Step::Committing, Step::Kept, Step::Committing, None, Step::Committing),
        (Step::GoingBack, Step::RolledBack, Step::GoingBack, None, Step::GoingBack),
    ];
    for (step, passed, refused, later, failed) in rows {
        let at = Position { step, runs: 1, starts: 1 };
        assert_eq!(next(at, Event::Passed), Position { step: passed, ..at }, "{step:?}");
        assert_eq!(next(at, Event::Refused).step, refused, "{step:?}");
        assert_eq!(next(at, Event::Later).step, later.unwrap_or(step), "{step:?}");
        assert_eq!(next(at, Event::Failed).step, failed, "{step:?}");
        assert_eq!(next(at, Event::Restarted), Position { step, runs: 2, starts: 2 }, "{step:?}");
        let last = Position { runs: runs_allowed(step), ..at };
        assert_eq!(next(last, Event::Restarted).step, otherwise(step), "{step:?}");
        let worn = Position { starts: STARTS, ..at };
        let off = if step == Step::GoingBack { step } else { otherwise(step) };
        assert_eq!(next(worn, Event::Restarted).step, off, "{step:?}");
    }
    for end in [Step::Kept, Step::RolledBack, Step::Refused, Step::Failed] {
        let at = Position { step: end, runs: 1, starts: 3 };
        assert_eq!(next(at, Event::Restarted), Position { starts: 4, ..at });
    }
}

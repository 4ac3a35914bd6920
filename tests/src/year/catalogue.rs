//! What can go wrong in a year, and which alert it must bring about.

use platen_protocol::alert::AlertCode;
use platen_simulator::{Fault, SimCommand};

use crate::rigs::random::Random;

/// One thing that goes wrong.
#[derive(Debug, Clone)]
pub(crate) struct Episode {
    /// For the figures.
    pub(crate) name: &'static str,
    /// What it is about, where that has a name: no cartridge is changed while it is broken on purpose.
    pub(crate) about: Option<&'static str>,
    /// What begins it, and what ends it.
    pub(crate) begin: Vec<SimCommand>,
    pub(crate) end: Vec<SimCommand>,
    /// Whether it begins while the printer sleeps.
    pub(crate) asleep: bool,
    /// A button that is pressed again and again while it lasts, faster than by anybody; and how often.
    pub(crate) flood: Option<(&'static str, u32)>,
    /// For how many blocks of printing it lasts; one without any ends before the printer wakes.
    pub(crate) blocks: u32,
    /// The alert that it must bring about: about what, with one of which codes; nothing at all for a
    /// disturbance that must not alarm anybody.
    pub(crate) expects: Option<(&'static str, Vec<AlertCode>)>,
    /// Whether the alert must end with its cause. A forecast may stand for a while.
    pub(crate) ends: bool,
    /// What else may be told because of it.
    pub(crate) allows: Vec<(&'static str, AlertCode)>,
}

pub(crate) const COLORANTS: [&str; 4] = ["black", "cyan", "magenta", "yellow"];
const MEMORY: [Fault; 4] = [Fault::Corrupt, Fault::Constant, Fault::AbsurdCapacity, Fault::UsedAboveCapacity];
const BUSES: [&str; 2] = ["cartridges", "sensors"];
const BUS: [Fault; 3] = [Fault::TimesOut, Fault::ArbitrationLost, Fault::Hangs];

fn fault(target: &str, fault: Fault) -> SimCommand {
    SimCommand::Fault { target: target.to_owned(), fault }
}

fn switch(name: &str, active: bool) -> SimCommand {
    SimCommand::Switch { switch: name.to_owned(), active }
}

/// A fault and its mending.
fn broken(name: &'static str, target: &'static str, what: Fault, codes: &[AlertCode]) -> Episode {
    Episode {
        name,
        about: Some(target),
        begin: vec![fault(target, what)],
        end: vec![fault(target, Fault::None)],
        asleep: false,
        flood: None,
        blocks: 1,
        expects: (!codes.is_empty()).then(|| (target, codes.to_vec())),
        ends: true,
        allows: Vec::new(),
    }
}

/// A switch that is active for a while.
fn switched(name: &'static str, target: &'static str, active: bool, code: AlertCode) -> Episode {
    Episode {
        name,
        about: Some(target),
        begin: vec![switch(target, active)],
        end: vec![switch(target, !active)],
        asleep: false,
        flood: None,
        blocks: 1,
        expects: Some((target, vec![code])),
        ends: true,
        allows: Vec::new(),
    }
}

/// Draws one. What is learnt slowly is only drawn of a cartridge in `learnt`, and of a sensor once the
/// printer is `settled`.
pub(crate) fn draw(random: &mut Random, learnt: &[&'static str], settled: bool) -> Episode {
    use AlertCode as Code;
    let colorant = random.pick(&COLORANTS);
    match random.below(25) {
        0 => broken(
            "cartridge out",
            colorant,
            Fault::Absent,
            &[Code::MarkerTonerCartridgeMissing, Code::SubunitMissing],
        ),
        1 | 2 => {
            broken("memory unusable", colorant, random.pick(&MEMORY), &[Code::SubunitRecoverableFailure])
        }
        3 => broken("bit flips", colorant, Fault::BitFlips, &[]),
        4 => broken("torn write", colorant, Fault::Torn, &[]),
        5 => broken("wrong cartridge", colorant, Fault::WrongType, &[Code::SubunitRecoverableFailure]),
        6 | 7 => {
            broken("bus fails", random.pick(&BUSES), random.pick(&BUS), &[Code::SubunitRecoverableFailure])
        }
        8 => Episode {
            // Freed by the board itself, sooner than anybody is told.
            expects: None,
            allows: vec![("cartridges", Code::SubunitRecoverableFailure)],
            ..broken("bus stuck and freed", "cartridges", Fault::StuckData, &[])
        },
        9 => {
            broken("thermistor cut", "fuser-heat", Fault::OpenCircuit, &[Code::MarkerFuserThermistorFailure])
        }
        10 => broken(
            "thermistor short",
            "fuser-heat",
            Fault::ShortCircuit,
            &[Code::MarkerFuserThermistorFailure],
        ),
        11 => broken(
            "sensor lost",
            "cabinet",
            Fault::Absent,
            &[Code::SubunitThermistorFailure, Code::SubunitMissing],
        ),
        12 => broken("fuser overheats", "fuser-heat", Fault::Overheats, &[Code::MarkerFuserOverTemperature]),
        13 => switched("jam", "jam", true, Code::Jam),
        14 => switched("paper empty", "paper-empty", true, Code::InputMediaSupplyEmpty),
        15 => switched("paper low", "paper-low", true, Code::InputMediaSupplyLow),
        16 => Episode {
            begin: vec![SimCommand::Open { switch: "interlock".into() }],
            end: vec![SimCommand::Close { switch: "interlock".into() }],
            ..switched("interlock open", "interlock", true, Code::InterlockOpen)
        },
        17 => Episode {
            begin: vec![SimCommand::Open { switch: "cover".into() }],
            end: vec![SimCommand::Close { switch: "cover".into() }],
            ..switched("cover open", "cover", true, Code::CoverOpen)
        },
        18 => Episode {
            about: Some("waste"),
            expects: Some(("waste", vec![Code::SubunitMissing])),
            ..switched("waste box out", "waste-present", false, Code::SubunitMissing)
        },
        19 => broken("counter store", "engine", Fault::Corrupt, &[Code::SubunitRecoverableFailure]),
        20 => Episode {
            expects: Some(("lines", vec![Code::SubunitMissing])),
            ..broken("lines gone", "gpio", Fault::LinesGone, &[])
        },
        21 => in_sleep(random),
        22 => Episode {
            asleep: true,
            ..broken(
                "dead since sleep",
                colorant,
                Fault::Absent,
                &[Code::MarkerTonerCartridgeMissing, Code::SubunitMissing],
            )
        },
        23 => flood(random),
        _ => forecast(random, learnt, settled),
    }
}

/// What is wrong while the printer sleeps, and well when it wakes, is nobody's alert.
fn in_sleep(random: &mut Random) -> Episode {
    let targets: Vec<(&str, Fault)> = match random.below(3) {
        0 => COLORANTS.iter().map(|colorant| (*colorant, Fault::Absent)).collect(),
        1 => BUSES.iter().map(|bus| (*bus, Fault::TimesOut)).collect(),
        _ => vec![("engine", Fault::Constant), ("cabinet", Fault::Absent)],
    };
    Episode {
        begin: targets.iter().map(|(target, what)| fault(target, *what)).collect(),
        end: targets.iter().map(|(target, _)| fault(target, Fault::None)).collect(),
        asleep: true,
        blocks: 0,
        ..broken("without power in sleep", "engine", Fault::None, &[])
    }
}

/// A stuck or disturbed button: of most of it nobody is to hear, and of the line once.
fn flood(random: &mut Random) -> Episode {
    let button = random.pick(&["service", "order"]);
    Episode {
        name: "button floods",
        about: None,
        begin: Vec::new(),
        end: Vec::new(),
        asleep: false,
        flood: Some((button, random.between(60, 400))),
        blocks: 0,
        expects: Some((button, vec![AlertCode::SubunitRecoverableFailure])),
        ends: true,
        allows: Vec::new(),
    }
}

/// What has not happened yet and possibly will.
fn forecast(random: &mut Random, learnt: &[&'static str], settled: bool) -> Episode {
    use AlertCode as Code;
    let forecast = |episode: Episode| Episode { ends: false, ..episode };
    let colorant = if learnt.is_empty() { None } else { Some(random.pick(learnt)) };
    match (random.below(4), colorant) {
        (0, Some(colorant)) => forecast(Episode {
            blocks: 8,
            ..broken("leak", colorant, Fault::Leak, &[Code::SubunitRecoverableFailure])
        }),
        (1, Some(colorant)) => forecast(Episode {
            blocks: 30,
            ..broken("counterfeit", colorant, Fault::Counterfeit, &[Code::SubunitRecoverableFailure])
        }),
        (2, _) if settled => forecast(Episode {
            // Another fuser would begin a past of its own.
            about: Some("fuser"),
            blocks: 10,
            ..broken("drift", "fuser-heat", Fault::Drift, &[Code::SubunitNearLimit])
        }),
        _ => Episode {
            begin: vec![fault("engine", Fault::CountsBackwards)],
            ..forecast(broken("counter fell", "engine", Fault::CountsBackwards, &[Code::ConfigurationChange]))
        },
    }
}

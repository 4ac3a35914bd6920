//! What of a printer can break, and how it is broken now.

use std::time::Duration;

use platen_protocol::readings::TemperatureRole;

use crate::error::SimError;
use platen_hal::config::{BoardConfig, ENGINE, ENGINE_CONTROLLER};
use platen_hal::sim_command::Fault;

/// The name of all lines together among the targets of faults.
pub(crate) const LINES: &str = "gpio";

/// What a target is, which decides what can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Engine,
    Supply(Gauge),
    Part { memory: bool },
    Temperature { analog: bool, fuser: bool },
    Switch,
    Bus,
    Lines,
    Controller,
}

/// How a supply is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gauge {
    Memory,
    Sensor,
    Switches,
}

struct Target {
    name: String,
    kind: Kind,
    fault: Fault,
    since: Duration,
}

/// Everything that can break: the engine, its controller, supplies, parts, temperatures and switches in the order of the
/// board file, then the buses, then the lines.
pub(crate) struct Faults(Vec<Target>);

const WIRE: &[Fault] = &[
    Fault::Absent,
    Fault::Corrupt,
    Fault::BitFlips,
    Fault::Constant,
    Fault::TimesOut,
    Fault::ArbitrationLost,
];
const RECORD: &[Fault] = &[Fault::Torn, Fault::AbsurdCapacity];

impl Kind {
    /// The faults that such a target can have, beside none.
    fn possible(self) -> Vec<Fault> {
        let groups: &[&[Fault]] = match self {
            Self::Engine => &[WIRE, RECORD, &[Fault::CountsBackwards, Fault::NearlyFull]],
            Self::Supply(Gauge::Memory) => &[
                WIRE,
                RECORD,
                &[Fault::UsedAboveCapacity, Fault::WrongType, Fault::Leak, Fault::Counterfeit],
            ],
            Self::Supply(Gauge::Sensor) => &[WIRE, &[Fault::OpenCircuit, Fault::ShortCircuit, Fault::Leak]],
            Self::Part { memory: true } => &[WIRE, RECORD, &[Fault::UsedAboveCapacity]],
            Self::Supply(Gauge::Switches) | Self::Part { memory: false } => &[],
            Self::Temperature { analog, fuser } => {
                let circuit: &[Fault] = if analog { &[Fault::OpenCircuit, Fault::ShortCircuit] } else { &[] };
                let heater: &[Fault] = if fuser { &[Fault::Overheats, Fault::Cold] } else { &[] };
                &[WIRE, &[Fault::Drift, Fault::Noisy], circuit, heater]
            }
            Self::Switch => &[&[Fault::Bounces]],
            Self::Controller => &[WIRE, &[Fault::NoPower]],
            Self::Bus => &[&[Fault::TimesOut, Fault::ArbitrationLost, Fault::StuckData, Fault::Hangs]],
            Self::Lines => &[&[Fault::LinesGone]],
        };
        groups.concat()
    }
}

impl Faults {
    pub(crate) fn new(config: &BoardConfig) -> Self {
        let mut targets = Vec::new();
        let mut add = |name: &str, kind| {
            targets.push(Target { name: name.to_owned(), kind, fault: Fault::None, since: Duration::ZERO });
        };
        if config.engine.is_some() {
            add(ENGINE, Kind::Engine);
        }
        if config.engine_controller.is_some() {
            add(ENGINE_CONTROLLER, Kind::Controller);
        }
        for entry in &config.supplies {
            let gauge = match (entry.memory(), &entry.sensor) {
                (Some(_), _) => Gauge::Memory,
                (None, Some(_)) => Gauge::Sensor,
                (None, None) => Gauge::Switches,
            };
            add(entry.name.get_ref(), Kind::Supply(gauge));
        }
        for entry in &config.parts {
            add(entry.name.get_ref(), Kind::Part { memory: entry.memory().is_some() });
        }
        for entry in &config.temperatures {
            let fuser = entry.role == Some(TemperatureRole::Fuser);
            add(entry.name.get_ref(), Kind::Temperature { analog: entry.sensor.is_some(), fuser });
        }
        for entry in &config.switches {
            add(entry.name.get_ref(), Kind::Switch);
        }
        for entry in &config.buses {
            add(entry.name.get_ref(), Kind::Bus);
        }
        add(LINES, Kind::Lines);
        Self(targets)
    }

    /// The first target of a name that is of some kind.
    pub(crate) fn place(&self, name: &str, wanted: impl Fn(Kind) -> bool) -> Option<usize> {
        self.0.iter().position(|target| target.name == name && wanted(target.kind))
    }

    /// The target of that name, or an error that lists those of the kind.
    pub(crate) fn find(
        &self,
        what: &'static str,
        name: &str,
        wanted: impl Fn(Kind) -> bool,
    ) -> Result<usize, SimError> {
        self.place(name, &wanted).ok_or_else(|| {
            let known: Vec<_> = self
                .0
                .iter()
                .filter(|target| wanted(target.kind))
                .map(|target| target.name.as_str())
                .collect();
            SimError::NoSuch { what, name: name.to_owned(), known: known.join(", ") }
        })
    }

    pub(crate) fn name(&self, target: usize) -> &str {
        self.0.get(target).map_or("", |target| &target.name)
    }

    pub(crate) fn kind(&self, target: usize) -> Option<Kind> {
        self.0.get(target).map(|target| target.kind)
    }

    /// The fault that a target has now, or [`Fault::None`].
    pub(crate) fn of(&self, target: usize) -> Fault {
        self.0.get(target).map_or(Fault::None, |target| target.fault)
    }

    /// Since when, in printer's time.
    pub(crate) fn since(&self, target: usize) -> Duration {
        self.0.get(target).map_or(Duration::ZERO, |target| target.since)
    }

    /// Whether a target can have a fault; the error lists what it can have.
    pub(crate) fn check(&self, target: usize, fault: Fault) -> Result<(), SimError> {
        let possible = self.kind(target).map(Kind::possible).unwrap_or_default();
        if fault == Fault::None || possible.contains(&fault) {
            return Ok(());
        }
        let names: Vec<_> = possible.into_iter().map(Fault::name).collect();
        let possible = if names.is_empty() {
            "it cannot have any".to_owned()
        } else {
            format!("it can have: {}", names.join(", "))
        };
        Err(SimError::WrongFault { target: self.name(target).to_owned(), fault, possible })
    }

    /// Gives a target a fault in place of the one that it had, which is the answer.
    pub(crate) fn set(&mut self, target: usize, fault: Fault, now: Duration) -> Fault {
        let Some(target) = self.0.get_mut(target) else { return Fault::None };
        target.since = now;
        std::mem::replace(&mut target.fault, fault)
    }
}

//! Simulated lines: switches whose every change is told to whoever watches, and outputs.

mod watch;

use std::io;
use std::time::Duration;

use platen_protocol::readings::SwitchMeaning;

use platen_hal::config::{ActiveLevel, BoardConfig, Line, LineRef};

use watch::Watches;
pub use watch::{LineChange, LineWatch, MAX_WAITING_EDGES};

/// One line, as an adapter needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimLine {
    /// Its offset or name, as in the board file.
    pub line: LineRef,
    /// Whether the controller drives it (lamp, buzzer, recovery of a bus) or reads it.
    pub output: bool,
}

/// A switch.
pub(super) struct Switch {
    pub(super) name: String,
    pub(super) meaning: SwitchMeaning,
    /// The supply that it is about.
    pub(super) supply: Option<String>,
    /// Where a person or the engine has put it; a contact that bounces is elsewhere for moments.
    pub(super) put: bool,
    /// How often it was put anywhere.
    pub(super) turn: u64,
    line: LineRef,
    level: ActiveLevel,
    active: bool,
    sequence: u64,
}

/// What an output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Lamp,
    Buzzer,
    /// Frees the bus at a place.
    Recover(usize),
}

struct Driven {
    role: Role,
    line: LineRef,
    level: ActiveLevel,
    high: bool,
}

/// The lines of one printer.
pub(super) struct Lines {
    switches: Vec<Switch>,
    outputs: Vec<Driven>,
    watches: Watches,
    /// The GPIO chip is gone.
    gone: bool,
}

impl Lines {
    pub(super) fn new(config: &BoardConfig) -> Self {
        let switches = config.switches.iter().map(|entry| {
            let active = entry.meaning == SwitchMeaning::WastePresent;
            Switch {
                name: entry.name.get_ref().clone(),
                meaning: entry.meaning,
                supply: entry.supply.as_ref().map(|supply| supply.get_ref().clone()),
                put: active,
                turn: 0,
                line: entry.line.get_ref().clone(),
                level: entry.active,
                active,
                sequence: 0,
            }
        });
        let mut outputs = Vec::new();
        let mut add = |role, line: &Line| {
            let high = is_high(false, line.active);
            outputs.push(Driven { role, line: line.line.clone(), level: line.active, high });
        };
        for (role, line) in [(Role::Lamp, &config.service_lamp), (Role::Buzzer, &config.buzzer)] {
            if let Some(line) = line {
                add(role, line);
            }
        }
        for (place, bus) in config.buses.iter().enumerate() {
            if let Some(line) = &bus.recover {
                add(Role::Recover(place), line);
            }
        }
        Self { switches: switches.collect(), outputs, watches: Watches::default(), gone: false }
    }

    pub(super) fn layout(&self) -> Vec<SimLine> {
        let switches =
            self.switches.iter().map(|switch| SimLine { line: switch.line.clone(), output: false });
        let outputs = self.outputs.iter().map(|output| SimLine { line: output.line.clone(), output: true });
        switches.chain(outputs).collect()
    }

    pub(super) fn switches(&self) -> &[Switch] {
        &self.switches
    }

    /// The places of the switches that mean something.
    pub(super) fn meaning(&self, meaning: SwitchMeaning) -> Vec<usize> {
        let places = self.switches.iter().enumerate();
        places.filter(|(_, switch)| switch.meaning == meaning).map(|(place, _)| place).collect()
    }

    pub(super) fn electrical_level(&self, place: usize) -> bool {
        let output = || place.checked_sub(self.switches.len()).and_then(|place| self.outputs.get(place));
        match self.switches.get(place) {
            Some(switch) => is_high(switch.active, switch.level),
            None => output().is_some_and(|output| output.high),
        }
    }

    /// Whether an output is on.
    pub(super) fn is_on(&self, role: Role) -> bool {
        let output = self.outputs.iter().find(|output| output.role == role);
        output.is_some_and(|output| is_high(output.high, output.level))
    }

    /// Drives an output to an electrical level; the bus whose clock went up by that.
    pub(super) fn drive(&mut self, place: usize, high: bool) -> Option<usize> {
        let place = place.checked_sub(self.switches.len()).filter(|_| !self.gone)?;
        let output = self.outputs.get_mut(place)?;
        let rises = high && !output.high;
        output.high = high;
        match output.role {
            Role::Recover(bus) if rises => Some(bus),
            _ => None,
        }
    }

    pub(super) fn watch(&mut self) -> io::Result<LineWatch> {
        self.watches.add()
    }

    pub(super) fn are_gone(&self) -> bool {
        self.gone
    }

    pub(super) fn set_gone(&mut self, gone: bool) {
        self.gone = gone;
    }

    /// Notes where a switch was put. None if it is there already; else which time it is.
    pub(super) fn put(&mut self, place: usize, active: bool) -> Option<u64> {
        let switch = self.switches.get_mut(place).filter(|switch| switch.put != active)?;
        switch.put = active;
        switch.turn += 1;
        Some(switch.turn)
    }

    /// A switch is in a state from the start: nobody is told.
    pub(super) fn preset(&mut self, place: usize, active: bool) {
        if let Some(switch) = self.switches.get_mut(place) {
            (switch.put, switch.active) = (active, active);
        }
    }

    /// A contact opens or closes, at a bus time.
    pub(super) fn change(&mut self, place: usize, active: bool, at: Duration) {
        let Some(switch) = self.switches.get_mut(place).filter(|switch| switch.active != active) else {
            return;
        };
        switch.active = active;
        if self.gone {
            return;
        }
        switch.sequence += 1;
        let (high, sequence) = (is_high(active, switch.level), switch.sequence);
        self.watches.tell(LineChange { place, active, high, at, sequence });
    }
}

/// The electrical level of a line in a state, and the state of a line at an electrical level.
fn is_high(active: bool, level: ActiveLevel) -> bool {
    active == (level == ActiveLevel::High)
}

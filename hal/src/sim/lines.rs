//! Simulated lines: switches whose every change is told to whoever watches, and the lamp.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::time::{ClockId, clock_gettime};
use platen_protocol::readings::SwitchMeaning;

use crate::board::BoardError;
use crate::chips::{LineEdge, SwitchLines};
use crate::config::{ActiveLevel, BoardConfig, LineRef};
use crate::fault::BusFault;
use crate::sim::control::SimError;
use crate::sim::{SimPrinter, lock};

/// Edges that wait at one watch; what is newer is dropped, as the kernel does with its 16 for a line.
const MAX_WAITING_EDGES: usize = 256;

/// One line, as an adapter needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimLine {
    /// Its offset or name, as in the board file.
    pub line: LineRef,
    /// Whether the controller drives it (the lamp) or reads it.
    pub output: bool,
}

struct Switch {
    name: String,
    meaning: SwitchMeaning,
    line: LineRef,
    level: ActiveLevel,
    active: bool,
}

/// The lines of one printer.
pub(super) struct Lines {
    switches: Vec<Switch>,
    lamp: Option<(LineRef, ActiveLevel)>,
    lit: bool,
    watches: Vec<Weak<Watched>>,
}

struct Watched {
    waiting: Mutex<VecDeque<LineChange>>,
    ready: EventFd,
}

/// A change of a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineChange {
    /// Its place in [`SimPrinter::line_layout`].
    pub place: usize,
    /// Whether it is active now.
    pub active: bool,
    /// The electrical level of its line now.
    pub high: bool,
    /// When, on `CLOCK_MONOTONIC`.
    pub at: Duration,
}

/// Hears every change since it was made.
pub struct LineWatch(Arc<Watched>);

impl LineWatch {
    /// Takes what waits. Does not block.
    pub fn take(&self) -> io::Result<Vec<LineChange>> {
        match self.0.ready.read() {
            Ok(_) | Err(Errno::EAGAIN) => Ok(lock(&self.0.waiting).drain(..).collect()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Readable when a change waits.
impl AsFd for LineWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.ready.as_fd()
    }
}

fn is_high(active: bool, level: ActiveLevel) -> bool {
    active == (level == ActiveLevel::High)
}

impl Lines {
    pub(super) fn new(config: &BoardConfig) -> Self {
        let switches = config.switches.iter().map(|entry| Switch {
            name: entry.name.get_ref().clone(),
            meaning: entry.meaning,
            line: entry.line.get_ref().clone(),
            level: entry.active,
            active: false,
        });
        Self {
            switches: switches.collect(),
            lamp: config.service_lamp.as_ref().map(|lamp| (lamp.line.clone(), lamp.active)),
            lit: false,
            watches: Vec::new(),
        }
    }

    pub(super) fn layout(&self) -> Vec<SimLine> {
        let switches =
            self.switches.iter().map(|switch| SimLine { line: switch.line.clone(), output: false });
        let lamp = self.lamp.iter().map(|(line, _)| SimLine { line: line.clone(), output: true });
        switches.chain(lamp).collect()
    }

    pub(super) fn electrical_level(&self, place: usize) -> bool {
        match (self.switches.get(place), &self.lamp) {
            (Some(switch), _) => is_high(switch.active, switch.level),
            (None, Some((_, level))) => is_high(self.lit, *level),
            (None, None) => false,
        }
    }

    pub(super) fn active(&self, place: usize) -> Option<bool> {
        self.switches.get(place).map(|switch| switch.active)
    }

    pub(super) fn lamp(&self) -> bool {
        self.lit
    }

    pub(super) fn light(&mut self, on: bool) {
        self.lit = on && self.lamp.is_some();
    }

    pub(super) fn drive_lamp(&mut self, high: bool) {
        if let Some((_, level)) = self.lamp {
            self.lit = is_high(high, level);
        }
    }

    pub(super) fn watch(&mut self) -> io::Result<LineWatch> {
        let ready = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        let watched = Arc::new(Watched { waiting: Mutex::new(VecDeque::new()), ready });
        self.watches.retain(|watch| watch.strong_count() > 0);
        self.watches.push(Arc::downgrade(&watched));
        Ok(LineWatch(watched))
    }

    /// Brings a switch to a state. A name is that of the board file, or for the one service button
    /// of a printer simply `service`.
    pub(super) fn switch(
        &mut self,
        name: &str,
        meaning: SwitchMeaning,
        active: bool,
    ) -> Result<String, SimError> {
        let known = |switch: &&Switch| switch.meaning == meaning;
        let what = if meaning == SwitchMeaning::Cover { "cover" } else { "button" };
        let nickname = if meaning == SwitchMeaning::ServiceButton { "service" } else { "cover" };
        let names: Vec<_> = self.switches.iter().filter(known).map(|switch| switch.name.clone()).collect();
        let wanted = names.iter().find(|candidate| *candidate == name);
        let wanted = wanted.or(if name == nickname { names.first() } else { None }).cloned();
        let place = wanted.and_then(|wanted| self.switches.iter().position(|switch| switch.name == wanted));
        let Some((place, switch)) = place.and_then(|place| Some((place, self.switches.get_mut(place)?)))
        else {
            return Err(SimError::NoSuch { what, name: name.to_owned(), known: names.join(", ") });
        };
        let state = match (meaning, active) {
            (SwitchMeaning::Cover, true) => "open",
            (SwitchMeaning::Cover, false) => "closed",
            (SwitchMeaning::ServiceButton, true) => "pressed",
            (SwitchMeaning::ServiceButton, false) => "let go",
        };
        let text = format!("{} is {state}", switch.name);
        if switch.active != active {
            switch.active = active;
            let high = is_high(active, switch.level);
            let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_err(|e| SimError::Lines(e.to_string()))?;
            self.tell(LineChange { place, active, high, at: now.into() })?;
        }
        Ok(text)
    }

    fn tell(&self, change: LineChange) -> Result<(), SimError> {
        for watch in self.watches.iter().filter_map(Weak::upgrade) {
            let mut waiting = lock(&watch.waiting);
            if waiting.len() < MAX_WAITING_EDGES {
                waiting.push_back(change);
            }
            drop(waiting);
            watch.ready.write(1).map_err(|e| SimError::Lines(e.to_string()))?;
        }
        Ok(())
    }
}

/// The lines as a board in the same process sees them.
pub(crate) struct WatchedLines {
    printer: SimPrinter,
    watch: LineWatch,
}

impl WatchedLines {
    pub(super) fn new(printer: SimPrinter, watch: LineWatch) -> Self {
        Self { printer, watch }
    }
}

impl SwitchLines for WatchedLines {
    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.watch.as_fd()]
    }

    fn take_edges(&mut self) -> Result<Vec<LineEdge>, BoardError> {
        let changes = self.watch.take()?;
        let edge =
            |change: LineChange| LineEdge { switch: change.place, active: change.active, at: change.at };
        Ok(changes.into_iter().map(edge).collect())
    }

    fn active(&mut self, switch: usize) -> Result<bool, BusFault> {
        lock(&self.printer.shared.lines).active(switch).ok_or(BusFault::Kernel(Errno::ENODEV))
    }

    fn set_lamp(&mut self, on: bool) -> Result<(), BoardError> {
        lock(&self.printer.shared.lines).light(on);
        Ok(())
    }
}

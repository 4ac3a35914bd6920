//! The handle of a simulated printer, and what passes through it: transfers, lines, commands and time.

use std::io::ErrorKind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::Operation;
use nix::errno::Errno;
use platen_hal::BoardError;
use platen_hal::config::{BoardConfig, SimulatedEngine};
use platen_hal::fault::BusFault;
use platen_hal::sim_command::{SimCommand, Simulator};

use crate::clock::SimClock;
use crate::error::SimError;
use crate::event_log::EventLog;
use crate::lines::{LineWatch, Role, SimLine};
use crate::live::{self, Shared};
use crate::lock::lock;
use crate::replay::Replay;
use crate::resolve::Act;
use crate::scenario::{self, Step};
use crate::truth::Truth;
use crate::wiring::Trouble;
use crate::world::World;

/// The longest that a bus with [`Fault::Hangs`](platen_hal::sim_command::Fault::Hangs) holds a transfer; whoever waits is let go then.
pub const LONGEST_HANG: Duration = Duration::from_secs(60);

/// A simulated printer; clones are handles of the same one.
#[derive(Clone)]
pub struct SimPrinter {
    pub(crate) shared: Arc<Shared>,
}

impl SimPrinter {
    /// A printer with the chips and lines of a board file, its cartridges partly used. Its time passes by
    /// itself, as fast as the board file's `speed` says.
    pub fn new(config: &BoardConfig) -> Result<Self, BoardError> {
        let speed = config.simulation.as_ref().and_then(|simulation| simulation.speed.as_ref());
        let printer = Self::with(config, SimClock::live(speed.map_or(1, |speed| *speed.get_ref())))?;
        live::start(&printer.shared)?;
        Ok(printer)
    }

    /// The same with a clock that stands still but for [`Self::advance`] and the delays of drivers, so that
    /// a year takes as long as the computer needs for it. The same board file and commands give the same
    /// transfers and edges, to the bit.
    pub fn accelerated(config: &BoardConfig) -> Result<Self, BoardError> {
        Self::with(config, SimClock::manual())
    }

    fn with(config: &BoardConfig, clock: SimClock) -> Result<Self, BoardError> {
        let mut world = World::new(config, clock.clone());
        let simulation = config.simulation.as_ref();
        if let Some(trace) = simulation.and_then(|simulation| simulation.trace.as_ref()) {
            world.replay(Replay::load(&config.folder.join(trace), config)?);
        }
        if let Some(file) = simulation.and_then(|simulation| simulation.scenario.as_ref()) {
            let check = |command: &SimCommand| world.resolve(command).map(drop);
            let steps = scenario::load(&config.folder.join(file), &check);
            world.play(steps.map_err(|e| std::io::Error::new(ErrorKind::InvalidData, e))?);
        }
        if let Some(file) = simulation.and_then(|simulation| simulation.log.as_ref()) {
            let (log, before) = EventLog::open(&config.folder.join(file))?;
            world.go_on(log, before);
        }
        let (world, done) = (Mutex::new(world), Condvar::new());
        Ok(Self { shared: Arc::new(Shared { clock, world, done, bell: Arc::default() }) })
    }

    /// Plays the steps of a scenario, their times counted from now on.
    pub fn play(&self, steps: Vec<Step>) -> Result<(), SimError> {
        let mut world = self.world();
        steps.iter().try_for_each(|step| world.resolve(&step.command).map(drop))?;
        world.play(steps);
        drop(world);
        self.shared.bell.ring();
        Ok(())
    }

    /// What a person should know of the files that it was made from: a trace that was cut.
    pub fn notice(&self) -> Option<String> {
        lock(&self.shared.world).notice().map(str::to_owned)
    }

    /// The printer as it is now.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = lock(&self.shared.world);
        world.settle();
        world
    }

    /// Lets time pass, and everything happen that is due meanwhile. With a live clock it only waits for
    /// nothing: that time passes by itself.
    pub fn advance(&self, time: Duration) {
        let mut world = lock(&self.shared.world);
        if self.shared.clock.is_manual() {
            world.settle_until(self.shared.clock.printer_time() + time);
        } else {
            world.settle();
        }
    }

    /// The controller's `CLOCK_MONOTONIC`.
    pub fn clock(&self) -> Duration {
        self.shared.clock.bus_time()
    }

    /// Time since the printer's start, by its own clock: the times of [`Truth`].
    pub fn printer_time(&self) -> Duration {
        self.shared.clock.printer_time()
    }

    /// Waits by the printer's clock.
    pub fn delay(&self) -> SimDelay {
        SimDelay { printer: self.clone() }
    }

    /// A stretch of bus time passes.
    pub(crate) fn pause(&self, time: Duration) {
        if self.shared.clock.is_manual() {
            self.advance(time);
        } else {
            thread::sleep(time);
        }
    }

    /// Does one act; the answer is a sentence for the person who asked. Pressing a button takes as long
    /// as the finger stays; pages at a pace, and a cartridge that is changed, are not waited for.
    pub fn apply(&self, command: &SimCommand) -> Result<String, SimError> {
        let (told, takes) = {
            let mut world = self.world();
            world.is_written()?;
            let act = world.resolve(command)?;
            let takes = if let Act::Press { time, .. } = act { Some(time) } else { None };
            (world.act(act)?, takes)
        };
        self.shared.done.notify_all();
        self.shared.bell.ring();
        if let Some(time) = takes {
            self.pause(self.shared.clock.real(time));
            lock(&self.shared.world).settle();
        }
        Ok(told)
    }

    /// One combined transfer on the bus that the board file gives a name, as an adapter would do it.
    pub fn transfer(&self, bus: &str, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusFault> {
        let mut hung = Duration::ZERO;
        let began = self.clock();
        let mut world = self.world();
        loop {
            let deadline = match world.transfer(bus, address, operations) {
                Ok(()) => return Ok(()),
                Err(Trouble::Fails(fault)) => return Err(fault),
                Err(Trouble::Hangs(deadline)) => deadline,
            };
            if self.shared.clock.is_manual() {
                drop(world);
                self.advance(deadline);
                return Err(BusFault::TimedOut(Errno::ETIMEDOUT));
            }
            if hung >= LONGEST_HANG {
                return Err(BusFault::TimedOut(Errno::ETIMEDOUT));
            }
            let waited = self.shared.done.wait_timeout(world, LONGEST_HANG.saturating_sub(hung));
            (world, _) = waited.unwrap_or_else(PoisonError::into_inner);
            world.settle();
            hung = self.clock().saturating_sub(began);
        }
    }

    /// The lines of the board: switches in the order of the board file, then lamp, buzzer, and the recover
    /// lines of buses in their order.
    pub fn line_layout(&self) -> Vec<SimLine> {
        lock(&self.shared.world).lines.layout()
    }

    /// The electrical level of the line at a place of [`Self::line_layout`].
    pub fn electrical_level(&self, place: usize) -> bool {
        self.world().lines.electrical_level(place)
    }

    /// Drives the output at a place of [`Self::line_layout`] to an electrical level, as the controller does.
    pub fn drive_output(&self, place: usize, high: bool) {
        self.world().drive(place, high);
    }

    /// Whether the service lamp is lit.
    pub fn lamp(&self) -> bool {
        lock(&self.shared.world).lines.is_on(Role::Lamp)
    }

    /// Whether the buzzer sounds.
    pub fn buzzer(&self) -> bool {
        lock(&self.shared.world).lines.is_on(Role::Buzzer)
    }

    /// From now on every change of a switch is told to the watch as well.
    pub fn watch_lines(&self) -> std::io::Result<LineWatch> {
        self.world().lines.watch()
    }

    /// Puts another controller into the engine, as it leaves the factory: where the board has one.
    pub fn fit_engine(&self, engine: &SimulatedEngine) {
        self.world().fit_engine(engine);
    }

    /// What physically happened, whatever the chips say.
    pub fn truth(&self) -> Truth {
        self.world().truth()
    }

    /// Whether the GPIO chip is gone ([`Fault::LinesGone`](platen_hal::sim_command::Fault::LinesGone)): its lines cannot be read, and have no edges.
    pub fn lines_gone(&self) -> bool {
        self.world().lines.are_gone()
    }
}

impl Simulator for SimPrinter {
    fn act(&self, command: &SimCommand) -> Result<String, String> {
        self.apply(command).map_err(|refused| refused.to_string())
    }
}

/// Waits by the printer's clock: really with a live one, and by moving a manual one.
#[derive(Clone)]
pub struct SimDelay {
    printer: SimPrinter,
}

impl DelayNs for SimDelay {
    fn delay_ns(&mut self, nanoseconds: u32) {
        self.printer.pause(Duration::from_nanos(nanoseconds.into()));
    }

    fn delay_us(&mut self, microseconds: u32) {
        self.printer.pause(Duration::from_micros(microseconds.into()));
    }

    fn delay_ms(&mut self, milliseconds: u32) {
        self.printer.pause(Duration::from_millis(milliseconds.into()));
    }
}

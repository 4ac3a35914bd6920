//! A simulated printer as a board sees it: its buses, its lines and its clock.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::{ErrorType, I2c, Operation};

use crate::board::{Board, BoardError, Finding, Output, Verdict};
use crate::bus::{Adapter, ClockLine};
use crate::chips::examine::Examination;
use crate::chips::job::Job;
use crate::chips::reader::{BusReader, ChipReader, Fittings};
use crate::chips::seat::Seat;
use crate::chips::{ChipBoard, Pieces};
use crate::clock::Clock;
use crate::config::{ActiveLevel, BoardConfig};
use crate::fault::BusFault;
use crate::lines::{BoardLines, LineEdge};
use crate::sim::lines::{LineChange, LineWatch};
use crate::sim::{SimDelay, SimPrinter};
use crate::tape::Tape;

/// Whether a board asks its buses through threads, or itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    OneEach,
    None,
}

/// The board in front of a simulated printer.
pub(crate) fn board(
    config: &BoardConfig,
    printer: &SimPrinter,
    threads: Threads,
) -> Result<Box<dyn Board>, BoardError> {
    let tape = Arc::new(Tape::default());
    let clock = || -> Box<dyn Clock> { Box::new(PrinterClock::new(printer)) };
    let mut seats = Vec::new();
    for bus in &config.buses {
        let name = bus.name.get_ref();
        let jobs: Vec<_> =
            Job::all(config).into_iter().enumerate().filter(|(_, job)| job.bus == *name).collect();
        let fittings = Fittings {
            deadline: bus.deadline(),
            clocks: [clock(), clock()],
            clock_line: SimClockLine::of(config, printer, name),
            tape: Arc::clone(&tape),
            surroundings: Examination::of(config, name),
        };
        let adapter = SimBus { printer: printer.clone(), name: name.clone() };
        let reader: Box<dyn BusReader> = Box::new(ChipReader::new(name, adapter, jobs, fittings));
        seats.push(match threads {
            Threads::OneEach => Seat::threaded(name, bus.deadline(), reader)?,
            Threads::None => Seat::Inline(reader),
        });
    }
    let lines = Box::new(SimLines::new(config, printer)?);
    let pieces = Pieces { seats, lines, clock: clock(), tape, simulated: true };
    Ok(Box::new(ChipBoard::new(config, pieces)))
}

/// One bus of a simulated printer.
struct SimBus {
    printer: SimPrinter,
    name: String,
}

impl ErrorType for SimBus {
    type Error = BusFault;
}

impl I2c for SimBus {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusFault> {
        self.printer.transfer(&self.name, address, operations)
    }
}

impl Adapter for SimBus {
    fn device(&self) -> String {
        "simulated".to_owned()
    }
}

/// The printer's own clock.
struct PrinterClock {
    printer: SimPrinter,
    delay: SimDelay,
}

impl PrinterClock {
    fn new(printer: &SimPrinter) -> Self {
        Self { printer: printer.clone(), delay: printer.delay() }
    }
}

impl DelayNs for PrinterClock {
    fn delay_ns(&mut self, nanoseconds: u32) {
        self.delay.delay_ns(nanoseconds);
    }

    fn delay_us(&mut self, microseconds: u32) {
        self.delay.delay_us(microseconds);
    }

    fn delay_ms(&mut self, milliseconds: u32) {
        self.delay.delay_ms(milliseconds);
    }
}

impl Clock for PrinterClock {
    fn now(&self) -> Duration {
        self.printer.clock()
    }
}

/// A line that pulls the clock of a simulated bus down.
struct SimClockLine {
    printer: SimPrinter,
    place: usize,
    active: ActiveLevel,
}

impl SimClockLine {
    /// Of a bus, if its entry names one. Recover lines stand last among the lines of a printer, in the
    /// order of their buses.
    fn of(config: &BoardConfig, printer: &SimPrinter, bus: &str) -> Option<Box<dyn ClockLine>> {
        let outputs = usize::from(config.service_lamp.is_some()) + usize::from(config.buzzer.is_some());
        let mut place = config.switches.len() + outputs;
        for entry in &config.buses {
            let Some(line) = &entry.recover else { continue };
            if entry.name.get_ref() == bus {
                return Some(Box::new(Self { printer: printer.clone(), place, active: line.active }));
            }
            place += 1;
        }
        None
    }
}

impl ClockLine for SimClockLine {
    fn pull(&mut self, down: bool) -> Result<(), String> {
        self.printer.drive_output(self.place, is_high(down, self.active));
        Ok(())
    }
}

fn is_high(active: bool, level: ActiveLevel) -> bool {
    active == (level == ActiveLevel::High)
}

/// The lines of a simulated printer.
struct SimLines {
    config: BoardConfig,
    printer: SimPrinter,
    watch: LineWatch,
}

impl SimLines {
    fn new(config: &BoardConfig, printer: &SimPrinter) -> Result<Self, BoardError> {
        let watch = printer.watch_lines()?;
        Ok(Self { config: config.clone(), printer: printer.clone(), watch })
    }
}

impl BoardLines for SimLines {
    fn fds(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.watch.as_fd()]
    }

    fn take_edges(&mut self) -> Result<Vec<LineEdge>, BoardError> {
        let edge = |change: LineChange| LineEdge {
            switch: change.place,
            active: change.active,
            at: change.at,
            sequence: change.sequence,
        };
        Ok(self.watch.take()?.into_iter().map(edge).collect())
    }

    fn active(&mut self, switch: usize) -> Result<bool, String> {
        let entry = self.config.switches.get(switch).ok_or("there is no such switch")?;
        if self.printer.lines_gone() {
            let name = entry.name.get_ref();
            return Err(format!("the line of {name} (simulated) cannot be used: its GPIO chip is gone"));
        }
        Ok(self.printer.electrical_level(switch) == is_high(true, entry.active))
    }

    fn set_output(&mut self, output: Output, on: bool) -> Result<(), BoardError> {
        let lamp = self.config.service_lamp.as_ref();
        let place = self.config.switches.len();
        let (line, place) = match output {
            Output::ServiceLamp => (lamp, place),
            Output::Buzzer => (self.config.buzzer.as_ref(), place + usize::from(lamp.is_some())),
        };
        if let Some(line) = line {
            self.printer.drive_output(place, is_high(on, line.active));
        }
        Ok(())
    }

    fn examine(&mut self) -> Vec<Finding> {
        let names: Vec<_> = self
            .config
            .switches
            .iter()
            .map(|entry| (entry.name.get_ref().clone(), entry.line.get_ref().to_string()))
            .collect();
        let mut findings = Vec::new();
        for (place, (name, line)) in names.into_iter().enumerate() {
            let (verdict, what, check) = match self.active(place) {
                Ok(active) => (Verdict::Fine, format!("it is {}", crate::lines::state(active)), None),
                Err(what) => (Verdict::Failed, what, Some("bring the simulated lines back".to_owned())),
            };
            findings.push(Finding {
                subject: name,
                place: format!("simulated line {line}"),
                verdict,
                what,
                check,
            });
        }
        findings
    }
}

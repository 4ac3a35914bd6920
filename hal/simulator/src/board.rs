//! A simulated printer as a board sees it: its buses, its lines and its clock.

#[cfg(test)]
mod tests;

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::{ErrorType, I2c, Operation};
use platen_hal::assemble::{Assembly, Kind};
use platen_hal::board::{Board, BoardError, Finding, Output, Verdict};
use platen_hal::bus::{Adapter, ClockLine};
use platen_hal::clock::Clock;
use platen_hal::config::{ActiveLevel, BoardConfig};
use platen_hal::engine::Controller;
use platen_hal::fault::BusFault;
use platen_hal::lines::{self, BoardLines, LineEdge};

use crate::lines::{LineChange, LineWatch};
use crate::printer::{SimDelay, SimPrinter};

/// A simulated printer and the board in front of it.
pub struct Simulated {
    /// For the thread that owns the board.
    pub board: Box<dyn Board>,
    /// For whoever plays the printer.
    pub printer: SimPrinter,
}

/// Makes the printer that a board file describes, whatever its backend, and opens the board in front of it.
///
/// # Errors
/// What the file names (a scenario, a trace, a log) cannot be used, or a thread cannot be started.
pub fn open(config: &BoardConfig) -> Result<Simulated, BoardError> {
    let printer = SimPrinter::new(config)?;
    Ok(Simulated { board: board(config, &printer, Kind::Simulated)?, printer })
}

/// Opens the board in front of a simulated printer without any thread, and in the printer's own time: for
/// accelerated runs.
///
/// # Errors
/// The descriptor that tells of edges cannot be made.
pub fn open_inline(config: &BoardConfig, printer: &SimPrinter) -> Result<Box<dyn Board>, BoardError> {
    board(config, printer, Kind::SimulatedInline)
}

/// The engine's controller on its bus, as a program beside the agent speaks to it; none where the board file has none.
pub fn engine(config: &BoardConfig, printer: &SimPrinter) -> Option<Controller> {
    let entry = config.engine_controller.as_ref()?;
    let bus = SimBus { printer: printer.clone(), name: entry.bus.get_ref().clone() };
    Some(Controller::new(Box::new(bus), Box::new(PrinterClock::new(printer)), *entry.address.get_ref()))
}

fn board(config: &BoardConfig, printer: &SimPrinter, kind: Kind) -> Result<Box<dyn Board>, BoardError> {
    let clock = || -> Box<dyn Clock> { Box::new(PrinterClock::new(printer)) };
    let mut assembly = Assembly::new(config, kind, clock);
    for bus in &config.buses {
        let name = bus.name.get_ref();
        let adapter = SimBus { printer: printer.clone(), name: name.clone() };
        assembly.add_bus(bus, adapter, SimClockLine::of(config, printer, name))?;
    }
    Ok(assembly.finish(Box::new(SimLines::new(config, printer)?))?)
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
                Ok(active) => (Verdict::Fine, format!("it is {}", lines::state(active)), None),
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

//! Puts a board together of what a backend gives: an adapter for each bus, lines, and a clock.

use std::io;
use std::sync::Arc;

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::board::Board;
use crate::bus::{Adapter, ClockLine};
use crate::chips::bus_worker::BusWorker;
use crate::chips::examine::Examination;
use crate::chips::job::Job;
use crate::chips::reader::{ChipReader, ReaderSetup};
use crate::chips::{ChipBoard, Components};
use crate::clock::Clock;
use crate::config::{BoardConfig, Bus};
use crate::lines::BoardLines;
use crate::recorder::TraceRecorder;

/// What is behind a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Hardware; each bus is asked through a thread of its own.
    Real,
    /// A simulated printer, asked the same way. Every reading is marked as simulated.
    Simulated,
    /// A simulated printer whose buses are asked one after the other on the board's own thread: for simulated time.
    SimulatedInline,
}

/// A board that is being put together.
pub struct Assembly<'a> {
    config: &'a BoardConfig,
    kind: Kind,
    clock: Box<dyn Fn() -> Box<dyn Clock> + 'a>,
    recorder: Arc<TraceRecorder>,
    workers: Vec<BusWorker>,
}

impl<'a> Assembly<'a> {
    /// The board of a file, as yet without buses.
    pub fn new(config: &'a BoardConfig, kind: Kind, clock: impl Fn() -> Box<dyn Clock> + 'a) -> Self {
        let workers = Vec::with_capacity(config.buses.len());
        Self { config, kind, clock: Box::new(clock), recorder: Arc::default(), workers }
    }

    /// Adds the next bus of the board file, with the line that frees it if it has one.
    ///
    /// # Errors
    /// Its thread cannot be started.
    pub fn add_bus<A: Adapter + 'static>(
        &mut self,
        bus: &Bus,
        adapter: A,
        clock_line: Option<Box<dyn ClockLine>>,
    ) -> io::Result<()> {
        let name = bus.name.get_ref();
        let jobs: Vec<_> =
            Job::all(self.config).into_iter().enumerate().filter(|(_, job)| job.bus == *name).collect();
        let setup = ReaderSetup {
            deadline: bus.deadline(),
            clocks: [(self.clock)(), (self.clock)()],
            clock_line,
            recorder: Arc::clone(&self.recorder),
            surroundings: Examination::of(self.config, name),
        };
        let reader = Box::new(ChipReader::new(name, adapter, jobs, setup));
        self.workers.push(match self.kind {
            Kind::Real | Kind::Simulated => BusWorker::threaded(name, bus.deadline(), reader)?,
            Kind::SimulatedInline => BusWorker::Inline(reader),
        });
        Ok(())
    }

    /// The board, once all buses of the file were added.
    ///
    /// # Errors
    /// The kernel has no descriptor for the bell that buses ring when they have answered.
    pub fn finish(self, lines: Box<dyn BoardLines>) -> io::Result<Box<dyn Board>> {
        let answered = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let components = Components {
            workers: self.workers,
            answered,
            lines,
            clock: (self.clock)(),
            recorder: self.recorder,
            simulated: self.kind != Kind::Real,
        };
        Ok(Box::new(ChipBoard::new(self.config, components)))
    }
}

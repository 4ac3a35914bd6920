//! A board made of chips on buses and of lines, on whatever backend.
//!
//! Each bus is read by a [`reader`] of its own. On a real board that is done by a thread for
//! each bus, which the board waits for no longer than the bus's deadline; a board in simulated time asks
//! its buses one after the other.

pub(crate) mod bus_worker;
pub(crate) mod compose;
pub(crate) mod examine;
pub(crate) mod job;
pub(crate) mod reader;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::eventfd::EventFd;
use platen_protocol::readings::{BusReading, Reading, Readings, SwitchMeaning, SwitchReading};
use platen_protocol::unknown::{UnknownCause, UnknownReason};

use crate::board::{Board, BoardCounts, BoardError, BusCounts, Edge, Finding, Output, TraceSink, Verdict};
use crate::chips::bus_worker::{BusWorker, Reply, Round, kept_by};
use crate::chips::compose::Given;
use crate::chips::job::{Job, Value};
use crate::clock::{Clock, KernelClock};
use crate::config::{BoardConfig, ENGINE, Engine, NoPowerInSleep};
use crate::fault::{BusFault, ReadFault};
use crate::lines::BoardLines;
use crate::pages::PageCounter;
use crate::recorder::TraceRecorder;

/// What a board is built of.
pub(crate) struct Components {
    /// In the order of the board file.
    pub(crate) workers: Vec<BusWorker>,
    /// Rung when all buses have answered.
    pub(crate) answered: Arc<EventFd>,
    pub(crate) lines: Box<dyn BoardLines>,
    pub(crate) clock: Box<dyn Clock>,
    /// The one that the buses record to.
    pub(crate) recorder: Arc<TraceRecorder>,
    pub(crate) simulated: bool,
}

/// A board made of chips on buses and of lines.
pub(crate) struct ChipBoard {
    config: Arc<BoardConfig>,
    jobs: Vec<Job>,
    components: Components,
    pages: PageCounter,
    counts: Vec<BusCounts>,
    failed_lines: u64,
    /// Whether the buses have been asked for a sample that nobody has taken yet.
    begun: bool,
}

/// What the chips gave, by the name of the entry that wants it.
type Values<'a> = HashMap<&'a str, Result<Value, UnknownCause>>;

impl ChipBoard {
    pub(crate) fn new(config: &BoardConfig, components: Components) -> Self {
        let counts =
            |bus: &crate::config::Bus| BusCounts { name: bus.name.get_ref().clone(), ..BusCounts::default() };
        Self {
            config: Arc::new(config.clone()),
            jobs: Job::all(config),
            components,
            pages: PageCounter::default(),
            counts: config.buses.iter().map(counts).collect(),
            failed_lines: 0,
            begun: false,
        }
    }

    /// What all buses say, each within its deadline and, where they have threads, at the same time.
    fn read_buses(&mut self) -> (Values<'_>, Vec<BusReading>) {
        self.begin_sample();
        self.begun = false;
        let (mut values, mut buses) = (HashMap::new(), Vec::new());
        for ((worker, bus), counts) in
            self.components.workers.iter_mut().zip(&self.config.buses).zip(&mut self.counts)
        {
            let name = bus.name.get_ref();
            let (mut results, failing) = match worker.collect() {
                Reply::Answered(answer) => {
                    *counts = answer.counts;
                    (answer.results.into_iter().collect(), answer.failing)
                }
                Reply::Busy(words) => {
                    let owed = self.jobs.iter().filter(|job| job.bus == *name).count();
                    counts.failed_reads += u64::try_from(owed).unwrap_or(0);
                    (HashMap::new(), Some(words))
                }
            };
            for (place, job) in self.jobs.iter().enumerate().filter(|(_, job)| job.bus == *name) {
                let busy = || Err(ReadFault::Bus(BusFault::Busy));
                let value = results.remove(&place).unwrap_or_else(busy).map_err(|fault| match &failing {
                    Some(words) => kept_by(&format!("{} was not read: {words}", job.place())),
                    None => fault.cause(&job.place()),
                });
                values.insert(job.name.as_str(), value);
            }
            buses.push(BusReading { name: name.clone(), failing: failing.as_deref().map(kept_by) });
        }
        (values, buses)
    }

    fn read_switches(&mut self) -> Vec<SwitchReading> {
        self.components.lines.begin();
        let mut readings = Vec::with_capacity(self.config.switches.len());
        for (place, entry) in self.config.switches.iter().enumerate() {
            let active = match self.components.lines.active(place) {
                Ok(value) => Reading::Known { value },
                Err(detail) => {
                    self.failed_lines += 1;
                    Reading::Unknown { cause: UnknownCause { reason: UnknownReason::NoAnswer, detail } }
                }
            };
            readings.push(SwitchReading {
                name: entry.name.get_ref().clone(),
                meaning: entry.meaning,
                active,
                location: entry.location,
                supply: entry.supply.as_ref().map(|supply| supply.get_ref().clone()),
            });
        }
        readings
    }

    /// Whether the engine says that it sleeps.
    fn is_asleep(&mut self) -> bool {
        let place = self.config.switches.iter().position(|switch| switch.meaning == SwitchMeaning::Sleep);
        place.is_some_and(|place| self.components.lines.active(place) == Ok(true))
    }

    /// Pages at the exit, where the board has the sensor; unknown while its line is.
    fn page_exits(&self, switches: &[SwitchReading]) -> Option<Reading<u64>> {
        let sensor = switches.iter().find(|switch| switch.meaning == SwitchMeaning::PageExit)?;
        Some(match &sensor.active {
            Reading::Known { .. } => Reading::Known { value: self.pages.counts().pages },
            Reading::Unknown { cause } => Reading::Unknown { cause: cause.clone() },
        })
    }
}

/// While the engine sleeps, nobody can say what is wrong with a chip that has no power.
fn excuse(findings: &mut [Finding], no_power: &NoPowerInSleep) {
    for finding in findings.iter_mut().filter(|finding| finding.verdict == Verdict::Failed) {
        let bus = finding.subject.strip_prefix("bus ").is_some_and(|bus| no_power.buses.contains(bus));
        if bus || no_power.things.contains(&finding.subject) {
            finding.verdict = Verdict::Doubtful;
            finding.what += "; the printer sleeps, and by the board file it has no power then";
            finding.check = Some("wake the printer, and run this again".to_owned());
        }
    }
}

impl Board for ChipBoard {
    fn simulated(&self) -> bool {
        self.components.simulated
    }

    fn model(&self) -> &str {
        &self.config.model
    }

    fn begin_sample(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            let round = Round::of(self.components.workers.len(), &self.components.answered);
            self.components.workers.iter_mut().for_each(|worker| worker.post(&round));
        }
    }

    fn sample_is_ready(&mut self, limit: Duration) -> bool {
        // It is rung once a sample, after the last answer; a bus that was late for an earlier one may have done it. That
        // nobody did is no trouble.
        let _ = self.components.answered.read();
        let by = KernelClock.now().saturating_add(limit);
        // Each is waited for in turn; those behind it go on meanwhile.
        self.components.workers.iter_mut().all(|worker| worker.is_ready(by.saturating_sub(KernelClock.now())))
    }

    fn sample_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.components.answered.as_fd())
    }

    fn sample(&mut self) -> Readings {
        let config = Arc::clone(&self.config);
        self.begin_sample();
        self.sample_is_ready(Duration::MAX);
        let switches = self.read_switches();
        let exits = self.page_exits(&switches);
        let (values, buses) = self.read_buses();
        let given = |name: &str| -> Option<Given<'_>> {
            values.get(name).map(|result| result.as_ref().map_err(Clone::clone))
        };
        let BoardConfig { supplies, parts, temperatures, .. } = &*config;
        let engine = || given(ENGINE).filter(|_| config.engine.is_some());
        Readings {
            supplies: (1..)
                .zip(supplies)
                .map(|(index, entry)| compose::supply(entry, index, given(entry.name.get_ref()), &switches))
                .collect(),
            parts: (1..)
                .zip(parts)
                .map(|(index, entry)| compose::part(entry, index, given(entry.name.get_ref()), engine()))
                .collect(),
            temperatures: temperatures
                .iter()
                .map(|entry| compose::temperature(entry, given(entry.name.get_ref())))
                .collect(),
            billing: compose::billing(engine().as_ref()),
            counters: compose::counters(engine().zip(config.engine.as_ref().map(Engine::widths)), exits),
            switches,
            buses,
            held: Vec::new(),
        }
    }

    fn edge_fds(&self) -> Vec<BorrowedFd<'_>> {
        self.components.lines.fds()
    }

    fn take_edges(&mut self) -> Result<Vec<Edge>, BoardError> {
        let mut named = Vec::new();
        for edge in self.components.lines.take_edges()? {
            let Some(entry) = self.config.switches.get(edge.switch) else { continue };
            self.components.recorder.switch(edge.at, entry.name.get_ref(), edge.active);
            if entry.meaning == SwitchMeaning::PageExit {
                self.pages.take(edge.active, edge.sequence, edge.at);
                continue;
            }
            named.push(Edge {
                switch: entry.name.get_ref().clone(),
                meaning: entry.meaning,
                active: edge.active,
                at: edge.at,
            });
        }
        Ok(named)
    }

    fn set_output(&mut self, output: Output, on: bool) -> Result<(), BoardError> {
        self.components.lines.set_output(output, on)
    }

    fn counts(&self) -> BoardCounts {
        let buses = self.counts.clone();
        let failed_reads = buses.iter().map(|bus| bus.failed_reads).sum::<u64>() + self.failed_lines;
        BoardCounts { failed_reads, buses, pages: self.pages.counts() }
    }

    fn diagnose(&mut self) -> Vec<Finding> {
        if self.begun {
            // A bus answers one question at a time.
            self.read_buses();
        }
        let mut findings: Vec<_> = self.components.workers.iter_mut().flat_map(BusWorker::examine).collect();
        self.components.lines.begin();
        findings.extend(self.components.lines.examine());
        if self.is_asleep() {
            excuse(&mut findings, &self.config.no_power_in_sleep());
        }
        findings
    }

    fn record(&mut self, sink: Option<TraceSink>) {
        let begins = sink.is_some();
        self.components.recorder.switch_to(sink, self.components.clock.now(), &self.config.text);
        if !begins {
            return;
        }
        self.components.lines.begin();
        for (place, entry) in self.config.switches.iter().enumerate() {
            if let Ok(active) = self.components.lines.active(place) {
                self.components.recorder.switch(self.components.clock.now(), entry.name.get_ref(), active);
            }
        }
    }
}

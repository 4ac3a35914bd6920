//! Reads the chips of one bus, one after the other, within a deadline.

use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;

use crate::board::{BusCounts, Finding};
use crate::bus::{Adapter, ClockLine, pulse};
use crate::chips::examine::{self, Examination};
use crate::chips::job::{Job, Value};
use crate::clock::Clock;
use crate::fault::{BusFault, ReadFault};
use crate::recorder::{RecordedBus, TraceRecorder};

/// How much of the deadline may be used before the turn of the next chip: what is left is for the chip
/// whose turn it is.
const READING_SHARE: (u32, u32) = (3, 4);

/// One bus with its chips; the board waits for it, or lets a thread do so.
pub(crate) trait BusReader: Send {
    /// Reads every chip once.
    fn read(&mut self) -> BusAnswer;
    /// Compares the bus with the board file.
    fn examine(&mut self) -> Vec<Finding>;
}

/// What one reading of a bus gave.
#[derive(Debug)]
pub(crate) struct BusAnswer {
    /// By the place of the job on the board.
    pub(crate) results: Vec<(usize, Result<Value, ReadFault>)>,
    /// Why nothing on the bus can be read, if that is so.
    pub(crate) failing: Option<String>,
    /// What was counted since the board was opened.
    pub(crate) counts: BusCounts,
}

/// Reads the chips of a bus of some backend.
pub(crate) struct ChipReader<A> {
    bus: RecordedBus<A>,
    jobs: Vec<(usize, Job)>,
    clock: Box<dyn Clock>,
    deadline: Duration,
    clock_line: Option<Box<dyn ClockLine>>,
    /// How many chips had their turn before the deadline of the last reading: the next one begins after
    /// them, so that a slow chip does not keep the others from theirs for ever.
    served: usize,
    counts: BusCounts,
    surroundings: Examination,
}

/// What a bus needs beside its adapter.
pub(crate) struct ReaderSetup {
    pub(crate) deadline: Duration,
    /// For the reader, and for the recording.
    pub(crate) clocks: [Box<dyn Clock>; 2],
    pub(crate) clock_line: Option<Box<dyn ClockLine>>,
    pub(crate) recorder: Arc<TraceRecorder>,
    pub(crate) surroundings: Examination,
}

impl<A: Adapter> ChipReader<A> {
    pub(crate) fn new(name: &str, adapter: A, jobs: Vec<(usize, Job)>, setup: ReaderSetup) -> Self {
        let ReaderSetup { deadline, clocks: [clock, for_recorder], clock_line, recorder, surroundings } =
            setup;
        let counts = BusCounts { name: name.to_owned(), ..BusCounts::default() };
        let bus = RecordedBus::new(name, adapter, for_recorder, recorder);
        Self { bus, jobs, clock, deadline, clock_line, served: 0, counts, surroundings }
    }

    /// Reads every chip until the time is up.
    pub(super) fn pass(&mut self, end: Duration) -> Vec<(usize, Result<Value, ReadFault>)> {
        let first = self.served % self.jobs.len().max(1);
        let (mut results, mut served) = (Vec::with_capacity(self.jobs.len()), 0);
        let (before, from) = self.jobs.split_at(first);
        for (place, job) in from.iter().chain(before) {
            let result = if self.clock.now() < end || served == 0 {
                served += 1;
                job.read(&mut self.bus, self.clock.as_mut())
            } else {
                Err(ReadFault::Bus(BusFault::Deadline))
            };
            results.push((*place, result));
        }
        self.served = if served == self.jobs.len() { 0 } else { first + served };
        results
    }

    fn conclusion(&self, results: &[(usize, Result<Value, ReadFault>)]) -> Option<BusFault> {
        conclude(results.iter().filter_map(|(place, result)| {
            let job = self.jobs.iter().find(|(known, _)| known == place)?;
            Some((job.1.address, result.as_ref().err()))
        }))
    }

    /// Frees the data line, and reads again if that worked and there is time.
    fn recover(&mut self, fault: BusFault, end: Duration) -> (Option<BusFault>, Option<Results>, String) {
        let Some(line) = self.clock_line.as_mut() else {
            return (Some(fault), None, String::new());
        };
        self.counts.recoveries += 1;
        let words = match pulse(line.as_mut(), self.clock.as_mut()) {
            Ok(()) => "; freeing it was tried: nine pulses on its clock".to_owned(),
            Err(what) => format!("; freeing it was tried: its clock line failed: {what}"),
        };
        if self.clock.now() >= end {
            return (Some(fault), None, words);
        }
        let results = self.pass(end);
        (self.conclusion(&results), Some(results), words)
    }

    fn all(&self, fault: BusFault) -> Results {
        self.jobs.iter().map(|(place, _)| (*place, Err(ReadFault::Bus(fault)))).collect()
    }

    pub(super) fn name(&self) -> &str {
        &self.counts.name
    }
}

type Results = Vec<(usize, Result<Value, ReadFault>)>;

impl<A: Adapter> BusReader for ChipReader<A> {
    fn read(&mut self) -> BusAnswer {
        let (share, of) = READING_SHARE;
        let end = self.clock.now() + self.deadline * share / of;
        let (mut results, mut conclusion, mut words) = match self.bus.adapter.begin() {
            Ok(()) => {
                let results = self.pass(end);
                let conclusion = self.conclusion(&results);
                (results, conclusion, String::new())
            }
            Err(fault) => {
                let more = self.bus.adapter.trouble().map_or_else(String::new, |more| format!(": {more}"));
                (self.all(fault), Some(fault), more)
            }
        };
        if let Some(fault @ (BusFault::Stuck(_) | BusFault::TimedOut(_) | BusFault::ArbitrationLost(_))) =
            conclusion
        {
            let (after, again, tried) = self.recover(fault, end);
            (conclusion, words) = (after, tried);
            results = again.unwrap_or(results);
        }
        if conclusion.is_some() {
            self.bus.adapter.give_up();
        }
        let failed = results.iter().filter(|(_, result)| result.is_err()).count();
        self.counts.failed_reads += u64::try_from(failed).unwrap_or(0);
        self.counts.failed_transfers = self.bus.failed_transfers;
        let device = self.bus.adapter.device();
        let failing =
            conclusion.map(|fault| format!("the bus {} ({device}) fails: {fault}{words}", self.name()));
        BusAnswer { results, failing, counts: self.counts.clone() }
    }

    fn examine(&mut self) -> Vec<Finding> {
        let Self { bus, clock, jobs, counts, surroundings, .. } = self;
        // It asks addresses where nothing should answer, which is no error of the bus.
        let failed = bus.failed_transfers;
        let findings = examine::examine(&counts.name, surroundings, bus, clock.as_mut(), jobs);
        bus.failed_transfers = failed;
        findings
    }
}

/// Whether a whole bus fails, from the addresses of the chips that had their turn and their faults: every
/// one must have failed by a fault of the bus. A single chip that times out may simply be missing, for
/// some adapters say so, unless it took all the time that there was; and so may all of them that do not
/// acknowledge.
///
/// Where every chip reads nothing but zeros, the data line is held down on an adapter that does not look.
pub(crate) fn conclude<'a>(chips: impl IntoIterator<Item = (u8, Option<&'a ReadFault>)>) -> Option<BusFault> {
    let mut worst: Option<BusFault> = None;
    let (mut addresses, mut zeros, mut late) = (Vec::new(), 0, false);
    for (address, fault) in chips {
        let fault = match fault {
            Some(ReadFault::Bus(BusFault::Deadline)) => {
                late = true;
                continue;
            }
            Some(ReadFault::Bus(fault)) if fault.is_of_the_bus() => *fault,
            Some(ReadFault::Constant(0)) => {
                zeros += 1;
                BusFault::Stuck(Errno::EBUSY)
            }
            _ => return None,
        };
        if !addresses.contains(&address) {
            addresses.push(address);
        }
        if !matches!((worst, fault), (Some(_), BusFault::TimedOut(_))) {
            worst = Some(fault);
        }
    }
    let doubtful = matches!(worst, Some(BusFault::TimedOut(_))) || zeros > 0;
    worst.filter(|_| !doubtful || addresses.len() > 1 || late)
}

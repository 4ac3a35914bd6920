//! The simulation's own book of what physically happened, against which everything else is checked. It is
//! written by those who make things happen, and never by the programs under test.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use platen_agent::outbox::Rank;
use platen_protocol::device_to_manager::ReportBody;
use platen_protocol::manager_to_device::Command;
use platen_protocol::stamp::Stamp;

/// A report that an outbox has taken.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// Under which epoch.
    pub(super) epoch: String,
    /// Under which sequence.
    pub(super) sequence: u64,
    /// With which stamp.
    pub(super) taken: Stamp,
    /// What it tells.
    pub(super) body: ReportBody,
}

/// What happened at one device.
#[derive(Debug, Default)]
pub(super) struct DevicePage {
    /// Its name.
    pub(super) name: String,
    /// What the outbox has taken, in this order. What commands make is not here.
    pub(super) written: Vec<Written>,
    /// Numbers of the alerts that stand, by the last report that the outbox has taken.
    pub(super) standing: BTreeSet<u64>,
    /// Numbers of the samples that the board was read for.
    pub(super) samples: BTreeSet<u64>,
    /// Whether the outbox was ever seen as full as it may be.
    pub(super) full: bool,
    /// Starts of the agent.
    pub(super) starts: u32,
    /// Connections that were tried, by the minute.
    pub(super) dials: BTreeMap<u64, u32>,
    /// Requests that reached the manager, by the minute.
    pub(super) requests: BTreeMap<u64, u32>,
    /// Reports written, by the minute.
    pub(super) reports: BTreeMap<u64, u32>,
}

/// A command that an operator gave, as far as the operator knows.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// To which device, by number.
    pub(super) device: usize,
    /// What.
    pub(super) command: Command,
    /// Whether the manager said that it has it.
    pub(super) confirmed: bool,
}

/// The book.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// One page a device.
    pub(super) devices: Vec<DevicePage>,
    /// What operators asked.
    pub(super) commands: Vec<Given>,
    /// Numbers that have been given to happenings and samples.
    numbers: u64,
    /// What must not be.
    pub(super) violations: Vec<String>,
    /// Connections that all devices tried, by the second.
    pub(super) dials: BTreeMap<u64, u32>,
    /// Requests that the manager had, by the second.
    pub(super) requests: BTreeMap<u64, u32>,
}

/// Which minute of the simulation a moment is in.
pub(super) fn minute(at: Duration) -> u64 {
    at.as_secs() / 60
}

impl Book {
    /// A number that nothing else has.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A device tries a connection.
    pub(super) fn dialled(&mut self, device: usize, now: Duration) {
        *self.devices[device].dials.entry(minute(now)).or_default() += 1;
        *self.dials.entry(now.as_secs()).or_default() += 1;
    }

    /// The manager has a request of a device.
    pub(super) fn requested(&mut self, device: usize, now: Duration) {
        *self.devices[device].requests.entry(minute(now)).or_default() += 1;
        *self.requests.entry(now.as_secs()).or_default() += 1;
    }

    /// An outbox has taken reports, and now these alerts stand; `last` is the sequence of the last.
    #[allow(clippy::too_many_arguments, reason = "all of one thing that happened")]
    pub(super) fn wrote(
        &mut self,
        device: usize,
        epoch: &str,
        last: u64,
        taken: &Stamp,
        bodies: &[ReportBody],
        standing: &[u64],
        now: Duration,
    ) {
        let first = (last + 1).saturating_sub(bodies.len() as u64);
        let page = &mut self.devices[device];
        page.standing = standing.iter().copied().collect();
        *page.reports.entry(minute(now)).or_default() += u32::try_from(bodies.len()).unwrap();
        for (body, sequence) in bodies.iter().zip(first..) {
            page.written.push(Written {
                epoch: epoch.to_owned(),
                sequence,
                taken: taken.clone(),
                body: body.clone(),
            });
        }
    }
}

/// Whether a report of this rank may be given up when an outbox is full.
pub(super) fn may_be_lost(body: &ReportBody) -> bool {
    !Rank::of(body).is_asked()
}

//! Very many light devices in this process, for a fleet that no machine has room for as agents. What an agent would send,
//! they send, and they come back as agents do; [`books`] compares what they were told with what a store holds.

pub mod books;
mod device;
pub mod figures;
pub mod messages;
pub mod updated;
pub mod wire;

use std::sync::Arc;
use std::time::Duration;

use platen_protocol::limits::DEFAULT_WAIT;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::pki::{Identity, Pki};
use books::Book;
use device::{Device, Place};
use figures::{Counts, Figures};

/// First handshakes under way at once: as many as keep a server busy all the time.
pub const AT_ONCE: usize = 256;

/// What devices do by themselves.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// How long a device lets itself be held.
    pub wait: Duration,
    /// How often it reports, on the whole.
    pub report_every: Duration,
}

impl Default for Habits {
    fn default() -> Self {
        Self { wait: DEFAULT_WAIT, report_every: Duration::from_secs(30) }
    }
}

/// What the devices of a crowd share.
struct Shared {
    ports: Vec<u16>,
    habits: Habits,
    counts: Counts,
    turn: Semaphore,
    ending: CancellationToken,
}

/// Devices that live.
pub struct Crowd {
    devices: JoinSet<Book>,
    shared: Arc<Shared>,
}

impl Crowd {
    /// Lets these devices live, the first of them as number `first`. They go to the first port that is theirs, and to the
    /// next one after they were cut off, as a load balancer would have it; where there is one, it is the only port.
    pub fn start(
        runtime: &Handle,
        pki: &Pki,
        (first, identities): (usize, &[Identity]),
        ports: Vec<u16>,
        habits: Habits,
    ) -> Self {
        let _within = runtime.enter();
        let shared = Arc::new(Shared {
            ports,
            habits,
            counts: Counts::new(),
            turn: Semaphore::new(AT_ONCE),
            ending: CancellationToken::new(),
        });
        let mut devices = JoinSet::new();
        for (number, identity) in (first..).zip(identities) {
            let config = pki.device(identity, &[b"http/1.1"], 1);
            let place = Place { name: identity.name.clone(), number, config };
            devices.spawn(Device::new(place, Arc::clone(&shared)).live());
        }
        Self { devices, shared }
    }

    /// What is counted.
    pub fn figures(&self) -> Figures {
        self.shared.counts.figures()
    }

    /// Time since the crowd began.
    pub fn time(&self) -> Duration {
        self.shared.counts.time()
    }

    /// The most connections that were asked for in any one second since then.
    pub fn busiest_second(&self, since: Duration) -> usize {
        self.shared.counts.busiest_second(since)
    }

    /// What managers refused, and not only for now; at most a few are kept.
    pub fn refusals(&self) -> Vec<String> {
        self.shared.counts.refusals()
    }

    /// Nothing new is reported any more; returns when everything that was is acknowledged.
    pub async fn end(mut self) -> Vec<Book> {
        self.shared.ending.cancel();
        let mut books = Vec::new();
        while let Some(ended) = self.devices.join_next().await {
            books.push(ended.unwrap());
        }
        books
    }
}

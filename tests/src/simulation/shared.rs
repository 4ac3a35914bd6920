//! What the parts of one simulation share.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{future::Future, pin::Pin};

use jiff::Timestamp;
use platen_agent::clock::{Clock, Moved};
use platen_agent::recorder::Recorder;
use platen_agent::settings::Current;
use platen_agent::status::Status;
use platen_agent::uplink;
use tokio::sync::{Notify, watch};

use super::book::Book;
use super::history::History;
use super::judge::Ledger;
use super::plan::{Plan, beginning};
use crate::rigs::random::Random;

/// Where the manager listens.
pub(super) const PORT: u16 = 8443;
/// The manager's host.
pub(super) const MANAGER: &str = "manager";
/// The proxy's host.
pub(super) const PROXY: &str = "proxy";

/// An agent that runs, as far as it is looked into.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) recorder: Arc<Recorder>,
    pub(super) status: watch::Sender<Status>,
    pub(super) clock: Arc<Clock>,
    pub(super) settings: Current,
}

impl Life {
    /// What its uplink works on.
    pub(super) fn context(&self) -> uplink::Context {
        let Self { recorder, status, clock, .. } = self;
        uplink::Context { recorder: Arc::clone(recorder), status: status.clone(), clock: Arc::clone(clock) }
    }
}

/// What outlives a device's process.
#[derive(Debug)]
pub(super) struct Place {
    /// The host's name, and the device's.
    pub(super) name: String,
    /// Where its outbox is.
    pub(super) directory: PathBuf,
    /// Its clocks.
    pub(super) clock: Arc<Moved>,
    /// The process that runs, as far as it can be looked into.
    pub(super) life: Mutex<Weak<Life>>,
    /// Ends the process.
    pub(super) fuse: Fuse,
    /// Asks it to stop; each change is a wish.
    pub(super) stop: watch::Sender<u64>,
    /// Which of its happenings is next.
    pub(super) next: AtomicUsize,
    /// Starts of the machine.
    pub(super) boots: AtomicUsize,
}

/// What one simulation shares.
pub(super) struct Shared {
    /// The seed.
    pub(super) seed: u64,
    /// What it drew.
    pub(super) plan: Plan,
    /// What happens.
    pub(super) history: History,
    /// The book.
    book: Mutex<Book>,
    /// The manager's store, as the judge reads it.
    pub(super) ledger: Ledger,
    /// Where the manager's database is.
    pub(super) directory: PathBuf,
    /// The devices.
    pub(super) places: Vec<Place>,
    /// Ends the manager.
    pub(super) fuse: Fuse,
    /// Asks the manager to stop.
    pub(super) stop: watch::Sender<u64>,
    /// Which wish of the operators is next.
    pub(super) next_wish: AtomicUsize,
    /// The next delivery of the plan.
    pub(super) next_delivery: AtomicUsize,
    /// Connections that the manager has taken.
    pub(super) connections: AtomicUsize,
    /// Wakes the proxy: cuts with the bytes that still go, and repeats.
    pub(super) cut: Bell,
    /// The same for repeats.
    pub(super) repeat: Bell,
    /// Draws of the run itself.
    pub(super) random: Mutex<Random>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "simulation of seed {}", self.seed)
    }
}

impl Shared {
    /// The book; not to be held across an await.
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With an empty book for these devices.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn new(seed: u64, plan: Plan, ledger: Ledger, directory: PathBuf, places: Vec<Place>) -> Self {
        let mut book = Book::default();
        for place in &places {
            book.devices.push(super::book::DevicePage { name: place.name.clone(), ..Default::default() });
        }
        Self {
            seed,
            plan,
            history: History::default(),
            book: Mutex::new(book),
            ledger,
            directory,
            places,
            fuse: Fuse::default(),
            stop: watch::Sender::new(0),
            next_wish: AtomicUsize::new(0),
            next_delivery: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            cut: Bell::default(),
            repeat: Bell::default(),
            random: Mutex::new(Random::new(seed, 2)),
        }
    }

    /// A device's process, if one runs.
    pub(super) fn life(&self, device: usize) -> Option<Arc<Life>> {
        self.places[device].life.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    /// Draws.
    pub(super) fn draw<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Since the simulation began.
    pub(super) fn elapsed(&self) -> Duration {
        self.history.now()
    }

    /// The true time.
    pub(super) fn now(&self) -> Timestamp {
        beginning() + self.elapsed()
    }

    /// Something is that must not be.
    pub(super) fn violation(&self, what: String) {
        self.history.note("VIOLATED", &what);
        self.book().violations.push(what);
    }
}

/// Wakes everyone who listens, in the order in which they began to; tokio's `watch` does so in an order of random.
#[derive(Debug, Default)]
pub(super) struct Bell {
    /// How often it was rung, and what was said last.
    said: Mutex<(u64, u32)>,
    rung: Notify,
}

impl Bell {
    fn said(&self) -> (u64, u32) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something to all.
    pub(super) fn ring(&self, word: u32) {
        let times = self.said().0 + 1;
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = (times, word);
        self.rung.notify_waiters();
    }

    /// How often it was rung.
    pub(super) fn times(&self) -> u64 {
        self.said().0
    }

    /// Waits until it was rung more often than `heard`, which is brought up to that; returns what was said last.
    pub(super) async fn heard(&self, heard: &mut u64) -> u32 {
        loop {
            let rung = self.rung.notified();
            let (times, word) = self.said();
            if times > *heard {
                *heard = times;
                return word;
            }
            rung.await;
        }
    }
}

/// Ends a process at one of the next polls of its future: at any await.
#[derive(Debug)]
pub(super) struct Fuse(AtomicI64);

impl Default for Fuse {
    fn default() -> Self {
        Self(AtomicI64::new(-1))
    }
}

impl Fuse {
    /// It burns from now on.
    pub(super) fn light(&self, polls: u32) {
        self.0.store(i64::from(polls), Ordering::Relaxed);
    }

    /// Whether it has burnt down with this poll.
    fn burns_down(&self) -> bool {
        match self.0.load(Ordering::Relaxed) {
            left if left < 0 => false,
            0 => {
                self.0.store(-1, Ordering::Relaxed);
                true
            }
            left => {
                self.0.store(left - 1, Ordering::Relaxed);
                false
            }
        }
    }
}

/// A process that a fuse can end. It ends as if killed: everything that it held is dropped, and nothing of it
/// runs any more.
pub(super) struct Mortal<'a, F> {
    alive: Option<Pin<Box<F>>>,
    fuse: &'a Fuse,
}

impl<'a, F: Future> Mortal<'a, F> {
    /// Puts a process on a fuse.
    pub(super) fn new(process: F, fuse: &'a Fuse) -> Self {
        Self { alive: Some(Box::pin(process)), fuse }
    }
}

impl<F: Future> Future for Mortal<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.fuse.burns_down() {
            self.alive = None;
            return Poll::Ready(None);
        }
        match &mut self.alive {
            Some(process) => process.as_mut().poll(context).map(Some),
            None => Poll::Ready(None),
        }
    }
}

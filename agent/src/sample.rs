//! The thread that owns the board.
//!
//! It sleeps in one `poll` on the edges' descriptors, on an eventfd that tells of requests, and until
//! the next sample is due. What it sees goes out through a bounded channel; a full one makes it wait.
//! A sample like the one before is not handed on again and again: when the same readings have been seen
//! often enough for every judgement, the runtime is left to sleep ([`Repeats`]).

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use platen_hal::{Board, Edge};
use platen_protocol::readings::Readings;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::units;

/// What the thread saw and the runtime has not yet taken.
const MAX_SEEN: usize = 64;
/// Requests that the thread has not yet taken.
const MAX_REQUESTS: usize = 16;
/// Readings that do not change are handed on so often anyway: it shows that the thread lives.
pub const QUIET: Duration = Duration::from_secs(30);
/// After the edges could not be read they are left alone for so long.
const EDGE_PAUSE: Duration = Duration::from_secs(5);

/// `[sample]` of agent.toml.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SampleConfig {
    /// How often everything is read: 100 ms to 1 min.
    #[serde(deserialize_with = "units::period::<_, 100, 60_000>")]
    pub interval: Duration,
    /// How soon a level that has just crossed its set value is read again: 10 ms to 1 min.
    #[serde(deserialize_with = "units::period::<_, 10, 60_000>")]
    pub settle: Duration,
}

impl Default for SampleConfig {
    fn default() -> Self {
        Self { interval: Duration::from_secs(5), settle: Duration::from_millis(500) }
    }
}

/// Everything that was read at one moment.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What was read.
    pub readings: Readings,
    /// When reading began, on the monotonic clock.
    pub at: Duration,
    /// Reads that failed since the board was opened.
    pub failed_reads: u64,
}

/// What the thread saw.
#[derive(Debug)]
pub enum Seen {
    /// A sample, at its interval or because it was asked for.
    Sample(Sample),
    /// Edges, oldest first.
    Edges(Vec<Edge>),
}

#[derive(Debug)]
enum Request {
    Sample(oneshot::Sender<Sample>),
    SampleWithin(Duration),
    Lamp(bool),
    Stop,
}

/// Why the thread did not take a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BoardBusy {
    /// It has too many.
    #[error("the board is busy: {MAX_REQUESTS} requests wait for it already")]
    Full,
    /// It has ended.
    #[error("the board is closed")]
    Closed,
}

/// The runtime's side of the thread.
#[derive(Debug, Clone)]
pub struct BoardHandle {
    requests: SyncSender<Request>,
    bell: Arc<EventFd>,
}

impl BoardHandle {
    fn ask(&self, request: Request) -> Result<(), BoardBusy> {
        self.requests.try_send(request).map_err(|refused| match refused {
            TrySendError::Full(_) => BoardBusy::Full,
            TrySendError::Disconnected(_) => BoardBusy::Closed,
        })?;
        // Fails only when the counter is full, and then the thread is awake anyway.
        let _ = self.bell.write(1);
        Ok(())
    }

    /// Reads everything now. The sample is judged as well as returned.
    pub async fn sample(&self) -> Result<Sample, BoardBusy> {
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Sample(answer))?;
        answered.await.or(Err(BoardBusy::Closed))
    }

    /// Reads everything again within a time.
    pub fn sample_within(&self, time: Duration) -> Result<(), BoardBusy> {
        self.ask(Request::SampleWithin(time))
    }

    /// Turns the service lamp on or off.
    pub fn lamp(&self, on: bool) -> Result<(), BoardBusy> {
        self.ask(Request::Lamp(on))
    }

    /// Ends the thread.
    pub fn stop(&self) -> Result<(), BoardBusy> {
        self.ask(Request::Stop)
    }
}

/// How the thread goes about it.
#[derive(Debug, Clone)]
pub struct Rhythm {
    /// Between samples.
    pub interval: Duration,
    /// From an edge until the switches have settled and are compared.
    pub switch_debounce: Duration,
    /// Equal samples that are handed on before it becomes quiet.
    pub repeats: u32,
}

/// Starts the thread. The first sample comes at once.
pub fn start(
    board: Box<dyn Board>,
    rhythm: Rhythm,
    clock: Arc<Clock>,
) -> std::io::Result<(BoardHandle, mpsc::Receiver<Seen>, JoinHandle<()>)> {
    let (requests, asked) = sync_channel(MAX_REQUESTS);
    let (seen, watched) = mpsc::channel(MAX_SEEN);
    let bell = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
    let handle = BoardHandle { requests, bell: Arc::clone(&bell) };
    let keeper = Keeper {
        board,
        clock,
        asked,
        bell,
        seen,
        repeats: Repeats::new(rhythm.repeats),
        next_sample: Instant::now(),
        edges_paused_until: None,
        rhythm,
    };
    let thread = std::thread::Builder::new().name("board".into()).spawn(move || keeper.run())?;
    Ok((handle, watched, thread))
}

struct Keeper {
    board: Box<dyn Board>,
    rhythm: Rhythm,
    clock: Arc<Clock>,
    asked: Receiver<Request>,
    bell: Arc<EventFd>,
    seen: mpsc::Sender<Seen>,
    repeats: Repeats,
    next_sample: Instant,
    edges_paused_until: Option<Instant>,
}

/// The other side is gone, or wants the thread to end.
struct End;

impl Keeper {
    fn run(mut self) {
        while let Ok(()) = self.turn() {}
    }

    fn turn(&mut self) -> Result<(), End> {
        self.edges()?;
        self.requests()?;
        if Instant::now() >= self.next_sample {
            self.sample(None)?;
            self.edges()?;
        }
        self.sleep();
        Ok(())
    }

    fn sleep(&mut self) {
        let left = self.next_sample.saturating_duration_since(Instant::now());
        // One more, for poll cuts to whole milliseconds and would wake just before the time.
        let left = left.as_millis().saturating_add(1);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let paused = self.edges_paused_until.is_some_and(|until| Instant::now() < until);
        let mut fds = vec![PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
        if !paused {
            fds.extend(self.board.edge_fds().into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        }
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(cause) => {
                tracing::error!("waiting for the board failed: {cause}");
                std::thread::sleep(EDGE_PAUSE);
            }
        }
        let _ = self.bell.read();
    }

    fn edges(&mut self) -> Result<(), End> {
        if self.edges_paused_until.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        match self.board.take_edges() {
            Ok(edges) if edges.is_empty() => Ok(()),
            Ok(edges) => {
                self.edges_paused_until = None;
                self.repeats.disturb();
                self.seen.blocking_send(Seen::Edges(edges)).or(Err(End))?;
                self.bring_forward(self.rhythm.switch_debounce);
                Ok(())
            }
            Err(cause) => {
                if self.edges_paused_until.is_none() {
                    tracing::error!("edges cannot be read ({cause}): switches are only seen at each sample");
                }
                self.edges_paused_until = Some(Instant::now() + EDGE_PAUSE);
                Ok(())
            }
        }
    }

    fn requests(&mut self) -> Result<(), End> {
        loop {
            match self.asked.try_recv() {
                Ok(Request::Sample(answer)) => self.sample(Some(answer))?,
                Ok(Request::SampleWithin(time)) => {
                    self.repeats.disturb();
                    self.bring_forward(time);
                }
                Ok(Request::Lamp(on)) => {
                    if let Err(cause) = self.board.set_lamp(on) {
                        tracing::warn!("the service lamp cannot be switched: {cause}");
                    }
                }
                Ok(Request::Stop) | Err(TryRecvError::Disconnected) => return Err(End),
                Err(TryRecvError::Empty) => return Ok(()),
            }
        }
    }

    fn bring_forward(&mut self, time: Duration) {
        self.next_sample = self.next_sample.min(Instant::now() + time);
    }

    fn sample(&mut self, answer: Option<oneshot::Sender<Sample>>) -> Result<(), End> {
        let began = Instant::now();
        let at = self.clock.monotonic();
        let readings = self.board.sample();
        let sample = Sample { readings, at, failed_reads: self.board.failed_reads() };
        self.next_sample = began + self.rhythm.interval;
        if self.repeats.is_worth_handing_on(&sample.readings, began, answer.is_some()) {
            self.seen.blocking_send(Seen::Sample(sample.clone())).or(Err(End))?;
        }
        if let Some(answer) = answer {
            // The asker may have gone; the sample was judged all the same.
            let _ = answer.send(sample);
        }
        Ok(())
    }
}

/// Which samples the runtime needs to see.
#[derive(Debug)]
struct Repeats {
    enough: u32,
    last: Option<(Readings, Instant)>,
    equal: u32,
}

impl Repeats {
    fn new(enough: u32) -> Self {
        Self { enough, last: None, equal: 0 }
    }

    /// Something happened: the next sample counts whatever it says.
    fn disturb(&mut self) {
        self.last = None;
    }

    fn is_worth_handing_on(&mut self, readings: &Readings, now: Instant, asked: bool) -> bool {
        let same = self.last.as_ref().is_some_and(|(last, _)| last == readings);
        let quiet_since = self.last.as_ref().map(|(_, since)| *since);
        self.equal = if same { self.equal.saturating_add(1) } else { 0 };
        let due = quiet_since.is_none_or(|since| now.saturating_duration_since(since) >= QUIET);
        let hand_on = asked || due || self.equal <= self.enough;
        if hand_on {
            self.last = Some((readings.clone(), now));
        }
        hand_on
    }
}

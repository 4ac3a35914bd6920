//! The runtime's side of the board's thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
use platen_hal::Finding;
use platen_hal::board::TraceSink;
use tokio::sync::oneshot;

use super::{Rhythm, Sample, Signal};

/// Requests that the thread has not yet taken.
pub(super) const MAX_REQUESTS: usize = 16;

/// What the thread is asked to do.
#[derive(Debug)]
pub(super) enum Request {
    Sample(oneshot::Sender<Sample>),
    SampleWithin(Duration),
    Signal(Signal),
    Rhythm(Rhythm),
    Diagnose(oneshot::Sender<Vec<Finding>>),
    Record(Option<TraceSink>),
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

/// A handle, and the thread's side of it: its requests and the bell that tells of them.
pub(super) fn handle() -> std::io::Result<(BoardHandle, Receiver<Request>, Arc<EventFd>)> {
    let (requests, asked) = sync_channel(MAX_REQUESTS);
    let bell = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
    Ok((BoardHandle { requests, bell: Arc::clone(&bell) }, asked, bell))
}

/// The board's side of a handle where no thread has it: in a simulation, whose own task answers.
#[derive(Debug)]
pub struct RequestQueue(Receiver<Request>);

/// A handle and the requests that come by it, for a board without a thread.
///
/// # Errors
/// When the kernel gives no event descriptor.
pub fn without_thread() -> std::io::Result<(BoardHandle, RequestQueue)> {
    let (handle, asked, _) = handle()?;
    Ok((handle, RequestQueue(asked)))
}

impl RequestQueue {
    /// The next who waits for a sample. Requests of other kinds are taken and come to nothing.
    pub fn next_asker(&self) -> Option<oneshot::Sender<Sample>> {
        self.0.try_iter().find_map(|request| match request {
            Request::Sample(asker) => Some(asker),
            _ => None,
        })
    }
}

impl BoardHandle {
    pub(super) fn ask(&self, request: Request) -> Result<(), BoardBusy> {
        self.requests.try_send(request).map_err(|refused| match refused {
            TrySendError::Full(_) => BoardBusy::Full,
            TrySendError::Disconnected(_) => BoardBusy::Closed,
        })?;
        // Fails only when the counter is full, and then the thread is awake anyway.
        let _ = self.bell.write(1);
        Ok(())
    }

    /// Reads everything now. The sample comes back as it was judged, after what follows from it was kept.
    ///
    /// # Errors
    /// When the thread has too many requests, or has ended.
    pub async fn sample(&self) -> Result<Sample, BoardBusy> {
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Sample(answer))?;
        answered.await.or(Err(BoardBusy::Closed))
    }

    /// Reads everything again within a time.
    ///
    /// # Errors
    /// When the thread has too many requests, or has ended.
    pub fn sample_within(&self, time: Duration) -> Result<(), BoardBusy> {
        self.ask(Request::SampleWithin(time))
    }

    /// Tells the person at the device something.
    ///
    /// # Errors
    /// When the thread has too many requests, or has ended.
    pub fn signal(&self, signal: Signal) -> Result<(), BoardBusy> {
        self.ask(Request::Signal(signal))
    }

    /// From now on, samples come in this rhythm.
    ///
    /// # Errors
    /// When the thread has too many requests, or has ended.
    pub fn keep_time(&self, rhythm: Rhythm) -> Result<(), BoardBusy> {
        self.ask(Request::Rhythm(rhythm))
    }

    /// Compares the board file with the board.
    ///
    /// # Errors
    /// When the thread has too many requests, or has ended.
    pub async fn diagnose(&self) -> Result<Vec<Finding>, BoardBusy> {
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Diagnose(answer))?;
        answered.await.or(Err(BoardBusy::Closed))
    }

    /// Hands everything that the buses and lines say to a sink; `None` ends that.
    ///
    /// # Errors
    /// When the thread has too many requests, or has ended.
    pub fn record(&self, sink: Option<TraceSink>) -> Result<(), BoardBusy> {
        self.ask(Request::Record(sink))
    }

    /// Ends the thread.
    ///
    /// # Errors
    /// When the thread has too many requests, or has ended.
    pub fn stop(&self) -> Result<(), BoardBusy> {
        self.ask(Request::Stop)
    }
}

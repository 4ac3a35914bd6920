//! The agent's side of the control socket.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use platen_hal::sim::SimPrinter;
use platen_protocol::device_to_manager::ReadingsCause;
use tokio::io::BufReader;
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::codec::{CodecError, MAX_REQUEST_BYTES, read, write};
use super::message::{Answer, Question, Request, VERSION};
use crate::compose;
use crate::keep::Keep;
use crate::stop::Stop;

/// So many `platen`s may be connected at once.
const MAX_CLIENTS: usize = 16;
/// A request must arrive, and an answer be taken, within this.
const CLIENT_LIMIT: Duration = Duration::from_secs(10);
/// How long the asker of a service call is kept for the manager's word.
const ACKNOWLEDGE_LIMIT: Duration = Duration::from_secs(30);
/// After accepting failed (such as for want of descriptors), the next try comes after this.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// A watcher hears of changes at most so often.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
const MODE: u32 = 0o660;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody answers on it.
    #[error("another platen-agent answers on {}: stop it first, or give this one another control_socket", .0.display())]
    Taken(PathBuf),
    /// It cannot be made.
    #[error("the control socket {} cannot be made: {source}", socket.display())]
    Io {
        /// Where.
        socket: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Makes the socket; one that a former agent left behind is replaced.
pub fn bind(socket: &Path) -> Result<UnixListener, BindError> {
    let failed = |source| BindError::Io { socket: socket.to_owned(), source };
    if StdStream::connect(socket).is_ok() {
        return Err(BindError::Taken(socket.to_owned()));
    }
    match fs::remove_file(socket) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(cause)),
        _ => {}
    }
    let listener = UnixListener::bind(socket).map_err(failed)?;
    fs::set_permissions(socket, fs::Permissions::from_mode(MODE)).map_err(failed)?;
    Ok(listener)
}

/// What the clients' tasks share.
#[derive(Clone)]
struct Desk {
    keep: Arc<Keep>,
    simulator: Option<SimPrinter>,
    stop: Stop,
}

/// Serves until `stop` is true, then lets those who are being answered finish.
pub async fn serve(listener: UnixListener, keep: Arc<Keep>, simulator: Option<SimPrinter>, mut stop: Stop) {
    let desk = Desk { keep, simulator, stop: stop.clone() };
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    while clients.try_join_next().is_some() {}
                    let room = clients.len() < MAX_CLIENTS;
                    clients.spawn(attend(stream, desk.clone(), room));
                }
                Err(cause) => {
                    tracing::warn!("the control socket: {cause}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = stop.asked() => break,
        }
    }
    drop(listener);
    while clients.join_next().await.is_some() {}
}

async fn attend(stream: UnixStream, desk: Desk, room: bool) {
    let (input, mut output) = stream.into_split();
    let mut input = BufReader::new(input);
    let question = tokio::time::timeout(CLIENT_LIMIT, read::<Question>(&mut input, MAX_REQUEST_BYTES)).await;
    let answered = match question {
        Ok(Ok(Some(_))) if !room => {
            refuse(&mut output, format!("{MAX_CLIENTS} others are being served: try again in a moment")).await
        }
        Ok(Ok(Some(question))) if question.version != VERSION => {
            let reason = format!(
                "the agent speaks version {VERSION} of the control messages, not {}: use the platen of the same package, or restart the agent",
                question.version
            );
            refuse(&mut output, reason).await
        }
        Ok(Ok(Some(question))) => desk.answer(question.request, &mut input, &mut output).await,
        Ok(Err(cause @ (CodecError::TooLong { .. } | CodecError::Malformed(_)))) => {
            refuse(&mut output, cause.to_string()).await
        }
        // Gone, or silent: nobody is there to be told.
        Ok(Ok(None) | Err(CodecError::Io(_))) | Err(_) => Ok(()),
    };
    if let Err(cause) = answered {
        tracing::debug!("a client of the control socket left: {cause}");
    }
}

async fn tell(output: &mut OwnedWriteHalf, answer: &Answer) -> Result<(), CodecError> {
    let slow = || CodecError::Io(io::ErrorKind::TimedOut.into());
    tokio::time::timeout(CLIENT_LIMIT, write(output, answer)).await.unwrap_or_else(|_| Err(slow()))
}

async fn refuse(output: &mut OwnedWriteHalf, reason: String) -> Result<(), CodecError> {
    tell(output, &Answer::Refused { reason }).await
}

impl Desk {
    async fn answer(
        mut self,
        request: Request,
        input: &mut BufReader<tokio::net::unix::OwnedReadHalf>,
        output: &mut OwnedWriteHalf,
    ) -> Result<(), CodecError> {
        match request {
            Request::Status => tell(output, &self.status()).await,
            Request::Watch => self.watch(input, output).await,
            Request::CallService { message } => match compose::service_call(message) {
                Ok(body) => self.keep_and_tell(body, output).await,
                Err(cause) => refuse(output, cause.to_string()).await,
            },
            Request::Report => match self.keep.board.sample().await {
                Ok(sample) => {
                    let body = compose::readings(ReadingsCause::Person, &sample.readings);
                    self.keep_and_tell(body, output).await
                }
                Err(cause) => refuse(output, cause.to_string()).await,
            },
            Request::Sim { command } => {
                let answer = self.simulate(command).await;
                tell(output, &answer).await
            }
        }
    }

    fn status(&self) -> Answer {
        let clock = &self.keep.clock;
        Answer::Status(Box::new(self.keep.status.borrow().report(clock.monotonic(), clock.wall())))
    }

    async fn watch(
        &mut self,
        input: &mut BufReader<tokio::net::unix::OwnedReadHalf>,
        output: &mut OwnedWriteHalf,
    ) -> Result<(), CodecError> {
        let mut changes = self.keep.status.subscribe();
        loop {
            changes.borrow_and_update();
            tell(output, &self.status()).await?;
            tokio::select! {
                more = changes.changed() => if more.is_err() { return Ok(()) },
                // The asker says nothing more: what comes is its end.
                gone = read::<Question>(input, MAX_REQUEST_BYTES) => return gone.map(|_| ()),
                () = self.stop.asked() => return Ok(()),
            }
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
    }

    async fn keep_and_tell(
        &mut self,
        body: platen_protocol::device_to_manager::ReportBody,
        output: &mut OwnedWriteHalf,
    ) -> Result<(), CodecError> {
        let (epoch, _) = self.keep.mark();
        let sequence = match self.keep.keep(&self.keep.clock.stamp(), vec![body], None) {
            Ok(sequence) => sequence.unwrap_or_default(),
            Err(cause) => return refuse(output, cause.to_string()).await,
        };
        tell(output, &Answer::Kept).await?;
        let mut changes = self.keep.status.subscribe();
        let delivered = changes.wait_for(|status| status.acknowledged >= (epoch, sequence));
        tokio::select! {
            delivered = tokio::time::timeout(ACKNOWLEDGE_LIMIT, delivered) => match delivered {
                // In a later epoch the sequence is another: say nothing that may be wrong.
                Ok(Ok(status)) if status.acknowledged.0 == epoch => {}
                _ => return Ok(()),
            },
            () = self.stop.asked() => return Ok(()),
        }
        tell(output, &Answer::Acknowledged).await
    }

    async fn simulate(&self, command: platen_hal::sim::SimCommand) -> Answer {
        let Some(simulator) = self.simulator.clone() else {
            let reason = "this is a real board: `platen sim` plays only simulated printers".to_owned();
            return Answer::Refused { reason };
        };
        // It blocks for as long as a finger presses a button.
        let done = tokio::task::spawn_blocking(move || simulator.apply(&command)).await;
        match done {
            // The agent is not told: it finds out by an edge or at its next sample, as with any printer.
            Ok(Ok(what)) => Answer::Done { what },
            Ok(Err(cause)) => Answer::Refused { reason: cause.to_string() },
            Err(cause) => Answer::Refused { reason: format!("the simulator failed: {cause}") },
        }
    }
}

//! The control handler: carries out what the technician's tool asks for, and answers.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use platen_hal::sim_command::{SimCommand, Simulator};
use platen_protocol::device_to_manager::{ReadingsCause, ReportBody};
use platen_protocol::readings::Readings;
use tokio::io::BufReader;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::codec::{CodecError, MAX_REQUEST_BYTES, read, write};
use super::message::{Answer, Question, Request};
use crate::board;
use crate::clock::Clock;
use crate::compose;
use crate::identity::volatile;
use crate::recorder::{Learnt, Recorder};
use crate::request::{Asked, open, order, service_call};
use crate::sample::BoardHandle;
use crate::status::Status;
use crate::uplink::examine::Examiner;

/// A request must arrive, and an answer be taken, within this.
pub(super) const CLIENT_LIMIT: Duration = Duration::from_secs(10);
/// How long the asker of a service call is kept for the manager's word.
const ACKNOWLEDGE_LIMIT: Duration = Duration::from_secs(30);
/// A watcher hears of changes at most so often.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// A board that was not read or compared by then has failed.
const BOARD_LIMIT: Duration = Duration::from_secs(60);

pub(super) type Input = BufReader<OwnedReadHalf>;

/// What clients ask about, and ask for.
#[derive(Debug, Clone)]
pub struct Context {
    /// Takes what a person asks for.
    pub recorder: Arc<Recorder>,
    /// What is read, compared and recorded.
    pub board: BoardHandle,
    /// What the agent knows of itself.
    pub status: watch::Sender<Status>,
    /// Stamps what a person asks for.
    pub clock: Arc<Clock>,
}

/// What the clients' tasks share.
#[derive(Clone)]
pub(super) struct ControlHandler {
    pub(super) context: Context,
    simulator: Option<Arc<dyn Simulator>>,
    /// Shared, so that one client at a time checks the connection.
    examiner: Arc<Mutex<Examiner>>,
    /// One recording at a time.
    pub(super) recording: Arc<Semaphore>,
    pub(super) stop: CancellationToken,
}

/// What an order comes to.
enum Wanted {
    New(Box<ReportBody>),
    /// The same supply is ordered, and nobody has seen to that yet.
    Already(Asked),
}

pub(super) async fn tell(output: &mut OwnedWriteHalf, answer: &Answer) -> Result<(), CodecError> {
    let slow = || CodecError::Io(io::ErrorKind::TimedOut.into());
    tokio::time::timeout(CLIENT_LIMIT, write(output, answer)).await.unwrap_or_else(|_| Err(slow()))
}

pub(super) async fn refuse(output: &mut OwnedWriteHalf, reason: String) -> Result<(), CodecError> {
    tell(output, &Answer::Refused { reason }).await
}

impl ControlHandler {
    pub(super) fn new(
        context: Context,
        simulator: Option<Arc<dyn Simulator>>,
        examiner: Examiner,
        stop: CancellationToken,
    ) -> Self {
        let examiner = Arc::new(Mutex::new(examiner));
        Self { context, simulator, examiner, recording: Arc::new(Semaphore::new(1)), stop }
    }

    pub(super) async fn answer(
        mut self,
        request: Request,
        input: &mut Input,
        output: &mut OwnedWriteHalf,
    ) -> Result<(), CodecError> {
        match request {
            Request::Status => tell(output, &self.status()).await,
            Request::Watch => self.watch(input, output).await,
            Request::CallService { message } => {
                let body = service_call::by_command(message).map_err(|cause| cause.to_string());
                match body.as_ref().ok().and_then(|body| self.repeated_call(body)) {
                    Some(asked) => tell(output, &Answer::Already { asked }).await,
                    None => self.keep_and_tell(body, output).await,
                }
            }
            Request::Order { supply, quantity, note, again } => {
                match self.order(&supply, quantity, note, again).await {
                    Ok(Wanted::Already(asked)) => tell(output, &Answer::Already { asked }).await,
                    Ok(Wanted::New(body)) => self.keep_and_tell(Ok(*body), output).await,
                    Err(reason) => refuse(output, reason).await,
                }
            }
            Request::Report => {
                let body = self.report().await;
                self.keep_and_tell(body, output).await
            }
            Request::Doctor => {
                let answer = self.diagnose().await;
                tell(output, &answer).await
            }
            Request::Programs => {
                let now = self.context.clock.monotonic();
                let report = self.context.status.borrow().programs.report(now);
                tell(output, &Answer::Programs(Box::new(report))).await
            }
            Request::CheckPrograms => {
                self.context.recorder.ring_for_programs();
                let what = "The service centre is asked for programs as soon as there is contact (see `platen programs`).";
                tell(output, &Answer::Done { what: what.to_owned() }).await
            }
            Request::Record => self.record(input, output).await,
            Request::Sim { command } => {
                let answer = self.simulate(command).await;
                tell(output, &answer).await
            }
        }
    }

    fn status(&self) -> Answer {
        let clock = &self.context.clock;
        Answer::Status(Box::new(self.context.status.borrow().report(clock.monotonic(), clock.wall())))
    }

    async fn watch(&mut self, input: &mut Input, output: &mut OwnedWriteHalf) -> Result<(), CodecError> {
        let mut changes = self.context.status.subscribe();
        loop {
            changes.borrow_and_update();
            tell(output, &self.status()).await?;
            tokio::select! {
                more = changes.changed() => if more.is_err() { return Ok(()) },
                // The asker says nothing more: what comes is its end.
                gone = read::<Question>(input, MAX_REQUEST_BYTES) => return gone.map(|_| ()),
                () = self.stop.cancelled() => return Ok(()),
            }
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
    }

    async fn order(
        &self,
        supply: &str,
        quantity: u16,
        note: Option<String>,
        again: bool,
    ) -> Result<Wanted, String> {
        let readings = self.readings().await?;
        let asked = self.context.recorder.asked();
        let ordered = open::orders(&asked, supply).next();
        let body = order::by_command(&readings, supply, quantity, note, again && ordered.is_some())
            .map_err(|cause| cause.to_string())?;
        Ok(match ordered {
            Some(ordered) if !again => Wanted::Already(ordered.clone()),
            _ => Wanted::New(Box::new(body)),
        })
    }

    /// The open call that a call repeats, which counts it.
    fn repeated_call(&self, body: &ReportBody) -> Option<Asked> {
        let ReportBody::ServiceCall(call) = body else { return None };
        let recorder = &self.context.recorder;
        let found = open::repeated(&recorder.asked(), call.message.as_deref()).cloned()?;
        recorder.press_again(&found, &self.context.clock.stamp());
        Some(found)
    }

    async fn report(&self) -> Result<ReportBody, String> {
        match tokio::time::timeout(BOARD_LIMIT, self.context.board.sample()).await {
            Ok(Ok(sample)) => Ok(compose::readings(ReadingsCause::Person, &sample.readings)),
            Ok(Err(cause)) => Err(cause.to_string()),
            Err(_) => Err(too_slow()),
        }
    }

    /// What was read last, as it was judged; just after the start there is none for a moment.
    async fn readings(&self) -> Result<Readings, String> {
        let mut changes = self.context.status.subscribe();
        let read = changes.wait_for(|status| status.readings.is_some());
        match tokio::time::timeout(CLIENT_LIMIT, read).await {
            Ok(Ok(status)) => Ok(status.readings.clone().unwrap_or_default()),
            _ => Err("the board has not been read yet: try again in a moment".to_owned()),
        }
    }

    async fn keep_and_tell(
        &mut self,
        body: Result<ReportBody, String>,
        output: &mut OwnedWriteHalf,
    ) -> Result<(), CodecError> {
        let body = match body {
            Ok(body) => body,
            Err(reason) => return refuse(output, reason).await,
        };
        let place =
            match self.context.recorder.record(&self.context.clock.stamp(), vec![body], Learnt::default()) {
                Ok(place) => place.unwrap_or_default(),
                Err(cause) => return refuse(output, cause.to_string()).await,
            };
        tell(output, &Answer::Kept).await?;
        let mut changes = self.context.status.subscribe();
        let delivered = changes.wait_for(|status| status.acknowledged >= place);
        tokio::select! {
            delivered = tokio::time::timeout(ACKNOWLEDGE_LIMIT, delivered) => match delivered {
                Ok(Ok(_)) => {}
                _ => return Ok(()),
            },
            () = self.stop.cancelled() => return Ok(()),
        }
        tell(output, &Answer::Acknowledged).await
    }

    async fn diagnose(&self) -> Answer {
        let refused = |reason| Answer::Refused { reason };
        let board = tokio::time::timeout(BOARD_LIMIT, self.context.board.diagnose());
        let connection = async {
            let examiner = self.examiner.lock().await;
            (volatile::finding(examiner.state_directory()), examiner.check().await)
        };
        let (board, (state, connection)) = tokio::join!(board, connection);
        match board {
            Ok(Ok(mut findings)) => {
                findings.extend(state);
                Answer::Findings { simulated: self.context.status.borrow().simulated, findings, connection }
            }
            Ok(Err(cause)) => refused(cause.to_string()),
            Err(_) => refused(too_slow()),
        }
    }

    async fn simulate(&self, command: SimCommand) -> Answer {
        let Some(simulator) = self.simulator.clone() else {
            return Answer::Refused { reason: not_simulated() };
        };
        // It blocks for as long as a finger presses a button.
        let done = tokio::task::spawn_blocking(move || simulator.act(&command)).await;
        match done {
            // The agent is not told: it finds out by an edge or at its next sample, as with any printer.
            Ok(Ok(what)) => Answer::Done { what },
            Ok(Err(reason)) => Answer::Refused { reason },
            Err(cause) => Answer::Refused { reason: format!("the simulator failed: {cause}") },
        }
    }
}

fn not_simulated() -> String {
    let real = "this is a real printer: `platen sim` works only with a simulated one";
    if board::HAS_SIMULATOR {
        return real.to_owned();
    }
    format!("{real}, and this agent is built without the simulator; the package platen-sim has one with it")
}

fn too_slow() -> String {
    format!("the board did not answer within {} s", BOARD_LIMIT.as_secs())
}

//! Hands a recording over while it is made.
//!
//! The board's thread puts entries into a bounded channel and never waits for it; a thread of its own
//! brings them over to the runtime, from where they leave one a line.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use platen_hal::trace::TraceEntry;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::mpsc;

use super::codec::{CodecError, MAX_REQUEST_BYTES, read};
use super::handler::{ControlHandler, Input, refuse, tell};
use super::message::{Answer, Question};

/// Entries that were recorded and not yet handed over: a burst of a whole sample of a large board.
const MAX_ENTRIES: usize = 8_192;
/// Entries on their way to the asker.
const MAX_ON_THEIR_WAY: usize = 64;
/// After the end of a recording, the board's thread lets go of it within this: the longest sample.
const END_LIMIT: Duration = Duration::from_secs(20);

impl ControlHandler {
    /// Records until the asker closes its side, goes away, or the agent is stopped.
    pub(super) async fn record(
        mut self,
        input: &mut Input,
        output: &mut OwnedWriteHalf,
    ) -> Result<(), CodecError> {
        let Ok(_turn) = self.recording.clone().try_acquire_owned() else {
            let reason = "another recording is running: stop it first".to_owned();
            return refuse(output, reason).await;
        };
        let (sink, recorded) = sync_channel(MAX_ENTRIES);
        if let Err(cause) = self.context.board.record(Some(sink)) {
            return refuse(output, cause.to_string()).await;
        }
        let (bring, mut entries) = mpsc::channel(MAX_ON_THEIR_WAY);
        let bringing = tokio::task::spawn_blocking(move || bring_over(&recorded, &bring));
        let told = self.hand_over(&mut entries, input, output).await;
        let ended = self.end(&mut entries, told, output).await;
        drop(entries);
        // It ends as soon as the board's thread has let go of its side.
        drop(bringing);
        ended
    }

    async fn hand_over(
        &mut self,
        entries: &mut mpsc::Receiver<TraceEntry>,
        input: &mut Input,
        output: &mut OwnedWriteHalf,
    ) -> Result<u64, CodecError> {
        let mut told = 0;
        // One future for the whole time: it may have read a part of a line.
        let ended = read::<Question>(input, MAX_REQUEST_BYTES);
        tokio::pin!(ended);
        loop {
            tokio::select! {
                entry = entries.recv() => match entry {
                    Some(entry) => tell(output, &Answer::Trace { entry }).await?,
                    None => return Ok(told),
                },
                // The asker says nothing more: what comes is its end.
                _ = &mut ended => return Ok(told),
                () = self.stop.cancelled() => return Ok(told),
            }
            told += 1;
        }
    }

    /// Ends the recording, whatever became of the asker, and hands over what was under way.
    async fn end(
        &self,
        entries: &mut mpsc::Receiver<TraceEntry>,
        told: Result<u64, CodecError>,
        output: &mut OwnedWriteHalf,
    ) -> Result<(), CodecError> {
        if let Err(cause) = self.context.board.record(None) {
            // Nothing is lost by it: the sink is refused once its other end is gone.
            tracing::warn!("the recording stops at the next entry: {cause}");
        }
        let mut told = told?;
        let rest = async {
            while let Some(entry) = entries.recv().await {
                tell(output, &Answer::Trace { entry }).await?;
                told += 1;
            }
            Ok::<_, CodecError>(())
        };
        if let Ok(rest) = tokio::time::timeout(END_LIMIT, rest).await {
            rest?;
        }
        tell(output, &Answer::Done { what: format!("{told} entries were recorded") }).await
    }
}

fn bring_over(recorded: &Receiver<TraceEntry>, bring: &mpsc::Sender<TraceEntry>) {
    while let Ok(entry) = recorded.recv() {
        if bring.blocking_send(entry).is_err() {
            return;
        }
    }
}

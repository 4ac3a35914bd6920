//! `platen record`: the agent says what buses and lines say, and we write it down.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write as _};
use std::path::Path;
use std::time::Duration;

use platen_agent::tool::control::message::{Answer, Request};
use platen_hal::trace::{MAX_ENTRIES, MAX_TRACE_BYTES, TraceEntry, write_entry};
use tokio::io::AsyncWriteExt as _;

use crate::client::{Answers, Client, ClientError};
use crate::{print, warn};

/// What was written.
#[derive(Default)]
struct Written {
    entries: usize,
    bytes: usize,
    lost: u64,
    /// Whether it ended because no reader takes a longer file.
    full: bool,
}

pub(crate) async fn record(socket: &Path, file: &Path, time: Option<Duration>) -> Result<(), ClientError> {
    let failed = |source| ClientError::File { file: file.to_owned(), source };
    let (mut answers, mut questions) = Client::ask(socket, Request::Record).await?.split();
    let mut output = BufWriter::new(File::create_new(file).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => ClientError::Exists(file.to_owned()),
        _ => failed(source),
    })?);
    warn(&format!("recording to {}; press Ctrl-C to stop", file.display()));
    let stop = async {
        let time = async {
            match time {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Without a handler Ctrl-C ends us at once, and the agent notices.
            Ok(()) = tokio::signal::ctrl_c() => {}
            () = time => {}
        }
        // The agent ends the recording when it sees this; should it be gone, so be it.
        let _ = questions.shutdown().await;
    };
    let mut written = Written::default();
    let ended = {
        let taking = take(&mut answers, &mut output, &mut written, &failed);
        tokio::pin!(taking);
        tokio::select! {
            ended = &mut taking => ended,
            () = stop => taking.await,
        }
    };
    output.flush().map_err(failed)?;
    print(&format!("{}\n", words(&written, file)))?;
    ended
}

async fn take(
    answers: &mut Answers,
    output: &mut BufWriter<File>,
    written: &mut Written,
    failed: &impl Fn(std::io::Error) -> ClientError,
) -> Result<(), ClientError> {
    loop {
        match answers.answer().await? {
            Answer::Trace { entry } => {
                let mut line = Vec::new();
                write_entry(&mut line, &entry).map_err(failed)?;
                written.full = written.entries >= MAX_ENTRIES || written.bytes + line.len() > MAX_TRACE_BYTES;
                if written.full {
                    return Ok(());
                }
                output.write_all(&line).map_err(failed)?;
                written.entries += 1;
                written.bytes += line.len();
                if let TraceEntry::Lost { entries } = entry {
                    written.lost += entries;
                }
            }
            Answer::Done { .. } => return Ok(()),
            _ => return Err(ClientError::Unexpected),
        }
    }
}

fn words(written: &Written, file: &Path) -> String {
    let lost = match written.lost {
        0 => "none was lost".to_owned(),
        lost => format!("{lost} WERE LOST, because they could not be written in time"),
    };
    let full = if written.full { " The file is full: continue the recording in another one." } else { "" };
    format!("{} entries are in {}; {lost}.{full}", written.entries, file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_were_lost_are_told() {
        let file = Path::new("t.jsonl");
        let whole = words(&Written { entries: 3, ..Written::default() }, file);
        assert!(whole.contains("3 entries are in t.jsonl; none was lost"), "{whole}");
        let holes = words(&Written { entries: 3, lost: 2, full: true, ..Written::default() }, file);
        assert!(holes.contains("2 WERE LOST") && holes.contains("full"), "{holes}");
    }
}

//! Lines of JSON with a limit.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The longest request: a message of the longest kind, with every character escaped, and room.
pub const MAX_REQUEST_BYTES: u64 = 8 * 1024;
/// The longest answer: the status of a printer with many supplies and alerts.
pub const MAX_ANSWER_BYTES: u64 = 512 * 1024;

/// Why a line is no message.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Longer than allowed.
    #[error("the line is longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: u64,
    },
    /// Not the JSON that was expected.
    #[error("the line is not a message: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads one message; `None` at the end of the stream.
pub async fn read<T: DeserializeOwned>(
    input: &mut (impl AsyncBufRead + Unpin),
    limit: u64,
) -> Result<Option<T>, CodecError> {
    let mut line = Vec::new();
    // One byte more than allowed tells a line that is too long from one that just fits.
    let taken = input.take(limit + 1).read_until(b'\n', &mut line).await?;
    if taken == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') && taken as u64 > limit {
        return Err(CodecError::TooLong { limit });
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

/// Writes one message.
pub async fn write(
    output: &mut (impl AsyncWrite + Unpin),
    message: &impl Serialize,
) -> Result<(), CodecError> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    output.write_all(&line).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::control::message::{Question, Request, VERSION};
    use platen_hal::sim_command::SimCommand;
    use proptest::prelude::*;

    fn block_on<T>(task: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(task)
    }

    #[test]
    fn a_line_above_the_limit_is_refused_without_being_read_to_its_end() {
        let long = vec![b'x'; 100_000];
        let mut input = long.as_slice();
        let refused = block_on(read::<Question>(&mut input, MAX_REQUEST_BYTES));
        assert!(matches!(refused, Err(CodecError::TooLong { .. })));
        assert!(input.len() > 90_000);
    }

    #[test]
    fn the_longest_message_fits_in_a_request_however_it_is_escaped() {
        let message = Some("\u{1}".repeat(platen_protocol::limits::MAX_MESSAGE_CHARS));
        let question = Question { version: VERSION, request: Request::CallService { message } };
        assert!((serde_json::to_vec(&question).unwrap().len() as u64) < MAX_REQUEST_BYTES);
    }

    fn any_request() -> impl Strategy<Value = Request> {
        prop_oneof![
            Just(Request::Status),
            Just(Request::Watch),
            Just(Request::Report),
            Just(Request::Doctor),
            Just(Request::Programs),
            Just(Request::CheckPrograms),
            Just(Request::Record),
            prop::option::of(".{0,200}").prop_map(|message| Request::CallService { message }),
            ("[a-z]{1,9}", any::<u16>(), prop::option::of(".{0,200}"))
                .prop_map(|(supply, quantity, note)| Request::Order { supply, quantity, note, again: false }),
            ("[a-z]{1,9}", any::<u8>())
                .prop_map(|(supply, percent)| Request::Sim { command: SimCommand::Set { supply, percent } }),
        ]
    }

    proptest! {
        #[test]
        fn every_request_survives_the_socket(request in any_request()) {
            let question = Question { version: VERSION, request };
            let mut wire = Vec::new();
            block_on(write(&mut wire, &question)).unwrap();
            let read = block_on(read::<Question>(&mut wire.as_slice(), MAX_REQUEST_BYTES)).unwrap();
            prop_assert_eq!(read, Some(question));
        }

        #[test]
        fn no_bytes_make_the_reader_do_worse_than_refuse(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = block_on(read::<Question>(&mut bytes.as_slice(), 64));
        }
    }
}

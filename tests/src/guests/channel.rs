//! The command channel; `tests/guest/overlay/usr/local/sbin/guest-shell` is its other end.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::Output;

/// What a command may print, in bytes.
const OUTPUT_LIMIT: usize = 16 * 1024 * 1024;
/// What one read takes, in bytes.
const READ_SIZE: usize = 16 * 1024;
/// Beyond a command's own limit, which the guest watches: to end the command and to answer.
const ANSWER_GRACE: Duration = Duration::from_secs(30);
/// What the guest's end says first. Before it, a UART loses what is sent.
const GREETING: &[u8] = b"guest-shell is ready\n";
/// The guest's way to say that it ended the command at its limit.
const STATUS_TIMED_OUT: u8 = 124;

/// Why a command was not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The guest ended the command at its limit. The channel can be used further.
    #[error("not done within {limit:?}; it had printed:\n{text}")]
    TimedOut {
        /// The limit.
        limit: Duration,
        /// What it had printed.
        text: String,
    },
    /// The guest does not answer at all any more.
    #[error("no answer within {limit:?}; it had printed:\n{text}")]
    NoAnswer {
        /// The limit.
        limit: Duration,
        /// What it had printed.
        text: String,
    },
    /// QEMU has closed the channel: the guest is off.
    #[error("the guest went off; it had printed:\n{text}")]
    Closed {
        /// What it had printed.
        text: String,
    },
    /// The command printed without end.
    #[error("it printed more than {OUTPUT_LIMIT} bytes")]
    TooMuch,
    /// An earlier command has had no answer, so an answer would be that one's.
    #[error("the channel is lost since an earlier command had no answer")]
    Lost,
    /// The socket failed.
    #[error("the command channel's socket failed: {0}")]
    Socket(#[from] io::Error),
}

pub(super) struct Channel {
    stream: UnixStream,
    lost: bool,
}

impl Channel {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, lost: false }
    }

    /// Waits for the guest's end to be there.
    pub(super) fn greet(&mut self, limit: Duration) -> Result<(), ChannelError> {
        let deadline = Instant::now() + limit;
        let mut printed = Vec::new();
        while !printed.ends_with(GREETING) {
            if printed.len() > OUTPUT_LIMIT {
                return Err(ChannelError::TooMuch);
            }
            self.read_some(&mut printed, deadline, limit)?;
        }
        Ok(())
    }

    pub(super) fn run(&mut self, command: &str, limit: Duration) -> Result<Output, ChannelError> {
        if self.lost {
            return Err(ChannelError::Lost);
        }
        let result = self.ask(command, limit);
        self.lost = matches!(&result, Err(error) if !matches!(error, ChannelError::TimedOut { .. }));
        result
    }

    fn ask(&mut self, command: &str, limit: Duration) -> Result<Output, ChannelError> {
        let deadline = Instant::now() + limit + ANSWER_GRACE;
        // Nobody in the guest can guess it, so nothing that is printed can be taken for the end.
        let mark = format!("{:016x}", RandomState::new().build_hasher().finish());
        let seconds = limit.as_secs().max(1);
        self.stream.set_write_timeout(Some(limit + ANSWER_GRACE))?;
        self.stream.write_all(format!("{mark} {seconds} {}\n{command}", command.len()).as_bytes())?;

        let end = format!("\n{mark} ").into_bytes();
        let mut printed = Vec::new();
        loop {
            if let Some((text, status)) = split_answer(&printed, &end) {
                if status == STATUS_TIMED_OUT {
                    return Err(ChannelError::TimedOut { limit, text });
                }
                return Ok(Output { status, text });
            }
            if printed.len() > OUTPUT_LIMIT {
                return Err(ChannelError::TooMuch);
            }
            self.read_some(&mut printed, deadline, limit)?;
        }
    }

    fn read_some(
        &mut self,
        printed: &mut Vec<u8>,
        deadline: Instant,
        limit: Duration,
    ) -> Result<(), ChannelError> {
        let text = |printed: &[u8]| String::from_utf8_lossy(printed).into_owned();
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ChannelError::NoAnswer { limit, text: text(printed) });
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut piece = [0; READ_SIZE];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(ChannelError::Closed { text: text(printed) }),
            Ok(length) => {
                printed.extend(piece.iter().take(length));
                Ok(())
            }
            // The next turn finds that no time is left.
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The answer, once it is whole: what was printed, and the status behind the mark.
fn split_answer(printed: &[u8], end: &[u8]) -> Option<(String, u8)> {
    // Only the tail is searched, so that a long output is not searched again for every piece of it.
    let status_digits = 3;
    let tail_start = printed.len().saturating_sub(end.len() + status_digits + 1);
    let tail = printed.get(tail_start..)?;
    let at = tail.windows(end.len()).position(|window| window == end)?;
    let status = std::str::from_utf8(tail.get(at + end.len()..)?).ok()?.strip_suffix('\n')?.parse().ok()?;
    Some((String::from_utf8_lossy(printed.get(..tail_start + at)?).into_owned(), status))
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &[u8] = b"\n00c0ffee ";

    #[test]
    fn an_answer_is_what_was_printed_and_the_status() {
        assert_eq!(split_answer(b"hello\n\n00c0ffee 0\n", END), Some(("hello\n".to_owned(), 0)));
        assert_eq!(split_answer(b"\n00c0ffee 127\n", END), Some((String::new(), 127)));
    }

    #[test]
    fn an_answer_counts_only_when_it_is_whole() {
        for part in [&b""[..], b"hello", b"hello\n00c0ffee", b"hello\n00c0ffee 12"] {
            assert_eq!(split_answer(part, END), None);
        }
    }

    #[test]
    fn what_is_printed_may_look_like_another_answer() {
        let printed = b"\n0badf00d 0\n\n00c0ffee 1\n";
        assert_eq!(split_answer(printed, END), Some(("\n0badf00d 0\n".to_owned(), 1)));
    }
}

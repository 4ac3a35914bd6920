//! Traces: what buses and lines said in the field, one line of JSON each, to be replayed by the simulator.
//!
//! [`write_entry`] writes a line, [`read`] reads a whole trace with limits and says in which line it is
//! wrong. A trace that was cut in its last line, because the recording lost its power, its disk or its
//! connection, is read up to there.

use std::io::{self, BufRead, Write};

use platen_protocol::hex;
use serde::{Deserialize, Serialize};

/// The version of the format.
pub const VERSION: u16 = 1;
/// The longest line, in bytes: the board file of the largest board fits.
pub const MAX_LINE_BYTES: usize = 256 * 1024;
/// The most entries of one trace.
pub const MAX_ENTRIES: usize = 1_000_000;
/// The most bytes of one trace.
pub const MAX_TRACE_BYTES: usize = 128 * 1024 * 1024;
/// The most bytes of one operation of a transfer: a whole memory's page and more.
pub const MAX_OPERATION_BYTES: usize = 8_192;

/// One line of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TraceEntry {
    /// The first line.
    Begin {
        /// The version of this format: 1.
        version: u16,
        /// The board file that was in use, as text.
        board: String,
    },
    /// A transfer, from start to stop condition.
    Transfer {
        /// Microseconds since the beginning.
        at: u64,
        /// The bus, as the board file calls it.
        bus: String,
        /// The 7-bit address.
        address: u8,
        /// The operations in their order.
        operations: Vec<TraceOperation>,
        /// Why it failed, if it did: the name of the kernel's error, such as `ENXIO`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
    },
    /// The level of a switch, at its first reading and at each edge.
    Switch {
        /// Microseconds since the beginning.
        at: u64,
        /// The switch, as the board file calls it.
        switch: String,
        /// Whether it is active.
        active: bool,
    },
    /// Entries that could not be taken in time.
    Lost {
        /// How many.
        entries: u64,
    },
}

/// One operation of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceOperation {
    /// Bytes that were written, in hexadecimal.
    Write(String),
    /// Bytes that were read, in hexadecimal.
    Read(String),
}

impl TraceEntry {
    /// When it happened, in microseconds since the beginning, where it has a time.
    pub fn at(&self) -> Option<u64> {
        match self {
            Self::Transfer { at, .. } | Self::Switch { at, .. } => Some(*at),
            Self::Begin { .. } | Self::Lost { .. } => None,
        }
    }
}

impl TraceOperation {
    /// The bytes, where the text is hexadecimal.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let (Self::Write(text) | Self::Read(text)) = self;
        (text.len() / 2 <= MAX_OPERATION_BYTES).then(|| hex::decode(text)).flatten()
    }
}

/// Why a trace cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// It cannot be read.
    #[error("the trace cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is larger than a trace may be.
    #[error("line {line}: {what}")]
    TooLarge {
        /// The line, from 1.
        line: usize,
        /// Which limit.
        what: String,
    },
    /// A line is not what it should be.
    #[error("line {line}: {what}")]
    Wrong {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
}

/// Writes one entry as a line.
pub fn write_entry(output: &mut dyn Write, entry: &TraceEntry) -> io::Result<()> {
    serde_json::to_writer(&mut *output, entry).map_err(io::Error::from)?;
    output.write_all(b"\n")
}

/// A trace that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The board file that was in use, as text.
    pub board: String,
    /// What follows the beginning, in its order.
    pub entries: Vec<TraceEntry>,
    /// The line, from 1, in which it was cut, if it was: what that line would have said is not among the
    /// entries.
    pub cut: Option<usize>,
}

impl Trace {
    /// What a person should know of a trace that was cut.
    pub fn cut_words(&self) -> Option<String> {
        self.cut.map(|line| {
            format!(
                "line {line} is incomplete: the recording was cut off there, and the {} entries before it are used",
                self.entries.len()
            )
        })
    }
}

/// Reads a whole trace; one that was cut in its last line up to there.
pub fn read(input: &mut dyn BufRead) -> Result<Trace, TraceError> {
    let (mut board, mut entries, mut cut) = (None, Vec::new(), None);
    let (mut total, mut text) = (0_usize, Vec::new());
    for line in 1.. {
        text.clear();
        // One byte more than the limit, to tell a line that is too long.
        let limit = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        let taken = io::Read::take(&mut *input, limit).read_until(b'\n', &mut text)?;
        if taken == 0 {
            break;
        }
        let too_large = |what: String| Err(TraceError::TooLarge { line, what });
        if taken > MAX_LINE_BYTES {
            return too_large(format!("it is longer than {MAX_LINE_BYTES} bytes"));
        }
        total = total.saturating_add(taken);
        if total > MAX_TRACE_BYTES {
            return too_large(format!("the trace is longer than {MAX_TRACE_BYTES} bytes"));
        }
        if entries.len() >= MAX_ENTRIES {
            return too_large(format!("the trace has more than {MAX_ENTRIES} entries"));
        }
        let wrong = |what: String| TraceError::Wrong { line, what };
        let entry = match decode(&text) {
            Err(BadLine::Cut) if board.is_some() => {
                cut = Some(line);
                break;
            }
            Err(BadLine::Cut) => return Err(wrong("the trace is cut off within its beginning".to_owned())),
            Err(BadLine::NoEntry(error)) => return Err(wrong(format!("it is not a trace entry: {error}"))),
            Ok(entry) => entry,
        };
        check(&entry).map_err(wrong)?;
        match (entry, &board) {
            (TraceEntry::Begin { board: text, .. }, None) => board = Some(text),
            (TraceEntry::Begin { .. }, Some(_)) => return Err(wrong("a second beginning".to_owned())),
            (_, None) => return Err(wrong("a trace begins with its `begin` entry".to_owned())),
            (entry, Some(_)) => entries.push(entry),
        }
    }
    let nothing = || TraceError::Wrong { line: 1, what: "the trace is empty".to_owned() };
    Ok(Trace { board: board.ok_or_else(nothing)?, entries, cut })
}

/// What a line is that is no entry.
enum BadLine {
    /// The last one, and it ends within an entry.
    Cut,
    /// Something else.
    NoEntry(serde_json::Error),
}

/// Reads one line. Only the last can be without its end; after a loss of power, file systems also leave bytes of
/// 0 where something was to be written.
fn decode(line: &[u8]) -> Result<TraceEntry, BadLine> {
    let whole = line.ends_with(b"\n");
    let filled = line.iter().rev().take_while(|byte| **byte == 0).count();
    let written = if whole { line } else { line.get(..line.len() - filled).unwrap_or_default() };
    serde_json::from_slice(written)
        .map_err(|error| if error.is_eof() && !whole { BadLine::Cut } else { BadLine::NoEntry(error) })
}

/// Checks what a line says.
fn check(entry: &TraceEntry) -> Result<(), String> {
    match entry {
        TraceEntry::Begin { version, .. } if *version != VERSION => {
            Err(format!("the trace has version {version}; version {VERSION} is understood"))
        }
        TraceEntry::Transfer { address, .. } if *address > 0x7f => {
            Err(format!("the address {address:#x} has more than 7 bits"))
        }
        TraceEntry::Transfer { operations, .. } => {
            let bad = operations.iter().find(|operation| operation.bytes().is_none());
            bad.map_or(Ok(()), |_| {
                Err(format!(
                    "the bytes of an operation are not hexadecimal, or more than {MAX_OPERATION_BYTES}"
                ))
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_operation() -> impl Strategy<Value = TraceOperation> {
        (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..20)).prop_map(|(write, bytes)| {
            let digits = hex::encode(&bytes);
            if write { TraceOperation::Write(digits) } else { TraceOperation::Read(digits) }
        })
    }

    fn any_entry() -> impl Strategy<Value = TraceEntry> {
        prop_oneof![
            (
                any::<u64>(),
                "[a-z]{1,8}",
                0..0x80_u8,
                proptest::collection::vec(any_operation(), 0..4),
                proptest::option::of("E[A-Z]{3,6}")
            )
                .prop_map(|(at, bus, address, operations, failed)| TraceEntry::Transfer {
                    at,
                    bus,
                    address,
                    operations,
                    failed
                }),
            (any::<u64>(), "[a-z-]{1,8}", any::<bool>())
                .prop_map(|(at, switch, active)| TraceEntry::Switch { at, switch, active }),
            any::<u64>().prop_map(|entries| TraceEntry::Lost { entries }),
        ]
    }

    fn written(entries: &[TraceEntry]) -> Vec<u8> {
        let mut text = Vec::new();
        for entry in entries {
            write_entry(&mut text, entry).unwrap();
        }
        text
    }

    fn begin() -> TraceEntry {
        TraceEntry::Begin { version: VERSION, board: "model = \"m\"\n".into() }
    }

    fn refusal(text: &[u8]) -> String {
        read(&mut &*text).unwrap_err().to_string()
    }

    #[test]
    fn an_entry_is_one_line_of_json() {
        let entry = TraceEntry::Transfer {
            at: 1500,
            bus: "main".into(),
            address: 0x50,
            operations: vec![TraceOperation::Write("00".into()), TraceOperation::Read("504c".into())],
            failed: None,
        };
        let line = r#"{"kind":"transfer","at":1500,"bus":"main","address":80,"operations":[{"write":"00"},{"read":"504c"}]}"#;
        assert_eq!(String::from_utf8(written(&[entry])).unwrap(), format!("{line}\n"));
    }

    #[test]
    fn what_is_no_trace_is_refused_with_its_line() {
        let good = String::from_utf8(written(&[begin()])).unwrap();
        let transfer = |address: u32, bytes: &str| {
            format!(
                r#"{good}{{"kind":"transfer","at":1,"bus":"b","address":{address},"operations":[{{"read":"{bytes}"}}]}}"#
            )
        };
        for (text, words) in [
            (String::new(), "line 1: the trace is empty"),
            ("{\"kind\":\"lost\",\"entries\":1}\n".to_owned(), "line 1: a trace begins with"),
            (good.replace("\"version\":1", "\"version\":2"), "line 1: the trace has version 2"),
            (format!("{good}{good}"), "line 2: a second beginning"),
            (format!("{good}\nnonsense"), "line 2: it is not a trace entry"),
            (transfer(200, ""), "line 2: the address 0xc8"),
            (transfer(80, "0g"), "line 2: the bytes of an operation"),
            (transfer(80, "012"), "line 2: the bytes of an operation"),
        ] {
            let message = refusal(text.as_bytes());
            assert!(message.starts_with(words), "{message}");
        }
    }

    #[test]
    fn a_trace_that_is_cut_in_its_last_line_is_read_up_to_there_and_says_where() {
        let switch = |at| TraceEntry::Switch { at, switch: "cover".into(), active: true };
        let (first, last) = (written(&[begin(), switch(1)]), written(&[switch(2)]));
        for kept in 1..last.len() - 1 {
            for tail in [&b""[..], &[0; 3]] {
                let text = [&first[..], &last[..kept], tail].concat();
                let trace = read(&mut text.as_slice()).unwrap();
                assert_eq!((trace.entries, trace.cut), (vec![switch(1)], Some(3)), "{kept} bytes are left");
            }
        }
        let zeros = [&first[..], &[0; 512]].concat();
        let trace = read(&mut zeros.as_slice()).unwrap();
        assert!(trace.cut_words().unwrap().starts_with("line 3 is incomplete"), "{trace:?}");
        // Only its end is missing: nothing of what it says is.
        let whole = [&first[..], &last[..last.len() - 1]].concat();
        let trace = read(&mut whole.as_slice()).unwrap();
        assert_eq!((trace.entries.len(), trace.cut), (2, None));
    }

    #[test]
    fn what_is_cut_in_its_middle_or_its_beginning_is_no_trace() {
        let switch = written(&[TraceEntry::Switch { at: 1, switch: "cover".into(), active: true }]);
        let middle = [&written(&[begin()])[..], &switch[..10], b"\n", &switch].concat();
        assert!(refusal(&middle).starts_with("line 2: it is not a trace entry"));
        let beginning = written(&[begin()]);
        assert!(refusal(&beginning[..20]).starts_with("line 1: the trace is cut off"));
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_before_it_is_held() {
        let mut text = written(&[begin()]);
        text.extend(std::iter::repeat_n(b' ', MAX_LINE_BYTES + 10));
        assert!(refusal(&text).contains("longer than 262144 bytes"));
    }

    proptest! {
        #[test]
        fn a_trace_survives_its_lines(entries in proptest::collection::vec(any_entry(), 0..20)) {
            let all: Vec<_> = std::iter::once(begin()).chain(entries.iter().cloned()).collect();
            let trace = read(&mut written(&all).as_slice()).unwrap();
            prop_assert_eq!((trace.entries, trace.cut), (entries, None));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut text = written(&[begin()]);
            text.extend(bytes);
            if let Ok(trace) = read(&mut text.as_slice()) {
                prop_assert!(trace.entries.len() <= 300);
            }
        }
    }
}

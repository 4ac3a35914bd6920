//! A recorded trace in place of a simulated printer: each transfer is answered as it was in the field, each
//! switch moves when it did.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::time::Duration;

use embedded_hal::i2c::Operation;
use nix::errno::Errno;

use platen_hal::config::BoardConfig;
use platen_hal::fault::BusFault;
use platen_hal::trace::{self, Trace, TraceEntry, TraceOperation};

/// The largest number of an error of the kernel (include/uapi/asm-generic/errno.h).
const LAST_ERRNO: i32 = 133;

/// What was asked: the same question in the field and now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    bus: String,
    address: u8,
    asked: Vec<Asked>,
    /// Of a transfer that reads: what was last written to that chip by a transfer that only writes. A
    /// converter answers for the input that it was set to.
    after: Vec<Asked>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Asked {
    Write(Vec<u8>),
    Read(usize),
}

/// What each read yielded, or how the transfer failed.
type Answer = Result<Vec<Vec<u8>>, BusFault>;

/// A move of the switch at a place of the board file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    /// From the beginning.
    pub(crate) at: Duration,
    pub(crate) place: usize,
    pub(crate) active: bool,
}

/// What each chip was last set to, while a trace is read or replayed.
#[derive(Debug, Default)]
struct Settings(HashMap<(String, u8), Vec<Asked>>);

impl Settings {
    /// Notes a transfer, and makes a question of it.
    fn question(&mut self, bus: &str, address: u8, asked: Vec<Asked>) -> Question {
        let chip = (bus.to_owned(), address);
        let sets = asked.iter().all(|operation| matches!(operation, Asked::Write(_)));
        let after = if sets {
            self.0.insert(chip, asked.clone());
            Vec::new()
        } else {
            self.0.get(&chip).cloned().unwrap_or_default()
        };
        Question { bus: bus.to_owned(), address, asked, after }
    }
}

/// A trace, ready to be replayed.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    answers: HashMap<Question, VecDeque<Answer>>,
    settings: Settings,
    /// In the order of their time.
    pub(crate) moves: Vec<Move>,
    /// What a person should know of its file.
    pub(crate) notice: Option<String>,
}

impl Replay {
    /// Reads a trace for a board; one of another board is refused.
    pub(crate) fn load(file: &Path, config: &BoardConfig) -> io::Result<Self> {
        let named =
            |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", file.display()));
        let opened = File::open(file).map_err(|e| named(format!("cannot be read: {e}")))?;
        let trace = trace::read(&mut BufReader::new(opened)).map_err(|e| named(e.to_string()))?;
        let notice = trace.cut_words().map(|words| format!("{}: {words}", file.display()));
        let replay = Self::new(trace, config).map_err(named)?;
        Ok(Self { notice, ..replay })
    }

    /// Sorts the entries of a trace by what asks for them.
    pub(crate) fn new(trace: Trace, config: &BoardConfig) -> Result<Self, String> {
        let (mut replay, mut settings) = (Self::default(), Settings::default());
        for entry in trace.entries {
            match entry {
                TraceEntry::Transfer { bus, address, operations, failed, .. } => {
                    if !config.buses.iter().any(|known| *known.name.get_ref() == bus) {
                        return Err(format!(
                            "the trace has a bus {bus:?}, which the board file does not have"
                        ));
                    }
                    let (asked, reads) = split(&operations);
                    let question = settings.question(&bus, address, asked);
                    let answer = failed.map_or(Ok(reads), |name| Err(fault_of(&name)));
                    replay.answers.entry(question).or_default().push_back(answer);
                }
                TraceEntry::Switch { at, switch, active } => {
                    let place = config.switches.iter().position(|known| *known.name.get_ref() == switch);
                    let place = place.ok_or_else(|| {
                        format!("the trace has a switch {switch:?}, which the board file does not have")
                    })?;
                    replay.moves.push(Move { at: Duration::from_micros(at), place, active });
                }
                TraceEntry::Begin { .. } | TraceEntry::Lost { .. } => {}
            }
        }
        replay.moves.sort_by_key(|step| step.at);
        Ok(replay)
    }

    /// The state of each switch before its first edge: that of its first entry.
    pub(crate) fn first_states(&self) -> Vec<(usize, bool)> {
        let mut states: Vec<(usize, bool)> = Vec::new();
        for step in &self.moves {
            if !states.iter().any(|(place, _)| *place == step.place) {
                states.push((step.place, step.active));
            }
        }
        states
    }

    /// Answers a transfer as the trace did the same one, each time with the next answer; the last one stays.
    /// What was never asked in the field has no answer.
    pub(crate) fn transfer(
        &mut self,
        bus: &str,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), BusFault> {
        let asked = operations.iter().map(|operation| match operation {
            Operation::Write(bytes) => Asked::Write(bytes.to_vec()),
            Operation::Read(buffer) => Asked::Read(buffer.len()),
        });
        let question = self.settings.question(bus, address, asked.collect());
        let answers = self.answers.get_mut(&question).ok_or(BusFault::ABSENT)?;
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        let reads = next.unwrap_or(Err(BusFault::ABSENT))?;
        let buffers = operations.iter_mut().filter_map(|operation| match operation {
            Operation::Read(buffer) => Some(buffer),
            Operation::Write(_) => None,
        });
        for (buffer, bytes) in buffers.zip(reads) {
            for (to, from) in buffer.iter_mut().zip(bytes) {
                *to = from;
            }
        }
        Ok(())
    }
}

/// What was asked, and the bytes that were read.
fn split(operations: &[TraceOperation]) -> (Vec<Asked>, Vec<Vec<u8>>) {
    let (mut asked, mut reads) = (Vec::new(), Vec::new());
    for operation in operations {
        // The reader of traces has refused what is not hexadecimal.
        let bytes = operation.bytes().unwrap_or_default();
        match operation {
            TraceOperation::Write(_) => asked.push(Asked::Write(bytes)),
            TraceOperation::Read(_) => {
                asked.push(Asked::Read(bytes.len()));
                reads.push(bytes);
            }
        }
    }
    (asked, reads)
}

/// The fault whose name in a trace this is; see [`BusFault::trace_name`].
fn fault_of(name: &str) -> BusFault {
    match name {
        "busy" => return BusFault::Busy,
        "deadline" => return BusFault::Deadline,
        "stuck" => return BusFault::Stuck(Errno::EBUSY),
        _ => {}
    }
    let errno = (1..=LAST_ERRNO).map(Errno::from_raw).find(|errno| format!("{errno:?}") == name);
    match errno.unwrap_or(Errno::EIO) {
        errno @ (Errno::ENXIO | Errno::EREMOTEIO) => BusFault::NoAnswer(errno),
        errno @ Errno::ETIMEDOUT => BusFault::TimedOut(errno),
        errno @ Errno::EAGAIN => BusFault::ArbitrationLost(errno),
        errno @ Errno::EBUSY => BusFault::Held(errno),
        errno @ (Errno::ENODEV | Errno::ENOENT) => BusFault::Gone(errno),
        errno => BusFault::Kernel(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platen_hal::config::parse;

    const BOARD: &str = "backend = \"simulated\"\nmodel = \"M\"\n[[bus]]\nname = \"main\"\n[[switch]]\nname = \"cover\"\nmeaning = \"cover\"\nline = 0\n";

    fn transfer(read: &str, failed: Option<&str>) -> TraceEntry {
        TraceEntry::Transfer {
            at: 0,
            bus: "main".into(),
            address: 0x50,
            operations: vec![TraceOperation::Write("00".into()), TraceOperation::Read(read.into())],
            failed: failed.map(str::to_owned),
        }
    }

    fn replay(entries: Vec<TraceEntry>) -> Result<Replay, String> {
        let config = parse(BOARD, Path::new("board.toml")).unwrap();
        Replay::new(Trace { board: BOARD.into(), entries, cut: None }, &config)
    }

    fn ask(replay: &mut Replay, register: u8) -> Result<u8, BusFault> {
        let mut buffer = [0];
        replay
            .transfer("main", 0x50, &mut [Operation::Write(&[register]), Operation::Read(&mut buffer)])
            .map(|()| buffer[0])
    }

    #[test]
    fn the_same_transfer_is_answered_in_the_order_of_the_trace_and_then_with_the_last_answer() {
        let entries = vec![transfer("11", None), transfer("00", Some("EREMOTEIO")), transfer("22", None)];
        let mut replay = replay(entries).unwrap();
        let answers: Vec<_> = (0..4).map(|_| ask(&mut replay, 0)).collect();
        assert_eq!(answers, [Ok(0x11), Err(BusFault::NoAnswer(Errno::EREMOTEIO)), Ok(0x22), Ok(0x22)]);
    }

    #[test]
    fn what_was_never_asked_has_no_answer() {
        let mut replay = replay(vec![transfer("11", None)]).unwrap();
        assert_eq!(ask(&mut replay, 1), Err(BusFault::ABSENT));
    }

    #[test]
    fn a_chip_that_was_set_answers_for_what_it_was_set_to_even_when_the_trace_has_ended() {
        let set = |input: &str| TraceEntry::Transfer {
            at: 0,
            bus: "main".into(),
            address: 0x50,
            operations: vec![TraceOperation::Write(input.into())],
            failed: None,
        };
        let entries = vec![set("01c3"), transfer("11", None), set("01d3"), transfer("22", None)];
        let mut replay = replay(entries).unwrap();
        let mut answers = Vec::new();
        for input in [0xc3, 0xd3, 0xc3, 0xd3, 0xd3, 0xc3] {
            replay.transfer("main", 0x50, &mut [Operation::Write(&[0x01, input])]).unwrap();
            answers.push(ask(&mut replay, 0));
        }
        assert_eq!(answers, [0x11, 0x22, 0x11, 0x22, 0x22, 0x11].map(Ok));
    }

    #[test]
    fn faults_come_back_as_they_were() {
        for fault in [
            BusFault::ABSENT,
            BusFault::TimedOut(Errno::ETIMEDOUT),
            BusFault::ArbitrationLost(Errno::EAGAIN),
            BusFault::Stuck(Errno::EBUSY),
            BusFault::Busy,
            BusFault::Deadline,
            BusFault::Kernel(Errno::EIO),
        ] {
            assert_eq!(fault_of(&fault.trace_name()), fault);
        }
    }

    #[test]
    fn a_trace_of_another_board_is_refused_with_what_is_missing() {
        let other = TraceEntry::Switch { at: 5, switch: "lid".into(), active: true };
        assert!(replay(vec![other]).unwrap_err().contains("lid"));
    }

    #[test]
    fn the_first_entry_of_a_switch_is_its_state_at_the_start() {
        let moved = |at, active| TraceEntry::Switch { at, switch: "cover".into(), active };
        let replay = replay(vec![moved(3, true), moved(9, false)]).unwrap();
        assert_eq!(replay.first_states(), [(0, true)]);
    }
}

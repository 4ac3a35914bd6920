//! How a board waits for a bus: on its own thread, or through a thread of the bus's that may take longer
//! than the board waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use nix::sys::eventfd::EventFd;
use platen_protocol::unknown::{UnknownCause, UnknownReason};

use crate::board::{Finding, Verdict};
use crate::chips::reader::{BusAnswer, BusReader};
use crate::clock::{Clock, KernelClock};

/// One question and one answer are under way at most.
const UNDER_WAY: usize = 1;
/// Stack of a bus's thread: its deepest call is a driver with a buffer of 256 bytes, or the simulated
/// printer behind it.
const STACK_BYTES: usize = 512 * 1024;
/// How many deadlines an examination may take, which asks every address.
const EXAMINATION_DEADLINES: u32 = 10;

/// A bus as the board asks it.
pub(crate) enum BusWorker {
    /// Asked on the board's own thread: for simulated time.
    Inline(Box<dyn BusReader>),
    /// Asked through a thread of its own.
    Threaded(BusThread),
}

/// The thread of a bus. It sleeps until it is asked, and ends when the board is dropped.
pub(crate) struct BusThread {
    name: String,
    deadline: Duration,
    questions: SyncSender<Question>,
    answers: Receiver<Answer>,
    /// Since when it has owed an answer beyond its deadline.
    busy_since: Option<Duration>,
    /// The question of now, if its thread took it and nobody has collected the answer.
    asked: Option<Asked>,
}

/// A question that was taken.
struct Asked {
    at: Duration,
    /// Until when its answer is waited for.
    wanted_by: Duration,
    /// What was seen of it before it was collected.
    seen: Option<Seen>,
}

/// How the wait for an answer ended.
enum Seen {
    Answered(Answer),
    Late,
    /// The thread is gone.
    Ended,
}

enum Question {
    Read(Arc<Round>),
    Examine,
}

/// One sample, which several buses answer: the last of them rings.
pub(crate) struct Round {
    /// Those that have not answered.
    owing: AtomicUsize,
    bell: Arc<EventFd>,
}

impl Round {
    /// So many buses are asked.
    pub(crate) fn of(buses: usize, bell: &Arc<EventFd>) -> Arc<Self> {
        Arc::new(Self { owing: AtomicUsize::new(buses), bell: Arc::clone(bell) })
    }

    /// One of them needs not be waited for any more.
    fn done(&self) {
        if self.owing.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Who waits looks now and then without being rung for.
            let _ = self.bell.write(1);
        }
    }
}

enum Answer {
    Read(BusAnswer),
    Examined(Vec<Finding>),
}

/// What the board gets of a bus.
pub(crate) enum Reply {
    Answered(BusAnswer),
    /// It has not come back from an earlier transfer; why, in words.
    Busy(String),
}

impl BusWorker {
    /// A bus with a thread of its own.
    pub(crate) fn threaded(
        name: &str,
        deadline: Duration,
        mut reader: Box<dyn BusReader>,
    ) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel(UNDER_WAY);
        let (answer, answers) = sync_channel(UNDER_WAY);
        thread::Builder::new().name(format!("bus {name}")).stack_size(STACK_BYTES).spawn(move || {
            for question in asked {
                let (said, round) = match question {
                    Question::Read(round) => (Answer::Read(reader.read()), Some(round)),
                    Question::Examine => (Answer::Examined(reader.examine()), None),
                };
                if answer.send(said).is_err() {
                    return;
                }
                if let Some(round) = round {
                    round.done();
                }
            }
        })?;
        Ok(Self::Threaded(BusThread {
            name: name.to_owned(),
            deadline,
            questions,
            answers,
            busy_since: None,
            asked: None,
        }))
    }

    /// Asks for a reading, as one of a round, without waiting.
    pub(crate) fn post(&mut self, round: &Arc<Round>) {
        let taken = match self {
            Self::Inline(_) => false,
            Self::Threaded(thread) => thread.post(Question::Read(Arc::clone(round)), thread.deadline),
        };
        if !taken {
            round.done();
        }
    }

    /// Waits for the reading that [`Self::post`] asked for, within the bus's deadline and no longer than
    /// `limit`; whether [`Self::collect`] would return without waiting.
    pub(crate) fn is_ready(&mut self, limit: Duration) -> bool {
        match self {
            Self::Inline(_) => true,
            Self::Threaded(thread) => thread.is_ready(limit),
        }
    }

    /// The reading that [`Self::post`] asked for; waits for what is left of the bus's deadline.
    pub(crate) fn collect(&mut self) -> Reply {
        match self {
            Self::Inline(reader) => Reply::Answered(reader.read()),
            Self::Threaded(thread) => match thread.collect() {
                Ok(Answer::Read(answer)) => Reply::Answered(answer),
                Ok(Answer::Examined(_)) => Reply::Busy(thread.busy_words()),
                Err(words) => Reply::Busy(words),
            },
        }
    }

    /// Compares the bus with the board file.
    pub(crate) fn examine(&mut self) -> Vec<Finding> {
        match self {
            Self::Inline(reader) => reader.examine(),
            Self::Threaded(thread) => {
                thread.post(Question::Examine, thread.deadline * EXAMINATION_DEADLINES);
                match thread.collect() {
                    Ok(Answer::Examined(findings)) => findings,
                    Ok(Answer::Read(_)) => vec![thread.busy_finding(thread.busy_words())],
                    Err(words) => vec![thread.busy_finding(words)],
                }
            }
        }
    }
}

impl BusThread {
    /// Whether the question was taken.
    fn post(&mut self, question: Question, patience: Duration) -> bool {
        if self.busy_since.is_some() {
            match self.answers.try_recv() {
                // What it says now was asked long ago.
                Ok(_) => self.busy_since = None,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return false,
            }
        }
        let at = KernelClock.now();
        let asked = Asked { at, wanted_by: at.saturating_add(patience), seen: None };
        self.asked = self.questions.try_send(question).ok().map(|()| asked);
        self.asked.is_some()
    }

    fn is_ready(&mut self, limit: Duration) -> bool {
        let Some(asked) = &mut self.asked else { return true };
        if asked.seen.is_some() {
            return true;
        }
        let left = asked.wanted_by.saturating_sub(KernelClock.now());
        asked.seen = match self.answers.recv_timeout(left.min(limit)) {
            Ok(answer) => Some(Seen::Answered(answer)),
            Err(RecvTimeoutError::Timeout) if left > limit => None,
            Err(RecvTimeoutError::Timeout) => {
                self.busy_since = Some(asked.at);
                Some(Seen::Late)
            }
            Err(RecvTimeoutError::Disconnected) => Some(Seen::Ended),
        };
        asked.seen.is_some()
    }

    fn collect(&mut self) -> Result<Answer, String> {
        self.is_ready(Duration::MAX);
        match self.asked.take().and_then(|asked| asked.seen) {
            Some(Seen::Answered(answer)) => Ok(answer),
            Some(Seen::Late) | None => Err(self.busy_words()),
            Some(Seen::Ended) => Err(format!("the thread of the bus {} ended", self.name)),
        }
    }

    fn busy_words(&self) -> String {
        let since = self.busy_since.map_or(0, |since| KernelClock.now().saturating_sub(since).as_secs());
        format!("the bus {} fails: busy for {since} s; a chip may be holding SCL low", self.name)
    }

    fn busy_finding(&self, what: String) -> Finding {
        Finding {
            subject: format!("bus {}", self.name),
            place: String::new(),
            verdict: Verdict::Failed,
            what,
            check: Some("take the chips off the bus one by one until it answers".to_owned()),
        }
    }
}

/// The cause of a reading that a failing bus keeps from the board.
pub(crate) fn kept_by(bus: &str) -> UnknownCause {
    UnknownCause { reason: UnknownReason::BusFailing, detail: bus.to_owned() }
}

//! The thread itself.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;
use platen_hal::{Board, Output};
use tokio::sync::{mpsc, oneshot};

use super::handle::{BoardHandle, Request, handle};
use super::repeats::Repeats;
use super::signal::{Outputs, Signals};
use super::{Rhythm, Sample, Seen};
use crate::clock::Clock;

/// What the thread saw and the runtime has not yet taken.
const MAX_SEEN: usize = 64;
/// While buses are read, it is looked so often whether one is beyond its deadline, which nothing tells: seldom enough that
/// an ordinary sample, which is over by then, costs no wake-up more.
const SLICE: Duration = Duration::from_millis(100);
/// After the edges could not be read they are left alone for so long.
const EDGE_PAUSE: Duration = Duration::from_secs(5);

/// Starts the thread. The first sample comes at once.
///
/// # Errors
/// When the kernel gives no thread or no event descriptor.
pub fn start(
    board: Box<dyn Board>,
    rhythm: Rhythm,
    clock: Arc<Clock>,
) -> std::io::Result<(BoardHandle, mpsc::Receiver<Seen>, JoinHandle<()>)> {
    let (handle, asked, bell) = handle()?;
    let (seen, watched) = mpsc::channel(MAX_SEEN);
    let board_thread = BoardThread {
        board,
        clock,
        asked,
        bell,
        seen,
        repeats: Repeats::new(rhythm.repeats),
        next_sample: Instant::now(),
        under_way: None,
        deferred: None,
        edges_paused_until: None,
        signals: Signals::default(),
        shown: Shown::default(),
        rhythm,
    };
    let thread = std::thread::Builder::new().name("board".into()).spawn(move || board_thread.run())?;
    Ok((handle, watched, thread))
}

struct BoardThread {
    board: Box<dyn Board>,
    rhythm: Rhythm,
    clock: Arc<Clock>,
    asked: Receiver<Request>,
    bell: Arc<EventFd>,
    seen: mpsc::Sender<Seen>,
    repeats: Repeats,
    next_sample: Instant,
    under_way: Option<UnderWay>,
    /// A request that waits for the sample under way; those behind it wait too.
    deferred: Option<Request>,
    edges_paused_until: Option<Instant>,
    signals: Signals,
    shown: Shown,
}

/// A sample that the buses have been asked for.
struct UnderWay {
    began: Instant,
    asker: Option<oneshot::Sender<Sample>>,
}

/// What the outputs were last brought to.
#[derive(Default)]
struct Shown {
    lamp: bool,
    buzzer: bool,
    /// Whether the last try failed, which is told once.
    troubled: bool,
}

/// The other side is gone, or wants the thread to end.
struct End;

impl BoardThread {
    fn run(mut self) {
        while let Ok(()) = self.turn() {}
    }

    fn turn(&mut self) -> Result<(), End> {
        self.edges()?;
        self.requests()?;
        if self.under_way.is_none() && Instant::now() >= self.next_sample {
            self.begin_sample(None);
        }
        if self.under_way.is_some() && self.board.sample_is_ready(Duration::ZERO) {
            // Before the lines are read, so that edges and sample are handed on in the order of their times.
            self.edges()?;
            self.finish_sample()?;
            self.edges()?;
        }
        let outputs = self.signals.outputs(Instant::now());
        self.switch(outputs);
        if self.under_way.is_some() || self.deferred.is_none() {
            self.sleep(outputs.until);
        }
        Ok(())
    }

    fn switch(&mut self, wanted: Outputs) {
        let lamp = (wanted.lamp, &mut self.shown.lamp, Output::ServiceLamp);
        let buzzer = (wanted.buzzer, &mut self.shown.buzzer, Output::Buzzer);
        for (on, shown, output) in [lamp, buzzer] {
            if *shown == on {
                continue;
            }
            match self.board.set_output(output, on) {
                Ok(()) => {
                    *shown = on;
                    self.shown.troubled = false;
                }
                Err(cause) => {
                    if !self.shown.troubled {
                        tracing::warn!("lamp or buzzer cannot be switched: {cause}");
                    }
                    self.shown.troubled = true;
                }
            }
        }
    }

    fn sleep(&mut self, signal: Option<Instant>) {
        let next = self.under_way.as_ref().map_or(self.next_sample, |_| Instant::now() + SLICE);
        let due = signal.map_or(next, |signal| signal.min(next));
        let left = due.saturating_duration_since(Instant::now());
        // One more, for poll cuts to whole milliseconds and would wake just before the time.
        let left = left.as_millis().saturating_add(1);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let paused = self.edges_paused_until.is_some_and(|until| Instant::now() < until);
        let mut fds = vec![PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
        // An edge, or who asks, is looked after while buses are read, and not only when they have answered.
        let answered = self.board.sample_fd().filter(|_| self.under_way.is_some());
        fds.extend(answered.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        if !paused {
            fds.extend(self.board.edge_fds().into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        }
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(cause) => {
                tracing::error!("waiting for the board failed: {cause}");
                std::thread::sleep(EDGE_PAUSE);
            }
        }
        let _ = self.bell.read();
    }

    fn edges(&mut self) -> Result<(), End> {
        if self.edges_paused_until.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        match self.board.take_edges() {
            Ok(edges) if edges.is_empty() => Ok(()),
            Ok(edges) => {
                self.edges_paused_until = None;
                self.repeats.disturb();
                self.seen.blocking_send(Seen::Edges(edges)).or(Err(End))?;
                self.bring_forward(self.rhythm.switch_debounce);
                Ok(())
            }
            Err(cause) => {
                if self.edges_paused_until.is_none() {
                    tracing::error!("edges cannot be read ({cause}): switches are only seen at each sample");
                }
                self.edges_paused_until = Some(Instant::now() + EDGE_PAUSE);
                Ok(())
            }
        }
    }

    fn requests(&mut self) -> Result<(), End> {
        loop {
            let request = self.deferred.take().map_or_else(|| self.asked.try_recv(), Ok);
            match request {
                Ok(request @ (Request::Sample(_) | Request::Diagnose(_))) if self.under_way.is_some() => {
                    self.deferred = Some(request);
                    return Ok(());
                }
                Ok(Request::Sample(asker)) => self.begin_sample(Some(asker)),
                Ok(Request::SampleWithin(time)) => {
                    self.repeats.disturb();
                    self.bring_forward(time);
                }
                Ok(Request::Signal(signal)) => {
                    let now = Instant::now();
                    self.signals.give(signal, now);
                    self.switch(self.signals.outputs(now));
                }
                Ok(Request::Rhythm(rhythm)) => {
                    self.rhythm = rhythm;
                    self.repeats.set_enough(rhythm.repeats);
                    self.bring_forward(rhythm.interval);
                }
                // Whoever asked for it may have gone; then nobody wants to know.
                Ok(Request::Diagnose(asker)) => drop(asker.send(self.board.diagnose())),
                Ok(Request::Record(sink)) => self.board.record(sink),
                Ok(Request::Stop) | Err(TryRecvError::Disconnected) => return Err(End),
                Err(TryRecvError::Empty) => return Ok(()),
            }
        }
    }

    fn bring_forward(&mut self, time: Duration) {
        self.next_sample = self.next_sample.min(Instant::now() + time);
    }

    fn begin_sample(&mut self, asker: Option<oneshot::Sender<Sample>>) {
        let began = Instant::now();
        self.board.begin_sample();
        self.next_sample = began + self.rhythm.interval;
        self.under_way = Some(UnderWay { began, asker });
    }

    fn finish_sample(&mut self) -> Result<(), End> {
        let Some(UnderWay { began, asker }) = self.under_way.take() else { return Ok(()) };
        let at = self.clock.monotonic();
        let readings = self.board.sample();
        if self.repeats.is_worth_handing_on(&readings, began, asker.is_some()) {
            let sample = Box::new(Sample { readings, at, counts: self.board.counts() });
            self.seen.blocking_send(Seen::Sample { sample, asker }).or(Err(End))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Signal;
    use platen_hal::board::TraceSink;
    use platen_hal::{BoardCounts, BoardError, Edge, Finding};
    use platen_protocol::readings::Readings;
    use std::os::fd::BorrowedFd;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::{SyncSender, sync_channel};

    /// A board without anything but a lamp, a buzzer, and a bus that answers when it is told to.
    struct Outlets {
        switched: SyncSender<(Output, bool)>,
        begun: SyncSender<()>,
        answers: Arc<AtomicBool>,
    }

    impl Board for Outlets {
        fn simulated(&self) -> bool {
            true
        }
        fn model(&self) -> &'static str {
            "Outlets"
        }
        fn begin_sample(&mut self) {
            // Who does not wait for it has dropped the other end.
            let _ = self.begun.send(());
        }
        fn sample_is_ready(&mut self, limit: Duration) -> bool {
            let answered = self.answers.load(Ordering::Relaxed);
            if !answered {
                std::thread::sleep(limit);
            }
            answered
        }
        fn sample_fd(&self) -> Option<BorrowedFd<'_>> {
            None
        }
        fn sample(&mut self) -> Readings {
            Readings::default()
        }
        fn edge_fds(&self) -> Vec<BorrowedFd<'_>> {
            Vec::new()
        }
        fn take_edges(&mut self) -> Result<Vec<Edge>, BoardError> {
            Ok(Vec::new())
        }
        fn set_output(&mut self, output: Output, on: bool) -> Result<(), BoardError> {
            self.switched.send((output, on)).unwrap();
            Ok(())
        }
        fn counts(&self) -> BoardCounts {
            BoardCounts::default()
        }
        fn diagnose(&mut self) -> Vec<Finding> {
            Vec::new()
        }
        fn record(&mut self, _sink: Option<TraceSink>) {}
    }

    #[test]
    fn signals_reach_lamp_and_buzzer_between_samples_and_both_come_to_rest() {
        let (told, switched) = sync_channel(64);
        let minute = Duration::from_secs(60);
        let rhythm = Rhythm { interval: minute, switch_debounce: minute, repeats: 1 };
        let outlets =
            Outlets { switched: told, begun: sync_channel(1).0, answers: Arc::new(AtomicBool::new(true)) };
        let (board, _seen, thread) = start(Box::new(outlets), rhythm, Arc::new(Clock::new())).unwrap();
        let mut state = (false, false);
        let mut until = |wanted: (bool, bool)| {
            while state != wanted {
                // Far beyond every signal: only a thread that hangs takes so long.
                match switched.recv_timeout(minute / 2).unwrap() {
                    (Output::ServiceLamp, on) => state.0 = on,
                    (Output::Buzzer, on) => state.1 = on,
                }
            }
        };
        board.signal(Signal::Taken).unwrap();
        until((false, true));
        until((false, false));
        board.signal(Signal::Waiting(true)).unwrap();
        until((true, false));
        board.signal(Signal::Waiting(false)).unwrap();
        until((false, false));
        board.stop().unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn while_a_bus_does_not_answer_signals_are_given_and_who_asks_for_a_sample_gets_the_next_one() {
        let (told, switched) = sync_channel(64);
        let (begun, begins) = sync_channel(4);
        let minute = Duration::from_secs(60);
        let rhythm = Rhythm { interval: minute, switch_debounce: minute, repeats: 1 };
        let answers = Arc::new(AtomicBool::new(false));
        let outlets = Outlets { switched: told, begun, answers: Arc::clone(&answers) };
        let (board, mut seen, thread) = start(Box::new(outlets), rhythm, Arc::new(Clock::new())).unwrap();
        begins.recv_timeout(minute / 2).unwrap();
        board.signal(Signal::Taken).unwrap();
        assert_eq!(switched.recv_timeout(minute / 2).unwrap(), (Output::Buzzer, true));
        let (answer, _answered) = oneshot::channel();
        board.ask(Request::Sample(answer)).unwrap();
        assert_eq!(switched.recv_timeout(minute / 2).unwrap(), (Output::Buzzer, false));
        assert!(seen.try_recv().is_err(), "no bus has answered yet");
        answers.store(true, Ordering::Relaxed);
        let mut asked = || match seen.blocking_recv().unwrap() {
            Seen::Sample { asker, .. } => asker.is_some(),
            Seen::Edges(edges) => panic!("{edges:?}"),
        };
        assert_eq!([asked(), asked()], [false, true]);
        board.stop().unwrap();
        thread.join().unwrap();
    }
}

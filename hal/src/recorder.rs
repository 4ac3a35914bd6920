//! Records what buses and lines say, below the drivers, into a [`TraceSink`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::TrySendError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use embedded_hal::i2c::{ErrorType, I2c, Operation};
use platen_protocol::hex;

use crate::board::TraceSink;
use crate::bus::Adapter;
use crate::clock::Clock;
use crate::fault::BusFault;
use crate::trace::{self, TraceEntry, TraceOperation};

/// What a board's buses and lines share while it is recorded. Nothing waits for the sink.
#[derive(Default)]
pub(crate) struct TraceRecorder {
    // Looked at on every transfer; the lock is taken only while recording.
    running: AtomicBool,
    recording: Mutex<Option<Recording>>,
}

struct Recording {
    sink: TraceSink,
    began: Duration,
    lost: u64,
}

impl TraceRecorder {
    /// Begins a recording with the text of the board file, and ends the one before; `None` only ends it.
    pub(crate) fn switch_to(&self, sink: Option<TraceSink>, now: Duration, board: &str) {
        let recording = sink.map(|sink| {
            let mut recording = Recording { sink, began: now, lost: 0 };
            recording.put(TraceEntry::Begin { version: trace::VERSION, board: board.to_owned() });
            recording
        });
        self.running.store(recording.is_some(), Ordering::Relaxed);
        *self.lock() = recording;
    }

    /// Whether somebody listens.
    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// A switch has a level at a time of the board's clock.
    pub(crate) fn switch(&self, now: Duration, switch: &str, active: bool) {
        self.put(now, |at| TraceEntry::Switch { at, switch: switch.to_owned(), active });
    }

    fn put(&self, now: Duration, entry: impl FnOnce(u64) -> TraceEntry) {
        if !self.is_running() {
            return;
        }
        let mut guard = self.lock();
        let Some(recording) = guard.as_mut() else { return };
        let at = now.saturating_sub(recording.began).as_micros();
        if !recording.put(entry(u64::try_from(at).unwrap_or(u64::MAX))) {
            *guard = None;
            self.running.store(false, Ordering::Relaxed);
        }
    }

    // What stands behind the lock is whole after each statement, so a panic elsewhere does not matter.
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Recording>> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recording {
    /// Gives an entry to the sink, or counts it; false when nobody is at the other end.
    fn put(&mut self, entry: TraceEntry) -> bool {
        if self.lost > 0 {
            match self.sink.try_send(TraceEntry::Lost { entries: self.lost }) {
                Ok(()) => self.lost = 0,
                Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        // While the loss itself cannot be told, nothing may come before it.
        if self.lost > 0 {
            self.lost += 1;
            return true;
        }
        match self.sink.try_send(entry) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.lost += 1;
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

/// A bus whose failed transfers are counted, and whose transfers are recorded while a recorder runs.
pub(crate) struct RecordedBus<A> {
    name: Arc<str>,
    pub(crate) adapter: A,
    clock: Box<dyn Clock>,
    recorder: Arc<TraceRecorder>,
    pub(crate) failed_transfers: u64,
}

impl<A> RecordedBus<A> {
    pub(crate) fn new(name: &str, adapter: A, clock: Box<dyn Clock>, recorder: Arc<TraceRecorder>) -> Self {
        Self { name: name.into(), adapter, clock, recorder, failed_transfers: 0 }
    }
}

impl<A> ErrorType for RecordedBus<A> {
    type Error = BusFault;
}

impl<A: Adapter> I2c for RecordedBus<A> {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusFault> {
        let now = self.recorder.is_running().then(|| self.clock.now());
        let done = self.adapter.transaction(address, operations);
        if done.is_err() {
            self.failed_transfers += 1;
        }
        if let Some(now) = now {
            self.recorder.put(now, |at| TraceEntry::Transfer {
                at,
                bus: self.name.to_string(),
                address,
                operations: operations.iter().map(operation).collect(),
                failed: done.err().map(BusFault::trace_name),
            });
        }
        done
    }
}

fn operation(operation: &Operation<'_>) -> TraceOperation {
    match operation {
        Operation::Write(bytes) => TraceOperation::Write(hex::encode(bytes)),
        Operation::Read(buffer) => TraceOperation::Read(hex::encode(buffer)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::bus::tests::Scripted;
    use crate::clock::KernelClock;

    fn switch(recorder: &TraceRecorder, micros: u64) {
        recorder.switch(Duration::from_micros(micros), "cover", true);
    }

    #[test]
    fn a_recording_begins_with_the_board_and_counts_from_its_beginning() {
        let recorder = TraceRecorder::default();
        let (sink, heard) = sync_channel(8);
        recorder.switch_to(Some(sink), Duration::from_micros(100), "model = 1");
        switch(&recorder, 150);
        let entries: Vec<_> = heard.try_iter().collect();
        assert_eq!(entries[0], TraceEntry::Begin { version: 1, board: "model = 1".into() });
        assert_eq!(entries[1], TraceEntry::Switch { at: 50, switch: "cover".into(), active: true });
    }

    #[test]
    fn what_a_slow_reader_does_not_take_is_counted_and_told_first() {
        let recorder = TraceRecorder::default();
        let (sink, heard) = sync_channel(2);
        recorder.switch_to(Some(sink), Duration::ZERO, "");
        (1..=4).for_each(|micros| switch(&recorder, micros));
        assert_eq!(heard.try_iter().count(), 2, "the beginning and one switch");
        switch(&recorder, 5);
        let entries: Vec<_> = heard.try_iter().collect();
        assert_eq!(entries[0], TraceEntry::Lost { entries: 3 });
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn a_recording_ends_when_its_reader_is_gone() {
        let recorder = TraceRecorder::default();
        let (sink, heard) = sync_channel(2);
        recorder.switch_to(Some(sink), Duration::ZERO, "");
        drop(heard);
        switch(&recorder, 1);
        assert!(!recorder.is_running());
    }

    #[test]
    fn a_transfer_is_recorded_with_its_bytes_and_its_error() {
        let recorder = Arc::new(TraceRecorder::default());
        let (sink, heard) = sync_channel(8);
        recorder.switch_to(Some(sink), Duration::ZERO, "");
        let adapter = Scripted::new([Ok(vec![0x12, 0xff]), Err(BusFault::ABSENT)]);
        let mut bus = RecordedBus::new("main", adapter, Box::new(KernelClock), Arc::clone(&recorder));
        let mut buffer = [0; 2];
        bus.write_read(0x50, &[0x00], &mut buffer).unwrap();
        bus.read(0x51, &mut buffer).unwrap_err();
        let told: Vec<_> = heard.try_iter().skip(1).collect();
        let TraceEntry::Transfer { bus: name, address: 0x50, operations, failed: None, .. } = &told[0] else {
            panic!("{:?}", told[0]);
        };
        assert_eq!(name, "main");
        assert_eq!(operations, &[TraceOperation::Write("00".into()), TraceOperation::Read("12ff".into())]);
        assert!(matches!(&told[1], TraceEntry::Transfer { failed: Some(errno), .. } if errno == "ENXIO"));
        assert_eq!(bus.failed_transfers, 1);
    }
}

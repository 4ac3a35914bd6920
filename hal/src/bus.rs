//! What lies below the chip drivers, beside transfers: an adapter that can be away, and a line that frees a
//! bus whose data line is held down.

use embedded_hal::i2c::I2c;

use crate::clock::Clock;
use crate::fault::BusFault;

/// A bus of some backend.
pub trait Adapter: I2c<Error = BusFault> + Send {
    /// Its device file or adapter, for people.
    fn device(&self) -> String;

    /// Before each reading of its chips: has the adapter again if it was away.
    fn begin(&mut self) -> Result<(), BusFault> {
        Ok(())
    }

    /// Why [`Self::begin`] failed, where there is more to say than its fault does.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// After a reading in which the whole bus failed: lets go of the adapter, so that one that was taken
    /// away can be put back.
    fn give_up(&mut self) {}

    /// The kernel's driver that has an address, if one has.
    fn held_by(&self, _address: u8) -> Option<String> {
        None
    }
}

/// A line that pulls the clock of a bus down while it is active.
pub trait ClockLine: Send {
    /// Pulls, or lets go.
    fn pull(&mut self, down: bool) -> Result<(), String>;
}

/// A chip that holds the data line down lets go within nine clocks: eight bits and the acknowledgement
/// (NXP UM10204, section 3.1.16).
const CLOCKS: u32 = 9;
/// Half a clock of 50 kHz, which every chip understands.
const HALF_CLOCK_US: u32 = 10;

/// Pulses the clock of a bus nine times. The next transfer brings the start and stop conditions.
pub(crate) fn pulse(line: &mut dyn ClockLine, clock: &mut dyn Clock) -> Result<(), String> {
    for _ in 0..CLOCKS {
        line.pull(true)?;
        clock.delay_us(HALF_CLOCK_US);
        line.pull(false)?;
        clock.delay_us(HALF_CLOCK_US);
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use embedded_hal::delay::DelayNs;
    use embedded_hal::i2c::{ErrorType, Operation};

    use super::*;

    /// An address and what was written to it in one transfer.
    pub(crate) type Written = (u8, Vec<u8>);

    /// A bus that answers as it was told, transfer by transfer, and keeps what was written.
    pub(crate) struct Scripted {
        answers: VecDeque<Result<Vec<u8>, BusFault>>,
        pub(crate) written: Arc<Mutex<Vec<Written>>>,
    }

    impl Scripted {
        pub(crate) fn new(answers: impl IntoIterator<Item = Result<Vec<u8>, BusFault>>) -> Self {
            Self { answers: answers.into_iter().collect(), written: Arc::default() }
        }
    }

    impl ErrorType for Scripted {
        type Error = BusFault;
    }

    impl I2c for Scripted {
        fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusFault> {
            let written = operations.iter().flat_map(|operation| match operation {
                Operation::Write(bytes) => bytes.to_vec(),
                Operation::Read(_) => Vec::new(),
            });
            self.written.lock().unwrap().push((address, written.collect()));
            let answer = self.answers.pop_front().expect("a transfer that the test did not foresee")?;
            let mut bytes = answer.into_iter();
            for operation in operations {
                if let Operation::Read(buffer) = operation {
                    buffer.iter_mut().for_each(|byte| *byte = bytes.next().unwrap());
                }
            }
            assert_eq!(bytes.next(), None, "the test has more bytes than were read");
            Ok(())
        }
    }

    impl Adapter for Scripted {
        fn device(&self) -> String {
            "scripted".to_owned()
        }
    }

    /// A clock that only delays move.
    #[derive(Clone, Default)]
    pub(crate) struct Stopped(pub(crate) Arc<Mutex<Duration>>);

    impl DelayNs for Stopped {
        fn delay_ns(&mut self, nanoseconds: u32) {
            *self.0.lock().unwrap() += Duration::from_nanos(nanoseconds.into());
        }
    }

    impl Clock for Stopped {
        fn now(&self) -> Duration {
            *self.0.lock().unwrap()
        }
    }

    /// A clock line that keeps what was done to it.
    #[derive(Clone, Default)]
    pub(crate) struct Pulled(pub(crate) Arc<Mutex<Vec<bool>>>);

    impl ClockLine for Pulled {
        fn pull(&mut self, down: bool) -> Result<(), String> {
            self.0.lock().unwrap().push(down);
            Ok(())
        }
    }

    #[test]
    fn the_clock_is_pulsed_nine_times_and_ends_released() {
        let (mut line, mut clock) = (Pulled::default(), Stopped::default());
        pulse(&mut line, &mut clock).unwrap();
        assert_eq!(*line.0.lock().unwrap(), [true, false].repeat(9));
        assert_eq!(clock.now(), Duration::from_micros(180));
    }
}

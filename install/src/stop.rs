//! Being told to end: SIGTERM and SIGINT.
//!
//! The step that is under way is not cut off; what would only wait ends at once. Where the attempt stands is on the disk,
//! and the next start goes on from there.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};

/// Whether this process was told to end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    told: Arc<(Mutex<bool>, Condvar)>,
}

impl Stop {
    /// Listens for the signals from now on. Called before any other thread is begun: they inherit that signals wait for
    /// this one.
    pub fn on_signals() -> nix::Result<Self> {
        let stop = Self::default();
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGTERM);
        signals.add(Signal::SIGINT);
        signals.thread_block()?;
        let tell = stop.clone();
        std::thread::spawn(move || {
            while signals.wait().is_ok() {
                tell.now();
            }
        });
        Ok(stop)
    }

    /// Ends whatever waits.
    pub fn now(&self) {
        let (told, changed) = &*self.told;
        *told.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Waits; whether it was told to end, before or meanwhile.
    pub fn wait(&self, at_most: Duration) -> bool {
        let (told, changed) = &*self.told;
        let told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(told, at_most, |told| !*told);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

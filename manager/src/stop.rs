//! The word that the manager is to stop, as every task hears it: in the order in which they began to wait for it,
//! so that a simulation runs the same each time. (tokio's `watch` wakes those who wait in an order of chance.)

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

#[derive(Debug, Default)]
struct Word {
    given: AtomicBool,
    told: Notify,
}

/// Hears the word.
#[derive(Debug, Clone)]
pub struct Stop(Arc<Word>);

/// Gives the word; also when it is dropped.
#[derive(Debug)]
pub struct StopSender(Arc<Word>);

/// One who gives it, and one (to be cloned) who hears it.
pub fn channel() -> (StopSender, Stop) {
    let word = Arc::new(Word::default());
    (StopSender(Arc::clone(&word)), Stop(word))
}

impl StopSender {
    /// Gives the word.
    pub fn stop(&self) {
        self.0.given.store(true, Ordering::Release);
        self.0.told.notify_waiters();
    }
}

impl Drop for StopSender {
    fn drop(&mut self) {
        // The sender is gone, and so is the manager.
        self.stop();
    }
}

impl Stop {
    /// Until the word is given. It may be dropped and waited for again.
    pub async fn wait(&mut self) {
        // A `Notified` hears every `notify_waiters` from its making on, so the word cannot fall in between.
        let told = self.0.told.notified();
        if !self.0.given.load(Ordering::Acquire) {
            told.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_word_is_heard_by_who_waits_and_by_who_comes_later() {
        let (sender, stop) = channel();
        let mut waiting = stop.clone();
        let waits = tokio::spawn(async move { waiting.wait().await });
        tokio::task::yield_now().await;
        sender.stop();
        waits.await.unwrap();
        let mut late = stop;
        late.wait().await;
        late.wait().await;
    }

    #[tokio::test]
    async fn a_sender_that_is_gone_has_given_the_word() {
        let (sender, mut stop) = channel();
        drop(sender);
        stop.wait().await;
    }
}

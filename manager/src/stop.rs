//! The word that the manager is to stop, as every task hears it.

use tokio::sync::watch;

/// Hears the word.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// Gives the word; also when it is dropped.
#[derive(Debug)]
pub struct StopSender(watch::Sender<bool>);

/// One who gives it, and one (to be cloned) who hears it.
pub fn channel() -> (StopSender, Stop) {
    let (sender, receiver) = watch::channel(false);
    (StopSender(sender), Stop(receiver))
}

impl StopSender {
    /// Gives the word.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Until the word is given.
    pub async fn wait(&mut self) {
        // An error says that the sender is gone, and so is the manager.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

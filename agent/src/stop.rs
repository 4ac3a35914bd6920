//! The wish that everything ends.

use tokio::sync::watch;

/// Waits for the wish; each task has its own.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// Makes the wish known.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// A wish that nobody has had yet.
pub fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Everything is to end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Returns when everything is to end. It may be dropped and waited for again.
    pub async fn asked(&mut self) {
        // Nobody left who could wish counts as a wish.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

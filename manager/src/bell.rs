//! Says that an operator decided something that is to be done ([`crate::chores`]).

use tokio::sync::Notify;

/// Rung by who decides, heard by who does it.
#[derive(Debug, Default)]
pub struct Bell {
    ring: Notify,
}

impl Bell {
    /// There is something to do.
    pub fn ring(&self) {
        self.ring.notify_one();
    }

    /// Ends when there is.
    pub async fn rung(&self) {
        self.ring.notified().await;
    }
}

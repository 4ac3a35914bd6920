//! How many PDFs are made at once.

use tokio::sync::{Semaphore, SemaphorePermit};

/// One of 20,000 rows takes some hundred MiB while it is made.
const AT_ONCE: usize = 2;

/// Where PDFs are made.
#[derive(Debug)]
pub(in super::super) struct Press(Semaphore);

impl Default for Press {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Press {
    /// Until it is dropped, one of the few.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.0.acquire().await.ok()
    }
}

//! Checks passwords on a fixed number of threads. Each hash takes 19 MiB for its time, so each thread has a
//! buffer of its own that it uses again, and who finds the queue full is told to come again: whoever floods
//! the sign-in costs neither memory without end nor the others their turn.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::Block;
use tokio::sync::oneshot;

use super::password::{self, PasswordError};

/// Passwords that are checked at once.
const THREADS: usize = 2;
/// Passwords that may wait, of each kind. Two threads work this off in a second or two.
const QUEUE: usize = 64;
/// After so long without work a thread gives its buffer back.
const KEEP_BUFFER: Duration = Duration::from_secs(60);

/// Who asks: an address from which somebody signed in lately does not wait behind those that are new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// Somebody signed in from there lately.
    KnownAddress,
    /// Anywhere else.
    Anywhere,
}

/// Addresses from which somebody signed in that are remembered.
const MAX_KNOWN: usize = 1_000;

/// Addresses from which somebody signed in, the latest last.
#[derive(Default)]
pub(super) struct KnownAddresses(Mutex<VecDeque<IpAddr>>);

impl KnownAddresses {
    fn all(&self) -> MutexGuard<'_, VecDeque<IpAddr>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody signed in.
    pub(super) fn remember(&self, address: IpAddr) {
        let mut all = self.all();
        all.retain(|known| *known != address);
        if all.len() >= MAX_KNOWN {
            all.pop_front();
        }
        all.push_back(address);
    }

    /// What is known of who asks.
    pub(super) fn who(&self, address: IpAddr) -> From {
        if self.all().contains(&address) { From::KnownAddress } else { From::Anywhere }
    }
}

/// As many passwords wait as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Busy;

struct Job {
    password: String,
    hash: Option<String>,
    answer: oneshot::Sender<Result<bool, PasswordError>>,
}

#[derive(Default)]
struct Waiting {
    known: VecDeque<Job>,
    anywhere: VecDeque<Job>,
    ended: bool,
}

impl Waiting {
    /// The next whose asker still waits for it.
    fn next(&mut self) -> Option<Job> {
        std::iter::from_fn(|| self.known.pop_front().or_else(|| self.anywhere.pop_front()))
            .find(|job| !job.answer.is_closed())
    }
}

#[derive(Default)]
struct Queue {
    /// Held for a push or a pop.
    waiting: Mutex<Waiting>,
    more: Condvar,
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One thread's life.
    fn work(&self) {
        let mut buffer: Vec<Block> = Vec::new();
        let mut waiting = self.waiting();
        loop {
            if let Some(Job { password, hash, answer }) = waiting.next() {
                drop(waiting);
                // Whoever asked may be gone.
                let _ = answer.send(password::check(&password, hash.as_deref(), &mut buffer));
                waiting = self.waiting();
                continue;
            }
            if waiting.ended {
                return;
            }
            if buffer.is_empty() {
                waiting = self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            } else {
                let (locked, idle) =
                    self.more.wait_timeout(waiting, KEEP_BUFFER).unwrap_or_else(PoisonError::into_inner);
                waiting = locked;
                if idle.timed_out() {
                    buffer = Vec::new();
                }
            }
        }
    }
}

/// The threads; they end when it is dropped.
pub(super) struct Hasher(Arc<Queue>);

impl Drop for Hasher {
    fn drop(&mut self) {
        self.0.waiting().ended = true;
        self.0.more.notify_all();
    }
}

impl Hasher {
    pub(super) fn start() -> Self {
        let queue = Arc::new(Queue::default());
        for _ in 0..THREADS {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || queue.work());
        }
        Self(queue)
    }

    /// Whether the password is the one that was hashed; `None` stands for an operator who is not known, and
    /// takes as long.
    pub(super) async fn verify(
        &self,
        from: From,
        password: String,
        hash: Option<String>,
    ) -> Result<Result<bool, PasswordError>, Busy> {
        let (answer, answered) = oneshot::channel();
        {
            let mut waiting = self.0.waiting();
            let queue = match from {
                From::KnownAddress => &mut waiting.known,
                From::Anywhere => &mut waiting.anywhere,
            };
            if queue.len() >= QUEUE {
                return Err(Busy);
            }
            queue.push_back(Job { password, hash, answer });
        }
        self.0.more.notify_one();
        Ok(answered.await.unwrap_or(Err(PasswordError::Thread)))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Waker};

    use super::*;

    fn is_pending(asked: Pin<&mut impl Future>) -> bool {
        asked.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Without threads: what was asked stays in the queue.
    fn idle() -> Hasher {
        Hasher(Arc::default())
    }

    #[tokio::test]
    async fn more_passwords_than_may_wait_are_refused_and_a_known_address_has_places_of_its_own() {
        let hasher = idle();
        let ask = |from| hasher.verify(from, "correct horse".to_owned(), None);
        let mut asked = Vec::new();
        for _ in 0..QUEUE {
            let mut one = Box::pin(ask(From::Anywhere));
            assert!(is_pending(one.as_mut()));
            asked.push(one);
        }
        assert_eq!(ask(From::Anywhere).await.err(), Some(Busy));
        let mut known = Box::pin(ask(From::KnownAddress));
        assert!(is_pending(known.as_mut()));
        let mut waiting = hasher.0.waiting();
        assert_eq!((waiting.known.len(), waiting.anywhere.len()), (1, QUEUE));
        assert!(waiting.next().is_some() && waiting.known.is_empty(), "it comes first");
        drop(asked);
        assert!(waiting.next().is_none(), "who is gone costs nothing");
    }

    #[tokio::test]
    async fn a_password_is_checked_and_the_threads_end_with_their_owner() {
        let stored = password::hash("correct horse".to_owned()).await.unwrap();
        let hasher = Hasher::start();
        for (typed, right) in [("correct horse", true), ("correct horsf", false), ("correct horse", true)] {
            let found = hasher.verify(From::Anywhere, typed.to_owned(), Some(stored.clone())).await;
            assert!(matches!(found, Ok(Ok(found)) if found == right), "{typed}");
        }
        let queue = Arc::downgrade(&hasher.0);
        drop(hasher);
        // Each thread holds the queue until it has ended.
        while queue.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

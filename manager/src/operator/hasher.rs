//! Checks passwords on a fixed number of threads. Each hash takes 19 MiB for its time, so each thread has a
//! buffer of its own that it uses again, and when too many wait somebody is told to come again
//! ([`super::password_queue`] says who): whoever floods the sign-in costs neither memory without end nor the others
//! their turn.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::Block;
use tokio::sync::oneshot;

use super::password::{self, PasswordError};
use super::password_queue::{Asker, PasswordQueue};

/// Passwords that are checked at once.
const THREADS: usize = 2;
/// After so long without work a thread gives its buffer back.
const KEEP_BUFFER: Duration = Duration::from_secs(60);

/// As many passwords wait as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Busy;

type Checked = Result<Result<bool, PasswordError>, Busy>;

struct Job {
    password: String,
    hash: Option<String>,
    answer: oneshot::Sender<Checked>,
}

#[derive(Default)]
struct Waiting {
    jobs: PasswordQueue<Job>,
    ended: bool,
}

impl Waiting {
    /// The next whose asker still waits for it.
    fn next(&mut self) -> Option<Job> {
        std::iter::from_fn(|| self.jobs.pop()).find(|job| !job.answer.is_closed())
    }

    /// Puts one in; who is turned away for it, or instead of it, is told.
    fn add(&mut self, asker: Asker, job: Job) {
        if self.jobs.is_full() {
            self.jobs.retain(|job| !job.answer.is_closed());
        }
        if let Some(turned_away) = self.jobs.push(asker, job) {
            // Whoever asked may be gone.
            let _ = turned_away.answer.send(Err(Busy));
        }
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
                let _ = answer.send(Ok(password::check(&password, hash.as_deref(), &mut buffer)));
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
    pub(super) async fn verify(&self, asker: Asker, password: String, hash: Option<String>) -> Checked {
        let (answer, answered) = oneshot::channel();
        self.0.waiting().add(asker, Job { password, hash, answer });
        self.0.more.notify_one();
        answered.await.unwrap_or(Ok(Err(PasswordError::Thread)))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Waker};

    use super::super::password_queue::MAX_WAITING;
    use super::*;

    fn is_pending(asked: Pin<&mut impl Future>) -> bool {
        asked.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Without threads: what was asked stays in the queue.
    fn idle() -> Hasher {
        Hasher(Arc::default())
    }

    fn asker(name: &str) -> Asker {
        Asker { known_address: false, failures: 0, name: name.to_owned() }
    }

    #[tokio::test]
    async fn who_is_turned_away_is_told_and_who_is_gone_costs_nothing() {
        let hasher = idle();
        let ask = |name| hasher.verify(asker(name), "correct horse".to_owned(), None);
        let mut asked = Vec::new();
        for _ in 0..MAX_WAITING {
            let mut one = Box::pin(ask("anna"));
            assert!(is_pending(one.as_mut()));
            asked.push(one);
        }
        assert_eq!(ask("anna").await.err(), Some(Busy));
        let mut ben = Box::pin(ask("ben"));
        assert!(is_pending(ben.as_mut()), "the flood makes room for somebody else");
        assert_eq!(asked.pop().unwrap().await.err(), Some(Busy), "and the last of it is told");
        drop((asked, ben));
        assert!(hasher.0.waiting().next().is_none());
    }

    #[tokio::test]
    async fn a_password_is_checked_and_the_threads_end_with_their_owner() {
        let stored = password::hash("correct horse".to_owned()).await.unwrap();
        let hasher = Hasher::start();
        for (typed, right) in [("correct horse", true), ("correct horsf", false), ("correct horse", true)] {
            let found = hasher.verify(asker("anna"), typed.to_owned(), Some(stored.clone())).await;
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

//! A lock that outlives a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A panic in a test's thread must not turn every later act into another panic: the state behind
/// these locks is whole after each statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

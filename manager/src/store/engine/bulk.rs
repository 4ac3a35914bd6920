//! Statements that are run for many rows at once.

/// A statement in two shapes. SQLite runs it for each row, which costs it no more than one for all; PostgreSQL is asked
/// once for all rows, for each time it is asked is a way to it and back.
pub(in crate::store) struct Bulk {
    /// For one row, its values as `?1`, `?2`.
    pub(in crate::store) each: &'static str,
    /// For all of them, each parameter the array of a column (`unnest(?1::bigint[], …)`).
    pub(in crate::store) all: &'static str,
}

//! The number of a manager that shares a database with others.

/// One manager of several, for one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Replica(pub(crate) i32);

//! How large SQLite's write-ahead log may become.

/// How large the log may become, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// Above it the log is cut back as soon as nobody reads an old moment of it. SQLite folds what is half of it.
    pub cut_above: u64,
    /// Above it nothing is stored any more, so that a reader that is forgotten does not fill the disk: devices
    /// keep what they have.
    pub most: u64,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { cut_above: 8 * 1024 * 1024, most: 1024 * 1024 * 1024 }
    }
}

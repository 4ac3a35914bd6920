//! Why the manager cannot run, for whoever composes it.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::ca::CaError;
use crate::certificate_files::FileError;
use crate::file_set::Held;
use crate::secret::NoRandom;
use crate::store::StoreError;
use crate::tls::TlsError;

/// Why the manager cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A socket cannot be opened.
    #[error("cannot listen on {address}: {source}; is another manager running?")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The state directory cannot be made.
    #[error("{}: {source}; create the directory, owned by the manager's user", path.display())]
    State {
        /// Which directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another manager serves from the state directory.
    #[error(transparent)]
    Serving(#[from] Held),
    /// A backup is half in place.
    #[error(
        "{}: a restore from a backup was interrupted here; run it again with `platen-manager restore FILE --replace`",
        path.display()
    )]
    HalfRestored {
        /// Which directory.
        path: PathBuf,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Certificates cannot be had.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The operators' own certificate.
    #[error(transparent)]
    Files(#[from] FileError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

//! Backups: everything that a service centre needs to bring its manager back on another machine, in one file.
//!
//! The file is a tar archive, which any machine can unpack: the database as it was at one moment, the CA with its key,
//! the listeners' certificate, the journal of identities, the configuration with the files that it names, and at its
//! end a manifest with the size and the SHA-256 of each ([`archive`]). [`make`] writes one while the manager serves,
//! [`bring_back`] puts one in place, [`check`] looks at a store that is in place or at a backup;
//! [`crate::watch::backup_age`] says when the last one is too old. It holds keys: whoever can read it can be this manager.

mod archive;
pub mod bring_back;
pub mod check;
pub mod make;
mod postgresql;

pub use archive::{ArchiveError, Engine, Manifest, Member};

//! The maker's and the manager's side: keys, and what is signed with them.
//!
//! The flow, by file name:
//!
//! * [`key`] makes keys, and [`key_file`] keeps them;
//! * [`roles`] says which keys sign what, and makes roots of that;
//! * [`programs`] adds programs to the targets file and takes them away;
//! * what they make is a [`draft`]: a file without, or with some, of its signatures. Offline keys are in different
//!   hands, so it goes from holder to holder, or to all of them at once, and what comes back is merged;
//! * [`online`] makes snapshot and timestamp, with the keys that the manager holds.
//!
//! Versions count up from what is given as the one before; times of expiry are arguments. What devices would refuse is
//! found by [`crate::Trusted`] itself, before it is published.

pub mod draft;
pub mod key;
pub mod key_file;
pub mod online;
pub mod programs;
pub mod roles;

use std::path::PathBuf;

use thiserror::Error;

use crate::distrust::Distrust;

pub use draft::Draft;
pub use key::{Protection, SigningKey};
pub use roles::{KeySet, Roles};

/// Why something is not signed.
#[derive(Debug, Error)]
pub enum SignError {
    /// The system gave no random numbers.
    #[error("this machine gives no random numbers")]
    NoRandom,
    /// Not a key that is used here.
    #[error("this is not a key of the kind that is used here (Ed25519 as PKCS#8 in PEM): {0}")]
    NotAKey(String),
    /// The passphrase is missing.
    #[error("the key is encrypted: its passphrase is needed")]
    PassphraseNeeded,
    /// The passphrase is wrong, or what it protects is damaged.
    #[error("the passphrase does not open the key")]
    WrongPassphrase,
    /// Others can read the key.
    #[error("{}: others can read this key (mode {mode:o}); make it its owner's alone (chmod 600), and take another key if somebody may have read it", path.display())]
    OthersCanRead {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What keys are to sign makes no sense.
    #[error("{0}")]
    UnsoundRoles(String),
    /// The key, or the token in which it is, does not sign.
    #[error("the key does not sign: {0}")]
    KeyFailed(String),
    /// The draft is not what it was taken for.
    #[error(transparent)]
    Draft(#[from] Distrust),
    /// Two drafts do not say the same.
    #[error("the drafts do not say the same: signatures of the one are none of the other")]
    OtherDraft,
    /// There is no version after this one.
    #[error("there is no version after {0}; the keys of this role have to be replaced, which begins anew")]
    NoMoreVersions(u32),
    /// The program is not there, or there with another content.
    #[error("{path}: {cause}")]
    Program {
        /// Which one.
        path: String,
        /// What is wrong.
        cause: &'static str,
    },
}

/// The version after this one.
pub(crate) fn after(version: u32) -> Result<u32, SignError> {
    version.checked_add(1).ok_or(SignError::NoMoreVersions(version))
}

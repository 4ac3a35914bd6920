//! Programs for devices, and why devices install them: the maker's signatures, which this manager only hands on.
//!
//! [`files`] keeps the bytes; [`shelf`] is what is given now, in memory; an [`edition`] is the trust metadata that stand
//! before the bytes of one answer; [`follow`] brings memory, files and the timestamp up to what the store says, and
//! [`fetch`] makes a file of which only another manager has the bytes. [`digests`] are for clients that are not ours. [`online`] is the one key that this manager
//! signs with: whoever steals it can hold devices where they are for as long as a timestamp lasts, and install nothing.
//! [`publish`] takes in what the maker has signed, and refuses what devices would refuse. An [`attempt`] is named when a
//! program is offered.

pub(crate) mod attempt;
pub mod digests;
pub mod edition;
pub mod fetch;
pub mod files;
pub mod follow;
pub mod online;
pub mod publish;
pub mod shelf;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use crate::store::Store;
use fetch::Fetching;
use files::ProgramFiles;
use shelf::Shelf;

/// What this manager has of programs.
pub struct Programs {
    store: Store,
    files: ProgramFiles,
    /// Held for a look, never across an await.
    shelf: RwLock<Arc<Shelf>>,
    fetching: Fetching,
    /// Held while a file is read for its older hashes.
    digesting: tokio::sync::Mutex<()>,
}

impl Programs {
    /// With the files in a state directory. Nothing is given until [`follow`] has looked.
    pub fn new(store: Store, state_directory: &Path) -> Self {
        Self {
            store,
            files: ProgramFiles::in_state(state_directory),
            shelf: RwLock::default(),
            fetching: Fetching::default(),
            digesting: tokio::sync::Mutex::default(),
        }
    }

    /// What is given now.
    pub fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The bytes.
    pub fn files(&self) -> &ProgramFiles {
        &self.files
    }

    fn put_on_shelf(&self, stock: Shelf) {
        *self.shelf.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(stock);
    }
}

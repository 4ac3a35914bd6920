//! What applies now: shared by those who go by it and those who change it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Applied, CannotSet, Files, Origin, SettingReport, Settings, apply, report};

/// The settings that apply.
#[derive(Debug, Clone)]
pub struct Current {
    files: Arc<Files>,
    chosen: watch::Sender<Settings>,
}

impl Current {
    /// What the device's own files say, and what the manager set.
    pub fn new(files: Files, chosen: Settings) -> Self {
        Self { files: Arc::new(files), chosen: watch::Sender::new(chosen) }
    }

    /// What applies of both.
    pub fn applied(&self) -> Applied {
        apply(&self.files, &self.chosen.borrow())
    }

    /// Every setting that applies, with who set it.
    pub fn report(&self) -> Vec<SettingReport> {
        report(&self.files, &self.chosen.borrow())
    }

    /// What the manager set.
    pub fn chosen(&self) -> Settings {
        self.chosen.borrow().clone()
    }

    /// What the manager would have set with these new values. Nothing is changed yet.
    ///
    /// # Errors
    /// When one of them cannot be: then none can.
    pub fn with(&self, wanted: &BTreeMap<String, u32>, origin: &Origin) -> Result<Settings, CannotSet> {
        self.chosen.borrow().set(&self.files, wanted, origin)
    }

    /// What the manager would have set without these. Nothing is changed yet.
    ///
    /// # Errors
    /// When there is no setting of such a name.
    pub fn without(&self, names: &[String]) -> Result<Settings, CannotSet> {
        self.chosen.borrow().reset(names)
    }

    /// Applies other settings, which are durable.
    pub fn replace(&self, settings: Settings) {
        self.chosen.send_replace(settings);
    }

    /// Tells of changes.
    pub fn subscribe(&self) -> watch::Receiver<Settings> {
        self.chosen.subscribe()
    }
}

//! A corrupt file is set aside as evidence, and the work goes on in a new one: with what could still be
//! read of the old one, and with a report that says so.

use std::collections::BTreeMap;
use std::path::Path;

use platen_protocol::device_to_manager::{LostReason, OutboxReplaced, ReportBody};
use rusqlite::Connection;

use super::memory::{self, Remembered};
use super::state::State;
use super::{Outbox, OutboxConfig, OutboxError, aside, open, pour, schema};
use crate::judge::{Alerts, Past};
use crate::settings::Settings;

/// The most bytes of reports that are read out of a corrupt file, the dearest first.
const MAX_SALVAGED: u64 = 8 * 1024 * 1024;
/// The longest reason that is told, in characters: within what the manager takes.
const MAX_REASON_CHARS: usize = 400;

/// What could be read of a file, and where it is now.
pub(super) struct Salvage {
    pub(super) state: Option<State>,
    pub(super) remembered: Option<Remembered>,
    bodies: BTreeMap<u64, String>,
    journal: Vec<pour::Line>,
}

impl Salvage {
    /// Out of a database, with what is known of it otherwise.
    fn of(db: &Connection, state: Option<State>, remembered: Option<Remembered>) -> Self {
        let mut bodies = BTreeMap::new();
        if let Some(state) = &state {
            let mut wanted: Vec<_> = state.held.iter().collect();
            wanted.sort_by_key(|(place, held)| (std::cmp::Reverse(held.rank), **place));
            let mut bytes = 0;
            for (place, held) in wanted {
                bytes += held.bytes;
                let body = pour::body(db, *place).ok().flatten();
                if let Some(body) = body.filter(|body| bytes <= MAX_SALVAGED && is_report(body)) {
                    bodies.insert(*place, body);
                }
            }
        }
        Self { state, remembered, bodies, journal: pour::read_journal(db) }
    }

    /// Out of a file that is corrupt, as far as SQLite still reads it.
    pub(super) fn from_file(file: &Path) -> Self {
        let nothing = Self { state: None, remembered: None, bodies: BTreeMap::new(), journal: Vec::new() };
        let Ok(db) = open::connect(file) else { return nothing };
        let state = State::salvage(&db).ok();
        let remembered = state.as_ref().and_then(|state| memory::load(&db, &state.open.epoch).ok());
        Self::of(&db, state, remembered)
    }

    /// Sets the file aside and begins a new one with all of this.
    pub(super) fn into_new_file(
        self,
        file: &Path,
        limits: OutboxConfig,
        cause: &OutboxError,
    ) -> Result<Outbox, OutboxError> {
        let evidence = aside::set_aside(file).map_err(OutboxError::Aside)?;
        let mut db = open::on_disk(file)?;
        let previous_epoch = self.state.as_ref().map(|state| state.open.epoch.clone());
        let (waited, mut state) = match self.state {
            Some(mut state) => {
                state.begin_chapter(false)?;
                (state.held.len(), state)
            }
            None => (0, State::begin(false)?),
        };
        let remembered = self.remembered.unwrap_or_else(|| Remembered {
            alerts: Alerts::new(state.open.epoch.as_str()),
            past: Past::default(),
            settings: Settings::default(),
        });
        let change = db.transaction()?;
        for place in state.held.keys().copied().collect::<Vec<_>>() {
            match self.bodies.get(&place) {
                Some(body) => pour::put_report(&change, &state, place, body)?,
                None => state.lose(&change, place, LostReason::Unreadable)?,
            }
        }
        for chapter in state.sealed.iter_mut().chain([&mut state.open]) {
            chapter.in_memory = false;
        }
        let saved = state.held.len();
        let reason: String = cause.to_string().chars().take(MAX_REASON_CHARS).collect();
        state.own.pending.push(ReportBody::OutboxReplaced(OutboxReplaced {
            reason: format!("{reason}; {saved} of {waited} reports that waited could be saved"),
            evidence: Some(evidence.display().to_string()),
            previous_epoch,
        }));
        pour::rest(&change, &state, &remembered)?;
        pour::write_journal(&change, &self.journal)?;
        change.commit()?;
        tracing::error!(
            kept_as = %evidence.display(), saved, waited,
            "the outbox was corrupt ({cause}): it is set aside, and a new epoch begins"
        );
        Ok(Outbox::around(db, state, remembered, file, limits))
    }
}

fn is_report(body: &str) -> bool {
    serde_json::from_str::<platen_protocol::device_to_manager::Report>(body).is_ok()
}

impl Outbox {
    /// Goes on in a new file, with what is known and what can be read of the old one.
    pub(super) fn replace(&mut self, cause: &OutboxError) -> Result<(), OutboxError> {
        let (state, remembered) = (self.state.clone(), self.remembered.clone());
        let salvage = Salvage::of(&self.db, Some(state), Some(remembered));
        let on_disk = self.memory.is_none();
        if on_disk {
            // The old one lets go of its file before that is renamed.
            self.db = schema::in_memory()?;
        }
        let renewed = salvage.into_new_file(&self.file, self.limits, cause);
        let Outbox { db, state, .. } = match renewed {
            Ok(renewed) => renewed,
            Err(failed) => {
                if on_disk && let Ok(db) = open::to_read(&self.file) {
                    self.db = db;
                }
                return Err(failed);
            }
        };
        self.given_up += self.state.held.len().saturating_sub(state.held.len()) as u64;
        (self.db, self.memory) = (db, None);
        self.settled(state);
        Ok(())
    }
}

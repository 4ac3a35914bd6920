//! Opens the outbox, and goes on where its file cannot be used: in memory while the disk takes nothing, and in
//! a new file when the old one is corrupt, with what could be read of it.
//!
//! In memory: the chapter that is open on the disk is sealed, and the next one begins under another epoch. So
//! whatever becomes of this process, the file never gives a sequence that memory gave: it goes on in the epoch
//! that it knows. What waits on the disk is read from there as long as that is possible; what persons asked for
//! is copied, to be sure.

use std::collections::BTreeMap;
use std::path::Path;

use platen_protocol::device_to_manager::{LostReason, OutboxReplaced, Report, ReportBody};
use rusqlite::{Connection, TransactionBehavior};

use super::error::DiskTrouble;
use super::limits::{Held, RETRY_DISK};
use super::remembered::{self, Blobs, Readers};
use super::state::State;
use super::{FILE_NAME, Outbox, OutboxConfig, OutboxError, copy, file, from_db, journal, schema, to_db};
use crate::judge::DiskFault;

/// What may wait in memory; below what agent.toml allows on the disk, for a controller has little of it.
pub const MEMORY_LIMITS: OutboxConfig =
    OutboxConfig { max_reports: 1_000, max_bytes: 2 * 1024 * 1024, retry_disk: RETRY_DISK };

/// Where places begin while the file was never read: far above those of any file, so that none is taken for
/// another one when the file is found again.
const FIRST_UNSEEN_PLACE: u64 = 1 << 40;

/// The most bytes of reports that are read out of a corrupt file, the dearest first.
const MAX_SALVAGED: u64 = 8 * 1024 * 1024;
/// The longest reason that is told, in characters: within what the manager takes.
const MAX_REASON_CHARS: usize = 400;

/// Opens the outbox in a state directory. A corrupt file is set aside, with
/// a line in the log, and a new epoch begins with what could be read of it. While the directory cannot be
/// used, the outbox is in memory.
///
/// # Errors
/// When another process has the file, or a later version of this program has written it.
pub fn open(directory: &Path, limits: OutboxConfig, readers: Readers) -> Result<Outbox, OutboxError> {
    let file = directory.join(FILE_NAME);
    let opened = file::make_directory(directory)
        .and_then(|()| file::on_disk(&file))
        .and_then(|db| Outbox::load(db, &file, limits, readers));
    let opened = match opened {
        Err(cause) if cause.is_corruption() => {
            Salvage::from_file(&file, readers).into_new_file(&file, limits, readers, &cause)
        }
        other => other,
    };
    match opened {
        Err(cause) => {
            let Some(fault) = cause.fault() else { return Err(cause) };
            Outbox::begin_in_memory(
                &file,
                limits,
                readers,
                DiskTrouble::new(&file, fault, &cause, limits.retry_disk),
            )
        }
        Ok(outbox) => Ok(outbox),
    }
}

/// The outbox while it is in memory.
#[derive(Debug)]
pub(super) struct InMemory {
    pub(super) trouble: DiskTrouble,
    /// The file, as far as it can be read. It also holds the file's lock.
    pub(super) disk: Option<Connection>,
    /// Whether the file was never read, because the disk failed from the beginning.
    pub(super) unseen: bool,
}

impl Outbox {
    /// What is wrong with the disk while the outbox is in memory.
    pub fn disk_trouble(&self) -> Option<&DiskTrouble> {
        self.memory.as_ref().map(|memory| &memory.trouble)
    }

    /// Does something with the file. When the disk fails it is done in memory; when the file is corrupt,
    /// in a new one.
    pub(super) fn durably<T>(
        &mut self,
        mut act: impl FnMut(&mut Self) -> Result<T, OutboxError>,
    ) -> Result<T, OutboxError> {
        let cause = match act(self) {
            Err(cause) if self.memory.is_none() && (cause.is_corruption() || cause.fault().is_some()) => {
                cause
            }
            done => return done,
        };
        let cause = match cause.is_corruption().then(|| self.replace(&cause)) {
            Some(Ok(())) => return act(self),
            Some(Err(failed)) => failed,
            None => cause,
        };
        let fault = cause.fault().unwrap_or(DiskFault::Failing);
        self.go_to_memory(DiskTrouble::new(&self.file, fault, &cause, self.limits.retry_disk))?;
        act(self)
    }

    fn go_to_memory(&mut self, trouble: DiskTrouble) -> Result<(), OutboxError> {
        let mut memory = schema::in_memory()?;
        let mut state = self.state.clone();
        state.begin_chapter(true)?;
        let change = memory.transaction()?;
        copy::rest(&change, &state, &self.remembered)?;
        journal::write_all(&change, &journal::read_all(&self.db))?;
        let asked: Vec<u64> =
            state.held.iter().filter(|(_, held)| held.rank.is_asked()).map(|(place, _)| *place).collect();
        for place in asked {
            if let Ok(Some(body)) = copy::body(&self.db, place) {
                copy::put_report(&change, &state, place, &body)?;
            }
        }
        change.commit()?;
        tracing::error!(epoch = %state.open.epoch, "the disk {} ({}): continuing in memory", trouble.fault.words(), trouble.cause);
        let disk = Some(std::mem::replace(&mut self.db, memory));
        self.memory = Some(InMemory { trouble, disk, unseen: false });
        self.past_written = None;
        self.settled(state);
        Ok(())
    }

    /// What may wait now.
    pub(super) fn limits(&self) -> OutboxConfig {
        let OutboxConfig { max_reports, max_bytes, .. } = self.limits;
        match self.memory {
            None => self.limits,
            Some(_) => OutboxConfig {
                max_reports: max_reports.min(MEMORY_LIMITS.max_reports),
                max_bytes: max_bytes.min(MEMORY_LIMITS.max_bytes),
                ..self.limits
            },
        }
    }

    /// What takes up room where there is little of it: what the disk holds does not, while the outbox is in
    /// memory.
    pub(super) fn takes_room(&self, state: &State) -> impl Fn(&Held) -> bool + use<> {
        let first = self
            .memory
            .as_ref()
            .and_then(|_| state.chapters().find(|chapter| chapter.in_memory))
            .map_or(0, |chapter| chapter.number);
        move |held| held.chapter >= first
    }

    /// The text of a report, from wherever it is; `None` when it cannot be had.
    pub(super) fn body(&self, place: u64) -> Result<Option<String>, OutboxError> {
        let found = copy::body(&self.db, place)?;
        let disk = self.memory.as_ref().and_then(|memory| memory.disk.as_ref());
        Ok(found.or_else(|| disk.and_then(|disk| copy::body(disk, place).ok().flatten())))
    }

    /// Begins in memory, because the file cannot be used: with what can be read of it, if anything can.
    pub(super) fn begin_in_memory(
        file: &Path,
        limits: OutboxConfig,
        readers: Readers,
        trouble: DiskTrouble,
    ) -> Result<Self, OutboxError> {
        match file::to_read(file).and_then(|db| Self::load(db, file, limits, readers)) {
            Ok(mut outbox) => {
                outbox.go_to_memory(trouble)?;
                Ok(outbox)
            }
            Err(unreadable) => {
                tracing::error!(
                    "the disk {} ({}), and nothing can be read from it ({unreadable}): continuing in memory",
                    trouble.fault.words(),
                    trouble.cause
                );
                let db = schema::in_memory()?;
                let mut state = State::begin(true)?;
                state.next_place = FIRST_UNSEEN_PLACE;
                state.write(&db)?;
                let memory = Some(InMemory { trouble, disk: None, unseen: true });
                Ok(Self { memory, ..Self::around(db, state, Blobs::default(), file, limits, readers) })
            }
        }
    }

    /// Tries the disk again, and brings to it what was kept in memory; says whether the outbox is on the
    /// disk now. What else goes wrong than the disk is an error.
    ///
    /// # Errors
    /// When something else is wrong than the disk.
    pub fn try_disk(&mut self) -> Result<bool, OutboxError> {
        let Some(memory) = &mut self.memory else { return Ok(true) };
        let (fault, kept) = (memory.trouble.fault, memory.disk.take());
        // A full disk takes something again through the same open file. Others may be another one by now.
        let disk = match kept {
            Some(kept) if fault == DiskFault::Full => Ok(kept),
            kept => {
                drop(kept);
                file::on_disk(&self.file)
            }
        };
        let cause = match disk {
            Err(cause) if cause.is_corruption() => self.replace(&cause).err(),
            Err(cause) => Some(cause),
            Ok(mut disk) => {
                let written = self.write_back(&mut disk);
                match written {
                    Ok(state) => {
                        self.back_on(disk, state);
                        None
                    }
                    Err(cause) => {
                        if let Some(memory) = &mut self.memory {
                            memory.disk = Some(disk);
                        }
                        Some(cause)
                    }
                }
            }
        };
        let Some(cause) = cause else { return Ok(true) };
        let Some(fault) = cause.fault() else { return Err(cause) };
        if let Some(memory) = &mut self.memory {
            memory.trouble = DiskTrouble::new(&self.file, fault, &cause, self.limits.retry_disk);
            if memory.disk.is_none() {
                memory.disk = file::to_read(&self.file).ok();
            }
        }
        Ok(false)
    }

    pub(super) fn back_on(&mut self, disk: Connection, state: State) {
        self.db = disk;
        self.memory = None;
        self.settled(state);
        tracing::info!(epoch = %self.epoch(), "the disk works again: what was kept in memory is on it");
    }

    /// Writes what is known in the place of what the file says, in one transaction.
    pub(super) fn write_back(&mut self, disk: &mut Connection) -> Result<State, OutboxError> {
        let unseen = self.memory.as_ref().is_some_and(|memory| memory.unseen);
        let mut state = if unseen { self.merge(disk)? } else { self.state.clone() };
        let change = disk.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // A commit that failed may have reached the file all the same: such reports are not to be told twice.
        let on_file: Vec<u64> = {
            let mut query = change.prepare("SELECT place FROM report")?;
            query.query_map([], |row| row.get(0).map(from_db))?.collect::<Result<_, _>>()?
        };
        let in_memory =
            |held: &Held| state.chapters().any(|chapter| chapter.number == held.chapter && chapter.in_memory);
        for place in on_file {
            if state.held.get(&place).is_none_or(in_memory) {
                change.execute("DELETE FROM report WHERE place = ?1", [to_db(place)])?;
            }
        }
        let come: Vec<u64> =
            state.held.iter().filter(|(_, held)| in_memory(held)).map(|(place, _)| *place).collect();
        for place in come {
            match copy::body(&self.db, place)? {
                Some(body) => copy::put_report(&change, &state, place, &body)?,
                None => state.lose(&change, place, LostReason::Unreadable)?,
            }
        }
        for chapter in state.sealed.iter_mut().chain([&mut state.open]) {
            chapter.in_memory = false;
        }
        copy::rest(&change, &state, &self.remembered)?;
        let entries = journal::read_all(&self.db);
        if unseen {
            journal::add_all(&change, &entries)?;
        } else {
            journal::write_all(&change, &entries)?;
        }
        change.commit()?;
        Ok(state)
    }
}

/// What could be read of a file, and where it is now.
pub(super) struct Salvage {
    pub(super) state: Option<State>,
    pub(super) remembered: Option<Blobs>,
    bodies: BTreeMap<u64, String>,
    journal: Vec<journal::Line>,
}

impl Salvage {
    /// Out of a database, with what is known of it otherwise.
    fn of(db: &Connection, state: Option<State>, remembered: Option<Blobs>) -> Self {
        let mut bodies = BTreeMap::new();
        if let Some(state) = &state {
            let mut wanted: Vec<_> = state.held.iter().collect();
            wanted.sort_by_key(|(place, held)| (std::cmp::Reverse(held.rank), **place));
            let mut bytes = 0;
            for (place, held) in wanted {
                bytes += held.bytes;
                let body = copy::body(db, *place).ok().flatten();
                if let Some(body) = body.filter(|body| bytes <= MAX_SALVAGED && is_report(body)) {
                    bodies.insert(*place, body);
                }
            }
        }
        Self { state, remembered, bodies, journal: journal::read_all(db) }
    }

    /// Out of a file that is corrupt, as far as SQLite still reads it.
    pub(super) fn from_file(file: &Path, readers: Readers) -> Self {
        let nothing = Self { state: None, remembered: None, bodies: BTreeMap::new(), journal: Vec::new() };
        let Ok(db) = file::connect(file) else { return nothing };
        let state = State::salvage(&db).ok();
        let remembered = state.as_ref().and_then(|_| remembered::load(&db, readers).ok());
        Self::of(&db, state, remembered)
    }

    /// Sets the file aside and begins a new one with all of this.
    pub(super) fn into_new_file(
        self,
        file: &Path,
        limits: OutboxConfig,
        readers: Readers,
        cause: &OutboxError,
    ) -> Result<Outbox, OutboxError> {
        let evidence = file::quarantine(file).map_err(OutboxError::Aside)?;
        let mut db = file::on_disk(file)?;
        let previous_epoch = self.state.as_ref().map(|state| state.open.epoch.clone());
        let (waited, mut state) = match self.state {
            Some(mut state) => {
                state.begin_chapter(false)?;
                (state.held.len(), state)
            }
            None => (0, State::begin(false)?),
        };
        let remembered = self.remembered.unwrap_or_default();
        let change = db.transaction()?;
        for place in state.held.keys().copied().collect::<Vec<_>>() {
            match self.bodies.get(&place) {
                Some(body) => copy::put_report(&change, &state, place, body)?,
                None => state.lose(&change, place, LostReason::Unreadable)?,
            }
        }
        for chapter in state.sealed.iter_mut().chain([&mut state.open]) {
            chapter.in_memory = false;
        }
        let saved = state.held.len();
        let reason: String = cause.to_string().chars().take(MAX_REASON_CHARS).collect();
        state.notices.pending.push(ReportBody::OutboxReplaced(OutboxReplaced {
            reason: format!("{reason}; {saved} of {waited} reports that waited could be saved"),
            evidence: Some(evidence.display().to_string()),
            previous_epoch,
        }));
        copy::rest(&change, &state, &remembered)?;
        journal::write_all(&change, &self.journal)?;
        change.commit()?;
        tracing::error!(
            kept_as = %evidence.display(), saved, waited,
            "the outbox was corrupt ({cause}): it is set aside, and a new epoch begins"
        );
        Ok(Outbox::around(db, state, remembered, file, limits, readers))
    }
}

fn is_report(body: &str) -> bool {
    serde_json::from_str::<Report>(body).is_ok()
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
        let renewed = salvage.into_new_file(&self.file, self.limits, self.readers, cause);
        let Outbox { db, state, .. } = match renewed {
            Ok(renewed) => renewed,
            Err(failed) => {
                if on_disk && let Ok(db) = file::to_read(&self.file) {
                    self.db = db;
                }
                return Err(failed);
            }
        };
        self.discarded += self.state.held.len().saturating_sub(state.held.len()) as u64;
        (self.db, self.memory, self.past_written) = (db, None, None);
        self.settled(state);
        Ok(())
    }
}

//! On with the work in memory when the disk fails, and back when it works again.
//!
//! The chapter that is open on the disk is sealed, and the next one begins in memory, under another
//! epoch. So whatever becomes of this process, the file never gives a sequence that memory gave: it
//! goes on in the epoch that it knows. What waits on the disk is read from there as long as that is
//! possible; what persons asked for is copied, to be sure.

use std::path::{Path, PathBuf};

use platen_protocol::device_to_manager::LostReason;
use rusqlite::{Connection, TransactionBehavior};

use super::config::RETRY_DISK;
use super::evict::Held;
use super::state::State;
use super::{Outbox, OutboxConfig, OutboxError, from_db, memory, open, pour, schema, to_db};
use crate::judge::DiskFault;

/// What may wait in memory; below what agent.toml allows on the disk, for a controller has little of it.
pub const MEMORY_LIMITS: OutboxConfig =
    OutboxConfig { max_reports: 1_000, max_bytes: 2 * 1024 * 1024, retry_disk: RETRY_DISK };

/// Where places begin while the file was never read: far above those of any file, so that none is taken for
/// another one when the file is found again.
const FIRST_UNSEEN_PLACE: u64 = 1 << 40;

/// Why the outbox is in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskTrouble {
    /// What is wrong, as far as it can be told apart.
    pub fault: DiskFault,
    /// In the words of SQLite or the kernel.
    pub cause: String,
    /// The directory that cannot be used.
    pub directory: PathBuf,
}

impl DiskTrouble {
    pub(super) fn new(file: &Path, fault: DiskFault, cause: &OutboxError) -> Self {
        let directory = file.parent().unwrap_or(file).to_owned();
        Self { fault, cause: cause.to_string(), directory }
    }

    /// What is wrong, and what follows from it.
    pub fn what(&self) -> String {
        format!(
            "the disk {}: what is to be reported is kept in memory, and is lost if the agent stops before the manager has it ({})",
            self.fault.words(),
            self.cause
        )
    }

    /// What to do.
    pub fn remedy(&self) -> String {
        let at = self.directory.display();
        match self.fault {
            DiskFault::Full => format!(
                "free some space on the file system of {at} (`df {at}`); the agent finds out by itself within a minute"
            ),
            DiskFault::ReadOnly => format!(
                "find out why the file system of {at} is read-only (`dmesg`): often the SD card is at its end and has to be replaced; once it can be written to, the agent finds out by itself within a minute"
            ),
            DiskFault::Failing => format!(
                "look after {at}, its rights and its disk (`dmesg`), and replace the SD card if it fails; the agent tries again every minute"
            ),
        }
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
        self.go_to_memory(DiskTrouble::new(&self.file, fault, &cause))?;
        act(self)
    }

    fn go_to_memory(&mut self, trouble: DiskTrouble) -> Result<(), OutboxError> {
        let mut memory = schema::in_memory()?;
        let mut state = self.state.clone();
        state.begin_chapter(true)?;
        let change = memory.transaction()?;
        pour::rest(&change, &state, &self.remembered)?;
        pour::write_journal(&change, &pour::read_journal(&self.db))?;
        let asked: Vec<u64> =
            state.held.iter().filter(|(_, held)| held.rank.is_asked()).map(|(place, _)| *place).collect();
        for place in asked {
            if let Ok(Some(body)) = pour::body(&self.db, place) {
                pour::put_report(&change, &state, place, &body)?;
            }
        }
        change.commit()?;
        tracing::error!(epoch = %state.open.epoch, "the disk {} ({}): on in memory", trouble.fault.words(), trouble.cause);
        let disk = Some(std::mem::replace(&mut self.db, memory));
        self.memory = Some(InMemory { trouble, disk, unseen: false });
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
        let found = pour::body(&self.db, place)?;
        let disk = self.memory.as_ref().and_then(|memory| memory.disk.as_ref());
        Ok(found.or_else(|| disk.and_then(|disk| pour::body(disk, place).ok().flatten())))
    }

    /// Begins in memory, because the file cannot be used: with what can be read of it, if anything can.
    pub(super) fn begin_in_memory(
        file: &Path,
        limits: OutboxConfig,
        trouble: DiskTrouble,
    ) -> Result<Self, OutboxError> {
        match open::to_read(file).and_then(|db| Self::load(db, file, limits)) {
            Ok(mut outbox) => {
                outbox.go_to_memory(trouble)?;
                Ok(outbox)
            }
            Err(unreadable) => {
                tracing::error!(
                    "the disk {} ({}), and nothing can be read from it ({unreadable}): on in memory",
                    trouble.fault.words(),
                    trouble.cause
                );
                let db = schema::in_memory()?;
                let mut state = State::begin(true)?;
                state.next_place = FIRST_UNSEEN_PLACE;
                state.write(&db)?;
                let remembered = memory::load(&db, &state.open.epoch)?;
                let memory = Some(InMemory { trouble, disk: None, unseen: true });
                Ok(Self { memory, ..Self::around(db, state, remembered, file, limits) })
            }
        }
    }

    /// Tries the disk again, and brings to it what was kept in memory; says whether the outbox is on the
    /// disk now. What else goes wrong than the disk is an error.
    pub fn try_disk(&mut self) -> Result<bool, OutboxError> {
        let Some(memory) = &mut self.memory else { return Ok(true) };
        let (fault, kept) = (memory.trouble.fault, memory.disk.take());
        // A full disk takes something again through the same open file. Others may be another one by now.
        let disk = match kept {
            Some(kept) if fault == DiskFault::Full => Ok(kept),
            kept => {
                drop(kept);
                open::on_disk(&self.file)
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
            memory.trouble = DiskTrouble::new(&self.file, fault, &cause);
            if memory.disk.is_none() {
                memory.disk = open::to_read(&self.file).ok();
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
        let mut state = if unseen { self.join(disk)? } else { self.state.clone() };
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
            match pour::body(&self.db, place)? {
                Some(body) => pour::put_report(&change, &state, place, &body)?,
                None => state.lose(&change, place, LostReason::Unreadable)?,
            }
        }
        for chapter in state.sealed.iter_mut().chain([&mut state.open]) {
            chapter.in_memory = false;
        }
        pour::rest(&change, &state, &self.remembered)?;
        let journal = pour::read_journal(&self.db);
        if unseen {
            pour::add_journal(&change, &journal)?;
        } else {
            pour::write_journal(&change, &journal)?;
        }
        change.commit()?;
        Ok(state)
    }
}

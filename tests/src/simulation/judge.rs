//! Who watches: while it runs, that nothing is acknowledged which the manager's store does not hold, and that no
//! time goes back; at the end ([`super::checker`]), that the store holds what the book says.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use hyper::StatusCode;
use jiff::Timestamp;
use platen_protocol::manager_to_device::Reply;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::shared::{Life, MANAGER, Shared};

/// The manager's database, read beside the manager and without any of its code.
pub(super) struct Ledger(Mutex<Connection>);

impl Ledger {
    /// Opens it; it must be there.
    pub(super) fn open(database: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self(Mutex::new(Connection::open_with_flags(database, flags).unwrap()))
    }

    /// Reads.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> T {
        read(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).unwrap()
    }

    /// Up to which sequence of an epoch everything is committed.
    pub(super) fn committed(&self, device: &str, epoch: &str) -> u64 {
        let found: Option<i64> = self.read(|store| {
            store
                .prepare_cached(
                    "SELECT acknowledged FROM epochs JOIN devices ON devices.key = epochs.device \
                     WHERE devices.id = ?1 AND epochs.epoch = ?2",
                )?
                .query_row((device, epoch), |row| row.get(0))
                .optional()
        });
        found.map_or(0, |sequence| u64::try_from(sequence).unwrap())
    }

    /// Orders of a supply that nobody has seen to.
    pub(super) fn open_orders(&self, device: &str, supply: &str) -> u32 {
        self.read(|store| {
            store
                .prepare_cached(
                    "SELECT count(*) FROM orders JOIN devices ON devices.key = orders.device \
                     WHERE devices.id = ?1 AND json_extract(orders.body, '$.name') = ?2 AND closed IS NULL \
                     AND orders.id IS NOT NULL",
                )?
                .query_row((device, supply), |row| row.get(0))
        })
    }

    /// From now on, or no longer, the database takes no report.
    pub(super) fn refuse_reports(&self, refuse: bool) {
        let change = if refuse {
            "CREATE TRIGGER IF NOT EXISTS full BEFORE INSERT ON reports BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        } else {
            "DROP TRIGGER IF EXISTS full"
        };
        self.read(|store| store.execute_batch(change));
    }
}

/// The manager answers a device: what it acknowledges must be committed.
pub(super) fn answer(shared: &Shared, device: usize, status: StatusCode, body: &[u8]) {
    let name = &shared.places[device].name;
    if !status.is_success() {
        let said = String::from_utf8_lossy(body);
        shared.history.note(MANAGER, format_args!("answers {name} {status}: {said}"));
        return;
    }
    let reply: Reply = serde_json::from_slice(body).unwrap();
    let (epoch, sequence) = (reply.acknowledged.epoch.as_str(), reply.acknowledged.sequence);
    let commands: Vec<&str> = reply.commands.iter().map(|command| command.id.as_str()).collect();
    shared.history.note(MANAGER, format_args!("answers {name}: has {sequence}; {}", commands.join(" ")));
    let committed = shared.ledger.committed(name, epoch);
    if sequence > committed {
        shared.violation(format!("{name} is told that {sequence} is safe, and {committed} is committed"));
    }
}

/// What was last seen of a device.
#[derive(Debug, Default)]
pub(super) struct Seen {
    acknowledged: u64,
    epoch: String,
    known_good: Option<Timestamp>,
    /// The known good time that is on disk for certain: it goes there with each report.
    kept: Option<Timestamp>,
    /// The same, in memory, at the last look.
    told: Option<Timestamp>,
    written: usize,
    contact: String,
}

impl Seen {
    /// The device's process has ended; another one begins with what is on disk.
    pub(super) fn ended(&mut self) {
        (self.known_good, self.told) = (self.kept, self.kept);
        self.acknowledged = 0;
        self.contact.clear();
    }

    /// Looks at a device that runs.
    pub(super) fn look(&mut self, shared: &Shared, device: usize, life: &Life) {
        let name = &shared.places[device].name;
        let (acknowledged, epoch) = {
            let outbox = life.recorder.outbox();
            (outbox.acknowledged(), outbox.epoch().to_string())
        };
        if !self.epoch.is_empty() && self.epoch != epoch {
            shared.violation(format!("{name} begins a new epoch, and nothing is wrong with the old one"));
        }
        if acknowledged != self.acknowledged {
            let committed = shared.ledger.committed(name, &epoch);
            if acknowledged > committed {
                shared
                    .violation(format!("{name} takes {acknowledged} for safe, and {committed} is committed"));
            }
            if acknowledged < self.acknowledged {
                let before = self.acknowledged;
                shared.violation(format!(
                    "{name} forgot that {before} is safe, and thinks it is {acknowledged}"
                ));
            }
        }
        (self.acknowledged, self.epoch) = (acknowledged, epoch);
        self.look_at_time(shared, name, life);
        let written = shared.book().devices[device].written.len();
        if written != self.written {
            // What came in since the report may not be on disk yet.
            let seconds = self.told.and_then(|told| Timestamp::from_second(told.as_second()).ok());
            (self.written, self.kept) = (written, seconds);
        }
        self.told = life.recorder.outbox().known_time();
        let (contact, trouble) = {
            let status = life.status.borrow();
            let trouble = status.trouble.as_ref().map(|(trouble, _)| trouble.what.clone());
            (format!("{:?}", status.contact), trouble.unwrap_or_default())
        };
        if contact != self.contact {
            shared.history.note(name, format_args!("is {contact} {trouble}"));
            self.contact = contact;
        }
    }

    fn look_at_time(&mut self, shared: &Shared, name: &str, life: &Life) {
        let known = life.clock.known_good();
        if known < self.known_good {
            let before = self.known_good;
            shared.violation(format!("the known good time of {name} goes back from {before:?} to {known:?}"));
        }
        if known.is_some_and(|known| known > shared.now()) {
            shared.violation(format!("{name} takes {known:?} for known, and it is {}", shared.now()));
        }
        self.known_good = known;
    }
}

//! What the manager knows for good. Nothing outside this folder speaks SQL.
//!
//! A [`Store`] is a handle with one async method for each thing the manager wants; another engine can
//! stand behind the same methods, and the suite in `tests/store/` is written over the handle. Behind
//! it now is SQLite: one thread owns the writing connection and commits what waits as one group
//! ([`writer`]), two more connections read ([`readers`]), the tables come from frozen migrations
//! ([`migrate`]), and every statement has its name in [`statements`]. The write-ahead log is kept within
//! its limits ([`log`]).

mod alerts;
mod answers;
mod apply_profiles;
mod audit;
mod backups;
mod bulk;
mod calls;
mod certificate;
mod check;
mod clones;
mod columns;
mod commands;
mod conditions;
mod copy;
mod customers;
mod damage;
mod dates;
mod ddi;
mod delete;
mod details;
mod devices;
mod engine;
mod enrolment;
mod figures;
mod fleet;
mod fold;
mod health;
mod hear;
mod history;
mod identities;
mod ingest;
mod journal;
mod known;
mod last_told;
mod later;
mod latest;
mod lists;
mod log;
mod log_limits;
mod meters;
mod migrate;
mod moving;
mod needs;
mod now;
mod open;
mod open_of;
mod order_records;
mod orders;
mod parts;
mod people;
mod places;
mod prints;
mod profile_applications;
mod profiles;
mod programs;
mod quota;
mod readers;
mod records;
mod replacements;
mod replayed;
mod replica;
mod replicas;
mod restored;
mod retention;
mod retire;
mod rollouts;
mod scope;
mod search;
mod seen;
mod sight;
mod statements;
mod states;
mod telling;
mod views;
mod watches;
mod writer;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

pub use answers::{KeptAnswer, KeyState};
pub use apply_profiles::Applied;
pub use audit::AuditFilter;
pub use backups::BackupRecord;
pub use bulk::{
    BulkAct, BulkChoice, BulkDeviceRecord, BulkDone, BulkOutcome, BulkRecord, BulkRefusal, MAX_BULK_DEVICES,
    NewBulk,
};
pub use calls::{
    Acted, AgreementRecord, CallAct, CallCounts, CallDetail, CallEntry, CallFilter, CallPlace, CallRefusal,
    CallSignal, CallTimes, CallWhat, LastError, MAX_PARTS_USED, NewCall, OpenRefusal, PartUsed,
    ServiceCallRecord, ServiceCallState, Snapshot,
};
pub use certificate::{Certificate, NEVER};
pub use check::{
    JournalCheck, StoreCheck, bring_back_store, check_journal, check_store, is_empty_store, newest_version,
};
pub use clones::CloneRecord;
pub use commands::CommandRefusal;
pub use copy::{Copied, copy};
pub use customers::{CustomerRecord, NewCustomer, NewSite, PlaceRefusal, SiteRecord};
pub use ddi::{
    ActionRecord, Certified, DdiStanding, DdiTokenRecord, DdiTokenRefusal, Digests, Feedback, MAX_DDI_TOKENS,
    NewDdiToken, Took,
};
pub use delete::{DeleteRefusal, Deletion};
pub use details::{Changes, Choice, DetailsChange, DetailsRecord, DetailsRefusal, MAX_TAGS, Named};
pub use engine::{AddressError, EngineError, Location, PostgresConfig, PostgresFiles, ServerError};
pub use enrolment::{Enrolment, NewToken, TokenBound, TokenRefusal, UnusedToken};
pub use figures::StoreFigures;
pub use fleet::{
    FleetCounts, FleetDevice, FleetFilter, FleetKey, FleetOrder, FleetPlace, FleetValue, Reached,
};
pub(crate) use health::cause;
pub use health::{Health, LogState, Trouble, TroubleCause};
pub use hear::{Heard, Hint, Teller};
pub use history::{HistoryPart, HistoryQuery, Sealed, Unsealed};
pub use identities::{CertificateUse, Changed, IdentityChange, IdentityEntry, Standing, Superseded};
pub use ingest::{Ingest, IngestRefusal, Ingested};
pub use journal::JOURNAL;
pub use lists::{AlertFilter, ReportFilter, ServiceCallFilter};
pub use log_limits::LogLimits;
pub use meters::{LossRecord, Owned, OwnedDevice};
pub use moving::{MoveError, Moved, Step as MoveStep, Until as MoveUntil, migrate_to, reclaim};
pub use needs::{NowKind, Urgency};
pub use now::{
    NowAct, NowCounts, NowEntry, NowFilter, NowItem, NowOfCustomer, NowPlace, NowRefusal, NowShelf,
    NowSubject, NowWhat,
};
pub use open_of::OpenThings;
pub use order_records::{
    Duplicate, NewOrder, OrderAct, OrderFilter, OrderMove, OrderOrigin, OrderRecord, OrderRefusal,
    OrderState, OrderWhat, Proposes,
};
pub use orders::CustomerRule;
pub use parts::{NewPart, PartRecord, PartRefusal, ShelfFilter, ShelfMove, ShelfRecord};
pub use people::{
    MAX_LIMITS, MAX_OPERATOR_TOKENS, MAX_WRONG_CODES, NewOperator, NewOperatorToken, NewSession,
    OperatorPlace, OperatorRecord, OperatorRefusal, OperatorToken, OperatorTokenRefusal, SESSION_IDLE,
    SecondFactor, SessionRecord, Signed,
};
pub use prints::{
    NewPrint, NewSchedule, PrintRecord, PrintRefusal, PrintState, PrintStep, PrintToDo, ScheduleBody,
    ScheduleRecord, ScheduleRefusal, Scheduled,
};
pub use profile_applications::{ApplicationRecord, OwnSetting, ProfileRefused, Progress};
pub use profiles::{Group, GroupKind, NewProfile, ProfileRecord, ProfileRefusal};
pub use programs::{
    Asked, AttemptRecord, MetadataFile, NewProgram, NewlyTold, OfferRecord, OfferRefusal, Offered, OnOffer,
    PIECE_BYTES, ProgramCounts, ProgramRecord, Publication, PublishRefusal, Published, RunningRecord,
};
pub use records::{
    ActivityRecord, AlertRecord, CommandRecord, CommandState, ContactRecord, DeviceRecord, DeviceState,
    GapRecord, MAX_OPEN_COMMANDS, ReportRecord,
};
pub use replacements::ReplacementRecord;
pub use replayed::Replayed;
pub use replica::Replica;
pub use replicas::Whereabouts;
pub use restored::{Arrival, Between, Restoration, Restored};
pub use retention::{JobMark, Kept, ReportsStep, ReportsToLetGo};
pub use retire::{RETIRE_ANSWERED_WITHIN, RETIRE_WITHIN, Retired, Retirement};
pub use rollouts::{
    Act, ActRefusal, Candidate, CreateRefusal, DeviceStanding, HoldRecord, NewHold, NewRollout, Overdue,
    Preview, RolloutDeviceRecord, RolloutEntry, RolloutId, RolloutPart, RolloutRecord, RolloutState,
    RolloutWhat, Stepped, To, Unfit, Wants,
};
pub use scope::Scope;
pub use seen::ChangedMeanwhile;
pub use telling::{
    ChannelKind, ChannelRecord, Claimed, MAX_CHANNELS, MAX_MUTES, MAX_RULES, MessageRecord, MessageState,
    MuteRecord, Muted, NewChannel, NewMute, Outcome, Routed, RuleRecord, TellingRefusal, Way,
};
pub use views::{NewView, ViewRecord, ViewRefusal, Viewer};
pub use watches::{WatchFilter, WatchRecord};
pub use writer::Grouping;

use self::engine::{Connection, Purpose, values};
use self::journal::Journal;
use crate::file_set::LockedDirectory;

/// Why the store could not do what was asked. None of these is the asker's fault.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The engine refused or failed.
    #[error("the database failed: {0}")]
    Database(#[source] EngineError),
    /// A server cannot be used as it is.
    #[error(transparent)]
    Server(Arc<ServerError>),
    /// The tables of a database of PostgreSQL have to be changed, and others use them.
    #[error(
        "the tables have version {found} and this manager needs {known}, but other managers still use them: stop those; this one waits for it"
    )]
    InUse {
        /// The version of the tables.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// Another manager changes the tables just now.
    #[error("another manager is bringing the database to its version: this one waits for it")]
    BeingMigrated,
    /// The database was moved to PostgreSQL.
    #[error(
        "the database was moved ({place}): write that as `store` into manager.toml. What was stored since the move is only there; to use the old database all the same, run `platen-manager store reclaim`"
    )]
    Moved {
        /// Where to.
        place: String,
    },
    /// It is about to be.
    #[error(
        "the database is being moved ({place}), and only the end is missing: run the same `platen-manager store migrate-to` again, or give it up with `platen-manager store reclaim`"
    )]
    Moving {
        /// Where to.
        place: String,
    },
    /// Another one is being moved into this database of PostgreSQL.
    #[error(
        "a database of SQLite is being moved into this one, and not all is there: run the same `platen-manager store migrate-to` again"
    )]
    HalfMoved,
    /// A statement that always has a row gave none: a mistake of this program.
    #[error("the database gave no row where there must be one")]
    NoRow,
    /// What is stored is not what this version writes.
    #[error("a stored {what} cannot be read: {source}")]
    Unreadable {
        /// What was being read.
        what: &'static str,
        /// Why it cannot be.
        source: Arc<serde_json::Error>,
    },
    /// A stored time is outside what can be shown.
    #[error("a stored time cannot be read: {0}")]
    Time(#[source] Arc<jiff::Error>),
    /// A stored word is not one that this version writes.
    #[error("a stored {what} is {word:?}, which this version does not know")]
    Word {
        /// What was being read.
        what: &'static str,
        /// What stood there.
        word: String,
    },
    /// The database was written by a newer manager.
    #[error(
        "the database has version {found} and this manager knows only {known}: install the newer manager again, or restore the backup made before it"
    )]
    TooNew {
        /// The version in the file.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The database's files cannot be made or protected.
    #[error("the database's directory cannot be used: {0}")]
    Directory(#[source] Arc<std::io::Error>),
    /// Another program reads the database as it was, and the log of what has changed since has reached its
    /// limit.
    #[error(
        "another program keeps the database open for reading, and its write-ahead log has reached its limit ({bytes} bytes)"
    )]
    LogHeld {
        /// How large the log is.
        bytes: u64,
    },
    /// The journal of identities cannot be read or written.
    #[error("{}: {source}; without the journal nobody would know, after a restore, who was shut out since", path.display())]
    Journal {
        /// Its file.
        path: std::path::PathBuf,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// A copy of the database was given up.
    #[error(
        "the copy of the database was given up: so much is written meanwhile that the write-ahead log has grown to {bytes} bytes; make the backup when less comes in, or on a faster disk"
    )]
    CopyTooSlow {
        /// How large the log is.
        bytes: u64,
    },
    /// It was not done in time; it may still be done.
    #[error("the database took longer than {0} s")]
    Slow(u64),
    /// The devices in the database have certificates of another CA.
    #[error(
        "the devices in this database have certificates of another CA (its fingerprint is {kept}): copy ca.pem and ca.key from the state directory of a manager that serves them into this one's, or give this manager a database of its own"
    )]
    OtherAuthority {
        /// Whose they are.
        kept: String,
    },
    /// More managers have begun on this database than can be numbered.
    #[error(
        "this database has had as many managers as can be numbered: empty its table `replicas` while none runs"
    )]
    TooManyReplicas,
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether a transaction was ended because it and another one waited for each other.
    fn is_deadlock(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_deadlock())
    }
}

impl From<ServerError> for StoreError {
    fn from(error: ServerError) -> Self {
        Self::Server(Arc::new(error))
    }
}

/// The handle; clones share one store.
#[derive(Clone)]
pub struct Store {
    location: Location,
    writer: writer::Writer,
    readers: Arc<readers::Readers>,
    health: Arc<Health>,
    damage: Arc<damage::Damage>,
    /// SQLite's.
    log: Option<log::Log>,
    open: Arc<open::Open>,
    on_offer: Arc<programs::OnOffers>,
    restored: Arc<Restored>,
    /// How much a device may have open, where that is not the default.
    quota: Arc<OnceLock<crate::quota::Settings>>,
}

impl Store {
    /// Opens the database, makes it when there is none, and brings it to this version. With
    /// [`Grouping::Simulated`] it must be opened on a runtime.
    pub fn open(path: &Path, grouping: Grouping) -> Result<Self, StoreError> {
        Self::open_within(path, grouping, LogLimits::default())
    }

    /// The same with other limits of its write-ahead log.
    pub fn open_within(path: &Path, grouping: Grouping, limits: LogLimits) -> Result<Self, StoreError> {
        // Of several programs that begin on an empty directory, one makes the database.
        let directory = path.parent().unwrap_or(Path::new("."));
        let locked =
            LockedDirectory::take(directory).map_err(|error| StoreError::Directory(Arc::new(error)))?;
        create_private(path)?;
        let location = Location::Sqlite(path.to_owned());
        let connection = Connection::open(&location, limits, Purpose::Write)?;
        moving::refuse_moved(&connection)?;
        migrate::migrate(&connection)?;
        // What that wrote would count as a log that somebody holds. Where somebody does read, it is cut back later.
        if let Err(error) = connection.cut_log() {
            tracing::debug!(%error, "the write-ahead log could not be cut back");
        }
        drop(locked);
        let journal = Some(Journal::open(directory)?);
        Self::start(location, connection, grouping, Some(log::Log::beside(path, limits)), journal)
    }

    /// Opens the database of PostgreSQL, makes its tables when there are none, and brings them to this version. The
    /// journal of identities is in the directory that the configuration names for it, this manager's own, where no backup
    /// of the database takes it back.
    pub fn open_postgres(config: PostgresConfig, grouping: Grouping) -> Result<Self, StoreError> {
        let journal = config.journal().map(Journal::open).transpose()?;
        let location = Location::Postgres(Box::new(config));
        // The client library waits by a runtime of its own, and may not be called from one.
        let opening = std::thread::spawn(move || {
            let connection = Connection::open(&location, LogLimits::default(), Purpose::Write)?;
            migrate::migrate(&connection)?;
            moving::refuse_half(&connection)?;
            Self::start(location, connection, grouping, None, journal)
        });
        opening.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
    }

    fn start(
        location: Location,
        connection: Connection,
        grouping: Grouping,
        log: Option<log::Log>,
        journal: Option<Journal>,
    ) -> Result<Self, StoreError> {
        if let Some(journal) = &journal {
            replayed::catch_up(&connection, journal, crate::clock::now())?;
        }
        let restored = Arc::new(restored::load(&connection)?);
        let limits = log.as_ref().map(|log| log.limits).unwrap_or_default();
        states::fill(&connection)?;
        let open = Arc::new(open::Open::load(&connection)?);
        let on_offer = Arc::new(programs::OnOffers::load(&connection)?);
        let readers = readers::Readers::open(location.clone(), limits, grouping)?;
        let health = Arc::new(Health::default());
        let keeper = log.clone().map(|log| {
            health.note_log(log.bytes(), limits.cut_above, crate::clock::now());
            // In a simulation nothing may depend on threads.
            let folder = (!matches!(grouping, Grouping::Simulated { .. }))
                .then(|| fold::Folder::start(location.clone(), limits));
            log::LogKeeper::new(log, Arc::clone(&health), folder)
        });
        let kept_location = location.clone();
        let beside = journal.as_ref().map(Journal::directory);
        let reopen = move || {
            let connection = Connection::open(&location, limits, Purpose::Write)?;
            migrate::hold(&connection)?;
            // A standby of PostgreSQL that took over may lack what was committed last.
            if let Some(directory) = &beside {
                replayed::catch_up(&connection, &Journal::open(directory)?, crate::clock::now())?;
            }
            Ok(connection)
        };
        let writer =
            writer::Writer::start((connection, journal), grouping, (Arc::clone(&health), keeper), reopen);
        Ok(Self {
            location: kept_location,
            writer,
            readers: Arc::new(readers),
            health,
            damage: Arc::default(),
            log,
            open,
            on_offer,
            restored,
            quota: Arc::default(),
        })
    }

    /// Whether anything can be stored.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Looks at the size of the write-ahead log, and has the writer cut it back where it is too large: while
    /// nothing else is stored, nobody would.
    pub async fn look_after_log(&self, now: Timestamp) -> Result<(), StoreError> {
        let Some(log) = &self.log else { return Ok(()) };
        let bytes = log.bytes();
        self.health.note_log(bytes, log.limits.cut_above, now);
        if bytes > log.limits.cut_above { self.probe(now).await } else { Ok(()) }
    }

    /// Tries every statement on the tables that are there, without running any; the names of those that are not
    /// understood, with the engine's reason.
    pub async fn check_statements(&self) -> Result<Vec<(&'static str, String)>, StoreError> {
        self.readers
            .clone()
            .read(|connection| {
                let own: &[&[(&str, &str)]] = match connection {
                    Connection::Sqlite(_) => {
                        &[statements::ALL_SQLITE, retention::ALL_SQLITE, statements::figures::ALL_SQLITE]
                    }
                    Connection::Postgres(_) => &[
                        statements::ALL_POSTGRES,
                        retention::ALL_POSTGRES,
                        statements::figures::ALL_POSTGRES,
                        statements::fleet::ALL_POSTGRES,
                        statements::now::ALL_POSTGRES,
                        statements::people::ALL_POSTGRES,
                        statements::audit::ALL_POSTGRES,
                        statements::calls::ALL_POSTGRES,
                        statements::rollouts::ALL_POSTGRES,
                    ],
                };
                let bulk = statements::ALL_BULK
                    .iter()
                    .chain(quota::ALL_BULK)
                    .chain(statements::fleet::ALL_BULK)
                    .chain(statements::rollouts::ALL_BULK)
                    .map(|(name, bulk)| (*name, connection.text(bulk.each, bulk.all)));
                let others = [
                    statements::ALL,
                    history::ALL,
                    retention::ALL,
                    quota::ALL,
                    statements::answers::ALL,
                    statements::audit::ALL,
                    statements::devices::ALL,
                    statements::meters::ALL,
                    statements::calls::ALL,
                    statements::programs::ALL,
                    statements::ddi::ALL,
                    statements::people::ALL,
                    statements::figures::ALL,
                    statements::fleet::ALL,
                    statements::now::ALL,
                    statements::orders::ALL,
                    statements::parts::ALL,
                    statements::restored::ALL,
                    statements::rollouts::ALL,
                    statements::second_factor::ALL,
                    statements::telling::ALL,
                    statements::prints::ALL,
                    statements::views::ALL,
                ];
                let all = own.iter().copied().chain(others).flatten().copied().chain(bulk);
                // Each outside of a transaction that an error would end.
                connection.batch("COMMIT")?;
                let failed = all.filter_map(|(name, text)| {
                    connection.prepare(text).err().map(|error| (name, error.to_string()))
                });
                let failed = failed.collect();
                connection.batch("BEGIN")?;
                Ok(failed)
            })
            .await
    }

    /// Stores next to nothing: whether that can be done.
    pub async fn probe(&self, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .write(move |context| {
                context.connection.execute(statements::PROBE, values![now.as_millisecond()])?;
                Ok(())
            })
            .await
    }

    /// Commits what waits and ends the writer; what is asked afterwards is refused.
    pub async fn close(&self) {
        self.writer.close().await;
    }
}

/// The database holds password hashes: it is its owner's alone from the first byte.
fn create_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|error| StoreError::Directory(Arc::new(error)))
}

fn to_json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Unreadable { what, source: Arc::new(source) })
}

fn from_json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Unreadable { what, source: Arc::new(source) })
}

fn to_time(milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| StoreError::Time(Arc::new(error)))
}

/// SQLite's integers end at 2^63; the ingest rules refuse larger sequences before they come here.
fn to_integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_integer(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

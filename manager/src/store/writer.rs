//! The one thread that writes. It takes what waits, does it in one transaction, commits, and only then
//! tells those who asked: a hundred reports cost one wait for the disk.
//!
//! A piece of work decides before it writes: what it refuses, it refuses without having changed
//! anything. So only an error of the engine undoes a group; each piece is then tried alone, and one
//! that cannot be done does not take the others with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use platen_protocol::identity::{DeviceId, Epoch};
use serde_json::Value as Json;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::StoreError;
use super::audit::{Pending, append};
use super::engine::{Bulk, Connection, Value};
use super::health::Health;
use super::journal::{Appended, Entry, Journal};
use super::later::Later;
use super::log::LogKeeper;
use super::places::Places;
use super::seen::mark;
use crate::audit::{self, Act, DONE};

/// Pieces of work that may wait. Above it, who asks waits.
const QUEUE: usize = 4096;
/// The most that is committed at once: bounds the wait of the first.
const MAX_GROUP: usize = 1024;
/// When the last group was at least so large, many are handing things in, and the next group may
/// gather for a moment: a larger group costs each of them less. (PostgreSQL does the same with
/// `commit_siblings` and `commit_delay`.) A single device never waits for others.
const GATHER_FROM: usize = 5;
/// The moment. Measured: at 2 ms the workers run out of requests and idle, without it groups stay small.
const GATHER: Duration = Duration::from_micros(200);
/// A session of PostgreSQL that was idle for so long is tried before it is used: a server that was started anew between two
/// reports is nobody's trouble.
const TRY_AFTER: Duration = Duration::from_secs(1);
/// How often the connection is made anew while nothing can be stored.
const REOPEN_EVERY: Duration = Duration::from_secs(1);
/// How often a group is tried that the server ended because it and another manager's waited for each other.
const DEADLOCK_TRIES: u32 = 3;

/// Whether what waits is committed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// As it should be.
    Group,
    /// A transaction for each piece: for benchmarks, to show what the groups are worth.
    Single,
    /// As groups, and without threads: the writer is a task of the runtime that opens the store, and
    /// look-ups are made where they are asked. For a simulation, in which a seed must always give the same
    /// run. `disk` is how long a commit takes, by the runtime's clock: once until it is done, and once
    /// more until that is told.
    Simulated {
        /// How slow the disk is.
        disk: Duration,
    },
}

/// What a piece of work writes with: the open transaction, and what the writer remembers of devices.
pub(super) struct WriteContext<'a> {
    pub(super) connection: &'a Connection,
    pub(super) places: &'a mut Places,
    /// What this transaction does that must not come undone when the database is taken back to an older state.
    pub(super) journal: &'a mut Vec<Entry>,
    later: &'a mut Later,
    /// As a part of what somebody does, if of something.
    pub(super) act: Option<&'a Arc<Act>>,
    /// What is added to the audit log when the transaction ends.
    pub(super) audit: &'a mut Vec<Pending>,
}

impl WriteContext<'_> {
    /// Writes a row of what all devices write alike: it may wait until the end of the group. Nothing in this piece of
    /// work may read it.
    pub(super) fn later(&mut self, bulk: &'static Bulk, row: &[Value<'_>]) -> Result<(), StoreError> {
        self.later.write(self.connection, bulk, row)
    }

    /// Writes what waits, for what follows reads it.
    pub(super) fn catch_up(&mut self) -> Result<(), StoreError> {
        self.later.flush(self.connection)
    }

    /// Whether a record is another one than who changes it saw. Who did not say what that was changes what there is.
    pub(super) fn is_stale(&self, now: Option<&Json>) -> bool {
        let seen = self.act.map_or(&[][..], |act| &act.seen);
        !seen.is_empty() && now.is_some_and(|now| !seen.contains(&mark(now)))
    }

    /// A record is changed, as a part of an act if one is under way: what it was, and what it is now. Without secrets: of
    /// those, nobody may read anything in the audit log.
    pub(super) fn changed(&mut self, before: Option<&Json>, after: Option<&Json>) {
        let Some(act) = self.act else { return };
        act.written();
        self.audit.push(Pending {
            act: Arc::clone(act),
            outcome: DONE.to_owned(),
            before: before.map(audit::state),
            after: after.map(audit::state),
        });
    }
}

trait Work: Send {
    /// Whose batch it is, if it is one.
    fn batch_of(&self) -> Option<(&DeviceId, &Epoch)>;
    /// As a part of which act it is done.
    fn act(&self) -> Option<Arc<Act>>;
    /// Whether somebody waits for the answer.
    fn is_awaited(&self) -> bool;
    fn attempt(&mut self, context: &mut WriteContext<'_>) -> Result<(), StoreError>;
    fn settle(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Piece<F, G, T> {
    part_of: Option<Arc<Act>>,
    batch_of: Option<(DeviceId, Epoch)>,
    act: F,
    /// Done between the commit and the answer.
    then: G,
    outcome: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, G, T> Work for Piece<F, G, T>
where
    F: FnMut(&mut WriteContext<'_>) -> Result<T, StoreError> + Send,
    G: FnOnce(&T) + Send,
    T: Send,
{
    fn batch_of(&self) -> Option<(&DeviceId, &Epoch)> {
        self.batch_of.as_ref().map(|(device, epoch)| (device, epoch))
    }

    fn act(&self) -> Option<Arc<Act>> {
        self.part_of.clone()
    }

    fn is_awaited(&self) -> bool {
        !self.reply.is_closed()
    }

    fn attempt(&mut self, context: &mut WriteContext<'_>) -> Result<(), StoreError> {
        self.outcome = Some((self.act)(context)?);
        Ok(())
    }

    fn settle(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { then, outcome, reply, .. } = *self;
        if let (Ok(()), Some(outcome)) = (&committed, &outcome) {
            then(outcome);
        }
        // Whoever asked may have gone; what is committed is committed.
        let _ = reply.send(committed.and_then(|()| outcome.ok_or(StoreError::Closed)));
    }
}

#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Option<Box<dyn Work>>>,
    /// Resolves when the thread has ended; behind a lock because several may ask for the end.
    ended: Arc<Mutex<oneshot::Receiver<()>>>,
}

impl Writer {
    pub(super) fn start(
        (connection, journal): (Connection, Option<Journal>),
        grouping: Grouping,
        (health, keeper): (Arc<Health>, Option<LogKeeper>),
        reopen: impl Fn() -> Result<Connection, StoreError> + Send + 'static,
    ) -> Self {
        let (queue, work) = mpsc::channel(QUEUE);
        let (end, ended) = oneshot::channel();
        let disk = Disk { connection, journal, places: Places::default() };
        let most = match grouping {
            Grouping::Group | Grouping::Simulated { .. } => MAX_GROUP,
            Grouping::Single => 1,
        };
        if let Grouping::Simulated { disk: slow } = grouping {
            tokio::spawn(async move {
                run_as_task(disk, work, slow, &health).await;
                // Nobody need be waiting for the end.
                let _ = end.send(());
            });
        } else {
            std::thread::spawn(move || {
                run(disk, work, most, (&health, keeper), &reopen);
                // Nobody need be waiting for the end.
                let _ = end.send(());
            });
        }
        Self { queue, ended: Arc::new(Mutex::new(ended)) }
    }

    pub(super) async fn write<F, T>(&self, act: F) -> Result<T, StoreError>
    where
        F: FnMut(&mut WriteContext<'_>) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.write_then(act, |_| {}).await
    }

    /// The same; `then` is done once it is committed and before anybody hears of it, also when whoever asked has gone.
    pub(super) async fn write_then<F, G, T>(&self, act: F, then: G) -> Result<T, StoreError>
    where
        F: FnMut(&mut WriteContext<'_>) -> Result<T, StoreError> + Send + 'static,
        G: FnOnce(&T) + Send + 'static,
        T: Send + 'static,
    {
        self.write_batch(None, act, then).await
    }

    /// The same for a batch of this device's epoch, of which nothing else is read or written.
    pub(super) async fn write_batch<F, G, T>(
        &self,
        batch_of: Option<(DeviceId, Epoch)>,
        act: F,
        then: G,
    ) -> Result<T, StoreError>
    where
        F: FnMut(&mut WriteContext<'_>) -> Result<T, StoreError> + Send + 'static,
        G: FnOnce(&T) + Send + 'static,
        T: Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let piece = Box::new(Piece { part_of: audit::current(), batch_of, act, then, outcome: None, reply });
        if self.queue.send(Some(piece)).await.is_err() {
            return Err(StoreError::Closed);
        }
        outcome.await.unwrap_or(Err(StoreError::Closed))
    }

    /// How many pieces of work wait.
    pub(super) fn waiting(&self) -> usize {
        QUEUE.saturating_sub(self.queue.capacity())
    }

    pub(super) async fn close(&self) {
        // A writer that takes nothing any more has ended already.
        let _ = self.queue.send(None).await;
        let mut ended = self.ended.lock().await;
        if !ended.is_terminated() {
            // An error says that the writer is gone, which is what is waited for.
            let _ = (&mut *ended).await;
        }
    }
}

/// What is written with.
struct Disk {
    connection: Connection,
    /// None where nothing is to outlive the database: in a test of the store.
    journal: Option<Journal>,
    places: Places,
}

fn run(
    mut disk: Disk,
    work: mpsc::Receiver<Option<Box<dyn Work>>>,
    most: usize,
    (health, mut keeper): (&Health, Option<LogKeeper>),
    reopen: &dyn Fn() -> Result<Connection, StoreError>,
) {
    let mut reopened: Option<Instant> = None;
    if let Some(keeper) = &keeper {
        keeper.take_up(&mut disk.connection);
    }
    let mut queue = Queue::new(work);
    let mut last_group = 0;
    let mut idle_since = Instant::now();
    while let Some(first) = queue.wait() {
        if last_group >= GATHER_FROM {
            std::thread::sleep(GATHER);
        }
        let group = awaited(queue.gather(first, most, Mixing::of(&disk.connection)));
        last_group = group.len();
        if idle_since.elapsed() >= TRY_AFTER
            && !disk.connection.answers()
            && let Ok(fresh) = reopen()
        {
            disk.take_up(fresh, keeper.as_ref());
        }
        let held = keeper.as_mut().and_then(|keeper| keeper.refuses(&disk.connection, Instant::now()));
        let attempted = if let Some(held) = held {
            vec![(group, Err(held))]
        } else {
            let begun = Instant::now();
            let committed = commit_group(&mut disk, group);
            health.commits().note(begun.elapsed());
            committed
        };
        let now = Instant::now();
        if note(health, &attempted, now)
            && reopened.is_none_or(|reopened| now.duration_since(reopened) >= REOPEN_EVERY)
        {
            reopened = Some(now);
            // A connection that was made while the disk was read-only stays so. What is remembered of places
            // is looked up again.
            match reopen() {
                Ok(fresh) => disk.take_up(fresh, keeper.as_ref()),
                // What keeps it from being made anew says more than that it was cut.
                Err(error) => drop(health.note(&Err(error), crate::clock::now, now)),
            }
        }
        settle(attempted);
        // Behind the answers, so that nobody who was stored waits for it.
        if let Some(keeper) = &mut keeper {
            keeper.look_after(&disk.connection, now);
        }
        idle_since = Instant::now();
    }
    drop(disk);
    if let Some(keeper) = keeper {
        keeper.close();
    }
}

/// The same in a simulation: in the runtime's time.
async fn run_as_task(
    mut disk: Disk,
    work: mpsc::Receiver<Option<Box<dyn Work>>>,
    slow: Duration,
    health: &Health,
) {
    let mut queue = Queue::new(work);
    while let Some(first) = queue.next().await {
        tokio::time::sleep(slow).await;
        let group = awaited(queue.gather(first, MAX_GROUP, Mixing::of(&disk.connection)));
        let committed = commit_group(&mut disk, group);
        note(health, &committed, Instant::now());
        tokio::time::sleep(slow).await;
        settle(committed);
    }
}

/// Notes how the pieces went; says whether the connection should be made anew. The failures first: where a piece of a group
/// could be stored and another could not, nothing is over.
fn note(health: &Health, attempted: &[Attempted], now: Instant) -> bool {
    let mut reopen = false;
    let (good, bad): (Vec<_>, Vec<_>) =
        attempted.iter().map(|(_, result)| result).partition(|one| one.is_ok());
    for result in bad.into_iter().chain(good.into_iter().take(1)) {
        reopen |= health.note(result, crate::clock::now, now);
    }
    reopen
}

/// The pieces that wait, in the order in which they came.
struct Queue {
    work: mpsc::Receiver<Option<Box<dyn Work>>>,
    /// Taken out, and not a part of the group before it.
    held_back: Option<Box<dyn Work>>,
    is_open: bool,
}

impl Queue {
    fn new(work: mpsc::Receiver<Option<Box<dyn Work>>>) -> Self {
        Self { work, held_back: None, is_open: true }
    }

    /// The next piece, as it came out of the channel; none is the end.
    fn took(&mut self, next: Option<Box<dyn Work>>) -> Option<Box<dyn Work>> {
        self.is_open &= next.is_some();
        next
    }

    /// Waits for a piece; `None` when there is none any more.
    fn wait(&mut self) -> Option<Box<dyn Work>> {
        match self.held_back.take() {
            None if self.is_open => {
                let next = self.work.blocking_recv().flatten();
                self.took(next)
            }
            held_back => held_back,
        }
    }

    /// The same, in a simulation.
    async fn next(&mut self) -> Option<Box<dyn Work>> {
        match self.held_back.take() {
            None if self.is_open => {
                let next = self.work.recv().await.flatten();
                self.took(next)
            }
            held_back => held_back,
        }
    }

    /// Takes what waits behind the first, at most `most` in all.
    fn gather(&mut self, first: Box<dyn Work>, most: usize, mixing: Mixing) -> Vec<Box<dyn Work>> {
        let is_alone = |piece: &dyn Work| mixing == Mixing::OnlyBatches && piece.batch_of().is_none();
        if is_alone(first.as_ref()) {
            return vec![first];
        }
        let mut group = vec![first];
        while group.len() < most && self.is_open {
            let Ok(next) = self.work.try_recv() else { break };
            let Some(piece) = self.took(next) else { break };
            if is_alone(piece.as_ref()) {
                self.held_back = Some(piece);
                break;
            }
            group.push(piece);
        }
        group
    }
}

/// What may be committed together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mixing {
    /// Anything: nobody else writes.
    All,
    /// Batches with batches, anything else by itself. Other managers write too, and a group holds its devices in the order
    /// of their keys, so that two never wait for each other; what else it did would be out of that order.
    OnlyBatches,
}

impl Mixing {
    const fn of(connection: &Connection) -> Self {
        match connection {
            Connection::Sqlite(_) => Self::All,
            Connection::Postgres(_) => Self::OnlyBatches,
        }
    }
}

/// Batches whose senders have gone are sent again, and need not be stored now: while more comes in than can be stored, only
/// what is waited for is done.
fn awaited(group: Vec<Box<dyn Work>>) -> Vec<Box<dyn Work>> {
    group.into_iter().filter(|piece| piece.batch_of().is_none() || piece.is_awaited()).collect()
}

/// Pieces that were attempted together, and whether they are durable.
type Attempted = (Vec<Box<dyn Work>>, Result<(), StoreError>);

fn commit_group(disk: &mut Disk, mut group: Vec<Box<dyn Work>>) -> Vec<Attempted> {
    if group.is_empty() {
        return Vec::new();
    }
    let mut result = disk.attempt(&mut group);
    for _ in 1..DEADLOCK_TRIES {
        if !result.as_ref().is_err_and(StoreError::is_deadlock) {
            break;
        }
        tracing::info!(
            pieces = group.len(),
            "a transaction and another manager's waited for each other: it is tried again"
        );
        result = disk.attempt(&mut group);
    }
    match result {
        Err(error) if group.len() > 1 => {
            tracing::debug!(pieces = group.len(), %error, "a transaction was rolled back; each part is retried on its own");
            let alone = group.into_iter().map(|piece| {
                let mut alone = vec![piece];
                let result = disk.attempt(&mut alone);
                (alone, result)
            });
            alone.collect()
        }
        result => vec![(group, result)],
    }
}

fn settle(attempted: Vec<Attempted>) {
    for (pieces, result) in attempted {
        for piece in pieces {
            piece.settle(result.clone());
        }
    }
}

impl Disk {
    fn attempt(&mut self, group: &mut [Box<dyn Work>]) -> Result<(), StoreError> {
        let mut appended = None;
        let result = self.transact(group, &mut appended);
        if result.is_err() {
            self.places.forget();
            // Of a commit of PostgreSQL that was cut off nobody knows whether it came about.
            if let (Some(appended), Connection::Sqlite(_)) = (appended, &self.connection) {
                appended.take_back();
            }
        }
        result
    }

    /// What is appended to the journal is on the disk before the commit, and nobody else appends until that is through.
    fn transact(
        &mut self,
        group: &mut [Box<dyn Work>],
        appended: &mut Option<Appended>,
    ) -> Result<(), StoreError> {
        let Self { connection, journal, places } = self;
        let wanted: Vec<_> = group.iter().filter_map(|piece| piece.batch_of()).collect();
        let begin = connection.text("BEGIN IMMEDIATE", "BEGIN");
        // Where devices are looked up next, that fails if this does, before anything is changed.
        if wanted.is_empty() {
            connection.batch(begin)?;
        } else {
            connection.send(begin)?;
        }
        let prepared = places.prepare(connection, &wanted);
        let connection = &*connection;
        let done = prepared.and_then(|()| {
            let (mut later, mut entries, mut pending) = (Later::default(), Vec::new(), Vec::new());
            for piece in group.iter_mut() {
                later.before(connection, piece.batch_of().map(|(device, _)| device))?;
                let (act, journal, later, audit) = (piece.act(), &mut entries, &mut later, &mut pending);
                let act = act.as_ref();
                piece.attempt(&mut WriteContext { connection, places, journal, later, act, audit })?;
            }
            later.flush(connection)?;
            append(connection, pending)?;
            if let Some(journal) = journal.as_mut().filter(|_| !entries.is_empty()) {
                connection.settle()?;
                let upto = appended.insert(journal.append(&entries)?).upto;
                journal.note_known(connection, upto, crate::clock::now())?;
            }
            Ok(())
        });
        connection.finish(done)
    }

    /// Goes on with another connection. What is remembered of places is looked up again.
    fn take_up(&mut self, mut fresh: Connection, keeper: Option<&LogKeeper>) {
        if let Some(keeper) = keeper {
            keeper.take_up(&mut fresh);
        }
        self.connection = fresh;
        self.places.forget();
    }
}

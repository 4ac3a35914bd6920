//! What managers on one database tell each other, by PostgreSQL's LISTEN and NOTIFY. It is only a hint what may have
//! changed: who hears it reads the truth. Who was not there to hear, or whose session was cut, is told that anything may
//! have changed ([`Heard::All`]), after it listens again; so nothing is missed.
//!
//! NOTIFY takes a lock of the whole server when its transaction commits. So it is not part of the transactions in which
//! reports are stored: what was published in a moment goes out as one. A manager that ends in between has told nobody; the
//! others see that it is gone, and look for themselves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use platen_protocol::identity::DeviceId;
use postgres::fallible_iterator::FallibleIterator as _;
use postgres::{Client, Statement};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::engine::PostgresConfig;
use super::replica::Replica;
use super::{StoreError, statements};

/// The channel of all managers.
const CHANNEL: &str = "platen_managers";
/// Tells payloads, in one transaction.
const TELL: &str = "SELECT pg_notify($1, u) FROM unnest($2::text[]) AS u";
/// What a hint hints at is on the server's disk already. The hint itself need not be: a server that fails loses all that
/// was told and not heard, and whoever hears it again reads everything.
const UNKEPT: &str = "SET synchronous_commit = off";
/// Managers hold an advisory lock of this class each, by their key: so the others see which of them are there.
pub(super) const PRESENT: i32 = 7_210_417;
/// Whoever holds this one does what only one of them should.
const LEADER: i32 = 7_210_418;
/// How often it is looked who is there, and how long a session waits for news.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The pause before a session is opened anew.
const REOPEN_AFTER: Duration = Duration::from_millis(500);
/// Hints that may wait to be told, and to be heard; of more it is told that anything may have changed.
const QUEUE: usize = 16 * 1024;
/// The most of one payload: PostgreSQL takes 8,000 bytes.
const MAX_PAYLOAD: usize = 7_900;
/// What is published within such a moment goes out together.
const GATHER: Duration = Duration::from_millis(2);

/// What may have changed: something of this kind, of a device or of all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hint(pub String, pub Option<DeviceId>);

/// What a manager hears of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// These may have changed.
    Hints(Vec<Hint>),
    /// Anything may have changed: it was not heard for a moment.
    All,
    /// Who is there now, and whether this manager is the one that does what only one should.
    Present {
        /// All of them, this one among them.
        replicas: BTreeSet<Replica>,
        /// Whether this one leads.
        leads: bool,
    },
    /// The session is cut: who is there is not known, and this one leads no more.
    Cut,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    from: Replica,
    /// None: anything may have changed.
    hints: Option<Vec<Hint>>,
}

/// Tells other managers. Dropped, it ends what hears them, too.
pub struct Teller {
    hints: mpsc::Sender<Hint>,
    /// Whether a hint could not be told.
    lost: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

impl Teller {
    /// Tells that something may have changed. Nobody is waited for.
    pub fn tell(&self, hint: Hint) {
        if self.hints.try_send(hint).is_err() {
            self.lost.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Begins to hear and to tell, each on a thread with a session of its own.
pub(super) fn start(config: &PostgresConfig, me: Replica) -> (Teller, mpsc::Receiver<Heard>) {
    let (hints, waiting) = mpsc::channel(QUEUE);
    let (into, heard) = mpsc::channel(QUEUE);
    let (lost, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (config_of_hearer, stopped) = (config.clone(), Arc::clone(&stop));
    std::thread::spawn(move || hear_on(&config_of_hearer, me, &into, &stopped));
    let (config_of_teller, lost_too) = (config.clone(), Arc::clone(&lost));
    std::thread::spawn(move || tell_on(&config_of_teller, me, waiting, &lost_too));
    (Teller { hints, lost, stop }, heard)
}

/// Hears until nobody wants to know.
fn hear_on(config: &PostgresConfig, me: Replica, hears: &mpsc::Sender<Heard>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) && !hears.is_closed() {
        match hear_in_session(config, me, hears, stop) {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "other managers are not heard for the moment"),
        }
        if hears.blocking_send(Heard::Cut).is_err() {
            return;
        }
        std::thread::sleep(REOPEN_AFTER);
    }
}

/// Hears in one session; ends well when nobody wants to know.
fn hear_in_session(
    config: &PostgresConfig,
    me: Replica,
    hears: &mpsc::Sender<Heard>,
    stop: &AtomicBool,
) -> Result<(), StoreError> {
    let mut client = config.connect()?;
    client.batch_execute(&format!("LISTEN {CHANNEL}"))?;
    client.execute("SELECT pg_advisory_lock($1, $2)", &[&PRESENT, &me.0])?;
    // From here on nothing is missed; what was before is read.
    if hears.blocking_send(Heard::All).is_err() {
        return Ok(());
    }
    let (mut known, mut looked) = (None, None::<Instant>);
    loop {
        if looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            looked = Some(Instant::now());
            let present = present(&mut client, known.as_ref().is_some_and(|(_, leads)| *leads))?;
            if known.as_ref() != Some(&present) {
                known = Some(present.clone());
                let (replicas, leads) = present;
                if hears.blocking_send(Heard::Present { replicas, leads }).is_err() {
                    return Ok(());
                }
            }
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut payloads = Vec::new();
        let mut notifications = client.notifications();
        // Waits for the first; takes what has come with it.
        let first = notifications.timeout_iter(LOOK_EVERY).next()?;
        if let Some(first) = first {
            payloads.push(first.payload().to_owned());
            let mut more = notifications.iter();
            while let Some(next) = more.next()? {
                payloads.push(next.payload().to_owned());
            }
        }
        for heard in payloads.iter().filter_map(|payload| understand(payload, me)) {
            if hears.blocking_send(heard).is_err() {
                return Ok(());
            }
        }
    }
}

/// Who is there, and whether this one leads; it does once the one before is gone.
fn present(client: &mut Client, leads: bool) -> Result<(BTreeSet<Replica>, bool), StoreError> {
    let leads = leads || client.query_one("SELECT pg_try_advisory_lock($1, 0)", &[&LEADER])?.try_get(0)?;
    let rows = client.query(&statements::PRESENT_REPLICAS.replace('?', "$"), &[&i64::from(PRESENT)])?;
    let replicas = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    let replicas = replicas.into_iter().filter_map(|key| i32::try_from(key).ok().map(Replica)).collect();
    Ok((replicas, leads))
}

/// What another one told; a payload that cannot be read is a later version's, which knows more that may have changed.
fn understand(payload: &str, me: Replica) -> Option<Heard> {
    match serde_json::from_str::<Payload>(payload) {
        Ok(Payload { from, .. }) if from == me => None,
        Ok(Payload { hints: Some(hints), .. }) => Some(Heard::Hints(hints)),
        Ok(Payload { hints: None, .. }) | Err(_) => Some(Heard::All),
    }
}

/// Tells until nobody has anything to tell.
fn tell_on(config: &PostgresConfig, me: Replica, mut waiting: mpsc::Receiver<Hint>, lost: &AtomicBool) {
    let mut session = None;
    while let Some(first) = waiting.blocking_recv() {
        std::thread::sleep(GATHER);
        let mut hints = BTreeSet::from([first]);
        while let Ok(next) = waiting.try_recv() {
            hints.insert(next);
        }
        let hints = if lost.swap(false, Ordering::Relaxed) { None } else { Some(hints) };
        let payloads = payloads(me, hints);
        while let Err(error) = tell_in_session(&mut session, config, &payloads) {
            tracing::debug!(%error, "other managers cannot be told for the moment");
            session = None;
            if waiting.is_closed() {
                return;
            }
            std::thread::sleep(REOPEN_AFTER);
        }
    }
}

fn tell_in_session(
    session: &mut Option<(Client, Statement)>,
    config: &PostgresConfig,
    payloads: &[String],
) -> Result<(), StoreError> {
    let (client, tell) = if let Some(session) = session {
        session
    } else {
        let mut client = config.connect()?;
        client.batch_execute(UNKEPT)?;
        let tell = client.prepare(TELL)?;
        session.insert((client, tell))
    };
    client.execute(&*tell, &[&CHANNEL, &payloads])?;
    Ok(())
}

/// As few payloads as they fit in; without hints that anything may have changed.
fn payloads(from: Replica, hints: Option<BTreeSet<Hint>>) -> Vec<String> {
    let text = |hints: Option<Vec<Hint>>| serde_json::to_string(&Payload { from, hints }).unwrap_or_default();
    let Some(hints) = hints else { return vec![text(None)] };
    let (mut all, mut some, mut bytes) = (Vec::new(), Vec::new(), 0);
    for hint in hints {
        let more = hint_bytes(&hint);
        if bytes + more > MAX_PAYLOAD - text(Some(Vec::new())).len() {
            all.push(text(Some(std::mem::take(&mut some))));
            bytes = 0;
        }
        bytes += more;
        some.push(hint);
    }
    all.push(text(Some(some)));
    all
}

/// What a hint adds to a payload, with its comma.
fn hint_bytes(hint: &Hint) -> usize {
    serde_json::to_string(hint).map_or(0, |text| text.len()) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hints_of(payloads: &[String], me: Replica) -> Vec<Hint> {
        let heard = payloads.iter().filter_map(|payload| understand(payload, me));
        heard
            .flat_map(|heard| if let Heard::Hints(hints) = heard { hints } else { panic!("{heard:?}") })
            .collect()
    }

    #[test]
    fn what_a_manager_told_itself_is_no_news_and_what_is_not_understood_may_be_anything() {
        let hints = BTreeSet::from([Hint("command".into(), Some("lobby".parse().unwrap()))]);
        let told = payloads(Replica(7), Some(hints.clone()));
        assert_eq!(understand(&told[0], Replica(7)), None);
        assert_eq!(understand(&told[0], Replica(8)), Some(Heard::Hints(hints.into_iter().collect())));
        assert_eq!(understand(&payloads(Replica(7), None)[0], Replica(8)), Some(Heard::All));
        assert_eq!(understand("of a later version", Replica(8)), Some(Heard::All));
    }

    proptest! {
        #[test]
        fn everything_is_told_once_in_payloads_that_are_taken(
            names in prop::collection::btree_set("[a-z0-9-]{1,60}", 0..400),
        ) {
            let hints: BTreeSet<Hint> = names
                .iter()
                .map(|name| Hint("utilisation".into(), Some(name.trim_matches('-').parse().unwrap_or_else(|_| "x".parse().unwrap()))))
                .collect();
            let told = payloads(Replica(1), Some(hints.clone()));
            prop_assert!(told.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
            prop_assert_eq!(hints_of(&told, Replica(2)), hints.into_iter().collect::<Vec<_>>());
        }
    }
}

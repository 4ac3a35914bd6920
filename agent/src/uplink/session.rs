//! One connection, from hello to its end.
//!
//! At any time at most one batch is in flight and at most one request is parked. A parked request has its connection for
//! itself, and when a report has to go out beside it, a second one is made, with the TLS session of the first. That is
//! kept for a short while, because what happens at a printer seldom comes alone, and is closed then: at the manager it
//! costs more than one that is parked.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use platen_protocol::device_to_manager::ReportBody;
use platen_protocol::limits::MAX_REPORTS_PER_BATCH;
use platen_protocol::manager_to_device::Reply;
use platen_protocol::problem::ProblemKind;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connect::Connector;
use super::connection::Connection;
use super::long_poll::LongPollTimeout;
use super::segments::Segments;
use super::send::send;
use super::{Habits, Uplink, UplinkError};
use crate::outbox::Batch;
use crate::random;
use crate::receive;
use crate::recorder::Recorder;
use crate::status::ContactState;

/// At a stop, what waits is tried once more for so long.
const LAST_SEND: Duration = Duration::from_secs(3);
/// Idle connections that are kept: one to park on, one to send on.
const MAX_IDLE_CONNECTIONS: usize = 2;
/// A connection that is idle beside the parked request is kept for so long.
const KEPT_BESIDE_PARKED: Duration = Duration::from_secs(10);

/// So many reports are discarded on one connection; a manager that refuses more is itself at fault.
const MAX_DISCARDED: u32 = 3;

/// A request in flight; it yields its connection and what came of it.
type InFlight = Pin<Box<dyn Future<Output = Finished> + Send>>;

struct Finished {
    connection: Option<Connection>,
    batch: Batch,
    result: Result<Reply, UplinkError>,
    /// How long the manager was allowed to hold it.
    asked: Duration,
    took: Duration,
}

struct Session<'a> {
    connector: Connector,
    recorder: Arc<Recorder>,
    uplink: &'a Uplink,
    habits: &'a mut Habits,
    idle: Vec<Connection>,
    /// When those are closed, if a request is parked.
    idle_until: Instant,
    sending: Option<InFlight>,
    parked: Option<InFlight>,
    parked_since: Instant,
    park_after: Instant,
    /// Whether the manager has answered on this connection.
    greeted: bool,
    /// Whether the identity is known to be good.
    proven: bool,
    /// Whether a new epoch was begun because the manager knew the old one otherwise.
    renumbered: bool,
    /// Reports that were discarded because the manager refused them.
    discarded: u32,
    /// Reports in a batch: as many as the connection lets pass, or one at a time to find the one that the manager refuses.
    most: usize,
    /// How many reports are in flight.
    in_flight: usize,
}

async fn completed(request: &mut Option<InFlight>) -> Finished {
    match request {
        Some(request) => request.await,
        None => std::future::pending().await,
    }
}

impl Uplink {
    /// Connects and works until the connection fails; `None` when it was stopped.
    pub(super) async fn session(
        &self,
        mut connector: Connector,
        habits: &mut Habits,
        stop: &CancellationToken,
    ) -> Option<UplinkError> {
        self.enter(ContactState::Connecting);
        self.progress.until(self.now() + self.config.longest_connect());
        let connection = tokio::select! {
            biased;
            connection = connector.connect() => match connection {
                Ok(connection) => connection,
                Err(cause) => {
                    habits.long_poll.dismiss();
                    if cause.has_stalled() {
                        habits.segments.stalled(Segments::Small);
                    }
                    return Some(cause);
                }
            },
            () = stop.cancelled() => return None,
        };
        let inspected_by = connection.inspected.as_ref().map(|inspected| inspected.by.clone());
        if let Some(by) = &inspected_by {
            tracing::warn!("the connection is inspected by «{by}», as configured: messages are signed");
        }
        if connector.segments != connection.segments {
            habits.segments.found(self.now());
            tell_of_small_packets();
        }
        connector.segments = connection.segments;
        let small_packets = habits.segments.is_needed(self.now());
        self.context.status.send_modify(|status| {
            status.small_packets = small_packets;
            status.protocol = Some(Connection::PROTOCOL);
            status.inspected_by = inspected_by;
        });
        let mut session = Session {
            connector,
            recorder: Arc::clone(&self.context.recorder),
            uplink: self,
            habits,
            idle: vec![connection],
            idle_until: Instant::now() + KEPT_BESIDE_PARKED,
            sending: None,
            parked: None,
            parked_since: Instant::now(),
            park_after: Instant::now(),
            greeted: false,
            proven: false,
            renumbered: false,
            discarded: 0,
            most: MAX_REPORTS_PER_BATCH,
            in_flight: 0,
        };
        let connector = session.connector.clone();
        let ended = tokio::select! {
            // In order, so that a simulation runs the same each time.
            biased;
            ended = session.run(stop) => ended,
            never = self.renew_when_due(&connector) => match never {},
        };
        session.uplink.contact.send_replace(None);
        if !session.greeted {
            session.habits.long_poll.dismiss();
        }
        if session.in_flight > 0 && ended.as_ref().is_some_and(UplinkError::may_depend_on_size) {
            session.habits.batch_size.failed(session.in_flight);
        }
        ended
    }
}

impl Session<'_> {
    async fn run(&mut self, stop: &CancellationToken) -> Option<UplinkError> {
        self.uplink.enter(ContactState::Sending);
        let hello = match self.recorder.outbox().next_batch(self.batch_size()) {
            Ok(batch) => batch,
            Err(cause) => return Some(cause.into()),
        };
        let hello = hello.unwrap_or_else(|| self.recorder.outbox().empty_batch());
        self.sending = Some(self.start(hello, Duration::ZERO));
        loop {
            if let Err(cause) = self.start_what_is_due() {
                return Some(cause);
            }
            let recorder = Arc::clone(&self.recorder);
            let finished = tokio::select! {
                // In order, so that a simulation runs the same each time.
                biased;
                finished = completed(&mut self.sending) => { self.sending = None; self.sent(finished) }
                finished = completed(&mut self.parked) => { self.parked = None; self.unparked(finished) }
                () = recorder.news() => Ok(()),
                () = tokio::time::sleep_until(self.park_after), if self.may_park_later() => Ok(()),
                () = tokio::time::sleep_until(self.idle_until), if self.has_idle_beside_parked() => {
                    self.idle.clear();
                    Ok(())
                }
                () = self.uplink.new_certificate() => Err(UplinkError::NewIdentity),
                () = stop.cancelled() => { self.last_send().await; return None }
            };
            if let Err(cause) = finished {
                return Some(cause);
            }
        }
    }

    fn batch_size(&self) -> usize {
        self.most.min(self.habits.batch_size.reports())
    }

    fn may_park_later(&self) -> bool {
        self.parked.is_none() && self.sending.is_none()
    }

    fn has_idle_beside_parked(&self) -> bool {
        self.parked.is_some() && !self.idle.is_empty()
    }

    /// Sends what waits; with nothing to send and nothing in flight, parks.
    fn start_what_is_due(&mut self) -> Result<(), UplinkError> {
        if self.sending.is_some() {
            return Ok(());
        }
        let batch = self.recorder.outbox().next_batch(self.batch_size())?;
        if let Some(batch) = batch {
            self.sending = Some(self.start(batch, Duration::ZERO));
        } else if self.parked.is_none() && Instant::now() >= self.park_after {
            let empty = self.recorder.outbox().empty_batch();
            self.parked_since = Instant::now();
            self.parked = Some(self.start(empty, self.habits.long_poll.current()));
        }
        if self.parked.is_some() {
            self.uplink.enter(ContactState::Parked);
        }
        Ok(())
    }

    fn start(&mut self, mut batch: Batch, asked: Duration) -> InFlight {
        self.recorder.seal(&mut batch);
        self.in_flight += batch.body.reports.len();
        let reply_timeout = self.uplink.config.reply_timeout;
        let margin =
            if asked.is_zero() { reply_timeout } else { LongPollTimeout::margin(asked, reply_timeout) };
        // A request that is parked beside this one has its own time.
        let longest = asked.max(self.habits.long_poll.current());
        let connect = self.uplink.config.longest_connect();
        self.uplink.progress.until(self.uplink.now() + connect + longest + reply_timeout * 2);
        let connection = self.free_connection();
        let connector = self.connector.clone();
        Box::pin(async move {
            let began = Instant::now();
            let (connection, result) = exchange(connection, &connector, &batch, asked, margin).await;
            Finished { connection, batch, result, asked, took: began.elapsed() }
        })
    }

    /// A connection that is free; the one that was used last.
    fn free_connection(&mut self) -> Option<Connection> {
        self.idle.retain(|connection| !connection.is_closed());
        self.idle.pop()
    }

    fn give_back(&mut self, connection: Option<Connection>) {
        let Some(connection) = connection else { return };
        if !connection.is_closed() && self.idle.len() < MAX_IDLE_CONNECTIONS {
            self.idle.push(connection);
            self.idle_until = Instant::now() + KEPT_BESIDE_PARKED;
        }
    }

    fn sent(&mut self, finished: Finished) -> Result<(), UplinkError> {
        self.give_back(finished.connection);
        let reply = match finished.result {
            Ok(reply) => reply,
            Err(cause) => {
                if cause.is_unanswered() {
                    self.habits.segments.stalled(self.connector.segments);
                }
                return self.refused(cause, &finished.batch);
            }
        };
        if self.habits.segments.answered(self.connector.segments, self.uplink.now()) {
            tell_of_small_packets();
            self.uplink.context.status.send_modify(|status| status.small_packets = true);
        }
        self.most = MAX_REPORTS_PER_BATCH;
        self.habits.batch_size.taken(std::mem::take(&mut self.in_flight));
        if finished.batch.span().is_some() {
            self.habits.pacing.taken();
        }
        self.received(&finished.batch, &reply)?;
        let quiet = self.habits.pacing.park_in(self.uplink.now());
        self.park_after = self.park_after.max(Instant::now() + quiet);
        Ok(())
    }

    fn unparked(&mut self, finished: Finished) -> Result<(), UplinkError> {
        self.give_back(finished.connection);
        let reply = match finished.result {
            Ok(reply) => reply,
            Err(cause) => {
                self.habits.pacing.broke(finished.took, finished.asked);
                if let Some(cut) = cause.cut(finished.took) {
                    self.habits.long_poll.suspect(finished.asked, cut);
                }
                return Err(cause);
            }
        };
        self.habits.long_poll.answered(finished.asked, finished.took, self.uplink.now());
        let news = self.received(&finished.batch, &reply)?;
        self.habits.pacing.answered(finished.took, news);
        self.show_wait();
        self.park_after = Instant::now() + self.habits.pacing.park_in(self.uplink.now());
        Ok(())
    }

    /// What was learnt of the site, for `platen status`.
    fn show_wait(&self) {
        let known = Some((self.habits.long_poll.current(), self.habits.long_poll.cut_at()));
        self.uplink
            .context
            .status
            .send_if_modified(|status| std::mem::replace(&mut status.wait, known) != known);
    }

    /// Takes a reply in; says whether it told anything new.
    fn received(&mut self, batch: &Batch, reply: &Reply) -> Result<bool, UplinkError> {
        let now = self.uplink.now();
        if !self.greeted {
            self.greeted = true;
            self.greet(now);
        }
        if let Some(seconds) = reply.pause_seconds {
            self.habits.pacing.drain(Duration::from_secs(seconds.into()), random::number(), now);
        }
        self.uplink.context.status.send_modify(|status| status.last_reply = Some(now));
        let first = !std::mem::replace(&mut self.proven, true);
        let news = receive::receive(&self.recorder, &self.uplink.context.clock, batch, reply)?;
        if first {
            self.uplink.proven()?;
            self.uplink.contact.send_replace(Some(self.connector.clone()));
        }
        if self.uplink.has_retired() {
            return Err(UplinkError::Retired);
        }
        Ok(news)
    }

    /// The first answer on this connection. If the one before it was cut in its idleness, it was the site.
    fn greet(&mut self, now: Duration) {
        let before = self.habits.long_poll.current();
        if self.habits.long_poll.confirm(now) {
            let (wait, cut) = (self.habits.long_poll.current(), self.habits.long_poll.cut_at());
            if wait == before {
                tracing::debug!(?cut, "this site cut an idle request again");
            } else {
                tracing::info!(
                    ?cut,
                    ?wait,
                    "something at this site cuts idle requests: they are parked for a shorter time from now on"
                );
            }
        } else {
            tracing::info!(manager = %self.connector.address, "the manager answers");
        }
        self.show_wait();
    }

    /// The manager did not take a batch: what can be corrected is corrected, the rest ends the session. So
    /// does correcting again and again, for then it is the manager that is at fault.
    fn refused(&mut self, cause: UplinkError, batch: &Batch) -> Result<(), UplinkError> {
        if cause.problem_kind().is_some() {
            // It arrived.
            self.in_flight = 0;
        }
        let Some((first, last)) = batch.span() else { return Err(cause) };
        match cause.problem_kind() {
            Some(ProblemKind::SequenceConflict) if !self.renumbered => {
                tracing::warn!("{cause}");
                self.renumbered = true;
                self.recorder.begin_epoch()?;
                Ok(())
            }
            // A manager that was taken back to an earlier version may not know what tells of programs.
            Some(ProblemKind::NotJson) if !tells_of_programs(batch) => Err(cause),
            Some(ProblemKind::InvalidReport | ProblemKind::BodyTooLarge | ProblemKind::NotJson)
                if first < last =>
            {
                self.most = 1;
                Ok(())
            }
            Some(ProblemKind::InvalidReport | ProblemKind::BodyTooLarge | ProblemKind::NotJson)
                if self.discarded < MAX_DISCARDED =>
            {
                let kind = batch.body.reports.first().map_or("", |report| report.body.kind());
                tracing::error!(
                    sequence = first,
                    kind,
                    "a report is discarded, because the manager does not accept it: {cause}"
                );
                self.discarded += 1;
                self.recorder.discard(first)?;
                Ok(())
            }
            _ => Err(cause),
        }
    }

    /// What waits is tried once more before the end.
    async fn last_send(&mut self) {
        self.uplink.enter(ContactState::Stopping);
        self.parked = None;
        let last = async {
            if self.sending.is_some() {
                let finished = completed(&mut self.sending).await;
                self.sending = None;
                self.give_back(finished.connection);
                let reply = finished.result?;
                receive::acknowledge(&self.recorder, &reply)?;
            }
            let batch = self.recorder.outbox().next_batch(self.batch_size())?;
            if let Some(mut batch) = batch {
                self.recorder.seal(&mut batch);
                let margin = self.uplink.config.reply_timeout;
                let connection = self.free_connection();
                let (_, result) = exchange(connection, &self.connector, &batch, Duration::ZERO, margin).await;
                receive::acknowledge(&self.recorder, &result?)?;
            }
            Ok::<(), UplinkError>(())
        };
        match tokio::time::timeout(LAST_SEND, last).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => tracing::info!("unsent reports are kept for the next start: {cause}"),
            Err(_) => {
                tracing::info!(
                    "unsent reports are kept for the next start: the manager did not answer in time"
                );
            }
        }
    }
}

fn tells_of_programs(batch: &Batch) -> bool {
    batch.body.reports.iter().any(|report| matches!(report.body, ReportBody::Program { .. }))
}

fn tell_of_small_packets() {
    tracing::warn!(
        "large packets seem not to get through to the manager (the path MTU is smaller than this device is told): small ones are used; `platen doctor` says what to do"
    );
}

/// One exchange; a connection that was idle and is found dead is replaced once.
async fn exchange(
    connection: Option<Connection>,
    connector: &Connector,
    batch: &Batch,
    wait: Duration,
    margin: Duration,
) -> (Option<Connection>, Result<Reply, UplinkError>) {
    if let Some(mut connection) = connection {
        match send(&mut connection, &connector.address, batch, wait, margin).await {
            Err(cause) if cause.is_stale_connection() && wait.is_zero() => {}
            result => return (Some(connection), result),
        }
    }
    match connector.connect().await {
        Ok(mut connection) => {
            let result = send(&mut connection, &connector.address, batch, wait, margin).await;
            (Some(connection), result)
        }
        Err(cause) => (None, Err(cause)),
    }
}

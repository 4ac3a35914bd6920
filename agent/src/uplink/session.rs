//! One connection, from hello to its end.
//!
//! At any time at most one batch is on its way and at most one request is parked. On HTTP/2 they share
//! the connection; on HTTP/1.1 a second one is made when a report has to go out beside the parked
//! request.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use platen_protocol::limits::MAX_REPORTS_PER_BATCH;
use platen_protocol::manager_to_device::Reply;
use platen_protocol::problem::ProblemKind;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connect::Connector;
use super::lane::Lane;
use super::send::send;
use super::wait::Wait;
use super::{Habits, Uplink, UplinkError};
use crate::outbox::Batch;
use crate::random;
use crate::receive;
use crate::recorder::Recorder;
use crate::status::ContactState;

/// At a stop, what waits is tried once more for so long.
const LAST_SEND: Duration = Duration::from_secs(3);
/// Idle lanes that are kept on HTTP/1.1: one to park on, one to send on.
const MAX_IDLE_LANES: usize = 2;

/// So many reports are given up on one connection; a manager that refuses more is itself at fault.
const MAX_DISCARDED: u32 = 3;

/// A request on its way, with its lane and what came of it.
type Flight = Pin<Box<dyn Future<Output = Landed> + Send>>;

struct Landed {
    lane: Option<Lane>,
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
    idle: Vec<Lane>,
    sending: Option<Flight>,
    parked: Option<Flight>,
    parked_since: Instant,
    park_after: Instant,
    /// Whether the manager has answered on this connection.
    greeted: bool,
    /// Whether the identity is known to be good.
    proven: bool,
    /// Whether a new epoch was begun because the manager knew the old one otherwise.
    renumbered: bool,
    /// Reports that were given up because the manager refused them.
    discarded: u32,
    /// Reports in a batch: as many as the way lets pass, or one at a time to find the one that the manager refuses.
    most: usize,
    /// How many reports are on their way.
    on_their_way: usize,
}

async fn rest(flight: &mut Option<Flight>) -> Landed {
    match flight {
        Some(flight) => flight.await,
        None => std::future::pending().await,
    }
}

impl Uplink {
    /// Connects and works until the connection fails; `None` when it was stopped.
    pub(super) async fn session(
        &self,
        connector: Connector,
        habits: &mut Habits,
        stop: &CancellationToken,
    ) -> Option<UplinkError> {
        self.enter(ContactState::Connecting);
        self.progress.until(self.now() + self.config.connect_timeout);
        let lane = tokio::select! {
            biased;
            lane = connector.connect() => match lane {
                Ok(lane) => lane,
                Err(cause) => {
                    habits.wait.dismiss();
                    return Some(cause);
                }
            },
            () = stop.cancelled() => return None,
        };
        let inspected_by = lane.inspected.as_ref().map(|inspected| inspected.by.clone());
        if let Some(by) = &inspected_by {
            tracing::warn!(
                "the connection is opened on the way by «{by}», as configured: messages are signed"
            );
        }
        self.context.status.send_modify(|status| {
            status.protocol = Some(lane.protocol());
            status.inspected_by = inspected_by;
        });
        let mut session = Session {
            connector,
            recorder: Arc::clone(&self.context.recorder),
            uplink: self,
            habits,
            idle: vec![lane],
            sending: None,
            parked: None,
            parked_since: Instant::now(),
            park_after: Instant::now(),
            greeted: false,
            proven: false,
            renumbered: false,
            discarded: 0,
            most: MAX_REPORTS_PER_BATCH,
            on_their_way: 0,
        };
        let connector = session.connector.clone();
        let ended = tokio::select! {
            // In order, so that a simulation runs the same each time.
            biased;
            ended = session.run(stop) => ended,
            never = self.renew_when_due(&connector) => match never {},
        };
        if !session.greeted {
            session.habits.wait.dismiss();
        }
        if session.on_their_way > 0 && ended.as_ref().is_some_and(UplinkError::may_lie_in_the_size) {
            session.habits.portion.came_to_nothing(session.on_their_way);
        }
        ended
    }
}

impl Session<'_> {
    async fn run(&mut self, stop: &CancellationToken) -> Option<UplinkError> {
        self.uplink.enter(ContactState::Sending);
        let hello = match self.recorder.outbox().next_batch(self.portion()) {
            Ok(batch) => batch,
            Err(cause) => return Some(cause.into()),
        };
        let hello = hello.unwrap_or_else(|| self.recorder.outbox().empty_batch());
        self.sending = Some(self.launch(hello, Duration::ZERO));
        loop {
            if let Err(cause) = self.launch_what_is_due() {
                return Some(cause);
            }
            let recorder = Arc::clone(&self.recorder);
            let landed = tokio::select! {
                // In order, so that a simulation runs the same each time.
                biased;
                landed = rest(&mut self.sending) => { self.sending = None; self.sent(landed) }
                landed = rest(&mut self.parked) => { self.parked = None; self.unparked(landed) }
                () = recorder.news() => Ok(()),
                () = tokio::time::sleep_until(self.park_after), if self.may_park_later() => Ok(()),
                () = self.uplink.new_certificate() => Err(UplinkError::NewIdentity),
                () = stop.cancelled() => { self.last_send().await; return None }
            };
            if let Err(cause) = landed {
                return Some(cause);
            }
        }
    }

    fn portion(&self) -> usize {
        self.most.min(self.habits.portion.reports())
    }

    fn may_park_later(&self) -> bool {
        self.parked.is_none() && self.sending.is_none()
    }

    /// Sends what waits; with nothing to send and nothing on its way, parks.
    fn launch_what_is_due(&mut self) -> Result<(), UplinkError> {
        if self.sending.is_some() {
            return Ok(());
        }
        let batch = self.recorder.outbox().next_batch(self.portion())?;
        if let Some(batch) = batch {
            self.sending = Some(self.launch(batch, Duration::ZERO));
        } else if self.parked.is_none() && Instant::now() >= self.park_after {
            let empty = self.recorder.outbox().empty_batch();
            self.parked_since = Instant::now();
            self.parked = Some(self.launch(empty, self.habits.wait.current()));
        }
        if self.parked.is_some() {
            self.uplink.enter(ContactState::Parked);
        }
        Ok(())
    }

    fn launch(&mut self, mut batch: Batch, asked: Duration) -> Flight {
        self.recorder.seal(&mut batch);
        self.on_their_way += batch.body.reports.len();
        let reply_timeout = self.uplink.config.reply_timeout;
        let margin = if asked.is_zero() { reply_timeout } else { Wait::margin(asked, reply_timeout) };
        // A request that is parked beside this one has its own time.
        let longest = asked.max(self.habits.wait.current());
        self.uplink.progress.until(self.uplink.now() + longest + reply_timeout * 2);
        let lane = self.lane();
        let connector = self.connector.clone();
        Box::pin(async move {
            let began = Instant::now();
            let (lane, result) = fly(lane, &connector, &batch, asked, margin).await;
            Landed { lane, batch, result, asked, took: began.elapsed() }
        })
    }

    /// A lane that is free: beside the others on HTTP/2, an idle connection on HTTP/1.1.
    fn lane(&mut self) -> Option<Lane> {
        self.idle.retain(|lane| !lane.is_closed());
        match self.idle.last().and_then(Lane::beside) {
            Some(beside) => Some(beside),
            None => self.idle.pop(),
        }
    }

    fn give_back(&mut self, lane: Option<Lane>) {
        let Some(lane) = lane else { return };
        let shared = self.idle.iter().any(|idle| idle.beside().is_some());
        if !shared && !lane.is_closed() && self.idle.len() < MAX_IDLE_LANES {
            self.idle.push(lane);
        }
    }

    fn sent(&mut self, landed: Landed) -> Result<(), UplinkError> {
        self.give_back(landed.lane);
        let reply = match landed.result {
            Ok(reply) => reply,
            Err(cause) => return self.refused(cause, &landed.batch),
        };
        self.most = MAX_REPORTS_PER_BATCH;
        self.habits.portion.taken(std::mem::take(&mut self.on_their_way));
        if landed.batch.span().is_some() {
            self.habits.pace.taken();
        }
        self.received(&landed.batch, &reply)?;
        let quiet = self.habits.pace.park_in(self.uplink.now());
        self.park_after = self.park_after.max(Instant::now() + quiet);
        Ok(())
    }

    fn unparked(&mut self, landed: Landed) -> Result<(), UplinkError> {
        self.give_back(landed.lane);
        let reply = match landed.result {
            Ok(reply) => reply,
            Err(cause) => {
                self.habits.pace.broke(landed.took);
                if let Some(cut) = cause.cut(landed.took) {
                    self.habits.wait.suspect(landed.asked, cut);
                }
                return Err(cause);
            }
        };
        self.habits.wait.answered(landed.asked, landed.took, self.uplink.now());
        let news = self.received(&landed.batch, &reply)?;
        self.habits.pace.answered(landed.took, news);
        self.show_wait();
        self.park_after = Instant::now() + self.habits.pace.park_in(self.uplink.now());
        Ok(())
    }

    /// What was learnt of the site, for `platen status`.
    fn show_wait(&self) {
        let known = Some((self.habits.wait.current(), self.habits.wait.cut_at()));
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
            self.habits.pace.drain(Duration::from_secs(seconds.into()), random::number(), now);
        }
        self.uplink.context.status.send_modify(|status| status.last_reply = Some(now));
        let first = !std::mem::replace(&mut self.proven, true);
        let news = receive::receive(&self.recorder, &self.uplink.context.clock, batch, reply)?;
        if first {
            self.uplink.proven()?;
        }
        Ok(news)
    }

    /// The first answer on this connection. If the one before it was cut in its idleness, it was the site.
    fn greet(&mut self, now: Duration) {
        let before = self.habits.wait.current();
        if self.habits.wait.confirm(now) {
            let (wait, cut) = (self.habits.wait.current(), self.habits.wait.cut_at());
            if wait == before {
                tracing::debug!(?cut, "this site cut an idle request again");
            } else {
                tracing::info!(
                    ?cut,
                    ?wait,
                    "something at this site cuts idle requests: they wait less from now on"
                );
            }
        } else {
            tracing::info!(manager = %self.connector.address, "the manager answers");
        }
        self.show_wait();
    }

    /// The manager did not take a batch: what can be mended is mended, the rest ends the session. So
    /// does mending again and again, for then it is the manager that needs it.
    fn refused(&mut self, cause: UplinkError, batch: &Batch) -> Result<(), UplinkError> {
        if cause.problem_kind().is_some() {
            // It arrived.
            self.on_their_way = 0;
        }
        let Some((first, last)) = batch.span() else { return Err(cause) };
        match cause.problem_kind() {
            Some(ProblemKind::SequenceConflict) if !self.renumbered => {
                tracing::warn!("{cause}");
                self.renumbered = true;
                self.recorder.begin_epoch()?;
                Ok(())
            }
            Some(ProblemKind::InvalidReport | ProblemKind::BodyTooLarge) if first < last => {
                self.most = 1;
                Ok(())
            }
            Some(ProblemKind::InvalidReport | ProblemKind::BodyTooLarge)
                if self.discarded < MAX_DISCARDED =>
            {
                let kind = batch.body.reports.first().map_or("", |report| report.body.kind());
                tracing::error!(
                    sequence = first,
                    kind,
                    "a report is given up, for the manager will not take it: {cause}"
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
                let landed = rest(&mut self.sending).await;
                self.sending = None;
                self.give_back(landed.lane);
                let reply = landed.result?;
                receive::acknowledge(&self.recorder, &reply)?;
            }
            let batch = self.recorder.outbox().next_batch(self.portion())?;
            if let (Some(mut batch), Some(lane)) = (batch, self.lane()) {
                self.recorder.seal(&mut batch);
                let margin = self.uplink.config.reply_timeout;
                let (_, result) = fly(Some(lane), &self.connector, &batch, Duration::ZERO, margin).await;
                receive::acknowledge(&self.recorder, &result?)?;
            }
            Ok::<(), UplinkError>(())
        };
        match tokio::time::timeout(LAST_SEND, last).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => tracing::info!("what waits is kept for the next start: {cause}"),
            Err(_) => {
                tracing::info!("what waits is kept for the next start: the manager did not answer in time");
            }
        }
    }
}

/// One exchange; a connection that was idle and is found dead is replaced once.
async fn fly(
    lane: Option<Lane>,
    connector: &Connector,
    batch: &Batch,
    wait: Duration,
    margin: Duration,
) -> (Option<Lane>, Result<Reply, UplinkError>) {
    if let Some(mut lane) = lane {
        let multiplexed = lane.beside().is_some();
        match send(&mut lane, &connector.address, batch, wait, margin).await {
            Err(cause) if cause.is_stale_connection() && !multiplexed && wait.is_zero() => {}
            result => return (Some(lane), result),
        }
    }
    match connector.connect().await {
        Ok(mut lane) => {
            let result = send(&mut lane, &connector.address, batch, wait, margin).await;
            (Some(lane), result)
        }
        Err(cause) => (None, Err(cause)),
    }
}

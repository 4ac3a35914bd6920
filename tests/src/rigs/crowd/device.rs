//! One device of a crowd. It keeps what was not acknowledged and its journal of commands as an agent does, and paces itself
//! by the agent's own rules; all it lacks is a printer. It has one connection: an agent reports beside its parked request,
//! and this one when a wait is over.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use platen_agent::random;
use platen_agent::uplink::UplinkConfig;
use platen_agent::uplink::backoff::Backoff;
use platen_agent::uplink::long_poll::LongPollTimeout;
use platen_agent::uplink::poll_pacing::PollPacing;
use platen_protocol::limits::MAX_REPORTS_PER_BATCH;
use rustls::ClientConfig;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::Shared;
use super::books::Book;
use super::figures::count;
use super::messages::{SMALL, batch_of, outcome, template};
use super::wire::{Connection, Failure};

/// Who a device is, and where it goes.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) number: usize,
    pub(super) config: Arc<ClientConfig>,
}

pub(super) struct Device {
    place: Place,
    shared: Arc<Shared>,
    agent: UplinkConfig,
    pacing: PollPacing,
    /// Which way it goes next.
    turn: usize,
    /// The sequence that was given last.
    given: u64,
    acknowledged: u64,
    /// What is not acknowledged, by sequence.
    waiting: VecDeque<(u64, String)>,
    /// The commands that it was given, with the sequences of their outcomes.
    journal: BTreeMap<String, Vec<u64>>,
    next_report: Instant,
}

impl Device {
    pub(super) fn new(place: Place, shared: Arc<Shared>) -> Self {
        let agent = UplinkConfig::default();
        let pacing = PollPacing::new(Backoff::new(agent.backoff_first, agent.backoff_limit));
        let (turn, next_report) = (place.number, Instant::now());
        let mut device = Self {
            place,
            shared,
            agent,
            pacing,
            turn,
            given: 0,
            acknowledged: 0,
            waiting: VecDeque::new(),
            journal: BTreeMap::new(),
            next_report,
        };
        // The first reports of all devices are spread over the whole stretch.
        device.next_report = next_report + device.shared.habits.report_every.mul_f64(drawn());
        device
    }

    /// Until the crowd ends and everything that this one has is acknowledged.
    pub(super) async fn live(mut self) -> Book {
        let shared = Arc::clone(&self.shared);
        // Nobody switches on a fleet in one moment.
        let first = shared.turn.acquire().await.unwrap();
        let mut ended = self.session(|| drop(first)).await;
        while let Err(failure) = ended {
            count(&shared.counts.cut);
            match &failure {
                Failure::Broken(_) => {}
                Failure::NotNow { .. } => count(&shared.counts.turned_away),
                Failure::Refused(why) => shared.counts.refused(format!("{}: {why}", self.place.name)),
            }
            self.rest(&failure).await;
            self.turn += 1;
            ended = self.session(|| {}).await;
        }
        Book { device: self.place.name, acknowledged: self.acknowledged, commands: self.journal }
    }

    fn is_over(&self) -> bool {
        self.shared.ending.is_cancelled() && self.waiting.is_empty()
    }

    /// Waits as an agent does after such a failure.
    async fn rest(&mut self, failure: &Failure) {
        let now = self.shared.counts.time();
        let pause = self.pacing.failed(random::number(), failure.retry_after(), now);
        let pause = if self.waiting.is_empty() { pause.idle } else { pause.least };
        tokio::select! {
            () = sleep(pause) => {}
            () = self.shared.ending.cancelled(), if self.waiting.is_empty() => {}
        }
    }

    /// One connection, to its end; `connected` is called when it has come about. No error means that this device has ended.
    async fn session(&mut self, connected: impl FnOnce()) -> Result<(), Failure> {
        if self.is_over() {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let port = shared.ports[self.turn % shared.ports.len()];
        shared.counts.dials();
        let config = Arc::clone(&self.place.config);
        let open = Connection::open(port, self.place.number, config);
        let mut connection = timeout(self.agent.connect_timeout, open).await??;
        connected();
        // As an agent does, what waits first, or nothing: an answer shows that somebody is there.
        self.send(&mut connection).await?;
        let mut here = None;
        loop {
            if self.is_over() {
                return Ok(());
            }
            let now = Instant::now();
            if now >= self.next_report && !shared.ending.is_cancelled() {
                self.write(template(SMALL));
                self.next_report = now + shared.habits.report_every.mul_f64(0.5 + drawn());
            }
            if self.waiting.is_empty() {
                let quiet = self.pacing.park_in(shared.counts.time());
                sleep(quiet.min(self.next_report.duration_since(now))).await;
                here.get_or_insert_with(|| shared.counts.here());
                self.park(&mut connection).await?;
            } else {
                self.send(&mut connection).await?;
            }
        }
    }

    /// Gives a report its sequence.
    fn write(&mut self, body: String) -> u64 {
        self.given += 1;
        self.waiting.push_back((self.given, body));
        self.given
    }

    fn batch(&self) -> Vec<u8> {
        let some = self.waiting.iter().take(MAX_REPORTS_PER_BATCH);
        batch_of(
            &self.place.name,
            self.acknowledged + 1,
            some.map(|(sequence, body)| (*sequence, body.as_str())),
        )
    }

    async fn send(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        let asked_at = self.acknowledged;
        let reply = timeout(self.agent.reply_timeout, connection.hand_in(self.batch(), None)).await??;
        self.receive(&reply, asked_at)?;
        if self.acknowledged > asked_at {
            self.pacing.taken();
        }
        Ok(())
    }

    async fn park(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        let (asked_at, begin) = (self.acknowledged, Instant::now());
        let left = self.next_report.duration_since(begin).as_secs();
        let seconds = self.shared.habits.wait.as_secs().min(left).max(1);
        let wait = Duration::from_secs(seconds);
        let limit = wait + LongPollTimeout::margin(wait, self.agent.reply_timeout);
        let asked = connection.hand_in(self.batch(), Some(u32::try_from(seconds).unwrap_or(u32::MAX)));
        let reply = tokio::select! {
            reply = timeout(limit, asked) => reply.map_err(Failure::from).flatten(),
            () = self.shared.ending.cancelled() => return Ok(()),
        };
        let held = begin.elapsed();
        match reply {
            Ok(reply) => {
                let news = self.receive(&reply, asked_at)?;
                self.pacing.answered(held, news);
                Ok(())
            }
            Err(failure) => {
                // An agent would have asked for all of it, and reported beside.
                self.pacing.broke(held, self.shared.habits.wait);
                Err(failure)
            }
        }
    }

    /// Takes a reply in, to a request that went out when everything up to `asked_at` was acknowledged; says whether it told
    /// anything new.
    fn receive(&mut self, reply: &Value, asked_at: u64) -> Result<bool, Failure> {
        let counts = &Arc::clone(&self.shared).counts;
        let alien = || Failure::Refused(format!("an answer that no manager gives: {reply}"));
        let acknowledged = &reply["acknowledged"];
        let sequence = acknowledged["sequence"].as_u64().ok_or_else(alien)?;
        if acknowledged["epoch"] != self.place.name.as_str() || sequence > self.given {
            return Err(alien());
        }
        let mut news = sequence > self.acknowledged;
        if news {
            counts.acknowledged.fetch_add(sequence - self.acknowledged, Ordering::Relaxed);
            self.acknowledged = sequence;
            self.waiting.retain(|(waiting, _)| *waiting > sequence);
        }
        if let Some(seconds) = reply["pause_seconds"].as_u64() {
            self.pacing.drain(Duration::from_secs(seconds), random::number(), counts.time());
        }
        for command in reply["commands"].as_array().into_iter().flatten() {
            let id = command["id"].as_str().ok_or_else(alien)?;
            let told = self.journal.get(id).and_then(|told| told.last().copied());
            match told {
                // An outcome that was not acknowledged when the request went out is not lost.
                Some(told) if told > asked_at => continue,
                Some(_) => count(&counts.asked_again),
                None => count(&counts.woken),
            }
            let sequence = self.write(outcome(id));
            self.journal.entry(id.to_owned()).or_default().push(sequence);
            news = true;
        }
        Ok(news)
    }
}

/// Evenly drawn between 0 and 1.
fn drawn() -> f64 {
    f64::from(u32::try_from(random::number() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

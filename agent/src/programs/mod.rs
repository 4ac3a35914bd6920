//! Programs: asks the manager for them, fetches what its answer carries, hands that over to `platen-install`, and tells
//! how it ended.
//!
//! The agent installs nothing and trusts nothing of what it fetches: it has neither the rights nor the keys. It asks at its
//! interval, at the start and when it is told to ([`mod@fetch`], with [`transfer`] and [`piece_size`] as pure decisions);
//! what came lies in the [`spool`]. What `platen-install` writes about its attempts is read ([`watching`]) and reported
//! once; and what it waits for after a switch is said by [`confirm`].
//! Which firmware the engine runs is asked of the [`engine`]. What `platen programs` shows is in
//! [`crate::status::programs`].
//!
//! Nothing here holds up a report: there is a connection of its own, which is made only while the uplink has contact, and
//! the disk is written beside the runtime.

mod config;
mod confirm;
mod engine;
mod fetch;
mod hardware;
mod piece_size;
mod spool;
mod told;
mod transfer;
mod watching;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use platen_hal::engine::Controller;
use platen_protocol::device_to_manager::ReportBody;
use platen_protocol::programs::{AskCause, AttemptOutcome, ProgramReport, ProgramStep};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use config::ProgramsConfig;

use crate::clock::Clock;
use crate::random;
use crate::recorder::{Learnt, Recorder};
use crate::settings::Current;
use crate::status::Status;
use crate::status::programs::{Fetching, UnderWay};
use crate::uplink::UplinkConfig;
use crate::uplink::backoff::{Backoff, share};
use crate::uplink::connect::Connector;
use crate::utilise;
use confirm::{Confirmed, Own, confirmation};
use engine::Engine;
use fetch::{Came, Failed, Fetcher};
use spool::{Request, Spool};
use told::Told;
use transfer::Offered;
use watching::{Ended, Installation};

/// A fleet that is switched on together asks within this.
const FIRST_WITHIN: Duration = Duration::from_secs(5 * 60);
/// While something is under way, it is looked for changes so often.
const LOOK: Duration = Duration::from_secs(1);
/// A hint that comes again and again has the manager asked no more often than this.
const LEAST_PAUSE: Duration = Duration::from_secs(10);
/// A changed interval counts after this at the latest.
const LONGEST_SLEEP: Duration = Duration::from_secs(10 * 60);
/// What the manager was told, in the spool.
const TOLD: &str = "told.json";

/// What of the agent this works on.
#[derive(Debug)]
pub struct Context {
    /// Takes reports, and is rung when the manager is to be asked now.
    pub recorder: Arc<Recorder>,
    /// What the agent knows of itself.
    pub status: watch::Sender<Status>,
    /// Says at which interval to ask.
    pub settings: Current,
    /// Stamps what is told.
    pub clock: Arc<Clock>,
    /// How the manager is reached, while it is.
    pub contact: watch::Receiver<Option<Connector>>,
}

/// Programs, on this device.
pub struct Programs {
    context: Context,
    root: PathBuf,
    install_state: PathBuf,
    backoff: Backoff,
    spool: Spool,
    fetcher: Fetcher,
    told: Told,
    /// When the manager was last asked, with whatever success.
    asked: Option<Duration>,
    /// The place of the first report of this process.
    first_place: u64,
    confirmed: Option<Confirmed>,
    engine: Engine,
}

impl Programs {
    /// Continues what an earlier life of the agent began. It is made before this one has reported anything.
    pub fn new(
        config: &ProgramsConfig,
        uplink: &UplinkConfig,
        state_directory: &Path,
        engine: Option<Controller>,
        context: Context,
    ) -> Self {
        let spool = Spool::new(state_directory);
        let fetcher = Fetcher::new(
            context.contact.clone(),
            spool.clone(),
            Arc::clone(&context.clock),
            context.status.borrow().model.clone(),
            config.keep_free,
            uplink.reply_timeout,
        );
        let first_place = context.recorder.outbox().next_place();
        Self {
            root: config.root.clone(),
            install_state: config.install_state.clone(),
            backoff: Backoff::new(uplink.backoff_first, uplink.backoff_limit),
            told: spool.read(TOLD).unwrap_or_default(),
            first_place,
            confirmed: None,
            asked: None,
            engine: Engine::new(engine),
            spool,
            fetcher,
            context,
        }
    }

    /// Works until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            // In order, so that a simulation runs the same each time.
            biased;
            () = stop.cancelled() => {}
            () = self.work() => {}
        }
    }

    async fn work(&mut self) {
        let device = self.context.status.borrow().device.to_string();
        let mut cause = AskCause::Start;
        let mut due = self.now() + self.first_ask();
        loop {
            self.until_nothing_is_under_way().await;
            if let Some(told_to) = self.until_due(due).await {
                cause = told_to;
            }
            self.fetcher.in_contact().await;
            self.fetch(cause).await;
            self.asked = Some(self.now());
            due = self.now() + next_ask(cause, &device, self.interval());
            cause = AskCause::Interval;
        }
    }

    fn now(&self) -> Duration {
        self.context.clock.monotonic()
    }

    fn interval(&self) -> Duration {
        self.context.settings.applied().programs_interval
    }

    /// What was begun goes on at once.
    fn first_ask(&self) -> Duration {
        if self.fetcher.transfer().is_some() { Duration::ZERO } else { first_ask(random::number()) }
    }

    /// Until the manager is to be asked: at a moment, or because somebody says so.
    async fn until_due(&mut self, due: Duration) -> Option<AskCause> {
        let begun = self.now();
        loop {
            // An interval that was made shorter counts.
            let due = due.min(begun + self.interval());
            self.context.status.send_modify(|status| status.programs.next = Some(due));
            let left = due.saturating_sub(self.now());
            if left.is_zero() {
                return None;
            }
            tokio::select! {
                biased;
                () = self.context.recorder.programs() => {
                    let not_before = self.asked.map_or(Duration::ZERO, |asked| asked + LEAST_PAUSE);
                    tokio::time::sleep(not_before.saturating_sub(self.now())).await;
                    return Some(AskCause::Command);
                }
                () = tokio::time::sleep(left.min(LONGEST_SLEEP)) => {}
            }
        }
    }

    /// Follows what `platen-install` does, as long as it has something to do.
    async fn until_nothing_is_under_way(&mut self) {
        loop {
            let found = self.look();
            if !self.spool.is_ready() && found.attempt.is_none() {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Sees how it stands at `platen-install`, tells what is news of it, and says what it waits for.
    fn look(&mut self) -> Installation {
        let mut found = Installation::read(&self.install_state, &self.root);
        self.engine.correct(&mut found.running);
        let mut told = self.told.clone();
        let news = told.news(&found);
        self.tell(news, told);
        self.confirm(&found);
        self.context.recorder.installing(found.attempt.is_some());
        let named = |request: Request| format!("{}/{}/{}", request.kind, request.name, request.version);
        let ready = self.spool.is_ready().then(|| self.spool.ready().map(named).unwrap_or_default());
        let tried = self.told.ended.clone();
        self.context.status.send_if_modified(|status| {
            let known = &mut status.programs;
            let attempt = found.attempt.as_ref().map(|attempt| UnderWay {
                attempt_id: attempt.id.clone(),
                program: attempt.program.clone(),
                step: attempt.step,
                reason: attempt.reason.clone(),
            });
            let before = (known.running.clone(), known.trusted, known.ready.clone(), known.attempt.clone());
            let now = (found.running.clone(), found.trusted, ready, attempt);
            let is_news = before != now || known.tried != tried;
            (known.running, known.trusted, known.ready, known.attempt) = now;
            known.tried = tried;
            is_news
        });
        found
    }

    /// Reports what is news; only then it counts as told, so it may be told twice, and never not at all.
    fn tell(&mut self, news: Vec<ProgramReport>, told: Told) {
        if news.is_empty() {
            return;
        }
        for report in &news {
            tracing::info!(
                attempt = %report.attempt_id, step = ?report.step, reason = report.reason,
                program = report.program.as_ref().map(tracing::field::display), "a program"
            );
        }
        let bodies = news.into_iter().map(|program| ReportBody::Program { program }).collect();
        let taken = self.context.clock.stamp();
        if let Err(cause) = self.context.recorder.record(&taken, bodies, Learnt::default()) {
            tracing::warn!("how it stands with a program cannot be reported now: {cause}");
            return;
        }
        if let Err(cause) = self.spool.write(TOLD, &told) {
            tracing::warn!("what was told of programs cannot be kept, and may be told again: {cause}");
        }
        self.told = told;
    }

    fn confirm(&mut self, found: &Installation) {
        let Some(attempt) = &found.attempt else {
            // What was said of an earlier attempt is over, also where another process said it.
            self.confirmed = None;
            self.spool.remove(confirm::FILE_NAME);
            return;
        };
        let confirmed = {
            let status = self.context.status.borrow();
            let own = Own {
                readings: status.readings.as_ref(),
                first_place: self.first_place,
                acknowledged: status.acknowledged,
            };
            confirmation(attempt, own)
        };
        if confirmed.is_none() || confirmed == self.confirmed {
            return;
        }
        match self.spool.write(confirm::FILE_NAME, &confirmed) {
            Ok(()) => {
                tracing::info!(attempt = %attempt.id, "this version reads the sensors and reaches the manager");
                self.confirmed = confirmed;
            }
            Err(cause) => tracing::warn!("that this version works cannot be written down: {cause}"),
        }
    }

    /// Asks, and fetches what there is, until it is whole or there is nothing.
    async fn fetch(&mut self, cause: AskCause) {
        self.engine.ask().await;
        let found = self.look();
        self.backoff.reset();
        loop {
            match self.fetcher.piece(cause, &found, &self.told).await {
                Ok(came) => {
                    self.backoff.reset();
                    if self.came(came) {
                        break;
                    }
                }
                Err(failed) => {
                    self.show_trouble(Some(&failed));
                    if !failed.is_for_later() {
                        tracing::warn!(
                            "the manager is not asked for programs again before the next time: {failed}"
                        );
                        break;
                    }
                    tracing::debug!("a piece of a program did not come: {failed}");
                    self.pause(&failed).await;
                }
            }
        }
        self.fetcher.hang_up();
        self.show_fetching();
    }

    /// Waits before the next try, or until somebody wants it now.
    async fn pause(&mut self, failed: &Failed) {
        self.show_fetching();
        let pause = self.backoff.next(random::number(), failed.retry_after());
        let recorder = Arc::clone(&self.context.recorder);
        tokio::select! {
            biased;
            () = recorder.programs(), if failed.retry_after().is_none() => {}
            () = tokio::time::sleep(pause) => {}
        }
        self.fetcher.in_contact().await;
    }

    /// Tells of a piece; says whether it was the last.
    fn came(&mut self, came: Came) -> bool {
        let now = self.now();
        self.context.status.send_modify(|status| status.programs.asked = Some(now));
        self.show_trouble(None);
        self.show_fetching();
        match came {
            Came::Nothing => true,
            Came::Begun | Came::More => {
                if let Some(offered) = self.fetcher.transfer().map(|held| held.offered().clone()) {
                    self.tell_step(&offered, ProgramStep::Fetching);
                }
                false
            }
            Came::Ready(offered) => {
                self.tell_step(&offered, ProgramStep::Ready);
                true
            }
            Came::Refused(offered, reason) => {
                let ended = Ended {
                    id: offered.attempt,
                    program: Some(offered.program),
                    outcome: AttemptOutcome::Refused,
                    reason: Some(reason),
                };
                let mut told = self.told.clone();
                let news = told.end(&ended).into_iter().collect();
                self.tell(news, told);
                true
            }
        }
    }

    fn tell_step(&mut self, offered: &Offered, step: ProgramStep) {
        let mut told = self.told.clone();
        let news = told.step(&offered.attempt, Some(&offered.program), step, None).into_iter().collect();
        self.tell(news, told);
    }

    fn show_trouble(&self, failed: Option<&Failed>) {
        let trouble = failed.map(ToString::to_string);
        self.context.status.send_if_modified(|status| {
            let is_news = status.programs.trouble != trouble;
            status.programs.trouble = trouble;
            is_news
        });
    }

    fn show_fetching(&self) {
        let fetching = self.fetcher.transfer().map(|held| Fetching {
            attempt_id: held.offered().attempt.clone(),
            program: held.offered().program.clone(),
            bytes: held.bytes(),
            whole: held.offered().whole,
        });
        self.context.status.send_if_modified(|status| {
            let is_news = status.programs.fetching != fetching;
            status.programs.fetching = fetching;
            is_news
        });
    }
}

/// How long after its start a device asks.
fn first_ask(random: u64) -> Duration {
    share(FIRST_WITHIN, random)
}

/// How long after it was asked the manager is asked again: after the start at the device's own moment of the interval,
/// then an interval later each time.
fn next_ask(asked: AskCause, device: &str, interval: Duration) -> Duration {
    if asked == AskCause::Start { utilise::first_after(device, interval) } else { interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_asks_soon_after_its_start_and_then_at_its_own_moment_of_each_interval() {
        let day = Duration::from_secs(86_400);
        let (mut first, mut quarters) = ([0_u32; 4], [0_u32; 4]);
        for number in 0..400_u64 {
            let soon = first_ask(u64::MAX / 400 * number);
            assert!(soon <= FIRST_WITHIN);
            first[usize::try_from(soon.as_secs() * 4 / FIRST_WITHIN.as_secs()).unwrap().min(3)] += 1;
            let device = format!("printer-{number}");
            let then = next_ask(AskCause::Start, &device, day);
            quarters[usize::try_from(then.as_secs() * 4 / day.as_secs()).unwrap().min(3)] += 1;
            assert_eq!(then, next_ask(AskCause::Start, &device, day), "it has its own moment");
            assert_eq!(next_ask(AskCause::Interval, &device, day), day);
            assert_eq!(next_ask(AskCause::Command, &device, day), day);
        }
        assert!(first.iter().chain(&quarters).all(|devices| *devices > 60), "{first:?} {quarters:?}");
    }
}

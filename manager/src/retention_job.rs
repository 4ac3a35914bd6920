//! The job, in rounds: first histories are gathered from the reports, then what is old is let go of, then space is
//! given back. Each is done in small steps with rests between them, and gives way to reports that wait. Whatever
//! interrupts it, the next round goes on.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::history::{self, Resolution};
use crate::quota::Quotas;
use crate::retention::pace::Pace;
use crate::retention::{Settings, days_before};
use crate::store::{JobMark, Kept, ReportsToLetGo, Store, StoreError, Unsealed};

/// How often a round begins.
const ROUND_EVERY: Duration = Duration::from_secs(15 * 60);
/// The first begins when the manager has taken up what waited for it.
const FIRST_ROUND: Duration = Duration::from_secs(2 * 60);
/// How often what devices reported is gathered: each time, their blocks of today are written anew.
const GATHER_EVERY_MS: i64 = 6 * history::HOUR_MS;
/// Where so many reports are to be gathered, that is done in every round: until then a page of the device reads each.
const MANY_REPORTS: u32 = 300;
/// Epochs that are looked for at once.
const EPOCHS_AT_ONCE: u32 = 64;
/// While reports wait, a step waits for so long at most: then it is its turn, or it would never be under steady load.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// How often it is looked whether they still wait.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// So many pieces of work wait at any busy moment.
const FEW: usize = 4;
/// Commits that are tried to see how long they take.
const COMMITS_TRIED: u32 = 3;
/// The mark of what is gathered: up to which report, and when that was done.
const GATHERED: &str = "histories";

/// Says whether this manager is the one that does the job now: of several on one database only one does.
pub type Turn = Arc<dyn Fn() -> bool + Send + Sync>;

/// What the job works with.
pub struct Job {
    /// Where everything is.
    pub store: Store,
    /// How long values are kept.
    pub history: history::Settings,
    /// How long everything else is.
    pub retention: Settings,
    /// Who hears what was let go of.
    pub quotas: Arc<Quotas>,
    /// Whether it is this manager's turn.
    pub turn: Turn,
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Reports whose values were gathered.
    pub gathered: u64,
    /// Reports that were let go of.
    pub reports: u64,
    /// Rows of other lists that were.
    pub rows: u64,
    /// Blocks of history that were.
    pub blocks: u64,
}

/// One round, with its pace.
struct Round<'a> {
    job: &'a Job,
    now: Timestamp,
    stop: &'a CancellationToken,
    pace: Pace,
    /// The newest report at the step before.
    newest: i64,
    done: Done,
}

/// The manager stops, or it is another's turn.
struct Stopped;

enum Interrupted {
    Stopped,
    Failed(StoreError),
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<Stopped> for Interrupted {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl Job {
    /// Until the manager stops.
    pub async fn run(self, stop: CancellationToken) {
        let mut rest = FIRST_ROUND;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(rest) => {}
            }
            rest = ROUND_EVERY;
            if (self.turn)() {
                self.round(crate::clock::now(), &stop).await;
            }
        }
    }

    /// One round; says what it did.
    pub async fn round(&self, now: Timestamp, stop: &CancellationToken) -> Done {
        let mut round =
            Round { job: self, now, stop, pace: Pace::new(Duration::ZERO), newest: 0, done: Done::default() };
        match round.all().await {
            Ok(()) | Err(Interrupted::Stopped) => {}
            Err(Interrupted::Failed(error)) => {
                tracing::warn!(%error, "what is old could not be let go of; retrying in {} minutes", ROUND_EVERY.as_secs() / 60);
            }
        }
        let Done { gathered, reports, rows, blocks } = round.done;
        if round.done != Done::default() {
            tracing::debug!(
                gathered,
                reports,
                rows,
                blocks,
                "histories were gathered and what is old was let go of"
            );
        }
        round.done
    }
}

impl Round<'_> {
    async fn all(&mut self) -> Result<(), Interrupted> {
        let (store, history) = (&self.job.store, self.job.history);
        store.look_after_partitions(history, self.now).await?;
        self.pace = Pace::new(self.commit().await?);
        self.gather().await?;
        self.let_go_of_reports().await?;
        self.let_go_of_lists().await?;
        self.cut_audit().await?;
        self.let_go_of_history().await?;
        while self.delete(store.give_space_back(self.pace.rows())).await? {}
        Ok(())
    }

    /// How long a commit of next to nothing takes: the quickest of some.
    async fn commit(&self) -> Result<Duration, StoreError> {
        let mut quickest = Duration::MAX;
        for _ in 0..COMMITS_TRIED {
            let begun = Instant::now();
            self.job.store.probe(self.now).await?;
            quickest = quickest.min(begun.elapsed());
        }
        Ok(quickest)
    }

    /// Does one step of the deleting, which may take the longer, the more devices report meanwhile.
    async fn delete<T>(
        &mut self,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Interrupted> {
        let newest = self.job.store.newest_report().await?;
        let reported = newest != std::mem::replace(&mut self.newest, newest);
        self.take(step, reported).await
    }

    /// Does one step of the gathering, which has to keep up with what is reported.
    async fn step<T>(&mut self, step: impl Future<Output = Result<T, StoreError>>) -> Result<T, Interrupted> {
        self.take(step, false).await
    }

    /// Does one step, once no reports wait, and rests as it went.
    async fn take<T>(
        &mut self,
        step: impl Future<Output = Result<T, StoreError>>,
        reported: bool,
    ) -> Result<T, Interrupted> {
        let begun = Instant::now();
        while self.job.store.waiting() > FEW && begun.elapsed() < LONGEST_WAIT {
            self.rest(LOOK_EVERY).await?;
        }
        if self.stop.is_cancelled() || !(self.job.turn)() {
            return Err(Stopped.into());
        }
        let begun = Instant::now();
        let done = step.await?;
        let rest = self.pace.took(begun.elapsed(), reported);
        self.rest(rest).await?;
        Ok(done)
    }

    async fn rest(&self, time: Duration) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Stopped),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    fn milliseconds(&self) -> i64 {
        self.now.as_millisecond()
    }

    async fn gather(&mut self) -> Result<(), Interrupted> {
        let store = &self.job.store;
        let mark = store.job_mark(GATHERED).await?;
        let now = self.milliseconds();
        let is_due = now.saturating_sub(mark.at) >= GATHER_EVERY_MS || mark.at > now;
        let least = if is_due { 0 } else { MANY_REPORTS };
        // What comes in meanwhile is for the next time.
        let newest = store.newest_report().await?;
        let mut after = 0;
        loop {
            let some = self.step(store.unsealed(after, least, EPOCHS_AT_ONCE)).await?;
            let Some(end) = some.last() else { break };
            after = end.epoch;
            for epoch in some {
                self.gather_epoch(epoch).await?;
            }
        }
        if !is_due {
            return Ok(());
        }
        let place = JobMark { key: newest, at: now };
        Ok(store.set_job_mark(GATHERED, place).await?)
    }

    async fn gather_epoch(&mut self, epoch: Unsealed) -> Result<(), Interrupted> {
        let mut next = Some(epoch);
        while let Some(epoch) = next.take() {
            let sealed = self.step(self.job.store.seal(epoch, self.job.history, self.now)).await?;
            self.done.gathered += u64::from(sealed.reports);
            next = sealed.more;
        }
        Ok(())
    }

    async fn let_go_of_reports(&mut self) -> Result<(), Interrupted> {
        let store = &self.job.store;
        let (kinds, now) = (self.job.retention.reports, self.milliseconds());
        // Only what is gathered may go.
        let upto = store.job_mark(GATHERED).await?.key;
        for days in kinds.lengths() {
            let before = days_before(now, days);
            loop {
                let what = ReportsToLetGo { days, kinds, before, upto, rows: self.pace.rows(), now };
                let step = self.delete(store.let_go_of_reports(what)).await?;
                self.done.reports += step.deleted;
                for (device, bytes) in &step.freed {
                    self.job.quotas.freed(device, *bytes);
                }
                if step.done {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn let_go_of_lists(&mut self) -> Result<(), Interrupted> {
        let kept = &self.job.retention;
        let lists = [
            (Kept::Alerts, kept.alerts_days),
            (Kept::ServiceCalls, kept.service_calls_days),
            (Kept::Orders, kept.orders_days),
            (Kept::Replacements, kept.replacements_days),
            (Kept::Commands, kept.commands_days),
            (Kept::Watches, kept.watches_days),
            (Kept::Losses, kept.losses_days),
            (Kept::Notices, kept.notices_days),
            (Kept::Clones, kept.clones_days),
            (Kept::IdentityLog, kept.identity_log_days),
            (Kept::Tokens, kept.tokens_days),
            // As long as most of what it stands for.
            (Kept::NowItems, kept.alerts_days),
            (Kept::Sessions, 0),
        ];
        for (list, days) in lists {
            let before = days_before(self.milliseconds(), days);
            loop {
                let gone = self.delete(self.job.store.let_go(list, before, self.pace.rows())).await?;
                self.done.rows += gone;
                if gone == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// From its beginning on, in order, so that what is left is a chain.
    async fn cut_audit(&mut self) -> Result<(), Interrupted> {
        let before = days_before(self.milliseconds(), self.job.retention.audit_days);
        loop {
            let gone = self.delete(self.job.store.cut_audit(before, self.pace.rows())).await?;
            self.done.rows += gone;
            if gone == 0 {
                return Ok(());
            }
        }
    }

    async fn let_go_of_history(&mut self) -> Result<(), Interrupted> {
        for resolution in Resolution::ALL {
            let before = self.job.history.horizon(resolution, self.milliseconds());
            loop {
                let step = self.job.store.let_go_of_history(resolution, before, self.pace.rows());
                let gone = self.delete(step).await?;
                self.done.blocks += gone;
                if gone == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}

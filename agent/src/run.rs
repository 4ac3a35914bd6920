//! The agent at work: opens everything, starts every task, and ends them in order.

use std::sync::Arc;
use std::time::Duration;

use platen_hal::{Edge, Opened};
use platen_protocol::device_to_manager::ReportBody;
use platen_protocol::identity::InvalidId;
use platen_protocol::readings::Readings;
use platen_protocol::stamp::Stamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::compose;
use crate::config::{Config, ConfigError};
use crate::control;
use crate::execute;
use crate::judge::{Event, Judge};
use crate::keep::Keep;
use crate::outbox::{self, OutboxError};
use crate::sample::{self, Rhythm, Sample, Seen};
use crate::status::Status;
use crate::stop::{self, Stop, Stopper};
use crate::uplink::{Progress, Uplink};
use crate::utilise;
use crate::watchdog;

/// Everything must have ended this long after the stop.
const STOP_LIMIT: Duration = Duration::from_secs(8);

/// Why the agent cannot begin, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A simulated board, where that is not allowed.
    #[error(
        "{board} describes a simulated printer, and this agent may only watch a real one: give it another board file, or set `allow_simulated = true` in {config}"
    )]
    Simulated {
        /// The board file.
        board: String,
        /// The agent's file.
        config: String,
    },
    /// The outbox.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The control socket.
    #[error(transparent)]
    Control(#[from] control::BindError),
    /// The board's thread cannot start.
    #[error("the board's thread cannot start: {0}")]
    Thread(#[source] std::io::Error),
    /// The board's thread has ended by itself.
    #[error("the board's thread has ended")]
    BoardEnded,
    /// An alert could not be named.
    #[error(transparent)]
    Name(#[from] InvalidId),
}

/// Works until `stop` ends.
pub async fn run(config: Config, opened: Opened, stop: impl Future<Output = ()>) -> Result<(), RunError> {
    let device = config.device()?;
    let Opened { board, simulator } = opened;
    if board.simulated() && !config.allow_simulated {
        return Err(RunError::Simulated {
            board: config.board.display().to_string(),
            config: config.source.display().to_string(),
        });
    }
    let clock = Arc::new(Clock::new());
    let (outbox, alerts) = outbox::open(&config.state_directory, config.outbox)?;
    let listener = control::bind(&config.control_socket)?;
    let mut status = Status::new(device.clone(), board.model(), board.simulated(), clock.monotonic());
    status.alerts = alerts.standing().cloned().collect();
    tracing::info!(
        %device, model = board.model(), simulated = board.simulated(), epoch = %outbox.epoch(),
        waiting = outbox.backlog(), "platen-agent {} begins", env!("CARGO_PKG_VERSION")
    );
    let rhythm = Rhythm {
        interval: config.sample.interval,
        switch_debounce: config.judge.switch_debounce,
        repeats: config.judge.debounce_samples,
    };
    watchdog::check(watchdog::interval(), config.sample.interval);
    let (board, seen, thread) = sample::start(board, rhythm, Arc::clone(&clock)).map_err(RunError::Thread)?;
    let keep = Arc::new(Keep::new(outbox, clock, board, status));
    let progress = Arc::new(Progress::default());

    let (stopping, stopped) = stop::channel();
    let mut tasks = JoinSet::new();
    let state_directory = config.state_directory.clone();
    let uplink = Uplink::new(config.uplink, state_directory, Arc::clone(&keep), Arc::clone(&progress));
    tasks.spawn(uplink.run(stopped.clone()));
    tasks.spawn(control::serve(listener, Arc::clone(&keep), simulator, stopped.clone()));
    tasks.spawn(tell_service_manager(Arc::clone(&keep), stopped));
    watchdog::ready();

    let work = Work {
        judge: Judge::new(config.judge, alerts),
        keep: Arc::clone(&keep),
        progress,
        settle: config.sample.settle,
        started: false,
        last: None,
        failed_reads: 0,
        troubled: false,
        utilisation: config.utilisation.interval,
        next_utilisation: Instant::now() + utilise::first_after(device.as_str(), config.utilisation.interval),
    };
    let ended = tokio::select! {
        ended = work.run(seen) => ended,
        () = stop => Ok(()),
    };
    end(&stopping, tasks, &keep, thread, &config.control_socket).await;
    ended
}

async fn end(
    stopping: &Stopper,
    mut tasks: JoinSet<()>,
    keep: &Keep,
    thread: std::thread::JoinHandle<()>,
    socket: &std::path::Path,
) {
    tracing::info!("the agent is being stopped");
    watchdog::stopping();
    stopping.stop();
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_LIMIT, all).await.is_err() {
        tracing::warn!("not everything ended within {} s", STOP_LIMIT.as_secs());
    }
    if keep.board.stop().is_ok() {
        // The thread may be in the middle of a bus transfer; the bus has its own time limits.
        let joined = tokio::task::spawn_blocking(move || thread.join());
        if tokio::time::timeout(STOP_LIMIT, joined).await.is_err() {
            tracing::warn!("the board's thread did not end");
        }
    }
    if let Err(cause) = keep.outbox().settle() {
        tracing::warn!("{cause}");
    }
    // Left behind it would do no harm; gone, `platen` can say more plainly that no agent runs.
    let _ = std::fs::remove_file(socket);
}

/// A line for `systemctl status`, when the contact changes.
async fn tell_service_manager(keep: Arc<Keep>, mut stop: Stop) {
    let mut changes = keep.status.subscribe();
    let mut told = None;
    loop {
        let now = changes.borrow_and_update().contact;
        if told != Some(now) {
            let name = keep.status.borrow().manager.clone().unwrap_or_else(|| "no manager yet".to_owned());
            watchdog::status(&format!("{}: {name}", crate::show::contact(now)));
            told = Some(now);
        }
        tokio::select! {
            more = changes.changed() => if more.is_err() { return },
            () = stop.asked() => return,
        }
    }
}

/// Judges what the board thread sees, and keeps what follows from it.
struct Work {
    judge: Judge,
    keep: Arc<Keep>,
    progress: Arc<Progress>,
    settle: Duration,
    started: bool,
    last: Option<Readings>,
    failed_reads: u64,
    /// Whether the last try to keep something failed.
    troubled: bool,
    utilisation: Duration,
    next_utilisation: Instant,
}

impl Work {
    async fn run(mut self, mut seen: mpsc::Receiver<Seen>) -> Result<(), RunError> {
        execute::resume(&self.keep).await?;
        loop {
            tokio::select! {
                seen = seen.recv() => match seen {
                    Some(Seen::Sample(sample)) => self.sample(&sample)?,
                    Some(Seen::Edges(edges)) => self.edges(&edges)?,
                    None => return Err(RunError::BoardEnded),
                },
                () = tokio::time::sleep_until(self.next_utilisation) => self.utilisation()?,
            }
        }
    }

    fn sample(&mut self, sample: &Sample) -> Result<(), RunError> {
        self.show(sample);
        let mut judge = self.judge.clone();
        let events = judge.sample(&sample.readings, sample.at)?;
        let mut bodies = Vec::new();
        if !self.started {
            judge.told(&sample.readings);
            bodies.push(compose::started(&self.keep.status.borrow().model, &sample.readings));
        }
        let kept =
            self.store(judge, &events, bodies, Some(&sample.readings), &self.keep.clock.stamp_at(sample.at))?;
        self.started |= kept;
        if self.judge.undecided()
            && let Err(cause) = self.keep.board.sample_within(self.settle)
        {
            tracing::warn!("{cause}");
        }
        if self.progress.is_timely(self.keep.clock.monotonic()) {
            watchdog::feed();
        }
        Ok(())
    }

    fn show(&mut self, sample: &Sample) {
        self.failed_reads = sample.failed_reads;
        self.last = Some(sample.readings.clone());
        self.keep.status.send_if_modified(|status| {
            let changed = status.readings.as_ref() != Some(&sample.readings);
            status.readings = Some(sample.readings.clone());
            status.failed_reads = sample.failed_reads;
            changed
        });
    }

    fn edges(&mut self, edges: &[Edge]) -> Result<(), RunError> {
        for edge in edges {
            tracing::debug!(switch = edge.switch, active = edge.active, "an edge");
            let mut judge = self.judge.clone();
            let events = judge.edge(edge)?;
            self.store(judge, &events, Vec::new(), None, &self.keep.clock.stamp_at(edge.at))?;
        }
        Ok(())
    }

    fn utilisation(&mut self) -> Result<(), RunError> {
        self.next_utilisation += self.utilisation;
        if let Some(readings) = self.last.clone() {
            let now = self.keep.clock.monotonic();
            let running = now.saturating_sub(self.keep.status.borrow().began).as_secs();
            let mut judge = self.judge.clone();
            judge.told(&readings);
            let body = compose::utilisation(running, self.failed_reads, &readings);
            self.store(judge, &[], vec![body], None, &self.keep.clock.stamp())?;
        }
        Ok(())
    }

    /// Keeps what was concluded together with the state that it leaves behind. Should that fail, the
    /// old state stands, so that the next sample comes to the same conclusion again. Says whether it
    /// was kept.
    fn store(
        &mut self,
        judge: Judge,
        events: &[Event],
        mut bodies: Vec<ReportBody>,
        readings: Option<&Readings>,
        taken: &Stamp,
    ) -> Result<bool, RunError> {
        let alerts = (judge.alerts() != self.judge.alerts()).then(|| judge.alerts().clone());
        bodies.extend(compose::events(events, readings));
        if bodies.is_empty() {
            self.judge = judge;
            return Ok(true);
        }
        match self.keep.keep(taken, bodies, alerts.as_ref()) {
            Ok(_) => {
                self.judge = judge;
                self.troubled = false;
                events.iter().for_each(log);
                if let Some(alerts) = alerts {
                    self.keep
                        .status
                        .send_modify(|status| status.alerts = alerts.standing().cloned().collect());
                }
                Ok(true)
            }
            Err(cause) if cause.is_corruption() => Err(cause.into()),
            Err(cause) => {
                if !self.troubled {
                    tracing::error!("an event could not be kept, and is tried again: {cause}");
                }
                self.troubled = true;
                Ok(false)
            }
        }
    }
}

fn log(event: &Event) {
    match event {
        Event::Raised(alert) => {
            tracing::warn!(code = %alert.code, subject = alert.subject, "alert: {}", alert.description);
        }
        Event::Cleared { id, description } => tracing::info!(alert = %id, "alert ended: {description}"),
        Event::ServiceButton => tracing::info!("the service button was pressed"),
        Event::Changed => tracing::debug!("the readings changed"),
    }
}

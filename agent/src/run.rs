//! The agent at work: opens everything, starts every task, and ends them in order.

use std::sync::Arc;
use std::time::Duration;

use platen_hal::config::BoardConfig;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::board::Opened;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::execute;
use crate::identity;
use crate::judge::{Judge, Past};
use crate::keep::Keep;
use crate::outbox::OutboxError;
use crate::remembered::{self, Remembered};
use crate::sample::{self, Rhythm};
use crate::settings::{self, Files};
use crate::tool::control;
use crate::tool::status::Status;
use crate::uplink::examine::Examiner;
use crate::uplink::{Progress, Uplink};
use crate::utilise;
use crate::watchdog;
use crate::work::{Begin, Work, WorkError};

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
    /// The work at the board.
    #[error(transparent)]
    Work(#[from] WorkError),
}

/// Works until `stop` ends. `board_file` is what the board was opened by.
pub async fn run(
    config: Config,
    board_file: &BoardConfig,
    opened: Opened,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let device = config.device()?;
    let Opened { board, simulator } = opened;
    if board.simulated() && !config.allow_simulated {
        return Err(RunError::Simulated {
            board: config.board.display().to_string(),
            config: config.source.display().to_string(),
        });
    }
    let clock = Arc::new(Clock::new());
    if let Err(cause) = identity::clear_unfinished(&config.state_directory)
        && config.state_directory.exists()
    {
        tracing::warn!("what an enrolment that was cut left behind stays there: {cause}");
    }
    let (outbox, remembered) = remembered::open(&config.state_directory, config.outbox)?;
    let Remembered { alerts, past, settings } = remembered;
    let files = Files::new(
        config.sample.interval,
        config.utilisation.interval,
        &config.judge,
        &config.given,
        board_file,
    );
    let applied = settings::apply(&files, &settings);
    let listener = control::bind(&config.control_socket)?;
    let mut status = Status::new(device.clone(), board.model(), board.simulated(), clock.monotonic());
    status.alerts = alerts.standing().cloned().collect();
    status.settings = settings::report(&files, &settings);
    tracing::info!(
        %device, model = board.model(), simulated = board.simulated(), epoch = %outbox.epoch(),
        waiting = outbox.backlog(), "platen-agent {} begins", env!("CARGO_PKG_VERSION")
    );
    let rhythm = Rhythm {
        interval: applied.sample_interval,
        switch_debounce: config.judge.switch_debounce,
        repeats: applied.judge.debounce_samples,
    };
    watchdog::check(watchdog::interval(), applied.sample_interval);
    let (board, seen, thread) = sample::start(board, rhythm, Arc::clone(&clock)).map_err(RunError::Thread)?;
    let keep = Arc::new(Keep::new(outbox, clock, board, status, files, settings));
    let progress = Arc::new(Progress::default());

    let stopping = CancellationToken::new();
    let stopped = stopping.clone();
    let mut tasks = JoinSet::new();
    let state_directory = config.state_directory.clone();
    let examiner = Examiner::new(config.uplink.clone(), state_directory.clone(), Arc::clone(&keep.clock));
    let uplink = Uplink::new(config.uplink, state_directory, Arc::clone(&keep), Arc::clone(&progress));
    tasks.spawn(uplink.run(stopped.clone()));
    tasks.spawn(control::serve(listener, Arc::clone(&keep), simulator, examiner, stopped.clone()));
    tasks.spawn(execute::run(Arc::clone(&keep), stopped.clone()));
    tasks.spawn(tell_service_manager(Arc::clone(&keep), stopped));
    watchdog::ready();

    let mut work = Work::new(Begin {
        judge: Judge::new(applied.judge, alerts, past),
        keep: Arc::clone(&keep),
        progress,
        settle: config.sample.settle,
        rhythm,
        utilisation: applied.utilisation_interval,
        first_utilisation: utilise::first_after(device.as_str(), applied.utilisation_interval),
        retry_disk: config.outbox.retry_disk,
    });
    let ended = tokio::select! {
        ended = work.run(seen) => ended.map_err(RunError::from),
        () = stop => Ok(()),
    };
    end(&stopping, tasks, &keep, work.judge().past(), thread, &config.control_socket).await;
    ended
}

async fn end(
    stopping: &CancellationToken,
    mut tasks: JoinSet<()>,
    keep: &Keep,
    past: &Past,
    thread: std::thread::JoinHandle<()>,
    socket: &std::path::Path,
) {
    tracing::info!("the agent is being stopped");
    watchdog::stopping();
    stopping.cancel();
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
    if let Err(cause) = keep.outbox().settle(Some(past)) {
        tracing::warn!("{cause}");
    }
    // Left behind it would do no harm; gone, `platen` can say more plainly that no agent runs.
    let _ = std::fs::remove_file(socket);
}

/// A line for `systemctl status`, when the contact changes.
async fn tell_service_manager(keep: Arc<Keep>, stop: CancellationToken) {
    let mut changes = keep.status.subscribe();
    let mut told = None;
    loop {
        let now = changes.borrow_and_update().contact;
        if told != Some(now) {
            let name = keep.status.borrow().manager.clone().unwrap_or_else(|| "no manager yet".to_owned());
            watchdog::status(&format!("{}: {name}", crate::tool::show::contact(now)));
            told = Some(now);
        }
        tokio::select! {
            more = changes.changed() => if more.is_err() { return },
            () = stop.cancelled() => return,
        }
    }
}

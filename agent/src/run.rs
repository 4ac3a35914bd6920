//! The agent at work: opens everything, starts every task, and ends them in order.

use std::sync::Arc;
use std::time::Duration;

use platen_hal::config::BoardConfig;
use platen_hal::engine::Controller;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::board::Opened;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::execute::{self, Executor};
use crate::give_back;
use crate::identity::{self, volatile};
use crate::judge::Judge;
use crate::monitor::{Monitor, MonitorError, Setup, watchdog};
use crate::outbox::OutboxError;
use crate::programs::{self, Programs};
use crate::recorder::{self, Recorder, Remembered};
use crate::request::Lamp;
use crate::sample::{self, BoardHandle, Rhythm};
use crate::settings::{Current, Files};
use crate::status::Status;
use crate::tool::control;
use crate::uplink::examine::Examiner;
use crate::uplink::{self, Progress, Uplink};
use crate::utilise;
use crate::version::version;

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
    /// Watching the printer.
    #[error(transparent)]
    Monitor(#[from] MonitorError),
}

/// Works until `stop` ends. `board_file` is what the board was opened by.
pub async fn run(
    config: Config,
    board_file: &BoardConfig,
    opened: Opened,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let device = config.device()?;
    let Opened { board, simulator, notice, engine } = opened;
    if let Some(words) = notice {
        tracing::warn!("{words}");
    }
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
        tracing::warn!("what an interrupted enrolment left behind cannot be removed: {cause}");
    }
    let (outbox, remembered) = recorder::open(&config.state_directory, config.outbox)?;
    let Remembered { alerts, past, settings } = remembered;
    let files = Files::new(
        config.sample.interval,
        config.utilisation.interval,
        config.programs.interval,
        &config.judge,
        &config.given,
        board_file,
    );
    let settings = Current::new(files, settings);
    let applied = settings.applied();
    let listener = control::bind(&config.control_socket)?;
    let mut status = Status::new(device.clone(), board.model(), board.simulated(), clock.monotonic());
    status.alerts = alerts.standing().cloned().collect();
    status.settings = settings.report();
    status.volatile_state = volatile::volatile(&config.state_directory);
    if let Some(on) = &status.volatile_state {
        let directory = config.state_directory.display();
        tracing::warn!("the state in {directory} {}; {}", volatile::what(on), volatile::REMEDY);
    }
    tracing::info!(
        %device, model = board.model(), simulated = board.simulated(), epoch = %outbox.epoch(),
        waiting = outbox.backlog(), "platen-agent {} starts", version()
    );
    let rhythm = Rhythm {
        interval: applied.sample_interval,
        switch_debounce: config.judge.switch_debounce,
        repeats: applied.judge.debounce_samples,
    };
    watchdog::check(watchdog::interval(), applied.sample_interval);
    let (board, seen, thread) = sample::start(board, rhythm, Arc::clone(&clock)).map_err(RunError::Thread)?;
    let status = watch::Sender::new(status);
    let lamp = Lamp::new(board.clone());
    let recorder = Recorder::new(outbox, Arc::clone(&clock), status.clone(), settings.clone(), lamp);
    let recorder = Arc::new(recorder);
    let progress = Arc::new(Progress::default());

    let stopping = CancellationToken::new();
    let shared = Shared { recorder, board, status, settings, clock };
    let mut tasks = JoinSet::new();
    shared.start(&mut tasks, &config, engine, Arc::clone(&progress), &stopping);
    tasks.spawn(control::serve(
        listener,
        shared.control(),
        simulator,
        shared.examiner(&config),
        stopping.clone(),
    ));
    watchdog::ready();

    let mut monitor = Monitor::new(Setup {
        judge: Judge::new(applied.judge, alerts, past),
        recorder: Arc::clone(&shared.recorder),
        board: shared.board.clone(),
        status: shared.status.clone(),
        clock: Arc::clone(&shared.clock),
        settings: shared.settings.clone(),
        progress,
        settle: config.sample.settle,
        rhythm,
        utilisation: applied.utilisation_interval,
        first_utilisation: utilise::first_after(device.as_str(), applied.utilisation_interval),
        retry_disk: config.outbox.retry_disk,
    });
    let ended = tokio::select! {
        ended = monitor.run(seen) => ended.map_err(RunError::from),
        () = stop => Ok(()),
    };
    end(&stopping, tasks, &shared.board, thread).await;
    if let Err(cause) = shared.recorder.outbox().settle(Some(monitor.judge().past())) {
        tracing::warn!("{cause}");
    }
    // Left behind it would do no harm; gone, `platen` can say more plainly that no agent runs.
    let _ = std::fs::remove_file(&config.control_socket);
    ended
}

/// What the tasks share.
struct Shared {
    recorder: Arc<Recorder>,
    board: BoardHandle,
    status: watch::Sender<Status>,
    settings: Current,
    clock: Arc<Clock>,
}

impl Shared {
    /// Starts what works beside the board.
    fn start(
        &self,
        tasks: &mut JoinSet<()>,
        config: &Config,
        engine: Option<Controller>,
        progress: Arc<Progress>,
        stop: &CancellationToken,
    ) {
        let Self { recorder, board, status, settings, clock } = self;
        let context = uplink::Context {
            recorder: Arc::clone(recorder),
            status: status.clone(),
            clock: Arc::clone(clock),
        };
        let uplink = Uplink::new(config.uplink.clone(), config.state_directory.clone(), context, progress);
        let programs = Programs::new(
            &config.programs,
            &config.uplink,
            &config.state_directory,
            engine,
            programs::Context {
                recorder: Arc::clone(recorder),
                status: status.clone(),
                settings: settings.clone(),
                clock: Arc::clone(clock),
                contact: uplink.contact(),
            },
        );
        tasks.spawn(uplink.run(stop.clone()));
        tasks.spawn(programs.run(stop.clone()));
        let executor = Executor {
            recorder: Arc::clone(recorder),
            board: board.clone(),
            settings: settings.clone(),
            clock: Arc::clone(clock),
            state_directory: config.state_directory.clone(),
        };
        tasks.spawn(execute::run(executor, stop.clone()));
        tasks.spawn(tell_service_manager(status.clone(), stop.clone()));
        tasks.spawn(give_back::when_idle(status.clone(), stop.clone()));
    }

    fn control(&self) -> control::Context {
        let Self { recorder, board, status, clock, .. } = self;
        control::Context {
            recorder: Arc::clone(recorder),
            board: board.clone(),
            status: status.clone(),
            clock: Arc::clone(clock),
        }
    }

    fn examiner(&self, config: &Config) -> Examiner {
        Examiner::new(config.uplink.clone(), config.state_directory.clone(), Arc::clone(&self.clock))
    }
}

async fn end(
    stopping: &CancellationToken,
    mut tasks: JoinSet<()>,
    board: &BoardHandle,
    thread: std::thread::JoinHandle<()>,
) {
    tracing::info!("the agent is stopping");
    watchdog::stopping();
    stopping.cancel();
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_LIMIT, all).await.is_err() {
        tracing::warn!("not everything stopped within {} s", STOP_LIMIT.as_secs());
    }
    if board.stop().is_ok() {
        // The thread may be in the middle of a bus transfer; the bus has its own time limits.
        let joined = tokio::task::spawn_blocking(move || thread.join());
        if tokio::time::timeout(STOP_LIMIT, joined).await.is_err() {
            tracing::warn!("the board's thread did not end");
        }
    }
}

/// A line for `systemctl status`, when the contact changes.
async fn tell_service_manager(status: watch::Sender<Status>, stop: CancellationToken) {
    let mut changes = status.subscribe();
    let mut told = None;
    loop {
        let now = changes.borrow_and_update().contact;
        if told != Some(now) {
            let name = status.borrow().manager.clone().unwrap_or_else(|| "no manager yet".to_owned());
            watchdog::status(&format!("{}: {name}", crate::tool::show::contact(now)));
            told = Some(now);
        }
        tokio::select! {
            more = changes.changed() => if more.is_err() { return },
            () = stop.cancelled() => return,
        }
    }
}

//! Composes the manager: opens what is on disk, starts what serves, and ends it in order.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::certificates::Certificates;
use crate::clock;
use crate::config::Config;
use crate::deliver::Deliver;
use crate::device::DeviceService;
use crate::device_backend::DeviceBackend;
use crate::figures::Figures;
use crate::file_set::{RESTORING, ServingLock};
use crate::listen::{self, ConnectionLimits, Listener};
use crate::memory;
use crate::networks::Networks;
use crate::operator::{self, Operators};
use crate::print_job;
use crate::printing::Printers;
use crate::probes::{self, Probes, Serving};
use crate::run_error::RunError;
use crate::store::{Grouping, Location, Store};
use crate::systemd::notify;
use crate::telling_job;
use crate::tls;
use crate::upkeep::{self, Upkeep};
use crate::waiting;

/// How long what is under way may take once the manager is to stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// How long the store may take to commit what it was given last. With the drain it is far below the time
/// after which systemd kills a service that does not stop (90 s).
const CLOSE_LIMIT: Duration = Duration::from_secs(10);
/// Connections of operators and their programs: a page has two, one of them for what happens.
const OPERATOR_CONNECTIONS: ConnectionLimits = ConnectionLimits { connections: 2_000, per_address: 500 };
const DIRECTORY_MODE: u32 = 0o700;

/// The sockets that the manager serves on.
pub struct Listeners {
    /// For devices.
    pub device: TcpListener,
    /// For operators.
    pub operator: TcpListener,
    /// For those who watch over the manager, where there is one of their own.
    pub health: Option<TcpListener>,
}

impl Listeners {
    /// Opens all as configured.
    pub async fn bind(config: &Config) -> Result<Self, RunError> {
        let bind = |address| async move {
            TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })
        };
        Ok(Self {
            device: bind(config.device_listen).await?,
            operator: bind(config.operator_listen).await?,
            health: match config.health.listen {
                Some(address) => Some(bind(address).await?),
                None => None,
            },
        })
    }
}

/// Where the database stands.
pub fn database_path(state_directory: &Path) -> PathBuf {
    state_directory.join("manager.sqlite3")
}

/// Where the store of a configuration is.
pub(crate) fn store_location(config: &Config) -> Location {
    match &config.postgres {
        Some(postgres) => Location::Postgres(Box::new(postgres.clone())),
        None => Location::Sqlite(database_path(&config.state_directory)),
    }
}

fn make_state_directory(config: &Config) -> Result<(), RunError> {
    let directory = &config.state_directory;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)
        .map_err(|source| RunError::State { path: directory.clone(), source })
}

/// Opens the store of a configuration; makes the state directory, private to its owner.
pub fn open_store(config: &Config) -> Result<Store, RunError> {
    make_state_directory(config)?;
    let directory = &config.state_directory;
    if directory.join(RESTORING).exists() {
        return Err(RunError::HalfRestored { path: directory.clone() });
    }
    let grouping = if config.ingest.group { Grouping::Group } else { Grouping::Single };
    Ok(match &config.postgres {
        Some(postgres) => Store::open_postgres(postgres.clone(), grouping)?,
        None => Store::open(&database_path(directory), grouping)?,
    })
}

/// Serves until `until` resolves. Then parked devices are answered at once, what is under way ends, and
/// everything is on disk. Each time that `reload` is notified, it looks for renewed certificates at once.
pub async fn run(
    config: Config,
    listeners: Listeners,
    reload: Arc<Notify>,
    until: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    make_state_directory(&config)?;
    // Until everything has ended: nobody else serves from there.
    let _serving = ServingLock::take(&config.state_directory)?;
    let probes = Arc::<Probes>::default();
    // Until this function returns, so that whoever asks hears to the last why nothing can be done.
    let _answering = answer_probes(listeners.health, &probes);
    let mut until = std::pin::pin!(until);
    let sockets = [&listeners.device, &listeners.operator];
    let Some(store) = waiting::for_store(&config, (sockets, &probes), open_store, until.as_mut()).await?
    else {
        return Ok(());
    };
    let now = clock::now();
    let certificates = Certificates::load_or_make(&config, now)?;
    let device_tls = tls::for_devices(certificates.ca.certificate(), Arc::clone(&certificates.own))?;
    let operator_tls = tls::for_operators(certificates.for_operators())?;
    let (limits, timeouts, for_people) = (config.limits, config.timeouts, config.operators.clone());
    let balancers = config.balancers.clone();
    let (mail, webhooks) = (config.mail.clone(), config.webhooks.clone());
    let printers = Arc::new(Printers::new(&config.printers));
    let (state_directory, kept_days) = (config.state_directory.clone(), config.retention.notices_days);
    let source = format!("https://{}", config.names.first().map_or("localhost", String::as_str));
    let device_url = config.device_url.clone();
    let backend = DeviceBackend::open(config, store.clone(), certificates, now).await?;
    let (devices, upkeep) = (Arc::clone(&backend.devices), Arc::clone(&backend.upkeep));
    let (mailbox, counters) = (Arc::clone(&devices.mailbox), Arc::clone(&devices.counters));
    let stopping = CancellationToken::new();
    let stopped = stopping.clone();

    let proxies = for_people.trusted_proxies.clone();
    probes.serves(Serving { store, stopping: stopped.clone(), figures: Figures::new(&devices) });
    let deliver = Arc::new(Deliver::new(mail.as_ref(), &webhooks, &source));
    let (leader, leads) = (Arc::clone(&upkeep), Arc::clone(&upkeep));
    let telling = telling_job::Job {
        store: devices.store.clone(),
        deliver: Arc::clone(&deliver),
        watches: Some(Arc::clone(&devices.watches)),
        state_directory,
        kept_days,
        turn: Arc::new(move || leader.leads()),
    };
    let leader = Arc::clone(&upkeep);
    let printing = print_job::Job {
        store: devices.store.clone(),
        printers: Arc::clone(&printers),
        turn: Arc::new(move || leader.leads()),
    };
    let ways = (deliver, printers);
    let operators = Operators::new(&devices, (for_people, device_url), stopped.clone(), probes, ways);
    let pages_and_api = operator::router(Arc::clone(&operators));

    let mut tasks = JoinSet::new();
    tasks.spawn(operator::follow(Arc::clone(&operators)));
    tasks.spawn(operator::work(Arc::clone(&operators), Arc::new(move || leads.leads())));
    tasks.spawn(telling.run(stopped.clone()));
    tasks.spawn(printing.run(stopped.clone()));
    let leader = Arc::clone(&upkeep);
    let turn = Arc::new(move || leader.leads());
    tasks.spawn(operator::print_by_itself(Arc::clone(&operators), turn, stopped.clone()));
    tracing::info!(
        devices = ?listeners.device.local_addr().ok(),
        operators = ?listeners.operator.local_addr().ok(),
        "listening"
    );
    let listener = |name, socket, tls, connections| Listener {
        name,
        socket,
        tls,
        limits: connections,
        proxies: Networks::default(),
        balancers: Networks::default(),
        timeouts,
        retry_after_seconds: limits.retry_after_seconds,
        counters: Arc::clone(&counters),
    };
    let device_connections =
        ConnectionLimits { connections: limits.connections, per_address: limits.connections_per_address };
    let device_listener =
        Listener { balancers, ..listener("devices", listeners.device, device_tls, device_connections) };
    let operator_listener =
        Listener { proxies, ..listener("operators", listeners.operator, operator_tls, OPERATOR_CONNECTIONS) };
    tasks.spawn(listen::serve(device_listener, stopped.clone(), move |peer| {
        DeviceService::new(Arc::clone(&devices), &peer)
    }));
    tasks.spawn(listen::serve(operator_listener, stopped.clone(), move |peer| {
        operator::service(pages_and_api.clone(), Arc::clone(&operators), &peer)
    }));
    tasks.spawn(upkeep::when_asked(Arc::clone(&upkeep), reload, stopped.clone()));
    tasks.spawn(memory::give_back_after_load(stopped.clone()));
    backend.start_upkeep(&mut tasks, stopped);
    notify(sd_notify::NotifyState::Ready);

    tokio::select! {
        () = until.as_mut() => {}
        // None of them ends by itself; if one panicked, stopping in order is the best that is left.
        ended = tasks.join_next() => tracing::error!(?ended, "a part of the manager ended unexpectedly"),
    }
    notify(sd_notify::NotifyState::Stopping);
    tracing::info!("stopping");
    // In this order: a connection that has heard the word says with the answer that it is the last.
    stopping.cancel();
    mailbox.stop();
    finish(tasks, &upkeep).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Answers those who watch over the manager, for as long as what is returned is kept.
fn answer_probes(socket: Option<TcpListener>, probes: &Arc<Probes>) -> (JoinSet<()>, DropGuard) {
    let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
    if let Some(socket) = socket {
        tracing::info!(health = ?socket.local_addr().ok(), "listening for those who watch over the manager");
        tasks.spawn(probes::listener::serve(socket, probes::own_router(Arc::clone(probes)), stop.clone()));
    }
    (tasks, stop.drop_guard())
}

/// Lets what is under way end and be committed, each within its limit.
async fn finish(mut tasks: JoinSet<()>, upkeep: &Upkeep) -> Result<(), RunError> {
    let drained =
        tokio::time::timeout(DRAIN_LIMIT, async { while tasks.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!("some connections did not end in time");
        tasks.shutdown().await;
    }
    let closed = tokio::time::timeout(CLOSE_LIMIT, async {
        let flushed = upkeep.flush().await;
        upkeep.store.close().await;
        flushed
    });
    if let Ok(flushed) = closed.await {
        flushed?;
    } else {
        tracing::warn!("the store did not close in time; what was acknowledged is committed");
    }
    Ok(())
}

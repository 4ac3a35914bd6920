//! Composes the manager: opens what is on disk, starts what serves, and ends it in order.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use platen_protocol::identity::DeviceId;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::ca::{Ca, CaError, load_files};
use crate::clock;
use crate::config::Config;
use crate::device::mailbox::Mailbox;
use crate::device::roster::Roster;
use crate::device::{DeviceService, Devices};
use crate::inform::Informer;
use crate::listen;
use crate::operator::{self, Operators};
use crate::secret::NoRandom;
use crate::stop;
use crate::store::{DeviceRecord, Grouping, Store, StoreError};
use crate::throttle::Throttle;
use crate::tls::{self, Current, TlsError};
use crate::upkeep::{self, Upkeep};

/// How long what is under way may take once the manager is to stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// First deliveries that may be on their way to the store.
const DELIVERIES: usize = 1024;
/// Devices that are read at once at the start.
const DEVICES_AT_ONCE: u32 = 1000;
/// Failed enrolments from one address before it must wait, and for how long.
const ENROL_FAILURES: u32 = 20;
const ENROL_WINDOW: Duration = Duration::from_secs(60);
const DIRECTORY_MODE: u32 = 0o700;

/// Why the manager cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A socket cannot be opened.
    #[error("cannot listen on {address}: {source}; is another manager running?")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The state directory cannot be made.
    #[error("{}: {source}; make the directory, owned by the manager's user", path.display())]
    State {
        /// Which directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Certificates cannot be had.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

/// The sockets that the manager serves on.
pub struct Listeners {
    /// For devices.
    pub device: TcpListener,
    /// For operators.
    pub operator: TcpListener,
}

impl Listeners {
    /// Opens both as configured.
    pub async fn bind(config: &Config) -> Result<Self, RunError> {
        let bind = |address| async move {
            TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })
        };
        Ok(Self { device: bind(config.device_listen).await?, operator: bind(config.operator_listen).await? })
    }
}

/// Where the database stands.
pub fn database_path(state_directory: &Path) -> PathBuf {
    state_directory.join("manager.sqlite3")
}

/// Opens the store of a configuration; makes the state directory, private to its owner.
pub fn open_store(config: &Config) -> Result<Store, RunError> {
    let directory = &config.state_directory;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)
        .map_err(|source| RunError::State { path: directory.clone(), source })?;
    let grouping = if config.ingest.group { Grouping::Group } else { Grouping::Single };
    Ok(Store::open(&database_path(directory), grouping)?)
}

/// Serves until `until` resolves. Then parked devices are answered at once, what is under way ends, and
/// everything is on disk.
pub async fn run(
    config: Config,
    listeners: Listeners,
    until: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let now = clock::now();
    let store = open_store(&config)?;
    let ca = Arc::new(Ca::load_or_make(&config.state_directory, now)?);
    let provider = tls::provider();
    let own = Current::new(
        ca.server(&config.state_directory, &config.names, now)?
            .certified(&provider)
            .map_err(TlsError::from)?,
    );
    let for_operators = match &config.operator_tls {
        Some(files) => Current::new(load_files(files)?.certified(&provider).map_err(TlsError::from)?),
        None => Arc::clone(&own),
    };
    let roster = Arc::new(Roster::new(all_devices(&store).await?, now));
    let (deliveries, delivered) = mpsc::channel(DELIVERIES);
    let open = store.open_commands().await?;
    let open = open.into_iter().map(|record| (record.device, record.command));
    let mailbox = Arc::new(Mailbox::new(open, deliveries));
    let informer = Arc::new(Informer::new()?);
    let (stopping, stopped) = stop::channel();

    let devices = Arc::new(Devices {
        store: store.clone(),
        ca: Arc::clone(&ca),
        roster: Arc::clone(&roster),
        mailbox: Arc::clone(&mailbox),
        informer: Arc::clone(&informer),
        enrol_failures: Throttle::new(ENROL_FAILURES, ENROL_WINDOW),
    });
    let operators = Operators::new(
        store.clone(),
        Arc::clone(&roster),
        Arc::clone(&mailbox),
        Arc::clone(&informer),
        stopped.clone(),
    );
    let pages_and_api = operator::router(operators);
    let device_tls = tls::for_devices(ca.certificate(), Arc::clone(&own))?;
    let operator_tls = tls::for_operators(for_operators)?;

    let mut tasks = JoinSet::new();
    tracing::info!(
        devices = ?listeners.device.local_addr().ok(),
        operators = ?listeners.operator.local_addr().ok(),
        "listening"
    );
    tasks.spawn(listen::serve("devices", listeners.device, device_tls, stopped.clone(), move |peer| {
        DeviceService::new(Arc::clone(&devices), &peer)
    }));
    tasks.spawn(listen::serve("operators", listeners.operator, operator_tls, stopped.clone(), move |peer| {
        operator::service(pages_and_api.clone(), &peer)
    }));
    let upkeep = Arc::new(Upkeep {
        store: store.clone(),
        roster: Arc::clone(&roster),
        mailbox: Arc::clone(&mailbox),
        informer,
        ca,
        certificate: own,
        config,
    });
    tasks.spawn(upkeep::note_deliveries(Arc::clone(&upkeep), delivered, stopped.clone()));
    tasks.spawn(upkeep::at_intervals(Arc::clone(&upkeep), stopped));
    notify(sd_notify::NotifyState::Ready);

    tokio::select! {
        () = until => {}
        // None of them ends by itself; if one panicked, stopping in order is the best that is left.
        ended = tasks.join_next() => tracing::error!(?ended, "a part of the manager ended by itself"),
    }
    notify(sd_notify::NotifyState::Stopping);
    tracing::info!("stopping");
    mailbox.stop();
    stopping.stop();
    let drained =
        tokio::time::timeout(DRAIN_LIMIT, async { while tasks.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!("some connections did not end in time");
        tasks.shutdown().await;
    }
    let flushed = upkeep.flush_contacts().await;
    store.close().await;
    flushed?;
    tracing::info!("stopped");
    Ok(())
}

fn notify(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

async fn all_devices(store: &Store) -> Result<Vec<DeviceRecord>, StoreError> {
    let mut all: Vec<DeviceRecord> = Vec::new();
    loop {
        let after: Option<DeviceId> = all.last().map(|device| device.id.clone());
        let some = store.devices(after, DEVICES_AT_ONCE).await?;
        if some.is_empty() {
            return Ok(all);
        }
        all.extend(some);
    }
}

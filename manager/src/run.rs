//! Composes the manager: opens what is on disk, starts what serves, and ends it in order.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::ca::{CaError, load_files};
use crate::centre::{Centre, Certificates};
use crate::clock;
use crate::config::Config;
use crate::device::DeviceService;
use crate::listen;
use crate::operator::{self, Operators};
use crate::secret::NoRandom;
use crate::stop;
use crate::store::{Grouping, Store, StoreError};
use crate::tls::{self, Current, TlsError};

/// How long what is under way may take once the manager is to stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
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
    let certificates = Certificates::load_or_make(&config, now)?;
    let own = Arc::clone(&certificates.own);
    let for_operators = match &config.operator_tls {
        Some(files) => {
            let files = load_files(files)?;
            Current::new(files.certified(&tls::provider()).map_err(TlsError::from)?)
        }
        None => Arc::clone(&own),
    };
    let device_tls = tls::for_devices(certificates.ca.certificate(), own)?;
    let operator_tls = tls::for_operators(for_operators)?;
    let centre = Centre::open(config, store.clone(), certificates, now).await?;
    let (devices, upkeep) = (Arc::clone(&centre.devices), Arc::clone(&centre.upkeep));
    let mailbox = Arc::clone(&devices.mailbox);
    let (stopping, stopped) = stop::channel();

    let operators = Operators::new(
        store.clone(),
        Arc::clone(&devices.roster),
        Arc::clone(&mailbox),
        Arc::clone(&devices.informer),
        stopped.clone(),
    );
    let pages_and_api = operator::router(operators);

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
    centre.start_upkeep(&mut tasks, stopped);
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

//! A database that cannot be used yet: PostgreSQL may start after the manager, be restored, or be promoted. The manager is
//! there, says so to whoever asks, and tries again. Devices keep what they have, as on any other bad day; ending and being
//! started again and again would help nobody.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net;
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::Service;
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ca::CA_PEM;
use crate::certificates::Certificates;
use crate::clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::listen::{self, ConnectionLimits, Listener, RequestBody, TurnAway};
use crate::networks::Networks;
use crate::probes::Probes;
use crate::run_error::RunError;
use crate::store::{Store, StoreError, TroubleCause, cause};
use crate::systemd::notify;
use crate::tls;

/// The pause before the database is tried again: it doubles from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// What is being answered when the database is there gets so long.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// What people and devices are told; the database's address is not theirs to know.
const DETAIL: &str = "the manager's database cannot be used for the moment; try again later";

/// How the store is opened.
type Open = fn(&Config) -> Result<Store, RunError>;

/// Opens the store; `None` where the manager was told to stop before that could be done. Meanwhile whoever comes to the
/// sockets, of devices and of operators, is told to come again.
pub(crate) async fn for_store(
    config: &Config,
    (sockets, probes): ([&TcpListener; 2], &Arc<Probes>),
    open_store: Open,
    mut until: Pin<&mut (impl Future<Output = ()> + Send)>,
) -> Result<Option<Store>, RunError> {
    let (mut told, mut pause) = (None, FIRST_PAUSE);
    let mut answers: Option<Answers> = None;
    loop {
        let opened = tokio::select! {
            opened = open(config, open_store) => opened,
            () = until.as_mut() => return Ok(None),
        };
        let error = match opened {
            Ok(store) => {
                if let Some(answers) = answers {
                    tracing::info!("the database can be used");
                    answers.end().await;
                }
                return Ok(Some(store));
            }
            Err(error) => error,
        };
        let Some(cause) = passing(config, &error) else { return Err(error) };
        probes.waits_because(cause.words());
        if told.replace(cause) != Some(cause) {
            tracing::error!(%error, "waiting for the database. {}", cause.words());
            notify(sd_notify::NotifyState::Status(cause.words()));
        }
        if answers.is_none() {
            answers = Some(Answers::begin(config, sockets, probes)?);
            // It is there, and does what can be done.
            notify(sd_notify::NotifyState::Ready);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = until.as_mut() => return Ok(None),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn open(config: &Config, open_store: Open) -> Result<Store, RunError> {
    let config = config.clone();
    let opening = tokio::task::spawn_blocking(move || open_store(&config));
    opening.await.unwrap_or(Err(RunError::Store(StoreError::Closed)))
}

/// What keeps the database from being used, if that may pass while the manager waits.
fn passing(config: &Config, error: &RunError) -> Option<TroubleCause> {
    let RunError::Store(error) = error else { return None };
    config.postgres.as_ref()?;
    let lasts = match error {
        // Another version has to be installed, which starts the manager anew.
        StoreError::TooNew { .. } => true,
        StoreError::Server(error) => error.is_ours(),
        _ => false,
    };
    if lasts { None } else { cause(error) }
}

/// Tells those who watch over the manager how it stands, and all others to come again.
struct NotYet {
    others: TurnAway,
    probes: Option<Arc<Probes>>,
}

impl Service<Request<RequestBody>> for NotYet {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        let probes = self.probes.as_ref();
        match probes.and_then(|probes| probes.before_serving(request.uri().path())) {
            Some(answer) => ready(Ok(answer)),
            None => self.others.call(request),
        }
    }
}

/// Both listeners, on which everybody is told to come again.
struct Answers {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Answers {
    fn begin(
        config: &Config,
        [devices, operators]: [&TcpListener; 2],
        probes: &Arc<Probes>,
    ) -> Result<Self, RunError> {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        // Without certificates there is nothing to answer with, and nobody who knows this manager.
        if config.state_directory.join(CA_PEM).exists() {
            let certificates = Certificates::load_or_make(config, clock::now())?;
            let for_devices = tls::for_devices(certificates.ca.certificate(), Arc::clone(&certificates.own))?;
            let for_operators = tls::for_operators(certificates.for_operators())?;
            for (name, socket, tls, balancers, probes) in [
                ("devices", devices, for_devices, config.balancers.clone(), None),
                ("operators", operators, for_operators, Networks::default(), Some(probes)),
            ] {
                let probes = probes.cloned();
                let retry_after_seconds = config.limits.retry_after_seconds;
                let listener = Listener {
                    name,
                    socket: same(socket)?,
                    tls,
                    limits: ConnectionLimits {
                        connections: config.limits.connections,
                        per_address: config.limits.connections_per_address,
                    },
                    proxies: Networks::default(),
                    balancers,
                    timeouts: config.timeouts,
                    retry_after_seconds,
                    counters: Arc::new(Counters::default()),
                };
                tasks.spawn(listen::serve(listener, stop.clone(), move |_| {
                    let others = TurnAway::saying(DETAIL, retry_after_seconds);
                    NotYet { others, probes: probes.clone() }
                }));
            }
        }
        Ok(Self { tasks, stop })
    }

    /// From now on somebody else accepts.
    async fn end(mut self) {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_ANSWERS, ended).await.is_err() {
            tracing::debug!("some connections outlived the wait for the database");
        }
    }
}

/// The same socket once more: it stays open when this one is closed.
fn same(socket: &TcpListener) -> Result<TcpListener, RunError> {
    let again = || TcpListener::from_std(net::TcpListener::from(socket.as_fd().try_clone_to_owned()?));
    again().map_err(|source| {
        let address = socket.local_addr().unwrap_or_else(|_unknown| net::SocketAddr::from(([0, 0, 0, 0], 0)));
        RunError::Listen { address, source }
    })
}

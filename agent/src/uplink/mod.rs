//! Connection to the manager: connect, say hello, send what waits, keep one request parked, and after a
//! failure wait and begin again.
//!
//! [`connect`] makes a [`connection`] over a stream that [`dial`] opens, directly or through a proxy;
//! [`connect_trace`] records the steps, [`plain_answer`] tells what it is that does not speak TLS, by its first bytes
//! ([`overheard`]). [`trust`] says whom the device trusts, diagnoses who else answered, and signs every message where a
//! proxy inspects TLS with consent. [`enroll`] is the first conversation, in which the device gets its certificate.
//! [`send`] is one exchange, [`carried`] one whose answer carries a program, [`one_exchange`] one on a connection of its own, [`session`] runs a connection; where only
//! an operator can help, [`readmission`] waits for that at the manager; [`retiring`] ends what a device that is taken out
//! of service has. Pure decisions: [`poll_pacing`] with [`backoff`] says when to ask again, [`long_poll`] how long a
//! request may be parked, [`batch_size`] how many reports to send at once, [`segments`] in what packets. [`trouble`] puts
//! failures into words,
//! [`examine`] checks the connection step by step for `platen doctor`.

pub mod backoff;
pub mod batch_size;
pub mod carried;
pub mod causes;
mod config;
pub mod connect;
pub mod connect_trace;
pub mod connection;
pub mod dial;
pub mod enroll;
pub mod examine;
pub mod long_poll;
mod one_exchange;
mod overheard;
pub mod plain_answer;
pub mod poll_pacing;
mod readmission;
mod renewing;
mod retiring;
mod retry_after;
pub mod segments;
pub mod send;
mod session;
mod trouble;
pub mod trust;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use config::UplinkConfig;
pub use trouble::UplinkError;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::identity::address::Address;
use crate::identity::renew::{self, Renewal};
use crate::identity::{self, Identity, IdentityError};
use crate::random;
use crate::recorder::Recorder;
use crate::status::{ContactState, Status, Trouble};
use backoff::Backoff;
use batch_size::BatchSize;
use connect::{Connector, TlsMode};
use long_poll::LongPollTimeout;
use platen_protocol::limits::MAX_REPORTS_PER_BATCH;
use poll_pacing::{Pause, PollPacing};
use segments::{SegmentMemory, Segments};
use tokio::sync::watch;

/// So often a device that waits for its enrolment looks for it.
const LOOK_FOR_IDENTITY: Duration = Duration::from_secs(2);
/// A step of the uplink that is this much late has hung.
const GRACE: Duration = Duration::from_secs(30);

/// What of the agent the uplink works on.
#[derive(Debug, Clone)]
pub struct Context {
    /// Has what is to be sent, and takes what the manager says.
    pub recorder: Arc<Recorder>,
    /// What the agent knows of itself.
    pub status: watch::Sender<Status>,
    /// Told of the manager's time.
    pub clock: Arc<Clock>,
}

/// The uplink.
pub struct Uplink {
    config: UplinkConfig,
    source: ConnectorSource,
    context: Context,
    progress: Arc<Progress>,
    tls: Option<(Files, TlsMode)>,
    /// The connector with which the manager has answered, as long as the connection stands: for who asks it beside this.
    contact: watch::Sender<Option<Connector>>,
    /// What was last logged: the same trouble is not logged at every try, for the log lives on a card.
    logged: Option<Trouble>,
}

/// What manager and site have taught, from one connection to the next.
#[derive(Debug)]
struct Habits {
    pacing: PollPacing,
    long_poll: LongPollTimeout,
    batch_size: BatchSize,
    segments: SegmentMemory,
}

impl Habits {
    fn new(config: &UplinkConfig) -> Self {
        let backoff = Backoff::new(config.backoff_first, config.backoff_limit);
        let batch_size = BatchSize::new(MAX_REPORTS_PER_BATCH);
        Self {
            pacing: PollPacing::new(backoff),
            long_poll: LongPollTimeout::new(config.bounds()),
            batch_size,
            segments: SegmentMemory::default(),
        }
    }
}

/// Where the [`Connector`] comes from.
enum ConnectorSource {
    /// The identity in this directory, and the configuration.
    Identity(Renewal),
    /// A simulation.
    Given(Box<Connector>),
}

impl ConnectorSource {
    /// Changes when another identity is stored.
    fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::Identity(renewal) => fingerprint(renewal.directory()),
            Self::Given(_) => None,
        }
    }

    fn renewal(&self) -> Option<&Renewal> {
        match self {
            Self::Identity(renewal) => Some(renewal),
            Self::Given(_) => None,
        }
    }
}

/// Until when the present step of the uplink may take, on the monotonic clock: what the watchdog asks.
#[derive(Debug, Default)]
pub struct Progress(AtomicU64);

impl Progress {
    fn until(&self, moment: Duration) {
        let milliseconds = u64::try_from((moment + GRACE).as_millis()).unwrap_or(u64::MAX);
        self.0.store(milliseconds, Ordering::Relaxed);
    }

    /// Whether the present step is still within its time.
    pub fn is_timely(&self, now: Duration) -> bool {
        let until = self.0.load(Ordering::Relaxed);
        until == 0 || now.as_millis() <= u128::from(until)
    }
}

/// Tells one stored identity from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint(u64, i64, i64);

/// The identity and the CA of the proxy, as they were read.
type Files = (Option<Fingerprint>, Option<Fingerprint>);

fn fingerprint(state_directory: &Path) -> Option<Fingerprint> {
    fingerprint_of(&identity::file(state_directory))
}

fn fingerprint_of(file: &Path) -> Option<Fingerprint> {
    let found = std::fs::metadata(file).ok()?;
    Some(Fingerprint(found.ino(), found.mtime(), found.mtime_nsec()))
}

impl Uplink {
    /// An uplink that has not connected yet.
    pub fn new(
        config: UplinkConfig,
        state_directory: PathBuf,
        context: Context,
        progress: Arc<Progress>,
    ) -> Self {
        Self::by(ConnectorSource::Identity(Renewal::new(state_directory)), config, context, progress)
    }

    /// An uplink over a network of the caller's, for simulations: no identity is read, and whether
    /// there is TLS is what the connector says.
    pub fn over(
        connector: Connector,
        config: UplinkConfig,
        context: Context,
        progress: Arc<Progress>,
    ) -> Self {
        Self::by(ConnectorSource::Given(Box::new(connector)), config, context, progress)
    }

    fn by(source: ConnectorSource, config: UplinkConfig, context: Context, progress: Arc<Progress>) -> Self {
        let contact = watch::Sender::new(None);
        Self { config, source, context, progress, tls: None, contact, logged: None }
    }

    /// How to reach the manager beside this uplink, while there is contact; none while there is not, and from before
    /// another certificate is tried until the manager has answered by it.
    pub fn contact(&self) -> watch::Receiver<Option<Connector>> {
        self.contact.subscribe()
    }

    /// Works until `stop` is true. After a stop what waits is tried once more, within a limit.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut habits = Habits::new(&self.config);
        loop {
            let cause = match self.connector() {
                Ok(mut connector) => {
                    connector.segments = habits.segments.begin_with(self.now());
                    let used = connector.clone();
                    let Some(ended) = self.session(connector, &mut habits, &stop).await else { return };
                    let after = tokio::select! {
                        biased;
                        after = self.after(&used, ended, &mut habits) => after,
                        () = stop.cancelled() => return,
                    };
                    let Some(cause) = after else { continue };
                    cause
                }
                Err(Unready::Unusable(cause)) => cause,
                Err(Unready::NotEnrolled) => {
                    self.enter(ContactState::NotEnrolled);
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return,
                        () = self.pause(LOOK_FOR_IDENTITY) => continue,
                    }
                }
            };
            let pause = self.failed(&cause, &mut habits);
            tokio::select! {
                // In order, so that a simulation runs the same each time.
                biased;
                () = stop.cancelled() => return,
                () = self.rest(pause) => {}
            }
        }
    }

    fn failed(&mut self, cause: &UplinkError, habits: &mut Habits) -> Pause {
        let trouble = cause.trouble();
        if habits.pacing.is_fresh() {
            self.logged = None;
        }
        if habits.long_poll.is_suspicious() {
            // What a site does with idle requests is no trouble that a log has to tell of.
            self.logged = Some(trouble.clone());
        }
        let pause = habits.pacing.failed(random::number(), cause.retry_after(), self.now());
        let slow = renew::pause_after_refusal(cause.problem_kind(), random::number());
        let pause = Pause { least: pause.least.max(slow), idle: pause.idle.max(slow) };
        self.wait_for_better(trouble, Some(pause.least));
        pause
    }

    /// Waits out a pause; its second part, in which only an idle device keeps quiet, ends with the next
    /// report.
    async fn rest(&self, pause: Pause) {
        self.pause(pause.least).await;
        let quiet = pause.idle.saturating_sub(pause.least);
        if !quiet.is_zero() && self.context.status.borrow().backlog == 0 {
            tokio::select! {
                biased;
                () = self.pause(quiet) => {}
                () = self.context.recorder.news() => {}
            }
        }
    }

    fn now(&self) -> Duration {
        self.context.clock.monotonic()
    }

    fn enter(&self, state: ContactState) {
        let now = self.now();
        self.context.status.send_if_modified(|status| {
            let changed = status.contact != state || status.trouble.is_some();
            status.enter(state, now);
            if state != ContactState::Connecting {
                status.trouble = None;
            }
            changed
        });
    }

    /// `pause` is how long it is until the next try; none while the manager lets this device wait for an operator.
    fn wait_for_better(&mut self, trouble: Trouble, pause: Option<Duration>) {
        let now = self.now();
        if self.logged.as_ref() == Some(&trouble) {
            tracing::debug!(?pause, "no contact: {}", trouble.what);
        } else {
            tracing::warn!(?pause, "no contact: {}; {}", trouble.what, trouble.remedy);
            self.logged = Some(trouble.clone());
        }
        self.context.status.send_modify(|status| {
            status.enter(ContactState::Waiting, now);
            status.protocol = None;
            status.inspected_by = None;
            status.small_packets = false;
            status.trouble = Some((trouble, pause.map(|pause| now + pause)));
        });
    }

    /// Waits, or less when another identity appears, for that may be what was missing.
    async fn pause(&self, pause: Duration) {
        let before = self.source.fingerprint();
        let mut left = pause;
        while !left.is_zero() {
            let step = left.min(LOOK_FOR_IDENTITY);
            self.progress.until(self.now() + step);
            tokio::time::sleep(step).await;
            left -= step;
            if self.source.fingerprint() != before {
                return;
            }
        }
    }

    fn connector(&mut self) -> Result<Connector, Unready> {
        let renewal = match &self.source {
            ConnectorSource::Identity(renewal) => renewal,
            ConnectorSource::Given(connector) => return Ok(connector.as_ref().clone()),
        };
        let identity = match renewal.identity() {
            Err(IdentityError::NotEnrolled) => return Err(Unready::NotEnrolled),
            loaded => loaded.map_err(|cause| Unready::Unusable(cause.into()))?,
        };
        let address = self.config.manager.clone().unwrap_or_else(|| identity.manager.clone());
        let dial = dial::route(&self.config.proxy(), &address, self.config.ping);
        self.context.status.send_modify(|status| {
            status.device = identity.device.clone();
            status.manager = Some(address.to_string());
            status.proxy = dial.as_ref().ok().and_then(|dial| dial.through());
            status.certificate_ends = Some(identity.facts.ends);
            status.certificate_renewal = Some(renew::due(&identity.facts));
        });
        let dial = dial.map_err(|cause| Unready::Unusable(cause.into()))?;
        let tls = self.tls_mode(&identity, &address).map_err(Unready::Unusable)?;
        let timeout = self.config.connect_timeout;
        Ok(Connector { address, dial, tls, timeout, segments: Segments::Whole })
    }

    /// Kept from one connection to the next, for the sessions that can be resumed.
    fn tls_mode(&mut self, identity: &Identity, address: &Address) -> Result<TlsMode, UplinkError> {
        let inspecting_ca = self.config.inspecting_ca.as_deref();
        // A certificate that is only tried is not kept.
        let trying = self.source.renewal().is_some_and(Renewal::is_trying);
        let now = (self.source.fingerprint().filter(|_| !trying), inspecting_ca.and_then(fingerprint_of));
        if let Some((kept, tls)) = &self.tls
            && now.0.is_some()
            && *kept == now
        {
            return Ok(tls.clone());
        }
        let tls = connect::tls_mode(identity, inspecting_ca, address, &self.context.clock)?;
        self.tls = Some((now, tls.clone()));
        Ok(tls)
    }
}

/// Why there is nothing to connect with.
enum Unready {
    NotEnrolled,
    Unusable(UplinkError),
}

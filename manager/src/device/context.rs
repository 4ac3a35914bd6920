//! What a request of a device is served with: what all share, and who is at the other end.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::HeaderMap;
use jiff::SignedDuration;
use platen_protocol::identity::DeviceId;
use platen_protocol::prefer;
use platen_protocol::problem::{Problem, ProblemKind};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::arrivals::Arrivals;
use super::ddi_settings::DdiSettings;
use super::mailbox::Mailbox;
use super::pace::Paces;
use super::roster::Roster;
use super::said::Said;
use super::shown::Shown;
use super::signed::Signatures;
use super::traffic::{Connected, Traffic};
use crate::bell::Bell;
use crate::ca::Ca;
use crate::counters::{Counters, Turned};
use crate::inform::Informer;
use crate::listen::Peer;
use crate::people_changes::PeopleChanges;
use crate::programs::Programs;
use crate::quota::Quotas;
use crate::store::{Store, StoreError};
use crate::throttle::Throttle;
use crate::watch::Watches;

/// What the device listener works with.
pub struct Devices {
    /// What is known for good.
    pub store: Store,
    /// Issues certificates.
    pub ca: Arc<Ca>,
    /// How long they live.
    pub certificate_life: SignedDuration,
    /// Who is let in.
    pub roster: Arc<Roster>,
    /// Whose certificates are newer than a restored store.
    pub(crate) arrivals: Arrivals,
    /// What waits for devices.
    pub mailbox: Arc<Mailbox>,
    /// Tells operators.
    pub informer: Arc<Informer>,
    /// Watches over them.
    pub watches: Arc<Watches>,
    /// Rung when an operator decided something that is to be done.
    pub bell: Arc<Bell>,
    /// Rung when something was told or decided that concerns a rollout.
    pub rollout_bell: Arc<Bell>,
    /// Tells open streams of operators to look who is still let in.
    pub people: Arc<PeopleChanges>,
    /// How fast the programs of rollouts are sent.
    pub(crate) paces: Paces,
    /// Checks signed requests, and signs answers to them.
    pub signatures: Signatures,
    /// Slows down who guesses tokens.
    pub enrol_failures: Arc<Throttle>,
    /// Whether update clients that are not ours are served, and how.
    pub ddi: DdiSettings,
    /// Slows down who guesses their tokens.
    pub ddi_failures: Arc<Throttle<(IpAddr, String)>>,
    /// How much each device may ask for.
    pub traffic: Arc<Traffic>,
    /// Programs for them.
    pub programs: Arc<Programs>,
    /// What devices said of themselves when they asked for one.
    pub(crate) said: Arc<Said>,
    /// How long values are kept.
    pub history: crate::history::Settings,
    /// How much each device may hand in.
    pub quotas: Arc<Quotas>,
    /// Counts who was turned away.
    pub counters: Arc<Counters>,
    /// The least of `Retry-After`.
    pub retry_after_seconds: u32,
}

/// The other end of a connection.
pub(super) struct Caller {
    /// Tells this connection from all others.
    pub(super) connection: u64,
    /// From where.
    pub(super) address: IpAddr,
    /// With which certificate.
    pub(super) shown: Shown,
    /// Ends this connection; `None` if other devices may use it as well.
    leave: Option<CancellationToken>,
    /// Its place among the connections of its device, once it has one. Held for a look-up.
    place: Mutex<Option<Connected>>,
}

impl Caller {
    /// The other end of a connection that has just come in.
    pub(super) fn new(peer: &Peer) -> Self {
        Self {
            connection: peer.connection,
            address: peer.remote.ip(),
            shown: Shown::by(peer),
            leave: Some(peer.leave.clone()),
            place: Mutex::default(),
        }
    }

    /// Lets a device ask, unless it asks too often or has too many connections that cannot be ended.
    pub(super) fn admit(&self, devices: &Devices, device: &DeviceId, now: Instant) -> Result<(), Problem> {
        if !devices.traffic.may_ask(device, now) {
            devices.counters.count(Turned::Rate);
            return Err(Problem::new(
                ProblemKind::TooMany,
                format!(
                    "{device} asks more often than a device needs to; keep the reports and come again later"
                ),
            ));
        }
        self.take_place(devices, device, now)
    }

    /// The same for a device that asks for a program, which has a rate of its own.
    pub(super) fn admit_for_program(
        &self,
        devices: &Devices,
        device: &DeviceId,
        now: Instant,
    ) -> Result<(), Problem> {
        if !devices.traffic.may_ask_for_program(device, now) {
            devices.counters.count(Turned::Programs);
            return Err(Problem::new(
                ProblemKind::TooMany,
                format!("{device} asks for programs more often than a device needs to; come again later"),
            ));
        }
        self.take_place(devices, device, now)
    }

    fn take_place(&self, devices: &Devices, device: &DeviceId, now: Instant) -> Result<(), Problem> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_some() {
            return Ok(());
        }
        let connected = devices.traffic.connect(device, self.leave.clone(), now);
        if connected.as_ref().is_none_or(|(_, made_room)| *made_room) {
            devices.counters.count(Turned::Device);
        }
        let Some((connected, _)) = connected else {
            return Err(Problem::new(
                ProblemKind::Unavailable,
                format!(
                    "{device} has as many connections as a device may have; close some, or come again later"
                ),
            ));
        };
        *place = Some(connected);
        Ok(())
    }

    /// The same end of the same connection, for a request that somebody has signed. It has a place of its
    /// own among the connections of its device, for a proxy may carry several devices on one connection.
    pub(super) fn having_shown(&self, shown: Shown) -> Self {
        let place = Mutex::default();
        Self { connection: self.connection, address: self.address, shown, leave: None, place }
    }
}

/// How long the manager may hold a request, as that asks.
pub(super) fn wait_asked(headers: &HeaderMap) -> Duration {
    headers
        .get(prefer::HEADER)
        .and_then(|value| value.to_str().ok())
        .map_or(Duration::ZERO, prefer::parse_wait)
}

/// The store failed or is closing: the device keeps what it has and comes again. That it failed is in the
/// log once, by the store itself, and not for each device that asks.
pub(super) fn later(devices: &Devices, error: &StoreError) -> Problem {
    devices.counters.count(Turned::Store);
    tracing::debug!(%error, "the store could not serve a device");
    let detail = "the manager cannot store anything at the moment; keep the reports and try again later";
    Problem::new(ProblemKind::Unavailable, detail)
}

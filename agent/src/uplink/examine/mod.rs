//! `platen doctor` checks the connection to the manager step by step, with the very code that the
//! session uses, on a connection of its own, up to the first step that fails.
//!
//! [`judge`] makes findings of what was seen, [`tell`] says what the network administrator has to know;
//! both are pure.

mod judge;
mod tell;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use platen_hal::{Finding, Verdict};
use platen_protocol::path;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::connect::{self, Connector, TlsMode};
use super::connect_trace::ConnectTrace;
use super::dial;
use super::segments::Segments;
use super::send::post;
use super::{UplinkConfig, UplinkError};
use crate::clock::Clock;
use crate::identity::address::Address;
use crate::identity::{self, Identity, IdentityError};
use judge::Times;

/// What the check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionCheck {
    /// Step by step: name, TCP, proxy, TLS, packet size (where large packets vanish), clock, certificate, manager. What comes after the first
    /// network step that failed is missing.
    pub steps: Vec<CheckedStep>,
    /// What to tell the administrator of the customer's network.
    pub tell: Vec<String>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedStep {
    /// What was looked at, where, and how it stands.
    #[serde(flatten)]
    pub finding: Finding,
    /// How long it took, in milliseconds; `None` for what needs no time.
    pub took_ms: Option<u64>,
}

/// Checks the connection to the manager.
#[derive(Debug, Clone)]
pub struct Examiner {
    config: UplinkConfig,
    state_directory: PathBuf,
    clock: Arc<Clock>,
}

/// What is asked of the manager: no batch that it could take, so that nothing is changed by it, no
/// command is handed out, and the session that runs beside it is not disturbed. That the manager knows
/// this device it must find out before it refuses the body.
#[derive(Serialize)]
struct Probe {}

impl Examiner {
    /// With what the session has too.
    pub fn new(config: UplinkConfig, state_directory: PathBuf, clock: Arc<Clock>) -> Self {
        Self { config, state_directory, clock }
    }

    /// Where the identity and the outbox are.
    pub fn state_directory(&self) -> &Path {
        &self.state_directory
    }

    /// Checks the connection; it ends within the limits of `[uplink]`.
    pub async fn check(&self) -> ConnectionCheck {
        let identity = match identity::load(&self.state_directory) {
            Ok(identity) => Some(identity),
            Err(IdentityError::NotEnrolled) => None,
            Err(cause) => return judge::alone(judge::failed("identity", "", &cause.into())),
        };
        let address = self.config.manager.clone().or(identity.as_ref().map(|known| known.manager.clone()));
        let Some(address) = address else { return judge::alone(judge::no_manager()) };
        let trace = ConnectTrace::default();
        let connector = match self.connector(&address, identity.as_ref()) {
            Ok(connector) => connector,
            Err(cause) => return judge::alone(judge::failed("settings", &address.authority(), &cause)),
        };
        let through = connector.dial.through();
        let reached = match &identity {
            Some(_) => connector.connect_traced(&trace).await.map(Some),
            None => connector.reach_traced(&trace).await.map(|_stream| None),
        };
        let mut steps = judge::checked_steps(&trace.steps(), &address, reached.as_ref().err());
        let small = matches!(&reached, Ok(Some(connection)) if connection.segments == Segments::Small);
        if small {
            steps.push(judge::small_packets(&address));
        }
        steps.push(judge::clock(self.times()));
        steps.push(match &identity {
            Some(identity) => judge::certificate(identity, self.times()),
            None => judge::not_enrolled(),
        });
        let connection = reached.as_ref().ok().and_then(Option::as_ref);
        let opened_by = connection
            .and_then(|connection| connection.inspected.as_ref())
            .map(|inspected| inspected.by.as_str());
        let mut tell = tell::tell(&address, through.as_deref(), reached.as_ref().err(), opened_by);
        if small {
            tell.push(tell::large_packets(&address));
        }
        if let Ok(Some(mut connection)) = reached {
            let began = Instant::now();
            let answer: Result<serde::de::IgnoredAny, _> = post(
                &mut connection,
                &address,
                path::REPORTS,
                &Probe {},
                Duration::ZERO,
                self.config.reply_timeout,
            )
            .await;
            let (took, protocol) = (began.elapsed(), connection.protocol());
            steps.push(judge::manager(&address, protocol, answer.err().as_ref(), took));
        }
        ConnectionCheck { steps, tell }
    }

    fn times(&self) -> Times {
        Times { wall: self.clock.wall(), quality: self.clock.quality(), known: self.clock.known_good() }
    }

    /// Of its own, so that it shares nothing with the session; without an identity only its stream is
    /// of use.
    fn connector(&self, address: &Address, identity: Option<&Identity>) -> Result<Connector, UplinkError> {
        let tls = match identity {
            Some(identity) => {
                connect::tls_mode(identity, self.config.inspecting_ca.as_deref(), address, &self.clock)?
            }
            None => TlsMode::Plain { http_2: false },
        };
        Ok(Connector {
            dial: dial::route(&self.config.proxy(), address)?,
            address: address.clone(),
            tls,
            timeout: self.config.connect_timeout,
            segments: Segments::Whole,
            ping: self.config.ping,
        })
    }
}

fn finding(subject: &str, place: &str, verdict: Verdict, what: String, check: Option<String>) -> CheckedStep {
    let (subject, place) = (subject.to_owned(), place.to_owned());
    CheckedStep { finding: Finding { subject, place, verdict, what, check }, took_ms: None }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

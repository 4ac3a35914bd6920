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
use super::connection::Connection;
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
    /// Step by step: name, TCP, proxy, TLS, clock, certificate, packet size (where large packets vanish), manager. What
    /// comes after the first network step that failed is missing.
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

/// What the manager answered.
struct Asked {
    /// A problem, as a rule: it cannot take the body.
    answer: Option<UplinkError>,
    protocol: &'static str,
    segments: Segments,
    took: Duration,
}

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
        if let Ok(Some(connection)) = reached {
            let mut asked = self.ask(connection, &address).await;
            let unanswered = asked.answer.as_ref().is_some_and(UplinkError::is_unanswered);
            if unanswered && asked.segments == Segments::Whole {
                // It may have been too large for the path; if small packets are not answered either, it was not.
                if let Ok(connection) = connector.in_small_segments().connect().await {
                    let again = self.ask(connection, &address).await;
                    let helps = !again.answer.as_ref().is_some_and(UplinkError::is_unanswered);
                    asked = if helps { again } else { asked };
                }
            }
            if asked.segments == Segments::Small {
                steps.push(judge::small_packets(&address));
                tell.push(tell::large_packets(&address));
            }
            steps.push(judge::manager(&address, asked.protocol, asked.answer.as_ref(), asked.took));
        }
        ConnectionCheck { steps, tell }
    }

    /// Asks the manager whether it knows this device.
    async fn ask(&self, mut connection: Connection, address: &Address) -> Asked {
        let began = Instant::now();
        let limit = self.config.reply_timeout;
        let answer: Result<serde::de::IgnoredAny, _> =
            post(&mut connection, address, path::REPORTS, &Probe {}, Duration::ZERO, limit).await;
        let (took, protocol, segments) = (began.elapsed(), Connection::PROTOCOL, connection.segments);
        Asked { answer: answer.err(), protocol, segments, took }
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
            None => TlsMode::Plain,
        };
        Ok(Connector {
            dial: dial::route(&self.config.proxy(), address, self.config.ping)?,
            address: address.clone(),
            tls,
            timeout: self.config.connect_timeout,
            segments: Segments::Whole,
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

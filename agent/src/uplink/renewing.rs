//! Renewing the device's certificate, beside the session: see [`crate::identity::renew`].

use std::convert::Infallible;
use std::time::Duration;

use platen_protocol::enroll::RenewReply;
use platen_protocol::path;
use platen_protocol::problem::ProblemKind;

use super::connect::Connector;
use super::send::post;
use super::{Uplink, UplinkError};
use crate::identity::renew::{self, RenewError, Renewal, Verdict};
use crate::identity::{self, IdentityError};
use crate::status::Sort;

/// Why a certificate was not renewed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    /// On this device.
    #[error(transparent)]
    Here(#[from] RenewError),
    /// On the connection, or at the manager.
    #[error(transparent)]
    Exchange(Box<UplinkError>),
}

impl From<IdentityError> for Failed {
    fn from(cause: IdentityError) -> Self {
        Self::Here(cause.into())
    }
}

/// What a connection that ended says of the certificate that it was made with.
fn verdict(ended: &UplinkError) -> Verdict {
    if ended.sort() == Sort::Refused { Verdict::Refused } else { Verdict::Open }
}

impl Uplink {
    /// As long as a session lasts: when a renewal is due, the manager is asked on a connection of its own.
    /// That a new certificate is there is told by [`Renewal::ready`].
    pub(super) async fn renew_when_due(&self, connector: &Connector) -> Infallible {
        let Some(renewal) = self.source.renewal() else { return std::future::pending().await };
        loop {
            // An identity that cannot be read is told of when the next connection is made.
            let Ok(present) = identity::load(renewal.directory()) else {
                return std::future::pending().await;
            };
            let clock = &self.context.clock;
            let wait = renewal.look_in(&present.facts, clock.known_good(), clock.since_boot());
            if !wait.is_zero() {
                let _ = tokio::time::timeout(wait, renewal.moved.notified()).await;
                continue;
            }
            if renewal.is_trying() {
                // It proves itself now, or not.
                tokio::time::sleep(renew::LOOK_LEAST).await;
                continue;
            }
            if renewal.has_next(&present) {
                return std::future::pending().await;
            }
            match Box::pin(self.renew(renewal, connector)).await {
                Ok(()) => return std::future::pending().await,
                Err(cause) => {
                    renewal.put_off(&present.facts, clock.since_boot());
                    tracing::warn!(ends = %present.facts.ends, "the certificate could not be renewed: {cause}");
                }
            }
        }
    }

    /// Until a new certificate is there to be tried.
    pub(super) async fn new_certificate(&self) {
        match self.source.renewal() {
            Some(renewal) => renewal.ready.notified().await,
            None => std::future::pending().await,
        }
    }

    /// The manager has answered by the identity in use, and told its time.
    pub(super) fn proven(&self) -> Result<(), UplinkError> {
        let Some(renewal) = self.source.renewal() else { return Ok(()) };
        renewal.answered()?;
        renewal.moved.notify_one();
        Ok(())
    }

    /// Asks for a new certificate, and keeps it to be tried.
    async fn renew(&self, renewal: &Renewal, connector: &Connector) -> Result<(), Failed> {
        let present = identity::load(renewal.directory())?;
        let asking = renew::ask(&present.device)?;
        let limit = self.config.reply_timeout;
        let exchange = async {
            let mut connection = connector.connect().await?;
            let address = &connector.address;
            post(&mut connection, address, path::RENEW, &asking.body, Duration::ZERO, limit).await
        };
        let reply: RenewReply = exchange.await.map_err(|cause| Failed::Exchange(Box::new(cause)))?;
        self.context.clock.learn(reply.manager_time);
        Ok(renewal.keep(&present, &asking, reply)?)
    }

    /// A session has ended. If that was because the certificate has ended, a new one is asked for: an
    /// operator may have readmitted the device. Returns what is the trouble now, or nothing when there is
    /// something new to be tried at once.
    pub(super) async fn after(&self, connector: &Connector, ended: UplinkError) -> Option<UplinkError> {
        let Some(renewal) = self.source.renewal() else { return Some(ended) };
        if matches!(ended, UplinkError::NewIdentity) {
            return None;
        }
        if let Ok(present) = identity::load(renewal.directory())
            && let Err(cause) =
                renewal.failed(verdict(&ended), &present.facts, self.context.clock.since_boot())
        {
            return Some(cause.into());
        }
        if renewal.is_trying() {
            tracing::info!("the connection with the renewed certificate ended: {ended}");
        }
        if ended.problem_kind() != Some(ProblemKind::CertificateExpired) {
            return Some(ended);
        }
        self.progress.until(self.now() + self.config.connect_timeout + self.config.reply_timeout);
        match Box::pin(self.renew(renewal, connector)).await {
            Ok(()) => None,
            Err(Failed::Exchange(cause)) if cause.problem_kind().is_some() => Some(*cause),
            Err(cause) => {
                tracing::warn!("the certificate could not be renewed: {cause}");
                Some(ended)
            }
        }
    }
}

//! Renewing the device's certificate, beside the session: see [`crate::identity::renew`].

use std::convert::Infallible;

use platen_protocol::enroll::RenewReply;
use platen_protocol::path;

use super::connect::Connector;
use super::one_exchange::one_exchange;
use super::{Fingerprint, Habits, LOOK_FOR_IDENTITY, Uplink, UplinkError};
use crate::identity::renew::{self, RenewError, Renewal, Verdict};
use crate::identity::{self, IdentityError};
use crate::status::Sort;

/// Why a certificate was not renewed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
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

    /// Until a person has enrolled the device again.
    async fn until_enrolled_anew(&self, before: Option<Fingerprint>) {
        while self.source.fingerprint() == before {
            tokio::time::sleep(LOOK_FOR_IDENTITY).await;
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
        let reply = one_exchange(connector, path::RENEW, &asking.body, self.config.reply_timeout).await;
        let reply: RenewReply = reply.map_err(|cause| Failed::Exchange(Box::new(cause)))?;
        self.context.clock.learn(reply.manager_time);
        Ok(renewal.keep(&present, &asking, reply)?)
    }

    /// A session has ended. If that was because the certificate has ended or is superseded, a new one is asked for,
    /// and waited for: an operator may readmit the device. Returns what is the trouble now, or nothing when there is
    /// something new to be tried at once.
    pub(super) async fn after(
        &mut self,
        connector: &Connector,
        ended: UplinkError,
        habits: &mut Habits,
    ) -> Option<UplinkError> {
        let needs_operator = ended.problem_kind().is_some_and(renew::may_be_readmitted);
        if needs_operator {
            self.wait_for_better(ended.trouble(), None);
        }
        if self.source.renewal().is_none() {
            return Some(ended);
        }
        if matches!(ended, UplinkError::NewIdentity) {
            return None;
        }
        match self.retire(&ended) {
            Ok(true) => return None,
            Ok(false) => {}
            Err(cause) => return Some(cause),
        }
        let Some(renewal) = self.source.renewal() else { return Some(ended) };
        if let Ok(present) = identity::load(renewal.directory())
            && let Err(cause) =
                renewal.failed(verdict(&ended), &present.facts, self.context.clock.since_boot())
        {
            return Some(cause.into());
        }
        if renewal.is_trying() {
            tracing::info!("the connection with the renewed certificate ended: {ended}");
        }
        if !needs_operator {
            return Some(ended);
        }
        // A renewed one that was refused is given up, and the present one tried; a present one that is refused
        // may be so because the renewed one was used already, and the answer was lost.
        let other = identity::load(renewal.directory())
            .is_ok_and(|present| matches!(identity::load_next(renewal.directory(), &present), Ok(Some(_))));
        if renewal.is_trying() || other {
            return None;
        }
        let enrolled = self.source.fingerprint();
        let waited = tokio::select! {
            // In order, so that a simulation runs the same each time.
            biased;
            waited = Box::pin(self.wait_to_be_readmitted(renewal, connector, &mut habits.long_poll)) => waited,
            () = self.until_enrolled_anew(enrolled) => return None,
        };
        match waited {
            Ok(()) => None,
            // Without contact that is the trouble now, and it is tried again as always.
            Err(Failed::Exchange(cause)) => Some(*cause),
            Err(cause) => {
                tracing::warn!("the certificate could not be renewed: {cause}");
                Some(ended)
            }
        }
    }
}

//! Waiting to be readmitted: the manager refuses this device's certificate, and an operator can let it in. The request
//! for a new certificate is held there until that happens, as a parked one is; so the device is back at once.

use std::time::Duration;

use platen_protocol::enroll::RenewReply;
use platen_protocol::path;
use tokio::time::Instant;

use super::connect::Connector;
use super::long_poll::LongPollTimeout;
use super::renewing::Failed;
use super::send::post;
use super::{Uplink, UplinkError};
use crate::identity;
use crate::identity::renew::{self, Asking, Renewal};

/// What one connection of waiting came to.
enum Waited {
    /// The manager answered with a new certificate.
    Readmitted(RenewReply),
    /// It was cut after it had been held: the next one is held for a shorter time, if the site is what cut it.
    Cut(UplinkError),
    /// The manager does not let this device wait, or has another reason to refuse it; or there is no contact.
    Refused(UplinkError),
}

impl Uplink {
    /// Asks for a new certificate for as long as the manager lets this device wait for it, and keeps it to be tried.
    pub(super) async fn wait_to_be_readmitted(
        &self,
        renewal: &Renewal,
        connector: &Connector,
        long_poll: &mut LongPollTimeout,
    ) -> Result<(), Failed> {
        let present = identity::load(renewal.directory())?;
        let asking = renew::ask(&present.device)?;
        loop {
            let cause = match self.wait_on_one(connector, &asking, long_poll).await {
                Waited::Readmitted(reply) => {
                    self.context.clock.learn(reply.manager_time);
                    return Ok(renewal.keep(&present, &asking, reply)?);
                }
                Waited::Cut(cause) => cause,
                Waited::Refused(cause) => return Err(Failed::Exchange(Box::new(cause))),
            };
            tracing::debug!("the wait for a readmission was cut: {cause}");
        }
    }

    async fn wait_on_one(
        &self,
        connector: &Connector,
        asking: &Asking,
        long_poll: &mut LongPollTimeout,
    ) -> Waited {
        let limit = self.config.reply_timeout;
        self.progress.until(self.now() + self.config.longest_connect() + limit);
        let mut connection = match connector.connect().await {
            Ok(connection) => connection,
            Err(cause) => {
                long_poll.dismiss();
                return Waited::Refused(cause);
            }
        };
        let address = &connector.address;
        // The first answer comes at once: it says whether an operator is needed, and that this connection works.
        let mut wait = Duration::ZERO;
        loop {
            let margin = if wait.is_zero() { limit } else { LongPollTimeout::margin(wait, limit) };
            self.progress.until(self.now() + wait + limit);
            let began = Instant::now();
            let answer = post(&mut connection, address, path::RENEW, &asking.body, wait, margin).await;
            let (cause, took) = match answer {
                Ok(reply) => return Waited::Readmitted(reply),
                Err(cause) => (cause, began.elapsed()),
            };
            if let Some(cut) = cause.cut(took).filter(|_| !wait.is_zero()) {
                if long_poll.suspect(wait, cut) {
                    return Waited::Cut(cause);
                }
                return Waited::Refused(cause);
            }
            if !cause.problem_kind().is_some_and(renew::may_be_readmitted) {
                return Waited::Refused(cause);
            }
            if wait.is_zero() {
                long_poll.confirm(self.now());
            } else if renew::was_let_wait(wait, took) {
                long_poll.answered(wait, took, self.now());
            } else {
                return Waited::Refused(cause);
            }
            wait = long_poll.current();
        }
    }
}

//! Whether somebody is who they say: by name and password, counted against the limits.

use std::net::IpAddr;
use std::sync::Arc;

use platen_protocol::problem::ProblemKind;
use tokio::time::Instant;

use super::hasher::Busy;
use super::password_queue::Asker;
use super::problem::Refusal;
use super::sign_in_limits::SignInAttempt;
use super::who::Operator;
use super::{Operators, password};

/// Begins to sign in as somebody of that name. It counts as failed unless it is forgiven.
pub(super) fn attempt(operators: &Operators, remote: IpAddr, name: &str) -> Result<SignInAttempt, Refusal> {
    let known = operators.known_addresses.is_known(remote);
    operators.sign_in_limits.begin(remote, known, name, Instant::now()).map_err(|wait| {
        Refusal::new(ProblemKind::TooMany, "Too many failed sign-ins. Wait a minute.").after(wait)
    })
}

/// Refuses what is asked with another password than the present one: a page that was left open is nobody's consent.
pub(super) async fn check_present(
    operators: &Arc<Operators>,
    (present, remote): (String, IpAddr),
    by: &Operator,
) -> Result<(), Refusal> {
    if is_password_of(operators, remote, by.name.clone(), present).await? {
        return Ok(());
    }
    tracing::warn!(operator = by.name, %remote, "nothing was changed: the present password was wrong");
    Err(Refusal::new(ProblemKind::InvalidRequest, "the present password is another one"))
}

/// Whether this is the password of the operator of that name. What is wrong counts as a failed sign-in of the name and of the
/// address, wherever it was asked for; what the manager could not check does not.
pub(super) async fn is_password_of(
    operators: &Arc<Operators>,
    remote: IpAddr,
    name: String,
    password: String,
) -> Result<bool, Refusal> {
    let known_address = operators.known_addresses.is_known(remote);
    let attempt = attempt(operators, remote, &name)?;
    let asker = Asker { known_address, failures: attempt.before(), name };
    let right = is_right(operators, asker, password).await;
    if !matches!(right, Ok(false)) {
        attempt.forgive();
    }
    right
}

async fn is_right(operators: &Arc<Operators>, asker: Asker, password: String) -> Result<bool, Refusal> {
    if password.len() > password::MAX_BYTES || password::check_name(&asker.name).is_err() {
        return Ok(false);
    }
    let hash = operators.store.password_hash(asker.name.clone()).await?;
    let checked = operators.hasher.verify(asker, password, hash).await.map_err(|Busy| {
        tracing::debug!("a sign-in was turned away: too many at once");
        Refusal::new(ProblemKind::Unavailable, "Many people are signing in right now. Try again in a moment.")
    })?;
    checked.map_err(|error| Refusal::internal(&error))
}

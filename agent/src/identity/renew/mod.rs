//! The device's certificate, renewed by the device itself when two thirds of its life are over.
//!
//! The life is counted by the known good time ([`crate::clock`]). A new key is made; the manager signs it
//! against the present certificate; key and certificate are kept beside the present ones
//! ([`crate::identity`]) and tried on a connection of their own. Only when the manager has answered there
//! do they take the place of the old ones, in one step. The manager accepts both until then. If the new
//! ones do not work, the old ones go on, and later it is tried again.
//!
//! A certificate that ended while the device was away is renewed in the same way, once an operator has
//! readmitted the device. So is one that the device had replaced before its state went back to an older one. Until then
//! the manager refuses it, and the device waits there with a request that the manager holds
//! ([`crate::uplink`]); where it finds no place to wait, it asks at a slow pace.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::VERSION;
use platen_protocol::enroll::{RenewReply, RenewRequest};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::sign::CertifiedKey;
use tokio::sync::Notify;

use crate::identity::certificate::Facts;
use crate::identity::{self, Identity, IdentityError, IdentityFile};

/// After a renewal that failed, the next try comes after this part of the certificate's life, doubled with
/// each failure: of a year, 9 hours and more; enough tries fit into the third that is left.
const RETRY_PART: u32 = 1000;
/// The bounds of that pause.
const RETRY_LEAST: Duration = Duration::from_secs(5);
const RETRY_MOST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Doublings of the pause.
const MAX_DOUBLINGS: u32 = 5;
/// The longest sleep until it is looked again whether a renewal is due: the known good time may have moved.
const LOOK_MOST: Duration = Duration::from_secs(3600);
/// The shortest.
pub(crate) const LOOK_LEAST: Duration = Duration::from_secs(1);
/// A new certificate that could not be tried this often, because no connection came about, is given up.
const MAX_TRIALS: u32 = 5;
/// How often a device asks whose certificate has ended or is superseded, and which the manager does not let wait: an
/// operator may have readmitted it.
pub const ASK_EXPIRED_EVERY: Duration = Duration::from_secs(10 * 60);
/// How often a device that was shut out asks: it may have been a mistake.
pub const ASK_REVOKED_EVERY: Duration = Duration::from_secs(6 * 3600);

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The key or the request could not be made.
    #[error("no key could be generated: {0}")]
    Key(#[from] rcgen::Error),
    /// What the manager answered cannot be used.
    #[error("the manager's answer cannot be used: {0}")]
    Answer(String),
    /// It cannot be stored.
    #[error("the new certificate cannot be stored: {0}")]
    Store(#[from] IdentityError),
}

/// What a connection that ended says of the certificate that it was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The manager does not want it: waiting does not help.
    Refused,
    /// Nothing: no connection came about, or it broke.
    Open,
}

/// When a certificate is to be renewed: two thirds of the way from its beginning to its end.
pub fn due(facts: &Facts) -> Timestamp {
    let life = facts.ends.duration_since(facts.begins);
    facts.begins.checked_add(life / 3 * 2).unwrap_or(facts.ends)
}

/// How long to sleep before it is looked whether a renewal is due.
fn look_in(facts: &Facts, known: Option<Timestamp>) -> Duration {
    let left = known.map_or(LOOK_MOST, |known| {
        Duration::try_from(due(facts).duration_since(known)).unwrap_or(Duration::ZERO)
    });
    left.clamp(LOOK_LEAST, LOOK_MOST)
}

/// The pause after a number of failures in a row.
fn retry_after(facts: &Facts, failures: u32) -> Duration {
    let life = Duration::try_from(facts.ends.duration_since(facts.begins)).unwrap_or(Duration::ZERO);
    let first = (life / RETRY_PART).max(RETRY_LEAST);
    first.saturating_mul(1 << failures.saturating_sub(1).min(MAX_DOUBLINGS)).min(RETRY_MOST)
}

/// Whether an operator can let in who is refused so.
pub const fn may_be_readmitted(kind: ProblemKind) -> bool {
    matches!(
        kind,
        ProblemKind::CertificateExpired | ProblemKind::CertificateSuperseded | ProblemKind::CertificateNewer
    )
}

/// Whether a device that was refused after `took` was let wait for an operator, as it had `asked`: then it asks again
/// at once. Whoever is refused sooner finds no place to wait, or another machine has taken it.
pub fn was_let_wait(asked: Duration, took: Duration) -> bool {
    !asked.is_zero() && took >= asked / 2
}

/// How long to wait at least after the manager has said no to the device itself: about the usual period, and up to
/// a quarter more by chance, so that devices that ended together do not ask together.
pub fn pause_after_refusal(kind: Option<ProblemKind>, chance: u64) -> Duration {
    let every = match kind {
        Some(kind) if may_be_readmitted(kind) => ASK_EXPIRED_EVERY,
        Some(ProblemKind::DeviceRevoked) => ASK_REVOKED_EVERY,
        _ => return Duration::ZERO,
    };
    let spread = every.as_secs() / 4 + 1;
    every + Duration::from_secs(chance % spread)
}

/// A request that is to be sent, with the key that it is for.
pub struct Asking {
    key: KeyPair,
    /// What is sent.
    pub body: RenewRequest,
}

/// The key stays out of logs.
impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

/// Makes a key, and a request for its certificate.
pub fn ask(device: &DeviceId) -> Result<Asking, RenewError> {
    let key = KeyPair::generate()?;
    let csr = request_for(device, &key)?;
    Ok(Asking { key, body: RenewRequest { version: VERSION, csr } })
}

/// A PKCS#10 request of a device, in PEM.
pub fn request_for(device: &DeviceId, key: &KeyPair) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, device.as_str());
    params.serialize_request(key)?.pem()
}

#[derive(Debug, Default)]
struct State {
    /// Whether the next connection is made with the new certificate.
    try_next: bool,
    /// Whether this one is.
    trying: bool,
    /// Connections that did not come about with it.
    trials: u32,
    /// Renewals that failed in a row.
    failures: u32,
    /// No renewal before this moment on the clock of the time since boot.
    not_before: Duration,
}

/// Which identity is used, and when it is renewed. One uplink has it.
#[derive(Debug)]
pub struct Renewal {
    directory: PathBuf,
    /// Held for a look, never across an await.
    state: Mutex<State>,
    /// Rung when a new certificate is there to be tried.
    pub ready: Notify,
    /// Rung when the known good time may have moved on.
    pub moved: Notify,
}

impl Renewal {
    /// For the identity in a state directory. A new certificate that was not tried before the agent was
    /// stopped is tried first.
    pub fn new(directory: PathBuf) -> Self {
        let state = State { try_next: true, ..State::default() };
        Self { directory, state: Mutex::new(state), ready: Notify::new(), moved: Notify::new() }
    }

    /// The state directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The identity for the next connection.
    pub fn identity(&self) -> Result<Identity, IdentityError> {
        let present = identity::load(&self.directory)?;
        let mut state = self.state();
        state.trying = false;
        if !state.try_next {
            return Ok(present);
        }
        match identity::load_next(&self.directory, &present) {
            Ok(Some(next)) => {
                state.trying = true;
                Ok(next)
            }
            Ok(None) => Ok(present),
            Err(cause) => {
                tracing::warn!("a renewed certificate is discarded: {cause}");
                identity::discard_next(&self.directory)?;
                Ok(present)
            }
        }
    }

    /// Whether the connection is made with a certificate that has not proven itself.
    pub fn is_trying(&self) -> bool {
        self.state().trying
    }

    /// The manager has answered: a new certificate takes the place of the old one.
    pub fn answered(&self) -> Result<(), IdentityError> {
        let mut state = self.state();
        if state.trying {
            identity::promote(&self.directory)?;
            *state = State { try_next: true, ..State::default() };
            tracing::info!("the renewed certificate works and replaces the old one");
        }
        Ok(())
    }

    /// A connection has ended before the manager answered.
    ///
    /// # Errors
    /// When a new certificate that is given up cannot be removed.
    pub fn failed(&self, verdict: Verdict, facts: &Facts, now: Duration) -> Result<(), IdentityError> {
        let mut state = self.state();
        if !state.trying {
            // The old one is no better: whichever was not tried last is next.
            state.try_next = true;
            return Ok(());
        }
        state.trials += 1;
        state.try_next = false;
        state.put_off(facts, now);
        if verdict == Verdict::Refused || state.trials >= MAX_TRIALS {
            tracing::warn!(?verdict, "the renewed certificate does not work: the old one stays in use");
            identity::discard_next(&self.directory)?;
            state.trials = 0;
        }
        Ok(())
    }

    /// A renewal failed; the next is put off.
    pub fn put_off(&self, facts: &Facts, now: Duration) {
        self.state().put_off(facts, now);
    }

    /// How long until a renewal of this certificate is to be tried; zero when it is due.
    pub fn look_in(&self, facts: &Facts, known: Option<Timestamp>, now: Duration) -> Duration {
        let wait = self.state().not_before.saturating_sub(now);
        if known.is_some_and(|known| known >= due(facts)) { wait } else { look_in(facts, known).max(wait) }
    }

    /// Whether a new certificate is there already, which could not be tried; it is then tried next.
    pub fn has_next(&self, present: &Identity) -> bool {
        let has = matches!(identity::load_next(&self.directory, present), Ok(Some(_)));
        if has {
            self.state().try_next = true;
            self.ready.notify_one();
        }
        has
    }

    /// Keeps what the manager answered, to be tried on the next connection.
    pub fn keep(&self, present: &Identity, asking: &Asking, reply: RenewReply) -> Result<(), RenewError> {
        let kept = check(present, asking, reply)?;
        identity::store_next(&self.directory, &kept)?;
        let mut state = self.state();
        state.try_next = true;
        state.trials = 0;
        drop(state);
        self.ready.notify_one();
        Ok(())
    }
}

impl State {
    fn put_off(&mut self, facts: &Facts, now: Duration) {
        self.failures += 1;
        self.not_before = now + retry_after(facts, self.failures);
    }
}

/// An answer that does not fit the key, the device or the CA that is trusted is refused before it is kept.
fn check(present: &Identity, asking: &Asking, reply: RenewReply) -> Result<IdentityFile, RenewError> {
    let unusable = |what: String| RenewError::Answer(what);
    if reply.version != VERSION {
        return Err(unusable(format!("it is of version {}, not {VERSION}", reply.version)));
    }
    let kept = IdentityFile {
        key: asking.key.serialize_pem(),
        certificate_chain: reply.certificate_chain,
        manager_ca: reply.manager_ca,
        device: present.device.clone(),
        manager: present.manager.clone(),
        known_time: Some(reply.manager_time),
    };
    let next = identity::parse(&kept).map_err(|cause| unusable(cause.to_string()))?;
    if next.manager_ca != present.manager_ca {
        return Err(unusable("its CA is not the one that this device trusts".to_owned()));
    }
    if next.facts.name.as_deref() != Some(present.device.as_str()) {
        return Err(unusable("its certificate is another device's".to_owned()));
    }
    if next.facts.ends <= present.facts.ends {
        return Err(unusable("its certificate ends no later than the present one".to_owned()));
    }
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(next.chain, next.key, &provider).map_err(|cause| unusable(cause.to_string()))?;
    Ok(kept)
}

#[cfg(test)]
mod tests;

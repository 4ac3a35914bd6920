//! Who asks: a client with a token of its device, or one that shows the device's certificate. Whoever is not let in hears
//! the same, whether there is such a device or not.

use std::time::Duration;

use hyper::Request;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::http::uri::Authority;
use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::{Problem, ProblemKind};
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use super::super::context::{Caller, Devices, later};
use super::super::identity;
use super::super::signed::only;
use super::address::Address;
use crate::inform::Event;
use crate::secret::fingerprint;
use crate::store::DdiStanding;
use crate::throttle::counted;

/// The longest token that is looked at, in bytes: ours have 64.
const MAX_TOKEN_BYTES: usize = 256;
/// What stands before a token.
const TARGET_TOKEN: &str = "TargetToken";

/// What a request shows of who sends it, and by which name of this manager.
pub(super) struct Shows {
    /// None where it says nothing of the kind; empty where that is no token.
    token: Option<String>,
    /// By which name and port the client came: its links are made of that.
    authority: Option<Authority>,
}

impl Shows {
    pub(super) fn read<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let said = headers.contains_key(AUTHORIZATION);
        let token = said.then(|| only(headers, AUTHORIZATION.as_str()).and_then(token).unwrap_or_default());
        let named = || only(headers, HOST.as_str()).and_then(|host| host.parse::<Authority>().ok());
        let authority = request.uri().authority().cloned().or_else(named);
        let authority = authority.filter(|one| !one.as_str().contains('@'));
        Self { token: token.map(str::to_owned), authority }
    }
}

/// A client that is let in.
pub(super) struct Asking {
    /// Its device.
    pub(super) device: DeviceId,
    /// What its addresses begin with.
    pub(super) base: String,
}

/// Says who asks, or that nobody does who is let in.
pub(super) async fn identify(
    devices: &Devices,
    caller: &Caller,
    (shows, address): (&Shows, Option<&Address>),
    now: Timestamp,
) -> Result<Asking, Problem> {
    let named = address.map_or_else(String::new, |address| address.device.to_string());
    // Counted before anything is awaited, and until it is known that the token was right.
    let Ok(attempt) = devices.ddi_failures.begin((counted(caller.address), named), Instant::now()) else {
        return Err(Problem::new(
            ProblemKind::TooMany,
            "too many requests for this device from this address have failed, or are under way; wait a minute",
        ));
    };
    let known = address.filter(|address| address.tenant == devices.ddi.tenant);
    let is_let_in = match known {
        Some(address) => is_let_in(devices, caller, (shows, &address.device), now).await,
        None => Ok(false),
    };
    if !matches!(is_let_in, Ok(false)) {
        attempt.forgive();
    }
    let is_let_in = is_let_in?;
    let Some(address) = known.filter(|_| is_let_in) else { return Err(nobody()) };
    let device = address.device.clone();
    caller.admit(devices, &device, Instant::now())?;
    devices.roster.waits(&device, Duration::from_secs(u64::from(devices.ddi.poll_seconds)));
    if devices.roster.seen(&device, caller.address, now) {
        let contact = Some(devices.roster.contact(&device, now).state);
        devices.informer.publish(Event { contact, ..Event::new("contact", device.clone(), now) });
    }
    let authority = shows.authority.as_ref().ok_or_else(|| {
        Problem::new(ProblemKind::InvalidRequest, "Host: names no host, of which links could be made")
    })?;
    let base = format!("https://{authority}/{}/controller/v1/{device}", address.tenant);
    Ok(Asking { device, base })
}

/// What everybody hears who is not let in.
fn nobody() -> Problem {
    Problem::new(
        ProblemKind::NotSignedIn,
        "send a token of this device (`Authorization: TargetToken …`), made by `platen-manager ddi token`, or connect with its certificate",
    )
}

async fn is_let_in(
    devices: &Devices,
    caller: &Caller,
    (shows, device): (&Shows, &DeviceId),
    now: Timestamp,
) -> Result<bool, Problem> {
    let standing =
        async || devices.store.ddi_standing(device.clone()).await.map_err(|error| later(devices, &error));
    if let Some(token) = &shows.token {
        let hash = fingerprint(token.as_bytes());
        let known = standing().await?.is_some_and(|standing| is_one_of(&hash, &standing));
        return Ok(known && !token.is_empty());
    }
    match identity::let_in(devices, &caller.shown, now).await {
        Ok(caller) if caller == *device => {
            // An agent of ours that reports for it gets what is offered; a token says that a client is meant.
            Ok(standing().await?.is_some_and(|one| !one.has_agent || !one.hashes.is_empty()))
        }
        Err(problem) if problem.kind == ProblemKind::Unavailable => Err(problem),
        _ => Ok(false),
    }
}

/// The token in a header, which names its kind.
fn token(header: &str) -> Option<&str> {
    let (kind, token) = header.split_once(' ')?;
    let token = token.trim();
    (kind.eq_ignore_ascii_case(TARGET_TOKEN) && token.len() <= MAX_TOKEN_BYTES).then_some(token)
}

/// Compared with each of them in a time that says nothing of how alike they are.
fn is_one_of(hash: &str, standing: &DdiStanding) -> bool {
    standing.hashes.iter().fold(false, |found, one| found | bool::from(one.as_bytes().ct_eq(hash.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_of_a_device_is_a_token() {
        assert_eq!(token("TargetToken abc"), Some("abc"));
        assert_eq!(token("targettoken  abc "), Some("abc"));
        for wrong in ["GatewayToken abc", "Bearer abc", "abc", "", "TargetToken"] {
            assert_eq!(token(wrong), None, "{wrong}");
        }
        assert_eq!(token(&format!("TargetToken {}", "x".repeat(MAX_TOKEN_BYTES + 1))), None);
    }

    #[test]
    fn any_of_its_tokens_will_do_and_no_other() {
        let standing = DdiStanding { hashes: vec!["aa".into(), "bb".into()], has_agent: false };
        assert!(is_one_of("aa", &standing) && is_one_of("bb", &standing));
        assert!(!is_one_of("cc", &standing) && !is_one_of("a", &standing) && !is_one_of("", &standing));
    }
}

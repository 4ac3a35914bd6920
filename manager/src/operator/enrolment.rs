//! Enrolment tokens that are made at the desk: a sheet of them for devices that are to come, and one for another controller of a
//! device that is there.

use jiff::{SignedDuration, Timestamp};
use platen_protocol::enroll::{TOKEN_SECRET_BYTES, Token};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Refusal;
use super::who::Operator;
use super::{Operators, qr};
use crate::clock;
use crate::inform::Event;
use crate::secret::{self, fingerprint};
use crate::store::{NewToken, TokenBound};

/// Tokens on one sheet.
pub(super) const MAX_TOKENS: usize = 100;
/// The longest time for which a token can be used.
pub(super) const MAX_VALID_HOURS: u32 = 31 * 24;
/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// How many tokens that are bound to no device.
    pub(super) count: usize,
    /// And for devices of these names, one each.
    pub(super) devices: Vec<DeviceId>,
    /// For how many hours they can be used.
    pub(super) valid_hours: u32,
}

/// A token, which is shown this once.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct MadeEnrolmentToken {
    /// The token. It is not shown again.
    pub(super) token: String,
    /// The only device that it lets in; `null` for any that is not there yet.
    pub(super) device: Option<DeviceId>,
    /// Until when.
    pub(super) expires: Timestamp,
}

/// Tokens, and where devices connect to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct MadeEnrolmentTokens {
    /// Each lets one device in, once.
    pub(super) tokens: Vec<MadeEnrolmentToken>,
    /// The address that devices connect to; `null` if `device_url` of `manager.toml` does not say.
    pub(super) device_url: Option<String>,
}

impl MadeEnrolmentToken {
    /// What is typed on the controller; the token is asked for then.
    pub(super) fn command(&self, device_url: Option<&str>) -> String {
        let manager = device_url.map(|url| format!(" --manager {url}")).unwrap_or_default();
        let device = self.device.as_ref().map_or_else(|| "NAME".to_owned(), ToString::to_string);
        format!("sudo platen-agent enroll{manager} --device {device}")
    }

    /// The token as a QR code, to be read instead of typed; nothing where it cannot be drawn.
    pub(super) fn qr(&self) -> String {
        qr::drawn(&self.token)
    }
}

fn invalid(words: impl Into<String>) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, words)
}

fn until(hours: u32, now: Timestamp) -> Result<Timestamp, Refusal> {
    if !(1..=MAX_VALID_HOURS).contains(&hours) {
        return Err(invalid(format!("a token can be used for 1 to {MAX_VALID_HOURS} hours")));
    }
    Ok(now.saturating_add(SignedDuration::from_hours(i64::from(hours))).unwrap_or(now))
}

/// A token with its secret, and what is kept of it.
fn make(
    operators: &Operators,
    device: Option<DeviceId>,
    (now, expires): (Timestamp, Timestamp),
) -> Result<(MadeEnrolmentToken, NewToken), Refusal> {
    let secret = secret::random_hex::<TOKEN_SECRET_BYTES>().map_err(|error| Refusal::internal(&error))?;
    let hash = fingerprint(secret.as_bytes());
    let token = Token { secret, ca_fingerprint: operators.enrolment.ca_fingerprint.clone() };
    let made = MadeEnrolmentToken { token: token.to_string(), device: device.clone(), expires };
    Ok((made, NewToken { hash, device, created: now, expires }))
}

/// Makes tokens for devices that are to come.
pub(super) async fn sheet(
    operators: &Operators,
    operator: &Operator,
    asked: Asked,
) -> Result<MadeEnrolmentTokens, Refusal> {
    let all = asked.count.saturating_add(asked.devices.len());
    if !(1..=MAX_TOKENS).contains(&all) {
        return Err(invalid(format!("a sheet has 1 to {MAX_TOKENS} tokens, not {all}")));
    }
    let now = clock::now();
    let times = (now, until(asked.valid_hours, now)?);
    let named = asked.devices.into_iter().map(Some);
    let whose: Vec<Option<DeviceId>> = named.chain(std::iter::repeat_n(None, asked.count)).collect();
    let made: Vec<_> =
        whose.into_iter().map(|device| make(operators, device, times)).collect::<Result<_, _>>()?;
    let (tokens, kept): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    let bound = TokenBound::ToNewDevices;
    if let Err(known) = operators.store.add_tokens(kept, bound, operator.name.clone()).await? {
        return Err(Refusal::new(
            ProblemKind::StateConflict,
            format!(
                "{known} is enrolled already: another controller for it gets its token on the device's own page. No token was made"
            ),
        ));
    }
    tracing::info!(operator = operator.name, tokens = tokens.len(), "an operator made enrolment tokens");
    Ok(MadeEnrolmentTokens { tokens, device_url: operators.enrolment.device_url.clone() })
}

/// Makes a token by which another controller takes the place of that of a device: what it reports from then on goes on where the
/// old one ended, and the old one is refused.
pub(super) async fn replace(
    operators: &Operators,
    operator: &Operator,
    (device, valid_hours): (DeviceId, u32),
) -> Result<MadeEnrolmentTokens, Refusal> {
    let now = clock::now();
    let (made, kept) = make(operators, Some(device.clone()), (now, until(valid_hours, now)?))?;
    let bound = TokenBound::ToKnownDevice(now);
    if operators.store.add_tokens(vec![kept], bound, operator.name.clone()).await?.is_err() {
        return Err(Refusal::not_found("device"));
    }
    tracing::info!(%device, operator = operator.name, "an operator made a token for another controller");
    operators.informer.publish(Event::new("identity", device, now));
    Ok(MadeEnrolmentTokens { tokens: vec![made], device_url: operators.enrolment.device_url.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(device: Option<&str>) -> MadeEnrolmentToken {
        MadeEnrolmentToken {
            token: format!("platen1-{}-{}", "a".repeat(64), "b".repeat(64)),
            device: device.map(|device| device.parse().unwrap()),
            expires: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_is_typed_names_the_manager_and_the_device_and_no_secret() {
        let command = made(Some("lobby")).command(Some("https://platen.example.org:8443"));
        assert_eq!(
            command,
            "sudo platen-agent enroll --manager https://platen.example.org:8443 --device lobby"
        );
        assert_eq!(made(None).command(None), "sudo platen-agent enroll --device NAME");
    }

    #[test]
    fn the_code_is_a_picture_that_can_stand_in_a_page() {
        let qr = made(None).qr();
        assert!(qr.starts_with("<svg") && qr.ends_with("</svg>"), "{}", qr.get(..80).unwrap());
        assert!(!qr.contains("style=") && !qr.contains("platen1-"));
    }

    #[test]
    fn a_token_ends_within_a_month() {
        let now: Timestamp = "2026-12-01T10:00:00Z".parse().unwrap();
        assert_eq!(until(24, now).unwrap().to_string(), "2026-12-02T10:00:00Z");
        assert!(until(0, now).is_err() && until(745, now).is_err() && until(744, now).is_ok());
    }
}

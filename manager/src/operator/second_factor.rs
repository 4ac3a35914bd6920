//! A code beside the password: TOTP (RFC 6238), as authenticator apps have it. Each code is taken once; it may be of the step
//! before or after this one, for clocks differ.

use std::net::IpAddr;
use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use jiff::{SignedDuration, Timestamp};
use platen_protocol::hex;
use platen_protocol::problem::ProblemKind;
use totp_rs::{Algorithm, Builder, Totp};

use super::problem::Refusal;
use super::who::Operator;
use super::{Operators, qr, sign_in};
use crate::clock;
use crate::secret::{SECRET_BYTES, fingerprint, random, random_hex};
use crate::store::MAX_WRONG_CODES;

/// Under which name apps show it.
const ISSUER: &str = "Platen";
/// Bytes of the secret: as many as SHA-1 gives (RFC 4226).
const TOTP_BYTES: usize = 20;
const DIGITS: u8 = 6;
const STEP_SECONDS: u64 = 30;
/// Steps by which a clock may differ.
const DRIFT: u16 = 1;
/// Recovery codes that are made.
const RECOVERY_CODES: usize = 10;
/// Random bytes of each: far beyond guessing, and short enough to be typed.
const RECOVERY_BYTES: usize = 10;
/// How long after the password a code may be shown.
const HALF_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// What is shown to somebody who sets one up.
pub(super) struct Enrolment {
    /// The secret, to be typed where no camera is.
    pub(super) secret: String,
    /// What the drawn code says.
    pub(super) uri: String,
    /// The drawing.
    pub(super) svg: String,
}

fn totp(secret: &[u8], account: &str) -> Result<Totp, Refusal> {
    let built = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_skew(DRIFT)
        .with_step_duration(STEP_SECONDS)
        .with_secret(secret)
        .with_issuer(Some(ISSUER))
        .with_account_name(account)
        .build();
    built.map_err(|error| {
        tracing::error!(%error, "a second factor could not be made");
        Refusal::new(ProblemKind::Internal, "the manager could not do this; its log says why")
    })
}

/// The step of which a code is, if it is one of now.
fn step(secret: &str, account: &str, code: &str, now: Timestamp) -> Result<Option<i64>, Refusal> {
    let Some(secret) = hex::decode(secret) else { return Ok(None) };
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let step = totp(&secret, account)?.check(code, seconds);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

/// What somebody typed, without the blanks that apps show in it.
fn typed(code: &str) -> String {
    code.chars().filter(|one| !one.is_whitespace() && *one != '-').collect()
}

/// By what a recovery code is kept.
fn recovery_hash(code: &str) -> String {
    fingerprint(typed(code).to_ascii_uppercase().as_bytes())
}

/// Begins one for who asks, with the present password.
pub(super) async fn begin(
    operators: &Arc<Operators>,
    present: (String, IpAddr),
    by: &Operator,
) -> Result<Enrolment, Refusal> {
    sign_in::check_present(operators, present, by).await?;
    let secret = random::<TOTP_BYTES>().map_err(|error| Refusal::internal(&error))?;
    let uri = totp(&secret, &by.name)?.to_url().map_err(|error| Refusal::internal(&error))?;
    let begun = operators.store.begin_second_factor(by.name.clone(), hex::encode(&secret), clock::now());
    if !begun.await? {
        return Err(Refusal::new(
            ProblemKind::StateConflict,
            "you have a second factor already: remove that one first",
        ));
    }
    Ok(Enrolment { secret: BASE32_NOPAD.encode(&secret), svg: qr::drawn(&uri), uri })
}

/// Confirms it by a code; gives recovery codes, which are not shown again.
pub(super) async fn confirm(
    operators: &Operators,
    code: &str,
    by: &Operator,
) -> Result<Vec<String>, Refusal> {
    let wrong = || {
        Refusal::new(
            ProblemKind::InvalidRequest,
            "this code is none of now: wait for the next one, and look whether the clock of the app is right",
        )
    };
    let found = operators.store.second_factor(by.name.clone()).await?;
    let Some((factor, _)) = found.filter(|(factor, _)| !factor.is_confirmed) else {
        return Err(Refusal::new(
            ProblemKind::StateConflict,
            "there is no second factor to confirm: begin one",
        ));
    };
    let step = step(&factor.secret, &by.name, &typed(code), clock::now())?.ok_or_else(wrong)?;
    let mut codes = Vec::new();
    for _ in 0..RECOVERY_CODES {
        let random = random::<RECOVERY_BYTES>().map_err(|error| Refusal::internal(&error))?;
        codes.push(BASE32_NOPAD.encode(&random));
    }
    let hashes = codes.iter().map(|code| recovery_hash(code)).collect();
    if !operators.store.confirm_second_factor(by.name.clone(), step, hashes, clock::now()).await? {
        return Err(Refusal::new(ProblemKind::StateConflict, "it was confirmed meanwhile"));
    }
    tracing::warn!(operator = by.name, "an operator set up a second factor");
    Ok(codes.iter().map(|code| spaced(code)).collect())
}

/// Four characters at a time, for people.
fn spaced(code: &str) -> String {
    let all: Vec<char> = code.chars().collect();
    all.chunks(4).map(|some| some.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// Takes the own one away, with the present password.
pub(super) async fn remove_own(
    operators: &Arc<Operators>,
    present: (String, IpAddr),
    by: &Operator,
) -> Result<(), Refusal> {
    sign_in::check_present(operators, present, by).await?;
    remove(operators, by.name.clone(), by).await
}

/// Takes that of somebody away.
pub(super) async fn remove(operators: &Operators, name: String, by: &Operator) -> Result<(), Refusal> {
    if !operators.store.remove_second_factor(name.clone()).await? {
        return Err(Refusal::not_found("second factor"));
    }
    tracing::warn!(name, operator = by.name, "a second factor was removed");
    Ok(())
}

/// Whether a code is asked for beside somebody's password; then what the page holds until it is shown.
pub(super) async fn asked_for(operators: &Operators, name: &str) -> Result<Option<String>, Refusal> {
    let found = operators.store.second_factor(name.to_owned()).await?;
    if !found.is_some_and(|(factor, _)| factor.is_confirmed) {
        return Ok(None);
    }
    let secret = random_hex::<SECRET_BYTES>().map_err(|error| Refusal::internal(&error))?;
    let (hash, now) = (fingerprint(secret.as_bytes()), clock::now());
    operators.store.begin_half_sign_in(hash, name.to_owned(), (now, now + HALF_LIFE)).await?;
    Ok(Some(secret))
}

/// How a code went.
pub(super) enum Shown {
    /// Whoever it is, is let in.
    Right(String),
    /// The code was wrong: whose.
    Wrong(String),
    /// The password was shown too long ago.
    TooLate,
}

/// A code is shown by who holds what the page held. What is wrong counts as a failed sign-in.
pub(super) async fn show(
    operators: &Operators,
    (half, code): (&str, &str),
    remote: IpAddr,
) -> Result<Shown, Refusal> {
    let (hash, now) = (fingerprint(half.as_bytes()), clock::now());
    let Some(name) = operators.store.half_sign_in(hash.clone(), now).await? else {
        return Ok(Shown::TooLate);
    };
    let attempt = sign_in::attempt(operators, remote, &name)?;
    let right = is_right(operators, &name, code, now).await;
    if !matches!(right, Ok(false)) {
        attempt.forgive();
    }
    if !right? {
        operators.store.note_wrong_code(name.clone()).await?;
        return Ok(Shown::Wrong(name));
    }
    // Of two who show it at once, one is let in.
    if operators.store.end_half_sign_in(hash).await? { Ok(Shown::Right(name)) } else { Ok(Shown::TooLate) }
}

async fn is_right(operators: &Operators, name: &str, code: &str, now: Timestamp) -> Result<bool, Refusal> {
    let found = operators.store.second_factor(name.to_owned()).await?;
    let Some((factor, _)) = found.filter(|(factor, _)| factor.is_confirmed) else { return Ok(false) };
    let code = typed(code);
    if code.len() > usize::from(DIGITS) {
        return Ok(operators.store.take_recovery_code(name.to_owned(), recovery_hash(&code)).await?);
    }
    if factor.wrong >= MAX_WRONG_CODES {
        tracing::warn!(operator = name, "no code is taken any more: too many in a row were wrong");
        return Ok(false);
    }
    let Some(step) = step(&factor.secret, name, &code, now)? else { return Ok(false) };
    Ok(operators.store.take_code(name.to_owned(), step).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the last six digits of those for SHA-1.
    #[test]
    fn codes_are_those_of_the_standard_and_of_one_step_before_and_after() {
        let secret = hex::encode(b"12345678901234567890");
        for (seconds, code) in
            [(1_111_111_111, "050471"), (1_111_111_109, "081804"), (2_000_000_000, "279037")]
        {
            let at = |shift| Timestamp::from_second(seconds + shift).unwrap();
            let own = Some(seconds / 30);
            let found = |shift| step(&secret, "anna", code, at(shift)).unwrap();
            assert_eq!((found(0), found(30), found(-30)), (own, own, own));
            assert_eq!((found(60), found(-60)), (None, None));
        }
        for wrong in ["", "28708", "2870820", "abcdef", "٢٨٧٠٨٢"] {
            assert_eq!(step(&secret, "anna", wrong, Timestamp::from_second(59).unwrap()).unwrap(), None);
        }
    }

    #[test]
    fn a_recovery_code_is_the_same_however_it_is_typed() {
        assert_eq!(spaced("ABCDEFGHIJKLMNOP"), "ABCD-EFGH-IJKL-MNOP");
        assert_eq!(recovery_hash("abcd-efgh ijkl-MNOP"), recovery_hash("ABCDEFGHIJKLMNOP"));
    }
}

//! Signs requests and answers.

use ring::digest::{SHA256, digest};

use super::base;
use super::key::byte_sequence;
use super::{CERTIFICATE_FIELD, DIGEST_FIELD, INPUT_FIELD, LABEL, SIGNATURE_FIELD, SigningKey, UnusableKey};

/// What of a request is covered, beside its body.
///
/// The host is not: proxies write it in their own way, and a manager may have several names. For whom a
/// request is says the certificate in its signature, which only one manager has given.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The path; a request with a query is not signed.
    pub path: &'a str,
    /// The field `Content-Type`.
    pub content_type: &'a str,
    /// The field `Prefer`, if there is one.
    pub prefer: Option<&'a str>,
}

/// What of an answer is covered, beside its body.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The field `Content-Type`.
    pub content_type: &'a str,
    /// The field `Retry-After`, if there is one.
    pub retry_after: Option<&'a str>,
    /// Which request it answers.
    pub to: &'a Bond,
}

/// What ties an answer to its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bond {
    /// The request's components and parameters, the nonce and the certificate's name among them.
    pub(super) input: String,
    /// The request's signature.
    pub(super) signature: String,
}

/// When, by the signer's clock, in seconds since 1970; and once.
#[derive(Debug, Clone, Copy)]
pub struct When<'a> {
    /// When it is signed.
    pub created: i64,
    /// When it is no longer to be taken.
    pub expires: Option<i64>,
    /// Tells it from all others.
    pub nonce: Option<&'a str>,
}

/// A field to send: its name in lower case and its value.
pub type Field = (&'static str, String);

/// A signed message.
#[derive(Debug, Clone)]
pub struct Signed {
    /// What is to be sent with it.
    pub fields: [Field; 4],
    /// What ties an answer to it.
    pub bond: Bond,
}

/// Signs a request.
pub fn sign_request(
    key: &SigningKey,
    request: &Request<'_>,
    body: &[u8],
    when: &When<'_>,
) -> Result<Signed, UnusableKey> {
    let digest = content_digest(body);
    let lines = base::request(request, &digest);
    finish(key, &lines, digest, when)
}

/// Signs an answer.
pub fn sign_answer(
    key: &SigningKey,
    answer: &Answer<'_>,
    body: &[u8],
    created: i64,
) -> Result<Signed, UnusableKey> {
    let digest = content_digest(body);
    let lines = base::answer(answer, &digest);
    finish(key, &lines, digest, &When { created, expires: None, nonce: None })
}

fn finish(
    key: &SigningKey,
    lines: &[base::Line],
    digest: String,
    when: &When<'_>,
) -> Result<Signed, UnusableKey> {
    let member = base::member(lines, when, key.id());
    let input = base::text(&member);
    let signature = byte_sequence(&key.sign(&base::base(lines, &member))?);
    let fields = [
        (DIGEST_FIELD, digest),
        (INPUT_FIELD, format!("{LABEL}={input}")),
        (SIGNATURE_FIELD, format!("{LABEL}={signature}")),
        (CERTIFICATE_FIELD, key.certificate().to_owned()),
    ];
    Ok(Signed { fields, bond: Bond { input, signature } })
}

/// The value of `Content-Digest` (RFC 9530).
fn content_digest(body: &[u8]) -> String {
    format!("sha-256={}", byte_sequence(digest(&SHA256, body).as_ref()))
}

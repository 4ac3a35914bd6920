//! Signs requests and answers.

use ring::digest::{SHA256, digest};

use super::base;
use super::covered::{Answer, Bond, Request, When};
use super::key::byte_sequence;
use super::{CERTIFICATE_FIELD, DIGEST_FIELD, INPUT_FIELD, LABEL, SIGNATURE_FIELD, SigningKey, UnusableKey};

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

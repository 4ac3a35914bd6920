//! Messages that are signed, for sites whose proxy opens TLS.
//!
//! There the connection ends at the proxy: no client certificate reaches the manager, and the
//! certificate that the device sees is the proxy's. So each request and each answer carries a signature
//! of its own (HTTP Message Signatures, RFC 9421) over what it means, with the digest of its body
//! (RFC 9530), by the very keys that TLS would have used. The proxy can read, delay and drop; what it
//! alters, makes up or delivers twice is refused.
//!
//! * [`key`] signs and checks, ECDSA P-256 with SHA-256 (RFC 9421, section 3.3.4);
//! * `base` is the text that is signed (section 2.5), of exactly the components that are agreed on:
//!   nothing is negotiated, and a signature over others is none;
//! * [`message`] signs requests and answers; [`presented`] reads and checks what came.
//!
//! Everything here is pure: fields come in and go out as text, times and nonces are arguments.
//! `docs/protocol.md` has the form and the reasons.

mod base;
pub mod covered;
pub mod key;
pub mod message;
pub mod presented;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

pub use covered::{Answer, Bond, Request, When};
pub use key::{PublicKey, SigningKey, UnusableKey};
pub use message::{Field, Signed, sign_answer, sign_request};
pub use presented::Presented;

/// Which components are covered, and the parameters (RFC 9421, section 4.1).
pub const INPUT_FIELD: &str = "signature-input";
/// The signature (RFC 9421, section 4.2).
pub const SIGNATURE_FIELD: &str = "signature";
/// The digest of the body (RFC 9530, section 2).
pub const DIGEST_FIELD: &str = "content-digest";
/// The signer's certificate, DER as a byte sequence. The form is that of `Client-Cert` (RFC 9440,
/// section 2.2); the name is not, because proxies are asked to remove that field.
pub const CERTIFICATE_FIELD: &str = "platen-certificate";

/// The name of our signature among others.
pub const LABEL: &str = "platen";
/// Says for what the signature was made (RFC 9421, section 2.3): one that another application had this
/// key make is none here.
pub const TAG: &str = "platen";
/// RFC 9421, section 6.2.2.
pub const ALGORITHM: &str = "ecdsa-p256-sha256";

/// A request is taken so long before and after it was signed, by the manager's clock. Long enough for a
/// slow site and for what is left of a clock's error once the manager has told the time; so long the
/// manager remembers nonces.
pub const WINDOW: Duration = Duration::from_secs(120);
/// Random bytes of a nonce.
pub const NONCE_BYTES: usize = 16;

/// The longest `Signature-Input`, in bytes: ours has about 330.
pub const MAX_INPUT_BYTES: usize = 1024;
/// The longest `Signature`, in bytes: ours has 97.
pub const MAX_SIGNATURE_BYTES: usize = 256;
/// The longest `Content-Digest`, in bytes: ours has 54, and others may stand beside it.
pub const MAX_DIGEST_BYTES: usize = 256;
/// The longest certificate field, in bytes: ours has about 800.
pub const MAX_CERTIFICATE_BYTES: usize = 4096;

/// Why a signed message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The field is not there, or there several times.
    Missing(&'static str),
    /// The field is longer than it may be.
    TooLong(&'static str),
    /// The field does not have its form.
    Malformed(&'static str),
    /// The signature covers other components than those that are agreed on, or what is covered is not
    /// there.
    Components,
    /// A parameter of the signature is missing or is not what is agreed on.
    Parameter(&'static str),
    /// The signature was made with another certificate than the one that is shown.
    OtherCertificate,
    /// The key of the certificate does not fit the signature: something covered was altered.
    Signature,
    /// The body is not the one that was signed.
    Body,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(field) => write!(f, "the field {field} is missing, or there more than once"),
            Self::TooLong(field) => write!(f, "the field {field} is too long"),
            Self::Malformed(field) => write!(f, "the field {field} does not have its form"),
            Self::Components => f.write_str(
                "the signature does not cover what it must: a field was added or taken away on the way",
            ),
            Self::Parameter(name) => {
                write!(f, "the parameter {name} of the signature is missing, or not what was agreed")
            }
            Self::OtherCertificate => {
                f.write_str("the signature names another certificate than the one shown")
            }
            Self::Signature => {
                f.write_str("the signature does not fit: something that it covers was altered on the way")
            }
            Self::Body => f.write_str("the body is not the one that was signed: it was altered on the way"),
        }
    }
}

impl std::error::Error for Refusal {}

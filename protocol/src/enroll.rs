//! The first conversation: a one-time token and a certificate request against a certificate.
//!
//! A token is printed by the manager for a person to carry to the device. Beside its secret it holds
//! the fingerprint of the manager's CA, so that the device knows whom it talks to before it has any
//! certificate of its own.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::identity::DeviceId;
use crate::text::secret_line;

/// The body of `POST /v1/enroll`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrollRequest {
    /// [`crate::VERSION`].
    pub version: u16,
    /// The secret of the token (see [`Token`]).
    pub secret: String,
    /// A PKCS#10 request (RFC 2986) in PEM; its common name is the [`DeviceId`] that is asked for.
    pub csr: String,
}

/// The answer to `POST /v1/enroll`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrollReply {
    /// [`crate::VERSION`].
    pub version: u16,
    /// The name under which the manager knows the device from now on.
    pub device_id: DeviceId,
    /// The device's certificate and what signed it, in PEM, the device's first.
    pub certificate_chain: String,
    /// The CA that the manager's own certificate comes from, in PEM.
    pub manager_ca: String,
    /// The manager's clock when it answered; a device begins to judge certificates by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager_time: Option<Timestamp>,
}

/// The body of `POST /v1/renew`, sent with the certificate that is to be replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RenewRequest {
    /// [`crate::VERSION`].
    pub version: u16,
    /// A PKCS#10 request (RFC 2986) in PEM; its common name is the device's.
    pub csr: String,
}

/// The answer to `POST /v1/renew`. The old certificate is accepted until the new one has been used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RenewReply {
    /// [`crate::VERSION`].
    pub version: u16,
    /// The device's new certificate and what signed it, in PEM, the device's first.
    pub certificate_chain: String,
    /// The CA that the manager's own certificate comes from, in PEM.
    pub manager_ca: String,
    /// The manager's clock when it answered.
    pub manager_time: Timestamp,
}

/// The common name of every manager's own CA: by it a device tells another manager from a proxy.
pub const CA_COMMON_NAME: &str = "Platen device CA";
/// Bytes of a token's secret.
pub const TOKEN_SECRET_BYTES: usize = 16;
/// Bytes of a CA's fingerprint (SHA-256 of its certificate in DER).
pub const CA_FINGERPRINT_BYTES: usize = 32;
const TOKEN_PREFIX: &str = "platen1";

/// What a person carries from the manager to the device: `platen1-SECRET-FINGERPRINT`, in lower-case
/// hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Known to the manager (as a hash) and to whoever was given the token.
    pub secret: String,
    /// SHA-256 of the manager's CA certificate in DER.
    pub ca_fingerprint: String,
}

/// A text that is not a token. It does not repeat the text, which may be nearly a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidToken;

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this is not an enrolment token: copy the whole line that `platen-manager token create` printed, beginning with platen1-",
        )
    }
}

impl std::error::Error for InvalidToken {}

fn is_hex(text: &str, bytes: usize) -> bool {
    text.len() == bytes * 2 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let mut pieces = secret_line(text).trim().split('-');
        match (pieces.next(), pieces.next(), pieces.next(), pieces.next()) {
            (Some(TOKEN_PREFIX), Some(secret), Some(fingerprint), None)
                if is_hex(secret, TOKEN_SECRET_BYTES) && is_hex(fingerprint, CA_FINGERPRINT_BYTES) =>
            {
                Ok(Self { secret: secret.to_owned(), ca_fingerprint: fingerprint.to_owned() })
            }
            _ => Err(InvalidToken),
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{TOKEN_PREFIX}-{}-{}", self.secret, self.ca_fingerprint)
    }
}

/// Secrets stay out of logs, whoever prints the struct.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("ca_fingerprint", &self.ca_fingerprint).finish_non_exhaustive()
    }
}

impl fmt::Debug for EnrollRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrollRequest").field("version", &self.version).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_that_was_cut_short_is_refused_without_repeating_it() {
        let whole = Token {
            secret: "ab".repeat(TOKEN_SECRET_BYTES),
            ca_fingerprint: "cd".repeat(CA_FINGERPRINT_BYTES),
        }
        .to_string();
        assert!(whole.parse::<Token>().is_ok());
        let cut = &whole[..whole.len() - 1];
        assert_eq!(cut.parse::<Token>(), Err(InvalidToken));
        assert!(!InvalidToken.to_string().contains("abab"));
    }

    #[test]
    fn a_token_file_with_a_mark_of_an_editor_is_the_token() {
        let whole = Token {
            secret: "ab".repeat(TOKEN_SECRET_BYTES),
            ca_fingerprint: "cd".repeat(CA_FINGERPRINT_BYTES),
        };
        assert!(format!("\u{feff}{whole}\r\n").parse::<Token>() == Ok(whole));
    }

    #[test]
    fn a_printed_struct_does_not_tell_the_secret() {
        let request = EnrollRequest { version: 1, secret: "deadbeef".into(), csr: String::new() };
        assert!(!format!("{request:?}").contains("deadbeef"));
    }

    proptest! {
        #[test]
        fn any_text_is_either_a_token_that_prints_the_same_or_an_error(text in ".{0,120}") {
            if let Ok(token) = text.parse::<Token>() {
                prop_assert_eq!(token.to_string(), secret_line(&text).trim());
            }
        }
    }
}

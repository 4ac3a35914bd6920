//! The manager's address.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use serde::{Deserialize, Serialize};

/// The port that stands for itself in an address.
const HTTPS_PORT: u16 = 443;

/// The address of a manager: `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    /// A name, or a number without the brackets of IPv6.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A text that is no address of a manager.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not the address of a manager: write https://HOST:PORT, such as https://manager.example:8443"
)]
pub struct InvalidAddress {
    /// The text.
    pub text: String,
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress { text: text.to_owned() };
        let uri: Uri = text.trim().parse().map_err(|_cause| invalid())?;
        let plain = uri.scheme_str() == Some("https")
            && uri.path_and_query().is_none_or(|path| path.as_str() == "/")
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        let host = uri.host().filter(|host| plain && !host.is_empty()).ok_or_else(invalid)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: uri.port_u16().unwrap_or(HTTPS_PORT) })
    }
}

impl TryFrom<String> for Address {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, InvalidAddress> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl Address {
    /// `host:port`, as in a URL.
    pub fn authority(&self) -> String {
        Self::authority_of(&self.host, self.port)
    }

    /// `host:port` of anything: a number of IPv6 stands in brackets.
    pub fn authority_of(host: &str, port: u16) -> String {
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_with_a_host_and_nothing_behind_it() {
        for text in ["https://m:8443", "https://m:8443/", "https://[::1]:8443", "https://10.0.2.2:1"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text.trim_end_matches('/'));
        }
        assert_eq!("https://m".parse::<Address>().unwrap().port, 443);
        for text in ["", "m:8443", "http://m:8443", "https://m/path", "https://u:p@m", "https://"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}

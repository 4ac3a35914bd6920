//! The origin of pages, as browsers write it.

use axum::http::Uri;
use serde::Deserialize;

/// `https://host`, or `https://host:port` if the port is not 443.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(String);

/// A text that is no origin.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is not the address of a site; write https, the host, and the port if it is not 443, such as \"https://platen.example.org\""
)]
pub struct NoOrigin(String);

impl Origin {
    /// Whether a browser that writes this origin means the same.
    pub(super) fn is(&self, written: &str) -> bool {
        self.0 == written
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Origin {
    type Error = NoOrigin;

    fn try_from(text: String) -> Result<Self, NoOrigin> {
        written(&text).map(Self).ok_or(NoOrigin(text))
    }
}

fn written(text: &str) -> Option<String> {
    let uri = text.parse::<Uri>().ok()?;
    let authority = uri.authority()?;
    let whole = uri.scheme_str() == Some("https") && uri.query().is_none() && uri.path() == "/";
    if !whole || authority.as_str().contains('@') || authority.host().is_empty() {
        return None;
    }
    let host = authority.host().to_ascii_lowercase();
    let without_port = authority.as_str().len() == host.len();
    Some(match authority.port_u16() {
        Some(443) => format!("https://{host}"),
        Some(port) => format!("https://{host}:{port}"),
        None if without_port => format!("https://{host}"),
        None => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_compared_as_browsers_write_it() {
        for (text, origin) in [
            ("https://platen.example.org", "https://platen.example.org"),
            ("https://Platen.Example.org:443/", "https://platen.example.org"),
            ("https://platen.example.org:8443", "https://platen.example.org:8443"),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ] {
            let read = Origin::try_from(text.to_owned()).unwrap();
            assert!(read.is(origin), "{read:?}");
        }
        assert!(!Origin::try_from("https://a.example".to_owned()).unwrap().is("https://b.example"));
    }

    #[test]
    fn what_is_no_origin_is_refused_with_what_to_write() {
        for text in [
            "",
            "platen.example.org",
            "http://platen.example.org",
            "https://platen.example.org/platen",
            "https://platen.example.org?a",
            "https://olga@platen.example.org",
            "https://platen.example.org:port",
            "https://platen.example.org:99999",
        ] {
            let refused = Origin::try_from(text.to_owned()).unwrap_err().to_string();
            assert!(refused.contains("such as \"https://platen.example.org\""), "{refused}");
        }
    }
}

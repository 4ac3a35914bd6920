//! What answers where TLS was asked for, and does not speak it: a login page, another server. Told by its first bytes;
//! pure.

use hyper::Uri;

/// No answer is looked at further than this: it holds the head of any login page.
pub(super) const MAX_FIRST_BYTES: usize = 2 * 1024;
/// The longest name of a site, or beginning of an answer, that is shown: whoever answers may say anything.
const MAX_SHOWN_CHARS: usize = 80;
const MAX_FIELDS: usize = 64;
/// The types of TLS records (RFC 8446, section 5.1, and RFC 6520), and the first byte of their version.
const RECORD_TYPES: std::ops::RangeInclusive<u8> = 20..=24;
const RECORD_VERSION: u8 = 3;
/// 511 (Network Authentication Required; RFC 6585, section 6).
const NETWORK_LOGIN: u16 = 511;

/// What answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlainAnswer {
    /// The network wants a login, and says so.
    Login,
    /// It sends us elsewhere, and to which site.
    Redirect(Option<String>),
    /// A web page.
    Page,
    /// HTTP without TLS, with this status.
    Http(u16),
    /// Something else, beginning with these words.
    Other(String),
}

impl PlainAnswer {
    /// By the first bytes that came; `None` if they are TLS, or may become it.
    pub fn read(first: &[u8]) -> Option<Self> {
        match first {
            [] => return None,
            [kind] if RECORD_TYPES.contains(kind) => return None,
            [kind, RECORD_VERSION, ..] if RECORD_TYPES.contains(kind) => return None,
            _ => {}
        }
        if let Some(answer) = http(first) {
            return Some(answer);
        }
        let text = String::from_utf8_lossy(first);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        Some(if text.starts_with('<') { Self::Page } else { Self::Other(shown(text)) })
    }

    /// Whether more of it would tell more.
    pub(super) fn is_incomplete(first: &[u8]) -> bool {
        let has = |end: &[u8]| first.windows(end.len()).any(|window| window == end);
        let head = first.starts_with(b"HTTP/")
            && first.len() < MAX_FIRST_BYTES
            && !has(b"\r\n\r\n")
            && !has(b"\n\n");
        let line = Self::read(first).is_some() && first.len() < MAX_SHOWN_CHARS && !has(b"\n");
        head || line
    }

    /// What happened, at an address (`host:port`).
    pub fn what(&self, address: &str, proxy: Option<&str>) -> String {
        let who = match proxy {
            None => format!("what answers at {address}"),
            Some(proxy) => format!("what answers through the proxy {proxy} for {address}"),
        };
        let portal = "as the login page of a network (a captive portal) does";
        match self {
            Self::Login => format!(
                "{who} does not speak TLS but HTTP, and says 511 (Network Authentication Required): this network wants a login before it lets anything out (a captive portal)"
            ),
            Self::Redirect(Some(to)) => {
                format!("{who} does not speak TLS but HTTP, and sends this device to {to}, {portal}")
            }
            Self::Redirect(None) => {
                format!("{who} does not speak TLS but HTTP, and sends this device to another page, {portal}")
            }
            Self::Page => format!("{who} does not speak TLS but shows a web page, {portal}"),
            Self::Http(status) => format!("{who} does not speak TLS but plain HTTP (it answered {status})"),
            Self::Other(words) if words.is_empty() => format!("{who} does not speak TLS"),
            Self::Other(words) => format!("{who} does not speak TLS: its answer begins with {words:?}"),
        }
    }

    /// What to do.
    pub fn remedy(&self, address: &str) -> String {
        match self {
            Self::Login | Self::Redirect(_) | Self::Page => admit(address),
            Self::Http(_) | Self::Other(_) => format!(
                "check that {address} is the manager's address and its port for devices; if it is, ask the network administrator what answers there in its place (a login page, a filter)"
            ),
        }
    }
}

/// What to do about a login page.
pub(super) fn admit(address: &str) -> String {
    format!(
        "ask the network administrator to let this device reach {address} without a login (by its MAC or IP address), for a printer cannot fill in a login page; and check that {address} is the manager's address"
    )
}

/// The site that a `Location` leads to: without path and query, which may say who asked.
pub(super) fn site(location: &[u8]) -> Option<String> {
    let uri = Uri::try_from(location).ok()?;
    let (scheme, host) = (uri.scheme_str()?, uri.host()?);
    (scheme.len() + host.len() <= MAX_SHOWN_CHARS).then(|| format!("{scheme}://{host}"))
}

fn http(first: &[u8]) -> Option<PlainAnswer> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    // What cannot be parsed to its end has told its status all the same.
    let _ = answer.parse(first);
    let status = answer.code?;
    let location = answer.headers.iter().find(|field| field.name.eq_ignore_ascii_case("location"));
    Some(match status {
        NETWORK_LOGIN => PlainAnswer::Login,
        300..=399 => PlainAnswer::Redirect(location.and_then(|field| site(field.value))),
        200..=299 => PlainAnswer::Page,
        status => PlainAnswer::Http(status),
    })
}

/// The first words, without what could move the cursor or turn the line around on a screen.
fn shown(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(MAX_SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_login_page_is_told_from_a_web_server_and_from_another_protocol() {
        let redirect = "HTTP/1.1 302 Found\r\nLocation: http://portal.hotel.example/login?mac=00:11\r\n\r\n";
        for (answer, expected) in [
            ("HTTP/1.1 511 Network Authentication Required\r\n\r\n", PlainAnswer::Login),
            (redirect, PlainAnswer::Redirect(Some("http://portal.hotel.example".into()))),
            ("HTTP/1.0 307 Temporary Redirect\r\nLocation: /login\r\n\r\n", PlainAnswer::Redirect(None)),
            ("HTTP/1.1 200 OK\r\n\r\n<html>", PlainAnswer::Page),
            ("\u{feff}\r\n<!DOCTYPE html>", PlainAnswer::Page),
            ("HTTP/1.1 400 Bad Request\r\n\r\n", PlainAnswer::Http(400)),
            ("SSH-2.0-OpenSSH_9.2\r\n", PlainAnswer::Other("SSH-2.0-OpenSSH_9.2".into())),
        ] {
            assert_eq!(PlainAnswer::read(answer.as_bytes()), Some(expected), "{answer}");
        }
        let told = PlainAnswer::read(redirect.as_bytes()).unwrap();
        let (what, remedy) = (told.what("m:8443", Some("http://p:3128")), told.remedy("m:8443"));
        assert!(what.contains("captive portal") && what.contains("the proxy http://p:3128"), "{what}");
        assert!(!what.contains("00:11"), "who asked is not repeated: {what}");
        assert!(remedy.contains("without a login") && remedy.contains("m:8443"), "{remedy}");
        let told = PlainAnswer::Http(400);
        assert!(told.what("m:8443", None).contains("plain HTTP"));
        assert!(told.remedy("m:8443").contains("port for devices"));
    }

    #[test]
    fn what_is_tls_or_may_become_it_is_left_to_tls() {
        for tls in [&b""[..], &[22], &[22, 3, 3, 0, 80], &[21, 3, 1, 0, 2, 2, 70]] {
            assert_eq!(PlainAnswer::read(tls), None, "{tls:?}");
        }
        assert!(PlainAnswer::is_incomplete(b"HTTP/1.1 302 Found\r\nLoc"));
        assert!(!PlainAnswer::is_incomplete(b"HTTP/1.1 302 Found\r\n\r\n"));
        assert!(PlainAnswer::is_incomplete(b"SSH-2.0-Op"));
        assert!(!PlainAnswer::is_incomplete(b"SSH-2.0-OpenSSH_9.2\r\n"));
    }

    proptest! {
        #[test]
        fn whatever_answers_its_words_are_few_and_harmless(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(answer) = PlainAnswer::read(&bytes) {
                let what = answer.what("m:1", None);
                prop_assert!(what.chars().count() < 400 && !what.chars().any(char::is_control), "{what}");
            }
            let _ = PlainAnswer::is_incomplete(&bytes);
        }
    }
}

//! What a proxy refuses, in words for a technician and for the administrator of the network.

use std::io;
use std::time::Duration;

use hyper::StatusCode;

use super::super::plain_answer::admit;
use super::direct::ReachError;
use crate::status::Sort;

/// So many schemes are told, each with so many letters.
const MAX_SCHEMES: usize = 8;
const MAX_SCHEME_CHARS: usize = 20;
/// The one that we can do (RFC 7617).
const BASIC: &str = "Basic";

/// What helps when the proxy is not there.
pub(in super::super) const PROXY_REMEDY: &str = "check `proxy` in agent.toml, or HTTPS_PROXY, with the network administrator, and that this device may reach the proxy";

/// A proxy does not let us through.
#[derive(Debug)]
pub struct ProxyError {
    /// Which.
    pub proxy: String,
    /// Where we want to go: `host:port`.
    pub target: String,
    /// Whether a user name and password were sent.
    pub sent: bool,
    /// Why not.
    pub fault: Fault,
}

/// Why not.
#[derive(Debug)]
pub enum Fault {
    /// There is no connection to the proxy.
    Away(ReachError),
    /// It wants to know who we are, by one of these schemes.
    Authentication(Vec<String>),
    /// It answered something else than yes.
    Refused {
        /// What.
        status: StatusCode,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
        /// The site that it sends us to.
        to: Option<String>,
    },
    /// It does not speak HTTP.
    NotHttp(httparse::Error),
    /// The head of its answer is longer than so many bytes.
    TooLong(usize),
    /// It closed the connection before it had answered.
    Closed,
    /// The connection to it broke.
    Broken(io::Error),
    /// The address cannot be written in a request.
    Target(String),
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Away(cause) => Some(cause),
            Fault::NotHttp(cause) => Some(cause),
            Fault::Broken(cause) => Some(cause),
            Fault::Authentication(_)
            | Fault::Refused { .. }
            | Fault::TooLong(_)
            | Fault::Closed
            | Fault::Target(_) => None,
        }
    }
}

impl std::fmt::Display for ProxyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { proxy, target, sent, fault } = self;
        match fault {
            Fault::Away(cause) => write!(f, "the proxy {proxy} cannot be used: {cause}"),
            Fault::Authentication(schemes) if !can_do(schemes) => write!(
                f,
                "the proxy {proxy} requires authentication by {}, and this agent supports only {BASIC}",
                list(schemes)
            ),
            Fault::Authentication(_) if *sent => {
                write!(f, "the proxy {proxy} does not accept the user name and password that were given")
            }
            Fault::Authentication(_) => write!(f, "the proxy {proxy} requires a user name and a password"),
            Fault::Refused { status, to, .. } if is_login(*status) => write!(
                f,
                "the proxy {proxy} answered {status}{} instead of opening a tunnel to {target}: this network wants a login before it lets anything out (a captive portal)",
                sends_to(to.as_deref())
            ),
            Fault::Refused { status, .. } if is_beyond(*status) => write!(
                f,
                "the proxy {proxy} answered {status}: it cannot reach {target} (this answer is the proxy's, not the manager's)"
            ),
            Fault::Refused { status, .. } => write!(
                f,
                "the proxy {proxy} answered {status}: it does not allow CONNECT to {target} (this answer is the proxy's, not the manager's)"
            ),
            Fault::NotHttp(cause) => write!(f, "what listens at {proxy} is not an HTTP proxy: {cause}"),
            Fault::TooLong(most) => write!(
                f,
                "what listens at {proxy} is not an HTTP proxy: the head of its answer is longer than {most} bytes"
            ),
            Fault::Closed => write!(f, "the proxy {proxy} closed the connection instead of answering"),
            Fault::Broken(cause) => {
                write!(f, "the proxy {proxy} closed the connection instead of answering: {cause}")
            }
            Fault::Target(cause) => write!(f, "the proxy cannot be asked for {target}: {cause}"),
        }
    }
}

/// Whether the proxy tried, and failed itself.
fn is_beyond(status: StatusCode) -> bool {
    status.is_server_error() && !is_login(status)
}

/// Whether it is a login page that answers: by its status (RFC 6585, section 6), or because it sends us elsewhere, which
/// no proxy that was asked for a tunnel has a reason to do.
fn is_login(status: StatusCode) -> bool {
    status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED || status.is_redirection()
}

fn sends_to(to: Option<&str>) -> String {
    to.map_or_else(String::new, |to| format!(" and sends this device to {to}"))
}

fn can_do(schemes: &[String]) -> bool {
    schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case(BASIC))
}

fn list(schemes: &[String]) -> String {
    if schemes.is_empty() { "a scheme that it does not name".to_owned() } else { schemes.join(", ") }
}

impl ProxyError {
    /// What helps.
    pub(in super::super) fn sort(&self) -> Sort {
        match &self.fault {
            Fault::Authentication(_) | Fault::Target(_) => Sort::Refused,
            Fault::Refused { status, .. } if !is_beyond(*status) => Sort::Refused,
            _ => Sort::Later,
        }
    }

    /// When it wants to be asked again.
    pub(in super::super) fn retry_after(&self) -> Option<Duration> {
        match &self.fault {
            Fault::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What to do.
    pub(in super::super) fn remedy(&self) -> String {
        let Self { target, .. } = self;
        match &self.fault {
            Fault::Away(_) | Fault::Target(_) => PROXY_REMEDY.to_owned(),
            Fault::Authentication(schemes) if !can_do(schemes) => format!(
                "ask the network administrator to let this device CONNECT to {target} without authentication (by its address), or to offer {BASIC} for it"
            ),
            Fault::Authentication(_) => {
                "ask the network administrator for a user name and password for this device, and set `proxy_user` and `proxy_password_file` in agent.toml".to_owned()
            }
            Fault::Refused { status, .. } if is_login(*status) => admit(target),
            Fault::Refused { status, .. } if is_beyond(*status) => format!(
                "ask the network administrator whether the proxy can resolve the name and reach {target} by TCP"
            ),
            Fault::Refused { .. } => {
                format!("ask the network administrator to allow CONNECT to {target} at the proxy, for this device")
            }
            Fault::NotHttp(_) | Fault::TooLong(_) | Fault::Closed | Fault::Broken(_) => {
                "check that `proxy` in agent.toml, or HTTPS_PROXY, is the address of an HTTP proxy (not SOCKS, not HTTPS), and that the proxy works".to_owned()
            }
        }
    }
}

/// The schemes that `Proxy-Authenticate` offers (RFC 9110, section 11.6.1): a list of challenges in which
/// parameters are divided by commas too. Only letters, digits and dashes come through.
pub(super) fn schemes<'a>(values: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in values.flat_map(parts) {
        let part = part.trim();
        let end = part.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
        let (word, rest) = part.split_at(end.unwrap_or(part.len()));
        // A word before an equals sign is a parameter of the challenge before it.
        if word.is_empty() || rest.trim_start().starts_with('=') || found.len() >= MAX_SCHEMES {
            continue;
        }
        let word: String = word.chars().take(MAX_SCHEME_CHARS).collect();
        if !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

/// Divides at the commas outside of quotes.
fn parts(value: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    value
        .split(move |letter| {
            let was_escaped = escaped;
            escaped = letter == '\\' && quoted && !was_escaped;
            quoted ^= letter == '"' && !was_escaped;
            letter == ',' && !quoted
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(values: &[&str]) -> Vec<String> {
        schemes(values.iter().copied())
    }

    #[test]
    fn schemes_are_told_from_parameters() {
        assert_eq!(read(&["Basic realm=\"a, b\", charset=\"UTF-8\""]), ["Basic"]);
        assert_eq!(read(&["Negotiate", "NTLM", "NTLM TlRMTVNT=="]), ["Negotiate", "NTLM"]);
        assert_eq!(
            read(&["Digest realm = \"x \\\", Fake\", nonce=abc, qop=\"auth\", basic"]),
            ["Digest", "basic"]
        );
        assert!(read(&["", ", ,"]).is_empty());
    }

    fn told(sent: bool, fault: Fault) -> (String, String) {
        let (proxy, target) = ("http://p:3128".to_owned(), "m:8443".to_owned());
        let error = ProxyError { proxy, target, sent, fault };
        (error.to_string(), error.remedy())
    }

    #[test]
    fn a_scheme_that_we_cannot_do_is_named_with_what_to_ask_for() {
        let (what, remedy) = told(true, Fault::Authentication(vec!["Negotiate".into(), "NTLM".into()]));
        assert!(what.contains("Negotiate, NTLM") && what.contains("only Basic"), "{what}");
        assert!(remedy.contains("without authentication") && remedy.contains("m:8443"), "{remedy}");
        let (what, _) = told(true, Fault::Authentication(Vec::new()));
        assert!(what.contains("does not name"), "{what}");
    }

    #[test]
    fn a_wrong_password_is_told_from_a_missing_one() {
        let basic = || Fault::Authentication(vec!["NTLM".into(), "basic".into()]);
        assert!(told(true, basic()).0.contains("does not accept"));
        let (what, remedy) = told(false, basic());
        assert!(
            what.contains("requires a user name") && remedy.contains("proxy_password_file"),
            "{what} {remedy}"
        );
    }

    #[test]
    fn a_refusal_is_told_as_the_proxys_and_says_what_must_be_allowed() {
        for code in [403, 405, 502, 503, 504] {
            let status = StatusCode::from_u16(code).unwrap();
            let (what, remedy) = told(false, Fault::Refused { status, retry_after: None, to: None });
            assert!(what.contains("not the manager's") && what.contains(status.as_str()), "{what}");
            assert!(remedy.contains("m:8443"), "{remedy}");
            assert_eq!(remedy.contains("allow CONNECT"), code < 500, "{remedy}");
        }
    }

    #[test]
    fn a_login_page_is_told_from_a_proxy_that_refuses_or_fails() {
        for (code, to) in [(511, None), (302, Some("http://portal.hotel.example")), (307, None)] {
            let status = StatusCode::from_u16(code).unwrap();
            let refused = Fault::Refused { status, retry_after: None, to: to.map(str::to_owned) };
            let (what, remedy) = told(false, refused);
            assert!(what.contains("captive portal") && what.contains(status.as_str()), "{what}");
            assert!(to.is_none_or(|to| what.contains(to)), "{what}");
            assert!(remedy.contains("without a login") && remedy.contains("m:8443"), "{remedy}");
        }
    }

    proptest! {
        #[test]
        fn no_challenge_brings_more_than_a_few_harmless_words(values in prop::collection::vec("\\PC{0,80}", 0..20)) {
            let found = schemes(values.iter().map(String::as_str));
            prop_assert!(found.len() <= MAX_SCHEMES);
            for word in found {
                prop_assert!(!word.is_empty() && word.len() <= MAX_SCHEME_CHARS);
                prop_assert!(word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
            }
        }
    }
}

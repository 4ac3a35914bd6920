//! Which proxy to go through, by agent.toml or by the environment.
//!
//! The rules for the variables are those of curl, by hyper-util's matcher; `NO_PROXY` is read by [`super::exceptions`].
//! What agent.toml says goes before them. A password never stands in agent.toml, which everyone on the
//! machine can read.

use std::fmt;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use platen_protocol::text::secret_line;
use serde::{Deserialize, Deserializer, de};

use super::exceptions::{Exceptions, InvalidEntry};
use crate::identity::address::Address;

/// No password is longer.
const MAX_PASSWORD_BYTES: u64 = 1024;
/// Others than owner and group.
const OTHERS: u32 = 0o007;
/// Where a proxy listens that an environment variable names without a port.
const DEFAULT_PORT: u16 = 80;

/// `proxy` of agent.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxySetting {
    /// None, whatever the environment says.
    None,
    /// This one.
    At {
        /// A name, or a number without the brackets of IPv6.
        host: String,
        /// The port.
        port: u16,
    },
}

/// A text that names no proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxy {
    /// With a user or a password. It is not repeated.
    #[error(
        "the proxy's address must not contain a user name or password, because everyone on this machine can read this file: set `proxy_user`, and `proxy_password_file` to a file that only the agent can read"
    )]
    Password,
    /// The address of a file that says which proxy to use.
    #[error(
        "{0:?} is the address of a proxy configuration file (PAC), which this agent does not evaluate: open it in a browser, and write the proxy that it returns (after PROXY) as http://HOST:PORT"
    )]
    Pac(String),
    /// Of another kind.
    #[error("{0:?} is not a proxy that this agent can use: write http://HOST:PORT, or \"none\"")]
    Other(String),
}

impl FromStr for ProxySetting {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        let text = text.trim();
        if text.contains('@') {
            return Err(InvalidProxy::Password);
        }
        if text == "none" {
            return Ok(Self::None);
        }
        if is_pac(text) {
            return Err(InvalidProxy::Pac(text.to_owned()));
        }
        let other = || InvalidProxy::Other(text.to_owned());
        let uri: Uri = text.parse().map_err(|_cause| other())?;
        let plain =
            uri.scheme_str() == Some("http") && uri.path_and_query().is_none_or(|path| path.as_str() == "/");
        match (uri.host(), uri.port_u16()) {
            (Some(host), Some(port)) if plain && !host.is_empty() => {
                Ok(Self::At { host: host.trim_matches(['[', ']']).to_owned(), port })
            }
            _ => Err(other()),
        }
    }
}

impl<'de> Deserialize<'de> for ProxySetting {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(de::Error::custom)
    }
}

/// Whether it is the address of a file that says which proxy to use: a proxy has no path.
fn is_pac(text: &str) -> bool {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let is_file = matches!(scheme, "file" | "data" | "pac" | "pac+http" | "pac+https");
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    is_file || (matches!(scheme, "" | "http" | "https") && !path.is_empty())
}

/// A user's name for Basic authentication, where the colon ends it (RFC 7617, section 2).
pub(in super::super) fn user<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(input)?;
    if text.contains(':') || text.chars().any(char::is_control) || text.is_empty() {
        return Err(de::Error::custom("a proxy's user name is not empty and has no colon in it"));
    }
    Ok(Some(text))
}

/// What the environment says of proxies.
#[derive(Clone, Default)]
pub struct Variables {
    /// `HTTPS_PROXY`, else `ALL_PROXY`; in capitals or not.
    pub proxy: Option<String>,
    /// `NO_PROXY`.
    pub except: String,
}

impl fmt::Debug for Variables {
    // It may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variables")
            .field("proxy", &self.proxy.is_some())
            .field("except", &self.except)
            .finish()
    }
}

impl Variables {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        let first = |names: &[&str]| {
            names.iter().filter_map(|name| std::env::var(name).ok()).find(|value| !value.is_empty())
        };
        Self {
            proxy: first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            except: first(&["NO_PROXY", "no_proxy"]).unwrap_or_default(),
        }
    }
}

/// A proxy with what it wants to know of us.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// A name, or a number without the brackets of IPv6.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `Proxy-Authorization`; marked as sensitive, so that it is not shown.
    pub authorization: Option<HeaderValue>,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", Address::authority_of(&self.host, self.port))
    }
}

/// Why the proxy that was named cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The environment names a kind that we cannot use.
    #[error(
        "the environment (HTTPS_PROXY or ALL_PROXY) names no proxy that this agent can use: it must be http://HOST:PORT"
    )]
    Variable,
    /// The environment names a file that says which proxy to use. Its address is not repeated, for it may hold a password.
    #[error(
        "the environment (HTTPS_PROXY or ALL_PROXY) names a proxy configuration file (PAC), which this agent does not evaluate: open it in a browser, and name the proxy that it returns (after PROXY) as http://HOST:PORT"
    )]
    Pac,
    /// The exceptions cannot be understood.
    #[error(transparent)]
    Except(#[from] InvalidEntry),
    /// A user without a password, or the other way round.
    #[error("agent.toml has only one of `proxy_user` and `proxy_password_file`: give both or none")]
    Half,
    /// The password cannot be read.
    #[error(
        "the proxy's password cannot be read from {}: {source}; it must be readable for the agent and for nobody else (`chown platen-agent FILE; chmod 400 FILE`)", file.display()
    )]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// Everyone can read the password.
    #[error("everyone on this machine has access to {}, which contains the proxy's password: restrict it (`chmod o= FILE`)", .0.display())]
    Open(PathBuf),
    /// Something else than a password.
    #[error("{} does not hold a password: one line of at most {MAX_PASSWORD_BYTES} bytes is expected", .0.display())]
    NoPassword(PathBuf),
}

/// What configuration and environment say of a proxy.
#[derive(Debug, Clone, Default)]
pub struct ProxyConfig {
    /// `proxy` of agent.toml; without it, what the environment names.
    pub setting: Option<ProxySetting>,
    /// Who we are to the proxy, by Basic authentication.
    pub user: Option<String>,
    /// The file with the password for it.
    pub password_file: Option<PathBuf>,
    /// What the environment says.
    pub variables: Variables,
}

/// The proxy for an address, if there is one.
pub fn choose(config: &ProxyConfig, address: &Address) -> Result<Option<Proxy>, SetupError> {
    let proxy = match &config.setting {
        Some(ProxySetting::None) => return Ok(None),
        Some(ProxySetting::At { host, port }) => {
            Some(Proxy { host: host.clone(), port: *port, authorization: None })
        }
        None => by_environment(&config.variables, address)?,
    };
    let Some(mut proxy) = proxy else { return Ok(None) };
    match (&config.user, &config.password_file) {
        (Some(user), Some(file)) => proxy.authorization = basic(user, &password(file)?),
        (None, None) => {}
        _ => return Err(SetupError::Half),
    }
    Ok(Some(proxy))
}

fn by_environment(variables: &Variables, address: &Address) -> Result<Option<Proxy>, SetupError> {
    let Some(text) = &variables.proxy else { return Ok(None) };
    if Exceptions::read(&variables.except)?.contain(address) {
        return Ok(None);
    }
    if is_pac(text.trim()) {
        return Err(SetupError::Pac);
    }
    // Everything matches, unless the variable cannot be understood.
    let found = Matcher::builder().https(text.clone()).build().intercept(&anywhere());
    let found = found.filter(|found| found.uri().scheme_str() == Some("http"));
    found.as_ref().and_then(proxy).map(Some).ok_or(SetupError::Variable)
}

/// Some address beyond the proxy.
fn anywhere() -> Uri {
    Uri::from_static("https://manager.invalid")
}

fn proxy(found: &Intercept) -> Option<Proxy> {
    Some(Proxy {
        host: found.uri().host()?.trim_matches(['[', ']']).to_owned(),
        port: found.uri().port_u16().unwrap_or(DEFAULT_PORT),
        authorization: found.basic_auth().cloned(),
    })
}

/// Basic authentication as the matcher makes it of a URL, for there is no second encoder here.
fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    use fmt::Write as _;
    let escaped = |text: &str| {
        text.bytes().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "%{byte:02X}");
            out
        })
    };
    let url = format!("http://{}:{}@proxy.invalid", escaped(user), escaped(password));
    let found = Matcher::builder().https(url).build().intercept(&anywhere());
    found?.basic_auth().cloned()
}

fn password(file: &Path) -> Result<String, SetupError> {
    let unreadable = |source| SetupError::Unreadable { file: file.to_owned(), source };
    let open = std::fs::File::open(file).map_err(unreadable)?;
    if open.metadata().map_err(unreadable)?.permissions().mode() & OTHERS != 0 {
        return Err(SetupError::Open(file.to_owned()));
    }
    let mut text = Vec::new();
    open.take(MAX_PASSWORD_BYTES + 1).read_to_end(&mut text).map_err(unreadable)?;
    let text = String::from_utf8(text).ok().filter(|text| text.len() as u64 <= MAX_PASSWORD_BYTES);
    match text.as_deref().map(secret_line) {
        Some(line) if !line.is_empty() && !line.chars().any(char::is_control) => Ok(line.to_owned()),
        _ => Err(SetupError::NoPassword(file.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by(proxy: &str, except: &str, target: &str) -> Result<Option<Proxy>, SetupError> {
        let variables = Variables { proxy: Some(proxy.to_owned()), except: except.to_owned() };
        by_environment(&variables, &target.parse().unwrap())
    }

    #[test]
    fn the_environment_names_a_proxy_and_exceptions_from_it() {
        let found = by("http://proxy:3128", "", "https://m:8443").unwrap().unwrap();
        assert_eq!((found.to_string(), found.authorization), ("http://proxy:3128".to_owned(), None));
        let found = by("[2001:db8::1]:3128", "", "https://[::1]:8443").unwrap().unwrap();
        assert_eq!(found.to_string(), "http://[2001:db8::1]:3128");
        for (except, target) in [
            ("example.org, m", "https://m"),
            ("*", "https://m"),
            (".corp", "https://m.corp"),
            ("10.0.0.0/8", "https://10.1.2.3"),
            ("::1", "https://[::1]:1"),
        ] {
            assert!(by("http://proxy:3128", except, target).unwrap().is_none(), "{except} {target}");
        }
        assert!(by("http://proxy:3128", "corp", "https://mcorp").unwrap().is_some());
    }

    #[test]
    fn an_exception_may_name_a_port_or_a_pattern_and_one_that_cannot_be_read_is_told() {
        assert!(by("http://proxy:3128", "m:8443,127.*", "https://m:8443").unwrap().is_none());
        assert!(by("http://proxy:3128", "m:8443,127.*", "https://127.0.0.1").unwrap().is_none());
        assert!(by("http://proxy:3128", "m:8443,127.*", "https://m").unwrap().is_some());
        let told = by("http://proxy:3128", "http://m/", "https://m").unwrap_err().to_string();
        assert!(told.contains("entry 1 of NO_PROXY"), "{told}");
    }

    #[test]
    fn the_address_of_a_proxy_configuration_file_is_no_proxy_and_is_told_as_such() {
        for text in
            ["http://wpad/wpad.dat", "http://p:8080/proxy.pac", "pac+http://p/x", "file:///etc/proxy.pac"]
        {
            let told = by(text, "", "https://m").unwrap_err().to_string();
            assert!(told.contains("(PAC)") && told.contains("http://HOST:PORT"), "{text}: {told}");
            let told = text.parse::<ProxySetting>().unwrap_err();
            assert!(matches!(told, InvalidProxy::Pac(_)), "{text}: {told}");
        }
        assert!(by("http://p:3128/", "", "https://m").unwrap().is_some());
        let told = by("http://u:secret@p/proxy.pac", "", "https://m").unwrap_err().to_string();
        assert!(!told.contains("secret"), "{told}");
    }

    #[test]
    fn a_password_in_the_environment_is_used_and_not_shown() {
        let found = by("http://Aladdin:open%20sesame@proxy:3128", "", "https://m").unwrap().unwrap();
        assert_eq!(found.authorization.as_ref().unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let shown = format!(
            "{found} {found:?} {:?}",
            Variables { proxy: Some("http://u:secret@p:1".into()), except: String::new() }
        );
        assert!(!shown.contains("secret") && !shown.contains("sesame") && !shown.contains("QWxh"), "{shown}");
    }

    #[test]
    fn a_variable_of_a_kind_that_cannot_be_used_is_refused_without_repeating_it() {
        for text in ["socks5://u:secret@p:1", "https://u:secret@p:1", "http://", "::::"] {
            let told = by(text, "", "https://m").unwrap_err().to_string();
            assert!(told.contains("http://HOST:PORT") && !told.contains("secret"), "{text}: {told}");
        }
    }

    #[test]
    fn what_agent_toml_says_goes_before_the_environment() {
        let variables = Variables { proxy: Some("http://other:1".into()), except: "m".into() };
        let mut config = ProxyConfig { variables, ..ProxyConfig::default() };
        let address: Address = "https://m".parse().unwrap();
        assert!(choose(&config, &address).unwrap().is_none());
        config.setting = Some("http://proxy:3128".parse().unwrap());
        assert_eq!(choose(&config, &address).unwrap().unwrap().host, "proxy");
        config.variables.except.clear();
        config.setting = Some(ProxySetting::None);
        assert!(choose(&config, &address).unwrap().is_none());
    }

    #[test]
    fn an_address_in_agent_toml_has_a_port_and_neither_path_nor_password() {
        let found: ProxySetting = "http://[::1]:3128/".parse().unwrap();
        assert_eq!(found, ProxySetting::At { host: "::1".into(), port: 3128 });
        for text in ["proxy:3128", "http://proxy", "https://proxy:1", "socks5://proxy:1", ""] {
            assert!(matches!(text.parse::<ProxySetting>(), Err(InvalidProxy::Other(_))), "{text}");
        }
        let told = "http://u:secret@p:1".parse::<ProxySetting>().unwrap_err().to_string();
        assert!(told.contains("proxy_password_file") && !told.contains("secret"), "{told}");
    }

    #[test]
    fn the_password_is_taken_only_from_a_file_that_is_not_for_everyone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let mut config = ProxyConfig {
            setting: Some("http://p:1".parse().unwrap()),
            user: Some("Aladdin".into()),
            ..ProxyConfig::default()
        };
        let address: Address = "https://m".parse().unwrap();
        assert!(matches!(choose(&config, &address), Err(SetupError::Half)));
        config.password_file = Some(file.clone());
        assert!(matches!(choose(&config, &address), Err(SetupError::Unreadable { .. })));
        std::fs::write(&file, "open sesame\n").unwrap();
        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        let told = choose(&config, &address).unwrap_err().to_string();
        assert!(told.contains("chmod") && !told.contains("sesame"), "{told}");
        mode(0o640);
        let found = choose(&config, &address).unwrap().unwrap();
        assert_eq!(found.authorization.unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        std::fs::write(&file, "\u{feff}open sesame\r\n").unwrap();
        let found = choose(&config, &address).unwrap().unwrap();
        assert_eq!(
            found.authorization.unwrap(),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "a BOM is no part of it"
        );
        for wrong in [&b""[..], b"\n", b"two\nlines", &[0xff], &[b'x'; 1025]] {
            std::fs::write(&file, wrong).unwrap();
            assert!(matches!(choose(&config, &address), Err(SetupError::NoPassword(_))));
        }
    }

    proptest! {
        #[test]
        fn any_user_and_password_make_a_header(user in "[^:]{1,20}", password in ".{0,40}") {
            let header = basic(&user, &password);
            prop_assert!(header.is_some_and(|header| header.is_sensitive()));
        }

        #[test]
        fn no_text_does_worse_than_be_refused(text in "\\PC{0,60}", except in "\\PC{0,60}") {
            let _ = text.parse::<ProxySetting>();
            let _ = by(&text, &except, "https://m");
        }
    }
}

//! Diagnoses a peer whose certificate is not from the manager's CA: who it is, as far as the certificate tells,
//! and what to do, in words for a technician and the customer's network administrator.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use platen_protocol::enroll::CA_COMMON_NAME;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error as TlsError, OtherError};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};

/// The longest name of an issuer that is shown or sent on; a certificate may hold any text.
const MAX_NAME_CHARS: usize = 100;

/// Who answered instead of the manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerDiagnosis {
    /// Who issued the certificate: cleaned for the screen and short.
    pub issuer: String,
    /// What that tells.
    pub kind: Kind,
    /// What the certificate was refused for.
    cause: String,
}

/// What a certificate tells of whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// It is made for the manager's name, by a CA that is not the manager's: a proxy that inspects TLS.
    Inspected,
    /// It is of the CA of another manager, or of this one after it was set up anew.
    OtherManager,
    /// It vouches for itself: a router, a login page.
    SelfSigned,
    /// It is for other names: another server, a login page.
    OtherServer,
    /// It is of the CA in `inspecting_ca`, and does not hold; why not.
    KnownProxy(String),
}

impl PeerDiagnosis {
    /// Of a chain that does not hold under the manager's CA.
    pub(crate) fn new(
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        manager: &[CertificateDer<'static>],
    ) -> Self {
        let (first, last) = (chain.first(), chain.last());
        let top = last.and_then(|last| parsed(last));
        let issuer = top.as_ref().map_or_else(|| "an unknown issuer".to_owned(), |top| shown(top.issuer()));
        let ours = |top: &X509Certificate<'_>| {
            let same = |ca: &CertificateDer<'static>| {
                parsed(ca).is_some_and(|ca| ca.subject().as_raw() == top.issuer().as_raw())
            };
            common_name(top.issuer()).is_some_and(|name| name == CA_COMMON_NAME) || manager.iter().any(same)
        };
        let alone = chain.len() == 1
            && top.as_ref().is_some_and(|top| top.issuer().as_raw() == top.subject().as_raw());
        let for_name = first
            .and_then(|first| ParsedCertificate::try_from(first).ok())
            .is_some_and(|first| verify_server_name(&first, name).is_ok());
        let kind = if top.as_ref().is_some_and(ours) {
            Kind::OtherManager
        } else if alone {
            Kind::SelfSigned
        } else if for_name {
            Kind::Inspected
        } else {
            Kind::OtherServer
        };
        Self { issuer, kind, cause: String::new() }
    }

    /// The chain is of the proxy that was named, and does not hold.
    pub(super) fn of_known_proxy(self, cause: &TlsError) -> Self {
        Self { kind: Kind::KnownProxy(cause.to_string()), ..self }
    }

    /// As an error of TLS, which carries it to where it is told.
    pub(crate) fn into_error(self, cause: &TlsError) -> TlsError {
        let told = Self { cause: cause.to_string(), ..self };
        TlsError::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(told))))
    }

    /// The diagnosis in a TLS error, if that is what it is about.
    pub fn in_error(error: &TlsError) -> Option<&Self> {
        match error {
            TlsError::InvalidCertificate(CertificateError::Other(OtherError(cause))) => {
                let cause: &(dyn StdError + 'static) = cause.as_ref();
                cause.downcast_ref()
            }
            _ => None,
        }
    }

    /// What happened, at an address (`host:port`).
    pub fn what(&self, address: &str) -> String {
        let issuer = &self.issuer;
        match &self.kind {
            Kind::Inspected => format!("the TLS connection to {address} is intercepted by «{issuer}»"),
            Kind::OtherManager => {
                format!(
                    "a manager answers at {address}, but it is not the one that this device was enrolled with"
                )
            }
            Kind::SelfSigned => format!(
                "the server at {address} presents a self-signed certificate of «{issuer}», as routers and login pages do"
            ),
            Kind::OtherServer => format!(
                "the server at {address} is not the manager: its certificate is for other names and was issued by «{issuer}»"
            ),
            Kind::KnownProxy(cause) => format!(
                "the TLS connection to {address} is intercepted by «{issuer}», as agreed, but its certificate cannot be used: {cause}"
            ),
        }
    }

    /// What to do.
    pub fn remedy(&self, address: &str) -> String {
        let issuer = &self.issuer;
        match &self.kind {
            Kind::Inspected => format!(
                "ask the network administrator to exempt {address} from TLS inspection; or, with the customer's consent, set `inspecting_ca` under [uplink] in agent.toml to the CA certificate of «{issuer}»"
            ),
            Kind::OtherManager => {
                "it is not the manager of this device: check the address; if the manager was set up anew, enrol the device again".to_owned()
            }
            Kind::SelfSigned | Kind::OtherServer => {
                "it is not the manager: check the address in agent.toml, and ask the network administrator whether this network requires a login first, or redirects this address".to_owned()
            }
            Kind::KnownProxy(_) => {
                "ask the network administrator to renew the proxy's certificate, or to exempt the address from TLS inspection".to_owned()
            }
        }
    }
}

impl fmt::Display for PeerDiagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate was issued by «{}» ({})", self.issuer, self.cause)
    }
}

impl StdError for PeerDiagnosis {}

fn common_name<'a>(name: &'a X509Name<'_>) -> Option<&'a str> {
    name.iter_common_name().next()?.as_str().ok()
}

fn parsed<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(certificate).ok().map(|(_, parsed)| parsed)
}

/// A name for people: the common name, and the organisation unless that is said already.
fn shown(name: &X509Name<'_>) -> String {
    let organisation = name.iter_organization().next().and_then(|name| name.as_str().ok()).map(clean);
    let organisation = organisation.filter(|name| !name.is_empty());
    let common = common_name(name).map(clean).filter(|name| !name.is_empty());
    let text = match (common, organisation) {
        (Some(common), Some(organisation)) if !common.contains(&organisation) => {
            format!("{common} ({organisation})")
        }
        (Some(one), _) | (None, Some(one)) => one,
        (None, None) => clean(&name.to_string()),
    };
    if text.is_empty() {
        "a CA without a name".to_owned()
    } else {
        text.chars().take(MAX_NAME_CHARS).collect()
    }
}

/// Without what could move the cursor or turn the line around on a screen.
fn clean(text: &str) -> String {
    let shown = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let text: String = text.chars().filter(shown).take(MAX_NAME_CHARS).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_a_certificate_says_the_name_is_short_and_without_control_characters(text in "\\PC*|.*") {
            let cleaned = clean(&text);
            prop_assert!(cleaned.chars().count() <= MAX_NAME_CHARS);
            prop_assert!(!cleaned.chars().any(char::is_control));
        }

        #[test]
        fn any_bytes_instead_of_a_chain_are_somebody(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let name = ServerName::try_from("manager.example").unwrap();
            let diagnosis = PeerDiagnosis::new(&[CertificateDer::from(bytes)], &name, &[]);
            prop_assert!(!diagnosis.issuer.is_empty());
        }
    }

    #[test]
    fn an_administrator_is_told_who_opens_the_connection_and_what_to_exempt() {
        let diagnosis = PeerDiagnosis {
            issuer: "Example Corp Proxy CA".into(),
            kind: Kind::Inspected,
            cause: String::new(),
        };
        let what = diagnosis.what("manager.example:8443");
        assert!(what.contains("intercepted by «Example Corp Proxy CA»"), "{what}");
        let remedy = diagnosis.remedy("manager.example:8443");
        assert!(remedy.contains("exempt manager.example:8443 from TLS inspection"), "{remedy}");
        assert!(remedy.contains("inspecting_ca"), "{remedy}");
    }
}

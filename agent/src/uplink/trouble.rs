//! Why there is no contact, sorted by what helps, in words for a technician.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use platen_protocol::problem::{Problem, ProblemKind};
use rustls::{AlertDescription, CertificateError, Error as TlsError};

use super::causes::causes;
use super::connect_trace::Step;
use super::dial::DialError;
use super::dial::direct::ReachError;
use super::dial::proxy::SetupError;
use super::dial::refusal::PROXY_REMEDY;
use super::long_poll::Cut;
use super::plain_answer::PlainAnswer;
use super::segments::Segments;
use super::trust::inspecting_ca::InspectingCaError;
use super::trust::peer_diagnosis::PeerDiagnosis;
use super::trust::sign::SigningError;
use crate::identity::IdentityError;
use crate::identity::address::Address;
use crate::outbox::OutboxError;
use crate::status::{Sort, Trouble};
use crate::units::show;

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// No stream to the manager came about.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// Connecting took too long.
    #[error("{} did not answer within {} ({})", silent(address, proxy.as_deref(), *during), show(*.limit), waited_for(*during, *begun, *segments))]
    ConnectTimeout {
        /// Where, as `host:port`.
        address: String,
        /// The proxy in between, if there is one.
        proxy: Option<String>,
        /// How long it was given.
        limit: Duration,
        /// The step that did not end.
        during: Step,
        /// Whether something had come while TLS was made.
        begun: bool,
        /// In what segments it was tried last.
        segments: Segments,
    },
    /// What answers does not speak TLS.
    #[error("{}", answer.what(address, proxy.as_deref()))]
    NotTls {
        /// Where, as `host:port`.
        address: String,
        /// The proxy in between, if there is one.
        proxy: Option<String>,
        /// What it is.
        answer: PlainAnswer,
        /// What TLS said of it.
        source: io::Error,
    },
    /// The proxy that was named cannot be used.
    #[error(transparent)]
    ProxySetup(#[from] SetupError),
    /// The TLS handshake failed.
    #[error("no secure connection to {address}: {source}")]
    Handshake {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Somebody else answered instead of the manager.
    #[error("{}", diagnosis.what(address))]
    WrongPeer {
        /// Where, as `host:port`.
        address: String,
        /// Who, as far as the certificate says.
        diagnosis: PeerDiagnosis,
    },
    /// A message could not be signed, or its answer was not signed as it must be.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The CA of the proxy cannot be read.
    #[error(transparent)]
    InspectingCa(#[from] InspectingCaError),
    /// The key and the certificates do not make a TLS client.
    #[error("the identity of this device cannot be used: {0}")]
    Credentials(#[source] TlsError),
    /// The connection broke.
    #[error("{}", broken(.0))]
    Broken(#[from] hyper::Error),
    /// No answer in time.
    #[error("no answer within {}", show(*.0))]
    Deadline(Duration),
    /// The manager answered with a problem.
    #[error("the manager answered {status}: {}", said(problem.as_ref()))]
    Problem {
        /// The HTTP status.
        status: u16,
        /// What it said, if it said it in the agreed form.
        problem: Option<Problem>,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The answer is not what was agreed.
    #[error("the answer could not be understood: {0}")]
    Answer(String),
    /// The identity cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// No failure: a renewed certificate is there, and is tried on a new connection.
    #[error("trying a renewed certificate")]
    NewIdentity,
    /// The service centre has retired this device, and has been told that it did.
    #[error("this device was retired at the service centre")]
    Retired,
    /// The outbox failed.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

/// Who has not answered: the manager, or the proxy before it.
fn silent(address: &str, proxy: Option<&str>, during: Step) -> String {
    match proxy {
        Some(proxy) if during.is_before_tunnel() => format!("the proxy {proxy}"),
        _ => address.to_owned(),
    }
}

/// What has not come. Where TLS stalls, small packets were tried as well.
fn waited_for(during: Step, begun: bool, segments: Segments) -> String {
    match (during, begun) {
        (Step::Tls, true) => "TLS began, and then nothing more came".to_owned(),
        (Step::Tls, false) if segments == Segments::Small => {
            format!("{}, even in small packets", during.waited_for())
        }
        _ => during.waited_for().to_owned(),
    }
}

fn said(problem: Option<&Problem>) -> String {
    problem.map_or_else(
        || "no reason was given".to_owned(),
        |problem| format!("{} ({})", problem.title, problem.detail),
    )
}

/// How a connection ended. That it was closed without a farewell is what a restart, a crash and a proxy
/// all look like.
fn broken(error: &hyper::Error) -> String {
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(cause) = next {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(
            kind,
            Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
        ) {
            return "the connection was closed by the manager, or by something between".to_owned();
        }
        next = cause.source();
    }
    format!("the connection broke: {}", causes(error))
}

/// The TLS error behind an error; [`io::Error`] hides what it wraps from `source`.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<TlsError>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| inner.downcast_ref::<TlsError>()) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Whether the other end says that it does not take our certificate (RFC 8446, section 6.2). Other alerts tell of
/// a message that was damaged in transit, or of a version or cipher that it does not have.
fn refuses_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

impl UplinkError {
    /// A handshake that failed: with somebody else, or for another reason.
    pub(super) fn handshake(address: &Address, source: io::Error) -> Self {
        match tls_error(&source).and_then(PeerDiagnosis::in_error) {
            Some(diagnosis) => Self::WrongPeer { address: address.authority(), diagnosis: diagnosis.clone() },
            None => Self::Handshake { address: address.to_string(), source },
        }
    }

    /// What helps.
    pub fn sort(&self) -> Sort {
        match self {
            Self::WrongPeer { .. } | Self::NotTls { .. } | Self::Signing(SigningError::Altered { .. }) => {
                Sort::Untrusted
            }
            Self::Handshake { .. } | Self::Broken(_) => match tls_error(self) {
                Some(TlsError::InvalidCertificate(_) | TlsError::NoCertificatesPresented) => Sort::Untrusted,
                Some(TlsError::AlertReceived(alert)) if refuses_certificate(*alert) => Sort::Refused,
                _ => Sort::Later,
            },
            Self::Problem { status, .. }
                if (400..500).contains(status) && *status != 429 && *status != 408 =>
            {
                Sort::Refused
            }
            Self::Identity(IdentityError::Busy) => Sort::Later,
            Self::Credentials(_)
            | Self::Signing(SigningError::Credentials(_))
            | Self::Identity(_)
            | Self::ProxySetup(_)
            | Self::InspectingCa(_) => Sort::Refused,
            Self::Dial(DialError::Proxy(cause)) => cause.sort(),
            _ => Sort::Later,
        }
    }

    /// When the manager wants to be asked again, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem { retry_after, .. } => *retry_after,
            Self::Dial(DialError::Proxy(cause)) => cause.retry_after(),
            _ => None,
        }
    }

    /// The kind of problem that the manager named.
    pub fn problem_kind(&self) -> Option<ProblemKind> {
        match self {
            Self::Problem { problem, .. } => problem.as_ref().map(|problem| problem.kind),
            _ => None,
        }
    }

    /// Whether TCP connected, and TLS got no answer or not the whole of it: what packets that are too large for the path
    /// look like, among other things.
    pub(super) fn has_stalled(&self) -> bool {
        matches!(self, Self::ConnectTimeout { during: Step::Tls, .. })
    }

    /// Whether nothing has come back for a request.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(self, Self::Deadline(_))
    }

    /// Whether a connection that had been idle was found dead: worth one try on a new one.
    pub fn is_stale_connection(&self) -> bool {
        matches!(self, Self::Broken(_)) && self.sort() == Sort::Later
    }

    /// How a parked request was cut, if it may be the site that cut it after `held`: a proxy that closes
    /// what is idle, one that answers in the manager's place, or one that forgets.
    pub fn cut(&self, held: Duration) -> Option<Cut> {
        match self {
            Self::Broken(cause) if !cause.is_timeout() && self.sort() == Sort::Later => {
                Some(Cut::After(held))
            }
            Self::Problem { status: 408 | 502 | 503 | 504, problem: None, retry_after: None } => {
                Some(Cut::After(held))
            }
            Self::Deadline(_) => Some(Cut::Silent),
            _ => None,
        }
    }

    /// Whether a smaller batch might have got through: the connection broke or fell silent, or something in between
    /// would not carry it.
    pub fn may_depend_on_size(&self) -> bool {
        match self {
            Self::Broken(_) | Self::Deadline(_) => true,
            Self::Problem { status, problem: None, .. } => matches!(status, 400 | 408 | 413 | 500..=504),
            _ => false,
        }
    }

    /// For `platen status`.
    pub fn trouble(&self) -> Trouble {
        Trouble { sort: self.sort(), what: self.to_string(), remedy: self.remedy() }
    }

    fn remedy(&self) -> String {
        let enrol = "enrol the device again: `platen-manager token create` at the service centre, then `platen-agent enroll` here";
        match self {
            Self::Dial(DialError::Proxy(cause)) => cause.remedy(),
            Self::ProxySetup(_) => {
                "correct the proxy's settings in agent.toml or in the environment".to_owned()
            }
            Self::Dial(DialError::Reach(ReachError::Name { .. }))
            | Self::ConnectTimeout { proxy: None, during: Step::Name, .. } => {
                "check the address in agent.toml and the name server of this network (`getent hosts NAME`); where only a proxy can resolve outside names, set `proxy` in agent.toml"
                    .to_owned()
            }
            Self::ConnectTimeout { proxy: Some(_), during, .. } if during.is_before_tunnel() => {
                PROXY_REMEDY.to_owned()
            }
            Self::ConnectTimeout { address, proxy: None, during: Step::Tls, .. } => format!(
                "check that the manager is running and that {address} is its port for devices; ask the network administrator whether something holds back TLS to {address}, and whether packets get through in full size (MTU)"
            ),
            Self::ConnectTimeout { address, proxy: Some(_), .. } => format!(
                "check that the manager is running, and ask the network administrator whether the proxy passes TLS to {address} without inspection, and whether packets get through in full size (MTU)"
            ),
            Self::Dial(DialError::Reach(ReachError::Unreachable { address, .. }))
            | Self::ConnectTimeout { address, .. } => format!(
                "check the address and the cable, and that the manager is running; ask the network administrator whether the firewall allows this device TCP outbound to {address}, without TLS inspection"
            ),
            Self::Handshake { .. } | Self::Broken(_) => match tls_error(self) {
                Some(TlsError::InvalidCertificate(cause)) => certificate_remedy(cause).to_owned(),
                Some(TlsError::AlertReceived(alert)) if refuses_certificate(*alert) => {
                    format!("the manager does not accept this device's certificate: {enrol}")
                }
                _ => "wait, if the manager is restarting; if it persists, tell the service centre".to_owned(),
            },
            Self::WrongPeer { address, diagnosis } => diagnosis.remedy(address),
            Self::NotTls { address, answer, .. } => answer.remedy(address),
            Self::Signing(SigningError::Unsigned { status: 300..=399 | 511, .. }) => {
                "this network seems to want a login first (a captive portal): ask the network administrator to let this device through without one, for a printer cannot fill in a login page".to_owned()
            }
            Self::Signing(SigningError::Unsigned { .. }) => {
                "ask the network administrator why the proxy does not let these requests through, or strips the headers Signature and Signature-Input; a manager older than this agent does not sign".to_owned()
            }
            Self::Signing(SigningError::Altered { .. }) => {
                "the answer was discarded; ask the network administrator to exempt the manager's address from TLS inspection".to_owned()
            }
            Self::InspectingCa(_) => {
                "put the right file there, or remove `inspecting_ca` from agent.toml".to_owned()
            }
            Self::Problem { problem: Some(problem), .. } => match problem.kind {
                ProblemKind::UnknownDevice | ProblemKind::NoCertificate | ProblemKind::OtherDevice => {
                    enrol.to_owned()
                }
                ProblemKind::SignatureInvalid => {
                    "something in between alters what this device sends, and the manager rejected it: ask the network administrator to exempt the manager's address from TLS inspection".to_owned()
                }
                ProblemKind::CertificateExpired => {
                    "ask the service centre to readmit this device (on its page, or `platen-manager device readmit`); it then renews its certificate and reconnects automatically, within seconds while it waits there, otherwise within 15 minutes".to_owned()
                }
                ProblemKind::CertificateSuperseded => {
                    "this device's state is older than the one it had: it was restored from a copy, or its disk does not keep what is written (`platen doctor` says so). Ask the service centre to readmit this device (on its page, or `platen-manager device readmit`); it then gets a new certificate and reconnects automatically, within seconds while it waits there, otherwise within 15 minutes".to_owned()
                }
                ProblemKind::CertificateNewer => {
                    "the manager was restored from a backup and does not know this device's certificate any more. Ask the service centre to let this device in (on the fleet's page, or `platen-manager restored let-in`); it then goes on automatically, within seconds while it waits there, otherwise within 15 minutes".to_owned()
                }
                ProblemKind::DeviceRevoked => format!(
                    "the service centre has shut this device out, and it asks only every few hours; if that is a mistake, {enrol}"
                ),
                ProblemKind::WrongVersion => {
                    "agent and manager speak different versions: update the older one".to_owned()
                }
                ProblemKind::OverQuota => {
                    "nothing is lost: what cannot be sent waits here; tell the service centre that this device reports too much".to_owned()
                }
                ProblemKind::TokenWrong | ProblemKind::TokenUsed | ProblemKind::TokenExpired => {
                    "ask the service centre for a new token (`platen-manager token create`)".to_owned()
                }
                _ => "tell the service centre".to_owned(),
            },
            Self::Deadline(_) => {
                "wait, if the manager is busy; if it persists, ask the network administrator whether packets get through in full size (MTU), and tell the service centre".to_owned()
            }
            Self::Identity(IdentityError::Busy) => "nothing to do: it will be tried again".to_owned(),
            Self::Credentials(_) | Self::Signing(SigningError::Credentials(_)) | Self::Identity(_) => {
                enrol.to_owned()
            }
            _ => "if it persists, tell the service centre".to_owned(),
        }
    }
}

fn certificate_remedy(cause: &CertificateError) -> &'static str {
    match cause {
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "by this device's clock the certificate is not valid yet: check `date`, and that the time is synchronised"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the manager's certificate has expired, or this device's clock is wrong: check `date`, then ask the service centre"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the manager's certificate is for another name: correct `manager` in agent.toml, or have the name added at the service centre"
        }
        _ => {
            "the server that answered is not the manager this device was enrolled with: check the address and the network in between; if the manager is new, enrol the device again"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(alert: AlertDescription) -> Trouble {
        let source = io::Error::new(io::ErrorKind::InvalidData, TlsError::AlertReceived(alert));
        UplinkError::Handshake { address: "https://manager.example".to_owned(), source }.trouble()
    }

    /// The whole text, so that a changed word is seen in review.
    #[test]
    fn every_trouble_and_its_remedy_read_as_they_were_reviewed() {
        let timeout = |proxy: Option<&str>, during| UplinkError::ConnectTimeout {
            address: "manager.example:8443".to_owned(),
            proxy: proxy.map(str::to_owned),
            limit: Duration::from_secs(10),
            during,
            begun: false,
            segments: if during == Step::Tls { Segments::Small } else { Segments::Whole },
        };
        let begun = UplinkError::ConnectTimeout {
            address: "manager.example:8443".to_owned(),
            proxy: None,
            limit: Duration::from_secs(10),
            during: Step::Tls,
            begun: true,
            segments: Segments::Small,
        };
        let plain = |answer| UplinkError::NotTls {
            address: "manager.example:8443".to_owned(),
            proxy: None,
            answer,
            source: io::Error::other("not TLS"),
        };
        let answers = [
            PlainAnswer::Login,
            PlainAnswer::Redirect(Some("http://portal.example".to_owned())),
            PlainAnswer::Redirect(None),
            PlainAnswer::Page,
            PlainAnswer::Http(400),
            PlainAnswer::Other("SSH-2.0-OpenSSH_9.2".to_owned()),
        ];
        let problem = |kind: &ProblemKind| UplinkError::Problem {
            status: kind.status(),
            problem: Some(Problem::new(*kind, "what was wrong this time")),
            retry_after: None,
        };
        let handshake = |alert| UplinkError::Handshake {
            address: "https://manager.example:8443".to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidData, TlsError::AlertReceived(alert)),
        };
        let steps = [Step::Name, Step::Tcp, Step::Proxy, Step::Tls, Step::Http];
        let troubles = steps
            .iter()
            .flat_map(|&step| [timeout(None, step), timeout(Some("http://proxy.example:3128"), step)])
            .chain([begun])
            .chain(answers.map(plain))
            .chain([handshake(AlertDescription::UnknownCA), handshake(AlertDescription::DecodeError)])
            .chain([UplinkError::Deadline(Duration::from_secs(30))])
            .chain([
                UplinkError::Answer("it is not JSON".to_owned()),
                UplinkError::NewIdentity,
                UplinkError::Retired,
            ])
            .chain([UplinkError::Identity(IdentityError::Busy)])
            .chain([UplinkError::Problem { status: 502, problem: None, retry_after: None }])
            .chain(ProblemKind::ALL.iter().map(problem));
        let line = |cause: UplinkError| {
            let trouble = cause.trouble();
            format!("{}\n    {}\n", trouble.what, trouble.remedy)
        };
        let told: String = troubles.map(line).collect();
        insta::assert_snapshot!(told);
    }

    #[test]
    fn only_a_manager_that_refuses_the_certificate_sends_a_person_to_enrol_again() {
        for refused in [AlertDescription::UnknownCA, AlertDescription::CertificateRequired] {
            let trouble = alert(refused);
            assert_eq!(trouble.sort, Sort::Refused);
            assert!(trouble.remedy.contains("platen-agent enroll"), "{}", trouble.remedy);
        }
        for damaged in [AlertDescription::DecodeError, AlertDescription::BadRecordMac] {
            let trouble = alert(damaged);
            assert_eq!(trouble.sort, Sort::Later);
            assert!(!trouble.remedy.contains("enrol"), "{}", trouble.remedy);
        }
    }
}

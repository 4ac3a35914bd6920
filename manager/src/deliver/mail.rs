//! Mail, by SMTP.

use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message as Envelope, Tokio1Executor};

use super::Delivered;
use super::authorities;
use super::settings::{Mail, Security};
use crate::telling::message::{Message, Purpose};

/// A server gets so long for each of its answers.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// And so long for all of them.
const WHOLE: Duration = Duration::from_secs(60);
/// Addresses of one channel.
const MAX_ADDRESSES: usize = 50;

/// Sends mail.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    whole: Duration,
}

/// Why no mail can be sent.
#[derive(Debug, thiserror::Error)]
#[error("[mail]: {0}")]
pub struct MailSetUp(String);

/// The addresses of a text with commas between.
///
/// # Errors
/// Names the first that is none.
pub fn addresses_of(text: &str) -> Result<Vec<Mailbox>, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() || parts.len() > MAX_ADDRESSES {
        return Err(format!("name 1 to {MAX_ADDRESSES} addresses, with commas between"));
    }
    let read = |part: &&str| {
        let shown: String = part.chars().take(60).collect();
        part.parse::<Mailbox>().map_err(|error| format!("{shown:?} is no address of e-mail: {error}"))
    };
    parts.iter().map(read).collect()
}

impl Mailer {
    /// By a server.
    pub fn new(settings: &Mail) -> Result<Self, MailSetUp> {
        Self::within(settings, ANSWERS_WITHIN, WHOLE)
    }

    /// The same, with other limits for its answers.
    pub fn within(settings: &Mail, answers: Duration, whole: Duration) -> Result<Self, MailSetUp> {
        let wrong = |error: &dyn std::fmt::Display| MailSetUp(error.to_string());
        let from = settings.from.parse().map_err(|error: lettre::address::AddressError| wrong(&error))?;
        let tls = match settings.security {
            Security::None => Tls::None,
            kind => {
                let mut parameters =
                    TlsParameters::builder(settings.host.clone()).certificate_store(CertificateStore::None);
                let all = authorities::certificates(settings.ca.as_deref()).map_err(|error| wrong(&error))?;
                for certificate in all {
                    // One that is of no use is none of ours to judge.
                    if let Ok(certificate) = Certificate::from_der(certificate.to_vec()) {
                        parameters = parameters.add_root_certificate(certificate);
                    }
                }
                let parameters = parameters.build().map_err(|error| wrong(&error))?;
                if kind == Security::Tls { Tls::Wrapper(parameters) } else { Tls::Required(parameters) }
            }
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host.clone())
            .port(settings.port)
            .tls(tls)
            .timeout(Some(answers));
        if let (Some(user), Some(file)) = (&settings.user, &settings.password_file) {
            let password = std::fs::read_to_string(file)
                .map_err(|error| MailSetUp(format!("{}: {error}", file.display())))?;
            let password = password.trim_end_matches(['\r', '\n']).to_owned();
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self { transport: builder.build(), from, whole })
    }

    fn envelope(&self, message: &Message, addresses: &str, source: &str) -> Result<Envelope, String> {
        let host = source.rsplit('/').next().unwrap_or(source);
        let host = host.split(':').next().unwrap_or(host);
        let mut builder = Envelope::builder()
            .from(self.from.clone())
            .subject(message.subject())
            .message_id(Some(format!("<{}@{host}>", message.id)));
        if let Some(follows) = message.follows.as_ref() {
            let before = format!("<{follows}@{host}>");
            builder = builder.in_reply_to(before.clone()).references(before);
        }
        // So that no machine answers: RFC 3834.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        builder = builder.raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
        if message.purpose == Purpose::Escalated {
            let name = HeaderName::new_from_ascii_str("X-Priority");
            builder = builder.raw_header(HeaderValue::new(name, "1".to_owned()));
        }
        for address in addresses_of(addresses)? {
            builder = builder.to(address);
        }
        let body = MultiPart::alternative_plain_html(message.text(), message.html());
        builder.multipart(body).map_err(|error| error.to_string())
    }

    /// Sends a message to these addresses.
    pub async fn send(&self, message: &Message, addresses: &str, source: &str) -> Delivered {
        let envelope = match self.envelope(message, addresses, source) {
            Ok(envelope) => envelope,
            Err(error) => return Delivered::Never(error),
        };
        match tokio::time::timeout(self.whole, self.transport.send(envelope)).await {
            Err(_late) => Delivered::Later("the mail server takes too long".to_owned()),
            Ok(Ok(_)) => Delivered::Taken(None),
            Ok(Err(error)) => {
                // With what is behind it: only there stands that a certificate is of no use.
                let mut words = error.to_string();
                let mut cause = std::error::Error::source(&error);
                while let Some(behind) = cause {
                    words = format!("{words}: {behind}");
                    cause = behind.source();
                }
                if error.is_permanent() { Delivered::Never(words) } else { Delivered::Later(words) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_what_is_none_is_named() {
        assert_eq!(addresses_of("a@example.org, B <b@example.org>").unwrap().len(), 2);
        for wrong in ["", " , ", "a@example.org, nobody", "a@example.org\r\nBcc: b@example.org"] {
            assert!(addresses_of(wrong).is_err(), "{wrong:?}");
        }
    }
}

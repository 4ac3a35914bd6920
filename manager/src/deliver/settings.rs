//! The `[mail]` and `[webhooks]` of `manager.toml`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::networks::Networks;

/// How mail is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// From the first byte (port 465).
    Tls,
    /// After a first word (port 587). Without it nothing is sent.
    #[default]
    Starttls,
    /// Not at all: only to this machine.
    None,
}

/// The server that takes mail.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Mail {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub security: Security,
    /// Who the mail is from, such as `Platen <platen@example.org>`.
    pub from: String,
    /// The name to sign in with.
    pub user: Option<String>,
    /// The file with the password.
    pub password_file: Option<PathBuf>,
    /// Authorities that its certificate may come from; those of this machine without it.
    pub ca: Option<PathBuf>,
}

/// As it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    server: String,
    #[serde(default)]
    security: Security,
    from: String,
    user: Option<String>,
    password_file: Option<PathBuf>,
    ca: Option<PathBuf>,
}

impl TryFrom<Written> for Mail {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { server, security, from, user, password_file, ca } = written;
        let parted = server.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let Some((host, port)) = parted.filter(|(host, _)| !host.is_empty()) else {
            return Err(format!(
                "server = {server:?} has no name or no port; write \"smtp.example.org:587\""
            ));
        };
        if from.parse::<lettre::message::Mailbox>().is_err() {
            return Err(format!("from = {from:?} is no address; write \"Platen <platen@example.org>\""));
        }
        if user.is_some() != password_file.is_some() {
            return Err("user and password_file go together".to_owned());
        }
        let here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        if security == Security::None && !here {
            return Err(
                "security = \"none\" is only for a server on this machine; write \"starttls\" or \"tls\""
                    .to_owned(),
            );
        }
        Ok(Self { host: host.to_owned(), port, security, from, user, password_file, ca })
    }
}

/// What webhooks may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// Networks of this machine or the company that they may reach; otherwise only public addresses. Only there they may go
    /// without TLS.
    pub allow: Networks,
    /// Authorities that certificates may come from; those of this machine without it.
    pub ca: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(text: &str) -> Result<Mail, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_server_is_read_and_one_that_would_be_spoken_to_openly_is_refused() {
        let good = mail("server = \"smtp.example.org:587\"\nfrom = \"Platen <platen@example.org>\"").unwrap();
        assert_eq!(
            (good.host.as_str(), good.port, good.security),
            ("smtp.example.org", 587, Security::Starttls)
        );
        for (text, word) in [
            ("server = \"smtp.example.org\"\nfrom = \"a@example.org\"", "no port"),
            ("server = \"smtp.example.org:25\"\nfrom = \"nobody\"", "no address"),
            (
                "server = \"smtp.example.org:25\"\nsecurity = \"none\"\nfrom = \"a@example.org\"",
                "this machine",
            ),
            ("server = \"smtp.example.org:25\"\nuser = \"u\"\nfrom = \"a@example.org\"", "go together"),
        ] {
            let refused = mail(text).unwrap_err().to_string();
            assert!(refused.contains(word), "{text}: {refused}");
        }
        assert!(mail("server = \"127.0.0.1:25\"\nsecurity = \"none\"\nfrom = \"a@example.org\"").is_ok());
    }
}

//! Whether a server of PostgreSQL can be used, and why not.

use std::path::PathBuf;

use postgres::Row;

use super::super::StoreError;
use super::error::{Fault, fault_of_postgres, in_full};
use crate::certificate_files::FileError;

/// The oldest that has what the statements need; 15, Debian's, is the one that is tried.
const OLDEST: i64 = 13;
/// Versions in the server's number: 150018 is 15.18.
const MAJOR: i64 = 10_000;
/// What is stored is text in every language.
const ENCODING: &str = "UTF8";
/// Said in each session: times and texts mean the same whatever the database or the role is set to, and a machine that lost
/// its power leaves no session behind that holds a lock for long. (While something was under way to it, Linux asks by no
/// keep-alive, but sends that again for up to half an hour, unless there is a `tcp_user_timeout`: tcp(7).)
pub(super) const SETTINGS: &str = "SET client_encoding = 'UTF8'; SET timezone = 'UTC'; SET standard_conforming_strings = on; \
    SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 4; \
    SET tcp_user_timeout = '60s'; \
    SET idle_in_transaction_session_timeout = '60s'";
pub(super) const ABOUT: &str = "SELECT current_setting('server_version_num')::bigint, current_setting('server_version'), \
    current_setting('server_encoding')";

/// Why a server cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No session could be opened.
    #[error("PostgreSQL cannot be used ({place}): {}", in_full(source))]
    Session {
        /// Where it should be.
        place: String,
        /// What it, or the way to it, said.
        source: postgres::Error,
        /// Whether TLS is used.
        encrypted: bool,
    },
    /// This machine gives nothing to wait for a server with.
    #[error("no session with PostgreSQL can be opened: {0}")]
    Runtime(std::io::Error),
    /// A file that is needed to come in.
    #[error(transparent)]
    File(FileError),
    /// Others may read the password.
    #[error("{}: everybody on this machine can read this password: chmod 600 it", path.display())]
    OpenPassword {
        /// Which file.
        path: PathBuf,
    },
    /// The certificates cannot be used.
    #[error("the certificates for PostgreSQL cannot be used: {0}")]
    Tls(rustls::Error),
    /// It is too old.
    #[error("PostgreSQL {found} is too old: version {OLDEST} or later is needed")]
    TooOld {
        /// What it calls itself.
        found: String,
    },
    /// It keeps texts in another encoding.
    #[error(
        "the database keeps its texts as {found}, and not every name and message can be stored so: create another one with CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'"
    )]
    Encoding {
        /// In which.
        found: String,
    },
}

impl ServerError {
    /// Whether what has to be changed is a file of this machine, and not the server or the way to it.
    pub(crate) const fn is_ours(&self) -> bool {
        matches!(self, Self::File(_) | Self::OpenPassword { .. } | Self::Tls(_))
    }

    /// What is wrong, in the same classes as for what fails later.
    pub(in crate::store) fn fault(&self) -> Fault {
        let (source, encrypted) = match self {
            Self::Session { source, encrypted, .. } => (source, encrypted),
            Self::Runtime(_) => return Fault::Unreachable,
            _ => return Fault::Unsuitable,
        };
        if let Some(fault) = fault_of_postgres(source) {
            let untrusted = std::error::Error::source(source).is_some_and(is_of_tls);
            return if untrusted { Fault::Untrusted } else { fault };
        }
        match source.code() {
            // It was only waited for.
            None if std::error::Error::source(source).is_none() => Fault::Unreachable,
            // What the client library says itself: the server does without TLS, or wants what we do not have.
            None if *encrypted => Fault::Untrusted,
            Some(_) | None => Fault::Refused,
        }
    }
}

/// Whether TLS failed, and not the way below it.
fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.and_then(std::io::Error::get_ref)
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
}

/// Looks at what a server said [`ABOUT`] itself.
pub(super) fn check(row: &Row) -> Result<(), StoreError> {
    judge(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)?;
    Ok(())
}

fn judge(number: i64, version: String, encoding: String) -> Result<(), ServerError> {
    if number / MAJOR < OLDEST {
        return Err(ServerError::TooOld { found: version });
    }
    if encoding != ENCODING {
        return Err(ServerError::Encoding { found: encoding });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_too_old_or_keeps_other_texts_is_refused_in_words() {
        let judge = |number, version: &str, encoding: &str| {
            judge(number, version.to_owned(), encoding.to_owned()).map_err(|error| error.to_string())
        };
        assert_eq!(judge(150_018, "15.18 (Debian 15.18-0+deb12u1)", "UTF8"), Ok(()));
        assert_eq!(judge(130_000, "13.0", "UTF8"), Ok(()));
        let old = judge(120_022, "12.22", "UTF8").unwrap_err();
        assert!(old.contains("12.22") && old.contains("13"), "{old}");
        let other = judge(150_018, "15.18", "SQL_ASCII").unwrap_err();
        assert!(other.contains("SQL_ASCII") && other.contains("ENCODING 'UTF8'"), "{other}");
    }
}

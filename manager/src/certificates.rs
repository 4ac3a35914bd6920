//! The manager's certificates: its CA, the one that it issued to itself, and that of operators in files of their
//! own. The two that listeners show are renewed, or read anew, while connections stand.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::ca::{Ca, is_due};
use crate::certificate_files::{self, CertificateFiles, FileError};
use crate::config::Config;
use crate::run_error::RunError;
use crate::tls::{Pair, ServerCertificate, TlsError};
use crate::watch::endings::rule::{Takeover, takeover};
use crate::watch::endings::{Ending, day};

/// A renewal that failed, such as on a full disk, is tried again after this time.
const TRY_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// The manager's CA, and the certificates that it shows.
#[derive(Clone)]
pub struct Certificates {
    /// Issues the devices' certificates.
    pub ca: Arc<Ca>,
    pub(crate) own: Arc<ServerCertificate>,
    /// When the own one could not be renewed, and why. Held for a look.
    failed: Arc<Mutex<Option<(Timestamp, String)>>>,
    operators: Option<Arc<OperatorFiles>>,
}

impl Certificates {
    /// From the state directory, where what is missing is made, and from the files of `operator_tls`.
    pub fn load_or_make(config: &Config, now: Timestamp) -> Result<Self, RunError> {
        let ca = Arc::new(Ca::load_or_make(&config.state_directory, now)?);
        let files = ca.server(&config.state_directory, &config.names, now)?;
        let own = ServerCertificate::new(files).map_err(TlsError::from)?;
        let operators = config.operator_tls.as_ref().map(OperatorFiles::open).transpose()?;
        Ok(Self { ca, own, failed: Arc::default(), operators: operators.map(Arc::new) })
    }

    /// What operators are shown.
    pub(crate) fn for_operators(&self) -> Arc<ServerCertificate> {
        let own = || Arc::clone(&self.own);
        self.operators.as_ref().map_or_else(own, |operators| Arc::clone(&operators.certificate))
    }

    /// Renews the own certificate when that is due; why it cannot be, if so.
    pub(crate) fn renew_own(&self, config: &Config, now: Timestamp) -> Option<String> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_due(&self.own.facts(), now) {
            *failed = None;
            return None;
        }
        if let Some((at, why)) = failed.as_ref()
            && now.duration_since(*at).abs() < TRY_AGAIN_AFTER
        {
            return Some(why.clone());
        }
        let made =
            self.ca.server(&config.state_directory, &config.names, now).map_err(|error| error.to_string());
        match made.and_then(|files| Pair::new(files).map_err(|error| error.to_string())) {
            Ok(pair) => {
                self.own.replace(pair);
                *failed = None;
                None
            }
            Err(why) => {
                *failed = Some((now, why.clone()));
                Some(why)
            }
        }
    }

    /// Takes what the files of `operator_tls` hold by now, if that is another pair and a good one; why it is
    /// not taken, if so. Files that have not changed are read only if somebody `asked`.
    pub(crate) async fn read_operators(&self, now: Timestamp, asked: bool) -> Option<String> {
        let operators = Arc::clone(self.operators.as_ref()?);
        // A disk of the network may be slow.
        let looked = tokio::task::spawn_blocking(move || operators.look(now, asked)).await;
        looked.unwrap_or_else(|error| Some(error.to_string()))
    }

    /// All of them, with why each could not be renewed.
    pub(crate) fn endings(&self, own: Option<String>, operators: Option<String>) -> Vec<Ending> {
        let alone = self.operators.is_some();
        let mut endings =
            vec![Ending::of_ca(self.ca.facts()), Ending::of_manager(&self.own.facts(), alone, own)];
        if let Some(held) = &self.operators {
            endings.push(Ending::of_operators(&held.certificate.facts(), &held.files, operators));
        }
        endings
    }
}

/// What tells that a file is another one, or was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Print {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Print {
    fn of(path: &Path) -> Option<Self> {
        // Through links: authorities' clients put a link to the newest one.
        let metadata = std::fs::metadata(path).ok()?;
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Some(Self { device: metadata.dev(), inode: metadata.ino(), size: metadata.size(), changed })
    }
}

#[derive(Debug)]
struct Seen {
    prints: [Option<Print>; 2],
    /// Why what was there is not used.
    trouble: Option<String>,
}

/// The certificate of `operator_tls`.
struct OperatorFiles {
    files: CertificateFiles,
    certificate: Arc<ServerCertificate>,
    /// What was there when it was looked last. Held while it is looked.
    seen: Mutex<Seen>,
}

impl OperatorFiles {
    fn open(files: &CertificateFiles) -> Result<Self, RunError> {
        let seen = Mutex::new(Seen { prints: prints(files), trouble: None });
        let certificate = ServerCertificate::new(certificate_files::load(files)?).map_err(TlsError::from)?;
        Ok(Self { files: files.clone(), certificate, seen })
    }

    /// Looks whether there is another pair; why it is not taken, if so.
    fn look(&self, now: Timestamp, asked: bool) -> Option<String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Before they are read: what is written meanwhile is seen the next time.
        let prints = prints(&self.files);
        if asked || seen.trouble.is_some() || prints != seen.prints {
            *seen = Seen { prints, trouble: self.take(now).err() };
        }
        seen.trouble.clone()
    }

    fn take(&self, now: Timestamp) -> Result<(), String> {
        let found = load_pair(&self.files)?;
        if self.certificate.shows(&found) {
            return Ok(());
        }
        let facts = found.facts().clone();
        match takeover(&self.certificate.facts(), &facts, now) {
            Takeover::Take => {
                tracing::info!(
                    subject = facts.subject,
                    until = %facts.weakest,
                    "operators are shown the new certificate from now on"
                );
                self.certificate.replace(found);
                Ok(())
            }
            Takeover::NotYet => {
                Err(format!("it is valid only from {} on, and is used from then on", day(facts.from)))
            }
            Takeover::Ended => Err(format!("it ended on {}", day(facts.weakest))),
        }
    }
}

fn prints(files: &CertificateFiles) -> [Option<Print>; 2] {
    [Print::of(&files.certificate), Print::of(&files.key)]
}

/// A pair that matches, or what is wrong with the files, for people.
pub(crate) fn load_pair(files: &CertificateFiles) -> Result<Pair, String> {
    let found = certificate_files::load(files).map_err(|error| match error {
        FileError::Io { path, source } => format!("{}: {source}", path.display()),
        FileError::Contents { path, reason } => format!("{}: {reason}", path.display()),
    })?;
    Pair::new(found).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => format!(
            "the key in {} is not that of the certificate in {}",
            files.key.display(),
            files.certificate.display()
        ),
        error => format!("{} and {}: {error}", files.certificate.display(), files.key.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    const NOW: &str = "2026-11-22T10:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    /// A certificate and its key in PEM, good from one day to another as counted from now.
    fn pair(from: i64, until: i64) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let at = |days: i64| {
            let seconds = now().as_second() + days * 24 * 3600;
            rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds.try_into().unwrap())
        };
        (parameters.not_before, parameters.not_after) = (at(from), at(until));
        (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    struct Files {
        _folder: tempfile::TempDir,
        files: CertificateFiles,
    }

    impl Files {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            let files = CertificateFiles { certificate: at("o.pem"), key: at("o.key") };
            Self { _folder: folder, files }
        }

        fn write(&self, (certificate, key): &(String, String)) {
            std::fs::write(&self.files.certificate, certificate).unwrap();
            std::fs::write(&self.files.key, key).unwrap();
        }
    }

    fn days_of(operators: &OperatorFiles) -> i64 {
        operators.certificate.facts().until.duration_since(now()).as_hours() / 24
    }

    #[test]
    fn a_renewed_pair_is_taken_when_it_is_looked_and_files_that_stand_are_not_read() {
        let site = Files::new();
        site.write(&pair(-60, 30));
        let operators = OperatorFiles::open(&site.files).unwrap();
        assert_eq!((operators.look(now(), false), days_of(&operators)), (None, 30));
        site.write(&pair(-1, 89));
        assert_eq!((operators.look(now(), false), days_of(&operators)), (None, 89));
        assert_eq!(operators.look(now(), true), None, "who asks has them read again");
    }

    #[test]
    fn what_does_not_match_or_cannot_be_read_keeps_the_old_one_and_says_why() {
        let site = Files::new();
        site.write(&pair(-60, 30));
        let operators = OperatorFiles::open(&site.files).unwrap();
        let (renewed, other) = (pair(-1, 89), pair(-1, 88));
        for (certificate, key, says) in [
            (renewed.0.as_str(), other.1.as_str(), "is not that of the certificate"),
            ("", renewed.1.as_str(), "holds no certificate"),
            (renewed.0.as_str(), "", "o.key"),
        ] {
            site.write(&(certificate.to_owned(), key.to_owned()));
            let told = operators.look(now(), false).unwrap();
            assert!(told.contains(says), "{told}");
            assert_eq!(operators.look(now(), false), Some(told), "it goes on");
            assert_eq!(days_of(&operators), 30);
        }
        std::fs::remove_file(&site.files.key).unwrap();
        assert!(operators.look(now(), false).unwrap().contains("No such file"));
        site.write(&renewed);
        assert_eq!((operators.look(now(), false), days_of(&operators)), (None, 89));
    }

    #[test]
    fn a_pair_that_begins_later_is_taken_when_it_begins() {
        let site = Files::new();
        site.write(&pair(-60, 30));
        let operators = OperatorFiles::open(&site.files).unwrap();
        site.write(&pair(5, 95));
        assert!(operators.look(now(), false).unwrap().contains("valid only from"));
        assert_eq!(days_of(&operators), 30);
        let then = now() + SignedDuration::from_hours(5 * 24);
        assert_eq!((operators.look(then, false), days_of(&operators)), (None, 95));
    }

    #[test]
    fn the_own_certificate_is_renewed_in_time_while_it_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "device_listen = \"127.0.0.1:0\"\noperator_listen = \"127.0.0.1:0\"\nstate_directory = {:?}\nnames = [\"localhost\"]\n",
            folder.path()
        );
        let config = crate::config::parse(Path::new("manager.toml"), &text).unwrap();
        let certificates = Certificates::load_or_make(&config, now()).unwrap();
        let first = certificates.own.facts();
        assert_eq!(certificates.renew_own(&config, now()), None);
        assert_eq!(certificates.own.facts(), first);
        let late = first.until - SignedDuration::from_hours(30 * 24);
        // A folder in the place of a file that is made: nothing can be put there.
        let key = folder.path().join("server.key");
        std::fs::remove_file(&key).unwrap();
        std::fs::create_dir_all(key.join("x")).unwrap();
        let why = certificates.renew_own(&config, late).unwrap();
        assert_eq!(certificates.own.facts(), first, "the old one is shown: {why}");
        std::fs::remove_dir_all(&key).unwrap();
        assert_eq!(certificates.renew_own(&config, late), Some(why), "not at once again");
        let later = late + TRY_AGAIN_AFTER;
        assert_eq!(certificates.renew_own(&config, later), None);
        assert!(certificates.own.facts().until > first.until);
        let endings = certificates.endings(None, None);
        assert_eq!(endings.len(), 2, "operators are shown the same");
        assert!(endings.iter().all(|ending| ending.words(later).is_none()), "{endings:?}");
    }
}

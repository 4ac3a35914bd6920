//! One thing that ends: a certificate or a token, and what people are told of it. Pure.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::super::backup_age::Age;
use super::rule::{self, EndState};
use crate::certificate_files::{CertificateFiles, Facts};

/// What ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The manager's certificate authority.
    CaCertificate,
    /// The certificate that the manager issued to itself.
    ManagerCertificate,
    /// The certificate of `operator_tls`.
    OperatorCertificate,
    /// A token with which a device enrols.
    EnrolmentToken,
    /// An operator's token for the API.
    ApiToken,
    /// The last backup: it ends when there should have been another one.
    Backup,
}

impl What {
    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::CaCertificate => "ca_certificate",
            Self::ManagerCertificate => "manager_certificate",
            Self::OperatorCertificate => "operator_certificate",
            Self::EnrolmentToken => "enrolment_token",
            Self::ApiToken => "api_token",
            Self::Backup => "backup",
        }
    }

    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::CaCertificate => "CA certificate",
            Self::ManagerCertificate => "manager's certificate",
            Self::OperatorCertificate => "operators' certificate",
            Self::EnrolmentToken => "enrolment token",
            Self::ApiToken => "API token",
            Self::Backup => "backup",
        }
    }

    /// Whether it is a token.
    pub const fn is_token(self) -> bool {
        matches!(self, Self::EnrolmentToken | Self::ApiToken)
    }

    /// Whether it is a certificate.
    pub const fn is_certificate(self) -> bool {
        matches!(self, Self::CaCertificate | Self::ManagerCertificate | Self::OperatorCertificate)
    }
}

/// Something that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What it is.
    pub what: What,
    /// Tells it from all others of its kind.
    pub key: String,
    /// What it is used for.
    pub used_for: &'static str,
    /// Whom it names.
    pub subject: String,
    /// When it begins.
    pub from: Option<Timestamp>,
    /// When it ends; `None` if it does not end, or cannot be read.
    pub until: Option<Timestamp>,
    /// Why what should take its place is not used, or why it cannot be read.
    pub trouble: Option<String>,
    /// The files that it stands in, where a person looks after these.
    pub files: Option<CertificateFiles>,
}

impl Ending {
    fn of(what: What, used_for: &'static str, facts: &Facts, trouble: Option<String>) -> Self {
        let (subject, from) = (facts.subject.clone(), Some(facts.from));
        let key = what.word().to_owned();
        Self { what, key, used_for, subject, from, until: Some(facts.until), trouble, files: None }
    }

    /// The manager's CA.
    pub fn of_ca(facts: &Facts) -> Self {
        Self::of(What::CaCertificate, "signs the certificates of devices", facts, None)
    }

    /// The certificate that the manager made for itself; `alone` if operators are shown another one.
    pub fn of_manager(facts: &Facts, alone: bool, trouble: Option<String>) -> Self {
        let used_for = if alone { "listener for devices" } else { "listeners for devices and operators" };
        Self::of(What::ManagerCertificate, used_for, facts, trouble)
    }

    /// The certificate of `operator_tls`. It is good for as long as its whole chain.
    pub fn of_operators(facts: &Facts, files: &CertificateFiles, trouble: Option<String>) -> Self {
        let ending = Self::of(What::OperatorCertificate, "listener for operators", facts, trouble);
        Self { until: Some(facts.weakest), files: Some(files.clone()), ..ending }
    }

    /// A certificate that cannot be read.
    pub fn unreadable(what: What, used_for: &'static str, path: &Path, trouble: String) -> Self {
        Self {
            what,
            key: what.word().to_owned(),
            used_for,
            subject: path.display().to_string(),
            from: None,
            until: None,
            trouble: Some(trouble),
            files: None,
        }
    }

    /// A token that has not been used, by its hash; for one device or for any.
    pub fn of_token(hash: String, device: Option<&str>, created: Timestamp, expires: Timestamp) -> Self {
        Self {
            what: What::EnrolmentToken,
            key: hash,
            used_for: "enrols a device, once",
            subject: device.unwrap_or("any new device").to_owned(),
            from: Some(created),
            until: Some(expires),
            trouble: None,
            files: None,
        }
    }

    /// An operator's token for the API.
    pub fn of_api_token(
        hash: String,
        operator: String,
        created: Timestamp,
        expires: Option<Timestamp>,
    ) -> Self {
        Self {
            what: What::ApiToken,
            key: hash,
            used_for: "API",
            subject: operator,
            from: Some(created),
            until: expires,
            trouble: None,
            files: None,
        }
    }

    /// The last backup, or that there is none.
    pub fn of_backup(age: &Age) -> Self {
        let subject = age.last.as_ref().map_or_else(|| "none yet".to_owned(), |last| last.path.clone());
        Self {
            what: What::Backup,
            key: What::Backup.word().to_owned(),
            used_for: "brings this manager back",
            subject,
            from: age.last.as_ref().map(|last| last.made),
            until: Some(age.due),
            trouble: None,
            files: None,
        }
    }

    /// How near its end is.
    pub fn state(&self, now: Timestamp) -> EndState {
        match self.until {
            // That another one is due soon is nothing to tell of: it is made then.
            Some(until) if self.what == What::Backup => {
                if now < until {
                    EndState::Good
                } else {
                    EndState::Ended
                }
            }
            Some(until) => rule::state(self.from, until, now),
            None if self.what == What::ApiToken => EndState::NoEnd,
            None => EndState::Unknown,
        }
    }

    /// What people should know and do; `None` when all is well.
    pub fn words(&self, now: Timestamp) -> Option<String> {
        let state = self.state(now);
        if self.what == What::Backup {
            return (state == EndState::Ended).then(|| self.words_of_backup(now));
        }
        let Some(until) = self.until else {
            return self.trouble.as_ref().map(|trouble| format!("The {}: {trouble}.", self.what.words()));
        };
        if !state.is_near() {
            return self.trouble.as_ref().map(|trouble| self.words_of_trouble(trouble, until));
        }
        let ends = if state == EndState::Ended {
            format!("ended {} ago, on {}", stretch(until, now), day(until))
        } else {
            format!("ends in {}, on {}", stretch(now, until), day(until))
        };
        let trouble = self.trouble.as_deref();
        Some(match self.what {
            What::CaCertificate => format!(
                "The manager's CA {ends}. Devices know the manager by it: replacing it means enrolling every device again, so plan that in good time."
            ),
            What::ManagerCertificate => format!(
                "The manager's own certificate ({}) {ends}. The manager renews it automatically and has not been able to: {}.",
                self.used_for,
                trouble.unwrap_or("its log says why")
            ),
            What::OperatorCertificate => {
                let (certificate, key) = self.file_names();
                let why = trouble
                    .map(|trouble| format!(" What is there now is not used: {trouble}."))
                    .unwrap_or_default();
                let effect = if state == EndState::Ended { ": browsers refuse it" } else { "" };
                format!(
                    "The certificate of the listener for operators ({}) {ends}{effect}. Put a renewed one into {certificate} and its key into {key}; the manager takes both within seconds.{why}",
                    self.subject
                )
            }
            What::EnrolmentToken => {
                format!("The enrolment token for {} {ends}, and has not been used.", self.subject)
            }
            What::ApiToken => format!("The API token of {} {ends}.", self.subject),
            What::Backup => self.words_of_backup(now),
        })
    }

    fn words_of_backup(&self, now: Timestamp) -> String {
        let what = match self.from {
            Some(made) => {
                format!("The last backup is {} old, of {} ({})", stretch(made, now), day(made), self.subject)
            }
            None => "No backup of this manager has been made".to_owned(),
        };
        format!(
            "{what}. See why the timer does not make one (`systemctl status platen-manager-backup`), or make one with `platen-manager backup`."
        )
    }

    fn words_of_trouble(&self, trouble: &str, until: Timestamp) -> String {
        let what = match self.what {
            What::OperatorCertificate => "The certificate in the files of operator_tls is not used",
            _ => "The manager's own certificate could not be renewed",
        };
        format!("{what}: {trouble}. The one in use is valid until {}.", day(until))
    }

    fn file_names(&self) -> (String, String) {
        let name = |path: &Path| path.display().to_string();
        let files = self.files.as_ref();
        files.map_or_else(Default::default, |files| (name(&files.certificate), name(&files.key)))
    }

    /// As the API and `platen-manager status` give it.
    pub fn view(&self, now: Timestamp) -> EndingView {
        EndingView {
            what: self.what,
            used_for: self.used_for,
            subject: self.subject.clone(),
            from: self.from,
            until: self.until,
            days_left: self.until.map(|until| days_left(until, now)),
            state: self.state(now),
            trouble: self.trouble.clone(),
            words: self.words(now),
        }
    }
}

/// A certificate or a token, and when it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct EndingView {
    /// What it is.
    pub what: What,
    /// What it is used for, for people.
    pub used_for: &'static str,
    /// Whom it names: of a certificate its subject, of a token the device or the operator.
    pub subject: String,
    /// When it begins; `null` if it cannot be read.
    pub from: Option<Timestamp>,
    /// When it ends; `null` if it does not end, or cannot be read.
    pub until: Option<Timestamp>,
    /// Whole days until then: 0 on the last day, and less once it has ended.
    pub days_left: Option<i64>,
    /// How near its end is.
    pub state: EndState,
    /// Why a renewed one is not used, or why it cannot be read; `null` if nothing is wrong.
    pub trouble: Option<String>,
    /// What to know and do, for people; `null` when all is well.
    pub words: Option<String>,
}

/// Whole days until a moment; less than 0 once it is over.
fn days_left(until: Timestamp, now: Timestamp) -> i64 {
    const DAY_SECONDS: i64 = 24 * 3600;
    until.duration_since(now).as_secs().div_euclid(DAY_SECONDS)
}

/// A moment, for people.
pub fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A stretch of time in the largest unit of which there are two.
fn stretch(from: Timestamp, to: Timestamp) -> String {
    let between: SignedDuration = to.duration_since(from);
    let minutes = between.as_mins().unsigned_abs();
    match minutes {
        0..2 => "a minute".to_owned(),
        2..120 => format!("{minutes} minutes"),
        120..2_880 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn operators(trouble: Option<&str>) -> Ending {
        let until = at("2027-03-01T00:00:00Z");
        let facts = Facts {
            subject: "CN=printers.example.org".to_owned(),
            from: at("2026-12-01T00:00:00Z"),
            until,
            weakest: until,
        };
        let files = CertificateFiles { certificate: "/etc/o.pem".into(), key: "/etc/o.key".into() };
        Ending::of_operators(&facts, &files, trouble.map(str::to_owned))
    }

    #[test]
    fn people_are_told_what_ends_when_and_what_to_do() {
        let ending = operators(None);
        assert_eq!(ending.words(at("2027-01-15T00:00:00Z")), None);
        let told = ending.words(at("2027-02-23T00:00:00Z")).unwrap();
        assert!(
            told.contains("ends in 6 days, on 2027-03-01 00:00 UTC") && told.contains("/etc/o.pem"),
            "{told}"
        );
        let told = ending.words(at("2027-03-04T00:00:00Z")).unwrap();
        assert!(told.contains("ended 3 days ago") && told.contains("browsers refuse it"), "{told}");
    }

    #[test]
    fn a_renewed_pair_that_is_not_used_is_told_at_any_time() {
        let told = operators(Some("the key is another one's")).words(at("2027-01-15T00:00:00Z")).unwrap();
        assert!(
            told.contains("is not used: the key is another one's. The one in use is valid until"),
            "{told}"
        );
    }

    #[test]
    fn a_backup_is_told_of_when_another_one_should_have_been_made_and_not_before() {
        use super::super::super::backup_age::{Age, LastBackup, Settings};
        let (begun, made) = (at("2026-11-01T00:00:00Z"), at("2026-11-20T03:00:00Z"));
        let last = LastBackup { made, path: "/backups/b.tar".to_owned() };
        let ending = Ending::of_backup(&Age::of(Some(last), begun, Settings::default()).unwrap());
        assert_eq!((ending.words(at("2026-11-22T02:00:00Z")), ending.state(made)), (None, EndState::Good));
        let told = ending.words(at("2026-11-23T04:00:00Z")).unwrap();
        assert!(
            told.starts_with("The last backup is 3 days old") && told.contains("/backups/b.tar"),
            "{told}"
        );
        let none = Ending::of_backup(&Age::of(None, begun, Settings::default()).unwrap());
        assert_eq!(none.words(at("2026-11-02T00:00:00Z")), None);
        assert!(none.words(at("2026-11-03T00:00:00Z")).unwrap().starts_with("No backup of this manager"));
    }

    #[test]
    fn days_are_counted_down_to_zero_on_the_last_day_and_below_it_afterwards() {
        let of = |now: &str| operators(None).view(at(now)).days_left.unwrap();
        assert_eq!(of("2027-02-27T00:00:00Z"), 2);
        assert_eq!((of("2027-02-28T00:00:01Z"), of("2027-03-01T00:00:00Z")), (0, 0));
        assert_eq!(of("2027-03-01T00:00:01Z"), -1);
    }
}

//! Why something is not trusted, in words for a technician, and what to do about it.
//!
//! Sorted by what the caller does next ([`Next`]). The words are ours: what a library says is for its developers, and
//! metadata from strangers is not repeated beyond what was checked.

use jiff::Timestamp;
use thiserror::Error;

use crate::role::Role;

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask again at the next interval: time, or the manager's next document, may mend it.
    Later,
    /// Not for this device, or not as it is: report it, and do not ask for this program again.
    Refused,
    /// Somebody may be attacking: report it as such.
    Untrusted,
    /// A person has to do something at this device.
    Person,
}

/// Something is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Distrust {
    /// More than a limit.
    #[error("{what} has {found} {unit}, and at most {limit} are taken")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much there is, or how much of it was read.
        found: usize,
        /// Of these.
        unit: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Not in its form.
    #[error("{what} cannot be read: {cause}")]
    Unreadable {
        /// What.
        what: &'static str,
        /// Where and how it departs from its form.
        cause: String,
    },
    /// A role is not there.
    #[error("the trust metadata has no {0}")]
    Missing(Role),
    /// Too few good signatures.
    #[error("the {role} has {good} good signatures of keys that may sign it, and needs {threshold}")]
    Signatures {
        /// Whose.
        role: Role,
        /// As many were good.
        good: u32,
        /// As many are needed.
        threshold: u32,
    },
    /// A key signed twice, or more.
    #[error("the {role} has two signatures under the name of one key")]
    SignedTwice {
        /// Whose signatures.
        role: Role,
    },
    /// Roots are signed one by the other, and one between is not there.
    #[error(
        "root {trusted} is trusted, and the next one offered is root {offered}: those between are missing"
    )]
    RootGap {
        /// Trusted until now.
        trusted: u32,
        /// The one that comes.
        offered: u32,
    },
    /// Keys or thresholds that no maker means.
    #[error("root {version} cannot be meant: {cause}")]
    UnsoundRoot {
        /// Which one.
        version: u32,
        /// What is wrong with it.
        cause: String,
    },
    /// It has expired.
    #[error("the {role} has expired: it was good until {until}, and it is {now}")]
    Expired {
        /// What.
        role: Role,
        /// Until when it was good.
        until: Timestamp,
        /// The time that counts.
        now: Timestamp,
    },
    /// Older than what was seen before.
    #[error(
        "the {role} has version {offered}, and version {seen} was there before: older metadata is not taken"
    )]
    RolledBack {
        /// What.
        role: Role,
        /// The highest version so far.
        seen: u32,
        /// The version that comes.
        offered: u32,
    },
    /// The same version says something else than before.
    #[error("version {version} of the {role} says something else than it did before")]
    Changed {
        /// What.
        role: Role,
        /// Its version.
        version: u32,
    },
    /// Files that do not belong together.
    #[error("the {role} is not the one that the {by} names: {what}")]
    Mixed {
        /// What does not belong there.
        role: Role,
        /// What names another.
        by: Role,
        /// In what they differ.
        what: &'static str,
    },
    /// The maker lets others sign for it, which is not used here.
    #[error("the {0} delegates to others, which is not taken here")]
    Delegated(Role),
    /// No metadata has been taken since the root changed, or ever.
    #[error("no program is trusted yet: only a root is known")]
    NothingYet,
    /// Not among the programs.
    #[error("{path} is not among the programs that the maker has signed")]
    NotATarget {
        /// Which was asked for, within its limits.
        path: String,
    },
    /// The description of a program is not sound.
    #[error("the description of {path} cannot be used: {cause}")]
    UnsoundProgram {
        /// Which program.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// For other hardware.
    #[error("the program is for {}, and this is {}", listed(.wanted), listed(.here))]
    WrongHardware {
        /// What it is for.
        wanted: Vec<String>,
        /// What is here.
        here: Vec<String>,
    },
    /// The file of what is trusted cannot be read or written.
    #[error("{path}: {cause}")]
    Disk {
        /// Which file.
        path: String,
        /// What the system said.
        cause: String,
    },
}

/// What a library says about bytes from strangers, who can have it repeat them: one line, and not a long one.
pub(crate) fn plain(text: &str) -> String {
    const MAX_CAUSE_CHARS: usize = 200;
    text.chars().filter(|c| !c.is_control()).take(MAX_CAUSE_CHARS).collect()
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "unknown hardware".to_owned() } else { names.join(" or ") }
}

impl Distrust {
    /// What the caller does next.
    pub fn next(&self) -> Next {
        match self {
            Self::Expired { .. } | Self::NothingYet | Self::NotATarget { .. } | Self::Missing(_) => {
                Next::Later
            }
            Self::TooMuch { .. }
            | Self::Unreadable { .. }
            | Self::UnsoundRoot { .. }
            | Self::Delegated(_)
            | Self::UnsoundProgram { .. }
            | Self::WrongHardware { .. } => Next::Refused,
            Self::Signatures { .. }
            | Self::SignedTwice { .. }
            | Self::RootGap { .. }
            | Self::RolledBack { .. }
            | Self::Changed { .. }
            | Self::Mixed { .. } => Next::Untrusted,
            Self::Disk { .. } => Next::Person,
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::TooMuch { .. } | Self::Unreadable { .. } | Self::Missing(_) => {
                "Something on the way spoils what is sent, or the manager is of another version. If it stays, tell the service centre."
            }
            Self::Signatures { .. } | Self::SignedTwice { .. } => {
                "Nothing was installed. Tell the service centre: either it publishes with the wrong keys, or this device was told to trust another maker, or somebody is trying to install something else."
            }
            Self::RootGap { .. } => {
                "Nothing was installed. Tell the service centre that roots are missing from what it hands over; it has to keep every one."
            }
            Self::UnsoundRoot { .. } | Self::Delegated(_) | Self::UnsoundProgram { .. } => {
                "Nothing was installed. The maker has to sign it anew in a form that this device takes."
            }
            Self::Expired { role: Role::Root | Role::Targets, .. } => {
                "Compare this device's clock. If it is right, the maker has to sign this anew."
            }
            Self::Expired { .. } => {
                "Compare this device's clock. If it is right, the manager no longer renews what it signs, or somebody holds back what is newer."
            }
            Self::RolledBack { .. } => {
                "Nothing was installed. A manager that was restored from a backup does this until it has published anew; otherwise somebody is handing over old programs."
            }
            Self::Changed { .. } | Self::Mixed { .. } => {
                "Nothing was installed. The manager hands over files that do not belong together. If it stays, tell the service centre."
            }
            Self::NothingYet => "Wait until the device has asked its manager.",
            Self::NotATarget { .. } => {
                "The program was withdrawn, or never published. Publish it, or end its rollout."
            }
            Self::WrongHardware { .. } => {
                "Nothing was installed. Compare the model and board of this device with those of the program."
            }
            Self::Disk { .. } => {
                "Nothing was installed. Look whether the disk is full, read-only or broken; if the file itself is damaged, a technician has to say anew which root this device trusts."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_and_what_to_do() {
        let expired = Distrust::Expired {
            role: Role::Timestamp,
            until: "2026-06-01T00:00:00Z".parse().unwrap(),
            now: "2026-06-02T00:00:00Z".parse().unwrap(),
        };
        assert_eq!(
            expired.to_string(),
            "the timestamp has expired: it was good until 2026-06-01T00:00:00Z, and it is 2026-06-02T00:00:00Z"
        );
        assert!(expired.advice().starts_with("Compare this device's clock."));
        let hardware =
            Distrust::WrongHardware { wanted: vec!["Aria 4".into(), "Aria 5".into()], here: vec![] };
        assert_eq!(hardware.to_string(), "the program is for Aria 4 or Aria 5, and this is unknown hardware");
    }

    #[test]
    fn what_may_be_an_attack_is_told_apart_from_what_time_mends() {
        let rolled_back = Distrust::RolledBack { role: Role::Targets, seen: 5, offered: 4 };
        assert_eq!(rolled_back.next(), Next::Untrusted);
        assert_eq!(Distrust::NothingYet.next(), Next::Later);
        assert_eq!(Distrust::Delegated(Role::Targets).next(), Next::Refused);
        assert_eq!(Distrust::Disk { path: "trusted.json".into(), cause: "full".into() }.next(), Next::Person);
    }
}

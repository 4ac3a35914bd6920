//! What is written down, for this program after a power cut and for whoever reads it: the agent, `status`, a person.
//!
//! The files lie in `/var/lib/platen-install`; only root writes them, everybody may read them. Fields may be added:
//! a reader takes no notice of those that it does not know. docs/installers.md lists them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The attempt under way. Without the file none is.
pub const ATTEMPT: &str = "attempt.json";
/// The attempts that ended.
pub const HISTORY: &str = "history.json";
/// What was installed and kept.
pub const INSTALLED: &str = "installed.json";
/// What the agent asks for, in the spool beside the program.
pub const REQUEST: &str = "request.json";
/// The trust metadata, in the spool beside the program.
pub const METADATA: &str = "metadata.json";
/// The program itself, in the spool.
pub const PROGRAM: &str = "program";
/// What the agent says of itself after a switch, in the spool.
pub const CONFIRMED: &str = "confirmed.json";
/// Attempts that the history keeps.
pub const HISTORY_LIMIT: usize = 20;
/// The longest of a record that is read, in bytes: a history in which each attempt left all the output that is kept.
pub const RECORD_LIMIT: u64 = 1024 * 1024;
/// The longest of a name, version, kind or id, in bytes.
pub const WORD_LIMIT: usize = 64;

/// How far an attempt has got: what is done now, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Metadata and program are copied out of the agent's reach; now they are verified.
    Staged,
    /// The program is the maker's; now its installer looks whether it can be installed here.
    Verified,
    /// It is being installed.
    Installing,
    /// It is installed; now the installer looks whether it runs.
    Installed,
    /// The agent is waited for, to say that all is well.
    Confirming,
    /// The agent has confirmed; now it is made permanent.
    Committing,
    /// What ran before is being brought back.
    GoingBack,
    /// Ended: it is installed.
    Kept,
    /// Ended: what ran before runs again.
    RolledBack,
    /// Ended before anything was changed.
    Refused,
    /// Ended: neither the program nor what ran before could be brought to run. Somebody has to look.
    Failed,
}

impl Step {
    /// How the attempt ended, if it has.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Kept => Some(Outcome::Kept),
            Self::RolledBack => Some(Outcome::RolledBack),
            Self::Refused => Some(Outcome::Refused),
            Self::Failed => Some(Outcome::Failed),
            _ => None,
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The program is installed.
    Kept,
    /// What ran before runs again.
    RolledBack,
    /// Nothing was changed.
    Refused,
    /// Neither could be brought to run.
    Failed,
}

/// Where an attempt stands. The rules are in `state.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// How far it has got.
    pub step: Step,
    /// How often this step was begun, this time included.
    pub runs: u32,
    /// How often `platen-install` was started with this attempt, the first time included.
    pub starts: u32,
}

/// A program, as its maker signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Who installs it: the name of an installer.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// Bytes of the file.
    pub length: u64,
    /// The hardware that it is for; empty: any.
    #[serde(default)]
    pub hardware: Vec<String>,
    /// Bytes that have to be free beside the file.
    #[serde(default)]
    pub free: u64,
    /// How long the agent may take to confirm it, in seconds.
    pub confirm_within: u64,
    /// The lowest version that it may be installed over.
    #[serde(default)]
    pub replaces: Option<String>,
}

/// How long the confirmation was waited for. Boots have no time in common: each counts for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The boot in which is waited now.
    pub boot_id: String,
    /// When the waiting began in this boot, in milliseconds since it began (`CLOCK_BOOTTIME`).
    pub since_ms: u64,
    /// The time that was waited in earlier boots, in milliseconds.
    pub before_ms: u64,
    /// The time that was waited in this boot when this was last written, in milliseconds.
    pub noted_ms: u64,
}

/// `attempt.json`: the attempt under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its id: the one of the manager's offer.
    pub attempt: String,
    /// The name of the program that was asked for.
    pub name: String,
    /// The version that was asked for.
    pub version: String,
    /// The program as its maker signed it.
    pub program: Program,
    /// The version of this name that was kept before, as far as is known here.
    #[serde(default)]
    pub before: Option<String>,
    /// When it began, by this machine's clock.
    pub began: Timestamp,
    /// Where it stands.
    pub position: Position,
    /// How long the confirmation was waited for, once it is.
    #[serde(default)]
    pub waiting: Option<Waiting>,
    /// Why it is not kept, for people.
    #[serde(default)]
    pub reason: Option<String>,
    /// What the installer wrote that led to that.
    #[serde(default)]
    pub output: Option<String>,
}

/// One attempt that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its id.
    pub attempt: String,
    /// What installed it, where that was known.
    #[serde(default)]
    pub kind: Option<String>,
    /// The program's name.
    pub name: String,
    /// The program's version.
    pub version: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, for people.
    pub reason: String,
    /// When it ended, by this machine's clock.
    pub ended: Timestamp,
    /// Whether something vouched for that clock.
    pub synchronised: bool,
    /// The first and last of what the installer wrote in the step that failed.
    #[serde(default)]
    pub output: Option<String>,
}

/// `history.json`: the attempts that ended, the newest last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// At most [`HISTORY_LIMIT`].
    pub attempts: Vec<Ended>,
}

impl History {
    /// Adds one; the oldest go. An attempt that is there already is there once, as it ended last.
    pub fn add(&mut self, ended: Ended) {
        self.attempts.retain(|other| other.attempt != ended.attempt);
        self.attempts.push(ended);
        let surplus = self.attempts.len().saturating_sub(HISTORY_LIMIT);
        self.attempts.drain(..surplus);
    }

    /// How an attempt ended.
    pub fn of(&self, attempt: &str) -> Option<&Ended> {
        self.attempts.iter().find(|ended| ended.attempt == attempt)
    }
}

/// One program that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keeps {
    /// Its kind.
    pub kind: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file, in hexadecimal digits.
    pub sha256: String,
    /// The attempt that brought it.
    pub attempt: String,
}

/// `installed.json`: what was installed by attempts that were kept, by the program's name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// By name.
    pub programs: BTreeMap<String, Keeps>,
}

/// `request.json`, by the agent: what lies ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The attempt's id.
    pub attempt: String,
    /// The program's name.
    pub name: String,
    /// The program's version.
    pub version: String,
}

/// `confirmed.json`, by the agent: what it found of itself after a switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// The attempt that it speaks of.
    pub attempt: String,
    /// The version of the agent that writes this.
    pub agent_version: String,
    /// It has read the sensors.
    pub sensors_read: bool,
    /// The manager has acknowledged a report of this version.
    pub acknowledged: bool,
}

/// What names a program, version or attempt: letters, digits and `.+~:_-`, beginning with a letter or digit. It becomes
/// part of environments and texts, and never leads out of a folder.
pub fn is_word(text: &str) -> bool {
    text.len() <= WORD_LIMIT
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+~:_-".contains(&byte))
}

/// What names a kind: small letters, digits and `-`. It is the name of a file among the installers.
pub fn is_kind(text: &str) -> bool {
    is_word(text)
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(attempt: &str) -> Ended {
        Ended {
            attempt: attempt.to_owned(),
            kind: None,
            name: "platen-agent".to_owned(),
            version: "2".to_owned(),
            outcome: Outcome::Refused,
            reason: "no".to_owned(),
            ended: Timestamp::UNIX_EPOCH,
            synchronised: false,
            output: None,
        }
    }

    #[test]
    fn the_history_keeps_the_last_twenty_and_each_attempt_once() {
        let mut history = History::default();
        for number in 0..30 {
            history.add(ended(&number.to_string()));
            history.add(ended(&number.to_string()));
        }
        let ids: Vec<_> = history.attempts.iter().map(|one| one.attempt.parse::<u32>().unwrap()).collect();
        assert_eq!(ids, (10..30).collect::<Vec<_>>());
    }

    #[test]
    fn words_lead_out_of_no_folder() {
        for good in ["platen-agent", "1:2.3~rc1-1+deb12u1", "a_b"] {
            assert!(is_word(good), "{good}");
        }
        for bad in ["", "..", ".hidden", "-option", "a/b", "a b", "a\n", "ä", &"x".repeat(65)] {
            assert!(!is_word(bad), "{bad:?}");
        }
        assert!(is_kind("agent-package"));
        assert!(!is_kind("Agent") && !is_kind("a.b") && !is_kind("a:b"));
    }

    #[test]
    fn a_field_that_is_not_known_is_no_error() {
        let text = r#"{"attempt":"7","name":"x","version":"1","surprise":[1]}"#;
        assert_eq!(serde_json::from_str::<Request>(text).unwrap().attempt, "7");
    }
}

//! Programs: what is installed on devices, and how a device gets them.
//!
//! A device asks by `POST` to [`crate::path::PROGRAMS`] and says what runs; the answer is 204, or **carries the
//! program**: one body, first the trust metadata ([`crate::limits::MAX_METADATA_BYTES`] at most), then the
//! program's bytes. The fields in [`field`] say where the one ends and which attempt this is. `Range` and
//! `If-Range` ([`range`]) count in that body, so that a transfer goes on where it broke.
//!
//! Nothing in here is trusted by who installs: that is decided by the signatures in the metadata alone, by a program
//! that believes neither agent nor manager.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::identity::{AttemptId, ProgramKind, ProgramName};
use crate::limits::{MAX_MODEL_CHARS, MAX_REASON_CHARS, MAX_RUNNING, MAX_TRIED, MAX_VERSION_CHARS};
use crate::stamp::Stamp;
use crate::text;

pub mod range;

/// The fields of an answer that carries a program, beside `ETag`, `Content-Range` and `Accept-Ranges`.
pub mod field {
    /// How many bytes of the body are trust metadata; the program's follow.
    pub const METADATA_LENGTH: &str = "platen-metadata-length";
    /// Names the attempt: every report about this program says it again.
    pub const ATTEMPT: &str = "platen-attempt";
    /// What the program is by the manager's word, as [`RunningProgram`](super::RunningProgram) is printed. It says
    /// where in the metadata to look, and what to show to people meanwhile; the signatures decide.
    pub const PROGRAM: &str = "platen-program";
}

/// The media type of a body that carries a program.
pub const MEDIA_TYPE: &str = "application/octet-stream";

/// The version of a program, as its maker writes it: 1 to [`MAX_VERSION_CHARS`] of a-z, A-Z, 0-9 and `.+~:-_`,
/// beginning with a letter or digit. It stands in paths, so it has no slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(value_type = String, pattern = "^[A-Za-z0-9][A-Za-z0-9.+~:_-]{0,63}$")
)]
#[serde(try_from = "String", into = "String")]
pub struct ProgramVersion(String);

/// A text that is no version of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidVersion(pub String);

impl fmt::Display for InvalidVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a version of a program: use 1 to {MAX_VERSION_CHARS} of a-z, A-Z, 0-9, '.', '+', '~', ':', '-' and '_', beginning with a letter or digit",
            self.0
        )
    }
}

impl std::error::Error for InvalidVersion {}

impl ProgramVersion {
    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProgramVersion {
    type Error = InvalidVersion;

    fn try_from(text: String) -> Result<Self, InvalidVersion> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~' | ':' | '-' | '_');
        let good = text.len() <= MAX_VERSION_CHARS
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(plain);
        if good { Ok(Self(text)) } else { Err(InvalidVersion(text)) }
    }
}

impl FromStr for ProgramVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        text.to_owned().try_into()
    }
}

impl From<ProgramVersion> for String {
    fn from(version: ProgramVersion) -> Self {
        version.0
    }
}

impl fmt::Display for ProgramVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a device asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AskCause {
    /// The agent began to work.
    Start,
    /// Its interval is over.
    Interval,
    /// It was told to: by a command, by a reply, or by a person at the device.
    Command,
    /// A cause of a later version.
    #[serde(other)]
    Other,
}

/// The body of `POST /v1/programs/request`: what the device is, and what runs on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProgramRequest {
    /// [`crate::VERSION`].
    pub version: u16,
    /// Why now.
    pub cause: AskCause,
    /// What a program must fit.
    pub hardware: Hardware,
    /// What is installed: the agent always; the rest is what `platen-install` put there. At most [`MAX_RUNNING`].
    pub running: Vec<RunningProgram>,
    /// What is free where programs are kept, in bytes, without what the device wants to remain free.
    pub free_bytes: u64,
    /// Which versions of the trust metadata the device holds, so that only what it lacks is sent. None where nobody
    /// has planted a root of trust: such a device installs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted: Option<TrustedVersions>,
    /// The last attempts, oldest first; at most [`MAX_TRIED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<TriedProgram>,
    /// The device's clocks when it sent this.
    pub sent: Stamp,
}

/// What a program must fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hardware {
    /// The printer's model, from the board file; at most [`MAX_MODEL_CHARS`].
    pub model: String,
    /// The controller, as the kernel names it (`/proc/device-tree/model`, or the product's name of the firmware),
    /// where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// The processor, as Debian names it, such as `arm64`.
    pub architecture: String,
}

/// A program that is installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunningProgram {
    /// Who installs it.
    pub kind: ProgramKind,
    /// Its name.
    pub name: ProgramName,
    /// Its version.
    pub version: ProgramVersion,
}

/// A text that names no program with its kind and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidProgram(pub String);

impl fmt::Display for InvalidProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not KIND/NAME/VERSION of a program", self.0)
    }
}

impl std::error::Error for InvalidProgram {}

/// `KIND/NAME/VERSION`.
impl fmt::Display for RunningProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.name, self.version)
    }
}

impl FromStr for RunningProgram {
    type Err = InvalidProgram;

    fn from_str(text: &str) -> Result<Self, InvalidProgram> {
        let parse = || {
            let (kind, rest) = text.split_once('/')?;
            let (name, version) = rest.split_once('/')?;
            Some(Self { kind: kind.parse().ok()?, name: name.parse().ok()?, version: version.parse().ok()? })
        };
        parse().ok_or_else(|| InvalidProgram(text.to_owned()))
    }
}

/// The highest versions of the trust metadata that a device holds; 0 where it holds none yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrustedVersions {
    /// The root's.
    pub root: u64,
    /// The timestamp's.
    pub timestamp: u64,
    /// The snapshot's.
    pub snapshot: u64,
    /// The targets'.
    pub targets: u64,
}

/// An attempt that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TriedProgram {
    /// Which attempt, as the answer named it.
    pub attempt_id: AttemptId,
    /// What was tried; none when that was never known, since the metadata could not be trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<RunningProgram>,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Why, in words, where it was not kept; at most [`MAX_REASON_CHARS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// It runs, and stays.
    Kept,
    /// It was installed, and the one before is back.
    RolledBack,
    /// It was never begun.
    Refused,
    /// Neither it nor the one before could be brought to run: somebody has to look.
    Failed,
    /// An outcome of a later version.
    #[serde(other)]
    Other,
}

/// What became of an attempt: a report of its own, so that the manager knows without asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProgramReport {
    /// Which attempt, as the answer named it.
    pub attempt_id: AttemptId,
    /// What is tried; none as long as that is not known to be true, for the agent does not read signatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<RunningProgram>,
    /// How far it is.
    pub step: ProgramStep,
    /// Why, in words, where it did not go well; at most [`MAX_REASON_CHARS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What runs now, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_version: Option<ProgramVersion>,
}

/// How far an attempt is. The last four are ends: nothing follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProgramStep {
    /// Its transfer has begun.
    Fetching,
    /// It is whole on the device, and waits for who installs it.
    Ready,
    /// It is being installed.
    Installing,
    /// It is installed, and must prove itself.
    Confirming,
    /// It is being taken back.
    GoingBack,
    /// It was never begun.
    Refused,
    /// It was installed, and the one before is back.
    RolledBack,
    /// Neither it nor the one before could be brought to run: somebody has to look.
    Failed,
    /// It runs, and stays.
    Kept,
    /// A step of a later version.
    #[serde(other)]
    Other,
}

impl ProgramStep {
    /// Whether nothing follows.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Refused | Self::RolledBack | Self::Failed | Self::Kept)
    }
}

impl ProgramRequest {
    /// Refuses what no device can mean: the field, and what is wrong with it.
    ///
    /// # Errors
    /// When a text or a list is beyond its limit.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let line = |field, text: &str| {
            text::check_line(text, MAX_MODEL_CHARS).map_err(|cause| (field, cause.to_string()))
        };
        line("hardware.model", &self.hardware.model)?;
        self.hardware.board.as_deref().map_or(Ok(()), |board| line("hardware.board", board))?;
        line("hardware.architecture", &self.hardware.architecture)?;
        line("sent.boot_id", &self.sent.boot_id)?;
        let few = |field, count: usize, most: usize| {
            if count <= most {
                Ok(())
            } else {
                Err((field, format!("lists {count}; at most {most} are allowed")))
            }
        };
        few("running", self.running.len(), MAX_RUNNING)?;
        few("tried", self.tried.len(), MAX_TRIED)?;
        let reasons = self.tried.iter().filter_map(|tried| tried.reason.as_deref());
        for reason in reasons {
            text::check(reason, MAX_REASON_CHARS).map_err(|cause| ("tried.reason", cause.to_string()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_makers_write_and_never_a_path() {
        for text in ["1", "2.0.1", "1:2.3~rc1+deb13u1-2", "2026_11"] {
            assert_eq!(text.parse::<ProgramVersion>().unwrap().to_string(), text);
        }
        for text in ["", "../1", "1/2", "-1", "1 2", "1\n", "ü1", &"1".repeat(MAX_VERSION_CHARS + 1)] {
            let refused = text.parse::<ProgramVersion>().unwrap_err().to_string();
            assert!(refused.contains("is not a version"), "{refused}");
        }
    }

    #[test]
    fn a_program_prints_as_it_parses_and_nothing_else_is_one() {
        let text = "agent-package/platen-agent/0.2.0~rc1";
        assert_eq!(text.parse::<RunningProgram>().unwrap().to_string(), text);
        for text in ["", "a/b", "a/b/c/d", "a//1", "../b/1", "a/b/"] {
            assert!(text.parse::<RunningProgram>().is_err(), "{text}");
        }
    }

    #[test]
    fn four_steps_are_ends() {
        use ProgramStep::{
            Confirming, Failed, Fetching, GoingBack, Installing, Kept, Other, Ready, Refused, RolledBack,
        };
        assert!([Kept, RolledBack, Refused, Failed].iter().all(|step| step.is_end()));
        assert!(
            [Fetching, Ready, Installing, Confirming, GoingBack, Other].iter().all(|step| !step.is_end())
        );
    }
}

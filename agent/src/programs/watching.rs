//! What `platen-install` writes about its attempts, and what it trusts.
//!
//! It is another program, which runs as root and trusts nothing of the agent; the agent only reads there. What cannot
//! be read is as if it were not there: an agent that stumbles over it could not confirm its own update.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use platen_protocol::identity::AttemptId;
use platen_protocol::limits::MAX_RUNNING;
use platen_protocol::programs::{AttemptOutcome, ProgramStep, RunningProgram, TrustedVersions};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::version::version;

/// The attempt under way.
pub(super) const ATTEMPT: &str = "attempt.json";
/// The attempts that ended.
pub(super) const HISTORY: &str = "history.json";
/// What was kept.
const INSTALLED: &str = "installed.json";
/// What it trusts.
const TRUSTED: &str = "trust/trusted.json";
/// No file in there is larger.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// The name of the program that this agent is.
pub(super) const OWN_NAME: &str = "platen-agent";
/// Who installs this agent.
const OWN_KIND: &str = "agent-package";

/// What `platen-install` has written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Installation {
    /// The attempt under way.
    pub attempt: Option<Attempt>,
    /// Those that ended, oldest first.
    pub ended: Vec<Ended>,
    /// What was kept, and this agent.
    pub running: Vec<RunningProgram>,
    /// What it trusts; none where nobody has planted anything, or `platen-install` is not there.
    pub trusted: Option<TrustedVersions>,
}

/// The attempt under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Its name.
    pub id: AttemptId,
    /// What is tried.
    pub program: Option<RunningProgram>,
    /// How far it is.
    pub step: ProgramStep,
    /// Why it is taken back, if it is.
    pub reason: Option<String>,
}

/// An attempt that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    /// Its name.
    pub id: AttemptId,
    /// What was tried.
    pub program: Option<RunningProgram>,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Why.
    pub reason: Option<String>,
}

/// The files, as far as the agent reads them.
mod file {
    use super::{BTreeMap, Deserialize};

    #[derive(Deserialize)]
    pub(super) struct Attempt {
        #[serde(rename = "attempt")]
        pub(super) id: String,
        pub(super) name: String,
        pub(super) version: String,
        pub(super) program: Option<Program>,
        pub(super) position: Position,
        pub(super) reason: Option<String>,
    }

    #[derive(Deserialize)]
    pub(super) struct Program {
        pub(super) kind: String,
    }

    #[derive(Deserialize)]
    pub(super) struct Position {
        pub(super) step: String,
    }

    #[derive(Deserialize)]
    pub(super) struct History {
        pub(super) attempts: Vec<Ended>,
    }

    #[derive(Deserialize)]
    pub(super) struct Ended {
        pub(super) attempt: String,
        pub(super) kind: Option<String>,
        pub(super) name: String,
        pub(super) version: String,
        pub(super) outcome: String,
        pub(super) reason: Option<String>,
    }

    /// Of what is trusted only the versions matter here.
    #[derive(Deserialize)]
    pub(super) struct Trusted {
        pub(super) root: Root,
        #[serde(default)]
        pub(super) seen: Seen,
    }

    #[derive(Deserialize)]
    pub(super) struct Root {
        pub(super) signed: Version,
    }

    #[derive(Default, Deserialize)]
    pub(super) struct Seen {
        pub(super) timestamp: Option<Version>,
        pub(super) snapshot: Option<Version>,
        pub(super) targets: Option<Version>,
    }

    #[derive(Deserialize)]
    pub(super) struct Version {
        pub(super) version: u64,
    }

    #[derive(Deserialize)]
    pub(super) struct Installed {
        pub(super) programs: BTreeMap<String, Keeps>,
    }

    #[derive(Deserialize)]
    pub(super) struct Keeps {
        pub(super) kind: String,
        pub(super) version: String,
    }
}

/// The step of an attempt that is written as this.
fn step(text: &str) -> ProgramStep {
    match text {
        // Nothing was changed yet.
        "staged" | "verified" => ProgramStep::Ready,
        "installing" | "installed" => ProgramStep::Installing,
        "confirming" | "committing" => ProgramStep::Confirming,
        "going-back" => ProgramStep::GoingBack,
        // It ends at once, and how is in the history.
        _ => ProgramStep::Other,
    }
}

fn outcome(text: &str) -> AttemptOutcome {
    match text {
        "kept" => AttemptOutcome::Kept,
        "rolled-back" => AttemptOutcome::RolledBack,
        "refused" => AttemptOutcome::Refused,
        "failed" => AttemptOutcome::Failed,
        _ => AttemptOutcome::Other,
    }
}

fn program(kind: &str, name: &str, version: &str) -> Option<RunningProgram> {
    Some(RunningProgram {
        kind: kind.parse().ok()?,
        name: name.parse().ok()?,
        version: version.parse().ok()?,
    })
}

impl Installation {
    /// What stands in the folder now; `root` is where a person or a package plants the root of trust.
    pub(super) fn read(folder: &Path, root: &Path) -> Self {
        let attempt: Option<file::Attempt> = read(&folder.join(ATTEMPT));
        let history: Option<file::History> = read(&folder.join(HISTORY));
        let installed: Option<file::Installed> = read(&folder.join(INSTALLED));
        Self {
            attempt: attempt.and_then(Attempt::of),
            ended: history.into_iter().flat_map(|history| history.attempts).filter_map(Ended::of).collect(),
            running: running(installed),
            trusted: trusted(folder, root),
        }
    }
}

impl Attempt {
    fn of(found: file::Attempt) -> Option<Self> {
        let kind = found.program.map(|program| program.kind);
        Some(Self {
            id: found.id.parse().ok()?,
            program: kind.and_then(|kind| program(&kind, &found.name, &found.version)),
            step: step(&found.position.step),
            reason: found.reason,
        })
    }
}

impl Ended {
    fn of(found: file::Ended) -> Option<Self> {
        let file::Ended { attempt, kind, name, version, outcome: ended, reason } = found;
        Some(Self {
            id: attempt.parse().ok()?,
            program: kind.and_then(|kind| program(&kind, &name, &version)),
            outcome: outcome(&ended),
            reason: reason.filter(|reason| !reason.is_empty()),
        })
    }
}

/// The versions that are trusted; before anything was installed, that of the root which was planted.
fn trusted(folder: &Path, root: &Path) -> Option<TrustedVersions> {
    let version = |version: Option<file::Version>| version.map_or(0, |version| version.version);
    if let Some(file::Trusted { root, seen }) = read(&folder.join(TRUSTED)) {
        let file::Seen { timestamp, snapshot, targets } = seen;
        return Some(TrustedVersions {
            root: root.signed.version,
            timestamp: version(timestamp),
            snapshot: version(snapshot),
            targets: version(targets),
        });
    }
    let planted: file::Root = read(root)?;
    Some(TrustedVersions { root: planted.signed.version, ..TrustedVersions::default() })
}

/// This agent first, as it runs; then what else was kept.
fn running(installed: Option<file::Installed>) -> Vec<RunningProgram> {
    let own = program(OWN_KIND, OWN_NAME, version());
    let kept = installed.into_iter().flat_map(|installed| installed.programs);
    let others = kept.filter(|(name, _)| name != OWN_NAME);
    let others = others.filter_map(|(name, keeps)| program(&keeps.kind, &name, &keeps.version));
    own.into_iter().chain(others).take(MAX_RUNNING).collect()
}

fn read<T: DeserializeOwned>(file: &Path) -> Option<T> {
    let open = File::open(file).ok()?;
    let mut text = Vec::new();
    let read = open.take(MAX_FILE_BYTES + 1).read_to_end(&mut text).ok()?;
    if read as u64 > MAX_FILE_BYTES {
        return None;
    }
    match serde_json::from_slice(&text) {
        Ok(content) => Some(content),
        Err(cause) => {
            tracing::debug!("{}: {cause}", file.display());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const ENDED: &str = r#"{"attempts":[
        {"attempt":"try-1","kind":"engine-firmware","name":"engine-firmware","version":"2.0","outcome":"kept","reason":"","ended":"2026-11-30T09:00:00Z","synchronised":true},
        {"attempt":"try-2","kind":"agent-package","name":"platen-agent","version":"9.9.9","outcome":"rolled-back","reason":"nobody confirmed it","ended":"2026-11-30T09:10:00Z","synchronised":true}]}"#;

    #[test]
    fn what_runs_is_this_agent_and_what_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let alone = Installation::read(folder.path(), &folder.path().join("root.json"));
        let texts = |found: &Installation| found.running.iter().map(ToString::to_string).collect::<Vec<_>>();
        let own = format!("agent-package/platen-agent/{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(texts(&alone), std::slice::from_ref(&own));
        assert_eq!(alone.trusted, None);
        let keeps =
            |version: &str| format!(r#"{{"kind":"k","version":"{version}","sha256":"","attempt":"a"}}"#);
        let installed = format!(
            r#"{{"programs":{{"platen-agent":{},"engine":{},"odd name":{}}}}}"#,
            keeps("0.0.1"),
            keeps("2.0"),
            keeps("1")
        );
        fs::write(folder.path().join(INSTALLED), installed).unwrap();
        let planted = r#"{"signatures":[],"signed":{"_type":"root","version":2}}"#;
        fs::write(folder.path().join("root.json"), planted).unwrap();
        let found = Installation::read(folder.path(), &folder.path().join("root.json"));
        assert_eq!(found.trusted, Some(TrustedVersions { root: 2, ..TrustedVersions::default() }));
        let trusted = r#"{"root":{"signatures":[],"signed":{"version":3}},"below":null,
            "seen":{"timestamp":{"version":5,"content":"00"},"snapshot":{"version":4,"content":"00"},"targets":null},
            "latest_known_time":"2026-11-30T09:00:00Z"}"#;
        fs::create_dir(folder.path().join("trust")).unwrap();
        fs::write(folder.path().join(TRUSTED), trusted).unwrap();
        let found = Installation::read(folder.path(), &folder.path().join("root.json"));
        assert_eq!(texts(&found), [own, "k/engine/2.0".to_owned()]);
        assert_eq!(found.trusted, Some(TrustedVersions { root: 3, timestamp: 5, snapshot: 4, targets: 0 }));
    }

    #[test]
    fn what_cannot_be_read_is_as_if_it_were_not_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("trust")).unwrap();
        for (name, content) in [(ATTEMPT, "{"), (HISTORY, "[]"), (INSTALLED, "7"), (TRUSTED, "\"x\"")] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let found = Installation::read(folder.path(), &folder.path().join("root.json"));
        assert_eq!((found.attempt, found.ended.len(), found.trusted), (None, 0, None));
        let large = " ".repeat(usize::try_from(MAX_FILE_BYTES).unwrap()) + ENDED;
        fs::write(folder.path().join(HISTORY), large).unwrap();
        assert!(Installation::read(folder.path(), &folder.path().join("root.json")).ended.is_empty());
    }
}

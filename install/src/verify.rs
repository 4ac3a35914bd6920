//! The seam behind which signatures are verified, and who stands behind it.
//!
//! Verification is asked for twice. What lies ready is described by its metadata first: that says how long the program may
//! be, before a byte of it is copied. Once both are copied out of the agent's reach, the copies are verified from the
//! beginning; only that counts.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use platen_trust::folder::Folder;
use platen_trust::{Distrust, Document, KnownTime, Program as Signed, Trusted};
use serde::Serialize;

use crate::clock::Clock;
use crate::directories::Directories;
use crate::records::Program;

/// When this program was built, in seconds since 1970, where that was said (debian/rules does, by the changelog).
const BUILT: Option<&str> = option_env!("SOURCE_DATE_EPOCH");
/// The longest root file, in bytes.
pub(crate) const ROOT_LIMIT: u64 = 64 * 1024;

/// Why something is not installed, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unverified(pub String);

/// Whoever knows the maker's keys.
pub trait Verifier {
    /// The program of a name and version, as trust metadata that can be trusted describe it.
    fn describe(&mut self, metadata: &[u8], name: &str, version: &str) -> Result<Program, Unverified>;
    /// Whether a file is that program, byte for byte.
    fn is_whole(&self, file: &Path, program: &Program) -> Result<(), Unverified>;
}

/// By The Update Framework, from the root that somebody planted on this machine.
#[derive(Debug)]
pub struct ByTrust {
    root: PathBuf,
    folder: PathBuf,
    /// It is at least this late.
    not_before: Timestamp,
    /// What was described last, with what a file is compared by.
    signed: Option<Signed>,
}

/// Whoever verifies on a machine.
pub fn by_trust(directories: &Directories) -> ByTrust {
    ByTrust {
        root: directories.root.clone(),
        folder: directories.trust(),
        not_before: built().unwrap_or(Timestamp::MIN),
        signed: None,
    }
}

/// When this program was built: no clock that says an earlier time is right.
pub(crate) fn built() -> Option<Timestamp> {
    Timestamp::from_second(BUILT?.parse().ok()?).ok()
}

impl From<Distrust> for Unverified {
    fn from(why: Distrust) -> Self {
        Self(format!("{why}; {}", why.advice()))
    }
}

impl ByTrust {
    /// The same, where it is known that it is at least this late.
    #[must_use]
    pub fn not_before(self, at: Timestamp) -> Self {
        Self { not_before: self.not_before.max(at), ..self }
    }

    /// What this machine trusts.
    fn trusted(&self) -> Result<Trusted, Unverified> {
        let trusted = match Folder::at(&self.folder).read() {
            Ok(Some(found)) => {
                if let Some(damage) = found.damage {
                    tracing::error!("{damage}; its copy is whole, and counts");
                }
                found.trusted
            }
            Ok(None) => Trusted::start(&read_root(&self.root)?)?,
            Err(damage) => return Err(forgotten(&damage, &self.root)),
        };
        Ok(trusted.not_before(self.not_before))
    }
}

/// Both copies of what was learnt are gone. Beginning anew from the planted root would have old programs pass for new ones,
/// so a person decides that.
fn forgotten(damage: &Distrust, root: &Path) -> Unverified {
    let root = root.display();
    Unverified(format!(
        "which of the maker's versions were there before cannot be read any more ({damage}), so an older program could \
         pass for a new one; `platen-install trust {root}` begins anew with this root"
    ))
}

/// The root that was planted.
fn read_root(path: &Path) -> Result<Vec<u8>, Unverified> {
    let mut root = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Unverified(format!(
            "this machine trusts nobody: there is no {}; plant the maker's root with `platen-install trust FILE`",
            path.display()
        ))),
        file => {
            let read = file.and_then(|file| file.take(ROOT_LIMIT).read_to_end(&mut root));
            read.map_err(|error| Unverified(format!("{}: {error}", path.display())))?;
            Ok(root)
        }
    }
}

/// What the clock says, and whether that can be believed.
fn known_time() -> KnownTime {
    let clock = Clock::read();
    KnownTime { synchronised: clock.synchronised, at: clock.wall }
}

impl Verifier for ByTrust {
    fn describe(&mut self, metadata: &[u8], name: &str, version: &str) -> Result<Program, Unverified> {
        let (folder, now) = (Folder::at(&self.folder), known_time());
        let document = Document::parse(metadata)?;
        let before = self.trusted()?;
        // New roots are kept also where the rest is refused.
        let climbed = before.bring_up_roots(&document)?;
        if climbed != before {
            folder.write(&climbed)?;
        }
        let trusted = climbed.bring_up(&document, now)?;
        folder.write(&trusted)?;
        let signed = trusted.program(&format!("{name}/{version}"), now)?;
        let program = Program {
            kind: signed.kind.clone(),
            name: signed.name.clone(),
            version: signed.version.clone(),
            sha256: HEXLOWER.encode(&signed.content.sha256),
            length: signed.content.size,
            hardware: signed.hardware.clone(),
            free: signed.free,
            confirm_within: signed.confirm_within.as_secs(),
            replaces: signed.replaces.clone(),
        };
        self.signed = Some(signed);
        Ok(program)
    }

    fn is_whole(&self, file: &Path, program: &Program) -> Result<(), Unverified> {
        let signed =
            self.signed.as_ref().filter(|signed| HEXLOWER.encode(&signed.content.sha256) == program.sha256);
        let signed = signed.ok_or_else(|| Unverified("this program was not described".to_owned()))?;
        let told = File::open(file).map_err(Into::into).and_then(|mut file| signed.verify_file(&mut file));
        told.map_err(|fault| Unverified(fault.to_string()))
    }
}

/// What `status` shows of it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    /// The version of the root.
    pub(crate) root: u32,
    /// SHA-256 of the root's file.
    pub(crate) fingerprint: String,
    /// It is at least this late, whatever the clock says.
    pub(crate) not_before: Option<Timestamp>,
}

/// What this machine trusts; nothing where nobody has planted a root.
pub(crate) fn shown(directories: &Directories) -> Result<Option<Shown>, Unverified> {
    let trusted = match Folder::at(&directories.trust()).read() {
        Ok(Some(found)) => Some(found.trusted),
        Ok(None) if directories.root.exists() => Some(Trusted::start(&read_root(&directories.root)?)?),
        Ok(None) => None,
        Err(damage) => return Err(forgotten(&damage, &directories.root)),
    };
    let known = |trusted: &Trusted| trusted.clone().not_before(built().unwrap_or(Timestamp::MIN));
    Ok(trusted.map(|trusted| Shown {
        root: trusted.versions().root,
        fingerprint: trusted.fingerprint(),
        not_before: Some(known(&trusted).latest_known_time()).filter(|at| *at > Timestamp::MIN),
    }))
}

//! The seam behind which signatures are verified, and who stands behind it.
//!
//! Verification is asked for twice. What lies ready is described by its metadata first: that says how long the program may
//! be, before a byte of it is copied. Once both are copied out of the agent's reach, the copies are verified from the
//! beginning; only that counts.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use platen_trust::folder::{FILE_NAME, Folder};
use platen_trust::{Distrust, Document, KnownTime, Program as Signed, Trusted};
use serde::Serialize;

use crate::clock::Clock;
use crate::directories::Directories;
use crate::durable;
use crate::records::Program;

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
    /// What was described last, with what a file is compared by.
    signed: Option<Signed>,
}

/// Whoever verifies on a machine.
pub fn by_trust(directories: &Directories) -> ByTrust {
    ByTrust { root: directories.root.clone(), folder: directories.trust(), signed: None }
}

impl From<Distrust> for Unverified {
    fn from(why: Distrust) -> Self {
        Self(format!("{why}; {}", why.advice()))
    }
}

impl ByTrust {
    /// What this machine trusts.
    fn trusted(&self) -> Result<Trusted, Unverified> {
        match Folder::at(&self.folder).read() {
            Ok(Some(trusted)) => return Ok(trusted),
            Ok(None) => {}
            Err(error) => {
                // Without it nothing could be installed ever again. The root that was planted is what trust begins from.
                tracing::error!("{error}; trust begins anew from {}", self.root.display());
                let path = self.folder.join(FILE_NAME);
                let aside = path.with_extension("json.unreadable");
                durable::rename(&path, &aside).map_err(|error| Unverified(error.to_string()))?;
            }
        }
        let root = read_root(&self.root)?;
        Ok(Trusted::start(&root)?)
    }
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
}

/// What this machine trusts; nothing where nobody has planted a root. Only root may read what has been learnt since.
pub(crate) fn shown(directories: &Directories) -> anyhow::Result<Option<Shown>> {
    let learnt = directories.trust().join(FILE_NAME);
    let trusted = if File::open(&learnt).is_ok() {
        Folder::at(&directories.trust()).read()?
    } else if directories.root.exists() {
        Some(Trusted::start(&read_root(&directories.root)?)?)
    } else {
        None
    };
    Ok(trusted.map(|trusted| Shown { root: trusted.versions().root, fingerprint: trusted.fingerprint() }))
}

//! The description of a program, as the maker signs it, and the check of its file.
//!
//! It stands in the targets file under the path `NAME/VERSION`, with what only Platen knows under `custom.platen`. A
//! description with something in it that is not known here is refused: it may be a condition for the installation.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read};
use std::time::Duration;

use data_encoding::HEXLOWER;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use tuf::crypto::{HashAlgorithm, HashValue};
use tuf::metadata::{TargetDescription, TargetPath};

use crate::distrust::{Distrust, plain};
use crate::limits::{
    DEFAULT_CONFIRM_WITHIN, MAX_CONFIRM_WITHIN, MAX_FREE_BYTES, MAX_HARDWARE, MAX_HARDWARE_CHARS,
    MAX_KIND_CHARS, MAX_NAME_CHARS, MAX_PROGRAM_BYTES, MAX_VERSION_CHARS, MIN_CONFIRM_WITHIN,
};

/// Under this name in `custom`.
const CUSTOM: &str = "platen";
/// So much of a file is read at once.
const READ_BYTES: usize = 64 * 1024;

/// A program that may be installed: what the maker says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Who installs it: the name of an installer, lower-case letters, digits and hyphens.
    pub kind: String,
    /// Such as `platen-agent`: lower-case letters, digits, `+`, `-` and `.`.
    pub name: String,
    /// As the maker counts: letters, digits, `+`, `-`, `.` and `~`. It is compared for equality here, and put in order
    /// by nobody but the installer.
    pub version: String,
    /// The models or boards that it is for; none means all.
    pub hardware: Vec<String>,
    /// The bytes of its file.
    pub content: Content,
    /// Space that the installation needs beside the file, in bytes.
    pub free: u64,
    /// How soon after the installation the device must say that it works.
    pub confirm_within: Duration,
    /// The lowest version from which it may be installed, where the maker says so.
    pub replaces: Option<String>,
}

/// The bytes of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// As many.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
}

/// The file of a program is not what was signed.
#[derive(Debug, Error)]
pub enum FileFault {
    /// It ends too soon.
    #[error("the file ends after {found} of {size} bytes: the transfer broke off")]
    Truncated {
        /// As many there are.
        found: u64,
        /// As many should be there.
        size: u64,
    },
    /// It goes on.
    #[error("the file goes on after its {size} bytes: something was added to it")]
    Longer {
        /// As many should be there.
        size: u64,
    },
    /// As long, and another one.
    #[error("the file is another one: it has the right length, and the SHA-256 {found} instead of {sha256}")]
    Swapped {
        /// What it has.
        found: String,
        /// What it should have.
        sha256: String,
    },
    /// It has more bytes than a program may have.
    #[error("the file is larger than {MAX_PROGRAM_BYTES} bytes")]
    TooLarge,
    /// It cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Custom {
    kind: String,
    name: String,
    version: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hardware: Vec<String>,
    #[serde(default)]
    free: u64,
    #[serde(default = "default_confirm_within")]
    confirm_within: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
}

fn default_confirm_within() -> u64 {
    DEFAULT_CONFIRM_WITHIN.as_secs()
}

impl Program {
    /// The path among the targets.
    pub fn path(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }

    /// Refuses hardware that it is not for. A device may have several names, of its model and of its board.
    pub fn fits(&self, hardware: &[String]) -> Result<(), Distrust> {
        if self.hardware.is_empty() || self.hardware.iter().any(|name| hardware.contains(name)) {
            return Ok(());
        }
        Err(Distrust::WrongHardware { wanted: self.hardware.clone(), here: hardware.to_vec() })
    }

    /// Reads a file to its end, and no further than it may go, and compares it.
    pub fn verify_file(&self, file: &mut dyn Read) -> Result<(), FileFault> {
        let Content { size, sha256 } = self.content;
        let found = match content_of(file, size)? {
            None => return Err(FileFault::Longer { size }),
            Some(found) if found.size < size => return Err(FileFault::Truncated { found: found.size, size }),
            Some(found) => found,
        };
        if found.sha256 == sha256 {
            return Ok(());
        }
        Err(FileFault::Swapped { found: HEXLOWER.encode(&found.sha256), sha256: HEXLOWER.encode(&sha256) })
    }

    /// What the targets file says of a path.
    pub(crate) fn described(path: &str, target: &TargetDescription) -> Result<Self, Distrust> {
        let unsound = |cause: String| Distrust::UnsoundProgram { path: path.to_owned(), cause };
        let custom = target.custom().get(CUSTOM).ok_or_else(|| unsound("it is not described".to_owned()))?;
        let custom = Custom::deserialize(custom).map_err(|error| unsound(plain(&error.to_string())))?;
        let sha256 = target.hashes().get(&HashAlgorithm::Sha256).map(HashValue::value);
        let sha256 = sha256.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let sha256 = sha256.ok_or_else(|| unsound("it has no SHA-256".to_owned()))?;
        let program = Self {
            kind: custom.kind,
            name: custom.name,
            version: custom.version,
            hardware: custom.hardware,
            content: Content { size: target.length(), sha256 },
            free: custom.free,
            confirm_within: Duration::from_secs(custom.confirm_within),
            replaces: custom.replaces,
        };
        program.check().map_err(unsound)?;
        if program.path() != path {
            return Err(unsound(format!("it describes {}", program.path())));
        }
        Ok(program)
    }

    /// The same in the other direction.
    pub(crate) fn describe(&self) -> Result<(TargetPath, TargetDescription), Distrust> {
        let unsound = |cause: String| Distrust::UnsoundProgram { path: self.path(), cause };
        self.check().map_err(unsound)?;
        let custom = Custom {
            kind: self.kind.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            hardware: self.hardware.clone(),
            free: self.free,
            confirm_within: self.confirm_within.as_secs(),
            replaces: self.replaces.clone(),
        };
        let custom = serde_json::to_value(custom).map_err(|error| unsound(error.to_string()))?;
        let custom: HashMap<String, Value> = HashMap::from([(CUSTOM.to_owned(), custom)]);
        let hashes = HashMap::from([(HashAlgorithm::Sha256, HashValue::new(self.content.sha256.to_vec()))]);
        let path = TargetPath::new(self.path()).map_err(|error| unsound(error.to_string()))?;
        let target = TargetDescription::new(self.content.size, hashes, custom)
            .map_err(|error| unsound(error.to_string()))?;
        Ok((path, target))
    }

    /// Limits and forms. Kind, name and version become parts of paths on the device, so they are narrow.
    fn check(&self) -> Result<(), String> {
        word("the kind", &self.kind, MAX_KIND_CHARS, |c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
        })?;
        word("the name", &self.name, MAX_NAME_CHARS, |c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c)
        })?;
        version("the version", &self.version)?;
        if let Some(replaces) = &self.replaces {
            version("the version that it replaces", replaces)?;
        }
        if self.hardware.len() > MAX_HARDWARE {
            return Err(format!("it is for more than {MAX_HARDWARE} models"));
        }
        for name in &self.hardware {
            let chars = name.chars().count();
            if chars == 0
                || chars > MAX_HARDWARE_CHARS
                || name.chars().any(char::is_control)
                || name.trim() != name
            {
                return Err(format!(
                    "a name of hardware has 1 to {MAX_HARDWARE_CHARS} characters, on one line"
                ));
            }
        }
        if self.hardware.iter().collect::<BTreeSet<_>>().len() < self.hardware.len() {
            return Err("it names the same hardware twice".to_owned());
        }
        if self.content.size == 0 || self.content.size > MAX_PROGRAM_BYTES {
            return Err(format!("its file has 1 to {MAX_PROGRAM_BYTES} bytes"));
        }
        if self.free > MAX_FREE_BYTES {
            return Err(format!("it asks for more than {MAX_FREE_BYTES} bytes of space"));
        }
        if self.confirm_within < MIN_CONFIRM_WITHIN || self.confirm_within > MAX_CONFIRM_WITHIN {
            let (least, most) = (MIN_CONFIRM_WITHIN.as_secs(), MAX_CONFIRM_WITHIN.as_secs());
            return Err(format!("it must be confirmed within {least} to {most} seconds"));
        }
        Ok(())
    }
}

impl Content {
    /// What a file has: for the maker, who describes it.
    pub fn of(file: &mut dyn Read) -> Result<Self, FileFault> {
        content_of(file, MAX_PROGRAM_BYTES)?.ok_or(FileFault::TooLarge)
    }
}

/// What is read to the end, or nothing if there is more than `most`.
fn content_of(file: &mut dyn Read, most: u64) -> Result<Option<Content>, FileFault> {
    let mut digest = Context::new(&SHA256);
    let mut buffer = vec![0; READ_BYTES];
    let mut size: u64 = 0;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        size = size.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if size > most {
            return Ok(None);
        }
        digest.update(buffer.get(..read).unwrap_or_default());
    }
    let mut sha256 = [0; 32];
    for (to, from) in sha256.iter_mut().zip(digest.finish().as_ref()) {
        *to = *from;
    }
    Ok(Some(Content { size, sha256 }))
}

fn version(what: &str, text: &str) -> Result<(), String> {
    word(what, text, MAX_VERSION_CHARS, |c| c.is_ascii_alphanumeric() || "+-.~".contains(c))
}

/// A word that begins with a letter or digit, and has these characters.
fn word(what: &str, text: &str, most: usize, may: fn(char) -> bool) -> Result<(), String> {
    if text.is_empty() || text.len() > most {
        return Err(format!("{what} has 1 to {most} characters"));
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || !text.chars().all(may) {
        return Err(format!("{what} has a character that cannot stand there"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8] = b"the program";

    fn program() -> Program {
        Program {
            kind: "engine-firmware".into(),
            name: "engine-firmware".into(),
            version: "4.2~rc1+5".into(),
            hardware: vec!["Aria 4".into(), "board-r3".into()],
            content: Content::of(&mut &*BYTES).unwrap(),
            free: 1_000_000,
            confirm_within: Duration::from_secs(300),
            replaces: Some("4.0".into()),
        }
    }

    #[test]
    fn a_description_comes_back_as_it_was() {
        let (path, target) = program().describe().unwrap();
        assert_eq!(path.as_str(), "engine-firmware/4.2~rc1+5");
        assert_eq!(Program::described(path.as_str(), &target).unwrap(), program());
    }

    #[test]
    fn a_description_of_another_path_or_with_unknown_conditions_is_refused() {
        let (path, target) = program().describe().unwrap();
        let refused = Program::described("engine-firmware/9", &target).unwrap_err();
        assert!(refused.to_string().ends_with("it describes engine-firmware/4.2~rc1+5"), "{refused}");
        let mut custom = target.custom().clone();
        custom.get_mut(CUSTOM).unwrap()["needs"] = "a screwdriver".into();
        let target = TargetDescription::new(target.length(), target.hashes().clone(), custom).unwrap();
        assert!(matches!(Program::described(path.as_str(), &target), Err(Distrust::UnsoundProgram { .. })));
    }

    #[test]
    fn what_becomes_a_path_is_narrow() {
        type Change = fn(&mut Program);
        let changes: [Change; 15] = [
            |p| p.kind = "../bin/sh".into(),
            |p| p.kind = "Agent".into(),
            |p| p.kind = "a".repeat(33),
            |p| p.name = "-rf".into(),
            |p| p.name = "a/b".into(),
            |p| p.version = "..".into(),
            |p| p.version = "1:2".into(),
            |p| p.version = String::new(),
            |p| p.replaces = Some("a b".into()),
            |p| p.hardware = vec!["a\nb".into()],
            |p| p.hardware = vec!["a".into(); 2],
            |p| p.hardware = (0..65).map(|n| n.to_string()).collect(),
            |p| p.content.size = MAX_PROGRAM_BYTES + 1,
            |p| p.free = MAX_FREE_BYTES + 1,
            |p| p.confirm_within = Duration::from_secs(59),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut program = program();
            change(&mut program);
            assert!(
                matches!(program.describe(), Err(Distrust::UnsoundProgram { .. })),
                "change {at}: {program:?}"
            );
        }
    }

    #[test]
    fn a_file_is_taken_only_as_it_was_signed() {
        let program = program();
        assert!(program.verify_file(&mut &*BYTES).is_ok());
        assert!(matches!(
            program.verify_file(&mut &BYTES[..10]),
            Err(FileFault::Truncated { found: 10, size: 11 })
        ));
        assert!(matches!(
            program.verify_file(&mut &b"the program!"[..]),
            Err(FileFault::Longer { size: 11 })
        ));
        assert!(matches!(program.verify_file(&mut &b"THE program"[..]), Err(FileFault::Swapped { .. })));
        assert!(matches!(program.verify_file(&mut io::repeat(0)), Err(FileFault::Longer { .. })));
    }

    #[test]
    fn hardware_fits_by_any_of_its_names() {
        let mut program = program();
        assert!(program.fits(&["Aria 9".into(), "board-r3".into()]).is_ok());
        assert!(matches!(program.fits(&["Aria 9".into()]), Err(Distrust::WrongHardware { .. })));
        assert!(program.fits(&[]).is_err());
        program.hardware.clear();
        assert!(program.fits(&[]).is_ok());
    }
}

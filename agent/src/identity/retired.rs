//! The service centre takes this device out of service: its key and certificates are removed, and a file says so.
//!
//! In this order, so that a power cut at any moment ends in the same way: the file is written, then the outcome of the
//! command; once the manager has that, or refuses the device because it has, the identity is removed. The file stays,
//! so that a person is told why the device is not enrolled; the next enrolment removes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};

use super::{IdentityError, Lock, file_error, owner_to_set, sync, unfinished, write_private};

/// The file's name in the state directory.
pub const FILE_NAME: &str = "retired.json";
/// No such file is larger.
const MAX_FILE_BYTES: u64 = 4096;

/// That the device was taken out of service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// When that was decided at the service centre.
    pub at: Timestamp,
    /// The operator who decided it.
    #[serde(default)]
    pub by: Option<String>,
}

fn file(state_directory: &Path) -> PathBuf {
    state_directory.join(FILE_NAME)
}

/// Whether the device was taken out of service, and has not been enrolled since. A file that cannot be read says that
/// it was, but not when.
pub fn marked(state_directory: &Path) -> Option<Retired> {
    let file = file(state_directory);
    let found = fs::metadata(&file).ok()?;
    let read = (found.len() <= MAX_FILE_BYTES).then(|| fs::read(&file).ok()).flatten();
    let kept = read.and_then(|text| serde_json::from_slice(&text).ok());
    Some(kept.unwrap_or(Retired { at: Timestamp::UNIX_EPOCH, by: None }))
}

/// Writes down that the device is taken out of service. Nothing is removed yet.
///
/// # Errors
/// When it cannot be written, or another process is changing the identity.
pub fn mark(state_directory: &Path, retired: &Retired) -> Result<(), IdentityError> {
    let _lock = Lock::take(state_directory)?;
    let (present, new) = (file(state_directory), state_directory.join(unfinished(FILE_NAME)));
    let text = serde_json::to_string_pretty(retired)
        .map_err(|cause| IdentityError::Content { what: cause.to_string() })?;
    let owner = owner_to_set(state_directory)?;
    write_private(&new, &text, owner).map_err(file_error(&new))?;
    fs::rename(&new, &present).map_err(file_error(&present))?;
    sync(state_directory)
}

/// Removes key and certificates, unless the device has been enrolled again since it was retired. Says whether they are
/// gone. Done twice it does the same.
///
/// # Errors
/// When something of them is left, or another process is changing the identity.
pub fn wipe(state_directory: &Path) -> Result<bool, IdentityError> {
    let lock = Lock::take(state_directory)?;
    match fs::metadata(file(state_directory)) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found.map_err(file_error(&file(state_directory)))?,
    };
    lock.remove()?;
    Ok(true)
}

/// Whether the manager refuses a device so that it has retired: it has the outcome, though its answer to that was lost.
pub const fn is_settled_by(kind: ProblemKind) -> bool {
    matches!(kind, ProblemKind::DeviceRevoked | ProblemKind::UnknownDevice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{IdentityFile, NEXT_FILE_NAME, load, store_next};

    fn identity() -> IdentityFile {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["lobby".into()]).unwrap().self_signed(&key).unwrap();
        IdentityFile {
            key: key.serialize_pem(),
            certificate_chain: certificate.pem(),
            manager_ca: certificate.pem(),
            device: "lobby".parse().unwrap(),
            manager: "https://localhost:1".parse().unwrap(),
            known_time: None,
        }
    }

    fn retired() -> Retired {
        Retired { at: "2026-11-30T09:15:05Z".parse().unwrap(), by: Some("anna".to_owned()) }
    }

    #[test]
    fn a_device_that_retires_keeps_nothing_but_the_word_that_it_did_until_it_is_enrolled_again() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path();
        Lock::take(path).unwrap().store(&identity()).unwrap();
        store_next(path, &identity()).unwrap();
        fs::write(path.join(unfinished(NEXT_FILE_NAME)), "{\"key\": \"hal").unwrap();
        assert!(!wipe(path).unwrap(), "nobody said so");
        load(path).unwrap();
        mark(path, &retired()).unwrap();
        load(path).expect("the manager is told first");
        for _ in 0..2 {
            assert!(wipe(path).unwrap());
            assert!(matches!(load(path), Err(IdentityError::NotEnrolled)));
            let left: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left, [FILE_NAME]);
        }
        assert_eq!(marked(path), Some(retired()));
        Lock::take(path).unwrap().store(&identity()).unwrap();
        assert_eq!(marked(path), None);
        assert!(!wipe(path).unwrap(), "that was another life");
        load(path).unwrap();
    }

    #[test]
    fn a_damaged_file_still_says_that_the_device_was_retired() {
        let state = tempfile::tempdir().unwrap();
        fs::write(state.path().join(FILE_NAME), "{\"at\": ").unwrap();
        assert_eq!(marked(state.path()), Some(Retired { at: Timestamp::UNIX_EPOCH, by: None }));
    }
}

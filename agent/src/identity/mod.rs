//! The device's key and certificates, on disk: one file in the state directory. The first conversation with a
//! manager yields them ([`crate::uplink::enroll`]), and [`renew`] renews them; [`certificate`] reads what a certificate
//! says, [`address`] is the manager's, [`volatile`] says whether the directory keeps what is written. [`retired`] removes
//! it again, when the service centre takes the device out of service.
//!
//! One file, so that a power cut never leaves a key beside another key's certificate: it is replaced in
//! one step. It is for its owner alone.
//!
//! Whoever makes or replaces one of these files holds the lock of the state directory ([`Lock`]), so that
//! two enrolments at once, or an enrolment and a renewal, do not write into each other's files. What a
//! process left behind that was killed meanwhile is cleared by the next one that writes.
//!
//! A renewed identity stands in a second file beside it until it has proven itself ([`renew`]);
//! then that file is renamed over the first. Whenever power is cut, the first file is whole.

pub mod address;
pub mod certificate;
pub mod renew;
pub mod retired;
pub mod volatile;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};

use address::Address;
use certificate::Facts;

/// The file's name in the state directory.
pub const FILE_NAME: &str = "identity.json";
/// The name of the one that is to follow it.
pub const NEXT_FILE_NAME: &str = "identity.next.json";
/// No identity is larger.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// What enrolment yields, as it is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityFile {
    /// The name that the manager gave.
    pub device: DeviceId,
    /// The address at which the device enrolled.
    pub manager: Address,
    /// The private key, PEM.
    pub key: String,
    /// The device's certificate and what signed it, PEM.
    pub certificate_chain: String,
    /// The manager's CA, PEM.
    pub manager_ca: String,
    /// The manager's clock when it gave the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_time: Option<Timestamp>,
}

/// An identity, ready for TLS.
pub struct Identity {
    /// The private key.
    pub key: PrivateKeyDer<'static>,
    /// The device's certificate and what signed it.
    pub chain: Vec<CertificateDer<'static>>,
    /// The manager's CA.
    pub manager_ca: Vec<CertificateDer<'static>>,
    /// The name that the manager gave.
    pub device: DeviceId,
    /// The address at which the device enrolled.
    pub manager: Address,
    /// The latest time that is known from it: the manager's clock when it gave the certificate, or the
    /// beginning of that.
    pub known_time: Timestamp,
    /// From when to when the device's certificate is valid. The CA has signed it, so its beginning is a
    /// time that has passed.
    pub facts: Facts,
}

/// Why there is no identity to use.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The device is not enrolled.
    #[error("this device is not enrolled")]
    NotEnrolled,
    /// Another process is making or replacing it.
    #[error(
        "another process is enrolling this device or storing its certificate: try again when it has ended"
    )]
    Busy,
    /// The file cannot be read or written.
    #[error("{}: {source}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file does not hold what it should.
    #[error("the identity is damaged: {what}; enrol the device again")]
    Content {
        /// What is wrong.
        what: String,
    },
}

fn file_error(file: &Path) -> impl FnOnce(io::Error) -> IdentityError {
    let file = file.to_owned();
    move |source| IdentityError::File { file, source }
}

/// Where the identity is kept.
pub fn file(state_directory: &Path) -> PathBuf {
    state_directory.join(FILE_NAME)
}

/// Reads the identity.
pub fn load(state_directory: &Path) -> Result<Identity, IdentityError> {
    parse(&read(&file(state_directory))?)
}

fn read(file: &Path) -> Result<IdentityFile, IdentityError> {
    let size = match fs::metadata(file) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Err(IdentityError::NotEnrolled),
        found => found.map_err(file_error(file))?.len(),
    };
    let content = |what| IdentityError::Content { what };
    if size > MAX_FILE_BYTES {
        return Err(content(format!("{size} bytes are too many (at most {MAX_FILE_BYTES})")));
    }
    let text = fs::read(file).map_err(file_error(file))?;
    // The words of the JSON reader may repeat what it read: the place is enough.
    serde_json::from_slice(&text)
        .map_err(|cause| content(format!("it cannot be read at line {}", cause.line())))
}

/// Reads the texts of an identity.
pub fn parse(kept: &IdentityFile) -> Result<Identity, IdentityError> {
    let key = PrivateKeyDer::from_pem_slice(kept.key.as_bytes())
        .map_err(|cause| IdentityError::Content { what: format!("it has no private key ({cause})") })?;
    let chain = certificates("device's", &kept.certificate_chain)?;
    let facts = chain.first().and_then(certificate::facts).ok_or_else(|| IdentityError::Content {
        what: "the device's certificate cannot be read".to_owned(),
    })?;
    Ok(Identity {
        key,
        known_time: kept.known_time.map_or(facts.begins, |told| told.max(facts.begins)),
        facts,
        chain,
        manager_ca: certificates("manager's", &kept.manager_ca)?,
        device: kept.device.clone(),
        manager: kept.manager.clone(),
    })
}

fn certificates(whose: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let what = match found {
        Ok(chain) if !chain.is_empty() => return Ok(chain),
        Ok(_) => format!("the {whose} certificate is missing"),
        Err(cause) => format!("the {whose} certificate cannot be read ({cause})"),
    };
    Err(IdentityError::Content { what })
}

/// The right to change the identity in a state directory, until it is dropped. It is a lock on the directory
/// itself (flock), which the kernel takes back when the process dies.
#[derive(Debug)]
pub struct Lock {
    directory: PathBuf,
    _held: File,
}

impl Lock {
    /// Takes the lock, without waiting for it.
    ///
    /// # Errors
    /// [`IdentityError::Busy`] while another process, or another task of this one, has it.
    pub fn take(state_directory: &Path) -> Result<Self, IdentityError> {
        let held = File::open(state_directory).map_err(file_error(state_directory))?;
        match held.try_lock() {
            Ok(()) => Ok(Self { directory: state_directory.to_owned(), _held: held }),
            Err(TryLockError::WouldBlock) => Err(IdentityError::Busy),
            Err(TryLockError::Error(cause)) => Err(file_error(state_directory)(cause)),
        }
    }

    /// Writes an identity in place of the present one, if there is one; a renewal of that is over. Run as
    /// root, it gives the file to the owner of the state directory, which is the agent.
    ///
    /// # Errors
    /// When the file cannot be written; the present identity is then as it was.
    pub fn store(&self, identity: &IdentityFile) -> Result<(), IdentityError> {
        write(&self.directory, FILE_NAME, identity)?;
        self.discard(&[
            NEXT_FILE_NAME.to_owned(),
            unfinished(NEXT_FILE_NAME),
            retired::FILE_NAME.to_owned(),
            unfinished(retired::FILE_NAME),
        ])
    }

    /// Removes the identity, the one that was to follow it, and what was left half written.
    ///
    /// # Errors
    /// When something of it is left.
    pub fn remove(&self) -> Result<(), IdentityError> {
        self.discard(&[FILE_NAME.to_owned(), NEXT_FILE_NAME.to_owned()])?;
        self.clear()?;
        sync(&self.directory)
    }

    /// Whether an identity could be written here: the directory takes a file. What is left over is cleared.
    ///
    /// # Errors
    /// When it does not, such as on a full or read-only disk.
    pub fn try_to_write(&self) -> Result<(), IdentityError> {
        let new = self.directory.join(unfinished(FILE_NAME));
        // As large as an identity, so that a full disk is found.
        write_private(&new, &" ".repeat(4096), None).map_err(file_error(&new))?;
        self.clear()
    }

    /// Clears what a process left behind that was killed while it wrote.
    fn clear(&self) -> Result<(), IdentityError> {
        self.discard(&[unfinished(FILE_NAME), unfinished(NEXT_FILE_NAME)])
    }

    fn discard(&self, names: &[String]) -> Result<(), IdentityError> {
        for name in names {
            let file = self.directory.join(name);
            match fs::remove_file(&file) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    return Err(file_error(&file)(cause));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The name of a file that is being written.
fn unfinished(name: &str) -> String {
    format!("{name}.new")
}

/// Clears, at a start, what a process left behind that was killed while it wrote. Nothing is done while
/// another one writes.
///
/// # Errors
/// When something is left that cannot be removed.
pub fn clear_unfinished(state_directory: &Path) -> Result<(), IdentityError> {
    match Lock::take(state_directory) {
        Err(IdentityError::Busy) => Ok(()),
        lock => lock?.clear(),
    }
}

/// Writes a renewed identity beside the present one.
///
/// # Errors
/// When another process is changing the identity, or the file cannot be written.
pub fn store_next(state_directory: &Path, identity: &IdentityFile) -> Result<(), IdentityError> {
    let _lock = Lock::take(state_directory)?;
    write(state_directory, NEXT_FILE_NAME, identity)
}

/// Reads the renewed identity, if there is one. One that does not follow the present one is an error.
pub fn load_next(state_directory: &Path, present: &Identity) -> Result<Option<Identity>, IdentityError> {
    let next = match read(&state_directory.join(NEXT_FILE_NAME)) {
        Err(IdentityError::NotEnrolled) => return Ok(None),
        read => parse(&read?)?,
    };
    let follows = next.device == present.device
        && next.manager == present.manager
        && next.manager_ca == present.manager_ca
        && next.facts.ends > present.facts.ends;
    if follows {
        Ok(Some(next))
    } else {
        Err(IdentityError::Content { what: "the renewed one is not of the present one".to_owned() })
    }
}

/// The renewed identity takes the place of the present one, in one step.
///
/// # Errors
/// When another process is changing the identity, or there is no renewed one.
pub fn promote(state_directory: &Path) -> Result<(), IdentityError> {
    let _lock = Lock::take(state_directory)?;
    let present = file(state_directory);
    fs::rename(state_directory.join(NEXT_FILE_NAME), &present).map_err(file_error(&present))?;
    sync(state_directory)
}

/// The renewed identity is given up, if there is one.
///
/// # Errors
/// When another process is changing the identity, or the file cannot be removed.
pub fn discard_next(state_directory: &Path) -> Result<(), IdentityError> {
    Lock::take(state_directory)?.discard(&[NEXT_FILE_NAME.to_owned(), unfinished(NEXT_FILE_NAME)])
}

fn sync(directory: &Path) -> Result<(), IdentityError> {
    File::open(directory).and_then(|open| open.sync_all()).map_err(file_error(directory))
}

fn write(state_directory: &Path, name: &str, identity: &IdentityFile) -> Result<(), IdentityError> {
    let present = state_directory.join(name);
    let new = state_directory.join(unfinished(name));
    let text = serde_json::to_string_pretty(identity)
        .map_err(|cause| IdentityError::Content { what: cause.to_string() })?;
    let owner = owner_to_set(state_directory)?;
    write_private(&new, &text, owner).map_err(file_error(&new))?;
    fs::rename(&new, &present).map_err(file_error(&present))?;
    sync(state_directory)
}

fn write_private(file: &Path, content: &str, owner: Option<(u32, u32)>) -> io::Result<()> {
    // What an interrupted enrolment left behind may have other rights.
    match fs::remove_file(file) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    open.write_all(content.as_bytes())?;
    if let Some((user, group)) = owner {
        fchown(&open, Some(user), Some(group))?;
    }
    open.sync_all()
}

fn owner_to_set(state_directory: &Path) -> Result<Option<(u32, u32)>, IdentityError> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    let owner = fs::metadata(state_directory).map_err(file_error(state_directory))?;
    Ok(Some((owner.uid(), owner.gid())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn identity(device: &str) -> IdentityFile {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec![device.into()]).unwrap().self_signed(&key).unwrap();
        IdentityFile {
            key: key.serialize_pem(),
            certificate_chain: certificate.pem(),
            manager_ca: certificate.pem(),
            device: device.parse().unwrap(),
            manager: "https://localhost:1".parse().unwrap(),
            known_time: None,
        }
    }

    fn store(state: &Path, identity: &IdentityFile) -> Result<(), IdentityError> {
        Lock::take(state)?.store(identity)
    }

    #[test]
    fn of_many_who_store_at_once_each_is_whole_or_refused_and_nothing_is_left_behind() {
        for _ in 0..50 {
            let state = tempfile::tempdir().unwrap();
            let (path, key) = (state.path(), identity("a"));
            let named = |name: &str| IdentityFile { device: name.parse().unwrap(), ..key.clone() };
            let stored: Vec<bool> = std::thread::scope(|scope| {
                let at_once: Vec<_> = ["a", "b", "c", "d"]
                    .map(|name| {
                        let kept = named(name);
                        scope.spawn(move || match store(path, &kept) {
                            Ok(()) => true,
                            Err(IdentityError::Busy) => false,
                            Err(cause) => panic!("{cause}"),
                        })
                    })
                    .into();
                at_once.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert!(stored.contains(&true));
            load(path).unwrap();
            assert_eq!(fs::read_dir(path).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_a_killed_process_left_half_written_is_cleared_and_the_present_identity_stays() {
        let state = tempfile::tempdir().unwrap();
        store(state.path(), &identity("a")).unwrap();
        for name in [FILE_NAME, NEXT_FILE_NAME] {
            fs::write(state.path().join(unfinished(name)), "{\"key\": \"hal").unwrap();
        }
        let lock = Lock::take(state.path()).unwrap();
        clear_unfinished(state.path()).unwrap();
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 3, "somebody else is writing");
        assert!(matches!(store_next(state.path(), &identity("a")), Err(IdentityError::Busy)));
        drop(lock);
        clear_unfinished(state.path()).unwrap();
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
        assert_eq!(load(state.path()).unwrap().device.as_str(), "a");
    }

    #[test]
    fn the_identity_is_for_its_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        store(state.path(), &identity("a")).unwrap();
        let mode = fs::metadata(file(state.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_second_enrolment_replaces_the_whole_identity_and_leaves_nothing_behind() {
        let state = tempfile::tempdir().unwrap();
        store(state.path(), &identity("a")).unwrap();
        fs::write(state.path().join("identity.json.new"), "half").unwrap();
        store(state.path(), &identity("b")).unwrap();
        assert_eq!(load(state.path()).unwrap().device.as_str(), "b");
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
    }

    #[test]
    fn without_an_identity_the_device_is_not_enrolled() {
        let state = tempfile::tempdir().unwrap();
        assert!(matches!(load(state.path()), Err(IdentityError::NotEnrolled)));
    }

    #[test]
    fn a_damaged_identity_says_what_to_do_and_repeats_nothing_of_it() {
        let state = tempfile::tempdir().unwrap();
        let mut damaged = identity("a");
        damaged.key = "secret".into();
        store(state.path(), &damaged).unwrap();
        let told = load(state.path()).err().unwrap().to_string();
        assert!(told.contains("enrol") && !told.contains("secret"), "{told}");
        fs::write(file(state.path()), "{\"key\": secret").unwrap();
        let told = load(state.path()).err().unwrap().to_string();
        assert!(told.contains("enrol") && !told.contains("secret"), "{told}");
    }
}

//! The device's key and certificates, on disk: one file in the state directory.
//!
//! One file, so that a power cut never leaves a key beside another key's certificate: it is replaced in
//! one step. It is for its owner alone.
//!
//! A renewed identity stands in a second file beside it until it has proven itself ([`crate::renew`]);
//! then that file is renamed over the first. Whenever power is cut, the first file is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::certificate::{self, Facts};

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

/// Writes an identity in place of the present one, if there is one; a renewal of that is over. Run as
/// root, it gives the file to the owner of the state directory, which is the agent.
pub fn store(state_directory: &Path, identity: &IdentityFile) -> Result<(), IdentityError> {
    write(state_directory, FILE_NAME, identity)?;
    discard_next(state_directory)
}

/// Writes a renewed identity beside the present one.
pub fn store_next(state_directory: &Path, identity: &IdentityFile) -> Result<(), IdentityError> {
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
pub fn promote(state_directory: &Path) -> Result<(), IdentityError> {
    let present = file(state_directory);
    fs::rename(state_directory.join(NEXT_FILE_NAME), &present).map_err(file_error(&present))?;
    sync(state_directory)
}

/// The renewed identity is given up, if there is one.
pub fn discard_next(state_directory: &Path) -> Result<(), IdentityError> {
    for name in [NEXT_FILE_NAME.to_owned(), format!("{NEXT_FILE_NAME}.new")] {
        let file = state_directory.join(name);
        match fs::remove_file(&file) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(file_error(&file)(cause)),
            _ => {}
        }
    }
    Ok(())
}

fn sync(directory: &Path) -> Result<(), IdentityError> {
    File::open(directory).and_then(|open| open.sync_all()).map_err(file_error(directory))
}

fn write(state_directory: &Path, name: &str, identity: &IdentityFile) -> Result<(), IdentityError> {
    let present = state_directory.join(name);
    let new = state_directory.join(format!("{name}.new"));
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

//! Files of keys. A private key is its owner's alone; one that others can read is not used.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use tuf::crypto::PublicKey;
use zeroize::Zeroizing;

use super::SignError;
use super::key::{Protection, SigningKey, public_from_pem, public_to_pem};
use crate::limits::MAX_KEY_FILE_BYTES;

const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;
/// What the group and others may do.
const OTHERS: u32 = 0o077;

/// Writes a private key; a file that is there stays as it is, and that is an error.
pub fn write_private(path: &Path, key: &SigningKey, protection: Protection<'_>) -> Result<(), SignError> {
    write(path, key.to_pem(protection)?.as_bytes(), PRIVATE)
}

/// Writes a public key; a file that is there stays as it is, and that is an error.
pub fn write_public(path: &Path, key: &PublicKey) -> Result<(), SignError> {
    write(path, public_to_pem(key)?.as_bytes(), PUBLIC)
}

/// Reads a private key that only its owner can read.
pub fn read_private(path: &Path, passphrase: Option<&str>) -> Result<SigningKey, SignError> {
    let file = File::open(path).map_err(failed(path))?;
    let mode = file.metadata().map_err(failed(path))?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(SignError::OthersCanRead { path: path.to_owned(), mode });
    }
    SigningKey::from_pem(&text(path, file)?, passphrase)
}

/// Reads a public key.
pub fn read_public(path: &Path) -> Result<PublicKey, SignError> {
    public_from_pem(&text(path, File::open(path).map_err(failed(path))?)?)
}

fn text(path: &Path, file: File) -> Result<Zeroizing<String>, SignError> {
    // Of this size from the start: what grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(MAX_KEY_FILE_BYTES + 1));
    let most = u64::try_from(MAX_KEY_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_string(&mut text).map_err(failed(path))?;
    if text.len() > MAX_KEY_FILE_BYTES {
        return Err(SignError::NotAKey(format!("it has more than {MAX_KEY_FILE_BYTES} bytes")));
    }
    Ok(text)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SignError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> SignError {
    let path = path.to_owned();
    move |source| SignError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use tuf::crypto::PrivateKey as _;

    use super::*;

    #[test]
    fn a_private_key_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("targets.key");
        let key = SigningKey::generate().unwrap();
        write_private(&path, &key, Protection::FileMode).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, PRIVATE);
        assert_eq!(read_private(&path, None).unwrap().public(), key.public());

        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_private(&path, None), Err(SignError::OthersCanRead { mode: 0o640, .. })));
    }

    #[test]
    fn a_key_is_never_written_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.pub");
        let key = SigningKey::generate().unwrap();
        write_public(&path, key.public()).unwrap();
        assert!(matches!(
            write_public(&path, SigningKey::generate().unwrap().public()),
            Err(SignError::Io { .. })
        ));
        assert_eq!(&read_public(&path).unwrap(), key.public());
    }

    #[test]
    fn a_file_without_end_is_no_key() {
        assert!(matches!(read_public(Path::new("/dev/zero")), Err(SignError::NotAKey(_))));
    }
}

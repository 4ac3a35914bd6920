//! Ed25519 keys, as PKCS#8 in PEM (RFC 5958, RFC 8410), which other programs read too (`openssl pkey`).

use std::fmt;

use data_encoding::HEXLOWER;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode as _, Encode as _, SecretDocument};
use pkcs8::spki::SubjectPublicKeyInfoRef;
use pkcs8::{
    AlgorithmIdentifierRef, Document, EncryptedPrivateKeyInfoRef, LineEnding, ObjectIdentifier,
    PrivateKeyInfoRef,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;
use tuf::crypto::{Ed25519PrivateKey, PrivateKey, PublicKey, Signature};
use tuf::metadata::MetadataPath;
use zeroize::Zeroizing;

use super::SignError;
use crate::role::Role;

/// `id-Ed25519` (RFC 8410, section 3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const PLAIN: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";
/// A seed, and with it a public key, has so many bytes (RFC 8032, section 5.1.5).
const KEY_BYTES: usize = 32;

/// How a key is protected on a disk.
#[derive(Clone, Copy)]
pub enum Protection<'a> {
    /// Encrypted with a passphrase (scrypt and AES-256, RFC 7914): keys of people.
    Passphrase(&'a str),
    /// By the mode of its file alone: keys with which a manager signs by itself.
    FileMode,
}

/// A private key in memory, which is overwritten when it is let go of.
pub struct SigningKey {
    seed: Zeroizing<[u8; KEY_BYTES]>,
    key: Ed25519PrivateKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(self.key.public().key_id()).finish()
    }
}

impl SigningKey {
    /// Makes a new one.
    pub fn generate() -> Result<Self, SignError> {
        let mut seed = Zeroizing::new([0; KEY_BYTES]);
        let filled = SystemRandom::new().fill(seed.as_mut());
        filled.map_err(|ring::error::Unspecified| SignError::NoRandom)?;
        Self::of_seed(seed)
    }

    fn of_seed(seed: Zeroizing<[u8; KEY_BYTES]>) -> Result<Self, SignError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_ref())
            .map_err(|error| SignError::NotAKey(error.to_string()))?;
        let mut both = Zeroizing::new(seed.to_vec());
        both.extend_from_slice(pair.public_key().as_ref());
        let key =
            Ed25519PrivateKey::from_ed25519(&both).map_err(|error| SignError::NotAKey(error.to_string()))?;
        Ok(Self { seed, key })
    }

    /// As a file.
    pub fn to_pem(&self, protection: Protection<'_>) -> Result<Zeroizing<String>, SignError> {
        // The seed is an OCTET STRING within the OCTET STRING (RFC 8410, section 7).
        let inner = OctetStringRef::new(self.seed.as_ref()).map_err(not_a_key)?;
        let inner = Zeroizing::new(inner.to_der().map_err(not_a_key)?);
        let key = OctetStringRef::new(&inner).map_err(not_a_key)?;
        let algorithm = AlgorithmIdentifierRef { oid: ED25519, parameters: None };
        let info = PrivateKeyInfoRef::new(algorithm, key);
        let (label, document) = match protection {
            Protection::Passphrase(passphrase) => {
                let encrypted = info.encrypt(passphrase);
                (ENCRYPTED, encrypted.map_err(|error| SignError::NotAKey(error.to_string()))?)
            }
            Protection::FileMode => (PLAIN, SecretDocument::encode_msg(&info).map_err(not_a_key)?),
        };
        document.to_pem(label, LineEnding::LF).map_err(not_a_key)
    }

    /// Of a file; where it is encrypted, with its passphrase.
    pub fn from_pem(pem: &str, passphrase: Option<&str>) -> Result<Self, SignError> {
        let (label, document) = SecretDocument::from_pem(pem).map_err(not_a_key)?;
        let document = match (label, passphrase) {
            (PLAIN, _) => document,
            (ENCRYPTED, None) => return Err(SignError::PassphraseNeeded),
            (ENCRYPTED, Some(passphrase)) => {
                let encrypted: EncryptedPrivateKeyInfoRef<'_> = document.decode_msg().map_err(not_a_key)?;
                // What came out of a wrong passphrase has nothing to tell.
                let Ok(opened) = encrypted.decrypt(passphrase) else {
                    return Err(SignError::WrongPassphrase);
                };
                opened
            }
            _ => return Err(SignError::NotAKey(format!("it is a {label}"))),
        };
        let info: PrivateKeyInfoRef<'_> = document.decode_msg().map_err(not_a_key)?;
        if info.algorithm.oid != ED25519 {
            return Err(SignError::NotAKey(format!("its algorithm is {}", info.algorithm.oid)));
        }
        let seed = <&OctetStringRef>::from_der(info.private_key.as_bytes()).map_err(not_a_key)?;
        let seed = <[u8; KEY_BYTES]>::try_from(seed.as_bytes())
            .map_err(|error| SignError::NotAKey(error.to_string()))?;
        Self::of_seed(Zeroizing::new(seed))
    }
}

impl PrivateKey for SigningKey {
    fn sign(&self, msg: &[u8]) -> tuf::Result<Signature> {
        self.key.sign(msg)
    }

    fn public(&self) -> &PublicKey {
        self.key.public()
    }
}

/// What a key elsewhere has signed, where its public half verifies that.
pub(super) fn signature(
    role: Role,
    key: &PublicKey,
    message: &[u8],
    made: &[u8],
) -> Result<Signature, SignError> {
    // The crate `tuf` makes one only of its text.
    let text = json!({ "keyid": key.key_id(), "sig": HEXLOWER.encode(made) });
    let failed = |error: &dyn fmt::Display| SignError::KeyFailed(error.to_string());
    let signature: Signature = serde_json::from_value(text).map_err(|error| failed(&error))?;
    let path = MetadataPath::new(role.name()).map_err(|error| failed(&error))?;
    if key.verify(&path, message, &signature).is_err() {
        return Err(failed(&"its public half does not verify what it signed"));
    }
    Ok(signature)
}

/// A public key of its 32 bytes, as a token has it. It has the name that it would have of a file.
pub fn public_of_bytes(bytes: &[u8]) -> Result<PublicKey, SignError> {
    PublicKey::from_ed25519(bytes).map_err(|error| SignError::NotAKey(error.to_string()))
}

fn not_a_key(error: pkcs8::der::Error) -> SignError {
    SignError::NotAKey(error.to_string())
}

/// A public key as a file (`SubjectPublicKeyInfo` in PEM).
pub fn public_to_pem(key: &PublicKey) -> Result<String, SignError> {
    let spki = key.as_spki().map_err(|error| SignError::NotAKey(error.to_string()))?;
    let document = Document::try_from(spki).map_err(not_a_key)?;
    document.to_pem(PUBLIC, LineEnding::LF).map_err(not_a_key)
}

/// A public key of a file. The name of the key comes of its type and bytes alone, as with python-tuf.
pub fn public_from_pem(pem: &str) -> Result<PublicKey, SignError> {
    let (label, document) = Document::from_pem(pem).map_err(not_a_key)?;
    if label != PUBLIC {
        return Err(SignError::NotAKey(format!("it is a {label}")));
    }
    let info: SubjectPublicKeyInfoRef<'_> = document.decode_msg().map_err(not_a_key)?;
    if info.algorithm.oid != ED25519 {
        return Err(SignError::NotAKey(format!("its algorithm is {}", info.algorithm.oid)));
    }
    let bytes = info.subject_public_key.as_bytes().unwrap_or_default();
    public_of_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_file_with_and_without_a_passphrase() {
        let key = SigningKey::generate().unwrap();
        let plain = key.to_pem(Protection::FileMode).unwrap();
        let sealed = key.to_pem(Protection::Passphrase("four words of mine")).unwrap();
        assert!(plain.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(sealed.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        for again in [
            SigningKey::from_pem(&plain, None).unwrap(),
            SigningKey::from_pem(&sealed, Some("four words of mine")).unwrap(),
        ] {
            assert_eq!(again.public(), key.public());
            assert_eq!(again.sign(b"x").unwrap(), key.sign(b"x").unwrap());
        }
    }

    #[test]
    fn without_its_passphrase_a_key_stays_closed() {
        let key = SigningKey::generate().unwrap();
        let sealed = key.to_pem(Protection::Passphrase("right")).unwrap();
        assert!(matches!(SigningKey::from_pem(&sealed, None), Err(SignError::PassphraseNeeded)));
        assert!(matches!(SigningKey::from_pem(&sealed, Some("wrong")), Err(SignError::WrongPassphrase)));
    }

    #[test]
    fn a_public_key_comes_back_under_its_name() {
        let key = SigningKey::generate().unwrap();
        let pem = public_to_pem(key.public()).unwrap();
        assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"));
        let again = public_from_pem(&pem).unwrap();
        assert_eq!(again.key_id(), key.public().key_id());
        assert!(matches!(SigningKey::from_pem(&pem, None), Err(SignError::NotAKey(_))));
    }

    #[test]
    fn the_key_of_rfc_8410_is_read_and_no_other_algorithm() {
        // RFC 8410, section 10.3 and 10.1.
        let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        let key = SigningKey::from_pem(private, None).unwrap();
        assert_eq!(key.public(), &public_from_pem(public).unwrap());
        assert_eq!(&**key.to_pem(Protection::FileMode).unwrap(), private);
        // X25519 (1.3.101.110) is not for signatures.
        let other = private.replace("K2Vw", "K2Vu");
        assert!(matches!(SigningKey::from_pem(&other, None), Err(SignError::NotAKey(_))));
        assert!(matches!(SigningKey::from_pem("no key", None), Err(SignError::NotAKey(_))));
    }

    #[test]
    fn a_signature_made_elsewhere_is_the_same_one_and_a_wrong_one_is_none() {
        let key = SigningKey::generate().unwrap();
        let made = key.sign(b"x").unwrap();
        let public = public_of_bytes(key.public().as_bytes()).unwrap();
        assert_eq!(signature(Role::Targets, &public, b"x", made.value().as_bytes()).unwrap(), made);
        assert!(matches!(
            signature(Role::Targets, &public, b"y", made.value().as_bytes()),
            Err(SignError::KeyFailed(_))
        ));
    }

    #[test]
    fn a_key_is_not_told_to_a_log() {
        let key = SigningKey::generate().unwrap();
        let told = format!("{key:?}");
        assert!(told.contains(&key.public().key_id().to_string()));
        let plain = key.to_pem(Protection::FileMode).unwrap();
        assert!(!told.contains(plain.lines().nth(1).unwrap()));
    }
}

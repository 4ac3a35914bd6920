//! Keys: ECDSA on P-256 with SHA-256; a signature is r and s, 32 bytes each (RFC 9421, section 3.3.4).

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};
use sfv::{BareItem, FieldType as _, Item};

use super::Refusal;
use crate::hex;

/// A key that signs, and the certificate that says whose it is.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    id: String,
    certificate: String,
}

/// The key is no ECDSA key on P-256, or no signature could be made with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnusableKey;

impl fmt::Display for UnusableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("messages cannot be signed with this key: it must be ECDSA on P-256, in PKCS#8")
    }
}

impl std::error::Error for UnusableKey {}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// From a private key in PKCS#8 and its certificate, both in DER.
    pub fn new(pkcs8: &[u8], certificate: &[u8]) -> Result<Self, UnusableKey> {
        let random = SystemRandom::new();
        let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random) else {
            return Err(UnusableKey);
        };
        Ok(Self { pair, random, id: key_id(certificate), certificate: byte_sequence(certificate) })
    }

    /// The name of the key in signatures.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The certificate, as the value of its field.
    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(super) fn sign(&self, base: &str) -> Result<Vec<u8>, UnusableKey> {
        match self.pair.sign(&self.random, base.as_bytes()) {
            Ok(signature) => Ok(signature.as_ref().to_vec()),
            Err(_unspecified) => Err(UnusableKey),
        }
    }
}

/// A public key, as it stands in a certificate (an uncompressed point).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// The bits of `subjectPublicKey`. What is no point of the curve fits no signature.
    pub fn new(point: &[u8]) -> Self {
        Self(point.to_owned())
    }

    pub(super) fn check(&self, base: &str, signature: &[u8]) -> Result<(), Refusal> {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.0);
        if key.verify(base.as_bytes(), signature).is_ok() { Ok(()) } else { Err(Refusal::Signature) }
    }
}

/// How signatures name a key: SHA-256 of its certificate, in hexadecimal digits. No two managers have
/// given the same certificate, so this also says for whom a request is.
pub(super) fn key_id(certificate: &[u8]) -> String {
    hex::encode(digest(&SHA256, certificate).as_ref())
}

/// A byte sequence as a structured field has it (RFC 9651, section 3.3.5).
pub(super) fn byte_sequence(bytes: &[u8]) -> String {
    Item::new(BareItem::ByteSequence(bytes.to_owned())).serialize()
}

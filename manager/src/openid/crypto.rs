//! Signatures of tokens, checked by `ring`: the library of tokens leaves that to whoever uses it. Nothing is signed here, and no
//! token is believed by a secret that both sides know.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: |algorithm, key| verifier(*algorithm, key),
    // Of keys nothing is worked out that would ask for these.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Has the library of tokens use this.
pub(super) fn install() {
    // Whoever was there first is this as well.
    let _ = PROVIDER.install_default();
}

enum Key {
    Rsa(&'static RsaParameters, Vec<u8>, Vec<u8>),
    Other(&'static dyn VerificationAlgorithm, Vec<u8>),
}

struct Checker {
    algorithm: Algorithm,
    key: Key,
}

const fn of_rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

fn of_others(algorithm: Algorithm) -> Option<(AlgorithmFamily, &'static dyn VerificationAlgorithm)> {
    match algorithm {
        Algorithm::ES256 => Some((AlgorithmFamily::Ec, &ECDSA_P256_SHA256_FIXED)),
        Algorithm::ES384 => Some((AlgorithmFamily::Ec, &ECDSA_P384_SHA384_FIXED)),
        Algorithm::EdDSA => Some((AlgorithmFamily::Ed, &ED25519)),
        _ => None,
    }
}

/// A key is good for the algorithms of its own family alone.
fn verifier(algorithm: Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let found = match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            of_rsa(algorithm).map(|rsa| Key::Rsa(rsa, n.clone(), e.clone()))
        }
        DecodingKeyKind::SecretOrDer(bytes) => of_others(algorithm)
            .filter(|(family, _)| *family == key.family())
            .map(|(_, other)| Key::Other(other, bytes.clone())),
    };
    let key = found.ok_or(ErrorKind::InvalidAlgorithm)?;
    Ok(Box::new(Checker { algorithm, key }))
}

impl Verifier<Vec<u8>> for Checker {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let checked = match &self.key {
            Key::Rsa(rsa, n, e) => RsaPublicKeyComponents { n, e }.verify(rsa, message, signature),
            Key::Other(other, bytes) => UnparsedPublicKey::new(*other, bytes).verify(message, signature),
        };
        checked.map_err(|_wrong| signature::Error::new())
    }
}

impl JwtVerifier for Checker {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

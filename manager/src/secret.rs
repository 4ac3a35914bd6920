//! Secrets that the manager makes: random, shown once, kept only as a hash.

use platen_protocol::hex;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

/// Bytes of a session's or bearer token's secret: far beyond guessing.
pub const SECRET_BYTES: usize = 32;

/// The kernel gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the kernel gave no random bytes: {0}")]
pub struct NoRandom(ring::error::Unspecified);

/// Random bytes from the kernel.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandom> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(NoRandom)?;
    Ok(bytes)
}

/// Random bytes from the kernel, as lower-case hexadecimal digits.
pub fn random_hex<const N: usize>() -> Result<String, NoRandom> {
    random::<N>().map(|bytes| hex::encode(&bytes))
}

/// What is stored of a secret. The secrets hashed here have at least 128 random bits, so neither salt
/// nor stretching adds anything; and finding one by its hash in an index tells an attacker's clock
/// nothing about the secret.
pub fn fingerprint(secret: &[u8]) -> String {
    hex::encode(digest(&SHA256, secret).as_ref())
}

/// Digits of a hash by which a secret is known in lists: far too many for two to be alike, and they let nobody in.
const SHORT_DIGITS: usize = 16;

/// By what a secret is known: the beginning of its fingerprint.
pub fn short(fingerprint: &str) -> String {
    fingerprint.chars().take(SHORT_DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_secrets_are_never_alike_and_only_their_hash_is_stored() {
        let (one, two) = (random_hex::<SECRET_BYTES>().unwrap(), random_hex::<SECRET_BYTES>().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), SECRET_BYTES * 2);
        assert_eq!(fingerprint(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

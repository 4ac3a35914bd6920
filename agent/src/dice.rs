//! Random numbers from the kernel, for names that must be unique and for jitter.

use ring::rand::{SecureRandom, SystemRandom};

/// The kernel gave no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the kernel gives no random numbers")]
pub struct NoRandomness;

/// Fills an array with random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut out = [0; N];
    if SystemRandom::new().fill(&mut out).is_err() {
        return Err(NoRandomness);
    }
    Ok(out)
}

/// A random number; 0 should the kernel have none, which costs jitter and nothing else.
pub fn number() -> u64 {
    bytes().map_or(0, u64::from_le_bytes)
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

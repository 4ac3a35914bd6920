//! Bytes as lower-case hexadecimal digits, for names, fingerprints and nonces.

use data_encoding::HEXLOWER;

/// Two lower-case digits for each byte.
pub fn encode(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

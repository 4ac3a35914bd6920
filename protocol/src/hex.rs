//! Bytes as hexadecimal digits, for names, fingerprints, nonces and traces.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

/// Two lower-case digits for each byte.
pub fn encode(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// The bytes of digits in either case; `None` for anything else, and for half a byte.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_are_of_either_case_and_nothing_else_is_one() {
        assert_eq!(encode(&[0x00, 0x0f, 0xa9]), "000fa9");
        assert_eq!(decode("000Fa9"), Some(vec![0x00, 0x0f, 0xa9]));
        for wrong in ["0", "0g", "0 0", "ä", "+1"] {
            assert_eq!(decode(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn bytes_survive_their_digits(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}

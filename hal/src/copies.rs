//! What the records of memories have in common: two copies, the newest whole one counts, and fields at
//! fixed offsets in little-endian order with a checksum at the end.

use crc::{CRC_32_ISO_HDLC, Crc};

/// CRC-32/ISO-HDLC, as in IEEE 802.3 and zlib.
pub(crate) const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
/// How many copies a memory holds.
pub const COPIES: usize = 2;

/// The newest of two copies that were decoded, and whether the other one is damaged. When there is none,
/// the error is that of the first copy.
pub(crate) fn newest<T, E>(
    first: Result<T, E>,
    second: Result<T, E>,
    generation: impl Fn(&T) -> u32,
    is_damage: impl Fn(&E) -> bool,
) -> Result<(T, bool), E> {
    match (first, second) {
        (Ok(a), Ok(b)) => Ok((if is_newer(generation(&b), generation(&a)) { b } else { a }, false)),
        (Ok(record), Err(error)) | (Err(error), Ok(record)) => Ok((record, is_damage(&error))),
        (Err(error), Err(_)) => Err(error),
    }
}

/// Serial number arithmetic (RFC 1982): the count may begin again at 0.
pub(crate) fn is_newer(this: u32, that: u32) -> bool {
    this != that && this.wrapping_sub(that) < u32::MAX / 2
}

/// Puts a field at an offset; what would stand beyond the end is left out.
pub(crate) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    for (to, from) in bytes.iter_mut().skip(at).zip(field) {
        *to = *from;
    }
}

/// Closes a record with the checksum of what stands before the last four bytes.
pub(crate) fn seal(bytes: &mut [u8]) {
    if let Some((body, checksum)) = bytes.split_last_chunk_mut::<4>() {
        *checksum = CHECKSUM.checksum(body).to_le_bytes();
    }
}

/// What stands before the checksum, if that is right.
pub(crate) fn sealed(bytes: &[u8]) -> Option<&[u8]> {
    let (body, checksum) = bytes.split_last_chunk::<4>()?;
    (CHECKSUM.checksum(body).to_le_bytes() == *checksum).then_some(body)
}

/// The byte at an offset; 0 beyond the end.
pub(crate) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The number at an offset; bytes beyond the end are 0.
pub(crate) fn number(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    for (to, from) in four.iter_mut().zip(bytes.iter().skip(at)) {
        *to = *from;
    }
    u32::from_le_bytes(four)
}

/// Printable ASCII that is filled up with NUL; `None` if there is anything else before the first NUL.
pub(crate) fn text(bytes: &[u8], at: usize, length: usize) -> Option<String> {
    let field = bytes.iter().skip(at).take(length).copied();
    let text: Vec<u8> = field.take_while(|b| *b != 0).collect();
    if is_printable(&text) { String::from_utf8(text).ok() } else { None }
}

/// Whether all is printable ASCII.
pub(crate) fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|b| (0x20..0x7f).contains(b))
}

/// A memory that was never written, or whose bus reads the same for everything.
pub(crate) fn is_constant(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| (*first == 0 || *first == 0xff) && bytes.iter().all(|b| b == first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generation_begins_again_after_the_largest_number() {
        assert!(is_newer(0, u32::MAX));
        assert!(!is_newer(u32::MAX, 0));
        assert!(!is_newer(7, 7));
    }

    #[test]
    fn a_seal_is_whole_only_over_what_it_was_made_for() {
        let mut bytes = [7; 12];
        seal(&mut bytes);
        assert_eq!(sealed(&bytes), Some([7; 8].as_slice()));
        bytes[3] ^= 1;
        assert_eq!(sealed(&bytes), None);
        assert_eq!(sealed(&[1, 2]), None);
    }

    #[test]
    fn only_the_two_idle_patterns_are_constant() {
        assert!(is_constant(&[0xff; 64]));
        assert!(is_constant(&[0; 64]));
        assert!(!is_constant(&[7; 64]));
        assert!(!is_constant(&[]));
    }
}

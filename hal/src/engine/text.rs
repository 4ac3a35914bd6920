//! Short texts in fields of a fixed length, in images and on the wire.

use crate::copies::put;

/// The longest name of a model, and the longest version, in bytes.
pub(super) const TEXT_BYTES: usize = 16;

/// A text in a field of [`TEXT_BYTES`].
pub(super) fn padded(text: &str) -> [u8; TEXT_BYTES] {
    let mut field = [0; TEXT_BYTES];
    put(&mut field, 0, text.as_bytes());
    field
}

/// The text in the field at an offset: printable, without spaces, and not empty.
pub(super) fn unpadded(bytes: &[u8], at: usize) -> Option<String> {
    let field = bytes.get(at..at + TEXT_BYTES)?;
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(TEXT_BYTES);
    let (text, rest) = field.split_at(end);
    let right =
        !text.is_empty() && text.iter().all(u8::is_ascii_graphic) && rest.iter().all(|byte| *byte == 0);
    right.then(|| String::from_utf8_lossy(text).into_owned())
}

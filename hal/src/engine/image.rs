//! The file of an engine's firmware: a header of 64 bytes, then what the engine runs. A bank of the controller holds
//! exactly this, so that the bootloader itself can tell a whole image from a broken one. Pure.

use crc::{CRC_32_ISCSI, Crc};

use crate::copies::{CHECKSUM, byte, number, put, seal, sealed};
use crate::engine::text::{TEXT_BYTES, padded, unpadded};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 64;
/// No image is larger: a controller of this kind has some hundred kilobytes of flash.
pub const MAX_IMAGE_BYTES: usize = 4 * 1024 * 1024;
/// What is in flash that was erased.
pub const ERASED: u8 = 0xff;

/// The checksum of pages and images, CRC-32/ISCSI. The header ends with a checksum of its own, by another polynomial: over
/// bytes that end with their CRC, the same CRC is the same for all, and would tell no header from another.
const SUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
const MAGIC: &[u8; 8] = b"PLATENFW";
const HEADER_VERSION: u8 = 1;
const AT_VERSION: usize = 8;
const AT_LENGTH: usize = 12;
const AT_SUM: usize = 16;
const AT_MODEL: usize = 20;
const AT_FIRMWARE: usize = 36;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The engine that it is for.
    pub model: String,
    /// The firmware's version.
    pub version: String,
    /// Bytes that follow the header.
    pub length: usize,
    /// Their CRC-32/ISO-HDLC.
    pub sum: u32,
}

/// A whole image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    header: Header,
    bytes: Vec<u8>,
}

/// Why bytes are no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// It does not begin like one.
    #[error("it is no firmware of an engine: it does not begin with a header of one")]
    NoImage,
    /// The header was changed.
    #[error("the checksum of its header is wrong")]
    HeaderDamaged,
    /// A header of another time.
    #[error("its header has version {0}, and {HEADER_VERSION} is understood here")]
    OtherVersion(u8),
    /// The model or the version is no text.
    #[error("its header names no {0}: 1 to {TEXT_BYTES} printable characters without spaces")]
    NoText(&'static str),
    /// It ends too early.
    #[error("it is cut short: {has} of {wanted} bytes are there")]
    CutShort {
        /// Bytes that are there.
        has: usize,
        /// Bytes that the header says.
        wanted: usize,
    },
    /// Something follows.
    #[error("{0} bytes follow after its end")]
    TooLong(usize),
    /// It is larger than any.
    #[error("it says that it has {0} bytes; no image has more than {MAX_IMAGE_BYTES}")]
    Absurd(usize),
    /// What follows the header was changed.
    #[error("its checksum is wrong")]
    Damaged,
}

impl Header {
    /// Reads the header at the beginning of some bytes.
    pub fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        let head = bytes.get(..HEADER_BYTES).ok_or(ImageError::NoImage)?;
        if !head.starts_with(MAGIC) {
            return Err(ImageError::NoImage);
        }
        let head = sealed(head).ok_or(ImageError::HeaderDamaged)?;
        match byte(head, AT_VERSION) {
            HEADER_VERSION => {}
            other => return Err(ImageError::OtherVersion(other)),
        }
        let text = |at: usize, what| unpadded(head, at).ok_or(ImageError::NoText(what));
        let length = usize::try_from(number(head, AT_LENGTH)).unwrap_or(usize::MAX);
        if length > MAX_IMAGE_BYTES - HEADER_BYTES {
            return Err(ImageError::Absurd(length));
        }
        Ok(Self {
            model: text(AT_MODEL, "engine")?,
            version: text(AT_FIRMWARE, "version")?,
            length,
            sum: number(head, AT_SUM),
        })
    }

    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        put(&mut bytes, 0, MAGIC);
        put(&mut bytes, AT_VERSION, &[HEADER_VERSION]);
        put(&mut bytes, AT_LENGTH, &u32::try_from(self.length).unwrap_or(u32::MAX).to_le_bytes());
        put(&mut bytes, AT_SUM, &self.sum.to_le_bytes());
        put(&mut bytes, AT_MODEL, &padded(&self.model));
        put(&mut bytes, AT_FIRMWARE, &padded(&self.version));
        seal(&mut bytes);
        bytes
    }

    /// Bytes of the image as a whole.
    pub fn image_bytes(&self) -> usize {
        HEADER_BYTES + self.length
    }
}

impl Image {
    /// Takes a file that has to be a whole image and nothing else.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, ImageError> {
        let header = Header::read(&bytes)?;
        let wanted = header.image_bytes();
        if bytes.len() < wanted {
            return Err(ImageError::CutShort { has: bytes.len(), wanted });
        }
        if bytes.len() > wanted {
            return Err(ImageError::TooLong(bytes.len() - wanted));
        }
        if CHECKSUM.checksum(bytes.get(HEADER_BYTES..).unwrap_or_default()) != header.sum {
            return Err(ImageError::Damaged);
        }
        Ok(Self { header, bytes })
    }

    /// The whole image at the beginning of a bank, if there is one.
    pub fn in_bank(bank: &[u8]) -> Option<Self> {
        let header = Header::read(bank).ok()?;
        Self::parse(bank.get(..header.image_bytes())?.to_vec()).ok()
    }

    /// Makes an image of what an engine runs, as a maker's build does.
    pub fn build(model: &str, version: &str, firmware: &[u8]) -> Result<Self, ImageError> {
        let header = Header {
            model: model.to_owned(),
            version: version.to_owned(),
            length: firmware.len(),
            sum: CHECKSUM.checksum(firmware),
        };
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(firmware);
        Self::parse(bytes)
    }

    /// What its header says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The checksum of all of it.
    pub fn sum(&self) -> u32 {
        checksum(&self.bytes)
    }

    /// How it lies in pages; the last one ends as erased flash.
    pub fn pages(&self, page_bytes: usize) -> impl Iterator<Item = Vec<u8>> {
        self.bytes.chunks(page_bytes.max(1)).map(move |chunk| {
            let mut page = chunk.to_vec();
            page.resize(page_bytes.max(1), ERASED);
            page
        })
    }
}

/// The checksum of pages and images: CRC-32/ISCSI.
pub fn checksum(bytes: &[u8]) -> u32 {
    SUM.checksum(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn image() -> Image {
        Image::build("ARIA-4", "2.0.1", b"what the engine runs").unwrap()
    }

    #[test]
    fn an_image_says_what_it_is_and_is_read_again() {
        let built = image();
        assert_eq!(built.bytes().len(), HEADER_BYTES + 20);
        let read = Image::parse(built.bytes().to_vec()).unwrap();
        assert_eq!((read.header().model.as_str(), read.header().version.as_str()), ("ARIA-4", "2.0.1"));
        let pages: Vec<_> = read.pages(32).collect();
        assert_eq!(pages.len(), 3);
        assert_eq!(pages[2].len(), 32);
        assert_eq!(&pages[2][20..], [ERASED; 12]);
    }

    #[test]
    fn images_that_differ_in_their_headers_alone_differ_in_their_checksums() {
        let other = Image::build("ARIA-4", "2.0.2", b"what the engine runs").unwrap();
        assert_ne!(image().sum(), other.sum());
        let first = |image: &Image| checksum(&image.pages(256).next().unwrap());
        assert_ne!(first(&image()), first(&other));
    }

    #[test]
    fn each_kind_of_damage_has_its_own_words() {
        let bytes = image().bytes().to_vec();
        let refusal = |change: fn(&mut Vec<u8>)| {
            let mut bytes = bytes.clone();
            change(&mut bytes);
            Image::parse(bytes).unwrap_err()
        };
        assert_eq!(refusal(Vec::clear), ImageError::NoImage);
        assert_eq!(refusal(|bytes| bytes[0] = b'x'), ImageError::NoImage);
        assert_eq!(refusal(|bytes| bytes[AT_MODEL] = b'B'), ImageError::HeaderDamaged);
        assert_eq!(refusal(|bytes| bytes.truncate(80)), ImageError::CutShort { has: 80, wanted: 84 });
        assert_eq!(refusal(|bytes| bytes.push(0)), ImageError::TooLong(1));
        assert_eq!(refusal(|bytes| bytes[70] ^= 1), ImageError::Damaged);
        let other = |at: usize, value: &[u8]| {
            let mut bytes = bytes.clone();
            put(&mut bytes, at, value);
            seal(&mut bytes[..HEADER_BYTES]);
            Image::parse(bytes).unwrap_err()
        };
        assert_eq!(other(AT_VERSION, &[2]), ImageError::OtherVersion(2));
        assert_eq!(other(AT_MODEL, &[0]), ImageError::NoText("engine"));
        assert_eq!(other(AT_FIRMWARE, b"2 0"), ImageError::NoText("version"));
        assert!(matches!(other(AT_LENGTH, &[0xff; 4]), ImageError::Absurd(_)));
    }

    proptest! {
        #[test]
        fn whatever_is_built_is_read_and_one_flipped_bit_is_found(
            model in "[!-~]{1,16}", version in "[!-~]{1,16}", firmware in prop::collection::vec(any::<u8>(), 0..300),
            at in any::<prop::sample::Index>(), bit in 0..8_u32,
        ) {
            let built = Image::build(&model, &version, &firmware).unwrap();
            let mut bytes = built.bytes().to_vec();
            prop_assert_eq!(Image::parse(bytes.clone()), Ok(built));
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(Image::parse(bytes).is_err());
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Image::parse(bytes.clone());
            let _ = Image::in_bank(&bytes);
        }
    }
}

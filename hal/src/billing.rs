//! The engine's billing record: impressions by size of paper and colour, and sheets with two printed sides.
//!
//! It stands behind the counter store in the same memory (docs/counter-store.md), so that a reader which knows only the
//! store reads that as ever. The engine writes the record first and the store last: the record that counts is the
//! copy with the store's own generation, and a write that is cut off anywhere leaves both as they were. The codec is
//! pure; [`crate::memory`] carries the bytes.

use crate::copies::{self, byte, number, put};

/// Bytes of one copy.
pub const COPY_BYTES: usize = 128;
/// Where the two copies begin: behind the two of the store.
pub const FIRST_BYTE: u32 = 256;
/// What the store says of a record of this version; 0 stands for none.
pub const VERSION: u8 = 1;
/// The most counters of one record.
pub const MAX_COUNTS: usize = 14;

const MAGIC: [u8; 4] = *b"PLTB";
const AT_VERSION: usize = 4;
const AT_COUNTS: usize = 5;
const AT_GENERATION: usize = 8;
const AT_FIRST_COUNT: usize = 12;
const COUNT_BYTES: usize = 8;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counted {
    /// Impressions in one colour, on paper of one size.
    Monochrome(Media),
    /// Impressions in colour, on paper of one size.
    FullColor(Media),
    /// Sheets that were printed on both sides, of whatever size.
    DuplexSheets,
}

/// A size of paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Media {
    /// ISO A3.
    A3,
    /// ISO A4.
    A4,
    /// ISO A5.
    A5,
    /// ISO A6.
    A6,
    /// North American Letter.
    Letter,
    /// North American Legal.
    Legal,
    /// North American Ledger, or Tabloid.
    Ledger,
    /// JIS B4.
    JisB4,
    /// JIS B5.
    JisB5,
    /// Any size that the engine does not count by itself.
    Other,
}

impl Media {
    /// Each with its number in the record and its name: the media size names of PWG 5101.1, which IPP uses too.
    pub const ALL: [(Self, u8, &'static str); 10] = [
        (Self::A3, 1, "iso_a3_297x420mm"),
        (Self::A4, 2, "iso_a4_210x297mm"),
        (Self::A5, 3, "iso_a5_148x210mm"),
        (Self::A6, 4, "iso_a6_105x148mm"),
        (Self::Letter, 5, "na_letter_8.5x11in"),
        (Self::Legal, 6, "na_legal_8.5x14in"),
        (Self::Ledger, 7, "na_ledger_11x17in"),
        (Self::JisB4, 8, "jis_b4_257x364mm"),
        (Self::JisB5, 9, "jis_b5_182x257mm"),
        (Self::Other, 255, "other"),
    ];

    fn entry(self) -> (u8, &'static str) {
        Self::ALL
            .iter()
            .find(|(media, ..)| *media == self)
            .map_or((255, "other"), |(_, number, name)| (*number, name))
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == number).map(|(media, ..)| *media)
    }
}

impl Counted {
    /// Its name on the wire: `iso_a4_210x297mm.monochrome`, `duplex-sheets`.
    pub fn name(self) -> String {
        match self {
            Self::Monochrome(media) => format!("{}.monochrome", media.entry().1),
            Self::FullColor(media) => format!("{}.full-color", media.entry().1),
            Self::DuplexSheets => "duplex-sheets".to_owned(),
        }
    }

    /// Whether it counts sheets, not impressions.
    pub const fn is_sheets(self) -> bool {
        matches!(self, Self::DuplexSheets)
    }

    fn bytes(self) -> [u8; 2] {
        match self {
            Self::Monochrome(media) => [1, media.entry().0],
            Self::FullColor(media) => [2, media.entry().0],
            Self::DuplexSheets => [3, 0],
        }
    }

    fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        match bytes {
            [1, media] => Media::from_number(media).map(Self::Monochrome),
            [2, media] => Media::from_number(media).map(Self::FullColor),
            [3, 0] => Some(Self::DuplexSheets),
            _ => None,
        }
    }
}

/// What the engine counts for whoever bills: at most [`MAX_COUNTS`], each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillingRecord {
    /// That of the counter store with which it was written.
    pub generation: u32,
    /// In the order of the record. Each begins again at 0 after 2^32.
    pub counts: Vec<(Counted, u32)>,
}

/// Why bytes are not a billing record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BillingError {
    /// The store says that there is one, and there is none.
    #[error("there is no billing record behind the counter store, though the store says so")]
    NotARecord,
    /// Bytes changed since they were written, or while they were read.
    #[error("the checksum of the billing record is wrong")]
    BadChecksum,
    /// A layout that this program does not know.
    #[error("the billing record has version {0}; version {VERSION} is understood")]
    WrongVersion(u8),
    /// More counters than there is room for.
    #[error("the billing record has {0} counters; it has room for {MAX_COUNTS}")]
    TooMany(usize),
    /// A kind or a size that is none.
    #[error("the billing record counts {what} on paper {media}, which is nothing that version {VERSION} has")]
    Unknown {
        /// The number of what is counted.
        what: u8,
        /// The number of the size.
        media: u8,
    },
    /// The same counter twice.
    #[error("the billing record counts {0} twice")]
    Twice(String),
    /// Both copies are of another moment than the store.
    #[error("no copy of the billing record has the generation {0} of the counter store")]
    OtherGeneration(u32),
    /// The memory ends before it.
    #[error("the memory has {0} bytes, too few for a billing record")]
    TooSmall(usize),
}

impl BillingRecord {
    /// The bytes of one copy.
    pub fn encode(&self) -> Result<[u8; COPY_BYTES], BillingError> {
        if self.counts.len() > MAX_COUNTS {
            return Err(BillingError::TooMany(self.counts.len()));
        }
        self.check()?;
        let mut bytes = [0; COPY_BYTES];
        // At most MAX_COUNTS, which fits a byte.
        let count = u8::try_from(self.counts.len()).unwrap_or(0);
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, AT_VERSION, &[VERSION, count]);
        put(&mut bytes, AT_GENERATION, &self.generation.to_le_bytes());
        for (place, (counted, value)) in self.counts.iter().enumerate() {
            let at = AT_FIRST_COUNT + COUNT_BYTES * place;
            put(&mut bytes, at, &counted.bytes());
            put(&mut bytes, at + 4, &value.to_le_bytes());
        }
        copies::seal(&mut bytes);
        Ok(bytes)
    }

    /// Reads one copy.
    pub fn decode(bytes: &[u8; COPY_BYTES]) -> Result<Self, BillingError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(BillingError::NotARecord);
        }
        let body = copies::sealed(bytes).ok_or(BillingError::BadChecksum)?;
        if byte(body, AT_VERSION) != VERSION {
            return Err(BillingError::WrongVersion(byte(body, AT_VERSION)));
        }
        let count = usize::from(byte(body, AT_COUNTS));
        if count > MAX_COUNTS {
            return Err(BillingError::TooMany(count));
        }
        let one = |place: usize| {
            let at = AT_FIRST_COUNT + COUNT_BYTES * place;
            let (what, media) = (byte(body, at), byte(body, at + 1));
            let counted = Counted::from_bytes([what, media]).ok_or(BillingError::Unknown { what, media })?;
            Ok((counted, number(body, at + 4)))
        };
        let counts = (0..count).map(one).collect::<Result<_, BillingError>>()?;
        let record = Self { generation: number(body, AT_GENERATION), counts };
        record.check()?;
        Ok(record)
    }

    fn check(&self) -> Result<(), BillingError> {
        for (place, (counted, _)) in self.counts.iter().enumerate() {
            if self.counts.iter().take(place).any(|(other, _)| other == counted) {
                return Err(BillingError::Twice(counted.name()));
            }
        }
        Ok(())
    }
}

/// The record that belongs to a store of that generation, of two copies.
pub fn of_generation(memory: &[u8], generation: u32) -> Result<BillingRecord, BillingError> {
    let decode = |place: usize| {
        let copy = memory.get(place * COPY_BYTES..).and_then(<[u8]>::first_chunk::<COPY_BYTES>);
        copy.ok_or(BillingError::NotARecord).and_then(BillingRecord::decode)
    };
    let (first, second) = (decode(0), decode(1));
    let is_it = |record: &BillingRecord| record.generation == generation;
    match (first, second) {
        (Ok(record), _) | (_, Ok(record)) if is_it(&record) => Ok(record),
        (Ok(_), Ok(_)) => Err(BillingError::OtherGeneration(generation)),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn every() -> Vec<Counted> {
        let sizes = || Media::ALL.iter().map(|(media, ..)| *media);
        sizes()
            .map(Counted::Monochrome)
            .chain(sizes().map(Counted::FullColor))
            .chain([Counted::DuplexSheets])
            .collect()
    }

    fn any_record() -> impl Strategy<Value = BillingRecord> {
        let counted = proptest::sample::subsequence(every(), 0..=MAX_COUNTS);
        (any::<u32>(), counted).prop_flat_map(|(generation, counted)| {
            proptest::collection::vec(any::<u32>(), counted.len()).prop_map(move |values| BillingRecord {
                generation,
                counts: counted.iter().copied().zip(values).collect(),
            })
        })
    }

    fn example() -> BillingRecord {
        BillingRecord {
            generation: 0x0102_0304,
            counts: vec![
                (Counted::Monochrome(Media::A4), 1_000),
                (Counted::FullColor(Media::Letter), 2),
                (Counted::DuplexSheets, 300),
            ],
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let bytes = example().encode().unwrap();
        assert_eq!(&bytes[..12], b"PLTB\x01\x03\0\0\x04\x03\x02\x01");
        assert_eq!(&bytes[12..20], &[1, 2, 0, 0, 0xe8, 3, 0, 0]);
        assert_eq!(&bytes[20..28], &[2, 5, 0, 0, 2, 0, 0, 0]);
        assert_eq!(&bytes[28..36], &[3, 0, 0, 0, 0x2c, 1, 0, 0]);
        assert_eq!(&bytes[36..124], &[0; 88]);
    }

    #[test]
    fn names_are_those_of_the_pwg() {
        assert_eq!(Counted::Monochrome(Media::A4).name(), "iso_a4_210x297mm.monochrome");
        assert_eq!(Counted::FullColor(Media::Letter).name(), "na_letter_8.5x11in.full-color");
        assert_eq!(Counted::DuplexSheets.name(), "duplex-sheets");
        assert_eq!(Counted::FullColor(Media::Other).name(), "other.full-color");
    }

    #[test]
    fn what_version_1_does_not_have_is_refused() {
        let change = |at: usize, value: u8| {
            let mut bytes = example().encode().unwrap();
            bytes[at] = value;
            copies::seal(&mut bytes);
            BillingRecord::decode(&bytes)
        };
        assert_eq!(change(AT_VERSION, 2), Err(BillingError::WrongVersion(2)));
        assert_eq!(change(AT_COUNTS, 15), Err(BillingError::TooMany(15)));
        assert_eq!(change(12, 9), Err(BillingError::Unknown { what: 9, media: 2 }));
        assert_eq!(change(13, 77), Err(BillingError::Unknown { what: 1, media: 77 }));
        assert_eq!(BillingRecord::decode(&[0; COPY_BYTES]), Err(BillingError::NotARecord));
        let twice = BillingRecord { counts: vec![(Counted::DuplexSheets, 1); 2], ..example() };
        assert_eq!(twice.encode(), Err(BillingError::Twice("duplex-sheets".into())));
        let many = BillingRecord { counts: vec![(Counted::DuplexSheets, 1); 15], ..example() };
        assert_eq!(many.encode(), Err(BillingError::TooMany(15)));
    }

    #[test]
    fn the_copy_that_belongs_to_the_store_is_taken_wherever_it_is() {
        let of = |generation| BillingRecord { generation, ..example() };
        let memory = |first, second| [of(first).encode().unwrap(), of(second).encode().unwrap()].concat();
        assert_eq!(of_generation(&memory(7, 8), 7), Ok(of(7)));
        assert_eq!(of_generation(&memory(7, 8), 8), Ok(of(8)));
        assert_eq!(of_generation(&memory(7, 8), 9), Err(BillingError::OtherGeneration(9)));
        assert_eq!(of_generation(&[], 9), Err(BillingError::NotARecord));
    }

    proptest! {
        #[test]
        fn a_record_survives_its_bytes(record in any_record()) {
            prop_assert_eq!(BillingRecord::decode(&record.encode().unwrap()), Ok(record));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(body in proptest::collection::vec(any::<u8>(), COPY_BYTES)) {
            let mut copy: [u8; COPY_BYTES] = body.try_into().unwrap();
            copy[..5].copy_from_slice(b"PLTB\x01");
            copy[AT_COUNTS] %= 16;
            copies::seal(&mut copy);
            if let Ok(record) = BillingRecord::decode(&copy) {
                prop_assert!(record.counts.len() <= MAX_COUNTS);
            }
        }

        #[test]
        fn any_flipped_bit_is_seen(record in any_record(), bit in 0..COPY_BYTES * 8) {
            let mut bytes = record.encode().unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(BillingRecord::decode(&bytes).is_err());
        }

        /// The store is written last: until then its generation is the older one, and so is the record that counts.
        #[test]
        fn a_write_that_is_cut_off_leaves_the_record_of_the_store(
            older in any_record(), newer in any_record(), cut in 0..COPY_BYTES
        ) {
            let newer = BillingRecord { generation: older.generation.wrapping_add(1), ..newer };
            let mut memory = [0xff; COPY_BYTES * 2];
            memory[..COPY_BYTES].copy_from_slice(&older.encode().unwrap());
            memory[COPY_BYTES..COPY_BYTES + cut].copy_from_slice(&newer.encode().unwrap()[..cut]);
            prop_assert_eq!(of_generation(&memory, older.generation), Ok(older));
        }
    }
}

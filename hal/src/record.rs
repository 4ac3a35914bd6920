//! The cartridge record: what the memory of a cartridge, or of a part with a life, says about itself.
//!
//! The layout is docs/cartridge-record.md. A memory holds two copies, each with a generation count
//! and a checksum; a writer always writes over the older copy, so that a write that is cut off by the
//! loss of power leaves the other one whole. The codec is pure; [`crate::memory`] carries the bytes.

use platen_protocol::supply::{SupplyType, SupplyUnit};

use crate::copies::{self, byte, is_constant, is_printable, number, put};

pub use crate::copies::COPIES;

/// Bytes of one copy.
pub const COPY_BYTES: usize = 64;
/// The most characters of a serial number.
pub const SERIAL_CHARS: usize = 16;
/// No cartridge or part holds or lives for more units than this; a larger capacity is damage that
/// the checksum did not see, or a record of something else.
pub const MAX_PLAUSIBLE_CAPACITY: u32 = 10_000_000;

const MAGIC: [u8; 4] = *b"PLTN";
const VERSION: u8 = 1;

const AT_VERSION: usize = 4;
const AT_TYPE: usize = 5;
const AT_UNIT: usize = 6;
const AT_COLORANT: usize = 7;
const AT_GENERATION: usize = 8;
const AT_CAPACITY: usize = 12;
const AT_USED: usize = 16;
const AT_SERIAL: usize = 20;

/// Colorants by their number in a record; 0 is none.
const COLORANTS: [&str; 11] = [
    "black",
    "cyan",
    "magenta",
    "yellow",
    "red",
    "green",
    "blue",
    "white",
    "clear",
    "light-cyan",
    "light-magenta",
];

/// What a cartridge or a part says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartridgeRecord {
    /// Rises by one with each write, and begins again at 0 after the largest number.
    pub generation: u32,
    /// What it is.
    pub supply_type: SupplyType,
    /// The unit of `capacity` and `used`.
    pub unit: SupplyUnit,
    /// The colorant, where it has one: a name of the fixed list in docs/cartridge-record.md.
    pub colorant: Option<&'static str>,
    /// When full, or the rated life of a part; 1 to [`MAX_PLAUSIBLE_CAPACITY`].
    pub capacity: u32,
    /// How much has been used. A part can outlive its rated life, so this can be above `capacity`.
    pub used: u32,
    /// Printable ASCII, at most [`SERIAL_CHARS`].
    pub serial: String,
}

/// Why bytes are not a cartridge record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Neither the letters that begin a record nor anything like them.
    #[error("the memory holds no cartridge record")]
    NotARecord,
    /// The same byte everywhere.
    #[error(
        "every byte reads {0:#04x}: the memory was never written, or it does not drive the bus and the address is acknowledged by something else"
    )]
    Constant(u8),
    /// Bytes changed since they were written, or while they were read.
    #[error("the checksum of the cartridge record is wrong")]
    BadChecksum,
    /// A layout that this program does not know.
    #[error("the cartridge record has version {0}; version {VERSION} is understood")]
    WrongVersion(u8),
    /// A number that the Printer MIB does not have.
    #[error("the cartridge record names the {field} {number}, which the Printer MIB does not have")]
    UnknownNumber {
        /// The field.
        field: &'static str,
        /// What stands in it.
        number: u8,
    },
    /// 0, or above [`MAX_PLAUSIBLE_CAPACITY`].
    #[error("the cartridge record gives a capacity of {0}, outside 1 to {MAX_PLAUSIBLE_CAPACITY}")]
    AbsurdCapacity(u32),
    /// A serial number that is not printable ASCII, or longer than its field.
    #[error(
        "the serial number in the cartridge record is not printable text of at most {SERIAL_CHARS} characters"
    )]
    BadSerial,
    /// A colorant that is not in the list.
    #[error("{0:?} is not a colorant that a cartridge record can name")]
    UnknownColorant(String),
}

/// The colorant of that name, as records spell it.
pub fn colorant(name: &str) -> Result<&'static str, RecordError> {
    COLORANTS
        .into_iter()
        .find(|known| *known == name)
        .ok_or_else(|| RecordError::UnknownColorant(name.to_owned()))
}

impl CartridgeRecord {
    /// The bytes of one copy.
    pub fn encode(&self) -> Result<[u8; COPY_BYTES], RecordError> {
        if self.capacity == 0 || self.capacity > MAX_PLAUSIBLE_CAPACITY {
            return Err(RecordError::AbsurdCapacity(self.capacity));
        }
        if self.serial.len() > SERIAL_CHARS || !is_printable(self.serial.as_bytes()) {
            return Err(RecordError::BadSerial);
        }
        Ok(self.encode_unchecked())
    }

    /// As [`Self::encode`], without asking whether the values can be true: a simulated printer uses
    /// it to write what a broken engine would.
    pub fn encode_unchecked(&self) -> [u8; COPY_BYTES] {
        let mut bytes = [0; COPY_BYTES];
        let code = self.colorant.and_then(|name| COLORANTS.iter().position(|known| *known == name));
        // Every number of these enumerations fits a byte; the MIB's supply types end at 36.
        let small = |number: u16| u8::try_from(number).unwrap_or(0);
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, AT_VERSION, &[VERSION]);
        put(&mut bytes, AT_TYPE, &[small(self.supply_type.number())]);
        put(&mut bytes, AT_UNIT, &[small(self.unit.number())]);
        put(&mut bytes, AT_COLORANT, &[code.and_then(|place| u8::try_from(place + 1).ok()).unwrap_or(0)]);
        put(&mut bytes, AT_GENERATION, &self.generation.to_le_bytes());
        put(&mut bytes, AT_CAPACITY, &self.capacity.to_le_bytes());
        put(&mut bytes, AT_USED, &self.used.to_le_bytes());
        put(
            &mut bytes,
            AT_SERIAL,
            self.serial.as_bytes().get(..SERIAL_CHARS).unwrap_or(self.serial.as_bytes()),
        );
        copies::seal(&mut bytes);
        bytes
    }

    /// Reads one copy.
    pub fn decode(bytes: &[u8; COPY_BYTES]) -> Result<Self, RecordError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(if is_constant(bytes) {
                RecordError::Constant(byte(bytes, 0))
            } else {
                RecordError::NotARecord
            });
        }
        let body = copies::sealed(bytes).ok_or(RecordError::BadChecksum)?;
        let version = byte(body, AT_VERSION);
        if version != VERSION {
            return Err(RecordError::WrongVersion(version));
        }
        let unknown = |field, at| RecordError::UnknownNumber { field, number: byte(body, at) };
        let supply_type = SupplyType::from_number(byte(body, AT_TYPE).into())
            .ok_or_else(|| unknown("supply type", AT_TYPE))?;
        let unit =
            SupplyUnit::from_number(byte(body, AT_UNIT).into()).ok_or_else(|| unknown("unit", AT_UNIT))?;
        let colorant = match byte(body, AT_COLORANT) {
            0 => None,
            code => {
                Some(*COLORANTS.get(usize::from(code) - 1).ok_or_else(|| unknown("colorant", AT_COLORANT))?)
            }
        };
        let capacity = number(body, AT_CAPACITY);
        if capacity == 0 || capacity > MAX_PLAUSIBLE_CAPACITY {
            return Err(RecordError::AbsurdCapacity(capacity));
        }
        Ok(Self {
            generation: number(body, AT_GENERATION),
            supply_type,
            unit,
            colorant,
            capacity,
            used: number(body, AT_USED),
            serial: copies::text(body, AT_SERIAL, SERIAL_CHARS).ok_or(RecordError::BadSerial)?,
        })
    }
}

/// What a memory holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The newest whole record.
    pub record: CartridgeRecord,
    /// Whether the other copy is a record with a wrong checksum, by a write that was cut off or by a
    /// disturbed transfer; only reading again tells. (A copy that was never written is neither.)
    pub other_damaged: bool,
}

/// The newest whole record of a memory. When there is none, the error is that of the first copy.
pub fn newest(memory: &[u8; COPY_BYTES * COPIES]) -> Result<Found, RecordError> {
    let (first, second) = memory.split_at(COPY_BYTES);
    let decode = |half: &[u8]| {
        <&[u8; COPY_BYTES]>::try_from(half).or(Err(RecordError::NotARecord)).and_then(CartridgeRecord::decode)
    };
    copies::newest(
        decode(first),
        decode(second),
        |record| record.generation,
        |e| *e == RecordError::BadChecksum,
    )
    .map(|(record, other_damaged)| Found { record, other_damaged })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn any_record() -> impl Strategy<Value = CartridgeRecord> {
        (
            any::<u32>(),
            proptest::sample::select(SupplyType::ALL),
            proptest::sample::select(SupplyUnit::ALL),
            proptest::option::of(proptest::sample::select(COLORANTS.to_vec())),
            1..=MAX_PLAUSIBLE_CAPACITY,
            any::<u32>(),
            "[ -~]{0,16}",
        )
            .prop_map(|(generation, supply_type, unit, colorant, capacity, used, serial)| {
                CartridgeRecord { generation, supply_type, unit, colorant, capacity, used, serial }
            })
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let record = CartridgeRecord {
            generation: 0x0102_0304,
            supply_type: SupplyType::TonerCartridge,
            unit: SupplyUnit::TenthsOfGrams,
            colorant: Some("cyan"),
            capacity: 1000,
            used: 250,
            serial: "AB12".into(),
        };
        let bytes = record.encode().unwrap();
        assert_eq!(&bytes[..8], b"PLTN\x01\x15\x0d\x02");
        assert_eq!(&bytes[8..20], &[4, 3, 2, 1, 0xe8, 3, 0, 0, 250, 0, 0, 0]);
        assert_eq!(&bytes[20..36], b"AB12\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(&bytes[36..60], &[0; 24]);
        // Computed apart from this program, by zlib's crc32 over the 60 bytes before it.
        assert_eq!(u32::from_le_bytes(bytes[60..].try_into().unwrap()), 0xC506_BB5A);
    }

    #[test]
    fn a_second_copy_that_was_never_written_is_not_damage() {
        let record = CartridgeRecord {
            generation: 1,
            supply_type: SupplyType::Toner,
            unit: SupplyUnit::Percent,
            colorant: None,
            capacity: 100,
            used: 1,
            serial: String::new(),
        };
        let mut memory = [0xff; COPY_BYTES * COPIES];
        memory[..COPY_BYTES].copy_from_slice(&record.encode().unwrap());
        assert_eq!(newest(&memory), Ok(Found { record: record.clone(), other_damaged: false }));
        memory[COPY_BYTES..].copy_from_slice(&record.encode().unwrap());
        memory[COPY_BYTES + 30] ^= 1;
        assert_eq!(newest(&memory), Ok(Found { record, other_damaged: true }));
    }

    #[test]
    fn an_erased_memory_is_no_record() {
        assert_eq!(newest(&[0xff; 128]), Err(RecordError::Constant(0xff)));
        assert_eq!(newest(&[0x55; 128]), Err(RecordError::NotARecord));
    }

    #[test]
    fn an_absurd_capacity_is_refused_though_its_checksum_is_right() {
        for capacity in [0, MAX_PLAUSIBLE_CAPACITY + 1, u32::MAX] {
            let record = CartridgeRecord {
                generation: 1,
                supply_type: SupplyType::Toner,
                unit: SupplyUnit::Percent,
                colorant: None,
                capacity,
                used: 0,
                serial: String::new(),
            };
            assert_eq!(
                CartridgeRecord::decode(&record.encode_unchecked()),
                Err(RecordError::AbsurdCapacity(capacity))
            );
        }
    }

    proptest! {
        #[test]
        fn a_record_survives_its_bytes(record in any_record()) {
            prop_assert_eq!(CartridgeRecord::decode(&record.encode().unwrap()), Ok(record));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::array::uniform32(any::<u8>())) {
            let mut copy = [0; COPY_BYTES];
            copy[..32].copy_from_slice(&bytes);
            copy[..4].copy_from_slice(&MAGIC);
            copies::seal(&mut copy);
            if let Ok(record) = CartridgeRecord::decode(&copy) {
                prop_assert!(record.capacity > 0 && record.capacity <= MAX_PLAUSIBLE_CAPACITY);
            }
        }

        #[test]
        fn any_flipped_bit_is_seen(record in any_record(), bit in 0..COPY_BYTES * 8) {
            let mut bytes = record.encode().unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(CartridgeRecord::decode(&bytes).is_err());
        }

        #[test]
        fn a_write_that_is_cut_off_anywhere_leaves_the_older_or_the_newer_record(
            older in any_record(), newer in any_record(), cut in 0..=COPY_BYTES
        ) {
            let newer = CartridgeRecord { generation: older.generation.wrapping_add(1), ..newer };
            let mut memory = [0xff; COPY_BYTES * COPIES];
            memory[..COPY_BYTES].copy_from_slice(&older.encode().unwrap());
            memory[COPY_BYTES..COPY_BYTES + cut].copy_from_slice(&newer.encode().unwrap()[..cut]);
            let found = newest(&memory).unwrap().record;
            prop_assert!(found == older || found == newer);
        }
    }
}

//! The engine's counter store: what the engine counts of itself, and the lives of its parts.
//!
//! The layout is docs/counter-store.md. As with the cartridge record, a memory holds two copies with a
//! generation count and a checksum each, and a writer always writes over the older one. The codec is
//! pure; [`crate::memory`] carries the bytes.

use platen_protocol::readings::{CounterKind, DEFAULT_WRAPS_AT};
use platen_protocol::supply::SupplyType;

use crate::copies::{self, byte, is_constant, is_printable, number, put};

/// Bytes of one copy.
pub const COPY_BYTES: usize = 128;
/// The most lives of one store.
pub const MAX_LIVES: usize = 6;
/// The most characters of the engine's serial number.
pub const SERIAL_CHARS: usize = 16;
/// No part is rated for more impressions or sheets than this.
pub const MAX_RATED_LIFE: u32 = 10_000_000;
/// What can have a life in the store; `other` is the feed rollers.
pub const LIVES: [SupplyType; 5] =
    [SupplyType::Opc, SupplyType::Developer, SupplyType::Fuser, SupplyType::TransferUnit, SupplyType::Other];

const MAGIC: [u8; 4] = *b"PLTC";
const VERSION: u8 = 1;

const AT_VERSION: usize = 4;
const AT_LIVES: usize = 5;
const AT_BILLING: usize = 6;
const AT_GENERATION: usize = 8;
const AT_IMPRESSIONS: usize = 12;
const AT_FULL_COLOR: usize = 16;
const AT_MONOCHROME: usize = 20;
const AT_SHEETS: usize = 24;
const AT_POWER_ONS: usize = 28;
const AT_SERIAL: usize = 32;
const AT_FIRST_LIFE: usize = 48;
const LIFE_BYTES: usize = 12;

/// How far the engine's counters count: each begins again at 0 after so many. A store has 32 bits for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Widths {
    /// All impressions.
    pub impressions: u64,
    /// Those in colour.
    pub full_color: u64,
    /// Those in one colour.
    pub monochrome: u64,
    /// Sheets.
    pub sheets: u64,
}

impl Default for Widths {
    fn default() -> Self {
        let all = DEFAULT_WRAPS_AT;
        Self { impressions: all, full_color: all, monochrome: all, sheets: all }
    }
}

impl Widths {
    /// That of one counter, if the engine has it.
    pub const fn of(&self, kind: CounterKind) -> Option<u64> {
        match kind {
            CounterKind::Impressions => Some(self.impressions),
            CounterKind::FullColor => Some(self.full_color),
            CounterKind::Monochrome => Some(self.monochrome),
            CounterKind::Sheets => Some(self.sheets),
            CounterKind::PageExits => None,
        }
    }

    /// Whether the impressions can be the sum of the two others, which may each have begun again: then what
    /// remains of a sum is what remains by every number that divides all three widths.
    fn add_up(&self, impressions: u32, full_color: u32, monochrome: u32) -> bool {
        let common = divisor(self.impressions, divisor(self.full_color, self.monochrome)).max(1);
        (u64::from(full_color) + u64::from(monochrome)) % common == u64::from(impressions) % common
    }
}

/// The greatest number that divides both.
fn divisor(one: u64, other: u64) -> u64 {
    let (mut one, mut other) = (one, other);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// What the engine counts of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterStore {
    /// Rises by one with each write, and begins again at 0 after the largest number.
    pub generation: u32,
    /// All impressions; the sum of the two below, as far as it can count.
    pub impressions: u32,
    /// Impressions in colour.
    pub full_color: u32,
    /// Impressions in one colour.
    pub monochrome: u32,
    /// Sheets of paper.
    pub sheets: u32,
    /// How often the engine was switched on.
    pub power_ons: u32,
    /// The engine's serial number: printable ASCII, at most [`SERIAL_CHARS`].
    pub serial: String,
    /// At most [`MAX_LIVES`], each type once.
    pub lives: Vec<Life>,
    /// The version of the billing record behind it ([`crate::billing`]); 0 where there is none.
    pub billing: u8,
}

/// The life of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// Of what: one of [`LIVES`].
    pub life: SupplyType,
    /// How much of it is used, in impressions; in sheets for the feed rollers. A part can outlive its
    /// rated life.
    pub used: u32,
    /// What it is rated for, in the same unit: 1 to [`MAX_RATED_LIFE`].
    pub rated: u32,
}

/// Why bytes are not a counter store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CounterError {
    /// Neither the letters that begin a store nor anything like them.
    #[error("the memory holds no counter store")]
    NotAStore,
    /// The same byte everywhere.
    #[error(
        "every byte reads {0:#04x}: the memory was never written, or it does not drive the bus and the address is acknowledged by something else"
    )]
    Constant(u8),
    /// Bytes changed since they were written, or while they were read.
    #[error("the checksum of the counter store is wrong")]
    BadChecksum,
    /// A layout that this program does not know.
    #[error("the counter store has version {0}; version {VERSION} is understood")]
    WrongVersion(u8),
    /// More lives than there is room for.
    #[error("the counter store gives {0} lives; it has room for {MAX_LIVES}")]
    TooManyLives(usize),
    /// A life of something that has none.
    #[error(
        "the counter store counts a life of type {0}, which is none of opc, developer, fuser, transferUnit and other (the feed rollers)"
    )]
    UnknownLife(u16),
    /// The same life twice.
    #[error("the counter store counts the life of {0} twice")]
    LifeTwice(SupplyType),
    /// 0, or above [`MAX_RATED_LIFE`].
    #[error("the counter store gives a rated life of {0}, outside 1 to {MAX_RATED_LIFE}")]
    AbsurdLife(u32),
    /// Impressions that do not add up.
    #[error(
        "the counter store says {impressions} impressions, which are not its {full_color} in colour and {monochrome} in one colour"
    )]
    WrongSum {
        /// All of them, as stored.
        impressions: u32,
        /// In colour.
        full_color: u32,
        /// In one colour.
        monochrome: u32,
    },
    /// A count that the counter does not reach.
    #[error(
        "the counter store says {value} {counter}, and the board file that this counter begins again at 0 after {wraps_at}: correct `wraps-at`, or is it the store of another engine?"
    )]
    BeyondWidth {
        /// What is counted.
        counter: &'static str,
        /// As stored.
        value: u32,
        /// By the board file.
        wraps_at: u64,
    },
    /// A serial number that is not printable ASCII, or longer than its field.
    #[error(
        "the serial number in the counter store is not printable text of at most {SERIAL_CHARS} characters"
    )]
    BadSerial,
}

impl CounterStore {
    /// The bytes of one copy, for counters of 32 bits.
    pub fn encode(&self) -> Result<[u8; COPY_BYTES], CounterError> {
        if self.lives.len() > MAX_LIVES {
            return Err(CounterError::TooManyLives(self.lives.len()));
        }
        if self.serial.len() > SERIAL_CHARS || !is_printable(self.serial.as_bytes()) {
            return Err(CounterError::BadSerial);
        }
        self.check(&Widths::default())?;
        Ok(self.encode_unchecked())
    }

    /// As [`Self::encode`], without asking whether the values can be true: a simulated printer uses it to
    /// write what a broken engine would.
    pub fn encode_unchecked(&self) -> [u8; COPY_BYTES] {
        let mut bytes = [0; COPY_BYTES];
        let lives = self.lives.get(..MAX_LIVES).unwrap_or(&self.lives);
        // Both fit a byte: there are at most MAX_LIVES, and the MIB's supply types end at 36.
        let small = |number: u16| u8::try_from(number).unwrap_or(0);
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, AT_VERSION, &[VERSION, u8::try_from(lives.len()).unwrap_or(0), self.billing]);
        for (at, number) in [
            (AT_GENERATION, self.generation),
            (AT_IMPRESSIONS, self.impressions),
            (AT_FULL_COLOR, self.full_color),
            (AT_MONOCHROME, self.monochrome),
            (AT_SHEETS, self.sheets),
            (AT_POWER_ONS, self.power_ons),
        ] {
            put(&mut bytes, at, &number.to_le_bytes());
        }
        put(
            &mut bytes,
            AT_SERIAL,
            self.serial.as_bytes().get(..SERIAL_CHARS).unwrap_or(self.serial.as_bytes()),
        );
        for (place, life) in lives.iter().enumerate() {
            let at = AT_FIRST_LIFE + LIFE_BYTES * place;
            put(&mut bytes, at, &[small(life.life.number())]);
            put(&mut bytes, at + 4, &life.used.to_le_bytes());
            put(&mut bytes, at + 8, &life.rated.to_le_bytes());
        }
        copies::seal(&mut bytes);
        bytes
    }

    /// Reads one copy, whose counters count so far.
    pub fn decode(bytes: &[u8; COPY_BYTES], widths: &Widths) -> Result<Self, CounterError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(if is_constant(bytes) {
                CounterError::Constant(byte(bytes, 0))
            } else {
                CounterError::NotAStore
            });
        }
        let body = copies::sealed(bytes).ok_or(CounterError::BadChecksum)?;
        if byte(body, AT_VERSION) != VERSION {
            return Err(CounterError::WrongVersion(byte(body, AT_VERSION)));
        }
        let lives = usize::from(byte(body, AT_LIVES));
        if lives > MAX_LIVES {
            return Err(CounterError::TooManyLives(lives));
        }
        let store = Self {
            generation: number(body, AT_GENERATION),
            impressions: number(body, AT_IMPRESSIONS),
            full_color: number(body, AT_FULL_COLOR),
            monochrome: number(body, AT_MONOCHROME),
            sheets: number(body, AT_SHEETS),
            power_ons: number(body, AT_POWER_ONS),
            serial: copies::text(body, AT_SERIAL, SERIAL_CHARS).ok_or(CounterError::BadSerial)?,
            lives: (0..lives)
                .map(|place| decode_life(body, AT_FIRST_LIFE + LIFE_BYTES * place))
                .collect::<Result<_, _>>()?,
            billing: byte(body, AT_BILLING),
        };
        store.check(widths)?;
        Ok(store)
    }

    /// The life of something, if the store counts it.
    pub fn life(&self, of: SupplyType) -> Option<Life> {
        self.lives.iter().copied().find(|life| life.life == of)
    }

    /// What must be true of every store.
    fn check(&self, widths: &Widths) -> Result<(), CounterError> {
        let Self { impressions, full_color, monochrome, sheets, .. } = *self;
        let counted = [
            ("impressions", impressions, widths.impressions),
            ("impressions in colour", full_color, widths.full_color),
            ("impressions in one colour", monochrome, widths.monochrome),
            ("sheets", sheets, widths.sheets),
        ];
        if let Some((counter, value, wraps_at)) =
            counted.into_iter().find(|(_, value, width)| u64::from(*value) >= *width)
        {
            return Err(CounterError::BeyondWidth { counter, value, wraps_at });
        }
        if !widths.add_up(impressions, full_color, monochrome) {
            return Err(CounterError::WrongSum { impressions, full_color, monochrome });
        }
        for (place, life) in self.lives.iter().enumerate() {
            if !LIVES.contains(&life.life) {
                return Err(CounterError::UnknownLife(life.life.number()));
            }
            if self.lives.iter().take(place).any(|other| other.life == life.life) {
                return Err(CounterError::LifeTwice(life.life));
            }
            if life.rated == 0 || life.rated > MAX_RATED_LIFE {
                return Err(CounterError::AbsurdLife(life.rated));
            }
        }
        Ok(())
    }
}

fn decode_life(body: &[u8], at: usize) -> Result<Life, CounterError> {
    let kind = u16::from(byte(body, at));
    let life = SupplyType::from_number(kind).ok_or(CounterError::UnknownLife(kind))?;
    Ok(Life { life, used: number(body, at + 4), rated: number(body, at + 8) })
}

/// What a memory holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The newest whole store.
    pub store: CounterStore,
    /// Whether the other copy has a wrong checksum, by a write that was cut off or by a disturbed transfer;
    /// only reading again tells. (A copy that was never written is neither.)
    pub other_damaged: bool,
}

/// The newest whole store of a memory: of its first two copies. When there is none, the error is that of
/// the first copy. Its counters count so far.
pub fn newest(memory: &[u8], widths: &Widths) -> Result<Found, CounterError> {
    let decode = |place: usize| {
        let copy = memory.get(place * COPY_BYTES..).and_then(<[u8]>::first_chunk::<COPY_BYTES>);
        copy.ok_or(CounterError::NotAStore).and_then(|copy| CounterStore::decode(copy, widths))
    };
    copies::newest(decode(0), decode(1), |store| store.generation, |e| *e == CounterError::BadChecksum)
        .map(|(store, other_damaged)| Found { store, other_damaged })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::copies::COPIES;
    use proptest::prelude::*;

    fn any_lives() -> impl Strategy<Value = Vec<Life>> {
        proptest::sample::subsequence(LIVES.to_vec(), 0..=LIVES.len()).prop_flat_map(|types| {
            let count = types.len();
            proptest::collection::vec((any::<u32>(), 1..=MAX_RATED_LIFE), count).prop_map(move |numbers| {
                types
                    .iter()
                    .zip(numbers)
                    .map(|(life, (used, rated))| Life { life: *life, used, rated })
                    .collect()
            })
        })
    }

    pub(crate) fn any_store() -> impl Strategy<Value = CounterStore> {
        let numbers = proptest::array::uniform5(any::<u32>());
        (numbers, "[ -~]{0,16}", any_lives(), any::<u8>()).prop_map(|(numbers, serial, lives, billing)| {
            let [generation, full_color, monochrome, sheets, power_ons] = numbers;
            CounterStore {
                generation,
                impressions: full_color.wrapping_add(monochrome),
                full_color,
                monochrome,
                sheets,
                power_ons,
                serial,
                lives,
                billing,
            }
        })
    }

    pub(crate) fn example() -> CounterStore {
        CounterStore {
            generation: 0x0102_0304,
            impressions: 1_000,
            full_color: 250,
            monochrome: 750,
            sheets: 600,
            power_ons: 12,
            serial: "ENGINE-7".into(),
            lives: vec![
                Life { life: SupplyType::Opc, used: 1_000, rated: 60_000 },
                Life { life: SupplyType::Other, used: 600, rated: 150_000 },
            ],
            billing: 0,
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let bytes = example().encode().unwrap();
        assert_eq!(&bytes[..12], b"PLTC\x01\x02\0\0\x04\x03\x02\x01");
        assert_eq!(&bytes[12..32], &[0xe8, 3, 0, 0, 250, 0, 0, 0, 0xee, 2, 0, 0, 0x58, 2, 0, 0, 12, 0, 0, 0]);
        assert_eq!(&bytes[32..48], b"ENGINE-7\0\0\0\0\0\0\0\0");
        assert_eq!(&bytes[48..60], &[9, 0, 0, 0, 0xe8, 3, 0, 0, 0x60, 0xea, 0, 0]);
        assert_eq!(&bytes[60..72], &[1, 0, 0, 0, 0x58, 2, 0, 0, 0xf0, 0x49, 2, 0]);
        assert_eq!(&bytes[72..124], &[0; 52]);
        // Computed apart from this program, by zlib's crc32 over the 124 bytes before it.
        assert_eq!(u32::from_le_bytes(bytes[124..].try_into().unwrap()), 0x6EDC_6F9F);
    }

    #[test]
    fn a_memory_that_was_never_written_is_no_store() {
        assert_eq!(newest(&[0xff; 256], &Widths::default()), Err(CounterError::Constant(0xff)));
        assert_eq!(newest(&[0; 256], &Widths::default()), Err(CounterError::Constant(0)));
        assert_eq!(newest(&[0x55; 256], &Widths::default()), Err(CounterError::NotAStore));
        assert_eq!(newest(&[], &Widths::default()), Err(CounterError::NotAStore));
    }

    #[test]
    fn what_cannot_be_true_is_refused_though_its_checksum_is_right() {
        let wrong_sum = CounterStore { impressions: 1_001, ..example() };
        let expected = CounterError::WrongSum { impressions: 1_001, full_color: 250, monochrome: 750 };
        let life = |life, rated| Life { life, used: 0, rated };
        let with = |lives| CounterStore { lives, ..example() };
        for (store, error) in [
            (wrong_sum, expected),
            (with(vec![life(SupplyType::Opc, 0)]), CounterError::AbsurdLife(0)),
            (with(vec![life(SupplyType::Opc, MAX_RATED_LIFE + 1)]), CounterError::AbsurdLife(10_000_001)),
            (with(vec![life(SupplyType::Toner, 1)]), CounterError::UnknownLife(3)),
            (with(vec![life(SupplyType::Opc, 1); 2]), CounterError::LifeTwice(SupplyType::Opc)),
        ] {
            assert_eq!(
                CounterStore::decode(&store.encode_unchecked(), &Widths::default()),
                Err(error.clone())
            );
            assert_eq!(store.encode(), Err(error));
        }
    }

    #[test]
    fn a_total_that_began_again_while_its_parts_stand_high_is_no_mistake() {
        let half = 1 << 31;
        let wrapped =
            CounterStore { impressions: 4, full_color: half + 1, monochrome: half + 3, ..example() };
        assert_eq!(CounterStore::decode(&wrapped.encode().unwrap(), &Widths::default()), Ok(wrapped.clone()));
        let off = CounterStore { impressions: 5, ..wrapped };
        assert!(matches!(off.encode(), Err(CounterError::WrongSum { .. })));
    }

    #[test]
    fn seven_digits_add_up_by_their_own_width_and_no_count_is_beyond_it() {
        let seven = 10_000_000;
        let widths = Widths { impressions: seven, full_color: seven, monochrome: seven, sheets: seven };
        let wrapped =
            CounterStore { impressions: 3, full_color: 4_000_001, monochrome: 6_000_002, ..example() };
        let bytes = wrapped.encode_unchecked();
        assert_eq!(CounterStore::decode(&bytes, &widths), Ok(wrapped));
        assert!(
            CounterStore::decode(&bytes, &Widths::default()).is_err(),
            "a wider counter would not be at 3"
        );
        let beyond = CounterStore { sheets: 10_000_000, ..example() };
        assert_eq!(
            CounterStore::decode(&beyond.encode_unchecked(), &widths),
            Err(CounterError::BeyondWidth { counter: "sheets", value: 10_000_000, wraps_at: seven })
        );
    }

    #[test]
    fn a_number_of_lives_beyond_the_room_is_refused() {
        let mut bytes = example().encode().unwrap();
        bytes[AT_LIVES] = 7;
        copies::seal(&mut bytes);
        assert_eq!(CounterStore::decode(&bytes, &Widths::default()), Err(CounterError::TooManyLives(7)));
        bytes[AT_LIVES] = 2;
        bytes[AT_VERSION] = 9;
        copies::seal(&mut bytes);
        assert_eq!(CounterStore::decode(&bytes, &Widths::default()), Err(CounterError::WrongVersion(9)));
    }

    proptest! {
        #[test]
        fn whatever_was_printed_a_store_of_any_widths_adds_up(
            color in 0_u64..1 << 40, mono in 0_u64..1 << 40, widths in proptest::array::uniform4(10_000_u64..=1 << 32)
        ) {
            let [impressions, full_color, monochrome, sheets] = widths;
            let widths = Widths { impressions, full_color, monochrome, sheets };
            let at = |count: u64, width| u32::try_from(count % width).unwrap();
            let store = CounterStore {
                impressions: at(color + mono, impressions),
                full_color: at(color, full_color),
                monochrome: at(mono, monochrome),
                sheets: 0,
                ..example()
            };
            prop_assert_eq!(CounterStore::decode(&store.encode_unchecked(), &widths), Ok(store));
        }

        #[test]
        fn a_store_survives_its_bytes(store in any_store()) {
            prop_assert_eq!(CounterStore::decode(&store.encode().unwrap(), &Widths::default()), Ok(store));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(body in proptest::collection::vec(any::<u8>(), COPY_BYTES)) {
            let mut copy: [u8; COPY_BYTES] = body.try_into().unwrap();
            copy[..5].copy_from_slice(b"PLTC\x01");
            copy[AT_LIVES] %= 8;
            copies::seal(&mut copy);
            if let Ok(store) = CounterStore::decode(&copy, &Widths::default()) {
                prop_assert_eq!(store.full_color.wrapping_add(store.monochrome), store.impressions);
                prop_assert!(store.lives.iter().all(|life| (1..=MAX_RATED_LIFE).contains(&life.rated)));
            }
        }

        #[test]
        fn any_flipped_bit_is_seen(store in any_store(), bit in 0..COPY_BYTES * 8) {
            let mut bytes = store.encode().unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(CounterStore::decode(&bytes, &Widths::default()).is_err());
        }

        #[test]
        fn a_write_that_is_cut_off_anywhere_leaves_the_older_or_the_newer_store(
            older in any_store(), newer in any_store(), cut in 0..=COPY_BYTES
        ) {
            let newer = CounterStore { generation: older.generation.wrapping_add(1), ..newer };
            let mut memory = [0xff; COPY_BYTES * COPIES];
            memory[..COPY_BYTES].copy_from_slice(&older.encode().unwrap());
            memory[COPY_BYTES..COPY_BYTES + cut].copy_from_slice(&newer.encode().unwrap()[..cut]);
            let found = newest(&memory, &Widths::default()).unwrap().store;
            prop_assert!(found == older || found == newer);
        }
    }
}

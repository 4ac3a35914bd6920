//! The frames between a controller's bootloader and whoever writes firmware: docs/engine-bootloader.md. Both sides are
//! here, for the simulated controller speaks by the same code. Pure.
//!
//! A *question* is a register with its arguments, written, and its answer, read within the same transfer. An *order* is
//! written alone. Everything ends with a CRC-16; that of an answer covers the question too, so that an answer to
//! another question is none.

use std::fmt;
use std::time::Duration;

use crc::{CRC_16_IBM_3740, Crc};

use crate::copies::{byte, number, put};
use crate::engine::text::{padded, unpadded};

/// The version of the protocol.
pub const VERSION: u8 = 1;
/// Bytes of an image that one transfer carries: as many as `SMBus` allows, and every adapter can.
pub const CHUNK_BYTES: usize = 32;
/// What stands for "no bank".
const NO_BANK: u8 = 0xff;

const MAGIC: &[u8; 4] = b"PLTE";
const SUM: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_3740);
/// Bytes of a frame's checksum.
pub const SUM_BYTES: usize = 2;

const IDENTITY: u8 = 0x01;
const STATE: u8 = 0x02;
const BANK: u8 = 0x03;
const PAGE: u8 = 0x04;
const DATA: u8 = 0x05;
const BUFFER: u8 = 0x10;
const COMMAND: u8 = 0x11;

/// Bytes of the answers, without their checksum.
const IDENTITY_BYTES: usize = 36;
const STATE_BYTES: usize = 8;
const BANK_BYTES: usize = 28;
const PAGE_BYTES: usize = 4;
/// Bytes of a command, without its checksum.
const COMMAND_BYTES: usize = 10;

/// The lowest and highest address that a controller can have.
pub const ADDRESSES: std::ops::Range<u8> = 0x20..0x28;
/// What a page can have.
const PAGE_SIZES: std::ops::RangeInclusive<usize> = CHUNK_BYTES..=4096;
/// The most pages of a bank.
const MAX_PAGES: u16 = 4096;
/// The most banks.
const MAX_BANKS: u8 = 2;

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([byte(bytes, at), byte(bytes, at + 1)])
}

fn bank_number(bank: Option<u8>) -> u8 {
    bank.unwrap_or(NO_BANK)
}

fn number_of_bank(byte: u8) -> Option<u8> {
    (byte < MAX_BANKS).then_some(byte)
}

/// Appends the checksum.
fn closed(mut frame: Vec<u8>) -> Vec<u8> {
    let sum = SUM.checksum(&frame);
    frame.extend_from_slice(&sum.to_le_bytes());
    frame
}

/// What stands before the checksum, if that is right.
fn opened(frame: &[u8]) -> Option<&[u8]> {
    let (body, sum) = frame.split_last_chunk::<SUM_BYTES>()?;
    (SUM.checksum(body).to_le_bytes() == *sum).then_some(body)
}

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// What it is.
    Identity,
    /// What it does.
    State,
    /// What a bank holds.
    Bank(u8),
    /// The checksum of a page.
    Page {
        /// The bank.
        bank: u8,
        /// The page.
        page: u16,
    },
    /// [`CHUNK_BYTES`] of a bank.
    Data {
        /// The bank.
        bank: u8,
        /// The first byte.
        at: u32,
    },
}

impl Question {
    /// What is written.
    pub fn encode(self) -> Vec<u8> {
        closed(self.body())
    }

    fn body(self) -> Vec<u8> {
        match self {
            Self::Identity => vec![IDENTITY],
            Self::State => vec![STATE],
            Self::Bank(bank) => vec![BANK, bank],
            Self::Page { bank, page } => [&[PAGE, bank][..], &page.to_le_bytes()].concat(),
            Self::Data { bank, at } => [&[DATA, bank][..], &at.to_le_bytes()].concat(),
        }
    }

    /// What was asked; none if the frame is damaged or means nothing.
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let body = opened(frame)?;
        Some(match (byte(body, 0), body.len()) {
            (IDENTITY, 1) => Self::Identity,
            (STATE, 1) => Self::State,
            (BANK, 2) => Self::Bank(byte(body, 1)),
            (PAGE, 4) => Self::Page { bank: byte(body, 1), page: half(body, 2) },
            (DATA, 6) => Self::Data { bank: byte(body, 1), at: number(body, 2) },
            _ => return None,
        })
    }

    /// Bytes of its answer, the checksum included.
    pub fn answer_bytes(self) -> usize {
        let bytes = match self {
            Self::Identity => IDENTITY_BYTES,
            Self::State => STATE_BYTES,
            Self::Bank(_) => BANK_BYTES,
            Self::Page { .. } => PAGE_BYTES,
            Self::Data { .. } => CHUNK_BYTES,
        };
        bytes + SUM_BYTES
    }

    /// The answer to it with this content.
    pub fn answer(self, content: &[u8]) -> Vec<u8> {
        let mut digest = SUM.digest();
        digest.update(&self.body());
        digest.update(content);
        [content, &digest.finalize().to_le_bytes()].concat()
    }

    /// The content of what was read; none if it is damaged, or the answer to something else.
    pub fn content(self, answer: &[u8]) -> Option<&[u8]> {
        let (content, _) = answer.split_last_chunk::<SUM_BYTES>()?;
        (self.answer(content) == answer).then_some(content)
    }
}

/// What can be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Puts bytes into the buffer of a page, from an offset on: 1 to [`CHUNK_BYTES`].
    Buffer {
        /// The offset.
        at: u16,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// To do something. One with the tag of the last is that one, and is not done again.
    Command {
        /// Not 0; it comes back in the state.
        tag: u8,
        /// What.
        act: Act,
    },
}

/// What a bootloader can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Erases a page.
    Erase {
        /// The bank.
        bank: u8,
        /// The page.
        page: u16,
    },
    /// Writes the buffer, which has to have this checksum, to a page, which has to be erased.
    Write {
        /// The bank.
        bank: u8,
        /// The page.
        page: u16,
        /// The checksum.
        sum: u32,
    },
    /// Looks whether a bank holds a whole image.
    Check {
        /// The bank.
        bank: u8,
    },
    /// From now on, the firmware in this bank is what is started, if the image in it is whole, for this engine, and has
    /// this checksum; and starts it.
    Activate {
        /// The bank.
        bank: u8,
        /// The checksum of the image.
        sum: u32,
    },
    /// Ends the firmware: only the bootloader runs.
    Stop,
    /// Starts the firmware that is active.
    Start,
}

impl Act {
    /// For people, after "told to".
    pub fn words(self) -> &'static str {
        match self {
            Self::Erase { .. } => "erase a page",
            Self::Write { .. } => "write a page",
            Self::Check { .. } => "check an image",
            Self::Activate { .. } => "activate an image",
            Self::Stop => "stop the firmware",
            Self::Start => "start the firmware",
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Erase { .. } => 1,
            Self::Write { .. } => 2,
            Self::Check { .. } => 3,
            Self::Activate { .. } => 4,
            Self::Stop => 5,
            Self::Start => 6,
        }
    }

    fn arguments(self) -> (u8, u16, u32) {
        match self {
            Self::Erase { bank, page } => (bank, page, 0),
            Self::Write { bank, page, sum } => (bank, page, sum),
            Self::Check { bank } => (bank, 0, 0),
            Self::Activate { bank, sum } => (bank, 0, sum),
            Self::Stop | Self::Start => (0, 0, 0),
        }
    }

    /// Whether a controller that was restarted meanwhile, and forgot the tag, has done it.
    pub fn is_reached(self, state: &State) -> bool {
        match self {
            Self::Activate { bank, .. } => state.active == Some(bank),
            Self::Stop => state.running.is_none(),
            Self::Start => state.running.is_some(),
            Self::Erase { .. } | Self::Write { .. } | Self::Check { .. } => false,
        }
    }
}

impl Order {
    /// What is written.
    pub fn encode(&self) -> Vec<u8> {
        closed(match self {
            Self::Buffer { at, bytes } => [&[BUFFER][..], &at.to_le_bytes(), bytes].concat(),
            Self::Command { tag, act } => {
                let (bank, page, sum) = act.arguments();
                let head = [COMMAND, *tag, act.number(), bank];
                [&head[..], &page.to_le_bytes(), &sum.to_le_bytes()].concat()
            }
        })
    }

    /// What was ordered; none if the frame is damaged or means nothing.
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let body = opened(frame)?;
        match byte(body, 0) {
            BUFFER => {
                let bytes = body.get(3..).filter(|bytes| (1..=CHUNK_BYTES).contains(&bytes.len()))?;
                Some(Self::Buffer { at: half(body, 1), bytes: bytes.to_vec() })
            }
            COMMAND if body.len() == COMMAND_BYTES => {
                let (tag, bank) = (byte(body, 1), byte(body, 3));
                let (page, sum) = (half(body, 4), number(body, 6));
                let act = match byte(body, 2) {
                    1 => Act::Erase { bank, page },
                    2 => Act::Write { bank, page, sum },
                    3 => Act::Check { bank },
                    4 => Act::Activate { bank, sum },
                    5 => Act::Stop,
                    6 => Act::Start,
                    _ => return None,
                };
                (tag != 0).then_some(Self::Command { tag, act })
            }
            _ => None,
        }
    }
}

/// What a controller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The engine's model.
    pub model: String,
    /// Banks for firmware: one, or two.
    pub banks: u8,
    /// Whether what is in them can be read.
    pub readable: bool,
    /// Bytes of a page: what is erased and written at once.
    pub page_bytes: usize,
    /// Pages of a bank.
    pub pages: u16,
    /// How long erasing or writing a page takes at most.
    pub page_time: Duration,
    /// How long looking at a whole bank takes at most.
    pub check_time: Duration,
    /// How long a restart takes at most.
    pub restart_time: Duration,
}

impl Identity {
    /// Bytes of a bank.
    pub fn bank_bytes(&self) -> usize {
        self.page_bytes * usize::from(self.pages)
    }

    /// The content of its answer.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; IDENTITY_BYTES];
        put(&mut bytes, 0, MAGIC);
        put(&mut bytes, 4, &[VERSION, self.banks, u8::from(self.readable)]);
        put(&mut bytes, 8, &u16::try_from(self.page_bytes).unwrap_or(u16::MAX).to_le_bytes());
        put(&mut bytes, 10, &self.pages.to_le_bytes());
        for (at, time) in [(12, self.page_time), (14, self.check_time), (16, self.restart_time)] {
            put(&mut bytes, at, &u16::try_from(time.as_millis()).unwrap_or(u16::MAX).to_le_bytes());
        }
        put(&mut bytes, 18, &padded(&self.model));
        bytes
    }

    /// Reads an answer; why it is none, for people.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() != IDENTITY_BYTES || !bytes.starts_with(MAGIC) {
            return Err("it does not say what a bootloader says".to_owned());
        }
        if byte(bytes, 4) != VERSION {
            let version = byte(bytes, 4);
            return Err(format!(
                "its bootloader has version {version} of the protocol, and {VERSION} is understood here"
            ));
        }
        let time = |at| Duration::from_millis(half(bytes, at).into());
        let found = Self {
            model: unpadded(bytes, 18).ok_or("it names no model")?,
            banks: byte(bytes, 5),
            readable: byte(bytes, 6) & 1 == 1,
            page_bytes: half(bytes, 8).into(),
            pages: half(bytes, 10),
            page_time: time(12),
            check_time: time(14),
            restart_time: time(16),
        };
        let pages = PAGE_SIZES.contains(&found.page_bytes) && found.page_bytes.is_multiple_of(CHUNK_BYTES);
        if !pages || !(1..=MAX_PAGES).contains(&found.pages) || !(1..=MAX_BANKS).contains(&found.banks) {
            let Self { banks, pages, page_bytes, .. } = found;
            return Err(format!("it says that it has {banks} banks of {pages} pages of {page_bytes} bytes"));
        }
        Ok(found)
    }
}

/// What a controller does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The bank whose firmware runs; none while only the bootloader does.
    pub running: Option<u8>,
    /// The bank whose firmware is started.
    pub active: Option<u8>,
    /// Whether pages are being printed.
    pub printing: bool,
    /// The tag of the last command; 0 after a restart.
    pub tag: u8,
    /// What came of it.
    pub outcome: Outcome,
}

impl State {
    /// The content of its answer.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; STATE_BYTES];
        let Self { running, active, printing, tag, outcome } = self;
        let all = [bank_number(*running), bank_number(*active), u8::from(*printing), *tag, outcome.number()];
        put(&mut bytes, 0, &all);
        bytes
    }

    /// Reads an answer.
    pub fn decode(bytes: &[u8]) -> Self {
        Self {
            running: number_of_bank(byte(bytes, 0)),
            active: number_of_bank(byte(bytes, 1)),
            printing: byte(bytes, 2) & 1 == 1,
            tag: byte(bytes, 3),
            outcome: Outcome::of(byte(bytes, 4)),
        }
    }
}

/// What came of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was none since the last restart.
    None,
    /// It was done.
    Done,
    /// The firmware in that bank runs.
    Running,
    /// Pages are being printed.
    Printing,
    /// The checksum is another.
    OtherSum,
    /// There is no such bank or page.
    NoSuchPlace,
    /// The page is not erased.
    NotErased,
    /// The image is for another engine.
    OtherModel,
    /// There is no whole image in the bank.
    NotWhole,
    /// One that is not known here.
    Other(u8),
}

impl Outcome {
    const ALL: [Self; 9] = [
        Self::None,
        Self::Done,
        Self::Running,
        Self::Printing,
        Self::OtherSum,
        Self::NoSuchPlace,
        Self::NotErased,
        Self::OtherModel,
        Self::NotWhole,
    ];

    fn number(self) -> u8 {
        if let Self::Other(number) = self {
            return number;
        }
        let at = Self::ALL.iter().position(|known| *known == self).unwrap_or_default();
        u8::try_from(at).unwrap_or_default()
    }

    fn of(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Other(number))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("it was restarted"),
            Self::Done => f.write_str("it was done"),
            Self::Running => f.write_str("the firmware in that bank runs"),
            Self::Printing => f.write_str("pages are being printed"),
            Self::OtherSum => f.write_str("the checksum is another"),
            Self::NoSuchPlace => f.write_str("there is no such bank or page"),
            Self::NotErased => f.write_str("the page is not erased"),
            Self::OtherModel => f.write_str("the image is for another engine"),
            Self::NotWhole => f.write_str("there is no whole image in that bank"),
            Self::Other(number) => write!(f, "it gives the reason {number}, which is not known here"),
        }
    }
}

/// What a bank holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bank {
    /// Nothing at all.
    Empty,
    /// No whole image, or nobody has looked since a page was written.
    Unknown,
    /// A whole image.
    Whole {
        /// The version of the firmware.
        version: String,
        /// Bytes of the image.
        bytes: usize,
        /// The checksum of the image.
        sum: u32,
    },
}

impl Bank {
    /// The content of its answer.
    pub fn encode(&self) -> Vec<u8> {
        let mut content = vec![0; BANK_BYTES];
        match self {
            Self::Empty => {}
            Self::Unknown => put(&mut content, 0, &[1]),
            Self::Whole { version, bytes, sum } => {
                put(&mut content, 0, &[2]);
                put(&mut content, 4, &u32::try_from(*bytes).unwrap_or(u32::MAX).to_le_bytes());
                put(&mut content, 8, &sum.to_le_bytes());
                put(&mut content, 12, &padded(version));
            }
        }
        content
    }

    /// Reads an answer.
    pub fn decode(content: &[u8]) -> Self {
        match (byte(content, 0), unpadded(content, 12)) {
            (0, _) => Self::Empty,
            (2, Some(version)) => {
                let bytes = usize::try_from(number(content, 4)).unwrap_or(usize::MAX);
                Self::Whole { version, bytes, sum: number(content, 8) }
            }
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_act() -> impl Strategy<Value = Act> {
        let numbers = (any::<u8>(), any::<u16>(), any::<u32>());
        prop_oneof![
            numbers.prop_map(|(bank, page, _)| Act::Erase { bank, page }),
            (any::<u8>(), any::<u16>(), any::<u32>()).prop_map(|(bank, page, sum)| Act::Write {
                bank,
                page,
                sum
            }),
            any::<u8>().prop_map(|bank| Act::Check { bank }),
            (any::<u8>(), any::<u32>()).prop_map(|(bank, sum)| Act::Activate { bank, sum }),
            Just(Act::Stop),
            Just(Act::Start),
        ]
    }

    fn any_order() -> impl Strategy<Value = Order> {
        prop_oneof![
            (any::<u16>(), prop::collection::vec(any::<u8>(), 1..=CHUNK_BYTES))
                .prop_map(|(at, bytes)| Order::Buffer { at, bytes }),
            (1_u8.., any_act()).prop_map(|(tag, act)| Order::Command { tag, act }),
        ]
    }

    fn any_question() -> impl Strategy<Value = Question> {
        prop_oneof![
            Just(Question::Identity),
            Just(Question::State),
            any::<u8>().prop_map(Question::Bank),
            (any::<u8>(), any::<u16>()).prop_map(|(bank, page)| Question::Page { bank, page }),
            (any::<u8>(), any::<u32>()).prop_map(|(bank, at)| Question::Data { bank, at }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_ordered_and_asked_arrives_and_a_flipped_bit_is_found(
            order in any_order(), question in any_question(), at in any::<prop::sample::Index>(), bit in 0..8_u32
        ) {
            let mut frames = [order.encode(), question.encode()];
            prop_assert_eq!(Order::decode(&frames[0]), Some(order));
            prop_assert_eq!(Question::decode(&frames[1]), Some(question));
            for frame in &mut frames {
                let at = at.index(frame.len());
                frame[at] ^= 1 << bit;
            }
            prop_assert_eq!(Order::decode(&frames[0]), None);
            prop_assert_eq!(Question::decode(&frames[1]), None);
        }

        #[test]
        fn an_answer_belongs_to_its_question_alone(
            one in any_question(), other in any_question(), content in prop::collection::vec(any::<u8>(), 1..40)
        ) {
            let answer = one.answer(&content);
            prop_assert_eq!(one.content(&answer), Some(&content[..]));
            prop_assert_eq!(other.content(&answer).is_some(), one == other);
        }

        #[test]
        fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = (Order::decode(&bytes), Question::decode(&bytes), Question::State.content(&bytes).is_some());
            let _ = (Identity::decode(&bytes), State::decode(&bytes), Bank::decode(&bytes));
            let _ = Order::decode(&closed(bytes.clone()));
            let _ = Question::decode(&closed(bytes));
        }

        #[test]
        fn states_and_banks_come_back(
            running in prop::option::of(0..2_u8), active in prop::option::of(0..2_u8), printing: bool, tag: u8,
            outcome: u8, version in "[!-~]{1,16}", bytes in 0..100_000_usize, sum: u32,
        ) {
            let state = State { running, active, printing, tag, outcome: Outcome::of(outcome) };
            prop_assert_eq!(State::decode(&state.encode()), state);
            for bank in [Bank::Empty, Bank::Unknown, Bank::Whole { version, bytes, sum }] {
                prop_assert_eq!(Bank::decode(&bank.encode()), bank);
            }
        }
    }

    fn identity() -> Identity {
        Identity {
            model: "ARIA-4".to_owned(),
            banks: 2,
            readable: true,
            page_bytes: 256,
            pages: 64,
            page_time: Duration::from_millis(40),
            check_time: Duration::from_millis(200),
            restart_time: Duration::from_millis(1500),
        }
    }

    /// The bytes that docs/engine-bootloader.md shows.
    #[test]
    fn the_frames_are_those_of_the_documentation() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        assert_eq!(hex(&Question::State.encode()), "02 b2 c1");
        let command = Order::Command { tag: 7, act: Act::Erase { bank: 1, page: 3 } };
        assert_eq!(hex(&command.encode()), "11 07 01 01 03 00 00 00 00 00 13 9a");
    }

    #[test]
    fn what_cannot_be_a_controller_is_named() {
        assert_eq!(Identity::decode(&identity().encode()), Ok(identity()));
        for (change, named) in [
            (Identity { banks: 3, ..identity() }, "3 banks"),
            (Identity { page_bytes: 40, ..identity() }, "40 bytes"),
            (Identity { pages: 0, ..identity() }, "0 pages"),
            (Identity { model: String::new(), ..identity() }, "no model"),
        ] {
            let why = Identity::decode(&change.encode()).unwrap_err();
            assert!(why.contains(named), "{why}");
        }
        let mut other = identity().encode();
        other[4] = 9;
        assert!(Identity::decode(&other).unwrap_err().contains("version 9"));
        other[0] = 0;
        assert!(Identity::decode(&other).is_err());
    }
}

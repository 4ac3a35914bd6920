//! The reports of a CP2112 as bytes: Silicon Labs AN495, "CP2112 Interface Specification", rev. 0.2. Each item
//! names the report's title there. Numbers of two bytes and more have their high byte first, unless said otherwise.

/// Every interrupt report has this length, with its number (USB full speed, one packet).
pub const REPORT_BYTES: usize = 64;
/// Bytes of data that one report carries.
pub const MAX_DATA: usize = 61;
/// The most bytes that one transfer reads.
pub const MAX_READ: u16 = 512;
/// The most bytes that are written before a repeated start.
pub const MAX_WRITE_BEFORE_READ: usize = 16;
/// GPIO pins.
pub const LINES: usize = 8;

/// Numbers of the reports.
pub mod number {
    #![allow(missing_docs, reason = "the titles of AN495")]
    pub const RESET_DEVICE: u8 = 0x01;
    pub const GPIO_CONFIGURATION: u8 = 0x02;
    pub const GET_GPIO: u8 = 0x03;
    pub const SET_GPIO: u8 = 0x04;
    pub const GET_VERSION: u8 = 0x05;
    pub const SMBUS_CONFIGURATION: u8 = 0x06;
    pub const DATA_READ_REQUEST: u8 = 0x10;
    pub const DATA_WRITE_READ_REQUEST: u8 = 0x11;
    pub const DATA_READ_FORCE_SEND: u8 = 0x12;
    pub const DATA_READ_RESPONSE: u8 = 0x13;
    pub const DATA_WRITE: u8 = 0x14;
    pub const TRANSFER_STATUS_REQUEST: u8 = 0x15;
    pub const TRANSFER_STATUS_RESPONSE: u8 = 0x16;
    pub const CANCEL_TRANSFER: u8 = 0x17;
    pub const LOCK_BYTE: u8 = 0x20;
    pub const USB_CONFIGURATION: u8 = 0x21;
    pub const MANUFACTURING_STRING: u8 = 0x22;
    pub const PRODUCT_STRING: u8 = 0x23;
    pub const SERIAL_STRING: u8 = 0x24;
}

/// A string report: number, length, type, and 30 characters of UTF-16.
const STRING_REPORT_BYTES: usize = 63;
/// The characters that a string report has room for.
const MAX_STRING_CHARS: usize = 30;
/// USB 2.0, table 9-5: a string descriptor.
const USB_STRING_DESCRIPTOR: u8 = 3;

/// Feature reports and their lengths, with the number.
const FEATURES: [(u8, usize); 11] = [
    (number::RESET_DEVICE, 2),
    (number::GPIO_CONFIGURATION, 5),
    (number::GET_GPIO, 2),
    (number::SET_GPIO, 3),
    (number::GET_VERSION, 3),
    (number::SMBUS_CONFIGURATION, SmbusConfig::BYTES),
    (number::LOCK_BYTE, 2),
    (number::USB_CONFIGURATION, 10),
    (number::MANUFACTURING_STRING, STRING_REPORT_BYTES),
    (number::PRODUCT_STRING, STRING_REPORT_BYTES),
    (number::SERIAL_STRING, STRING_REPORT_BYTES),
];
const OUTPUTS: [u8; 6] = [
    number::DATA_READ_REQUEST,
    number::DATA_WRITE_READ_REQUEST,
    number::DATA_READ_FORCE_SEND,
    number::DATA_WRITE,
    number::TRANSFER_STATUS_REQUEST,
    number::CANCEL_TRANSFER,
];
const INPUTS: [u8; 2] = [number::DATA_READ_RESPONSE, number::TRANSFER_STATUS_RESPONSE];

/// The report descriptor (HID 1.11, section 6.2.2): one vendor collection with the reports of AN495, each an
/// array of bytes. It is made from AN495's lengths, not copied from a chip.
pub fn descriptor() -> Vec<u8> {
    /// Usage page 0xff00, usage 1, application collection, logical 0 to 255, 8 bits each.
    const HEAD: [u8; 14] =
        [0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08];
    const INPUT: u8 = 0x81;
    const OUTPUT: u8 = 0x91;
    const FEATURE: u8 = 0xb1;
    const END: u8 = 0xc0;
    let features = FEATURES.iter().map(|(number, bytes)| (*number, *bytes, FEATURE));
    let outputs = OUTPUTS.iter().map(|number| (*number, REPORT_BYTES, OUTPUT));
    let inputs = INPUTS.iter().map(|number| (*number, REPORT_BYTES, INPUT));
    let mut descriptor = HEAD.to_vec();
    for (number, bytes, main_item) in features.chain(outputs).chain(inputs) {
        let count = u8::try_from(bytes - 1).unwrap_or(u8::MAX);
        // Report number, report count, usage 1, data of single variables.
        descriptor.extend([0x85, number, 0x95, count, 0x09, 0x01, main_item, 0x02]);
    }
    descriptor.push(END);
    descriptor
}

/// Why a report of the host is ignored, as the chip ignores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// It ends before its fields do.
    #[error("the report {0:#04x} is too short")]
    Short(u8),
    /// No such report goes this way.
    #[error("there is no report {0:#04x} that the host sends")]
    Unknown(u8),
    /// A length that the chip cannot do.
    #[error("the report {number:#04x} asks for {length} bytes")]
    Length {
        /// The report.
        number: u8,
        /// What stands in it.
        length: u16,
    },
    /// The lowest bit of an address is the direction, and must be 0.
    #[error("{0:#04x} is not an address")]
    Address(u8),
    /// No report at all.
    #[error("the report is empty")]
    Empty,
}

/// A data report of the host. Addresses have 7 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// "Data Read Request": 1 to [`MAX_READ`] bytes.
    Read {
        /// The chip.
        address: u8,
        /// Bytes.
        length: u16,
    },
    /// "Data Write Read Request": a write, a repeated start, a read.
    WriteRead {
        /// The chip.
        address: u8,
        /// 1 to [`MAX_WRITE_BEFORE_READ`] bytes.
        write: Vec<u8>,
        /// Bytes to read, 1 to [`MAX_READ`].
        length: u16,
    },
    /// "Data Read Force Send": what was read is wanted now.
    ForceSend {
        /// At most so many bytes.
        length: u16,
    },
    /// "Data Write".
    Write {
        /// The chip.
        address: u8,
        /// 1 to [`MAX_DATA`] bytes.
        data: Vec<u8>,
    },
    /// "Transfer Status Request".
    Status,
    /// "Cancel Transfer".
    Cancel,
}

impl Request {
    /// Reads a report. What follows its fields is padding.
    pub fn decode(report: &[u8]) -> Result<Self, ReportError> {
        let (&number, fields) = report.split_first().ok_or(ReportError::Empty)?;
        let short = ReportError::Short(number);
        match (number, fields) {
            (number::DATA_READ_REQUEST, &[address, high, low, ..]) => {
                Ok(Self::Read { address: seven_bits(address)?, length: read_length(number, high, low)? })
            }
            (number::DATA_WRITE_READ_REQUEST, &[address, high, low, count, ref write @ ..]) => {
                let write = counted(number, write, count, MAX_WRITE_BEFORE_READ)?;
                Ok(Self::WriteRead {
                    address: seven_bits(address)?,
                    write,
                    length: read_length(number, high, low)?,
                })
            }
            (number::DATA_READ_FORCE_SEND, &[high, low, ..]) => {
                Ok(Self::ForceSend { length: read_length(number, high, low)? })
            }
            (number::DATA_WRITE, &[address, count, ref data @ ..]) => {
                let data = counted(number, data, count, MAX_DATA)?;
                Ok(Self::Write { address: seven_bits(address)?, data })
            }
            (number::TRANSFER_STATUS_REQUEST, _) => Ok(Self::Status),
            (number::CANCEL_TRANSFER, _) => Ok(Self::Cancel),
            (known, _) if OUTPUTS.contains(&known) => Err(short),
            (unknown, _) => Err(ReportError::Unknown(unknown)),
        }
    }

    /// The report as the driver sends it, without padding.
    pub fn encode(&self) -> Vec<u8> {
        /// "Transfer Status Request" and "Cancel Transfer" carry a 1.
        const DO_IT: u8 = 1;
        let count = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap_or(u8::MAX);
        match self {
            Self::Read { address, length } => {
                let [high, low] = length.to_be_bytes();
                vec![number::DATA_READ_REQUEST, address << 1, high, low]
            }
            Self::WriteRead { address, write, length } => {
                let [high, low] = length.to_be_bytes();
                let head = [number::DATA_WRITE_READ_REQUEST, address << 1, high, low, count(write)];
                [&head, write.as_slice()].concat()
            }
            Self::ForceSend { length } => {
                let [high, low] = length.to_be_bytes();
                vec![number::DATA_READ_FORCE_SEND, high, low]
            }
            Self::Write { address, data } => {
                [&[number::DATA_WRITE, address << 1, count(data)], data.as_slice()].concat()
            }
            Self::Status => vec![number::TRANSFER_STATUS_REQUEST, DO_IT],
            Self::Cancel => vec![number::CANCEL_TRANSFER, DO_IT],
        }
    }
}

fn seven_bits(address: u8) -> Result<u8, ReportError> {
    if address & 1 == 0 { Ok(address >> 1) } else { Err(ReportError::Address(address)) }
}

fn read_length(number: u8, high: u8, low: u8) -> Result<u16, ReportError> {
    match u16::from_be_bytes([high, low]) {
        length @ 1..=MAX_READ => Ok(length),
        length => Err(ReportError::Length { number, length }),
    }
}

fn counted(number: u8, bytes: &[u8], count: u8, limit: usize) -> Result<Vec<u8>, ReportError> {
    let wanted = usize::from(count);
    if wanted == 0 || wanted > limit {
        return Err(ReportError::Length { number, length: count.into() });
    }
    bytes.get(..wanted).map(<[u8]>::to_vec).ok_or(ReportError::Short(number))
}

/// How a transfer stands: the first two bytes of "Transfer Status Response".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There has been none.
    Idle,
    /// It has not ended. The detail is that the address has been acknowledged.
    Busy,
    /// It was done.
    Complete,
    /// It failed.
    Error(Failure),
}

/// Why a transfer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The address was not acknowledged.
    TimeoutNack = 0,
    /// The bus was not free in time.
    TimeoutBus = 1,
    /// Another master was stronger.
    ArbitrationLost = 2,
    /// The chip stopped answering in a read.
    ReadIncomplete = 3,
    /// The chip did not acknowledge a byte that was written.
    WriteIncomplete = 4,
}

impl State {
    /// The detail of a transfer that was done.
    const SUCCEEDED: u8 = 5;

    fn bytes(self) -> [u8; 2] {
        match self {
            Self::Idle => [0, 0],
            Self::Busy => [1, 0],
            Self::Complete => [2, Self::SUCCEEDED],
            Self::Error(failure) => [3, failure as u8],
        }
    }
}

/// A report of the chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// "Data Read Response".
    Data {
        /// How the transfer stands.
        state: State,
        /// At most [`MAX_DATA`] bytes; what is above is cut off.
        bytes: Vec<u8>,
    },
    /// "Transfer Status Response".
    Status {
        /// How the transfer stands.
        state: State,
        /// Bytes that it has read.
        read: u16,
    },
}

impl Response {
    /// The report, padded to its whole length.
    pub fn encode(&self) -> [u8; REPORT_BYTES] {
        let fields = match self {
            Self::Data { state, bytes } => {
                let [state, _] = state.bytes();
                let data = bytes.get(..MAX_DATA).unwrap_or(bytes);
                let count = u8::try_from(data.len()).unwrap_or(u8::MAX);
                [&[number::DATA_READ_RESPONSE, state, count], data].concat()
            }
            Self::Status { state, read } => {
                let [state, detail] = state.bytes();
                let [high, low] = read.to_be_bytes();
                // No transfer of ours is retried.
                let retries = [0, 0];
                [&[number::TRANSFER_STATUS_RESPONSE, state, detail], &retries[..], &[high, low]].concat()
            }
        };
        let mut report = [0; REPORT_BYTES];
        report.iter_mut().zip(fields).for_each(|(place, byte)| *place = byte);
        report
    }
}

/// "Get/Set GPIO Configuration".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GpioConfig {
    /// A bit for each line: 1 is an output.
    pub outputs: u8,
    /// A bit for each line: 1 is push-pull, 0 open drain.
    pub push_pull: u8,
    /// Bits of the special functions (blinking, clock), which are not simulated.
    pub special: u8,
    /// The divider of the clock output.
    pub divider: u8,
}

impl GpioConfig {
    /// The report.
    pub fn encode(self) -> Vec<u8> {
        vec![number::GPIO_CONFIGURATION, self.outputs, self.push_pull, self.special, self.divider]
    }
}

/// "Get/Set `SMBus` Configuration". Times in milliseconds, 0 for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmbusConfig {
    /// In hertz.
    pub clock: u32,
    /// The bridge's own address, in the upper 7 bits.
    pub own_address: u8,
    /// Whether what was read is sent without being asked for.
    pub auto_send_read: bool,
    /// Limit of a write.
    pub write_timeout: u16,
    /// Limit of a read.
    pub read_timeout: u16,
    /// Whether a clock line that is held low for 25 ms ends the transfer.
    pub scl_low_timeout: bool,
    /// How often a transfer is tried again, 0 for without end.
    pub retries: u16,
}

impl Default for SmbusConfig {
    /// As after power-up.
    fn default() -> Self {
        Self {
            clock: 100_000,
            own_address: 0x02,
            auto_send_read: false,
            write_timeout: 0,
            read_timeout: 0,
            scl_low_timeout: false,
            retries: 0,
        }
    }
}

impl SmbusConfig {
    const BYTES: usize = 14;

    /// The report.
    pub fn encode(self) -> Vec<u8> {
        let mut report = vec![number::SMBUS_CONFIGURATION];
        report.extend(self.clock.to_be_bytes());
        report.extend([self.own_address, self.auto_send_read.into()]);
        report.extend(self.write_timeout.to_be_bytes());
        report.extend(self.read_timeout.to_be_bytes());
        report.push(self.scl_low_timeout.into());
        report.extend(self.retries.to_be_bytes());
        report
    }
}

/// A feature report of the host that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// "Reset Device".
    Reset,
    /// "Get/Set GPIO Configuration".
    Gpio(GpioConfig),
    /// "Set GPIO Values".
    Drive {
        /// A bit for each line: 1 is high.
        levels: u8,
        /// The lines that are meant.
        mask: u8,
    },
    /// "Get/Set `SMBus` Configuration".
    Smbus(SmbusConfig),
}

impl Setting {
    /// Reads a report.
    pub fn decode(report: &[u8]) -> Result<Self, ReportError> {
        let (&number, fields) = report.split_first().ok_or(ReportError::Empty)?;
        match (number, fields) {
            (number::RESET_DEVICE, _) => Ok(Self::Reset),
            (number::GPIO_CONFIGURATION, &[outputs, push_pull, special, divider, ..]) => {
                Ok(Self::Gpio(GpioConfig { outputs, push_pull, special, divider }))
            }
            (number::SET_GPIO, &[levels, mask, ..]) => Ok(Self::Drive { levels, mask }),
            (
                number::SMBUS_CONFIGURATION,
                &[
                    c3,
                    c2,
                    c1,
                    c0,
                    own_address,
                    auto,
                    write1,
                    write0,
                    read1,
                    read0,
                    scl,
                    retries1,
                    retries0,
                    ..,
                ],
            ) => Ok(Self::Smbus(SmbusConfig {
                clock: u32::from_be_bytes([c3, c2, c1, c0]),
                own_address,
                auto_send_read: auto != 0,
                write_timeout: u16::from_be_bytes([write1, write0]),
                read_timeout: u16::from_be_bytes([read1, read0]),
                scl_low_timeout: scl != 0,
                retries: u16::from_be_bytes([retries1, retries0]),
            })),
            (number::GPIO_CONFIGURATION | number::SET_GPIO | number::SMBUS_CONFIGURATION, _) => {
                Err(ReportError::Short(number))
            }
            (unknown, _) => Err(ReportError::Unknown(unknown)),
        }
    }
}

/// "Get/Set Manufacturing String" and its kin: a USB string descriptor in a report.
pub fn string_report(number: u8, text: &str) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().take(MAX_STRING_CHARS).collect();
    let length = u8::try_from(2 + 2 * units.len()).unwrap_or(u8::MAX);
    let mut report = vec![number, length, USB_STRING_DESCRIPTOR];
    // USB's own numbers have their low byte first.
    report.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    report.resize(STRING_REPORT_BYTES, 0);
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_read_request_is_the_bytes_of_the_specification() {
        let request = Request::Read { address: 0x50, length: 0x0102 };
        assert_eq!(request.encode(), [0x10, 0xa0, 0x01, 0x02]);
    }

    #[test]
    fn a_write_read_request_is_the_bytes_of_the_specification() {
        let request = Request::WriteRead { address: 0x51, write: vec![0x12, 0x34], length: 128 };
        assert_eq!(request.encode(), [0x11, 0xa2, 0x00, 0x80, 0x02, 0x12, 0x34]);
    }

    #[test]
    fn a_status_has_its_details_at_their_places() {
        let status =
            Response::Status { state: State::Error(Failure::ArbitrationLost), read: 0x0102 }.encode();
        assert_eq!(status[..7], [0x16, 3, 2, 0, 0, 1, 2]);
        assert_eq!(Response::Status { state: State::Complete, read: 0 }.encode()[..3], [0x16, 2, 5]);
    }

    #[test]
    fn data_is_counted_and_padded() {
        let report = Response::Data { state: State::Complete, bytes: vec![7; MAX_DATA] }.encode();
        assert_eq!(report[..3], [0x13, 2, 61]);
        assert_eq!(report[3..], [7; 61]);
    }

    #[test]
    fn the_first_configuration_is_that_of_the_specification() {
        let report = [0x06, 0x00, 0x01, 0x86, 0xa0, 0x02, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(SmbusConfig::default().encode(), report);
    }

    #[test]
    fn a_string_is_utf_16_with_its_length() {
        let report = string_report(number::PRODUCT_STRING, "Hé");
        assert_eq!(report[..7], [0x23, 6, 3, b'H', 0, 0xe9, 0]);
        assert_eq!(string_report(number::PRODUCT_STRING, &"x".repeat(99))[1], 62);
    }

    #[test]
    fn what_the_chip_cannot_do_is_refused() {
        for (report, error) in [
            (&[][..], ReportError::Empty),
            (&[0x10, 0xa1, 0, 1], ReportError::Address(0xa1)),
            (&[0x10, 0xa0, 0, 0], ReportError::Length { number: 0x10, length: 0 }),
            (&[0x10, 0xa0, 2, 1], ReportError::Length { number: 0x10, length: 513 }),
            (&[0x11, 0xa0, 0, 1, 17], ReportError::Length { number: 0x11, length: 17 }),
            (&[0x14, 0xa0, 62], ReportError::Length { number: 0x14, length: 62 }),
            (&[0x14, 0xa0, 2, 1], ReportError::Short(0x14)),
            (&[0x12, 0], ReportError::Short(0x12)),
            (&[0x13, 0, 0, 0], ReportError::Unknown(0x13)),
        ] {
            assert_eq!(Request::decode(report), Err(error), "{report:x?}");
        }
        assert_eq!(Setting::decode(&[0x06, 0]), Err(ReportError::Short(0x06)));
        assert_eq!(Setting::decode(&[0x20, 0]), Err(ReportError::Unknown(0x20)));
    }

    #[test]
    fn the_descriptor_has_each_report_once_with_its_length() {
        let descriptor = descriptor();
        for (number, count, main_item) in
            [(0x06, 13, 0xb1), (0x22, 62, 0xb1), (0x10, 63, 0x91), (0x13, 63, 0x81)]
        {
            let item = [0x85, number, 0x95, count, 0x09, 0x01, main_item, 0x02];
            assert_eq!(descriptor.windows(8).filter(|window| *window == item).count(), 1, "{number:#x}");
        }
    }

    fn any_request() -> impl Strategy<Value = Request> {
        let data = |limit| prop::collection::vec(any::<u8>(), 1..=limit);
        prop_oneof![
            (0..0x80_u8, 1..=MAX_READ).prop_map(|(address, length)| Request::Read { address, length }),
            (0..0x80_u8, data(MAX_WRITE_BEFORE_READ), 1..=MAX_READ)
                .prop_map(|(address, write, length)| Request::WriteRead { address, write, length }),
            (1..=MAX_READ).prop_map(|length| Request::ForceSend { length }),
            (0..0x80_u8, data(MAX_DATA)).prop_map(|(address, data)| Request::Write { address, data }),
            Just(Request::Status),
            Just(Request::Cancel),
        ]
    }

    proptest! {
        #[test]
        fn every_request_survives_its_bytes_and_their_padding(request in any_request(), padded: bool) {
            let mut report = request.encode();
            prop_assert!(report.len() <= REPORT_BYTES);
            if padded {
                report.resize(REPORT_BYTES, 0);
            }
            prop_assert_eq!(Request::decode(&report), Ok(request));
        }

        #[test]
        fn every_configuration_survives_its_bytes(
            clock: u32, own_address: u8, auto_send_read: bool, timeouts: (u16, u16), scl_low_timeout: bool, retries: u16,
            gpio: (u8, u8, u8, u8),
        ) {
            let (write_timeout, read_timeout) = timeouts;
            let smbus = SmbusConfig {
                clock, own_address, auto_send_read, write_timeout, read_timeout, scl_low_timeout, retries,
            };
            prop_assert_eq!(smbus.encode().len(), SmbusConfig::BYTES);
            prop_assert_eq!(Setting::decode(&smbus.encode()), Ok(Setting::Smbus(smbus)));
            let (outputs, push_pull, special, divider) = gpio;
            let gpio = GpioConfig { outputs, push_pull, special, divider };
            prop_assert_eq!(Setting::decode(&gpio.encode()), Ok(Setting::Gpio(gpio)));
        }

        #[test]
        fn no_bytes_make_the_reader_do_worse_than_refuse(report in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(request) = Request::decode(&report) {
                prop_assert!(report.starts_with(&request.encode()[..1]));
            }
            let _ = Setting::decode(&report);
        }
    }
}

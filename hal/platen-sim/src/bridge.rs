//! The chip: what a CP2112 does on a report, as a function of the report, its own few registers and the lines at its
//! pins. It reads no clock, knows nothing of the kernel, and waits for nothing: a transfer is begun by one call and
//! ended by another.

use embedded_hal::i2c::Operation;

use crate::reports::{
    Failure, GpioConfig, LINES, MAX_DATA, REPORT_BYTES, Request, Response, Setting, SmbusConfig, State,
    number, string_report,
};

/// AN495, "Get Version Information": the part is 0x0c. From version 2 on the chip can do a repeated start, and the
/// kernel's driver uses one only then.
const PART: u8 = 0x0c;
const VERSION: u8 = 0x02;
/// AN495, "Get/Set Lock Byte": a 0 in each bit says that the field can be programmed no more.
const ALL_LOCKED: u8 = 0;
/// AN495, "Get/Set USB Configuration": ids with the low byte first, 100 mA, powered by the bus, release 1.0.
const USB_CONFIGURATION: [u8; 10] =
    [number::USB_CONFIGURATION, 0xc4, 0x10, 0x90, 0xea, 0x32, 0x00, 0x01, 0x00, 0x00];
const MANUFACTURER: &str = "Platen";
const PRODUCT: &str = "Simulated CP2112";

/// What hangs on the GPIO pins.
pub trait Lines: Send + 'static {
    /// Whether a line, 0 to 7, is high.
    fn level(&mut self, line: usize) -> bool;

    /// The bridge drives a line, 0 to 7.
    fn drive(&mut self, line: usize, high: bool);
}

/// What hangs on the I2C pins.
pub trait Bus: Send + 'static {
    /// One transfer, from the start condition to the stop condition, with the chip at a 7-bit address. What is to be
    /// read comes filled with zeroes. It may take as long as it likes.
    fn transfer(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), TransferFault>;
}

/// A transfer that the bridge has begun: a write, a read, or both with a repeated start between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// For [`Bridge::on_end`].
    pub id: u64,
    /// The chip.
    pub address: u8,
    /// What is written first.
    pub write: Vec<u8>,
    /// How many bytes are read then.
    pub read: usize,
}

impl Transfer {
    /// Does it on a bus; what was read.
    pub fn run(&self, bus: &mut impl Bus) -> Result<Vec<u8>, TransferFault> {
        let mut buffer = vec![0; self.read];
        let mut operations = Vec::new();
        if !self.write.is_empty() {
            operations.push(Operation::Write(&self.write));
        }
        if !buffer.is_empty() {
            operations.push(Operation::Read(&mut buffer));
        }
        bus.transfer(self.address, &mut operations)?;
        Ok(buffer)
    }
}

/// What the bridge does on a report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reaction {
    /// It sends these.
    pub reports: Vec<[u8; REPORT_BYTES]>,
    /// It begins this, and is busy until [`Bridge::on_end`].
    pub transfer: Option<Transfer>,
}

impl Reaction {
    fn reports(responses: &[Response]) -> Self {
        Self { reports: responses.iter().map(Response::encode).collect(), transfer: None }
    }
}

/// How a bus fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferFault {
    /// Nobody acknowledged the address.
    NoAcknowledge,
    /// Another master was stronger.
    ArbitrationLost,
    /// The chip ceased to answer within the transfer.
    Incomplete,
    /// A line is held low: the transfer does not end by itself, unless the configuration has a limit.
    Stuck,
}

/// What the bridge has done since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Transfers that were begun.
    pub transfers: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// How often the levels of the lines were read: about 25 times a second while a program waits for edges.
    pub line_reads: u64,
    /// Reports that were ignored because the chip cannot do what they ask.
    pub ignored: u64,
}

/// One CP2112.
pub struct Bridge<L> {
    lines: L,
    serial: String,
    smbus: SmbusConfig,
    gpio: GpioConfig,
    /// The levels that the outputs have, or would have.
    latch: u8,
    state: State,
    /// Of the transfer that was begun last.
    id: u64,
    /// What the transfer read.
    read: Vec<u8>,
    /// How much of it has been sent.
    sent: usize,
    figures: Figures,
}

impl<L: Lines> Bridge<L> {
    /// A bridge after power-up: every line is an input.
    pub fn new(lines: L, serial: &str) -> Self {
        Self {
            lines,
            serial: serial.to_owned(),
            smbus: SmbusConfig::default(),
            gpio: GpioConfig::default(),
            latch: u8::MAX,
            state: State::Idle,
            id: 0,
            read: Vec::new(),
            sent: 0,
            figures: Figures::default(),
        }
    }

    /// What it has done.
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// Whether a transfer has not ended.
    pub fn is_busy(&self) -> bool {
        self.state == State::Busy
    }

    /// Whether a transfer is still wanted: it has not ended, and the host has not cancelled it.
    pub fn wants(&self, transfer: &Transfer) -> bool {
        self.is_busy() && self.id == transfer.id
    }

    /// An interrupt report of the host. What the chip cannot do it ignores, and the host finds the state unchanged.
    pub fn on_output(&mut self, report: &[u8]) -> Reaction {
        let Ok(request) = Request::decode(report) else {
            self.figures.ignored += 1;
            return Reaction::default();
        };
        match request {
            Request::Read { address, length } => self.begin(address, Vec::new(), length.into()),
            Request::WriteRead { address, write, length } => self.begin(address, write, length.into()),
            Request::Write { address, data } => self.begin(address, data, 0),
            Request::ForceSend { length } => Reaction::reports(&self.send(length.into())),
            Request::Status => {
                let read = u16::try_from(self.read.len()).unwrap_or(u16::MAX);
                Reaction::reports(&[Response::Status { state: self.state, read }])
            }
            Request::Cancel => {
                self.figures.failed += u64::from(self.is_busy());
                self.end(State::Idle, Vec::new());
                Reaction::default()
            }
        }
    }

    /// A transfer has ended: with what it read, or with a failure. One that the host has cancelled changes nothing.
    pub fn on_end(&mut self, transfer: &Transfer, result: Result<Vec<u8>, TransferFault>) -> Reaction {
        if !self.wants(transfer) {
            return Reaction::default();
        }
        let reads = transfer.read > 0;
        let failure = match result {
            Ok(read) => {
                let all = read.len();
                self.end(State::Complete, read);
                let sent = if self.smbus.auto_send_read && all > 0 { self.send(all) } else { Vec::new() };
                return Reaction::reports(&sent);
            }
            Err(TransferFault::NoAcknowledge) => Failure::TimeoutNack,
            Err(TransferFault::ArbitrationLost) => Failure::ArbitrationLost,
            Err(TransferFault::Incomplete) if reads => Failure::ReadIncomplete,
            Err(TransferFault::Incomplete) => Failure::WriteIncomplete,
            Err(TransferFault::Stuck) if self.limited(reads) => Failure::TimeoutBus,
            // Without a limit the chip waits until the host cancels.
            Err(TransferFault::Stuck) => return Reaction::default(),
        };
        self.figures.failed += 1;
        self.end(State::Error(failure), Vec::new());
        Reaction::default()
    }

    /// A feature report that the host wants; none if there is no such report.
    pub fn get_feature(&mut self, report: u8) -> Option<Vec<u8>> {
        Some(match report {
            number::GPIO_CONFIGURATION => self.gpio.encode(),
            number::GET_GPIO => vec![report, self.levels()],
            number::GET_VERSION => vec![report, PART, VERSION],
            number::SMBUS_CONFIGURATION => self.smbus.encode(),
            number::LOCK_BYTE => vec![report, ALL_LOCKED],
            number::USB_CONFIGURATION => USB_CONFIGURATION.to_vec(),
            number::MANUFACTURING_STRING => string_report(report, MANUFACTURER),
            number::PRODUCT_STRING => string_report(report, PRODUCT),
            number::SERIAL_STRING => string_report(report, &self.serial),
            _ => return None,
        })
    }

    /// A feature report of the host; whether the chip can do what it asks.
    pub fn set_feature(&mut self, report: &[u8]) -> bool {
        let Ok(setting) = Setting::decode(report) else {
            self.figures.ignored += 1;
            return false;
        };
        match setting {
            Setting::Reset => {
                self.smbus = SmbusConfig::default();
                self.gpio = GpioConfig::default();
                self.latch = u8::MAX;
                self.end(State::Idle, Vec::new());
            }
            Setting::Gpio(config) => {
                let new_outputs = config.outputs & !self.gpio.outputs;
                self.gpio = config;
                self.drive(new_outputs);
            }
            Setting::Drive { levels, mask } => {
                self.latch = self.latch & !mask | levels & mask;
                self.drive(mask & self.gpio.outputs);
            }
            Setting::Smbus(config) => self.smbus = config,
        }
        true
    }

    /// Begins a transfer; while another has not ended, it is ignored.
    fn begin(&mut self, address: u8, write: Vec<u8>, read: usize) -> Reaction {
        if self.is_busy() {
            self.figures.ignored += 1;
            return Reaction::default();
        }
        self.figures.transfers += 1;
        self.id += 1;
        self.end(State::Busy, Vec::new());
        Reaction { reports: Vec::new(), transfer: Some(Transfer { id: self.id, address, write, read }) }
    }

    /// Whether the configuration ends a transfer on a bus that is held.
    fn limited(&self, reads: bool) -> bool {
        let limit = if reads { self.smbus.read_timeout } else { self.smbus.write_timeout };
        limit > 0 || self.smbus.scl_low_timeout
    }

    fn end(&mut self, state: State, read: Vec<u8>) {
        self.state = state;
        self.read = read;
        self.sent = 0;
    }

    /// Up to `length` bytes that were read and not sent yet, in as many reports as they need; an empty one if there
    /// are none.
    fn send(&mut self, length: usize) -> Vec<Response> {
        let waiting = self.read.get(self.sent..).unwrap_or_default();
        let wanted = waiting.get(..length).unwrap_or(waiting);
        self.sent += wanted.len();
        if wanted.is_empty() {
            return vec![Response::Data { state: self.state, bytes: Vec::new() }];
        }
        let state = self.state;
        wanted.chunks(MAX_DATA).map(|bytes| Response::Data { state, bytes: bytes.to_vec() }).collect()
    }

    fn levels(&mut self) -> u8 {
        self.figures.line_reads += 1;
        let inputs = (0..LINES).filter(|line| self.lines.level(*line));
        let inputs = inputs.fold(0, |levels, line| levels | 1 << line);
        self.latch & self.gpio.outputs | inputs & !self.gpio.outputs
    }

    fn drive(&mut self, mask: u8) {
        for line in (0..LINES).filter(|line| mask & 1 << line != 0) {
            self.lines.drive(line, self.latch & 1 << line != 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::MAX_READ;
    use proptest::prelude::*;

    /// A memory at 0x50 whose cells count up.
    #[derive(Default)]
    struct Memory {
        fault: Option<TransferFault>,
        seen: Vec<(u8, Vec<u8>, usize)>,
    }

    #[derive(Default)]
    struct Pins {
        levels: u8,
        driven: Vec<(usize, bool)>,
    }

    impl Bus for Memory {
        fn transfer(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), TransferFault> {
            let (mut written, mut read) = (Vec::new(), 0);
            for operation in operations {
                match operation {
                    Operation::Write(bytes) => written.extend_from_slice(bytes),
                    Operation::Read(buffer) => {
                        read += buffer.len();
                        (0_usize..).zip(buffer.iter_mut()).for_each(|(at, cell)| *cell = at.to_le_bytes()[0]);
                    }
                }
            }
            self.seen.push((address, written, read));
            match self.fault {
                Some(fault) => Err(fault),
                None if address == 0x50 => Ok(()),
                None => Err(TransferFault::NoAcknowledge),
            }
        }
    }

    impl Lines for Pins {
        fn level(&mut self, line: usize) -> bool {
            self.levels & 1 << line != 0
        }

        fn drive(&mut self, line: usize, high: bool) {
            self.driven.push((line, high));
        }
    }

    /// A bridge with the memory on its bus.
    struct Bench {
        bridge: Bridge<Pins>,
        memory: Memory,
    }

    fn bench() -> Bench {
        Bench { bridge: Bridge::new(Pins::default(), "1"), memory: Memory::default() }
    }

    /// A report of the host; a transfer that it begins ends at once.
    fn ask(bench: &mut Bench, request: &Request) -> Vec<[u8; REPORT_BYTES]> {
        let Reaction { mut reports, transfer } = bench.bridge.on_output(&request.encode());
        if let Some(transfer) = transfer {
            let result = transfer.run(&mut bench.memory);
            reports.extend(bench.bridge.on_end(&transfer, result).reports);
        }
        reports
    }

    /// State, detail, and bytes read.
    fn status(bench: &mut Bench) -> (u8, u8, u16) {
        let responses = ask(bench, &Request::Status);
        let [report] = responses.as_slice() else { panic!("{responses:x?}") };
        assert_eq!(report[0], number::TRANSFER_STATUS_RESPONSE);
        (report[1], report[2], u16::from_be_bytes([report[5], report[6]]))
    }

    /// What the driver does for a read: it asks for 61 bytes at a time until it has all.
    fn fetch(bench: &mut Bench, length: usize) -> (Vec<u8>, usize) {
        let (mut data, mut turns) = (Vec::new(), 0);
        while data.len() < length {
            let left = u16::try_from((length - data.len()).min(MAX_DATA)).unwrap();
            for report in ask(bench, &Request::ForceSend { length: left }) {
                assert_eq!(report[0], number::DATA_READ_RESPONSE);
                assert!(report[2] > 0, "the driver takes an empty answer for a failure");
                data.extend_from_slice(&report[3..][..report[2].into()]);
            }
            turns += 1;
        }
        (data, turns)
    }

    #[test]
    fn before_any_transfer_the_chip_is_idle() {
        assert_eq!(status(&mut bench()), (0, 0, 0));
    }

    #[test]
    fn a_write_reaches_the_chip_and_completes() {
        let mut bench = bench();
        assert!(ask(&mut bench, &Request::Write { address: 0x50, data: vec![3, 1, 4] }).is_empty());
        assert_eq!(bench.memory.seen, [(0x50, vec![3, 1, 4], 0)]);
        assert_eq!(status(&mut bench), (2, 5, 0));
    }

    #[test]
    fn a_write_and_a_read_are_one_transfer() {
        let mut bench = bench();
        let request = Request::WriteRead { address: 0x50, write: vec![0, 0], length: 2 };
        assert!(ask(&mut bench, &request).is_empty());
        assert_eq!(bench.memory.seen, [(0x50, vec![0, 0], 2)]);
        assert_eq!(status(&mut bench), (2, 5, 2));
        assert_eq!(fetch(&mut bench, 2), (vec![0, 1], 1));
    }

    #[test]
    fn a_long_read_comes_in_several_responses() {
        let mut bench = bench();
        ask(&mut bench, &Request::Read { address: 0x50, length: 128 });
        assert_eq!(status(&mut bench), (2, 5, 128));
        assert_eq!(fetch(&mut bench, 128), ((0..128).collect(), 3));
        let after = ask(&mut bench, &Request::ForceSend { length: 61 });
        assert_eq!(after[0][..3], [number::DATA_READ_RESPONSE, 2, 0]);
    }

    #[test]
    fn all_of_a_long_read_may_be_asked_for_at_once() {
        let mut bench = bench();
        ask(&mut bench, &Request::Read { address: 0x50, length: 128 });
        let counts: Vec<_> =
            ask(&mut bench, &Request::ForceSend { length: 128 }).iter().map(|report| report[2]).collect();
        assert_eq!(counts, [61, 61, 6]);
    }

    #[test]
    fn with_auto_send_the_data_comes_by_itself() {
        let mut bench = bench();
        let config = SmbusConfig { auto_send_read: true, ..SmbusConfig::default() };
        assert!(bench.bridge.set_feature(&config.encode()));
        let responses = ask(&mut bench, &Request::Read { address: 0x50, length: 62 });
        assert_eq!(responses.iter().map(|report| report[2]).collect::<Vec<_>>(), [61, 1]);
    }

    #[test]
    fn each_failure_has_its_detail() {
        let read = Request::Read { address: 0x50, length: 1 };
        let write = Request::Write { address: 0x50, data: vec![0] };
        for (fault, request, detail) in [
            (TransferFault::NoAcknowledge, &read, 0),
            (TransferFault::ArbitrationLost, &read, 2),
            (TransferFault::Incomplete, &read, 3),
            (TransferFault::Incomplete, &write, 4),
        ] {
            let mut bench = bench();
            bench.memory.fault = Some(fault);
            ask(&mut bench, request);
            assert_eq!(status(&mut bench), (3, detail, 0), "{fault:?}");
            assert_eq!(bench.bridge.figures(), Figures { transfers: 1, failed: 1, ..Figures::default() });
        }
    }

    #[test]
    fn a_chip_that_is_not_there_fails_and_leaves_nothing_of_an_earlier_read() {
        let mut bench = bench();
        ask(&mut bench, &Request::Read { address: 0x50, length: 4 });
        ask(&mut bench, &Request::Read { address: 0x51, length: 4 });
        assert_eq!(status(&mut bench), (3, 0, 0));
        assert_eq!(ask(&mut bench, &Request::ForceSend { length: 4 })[0][2], 0);
    }

    #[test]
    fn a_stuck_bus_is_busy_until_the_host_cancels() {
        let mut bench = bench();
        bench.memory.fault = Some(TransferFault::Stuck);
        let read = Request::Read { address: 0x50, length: 1 };
        ask(&mut bench, &read);
        assert_eq!(status(&mut bench).0, 1);
        bench.memory.fault = None;
        ask(&mut bench, &read);
        assert_eq!(bench.memory.seen.len(), 1, "a second transfer waits for nothing: it is ignored");
        assert!(ask(&mut bench, &Request::Cancel).is_empty());
        assert_eq!(status(&mut bench), (0, 0, 0));
        ask(&mut bench, &read);
        assert_eq!(status(&mut bench), (2, 5, 1));
    }

    #[test]
    fn while_a_transfer_takes_its_time_the_bridge_is_busy_and_answers() {
        let mut bench = bench();
        let read = Request::Read { address: 0x50, length: 1 };
        let transfer = bench.bridge.on_output(&read.encode()).transfer.unwrap();
        assert_eq!(status(&mut bench), (1, 0, 0));
        assert!(bench.bridge.get_feature(number::GET_GPIO).is_some());
        bench.bridge.on_end(&transfer, Ok(vec![9]));
        assert_eq!(status(&mut bench), (2, 5, 1));
    }

    #[test]
    fn the_late_end_of_a_cancelled_transfer_is_not_that_of_the_next() {
        let mut bench = bench();
        let read = Request::Read { address: 0x50, length: 1 };
        let late = bench.bridge.on_output(&read.encode()).transfer.unwrap();
        ask(&mut bench, &Request::Cancel);
        assert!(!bench.bridge.wants(&late));
        let next = bench.bridge.on_output(&read.encode()).transfer.unwrap();
        bench.bridge.on_end(&late, Ok(vec![1]));
        assert_eq!(status(&mut bench).0, 1);
        bench.bridge.on_end(&next, Ok(vec![2]));
        assert_eq!(fetch(&mut bench, 1).0, [2]);
    }

    #[test]
    fn with_a_limit_a_stuck_bus_is_a_timeout() {
        let read = Request::Read { address: 0x50, length: 1 };
        let write = Request::Write { address: 0x50, data: vec![0] };
        let none = SmbusConfig::default();
        for (config, request, state) in [
            (SmbusConfig { read_timeout: 35, ..none }, &read, (3, 1, 0)),
            (SmbusConfig { write_timeout: 35, ..none }, &write, (3, 1, 0)),
            (SmbusConfig { scl_low_timeout: true, ..none }, &read, (3, 1, 0)),
            (SmbusConfig { write_timeout: 35, ..none }, &read, (1, 0, 0)),
        ] {
            let mut bench = bench();
            bench.memory.fault = Some(TransferFault::Stuck);
            assert!(bench.bridge.set_feature(&config.encode()));
            ask(&mut bench, request);
            assert_eq!(status(&mut bench), state, "{config:?}");
        }
    }

    #[test]
    fn what_the_chip_cannot_do_changes_nothing() {
        let mut bench = bench();
        assert_eq!(
            bench.bridge.on_output(&[number::DATA_READ_REQUEST, 0xa0, 0x02, 0x01]),
            Reaction::default()
        );
        assert!(bench.memory.seen.is_empty());
        assert_eq!(status(&mut bench), (0, 0, 0));
        assert!(!bench.bridge.set_feature(&[number::SMBUS_CONFIGURATION, 0]));
        assert_eq!(bench.bridge.get_feature(0x7f), None);
        assert_eq!(bench.bridge.figures().ignored, 2);
    }

    #[test]
    fn the_levels_are_those_of_the_inputs_and_of_the_driven_outputs() {
        let mut bench = bench();
        bench.bridge.lines.levels = 0b0000_0101;
        assert_eq!(bench.bridge.get_feature(number::GET_GPIO), Some(vec![number::GET_GPIO, 0b0000_0101]));
        bench.bridge.set_feature(&[number::SET_GPIO, 0x00, 0b0000_0100]);
        assert!(bench.bridge.lines.driven.is_empty(), "an input is not driven");
        bench.bridge.set_feature(&GpioConfig { outputs: 0b0000_0100, ..GpioConfig::default() }.encode());
        bench.bridge.set_feature(&[number::SET_GPIO, 0xff, 0b0000_0110]);
        assert_eq!(bench.bridge.lines.driven, [(2, false), (2, true)]);
        bench.bridge.lines.levels = 0b0000_0010;
        assert_eq!(bench.bridge.get_feature(number::GET_GPIO), Some(vec![number::GET_GPIO, 0b0000_0110]));
        assert_eq!(bench.bridge.figures().line_reads, 2);
    }

    #[test]
    fn what_the_driver_asks_first_is_answered() {
        let mut bench = bench();
        assert_eq!(bench.bridge.get_feature(number::GET_VERSION), Some(vec![0x05, 0x0c, 0x02]));
        let config = SmbusConfig { clock: 400_000, retries: 1, ..SmbusConfig::default() };
        assert!(bench.bridge.set_feature(&config.encode()));
        assert_eq!(bench.bridge.get_feature(number::SMBUS_CONFIGURATION), Some(config.encode()));
        assert_eq!(bench.bridge.get_feature(number::USB_CONFIGURATION).unwrap().len(), 10);
        assert!(bench.bridge.set_feature(&[number::RESET_DEVICE, 1]));
        assert_eq!(
            bench.bridge.get_feature(number::SMBUS_CONFIGURATION),
            Some(SmbusConfig::default().encode())
        );
    }

    proptest! {
        #[test]
        fn a_read_of_any_length_comes_whole(length in 1..=MAX_READ) {
            let mut bench = bench();
            ask(&mut bench, &Request::Read { address: 0x50, length });
            let (data, turns) = fetch(&mut bench, length.into());
            let expected: Vec<u8> = (0..usize::from(length)).map(|at| at.to_le_bytes()[0]).collect();
            prop_assert_eq!(data, expected);
            prop_assert_eq!(turns, usize::from(length).div_ceil(MAX_DATA));
        }

        #[test]
        fn no_reports_stop_the_bridge_from_answering(
            reports in prop::collection::vec((0..0x26_u8, prop::collection::vec(any::<u8>(), 0..70)), 0..40),
        ) {
            let mut bench = bench();
            for (number, fields) in reports {
                let report = [&[number], fields.as_slice()].concat();
                bench.bridge.on_output(&report);
                bench.bridge.set_feature(&report);
                bench.bridge.get_feature(number);
            }
            ask(&mut bench, &Request::Cancel);
            ask(&mut bench, &Request::Write { address: 0x50, data: vec![0] });
            prop_assert_eq!(status(&mut bench), (2, 5, 0));
        }
    }
}

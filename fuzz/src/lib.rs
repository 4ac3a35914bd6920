//! What each fuzz target does with its bytes. Apart from the targets, so that the ordinary tests feed the seeds to the same
//! functions: they include this file.

use std::path::Path;

pub mod report_batch;

use crc::{CRC_32_ISO_HDLC, Crc};
use platen_hal::billing::{self, BillingRecord, MAX_COUNTS};
use platen_hal::config::{self, Backend};
use platen_hal::counters::{self, CounterStore, MAX_LIVES, Widths};
use platen_hal::record::{self, CartridgeRecord, MAX_PLAUSIBLE_CAPACITY};
use platen_hal::trace::{self, TraceEntry};
use platen_simulator::{SimPrinter, open_inline};

/// One copy of a record made of any bytes, with the letters that begin it and a right checksum.
fn sealed<const COPY_BYTES: usize>(bytes: &[u8], magic: [u8; 4]) -> [u8; COPY_BYTES] {
    let mut copy = [0; COPY_BYTES];
    for (to, from) in copy.iter_mut().skip(magic.len()).zip(bytes) {
        *to = *from;
    }
    let (body, checksum) = copy.split_at_mut(COPY_BYTES - 4);
    for (to, from) in body.iter_mut().zip(magic) {
        *to = from;
    }
    checksum.copy_from_slice(&Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(body).to_le_bytes());
    copy
}

/// The memory of a cartridge holds whatever its maker, a refiller or a fault wrote.
pub fn cartridge_record(bytes: &[u8]) {
    fn check(record: &CartridgeRecord) {
        assert!((1..=MAX_PLAUSIBLE_CAPACITY).contains(&record.capacity));
        let copy = record.encode().expect("what was read can be written");
        assert_eq!(CartridgeRecord::decode(&copy).as_ref(), Ok(record));
    }
    if let Some(Ok(found)) = bytes.first_chunk().map(record::newest) {
        check(&found.record);
    }
    // Behind the checksum, where mutations alone hardly ever get.
    if let Ok(record) = CartridgeRecord::decode(&sealed::<{ record::COPY_BYTES }>(bytes, *b"PLTN")) {
        check(&record);
    }
}

/// The engine's counter store holds whatever the engine, or a fault, wrote.
pub fn counter_store(bytes: &[u8]) {
    fn check(store: &CounterStore) {
        assert!(store.lives.len() <= MAX_LIVES);
        assert_eq!(store.impressions, store.full_color.wrapping_add(store.monochrome));
        let copy = store.encode().expect("what was read can be written");
        assert_eq!(CounterStore::decode(&copy, &Widths::default()).as_ref(), Ok(store));
    }
    if let Ok(found) = counters::newest(bytes, &Widths::default()) {
        check(&found.store);
    }
    // Behind the checksum, where mutations alone hardly ever get.
    if let Ok(store) =
        CounterStore::decode(&sealed::<{ counters::COPY_BYTES }>(bytes, *b"PLTC"), &Widths::default())
    {
        check(&store);
    }
    let record = BillingRecord::decode(&sealed::<{ billing::COPY_BYTES }>(bytes, *b"PLTB"));
    for record in [record, billing::of_generation(bytes, 0)].into_iter().flatten() {
        assert!(record.counts.len() <= MAX_COUNTS);
        let copy = record.encode().expect("what was read can be written");
        assert_eq!(BillingRecord::decode(&copy), Ok(record));
    }
}

/// A board file is written by a person. Whatever it says, it is refused with a line or it can be opened.
pub fn board_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(mut config) = config::parse(text, Path::new("board.toml")) else { return };
    // Nothing of the machine that fuzzes is opened, whatever the file names.
    config.backend = Backend::Simulated;
    config.simulation = None;
    let Ok(printer) = SimPrinter::accelerated(&config) else { return };
    let mut board = open_inline(&config, &printer).expect("a checked board can be opened");
    let readings = board.sample();
    assert_eq!(readings.supplies.len(), config.supplies.len());
    assert_eq!(readings.switches.len(), config.switches.len());
}

/// A trace comes from the field, by whatever way it took. What is read can be written, and reads the same.
pub fn trace_reader(bytes: &[u8]) {
    let mut input = bytes;
    let Ok(read) = trace::read(&mut input) else { return };
    let mut text = Vec::new();
    trace::write_entry(&mut text, &TraceEntry::Begin { version: trace::VERSION, board: read.board.clone() })
        .expect("what was read can be written");
    for entry in &read.entries {
        trace::write_entry(&mut text, entry).expect("what was read can be written");
    }
    let again = trace::read(&mut text.as_slice()).expect("what was written can be read");
    assert_eq!((again.board, again.entries), (read.board, read.entries));
}

//! A trace comes from the field, by whatever way it took. What is read can be written, and reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use platen_hal::trace::{self, TraceEntry};

fuzz_target!(|bytes: &[u8]| {
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
});

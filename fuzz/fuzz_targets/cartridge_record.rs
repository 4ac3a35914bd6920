//! The memory of a cartridge holds whatever its maker, a refiller or a fault wrote.
#![no_main]

use libfuzzer_sys::fuzz_target;
use platen_fuzz::sealed;
use platen_hal::record::{self, COPY_BYTES, CartridgeRecord, MAX_PLAUSIBLE_CAPACITY};

fn check(record: &CartridgeRecord) {
    assert!((1..=MAX_PLAUSIBLE_CAPACITY).contains(&record.capacity));
    let copy = record.encode().expect("what was read can be written");
    assert_eq!(CartridgeRecord::decode(&copy).as_ref(), Ok(record));
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(Ok(found)) = bytes.first_chunk().map(record::newest) {
        check(&found.record);
    }
    // Behind the checksum, where mutations alone hardly ever get.
    if let Ok(record) = CartridgeRecord::decode(&sealed::<COPY_BYTES>(bytes, *b"PLTN")) {
        check(&record);
    }
});

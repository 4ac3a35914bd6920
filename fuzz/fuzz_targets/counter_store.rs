//! The engine's counter store holds whatever the engine, or a fault, wrote.
#![no_main]

use libfuzzer_sys::fuzz_target;
use platen_fuzz::sealed;
use platen_hal::counters::{self, COPY_BYTES, CounterStore, MAX_LIVES};

fn check(store: &CounterStore) {
    assert!(store.lives.len() <= MAX_LIVES);
    assert_eq!(Some(store.impressions), store.full_color.checked_add(store.monochrome));
    let copy = store.encode().expect("what was read can be written");
    assert_eq!(CounterStore::decode(&copy).as_ref(), Ok(store));
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(found) = counters::newest(bytes) {
        check(&found.store);
    }
    // Behind the checksum, where mutations alone hardly ever get.
    if let Ok(store) = CounterStore::decode(&sealed::<COPY_BYTES>(bytes, *b"PLTC")) {
        check(&store);
    }
});

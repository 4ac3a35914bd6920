//! Batches of reports, as a device sends them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use platen_fuzz::report_batch::take;

fuzz_target!(|bytes: &[u8]| {
    take(bytes);
});

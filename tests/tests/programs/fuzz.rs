//! The fuzz targets of `fuzz/`, without a fuzzer: their seeds, and bytes made of these by a fixed chance. `make soak` runs
//! the same functions under libFuzzer.

#[path = "../../../fuzz/src/lib.rs"]
#[allow(clippy::expect_used, unreachable_pub, reason = "there it is a crate, whose functions end the target")]
mod targets;

use std::fs;
use std::path::PathBuf;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};

use platen_tests::rigs::debian::root;

/// For each seed, as long as they are small,
const MUTATIONS: usize = 2000;
/// and for a large one so many bytes in all.
const MUTATED_BYTES: usize = 4 << 20;

/// The committed seeds of a target, and what else of the tree is of its kind.
fn seeds(target: &str, more: &[&str]) -> Vec<Vec<u8>> {
    let folders =
        std::iter::once(format!("fuzz/seeds/{target}")).chain(more.iter().map(|&folder| folder.to_owned()));
    let files = folders.flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let mut files: Vec<PathBuf> =
        files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    assert!(!files.is_empty());
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// One to four bytes changed, some left out, or some said twice.
fn mutated(seed: &[u8], chance: &mut Pcg32) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let mut below = |limit: usize| chance.next_u32() as usize % limit.max(1);
    for _ in 0..=below(4) {
        let (at, length) = (below(bytes.len()), below(16));
        let end = (at + length).min(bytes.len());
        match below(4) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            2 if !bytes.is_empty() => bytes[at] ^= 1 << below(8),
            _ if !bytes.is_empty() => bytes[at] = u8::try_from(below(256)).unwrap(),
            _ => {}
        }
    }
    bytes
}

fn feed(target: fn(&[u8]), seeds: &[Vec<u8>]) {
    let mut chance = Pcg32::seed_from_u64(1);
    for seed in seeds {
        target(seed);
        for _ in 0..(MUTATED_BYTES / seed.len().max(1)).min(MUTATIONS) {
            target(&mutated(seed, &mut chance));
        }
    }
}

#[test]
fn a_cartridges_memory_may_hold_anything() {
    feed(targets::cartridge_record, &seeds("cartridge_record", &[]));
}

#[test]
fn an_engines_counter_store_may_hold_anything() {
    feed(targets::counter_store, &seeds("counter_store", &[]));
}

#[test]
fn a_board_file_may_say_anything() {
    feed(targets::board_file, &seeds("board_file", &["agent/boards", "scripts/demo"]));
}

#[test]
fn a_trace_may_hold_anything() {
    feed(targets::trace_reader, &seeds("trace_reader", &["tests/traces"]));
}

#[test]
fn a_device_may_send_anything_as_a_batch_of_reports() {
    feed(
        |bytes| {
            targets::report_batch::take(bytes);
        },
        &seeds("report_batch", &["protocol/frozen/v1"]),
    );
}

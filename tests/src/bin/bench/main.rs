//! `make bench`: measures the programs against what the design asks of them, prints a table and writes
//! `target/bench/summary.json`. Goals are ratios within one run; what is absolute is a size.

// It is run by a developer who looks on: what cannot be measured ends it, with its words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// Figures for people: seven digits are plenty.
#![allow(clippy::cast_precision_loss)]

mod agent;
mod edge;
mod guest;
mod ingest;
mod machine;
mod parked;
mod table;
mod wire;

use std::path::{Path, PathBuf};

use table::Table;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut table = Table::default();
    // `bench agent ingest` measures only those. A package (`bench a.deb b.deb`) is measured only when it is named.
    let only: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|one| one == name);
    let packages: Vec<PathBuf> = only
        .iter()
        .map(PathBuf::from)
        .filter(|one| one.extension().is_some_and(|kind| kind == "deb"))
        .collect();
    guest::measure(&mut table, &packages);
    if wanted("agent") {
        agent::measure(&mut table);
    }
    if wanted("edge") {
        edge::measure(&mut table);
    }
    if wanted("ingest") {
        runtime.block_on(ingest::measure(&mut table));
    }
    if wanted("parked") {
        runtime.block_on(parked::measure(&mut table));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target/bench");
    table.finish(&folder.join("summary.json"));
}

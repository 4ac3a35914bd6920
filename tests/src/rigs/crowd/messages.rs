//! Batches of reports as text: all but the epoch and the sequences is made once, so that a client costs little beside the
//! server.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// The boot in which everything is taken, and when in it batches are sent, in milliseconds.
const BOOT: &str = "5a0c6d7e-2f0e-4a53-9a32-0d6de40a8c11";
const SENT_MS: u64 = 1_000_000_000;

/// The supplies of a usual small printer, whose report is about 1 KB.
pub const USUAL: &[&str] = &["black", "cyan"];
/// Those of one with which a store is filled.
pub const SMALL: &[&str] = &["black"];

/// The body of a utilisation report of a printer with these supplies.
pub fn template(supplies: &[&str]) -> String {
    let supply = |name: &str, index: u64| {
        json!({
            "name": name, "index": index, "class": "supplyThatIsConsumed", "type": "tonerCartridge", "colorant": name,
            "unit": "tenthsOfGrams", "capacity": {"state": "known", "amount": 3000},
            "level": {"state": "known", "amount": 1500}, "set_percent": 10, "serial": "SIM",
        })
    };
    let supplies: Vec<Value> = (1..).zip(supplies).map(|(index, name)| supply(name, index)).collect();
    json!({
        "kind": "utilisation", "running_seconds": 900, "failed_reads": 0,
        "readings": {
            "supplies": supplies, "parts": [],
            "temperatures": [{"name": "cabinet", "millidegrees_celsius": {"state": "known", "value": 25000}}],
            "switches": [{"name": "cover", "meaning": "cover", "active": {"state": "known", "value": false}}],
        },
    })
    .to_string()
}

/// The body of the report that a command was carried out.
pub fn outcome(command: &str) -> String {
    format!(
        r#"{{"kind":"outcome","command_id":"{command}","finished":"2026-11-22T10:00:00Z","result":{{"state":"done"}}}}"#
    )
}

/// A batch of one report.
pub fn batch(epoch: &str, sequence: u64, body: &str) -> Vec<u8> {
    batch_of(epoch, sequence, std::iter::once((sequence, body)))
}

/// A batch of reports, each with its sequence; `oldest` is that of the oldest that the device still has.
pub fn batch_of<'a>(epoch: &str, oldest: u64, reports: impl Iterator<Item = (u64, &'a str)>) -> Vec<u8> {
    // Sent a moment after all of them, in the same boot, as an agent says it of every batch.
    let mut text = format!(
        r#"{{"version":1,"epoch":"{epoch}","oldest_sequence":{oldest},"sent":{{"boot_id":"{BOOT}","monotonic_ms":{SENT_MS},"wall":"2026-11-22T09:00:00Z","clock":"synchronised"}},"reports":["#
    );
    for (place, (sequence, body)) in reports.enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(
            text,
            r#"{comma}{{"sequence":{sequence},"simulated":true,"taken":{{"boot_id":"{BOOT}","monotonic_ms":{sequence},"wall":"2026-11-22T09:00:00Z","clock":"synchronised"}},"body":{body}}}"#
        )
        .unwrap();
    }
    text.push_str("]}");
    text.into_bytes()
}

//! Reports as a device writes them, in JSON: what crosses the wire, not what this version's types make
//! of it.

use serde_json::{Value, json};

pub fn supply(percent: u32) -> Value {
    json!({
        "name": "black", "index": 1, "class": "supplyThatIsConsumed", "type": "tonerCartridge",
        "colorant": "black", "unit": "tenthsOfGrams", "capacity": {"state": "known", "amount": 1000},
        "level": {"state": "known", "amount": percent * 10}, "set_percent": 5, "serial": "K-1"
    })
}

pub fn readings(percent: u32) -> Value {
    json!({
        "supplies": [supply(percent)], "parts": [], "temperatures": [],
        "switches": [{"name": "cover", "meaning": "cover", "active": {"state": "known", "value": false}}]
    })
}

pub fn report(sequence: u64, body: &Value) -> Value {
    json!({
        "sequence": sequence, "simulated": true, "body": body,
        "taken": {"boot_id": "boot", "monotonic_ms": 1, "wall": "2026-11-22T10:00:00Z", "clock": "synchronised"}
    })
}

pub fn started(model: &str) -> Value {
    json!({"kind": "started", "agent_version": "0.1.0", "model": model, "readings": readings(60)})
}

pub fn utilisation(percent: u32) -> Value {
    json!({"kind": "utilisation", "running_seconds": 1, "failed_reads": 0, "readings": readings(percent)})
}

pub fn toner_low(id: &str) -> Value {
    json!({"kind": "alert_raised", "alert": {
        "id": id, "severity": "warning", "training": "untrained", "group": "markerSupplies", "group_index": 1,
        "location": null, "code": "markerTonerAlmostEmpty", "description": "black toner at 4 %",
        "subject": "black", "supply": supply(4), "part": null
    }})
}

pub fn cleared(id: &str) -> Value {
    json!({"kind": "alert_cleared", "alert_id": id, "description": "a new cartridge"})
}

pub fn service_call(message: &str) -> Value {
    json!({"kind": "service_call", "entered_by": "command", "message": message})
}

pub fn done(command: &str) -> Value {
    json!({"kind": "outcome", "command_id": command, "finished": "2026-11-22T10:00:00Z", "result": {"state": "done"}})
}

/// A batch that begins with the oldest that the device holds.
pub fn batch(first: u64, bodies: &[Value]) -> Value {
    batch_of(first, first, bodies)
}

pub fn batch_of(oldest: u64, first: u64, bodies: &[Value]) -> Value {
    let reports: Vec<Value> = (first..).zip(bodies).map(|(sequence, body)| report(sequence, body)).collect();
    json!({"version": 1, "epoch": "e1", "oldest_sequence": oldest, "reports": reports})
}

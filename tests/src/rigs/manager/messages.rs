//! Reports as a device writes them, in JSON: what crosses the wire, not what this version's types make
//! of it.

use serde_json::{Value, json};

/// A black cartridge that is so full.
pub fn supply(percent: u32) -> Value {
    json!({
        "name": "black", "index": 1, "class": "supplyThatIsConsumed", "type": "tonerCartridge",
        "colorant": "black", "unit": "tenthsOfGrams", "capacity": {"state": "known", "amount": 1000},
        "level": {"state": "known", "amount": percent * 10}, "set_percent": 5, "serial": "K-1"
    })
}

/// What a printer with one cartridge and a cover reads.
pub fn readings(percent: u32) -> Value {
    json!({
        "supplies": [supply(percent)], "parts": [], "temperatures": [],
        "switches": [{"name": "cover", "meaning": "cover", "active": {"state": "known", "value": false}}]
    })
}

/// A supply with everything that a board file and a history can say of it.
pub fn full_supply(percent: u32) -> Value {
    let mut full = supply(percent);
    let more = json!({
        "set_pages": 500, "set_days": 7, "part_number": "TK-8335K",
        "expected": {"type": "tonerCartridge", "colorant": "black"},
        "outlook": {
            "pages": {"likely": 1200, "at_least": 1000, "at_most": 1500},
            "days": {"likely": 15, "at_least": 12, "at_most": 19}
        }
    });
    full.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    full
}

fn switch(name: &str, meaning: &str, active: bool) -> Value {
    json!({"name": name, "meaning": meaning, "active": {"state": "known", "value": active}})
}

/// What a printer with every kind of sensor reads.
pub fn full_readings(percent: u32) -> Value {
    json!({
        "supplies": [full_supply(percent)],
        "parts": [{
            "name": "fuser", "index": 1, "type": "fuser", "unit": "impressions",
            "used": {"state": "known", "value": 96000}, "rated_life": {"state": "known", "amount": 100_000},
            "serial": "F-1", "part_number": "FK-8500", "set_percent": 5
        }],
        "temperatures": [{
            "name": "fuser", "millidegrees_celsius": {"state": "known", "value": 185_000},
            "role": "fuser", "under": 160_000, "over": 210_000
        }],
        "switches": [
            switch("cover", "cover", false), switch("interlock", "interlock", false), switch("path", "jam", false),
            switch("tray-low", "paper-low", true), switch("tray-empty", "paper-empty", false),
            switch("waste-in", "waste-present", true), switch("waste-full", "waste-full", false),
            switch("exit", "page-exit", false), switch("sleep", "sleep", false),
            switch("order", "order-button", false)
        ],
        "counters": [
            {"kind": "impressions", "unit": "impressions", "value": {"state": "known", "value": 123_456}, "epoch": 1},
            {"kind": "sheets", "unit": "sheets", "value": {"state": "unknown", "cause": {
                "reason": "damaged", "detail": "both copies of the counter are damaged"
            }}}
        ],
        "buses": [
            {"name": "main", "failing": null},
            {"name": "engine", "failing": {"reason": "bus_failing", "detail": "SDA is held low; check the plug of the engine"}}
        ]
    })
}

/// A utilisation with the activity of a quarter of an hour.
pub fn active(percent: u32) -> Value {
    json!({
        "kind": "utilisation", "running_seconds": 900, "failed_reads": 1, "readings": full_readings(percent),
        "activity": {
            "seconds": 900, "idle_seconds": 500, "printing_seconds": 300, "sleeping_seconds": 60,
            "error_seconds": 40, "pages": 120, "pages_per_day": 850,
            "temperatures": [{"name": "fuser", "lowest": 180_000, "highest": 190_000}],
            "buses": [{"name": "main", "failed_transfers": 2, "failed_reads": 1, "recoveries": 1}]
        }
    })
}

/// An order by `platen order`.
pub fn order(id: &str, quantity: u16) -> Value {
    json!({
        "kind": "order", "id": id, "supply": full_supply(4), "quantity": quantity,
        "note": "two for the shelf", "entered_by": "command"
    })
}

/// A black cartridge with 3 % left in it gave way to a full one.
pub fn replaced() -> Value {
    let mut fitted = full_supply(100);
    fitted["serial"] = json!("K-2");
    json!({
        "kind": "replacement", "subject": "black", "change": "replaced", "removed_supply": full_supply(3),
        "fitted_supply": fitted, "removed_part": null, "fitted_part": null
    })
}

/// An alert about a switch, such as a jam.
pub fn condition(id: &str, code: &str, group: &str, subject: &str) -> Value {
    json!({"kind": "alert_raised", "alert": {
        "id": id, "severity": "critical", "training": "untrained", "group": group, "group_index": null,
        "location": 3, "code": code, "description": format!("{code} at {subject}"),
        "subject": subject, "supply": null, "part": null
    }})
}

/// An alert about what has not happened yet.
pub fn forecast(id: &str) -> Value {
    let mut alert = condition(id, "jam", "mediaPath", "path");
    alert["alert"]["forecast"] = json!(true);
    alert["alert"]["evidence"] = json!([
        {"measure": "jams", "unit": "in the last 1000 pages", "observed": 9, "expected": 2}
    ]);
    alert
}

/// A report of a simulated printer under a sequence.
pub fn report(sequence: u64, body: &Value) -> Value {
    json!({
        "sequence": sequence, "simulated": true, "body": body,
        "taken": {"boot_id": "boot", "monotonic_ms": 1, "wall": "2026-11-22T10:00:00Z", "clock": "synchronised"}
    })
}

/// The report of a start.
pub fn started(model: &str) -> Value {
    json!({"kind": "started", "agent_version": "0.1.0", "model": model, "readings": readings(60)})
}

/// The report of a utilisation without activity.
pub fn utilisation(percent: u32) -> Value {
    json!({"kind": "utilisation", "running_seconds": 1, "failed_reads": 0, "readings": readings(percent)})
}

/// The alert that black toner is low.
pub fn toner_low(id: &str) -> Value {
    json!({"kind": "alert_raised", "alert": {
        "id": id, "severity": "warning", "training": "untrained", "group": "markerSupplies", "group_index": 1,
        "location": null, "code": "markerTonerAlmostEmpty", "description": "black toner at 4 %",
        "subject": "black", "supply": supply(4), "part": null
    }})
}

/// The end of an alert.
pub fn cleared(id: &str) -> Value {
    json!({"kind": "alert_cleared", "alert_id": id, "description": "a new cartridge"})
}

/// A call for service by `platen call-service`.
pub fn service_call(message: &str) -> Value {
    json!({"kind": "service_call", "entered_by": "command", "message": message})
}

/// The outcome of a command that was carried out.
pub fn done(command: &str) -> Value {
    json!({"kind": "outcome", "command_id": command, "finished": "2026-11-22T10:00:00Z", "result": {"state": "done"}})
}

/// A batch that begins with the oldest that the device holds.
pub fn batch(first: u64, bodies: &[Value]) -> Value {
    batch_of(first, first, bodies)
}

/// A batch of reports from `first` on, of a device that holds them from `oldest` on.
pub fn batch_of(oldest: u64, first: u64, bodies: &[Value]) -> Value {
    let reports: Vec<Value> = (first..).zip(bodies).map(|(sequence, body)| report(sequence, body)).collect();
    json!({"version": 1, "epoch": "e1", "oldest_sequence": oldest, "reports": reports})
}

//! What every site must carry, and its figures.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rigs::api::Operator;
use platen_protocol::limits::MAX_WAIT as LONGEST_WAIT;

use crate::rigs::agent::process::{Device, Setup};
use crate::rigs::manager::process::Manager;
use crate::rigs::process::{run, until, until_within};

/// Lines for `[uplink]`: a failure is tried again soon, so that a test does not wait for it.
pub const IMPATIENT: &str = "backoff_first = \"100ms\"\nbackoff_limit = \"1s\"\nconnect_timeout = \"3s\"";

/// A device that tries again soon.
pub fn impatient() -> Setup<'static> {
    Setup { uplink: IMPATIENT, ..Setup::default() }
}

/// Until the device says that it has no contact, or has none in another way than `before`: what it says.
pub fn trouble(device: &Device, before: &str) -> Value {
    until("the device says what hinders it", || {
        // An agent that was just started does not answer yet.
        let output = run(device.tool().args(["status", "--json"]), "");
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        let trouble = &status["contact"]["trouble"];
        (trouble.is_object() && trouble["what"] != before).then(|| trouble.clone())
    })
}

/// Until so many parked requests were held to their end, with nothing amiss in between; how long each was.
pub fn parked_requests_are_held(device: &Device, count: usize) -> Vec<Duration> {
    let mut held = Vec::new();
    let mut begin = Instant::now();
    let mut ago = 0;
    while held.len() < count {
        let mut wait = Duration::ZERO;
        until_within(LONGEST_WAIT * 2, "a parked request is answered", || {
            let contact = device.status()["contact"].clone();
            assert!(contact["trouble"].is_null(), "the contact flaps: {contact}");
            wait = Duration::from_secs(contact["wait_seconds"].as_u64()?);
            let now = contact["last_reply_seconds_ago"].as_u64()?;
            (std::mem::replace(&mut ago, now) > now).then_some(())
        });
        // The first comes at any time, and the answer to a report says nothing about parking.
        if begin.elapsed() * 10 > wait * 8 {
            held.push(begin.elapsed());
        }
        begin = Instant::now();
    }
    held
}

/// `platen doctor` on the way to the manager: the steps that failed, with all that it says of them, and what
/// to tell the network's administrator.
pub fn failed_steps(device: &Device) -> (Vec<String>, String) {
    let output = run(device.tool().args(["doctor", "--json"]), "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let way = &report["way"];
    let steps = way["steps"].as_array().unwrap();
    let failed = steps.iter().filter(|step| step["verdict"] == "failed");
    let failed: Vec<&Value> = failed.collect();
    let names = failed.iter().map(|step| step["subject"].as_str().unwrap().to_owned()).collect();
    let words: Vec<String> =
        failed.iter().map(|step| format!("{}; {}", step["what"], step["check"])).collect();
    (names, format!("{}\n{}", words.join("\n"), way["tell"]))
}

/// How long the four things took, from the first start of the agent.
#[derive(Debug, Clone, Copy)]
pub struct Carried {
    /// From the start of the enrolment to its end.
    pub enrolled: Duration,
    /// From the agent's start until the manager had its first report.
    pub first_report: Duration,
    /// From the order at the device until the manager had it.
    pub order: Duration,
    /// From the command at the manager until it had the outcome.
    pub command: Duration,
}

impl std::fmt::Display for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { enrolled, first_report, order, command } = self;
        write!(
            f,
            "enrolled in {enrolled:.1?}, first report after {first_report:.1?}, an order in {order:.1?}, \
             a command and its outcome in {command:.1?}"
        )
    }
}

/// Enrols the device, starts it, and brings a report, an order and a command with its outcome through.
pub fn everything_passes(device: &mut Device, manager: &Manager, operator: &Operator) -> Carried {
    let begin = Instant::now();
    device.enroll(&manager.token(&["--device", device.name()]));
    let enrolled = begin.elapsed();
    let begin = Instant::now();
    device.start();
    until("the first report is there", || (!reports(operator, device.name()).is_empty()).then_some(()));
    let first_report = begin.elapsed();
    device.until_parked();
    let order = order_passes(device, operator);
    let command = command_passes(device.name(), operator);
    device.until_parked();
    nothing_lost_and_nothing_twice(operator, device.name());
    Carried { enrolled, first_report, order, command }
}

/// Orders at the device; until the manager has it once.
pub fn order_passes(device: &Device, operator: &Operator) -> Duration {
    let begin = Instant::now();
    let orders = || operator.json(&format!("/api/v1/orders?device={}&limit=200", device.name()));
    let count = || orders()["items"].as_array().map(Vec::len);
    let before = count().unwrap();
    device.platen(&["order", "black", "--again", "--note", "through the firewall"]);
    until("the order is there", || (count()? > before).then_some(()));
    let took = begin.elapsed();
    assert_eq!(count(), Some(before + 1), "once");
    took
}

/// Commands "read now" from the manager; until its outcome is there.
pub fn command_passes(device: &str, operator: &Operator) -> Duration {
    let begin = Instant::now();
    let path = format!("/api/v1/devices/{device}/commands");
    let sent = operator.post(&path, &json!({"action": {"kind": "read_now"}}));
    assert_eq!(sent.status, 202, "{sent:?}");
    let id = sent.body["id"].as_str().unwrap().to_owned();
    until("the command is done", || {
        let commands = operator.json(&path)["items"].as_array()?.clone();
        commands
            .iter()
            .any(|command| command["id"] == id.as_str() && command["state"] == "done")
            .then_some(())
    });
    begin.elapsed()
}

/// Every report of a device that the manager has, newest first.
pub fn reports(operator: &Operator, device: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut next = format!("/api/v1/reports?device={device}&limit=200");
    loop {
        let page = operator.json(&next);
        all.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("/api/v1/reports?device={device}&limit=200&cursor={cursor}"),
            None => return all,
        }
    }
}

/// In each epoch the manager has every sequence from the first to the last, and each once. How many
/// reports that are.
pub fn nothing_lost_and_nothing_twice(operator: &Operator, device: &str) -> usize {
    let reports = reports(operator, device);
    let mut epochs = std::collections::BTreeMap::<String, Vec<u64>>::new();
    for report in &reports {
        let epoch = report["epoch"].as_str().unwrap().to_owned();
        epochs.entry(epoch).or_default().push(report["sequence"].as_u64().unwrap());
    }
    for (epoch, sequences) in &mut epochs {
        sequences.sort_unstable();
        let expected: Vec<u64> = (1..=u64::try_from(sequences.len()).unwrap()).collect();
        assert_eq!(*sequences, expected, "every sequence of epoch {epoch} once");
    }
    reports.len()
}

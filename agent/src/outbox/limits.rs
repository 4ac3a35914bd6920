//! How much may wait (`[outbox]` of agent.toml), and what is discarded when it is too much: a pure rule.

use std::collections::BTreeMap;
use std::time::Duration;

use platen_protocol::device_to_manager::{EnteredBy, ReportBody};
use serde::Deserialize;

use crate::units;

/// Unless `retry_disk` says otherwise.
pub(super) const RETRY_DISK: Duration = Duration::from_secs(60);

/// What may wait while the manager is out of reach.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboxConfig {
    /// The most reports: 200 to 100,000. The lower bound leaves room for every service call
    /// and order.
    #[serde(deserialize_with = "units::number::<_, _, 200, 100_000>")]
    pub max_reports: usize,
    /// The most bytes of reports: 1 MiB to 1 GiB.
    #[serde(deserialize_with = "units::number::<_, _, 1_048_576, 1_073_741_824>")]
    pub max_bytes: u64,
    /// How often a disk that failed is tried again: 100 ms to 1 h.
    #[serde(deserialize_with = "units::period::<_, 100, 3_600_000>")]
    pub retry_disk: Duration,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self { max_reports: 5_000, max_bytes: 8 * 1024 * 1024, retry_disk: RETRY_DISK }
    }
}

/// The largest report that is kept, as JSON: a batch must have room for it.
pub const MAX_REPORT_BYTES: usize = 64 * 1024;
/// So many service calls and orders may wait. They are never discarded, so they need a limit of their own.
pub const MAX_WAITING_ASKED: usize = 100;
/// Of these, so many places are kept for what is asked for by `platen`: no button can take them, whatever it does.
pub const RESERVED_FROM_BUTTONS: usize = 40;
/// What is counted under this name is a report of a kind that nobody knows any more.
pub(super) const UNKNOWN_KIND: &str = "unknown";

/// What is counted under this name tells how often a service call was repeated.
const PRESSES: &str = "service_call_presses";

/// How dear a report is; the lowest is discarded first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Comes again at the next interval.
    Utilisation = 0,
    /// Comes again with the next change.
    Readings = 1,
    /// Happened once. Outcomes are here too: the journal makes them again when the manager asks again.
    Alert = 2,
    /// A person waits for an answer. Never discarded.
    ServiceCall = 3,
    /// A person waits for a supply. Never discarded.
    Order = 4,
}

impl Rank {
    /// The rank of a report.
    pub fn of(body: &ReportBody) -> Self {
        match body {
            ReportBody::Utilisation(_) => Self::Utilisation,
            ReportBody::Readings(_) | ReportBody::Started(_) => Self::Readings,
            ReportBody::AlertRaised { .. }
            | ReportBody::AlertCleared { .. }
            | ReportBody::AlertsStanding { .. }
            | ReportBody::Replacement(_)
            | ReportBody::Outcome(_)
            | ReportBody::OutboxReplaced(_)
            | ReportBody::Program { .. } => Self::Alert,
            // How often a call was repeated: the next such report tells it again.
            ReportBody::ServiceCall(call) if call.presses.is_some() => Self::Alert,
            ReportBody::ServiceCall(_) => Self::ServiceCall,
            ReportBody::Order(_) => Self::Order,
        }
    }

    /// Whether a button asked for it.
    pub(super) fn is_by_button(body: &ReportBody) -> bool {
        let entered_by = match body {
            ReportBody::ServiceCall(call) => call.entered_by,
            ReportBody::Order(order) => order.entered_by,
            _ => return false,
        };
        entered_by == EnteredBy::Button && Self::of(body).is_asked()
    }

    pub(super) const fn from_db(number: i64) -> Self {
        match number {
            0 => Self::Utilisation,
            1 => Self::Readings,
            2 => Self::Alert,
            3 => Self::ServiceCall,
            _ => Self::Order,
        }
    }

    /// Whether a person asked for it and waits: never discarded.
    pub fn is_asked(self) -> bool {
        matches!(self, Self::ServiceCall | Self::Order)
    }
}

/// The kind that a report is kept under, and counted under if it is lost.
pub(super) fn kind(body: &ReportBody) -> &'static str {
    match body {
        // Nobody is to read that a call was lost.
        ReportBody::ServiceCall(call) if call.presses.is_some() => PRESSES,
        body => body.kind(),
    }
}

/// The kind that a report was kept under, as far as this version knows it.
pub(super) fn known_kind(kind: &str) -> &'static str {
    match kind {
        "started" => "started",
        "alert_raised" => "alert_raised",
        "alert_cleared" => "alert_cleared",
        "alerts_standing" => "alerts_standing",
        "service_call" => "service_call",
        PRESSES => PRESSES,
        "order" => "order",
        "replacement" => "replacement",
        "utilisation" => "utilisation",
        "readings" => "readings",
        "outcome" => "outcome",
        "outbox_replaced" => "outbox_replaced",
        _ => UNKNOWN_KIND,
    }
}

/// What is known of a report that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Which chapter it is in.
    pub chapter: u64,
    /// Its sequence there.
    pub sequence: u64,
    /// How dear it is.
    pub rank: Rank,
    /// Its kind, as in [`ReportBody::kind`], but for counts of presses.
    pub kind: &'static str,
    /// Its size as it is kept.
    pub bytes: u64,
}

/// The places to discard so that the rest is within the limits: lowest rank first, and of one rank the
/// oldest first. Service calls and orders stay whatever the limits say; their number has its own limit.
pub fn to_discard(held: &BTreeMap<u64, Held>, limits: &OutboxConfig) -> Vec<u64> {
    let mut count = held.len();
    let mut bytes: u64 = held.values().map(|held| held.bytes).sum();
    let mut gone = Vec::new();
    for rank in [Rank::Utilisation, Rank::Readings, Rank::Alert] {
        for (place, report) in held.iter().filter(|(_, report)| report.rank == rank) {
            if count <= limits.max_reports && bytes <= limits.max_bytes {
                return gone;
            }
            count -= 1;
            bytes -= report.bytes;
            gone.push(*place);
        }
    }
    gone
}

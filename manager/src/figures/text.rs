//! The figures in the text format of Prometheus, version 0.0.4. The crate writes `OpenMetrics`, in which the name of a counter
//! has its ending only at the values; Prometheus' own format, which `promtool` checks, has it everywhere.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::Serialize;

use super::OfStore;
use crate::counters::TurnedAway;
use crate::durations::Durations;
use crate::intake::Intake;
use crate::watch::endings::{DeviceCertificates, EndingView};
use crate::worst::Worst;

/// The start of every name.
const PREFIX: &str = "platen";

/// One label with its value.
type Label = [(&'static str, String); 1];
type Gauges = Family<Label, Gauge>;

/// Everything there is at a moment.
pub(super) struct Snapshot<'a> {
    pub(super) now: Timestamp,
    pub(super) parked: i64,
    pub(super) endings: &'a [EndingView],
    pub(super) device_certificates: DeviceCertificates,
    pub(super) of_store: Option<&'a OfStore>,
    pub(super) storing: bool,
    pub(super) log_bytes: u64,
    pub(super) commits: &'a Durations,
    pub(super) waiting_writes: usize,
    pub(super) waiting_batches: usize,
    pub(super) turned_away: TurnedAway,
    pub(super) intake: &'a Intake,
}

/// The text for one moment.
pub(super) fn text(all: &Snapshot<'_>) -> String {
    let mut registry = Registry::with_prefix(PREFIX);
    of_manager(&mut registry, all);
    of_devices(&mut registry, all);
    of_certificates(&mut registry, all);
    if let Some(of_store) = all.of_store {
        of_fleet(&mut registry, of_store, all.now);
    }
    let mut text = String::new();
    // It writes to memory, which does not fail.
    let _ = encode_registry(&mut text, &registry);
    with_whole_names(&text)
}

fn number(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: i64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter = Counter::<u64, AtomicU64>::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

fn gauges<K: ToString>(
    registry: &mut Registry,
    (name, label): (&str, &'static str),
    help: &str,
    values: impl IntoIterator<Item = (K, u64)>,
) {
    let family = Gauges::default();
    for (key, value) in values {
        family.get_or_create(&[(label, key.to_string())]).set(number(value));
    }
    registry.register(name, help, family);
}

fn counters<K: ToString>(
    registry: &mut Registry,
    (name, label): (&str, &'static str),
    help: &str,
    values: impl IntoIterator<Item = (K, u64)>,
) {
    let family = Family::<Label, Counter>::default();
    for (key, value) in values {
        family.get_or_create(&[(label, key.to_string())]).inc_by(value);
    }
    registry.register(name, help, family);
}

/// Each number of a struct by the name of its field, as the API calls them.
fn fields(of: &impl Serialize) -> Vec<(String, u64)> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(of) else { return Vec::new() };
    fields.into_iter().filter_map(|(name, value)| Some((name, value.as_u64()?))).collect()
}

fn of_manager(registry: &mut Registry, all: &Snapshot<'_>) {
    let version = (env!("CARGO_PKG_VERSION"), 1);
    gauges(registry, ("build_info", "version"), "The version of this manager", [version]);
    gauge(registry, "store_up", "Whether reports can be stored: 1 or 0", i64::from(all.storing));
    let log = "Size of the database's write-ahead log";
    gauge(registry, "store_log_bytes", log, number(all.log_bytes));
    let waiting = "Pieces of work that wait for the store";
    gauge(registry, "store_waiting_writes", waiting, number(all.waiting_writes));
    let commits = "How long a commit of the store took";
    registry.register("store_commit_duration_seconds", commits, all.commits.histogram());
}

fn of_devices(registry: &mut Registry, all: &Snapshot<'_>) {
    let parked = "Devices whose request waits at this manager";
    gauge(registry, "parked_devices", parked, all.parked);
    let waiting = "Batches of reports that wait for the store";
    gauge(registry, "batches_waiting", waiting, number(all.waiting_batches));
    counter(registry, "reports_accepted", "New reports that were stored", all.intake.reports());
    let refused = all.intake.all_refused().map(|(kind, count)| (kind.word(), count));
    let help = "Batches of reports that were refused, by the kind of the problem";
    counters(registry, ("batches_refused", "reason"), help, refused);
    let batches = "How long a batch of reports took from its last byte until it was stored";
    registry.register("batch_duration_seconds", batches, all.intake.batches().histogram());
    let help = "How often devices were turned away, by the limit of manager.toml";
    counters(registry, ("turned_away", "limit"), help, fields(&all.turned_away));
}

fn of_certificates(registry: &mut Registry, all: &Snapshot<'_>) {
    let certificates = all.endings.iter().filter(|ending| ending.what.is_certificate());
    let ends = certificates.filter_map(|ending| {
        let until = u64::try_from(ending.until?.as_second()).ok()?;
        Some((ending.what.word(), until))
    });
    let help = "When a certificate of this manager ends, as seconds since 1970";
    gauges(registry, ("certificate_end_timestamp_seconds", "certificate"), help, ends);
    let help = "Certificates of devices, by how near they are to their ends";
    gauges(registry, ("device_certificates", "end"), help, fields(&all.device_certificates));
}

fn of_fleet(registry: &mut Registry, of_store: &OfStore, now: Timestamp) {
    let OfStore { counts, own, backup } = of_store;
    let worst = Worst::ALL.map(|worst| (worst.word(), counts.of(worst)));
    let help = "Devices in service, by the worst that is the matter with them";
    gauges(registry, ("devices", "worst"), help, worst);
    gauge(registry, "devices_retired", "Devices out of service", number(counts.retired));
    let calls = "Service calls that are not handled";
    gauge(registry, "open_service_calls", calls, number(counts.open_service_calls));
    let orders = "Orders that are neither delivered nor cancelled";
    gauge(registry, "open_orders", orders, number(counts.open_orders));
    let help = "Open alerts, by what they mean for the printer";
    gauges(registry, ("open_alerts", "class"), help, own.open_alerts.iter().copied());
    gauges(registry, ("rollouts", "state"), "Rollouts, by state", own.rollouts.iter().cloned());
    let help = "Messages to people that are not through, by state";
    gauges(registry, ("messages", "state"), help, own.messages.iter().cloned());
    let notices = "Notices that nobody was told of yet";
    gauge(registry, "notices_waiting", notices, number(own.notices_waiting));
    gauge(registry, "store_size_bytes", "Size of the database", number(own.bytes));
    if let Some(backup) = backup {
        let age = now.duration_since(*backup).as_secs();
        gauge(registry, "backup_age_seconds", "Age of the last backup", age);
    }
}

/// Gives counters the ending of their values in the lines that describe them as well.
fn with_whole_names(open_metrics: &str) -> String {
    let described = |line: &str| -> Option<String> {
        let name = line.strip_prefix("# TYPE ")?.strip_suffix(" counter")?;
        Some(name.to_owned())
    };
    let counters: BTreeSet<String> = open_metrics.lines().filter_map(described).collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what @ ("HELP" | "TYPE")), Some(name), Some(rest))
                if counters.contains(name) =>
            {
                text.extend(["# ", what, " ", name, "_total ", rest]);
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_has_its_whole_name_in_every_line_and_others_stay() {
        let open_metrics =
            "# HELP a Letters a.\n# TYPE a counter\na_total 1\n# HELP b It.\n# TYPE b gauge\nb 2\n";
        let expected = "# HELP a_total Letters a.\n# TYPE a_total counter\na_total 1\n# HELP b It.\n# TYPE b gauge\nb 2\n";
        assert_eq!(with_whole_names(open_metrics), expected);
    }

    #[test]
    fn while_the_store_cannot_be_asked_the_rest_is_told() {
        let (commits, intake) = (Durations::default(), Intake::default());
        intake.stored(2, std::time::Duration::from_millis(1));
        intake.refused(platen_protocol::problem::ProblemKind::OverQuota);
        let text = text(&Snapshot {
            now: "2026-11-22T10:00:00Z".parse().unwrap(),
            parked: 7,
            endings: &[],
            device_certificates: DeviceCertificates { within_7_days: 3, ..DeviceCertificates::default() },
            of_store: None,
            storing: false,
            log_bytes: 4096,
            commits: &commits,
            waiting_writes: 1,
            waiting_batches: 2,
            turned_away: crate::counters::Counters::default().read(),
            intake: &intake,
        });
        for line in [
            "platen_parked_devices 7",
            "platen_store_up 0",
            "platen_store_log_bytes 4096",
            "# TYPE platen_reports_accepted_total counter",
            "platen_reports_accepted_total 2",
            "platen_batches_refused_total{reason=\"over-quota\"} 1",
            "platen_batch_duration_seconds_count 1",
            "platen_device_certificates{end=\"within_7_days\"} 3",
            "platen_turned_away_total{limit=\"connections\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("platen_devices{"), "{text}");
    }
}

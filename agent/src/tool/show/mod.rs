//! Readings, status and findings as text, for `platen` and `platen-agent read`.

mod findings;
mod programs;
mod readings;
mod sections;

use std::fmt::Write as _;

use jiff::{Timestamp, Unit};
use platen_protocol::alert::Alert;

use crate::identity::retired::Retired;
use crate::identity::volatile;
use crate::status::{ContactReport, ContactState, StatusReport};

pub use findings::{connection, findings, verdict};
pub use programs::programs;
pub use readings::readings;
pub use sections::{called_already, ordered_already};

/// The whole status.
pub fn status(status: &StatusReport) -> String {
    let mut out = String::new();
    let mark = if status.simulated { "   SIMULATED" } else { "" };
    let _ = writeln!(out, "{}  {}{mark}", status.device, status.model);
    let _ = writeln!(out, "manager   {}", status.manager.as_deref().unwrap_or("none yet"));
    if let Some(proxy) = &status.contact.proxy {
        let _ = writeln!(out, "          through the proxy {proxy}");
    }
    let _ = writeln!(out, "contact   {}", contact_line(&status.contact));
    if let Some(retired) = &status.retired {
        out.push_str(&retired_line(retired, status.contact.state));
    }
    if let Some(wait) = wait_line(&status.contact) {
        let _ = writeln!(out, "          {wait}");
    }
    if let Some(by) = &status.contact.inspected_by {
        let _ =
            writeln!(out, "          this site inspects TLS: «{by}» reads the traffic, but cannot alter it");
    }
    if status.contact.small_packets {
        out.push_str(
            "          large packets seem not to get through (MTU): small ones are used; see `platen doctor`\n",
        );
    }
    if let Some(trouble) = &status.contact.trouble {
        let _ = writeln!(out, "          why: {}", trouble.what);
        let _ = writeln!(out, "          do:  {}", trouble.remedy);
    }
    let _ = writeln!(out, "backlog   {}", backlog(status));
    if let Some(disk) = &status.outbox.disk {
        let since = age(disk.since_seconds);
        let _ = writeln!(out, "          disk: for {since}, {}", disk.what);
        let _ = writeln!(out, "          do:  {}", disk.remedy);
    }
    if let Some(trouble) = &status.outbox.trouble {
        let _ = writeln!(out, "          {trouble}");
    }
    if let Some(certificate) = certificate(status) {
        let _ = writeln!(out, "identity  {certificate}");
    }
    if let Some(on) = &status.volatile_state {
        let _ = writeln!(out, "state     {}", volatile::what(on));
        let _ = writeln!(out, "          do:  {}", volatile::REMEDY);
    }
    match &status.readings {
        Some(read) => out.push_str(&readings(read)),
        None => out.push_str("\nThe board has not been read yet.\n"),
    }
    if let Some(activity) = &status.activity {
        sections::activity(&mut out, activity);
    }
    sections::settings(&mut out, &status.settings);
    sections::asked(&mut out, &status.asked);
    if status.alerts.is_empty() {
        out.push_str("\nNo alerts.\n");
    } else {
        out.push_str("\nALERTS\n");
        for alert in &status.alerts {
            out.push_str(&self::alert(alert));
        }
    }
    out
}

/// An alert; one that tells of what has not happened yet is followed by what speaks for it.
fn alert(alert: &Alert) -> String {
    let mark = if alert.forecast { "may happen: " } else { "" };
    let mut out = format!("  {:<9} {mark}{}  ({})\n", alert.severity.name(), alert.description, alert.code);
    for evidence in &alert.evidence {
        let _ = write!(out, "  {:<9} because: {} {}", "", evidence.measure, evidence.observed);
        let _ = write!(out, " {}", evidence.unit);
        if let Some(expected) = evidence.expected {
            let _ = write!(out, ", compared with {expected}");
        }
        out.push('\n');
    }
    out
}

fn backlog(status: &StatusReport) -> String {
    let outbox = &status.outbox;
    let mut line = match status.backlog {
        0 => "empty".to_owned(),
        1 => "1 report waits to be sent".to_owned(),
        many => format!("{many} reports wait to be sent ({} KiB)", outbox.bytes.div_ceil(1024)),
    };
    match (outbox.service_call_waits, outbox.order_waits) {
        (true, true) => line.push_str(", a service call and an order among them"),
        (true, false) => line.push_str(", a service call among them"),
        (false, true) => line.push_str(", an order among them"),
        (false, false) => {}
    }
    if outbox.discarded > 0 {
        let _ = write!(line, "; {} discarded since the agent started", outbox.discarded);
    }
    line
}

/// How long this device's certificate is good, so put that it is true whatever the clock says: that it has
/// ended is told with the trouble.
fn certificate(status: &StatusReport) -> Option<String> {
    let mut line = format!("certificate valid until {}", moment(status.certificate_ends?));
    if let Some(from) = status.certificate_renewal {
        let _ = write!(line, ", renews automatically from {}", moment(from));
    }
    Some(line)
}

/// A contact state in a word or two.
pub fn contact(state: ContactState) -> &'static str {
    match state {
        ContactState::NotEnrolled => "not enrolled",
        ContactState::Connecting => "connecting",
        ContactState::Sending => "connected, sending",
        ContactState::Parked => "parked",
        ContactState::Waiting => "no contact",
        ContactState::Stopping => "stopping",
    }
}

fn contact_line(report: &ContactReport) -> String {
    let mut line = format!("{} for {}", contact(report.state), age(report.since_seconds));
    if let Some(protocol) = &report.protocol {
        let _ = write!(line, " ({protocol})");
    }
    match report.last_reply_seconds_ago {
        Some(ago) => {
            let _ = write!(line, ", last reply {} ago", age(ago));
        }
        None => line.push_str(", no reply yet"),
    }
    if let Some(next) = report.trouble.as_ref().and_then(|trouble| trouble.next_try_seconds) {
        let _ = write!(line, ", next try in {}", age(next));
    }
    if report.state == ContactState::NotEnrolled {
        line.push_str(
            "\n          do:  get a token at the service centre (`platen-manager token create`), then run `platen-agent enroll` here",
        );
    }
    line
}

/// That the device was taken out of service.
fn retired_line(retired: &Retired, state: ContactState) -> String {
    let mut line = "          retired at the service centre".to_owned();
    // What cannot be read says no time.
    if retired.at != Timestamp::UNIX_EPOCH {
        let _ = write!(line, " on {}", moment(retired.at));
    }
    if let Some(by) = &retired.by {
        let _ = write!(line, " by {by}");
    }
    line.push_str(if state == ContactState::NotEnrolled {
        ": not under service, and the key and certificates are removed; a new token brings it back\n"
    } else {
        ": the key and certificates are removed once the manager has been told\n"
    });
    line
}

/// What was learnt of the site: how long requests may be parked.
fn wait_line(report: &ContactReport) -> Option<String> {
    let wait = report.wait_seconds?;
    Some(match report.cut_seconds {
        Some(cut) => format!("a request is held for {wait} s; this site cuts idle ones after {cut} s"),
        None => format!("a request is held for {wait} s"),
    })
}

/// A moment in UTC, to the second.
fn moment(at: Timestamp) -> String {
    at.round(Unit::Second).unwrap_or(at).to_string()
}

/// A stretch of time for people.
fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::status::Status;
    use platen_protocol::alert::{AlertCode, AlertGroup, Evidence, Severity, Training};

    /// The whole text, so that a changed word is seen in review. The samples are what an agent answered; the second was
    /// given what one printer seldom has all at once.
    #[test]
    fn the_whole_status_reads_as_it_was_reviewed() {
        let shown = |sample: &str| status(&serde_json::from_str::<StatusReport>(sample).unwrap());
        insta::assert_snapshot!("status_on_a_bad_day", shown(include_str!("samples/status-bad-day.json")));
        insta::assert_snapshot!(
            "status_without_contact",
            shown(include_str!("samples/status-no-contact.json"))
        );
    }

    #[test]
    fn what_has_not_happened_yet_is_marked_and_says_what_speaks_for_it() {
        let jams = Evidence {
            measure: "jams".into(),
            unit: "in the last 1000 pages".into(),
            observed: 7,
            expected: Some(2),
        };
        let shown = alert(&Alert {
            id: "a-1".parse().unwrap(),
            severity: Severity::Warning,
            training: Training::FieldService,
            group: AlertGroup::MediaPath,
            group_index: None,
            location: None,
            code: AlertCode::SubunitRecoverableFailure,
            description: "the paper path jams more often than before".into(),
            subject: "path".into(),
            supply: None,
            part: None,
            forecast: true,
            evidence: vec![jams],
        });
        assert!(shown.contains("may happen: the paper path"), "{shown}");
        assert!(shown.contains("because: jams 7 in the last 1000 pages, compared with 2"), "{shown}");
    }

    #[test]
    fn how_long_the_certificate_is_good_is_told_once_there_is_one() {
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let mut known = Status::new("lobby".parse().unwrap(), "MFP", false, Duration::ZERO);
        let show = |known: &Status| status(&known.report(Duration::ZERO, Timestamp::UNIX_EPOCH));
        assert!(!show(&known).contains("identity"), "it is not enrolled");
        known.certificate_ends = at("2027-11-25T10:00:00Z");
        known.certificate_renewal = at("2027-07-26T20:24:00.5Z");
        let line = "\nidentity  certificate valid until 2027-11-25T10:00:00Z, renews automatically from 2027-07-26T20:24:01Z\n";
        assert!(show(&known).contains(line), "{}", show(&known));
        // An agent that is older than this tool does not say when.
        known.certificate_renewal = None;
        assert!(show(&known).contains("until 2027-11-25T10:00:00Z\n"), "{}", show(&known));
    }
}

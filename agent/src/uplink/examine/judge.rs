//! What the check saw, as findings.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use platen_hal::Verdict::{Doubtful, Failed, Fine};
use platen_protocol::problem::ProblemKind;
use platen_protocol::stamp::ClockQuality;

use super::super::UplinkError;
use super::super::connect_trace::Taken;
use super::super::segments;
use super::{CheckedStep, ConnectionCheck, finding, milliseconds};
use crate::identity::Identity;
use crate::identity::address::Address;
use crate::identity::certificate::Facts;

/// A clock that lies further behind what is known is wrong.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);

/// The times that a device has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// What its clock says.
    pub(super) wall: Timestamp,
    /// Whether something vouches for it.
    pub(super) quality: ClockQuality,
    /// The known good time: it is not earlier than this.
    pub(super) known: Option<Timestamp>,
}

impl Times {
    fn best(self) -> Timestamp {
        match self.known {
            Some(known) => {
                known.max(if self.quality == ClockQuality::Synchronised { self.wall } else { known })
            }
            None => self.wall,
        }
    }
}

/// A check that ended before it began.
pub(super) fn alone(step: CheckedStep) -> ConnectionCheck {
    ConnectionCheck { steps: vec![step], tell: Vec::new() }
}

/// There is no manager to connect to.
pub(super) fn no_manager() -> CheckedStep {
    let check = "set `manager` under [uplink] in agent.toml, then run `platen-agent enroll`";
    finding(
        "manager",
        "",
        Doubtful,
        "no manager is configured, and this device is not enrolled".into(),
        Some(check.into()),
    )
}

/// There is no certificate yet.
pub(super) fn not_enrolled() -> CheckedStep {
    let check = "get a token at the service centre (`platen-manager token create`), then run `platen-agent enroll` here";
    let what = "this device is not enrolled: TLS was not tried".into();
    finding("certificate", "", Doubtful, what, Some(check.into()))
}

/// A step that failed.
pub(super) fn failed(subject: &str, place: &str, cause: &UplinkError) -> CheckedStep {
    let trouble = cause.trouble();
    finding(subject, place, Failed, trouble.what, Some(trouble.remedy))
}

/// The steps of a connection; `cause` belongs to the last of them.
pub(super) fn checked_steps(
    taken: &[Taken],
    address: &Address,
    cause: Option<&UplinkError>,
) -> Vec<CheckedStep> {
    let mut steps: Vec<CheckedStep> = Vec::new();
    for one in taken {
        let name = one.step.name();
        let step = match (&one.found, cause) {
            (Some(found), _) => finding(name, &one.tried, Fine, found.clone(), None),
            (None, Some(cause)) => failed(name, &one.tried, cause),
            (None, None) => continue,
        };
        steps.push(CheckedStep { took_ms: Some(milliseconds(one.took)), ..step });
    }
    let told = steps.iter().any(|step| step.finding.verdict == Failed);
    if let (false, Some(cause)) = (told, cause) {
        steps.push(failed("connection", &address.authority(), cause));
    }
    steps
}

/// What had stalled came about in small packets.
pub(super) fn small_packets(address: &Address) -> CheckedStep {
    let what = format!(
        "packets of full size had no answer and small ones have, so large packets do not seem to get through to {}: the path MTU is smaller than that of this device's network, and the messages that would say so (ICMP) are dropped (RFC 2923). This device continues in small packets, with at most {} bytes of data by IPv4 and {} by IPv6",
        address.authority(),
        segments::SMALL_V4,
        segments::SMALL_V6,
    );
    let check = "ask the network administrator to let ICMP \"fragmentation needed\" (type 3, code 4) and ICMPv6 \"packet too big\" (type 2) pass, or to clamp the TCP segment size (MSS) at the router; or set the MTU of this device's network interface to that of the path".to_owned();
    finding("packet size", &address.authority(), Doubtful, what, Some(check))
}

/// The clock.
pub(super) fn clock(times: Times) -> CheckedStep {
    let Times { wall, quality, known } = times;
    let says = format!("{} UTC", wall.strftime("%Y-%m-%d %H:%M:%S"));
    let behind = known.filter(|known| known.duration_since(wall) > CLOCK_SLACK);
    match (behind, quality) {
        (Some(known), _) => finding(
            "clock",
            &says,
            Doubtful,
            format!(
                "wrong: it is at least {} UTC according to the manager; certificates are checked against that",
                known.strftime("%Y-%m-%d %H:%M")
            ),
            Some("let this device reach a time server (NTP, UDP 123), or set its clock".into()),
        ),
        (None, ClockQuality::Synchronised) => finding("clock", &says, Fine, "synchronised".into(), None),
        (None, _) => finding("clock", &says, Fine, "not synchronised, but plausible".into(), None),
    }
}

/// The device's certificate.
pub(super) fn certificate(identity: &Identity, times: Times) -> CheckedStep {
    lifetime(identity.device.as_str(), &identity.facts, times.best())
}

fn lifetime(device: &str, facts: &Facts, now: Timestamp) -> CheckedStep {
    let day = |moment: Timestamp| moment.strftime("%Y-%m-%d").to_string();
    let step = |verdict, what, check: Option<&str>| {
        finding("certificate", device, verdict, what, check.map(Into::into))
    };
    if now > facts.ends {
        let check = "enrol the device again: `platen-manager token create` at the service centre, then `platen-agent enroll` here";
        return step(Failed, format!("expired on {}", day(facts.ends)), Some(check));
    }
    let days = facts.ends.duration_since(now).as_hours() / 24;
    let left = format!("valid until {} ({days} days left)", day(facts.ends));
    let life = facts.ends.duration_since(facts.begins);
    if now + CLOCK_SLACK < facts.begins {
        let what =
            format!("not valid before {}, which is in the future by this device's clock", day(facts.begins));
        return step(Doubtful, what, Some("check the clock"));
    }
    // It is renewed at two thirds of its life; one that is much older was not.
    if facts.ends.duration_since(now) < life / 6 {
        return step(Doubtful, left, Some("it should have been renewed by now: tell the service centre"));
    }
    step(Fine, left, None)
}

/// What the manager said to a body that it cannot take.
pub(super) fn manager(
    address: &Address,
    protocol: &str,
    answer: Option<&UplinkError>,
    took: Duration,
) -> CheckedStep {
    let expected = |cause: &UplinkError| {
        matches!(
            cause.problem_kind(),
            Some(
                ProblemKind::NotJson
                    | ProblemKind::InvalidRequest
                    | ProblemKind::InvalidReport
                    | ProblemKind::WrongVersion
            )
        )
    };
    let place = address.authority();
    let step = match answer {
        Some(cause) if !expected(cause) => failed("manager", &place, cause),
        _ => finding("manager", &place, Fine, format!("answers over {protocol} and knows this device"), None),
    };
    CheckedStep { took_ms: Some(milliseconds(took)), ..step }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platen_hal::Verdict;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn of(begins: &str, ends: &str, now: &str) -> (Verdict, String) {
        let facts = Facts { begins: at(begins), ends: at(ends), serial: "01".into(), name: None };
        let step = lifetime("lobby", &facts, at(now)).finding;
        (step.verdict, step.what)
    }

    #[test]
    fn a_manager_that_cannot_take_the_body_is_there_and_one_that_knows_no_such_device_is_a_failure() {
        let address: Address = "https://manager.example:8443".parse().unwrap();
        let verdict = |kind: ProblemKind| {
            let problem = platen_protocol::problem::Problem::new(kind, "");
            let status = problem.kind.status();
            let answer = UplinkError::Problem { status, problem: Some(problem), retry_after: None };
            manager(&address, "HTTP/1.1", Some(&answer), Duration::ZERO).finding.verdict
        };
        for kind in [ProblemKind::NotJson, ProblemKind::InvalidRequest, ProblemKind::WrongVersion] {
            assert_eq!(verdict(kind), Verdict::Fine, "{kind:?}");
        }
        assert_eq!(verdict(ProblemKind::UnknownDevice), Verdict::Failed);
    }

    #[test]
    fn a_certificate_is_judged_by_how_much_of_its_life_is_left() {
        let (begins, ends) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
        assert_eq!(of(begins, ends, "2026-03-01T00:00:00Z").0, Fine);
        assert_eq!(
            of(begins, ends, "2026-12-01T00:00:00Z"),
            (Doubtful, "valid until 2027-01-01 (31 days left)".into())
        );
        assert_eq!(of(begins, ends, "2027-02-01T00:00:00Z"), (Failed, "expired on 2027-01-01".into()));
        assert_eq!(of(begins, ends, "2025-12-01T00:00:00Z").0, Doubtful);
    }

    #[test]
    fn a_clock_that_lies_behind_what_is_known_is_doubtful_and_the_known_time_is_told() {
        let times = |wall, known: Option<&str>| Times {
            wall: at(wall),
            quality: ClockQuality::Unsynchronised,
            known: known.map(at),
        };
        let step = clock(times("1970-01-01T00:00:10Z", Some("2026-11-25T00:00:00Z"))).finding;
        assert_eq!(step.verdict, Doubtful);
        assert!(step.what.contains("2026-11-25") && step.check.unwrap().contains("NTP"), "{}", step.what);
        assert_eq!(clock(times("2026-11-26T00:00:00Z", Some("2026-11-25T00:00:00Z"))).finding.verdict, Fine);
        assert_eq!(clock(times("1970-01-01T00:00:10Z", None)).finding.verdict, Fine);
    }

    proptest! {
        #[test]
        fn no_times_make_the_judge_do_worse_than_doubt(
            begins in -8_000_000_000_i64..200_000_000_000, ends in -8_000_000_000_i64..200_000_000_000,
            wall in -8_000_000_000_i64..200_000_000_000, known in prop::option::of(-8_000_000_000_i64..200_000_000_000),
        ) {
            let moment = |seconds| Timestamp::from_second(seconds).unwrap();
            let times = Times { wall: moment(wall), quality: ClockQuality::Unsynchronised, known: known.map(moment) };
            prop_assert!(clock(times).finding.verdict != Failed);
            let facts = Facts { begins: moment(begins), ends: moment(ends), serial: String::new(), name: None };
            let judged = lifetime("d", &facts, times.best()).finding.verdict;
            prop_assert_eq!(judged == Failed, times.best() > facts.ends);
        }
    }
}

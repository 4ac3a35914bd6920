//! What `platen doctor` found.

use std::fmt::Write as _;

use platen_hal::{Finding, Verdict};

use crate::uplink::examine::ConnectionCheck;

/// A verdict in one word.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fine => "fine",
        Verdict::Doubtful => "doubtful",
        Verdict::Failed => "FAILED",
    }
}

/// The findings as a table, then what was found in all.
pub fn findings(findings: &[Finding]) -> String {
    let width = |text: fn(&Finding) -> &str| {
        findings.iter().map(|finding| text(finding).chars().count()).max().unwrap_or(0)
    };
    let (subject, place) = (width(|finding| &finding.subject), width(|finding| &finding.place));
    let mut out = String::new();
    for finding in findings {
        let word = verdict(finding.verdict);
        let _ = writeln!(
            out,
            "{word:<9} {:<subject$}  {:<place$}  {}",
            finding.subject, finding.place, finding.what
        );
        if let Some(check) = &finding.check {
            let _ = writeln!(out, "{:<9} check: {check}", "");
        }
    }
    let count = |wanted| findings.iter().filter(|finding| finding.verdict == wanted).count();
    let _ = writeln!(
        out,
        "{} checked: {} fine, {} doubtful, {} failed",
        findings.len(),
        count(Verdict::Fine),
        count(Verdict::Doubtful),
        count(Verdict::Failed)
    );
    out
}

/// The connection to the manager; where it fails, with what to tell the administrator of the network.
pub fn connection(check: &ConnectionCheck) -> String {
    let timed = |step: &crate::uplink::examine::CheckedStep| {
        let mut finding = step.finding.clone();
        if let Some(took) = step.took_ms {
            let _ = write!(finding.what, " ({took} ms)");
        }
        finding
    };
    let steps: Vec<Finding> = check.steps.iter().map(timed).collect();
    let mut out = format!("\nConnection to the manager:\n{}", findings(&steps));
    if steps.iter().any(|step| step.verdict == Verdict::Failed) && !check.tell.is_empty() {
        out.push_str("\nFor the network administrator:\n");
        for sentence in &check.tell {
            let _ = writeln!(out, "* {sentence}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Answered {
        findings: Vec<Finding>,
        #[serde(rename = "way")]
        connection: ConnectionCheck,
    }

    /// The whole text, so that a changed word is seen in review.
    #[test]
    fn the_whole_of_what_doctor_finds_reads_as_it_was_reviewed() {
        let answered: Answered = serde_json::from_str(include_str!("samples/doctor.json")).unwrap();
        insta::assert_snapshot!("doctor", findings(&answered.findings) + &connection(&answered.connection));
    }

    #[test]
    fn a_chip_that_fails_is_shown_with_its_place_and_what_to_check() {
        let shown = findings(&[Finding {
            subject: "black".into(),
            place: "0x50 on cartridges (/dev/i2c-1)".into(),
            verdict: Verdict::Failed,
            what: "no answer (ENXIO)".into(),
            check: Some("is the cartridge in its place?".into()),
        }]);
        assert!(shown.contains("FAILED    black  0x50 on cartridges (/dev/i2c-1)  no answer"), "{shown}");
        assert!(shown.contains("check: is the cartridge"), "{shown}");
        assert!(shown.contains("1 checked: 0 fine, 0 doubtful, 1 failed"), "{shown}");
    }
}

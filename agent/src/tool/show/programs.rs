//! What runs, what is fetched, what waits, and what was tried and why it went back.

use std::fmt::Write as _;

use platen_protocol::programs::{AttemptOutcome, ProgramStep, RunningProgram, TriedProgram};

use super::age;
use crate::status::programs::{Fetching, ProgramsReport, UnderWay};

/// Bytes of what people call a megabyte.
const MEGABYTE: u64 = 1_000_000;

/// All of it.
pub fn programs(report: &ProgramsReport) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "trust     {}", trust(report));
    let _ = writeln!(out, "asked     {}", asked(report));
    if let Some(trouble) = &report.trouble {
        let _ = writeln!(out, "          last try: {trouble}");
    }
    if let Some(fetching) = &report.fetching {
        let _ = writeln!(out, "fetching  {}", fetched(fetching));
    }
    if let Some(ready) = &report.ready {
        let what = ready.parse::<RunningProgram>();
        let what = what.map_or_else(|_| "a program".to_owned(), |program| named(Some(&program)));
        let _ = writeln!(out, "waiting   {what}: whole, waits for platen-install");
    }
    if let Some(attempt) = &report.attempt {
        let _ = writeln!(out, "under way {}", under_way(attempt));
    }
    out.push_str("\nRUNNING\n");
    for RunningProgram { kind, name, version } in &report.running {
        let _ = writeln!(out, "  {:<24} {:<16} {kind}", name.as_str(), version.as_str());
    }
    if !report.tried.is_empty() {
        out.push_str("\nTRIED, the newest first\n");
    }
    for tried in report.tried.iter().rev() {
        let _ = writeln!(out, "  {}", ended(tried));
    }
    out
}

fn trust(report: &ProgramsReport) -> String {
    report.trusted.map_or_else(
        || "none: no program is installed before somebody plants the maker's root (`platen-install trust FILE`)".to_owned(),
        |trusted| match trusted.targets {
            0 => format!("root {}; no list of programs yet", trusted.root),
            targets => format!("root {}, list of programs {targets}", trusted.root),
        },
    )
}

fn asked(report: &ProgramsReport) -> String {
    let last = report
        .asked_seconds_ago
        .map_or_else(|| "not since the agent was started".to_owned(), |ago| format!("{} ago", age(ago)));
    let next = report.next_seconds.map_or_else(String::new, |next| match next {
        0 => "; asks now".to_owned(),
        next => format!("; asks again in {}", age(next)),
    });
    format!("{last}{next}")
}

fn named(program: Option<&RunningProgram>) -> String {
    program.map_or_else(|| "a program".to_owned(), |program| format!("{} {}", program.name, program.version))
}

fn fetched(fetching: &Fetching) -> String {
    let percent = fetching.bytes.saturating_mul(100).checked_div(fetching.whole).unwrap_or(0);
    let (whole, tenth) = (fetching.whole / MEGABYTE, fetching.whole % MEGABYTE / (MEGABYTE / 10));
    format!("{}: {percent} % of {whole}.{tenth} MB", named(Some(&fetching.program)))
}

fn under_way(attempt: &UnderWay) -> String {
    let step = match attempt.step {
        ProgramStep::Fetching | ProgramStep::Ready => "is being checked",
        ProgramStep::Installing => "is being installed",
        ProgramStep::Confirming => {
            "is installed; stays if this device reads its sensors and reaches the manager"
        }
        ProgramStep::GoingBack => "is being taken back",
        ProgramStep::Refused | ProgramStep::RolledBack | ProgramStep::Failed | ProgramStep::Kept => "ends",
        ProgramStep::Other => "is at a step that this version does not know",
    };
    format!("{} {step}{}", named(attempt.program.as_ref()), why(attempt.reason.as_ref()))
}

fn ended(tried: &TriedProgram) -> String {
    let how = match tried.outcome {
        AttemptOutcome::Kept => "stays",
        AttemptOutcome::RolledBack => "went back",
        AttemptOutcome::Refused => "was refused",
        AttemptOutcome::Failed => "could neither be installed nor taken back: call for service",
        AttemptOutcome::Other => "ended in a way that this version does not know",
    };
    format!("{} {how}{}", named(tried.program.as_ref()), why(tried.reason.as_ref()))
}

fn why(reason: Option<&String>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole text, so that a changed word is seen in review.
    #[test]
    fn what_there_is_to_say_of_programs_reads_as_it_was_reviewed() {
        let shown = |sample: &str| programs(&serde_json::from_str::<ProgramsReport>(sample).unwrap());
        insta::assert_snapshot!(
            "programs_of_a_busy_device",
            shown(include_str!("samples/programs-busy.json"))
        );
        insta::assert_snapshot!(
            "programs_without_trust",
            shown(include_str!("samples/programs-no-trust.json"))
        );
    }
}

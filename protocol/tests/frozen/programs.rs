//! The example messages about programs.

use platen_protocol::device_to_manager::{ReportBatch, ReportBody};
use platen_protocol::manager_to_device::{Action, Reply};
use platen_protocol::programs::range::{ByteRange, ContentRange};
use platen_protocol::programs::{
    AskCause, AttemptOutcome, ProgramRequest, ProgramStep, RunningProgram, TrustedVersions, field,
};
use serde_json::Value;

use super::{example, survives};

#[test]
fn a_request_for_a_program_is_understood() {
    let request: ProgramRequest = survives("program-request.json");
    assert_eq!((request.cause, request.running.len()), (AskCause::Interval, 2));
    assert_eq!(request.trusted, Some(TrustedVersions { root: 1, timestamp: 214, snapshot: 12, targets: 12 }));
    let [kept, back, refused] = request.tried.as_slice() else { panic!("{:?}", request.tried) };
    assert_eq!((kept.outcome, back.outcome), (AttemptOutcome::Kept, AttemptOutcome::RolledBack));
    assert!(refused.program.is_none() && refused.reason.is_some());
    assert_eq!(request.check(), Ok(()));
}

#[test]
fn a_request_of_a_device_on_which_nobody_planted_trust_is_understood() {
    let request: ProgramRequest = survives("program-request-bare.json");
    assert!(request.trusted.is_none() && request.tried.is_empty());
    assert_eq!(request.check(), Ok(()));
}

#[test]
fn a_request_beyond_its_limits_says_which_field() {
    let mut request: ProgramRequest = survives("program-request.json");
    request.running = vec![request.running[0].clone(); 51];
    assert_eq!(request.check().unwrap_err().0, "running");
    let mut request: ProgramRequest = survives("program-request.json");
    request.tried = vec![request.tried[0].clone(); 21];
    assert_eq!(request.check().unwrap_err().0, "tried");
    let mut request: ProgramRequest = survives("program-request.json");
    request.hardware.model = "two\nlines".into();
    assert_eq!(request.check().unwrap_err().0, "hardware.model");
}

#[test]
fn a_cause_and_an_outcome_of_a_later_version_are_others_and_no_error() {
    let mut later = example("program-request.json");
    later["cause"] = Value::from("full_moon");
    later["tried"][0]["outcome"] = Value::from("half_kept");
    let request: ProgramRequest = serde_json::from_value(later).unwrap();
    assert_eq!((request.cause, request.tried[0].outcome), (AskCause::Other, AttemptOutcome::Other));
}

#[test]
fn the_fields_of_an_answer_with_a_program_are_understood() {
    let answer = example("program-answer.json");
    let of = |name: &str| answer["fields"][name].as_str().unwrap_or_else(|| panic!("{name}")).to_owned();
    let asked: ByteRange = answer["asked"]["range"].as_str().unwrap().parse().unwrap();
    let part: ContentRange = of("content-range").parse().unwrap();
    assert!(part.answers(asked));
    assert_eq!(of("content-length"), part.length().to_string());
    assert_eq!(part.to_string(), of("content-range"));
    let program: RunningProgram = of(field::PROGRAM).parse().unwrap();
    assert_eq!(program.to_string(), "agent-package/platen-agent/0.2.0");
    assert_eq!(of(field::METADATA_LENGTH), "19584");
    assert_eq!(of(field::ATTEMPT), "try-3a1b2c3d4e5f6071");
    assert_eq!(answer["asked"]["if-range"].as_str().unwrap(), of("etag"));
}

#[test]
fn a_batch_that_tells_of_programs_is_understood() {
    let batch: ReportBatch = survives("report-batch-program.json");
    let steps: Vec<_> = batch
        .reports
        .iter()
        .map(|report| match &report.body {
            ReportBody::Program { program } => program.step,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(steps, [ProgramStep::Fetching, ProgramStep::RolledBack, ProgramStep::Refused]);
}

#[test]
fn a_step_of_a_later_version_is_another_step_and_no_error() {
    let mut later = example("report-batch-program.json");
    later["reports"][0]["body"]["program"]["step"] = Value::from("thinking");
    let batch: ReportBatch = serde_json::from_value(later).unwrap();
    let ReportBody::Program { program } = &batch.reports[0].body else { panic!("a program's report") };
    assert_eq!(program.step, ProgramStep::Other);
}

#[test]
fn a_reply_that_says_that_a_program_waits_is_understood() {
    let reply: Reply = survives("reply-programs.json");
    assert!(reply.programs);
    assert_eq!(reply.commands[0].action, Action::CheckPrograms);
    let first: Reply = survives("reply.json");
    assert!(!first.programs, "a first version says nothing");
}

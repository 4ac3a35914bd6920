//! `POST …/deploymentBase/{action}/feedback` and `…/cancelAction/{action}/feedback`: what a client tells of an action.

use hyper::body::{Body as _, Bytes};
use hyper::{Request, Response};
use jiff::Timestamp;
use platen_protocol::limits::MAX_REASON_CHARS;
use platen_protocol::problem::{Problem, ProblemKind};
use platen_protocol::programs::ProgramStep;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::answer::Answer;
use super::super::answer_body::AnswerBody;
use super::super::body;
use super::super::context::{Devices, later};
use super::choose::GOES_ON;
use super::who::Asking;
use crate::inform::Event;
use crate::listen::RequestBody;
use crate::store::{Feedback, Took};

/// The largest body of a request, in bytes: swupdate tells its whole log.
const MAX_BYTES: usize = 256 * 1024;
/// The longest word for how far an action is, in characters: the DDI's own have ten.
const MAX_WORD_CHARS: usize = 32;

#[derive(Debug, Deserialize)]
struct Told {
    /// The number of the action once more; some clients leave it out.
    #[serde(default)]
    id: Option<Value>,
    status: Status,
}

#[derive(Debug, Deserialize)]
struct Status {
    execution: String,
    #[serde(default)]
    result: Outcome,
    #[serde(default)]
    details: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Outcome {
    #[serde(default)]
    finished: Option<String>,
}

/// Reads a body, within limits.
pub(super) async fn read<T: DeserializeOwned>(
    devices: &Devices,
    request: Request<RequestBody>,
) -> Result<T, Problem> {
    let too_large =
        || Problem::new(ProblemKind::BodyTooLarge, format!("a body may hold at most {MAX_BYTES} bytes here"));
    let announced = usize::try_from(request.body().size_hint().lower()).unwrap_or(usize::MAX);
    if announced > MAX_BYTES {
        return Err(too_large());
    }
    let bytes = body::read(devices, request).await?;
    if bytes.len() > MAX_BYTES {
        return Err(too_large());
    }
    serde_json::from_slice(&bytes).map_err(|error| Problem::new(ProblemKind::NotJson, error.to_string()))
}

/// All is well, and there is nothing to say.
pub(super) fn done() -> Answer {
    Response::new(AnswerBody::from(Bytes::new()))
}

impl Told {
    fn check(self, action: i64) -> Result<Status, Problem> {
        let refused = |why: String| Problem::new(ProblemKind::InvalidRequest, why);
        let number = match &self.id {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        };
        if let Some(number) = number.filter(|number| *number != action.to_string()) {
            return Err(refused(format!("id is {number:.40}, and the address is that of action {action}")));
        }
        let Status { execution, result, .. } = &self.status;
        let words = [Some(execution), result.finished.as_ref()];
        if words.into_iter().flatten().any(|word| word.chars().count() > MAX_WORD_CHARS) {
            return Err(refused(format!("a word in status has more than {MAX_WORD_CHARS} characters")));
        }
        Ok(self.status)
    }
}

impl Status {
    fn finished(&self) -> &str {
        self.result.finished.as_deref().unwrap_or("none")
    }

    /// What a client says for people, on one line. Of a long log the end is kept, where it says what went wrong.
    fn details(&self) -> String {
        let text = self.details.join("; ");
        let too_many = text.chars().count().saturating_sub(MAX_REASON_CHARS);
        text.chars().skip(too_many).map(|char| if char.is_control() { ' ' } else { char }).collect()
    }

    fn feedback(&self, execution: &str, now: Timestamp) -> Feedback {
        let finished = self.finished().to_owned();
        Feedback { at: now, execution: execution.to_owned(), finished, details: self.details() }
    }
}

/// How far an attempt is, by what a client says, and why it ended where the client says nothing of that. None where it is
/// as far as it was.
fn step(status: &Status) -> Result<(Option<ProgramStep>, &'static str), Problem> {
    Ok(match (status.execution.as_str(), status.finished()) {
        ("closed", "success") => (Some(ProgramStep::Kept), ""),
        ("closed", "failure") => (Some(ProgramStep::Failed), "the client says that it failed, and not why"),
        // Nobody knows what came of it, and so nobody may count on it.
        ("closed", _) => (Some(ProgramStep::Failed), "the client ended without saying that it succeeded"),
        ("rejected", _) => (Some(ProgramStep::Refused), "the client refused it, and does not say why"),
        ("canceled" | "cancelled", _) => (Some(ProgramStep::Failed), "the client cancelled it"),
        ("proceeding" | "resumed", _) => (Some(ProgramStep::Installing), ""),
        ("download", _) => (Some(ProgramStep::Fetching), ""),
        ("downloaded", _) => (Some(ProgramStep::Ready), ""),
        ("scheduled", _) => (None, ""),
        (other, _) => {
            let why = format!(
                "status.execution {other:?} is none of closed, proceeding, download, downloaded, resumed, scheduled, rejected, canceled"
            );
            return Err(Problem::new(ProblemKind::InvalidRequest, why));
        }
    })
}

/// Takes what a client tells of a deployment.
pub(super) async fn of_deployment(
    devices: &Devices,
    asking: &Asking,
    action: i64,
    request: Request<RequestBody>,
    now: Timestamp,
) -> Result<Answer, Problem> {
    let status = read::<Told>(devices, request).await?.check(action)?;
    let (step, reason) = step(&status)?;
    let mut feedback = status.feedback(&status.execution, now);
    if feedback.details.is_empty() {
        reason.clone_into(&mut feedback.details);
    }
    take(devices, asking, action, (feedback, step, false), now).await
}

/// Takes what a client says of an action that was taken back.
pub(super) async fn of_cancel(
    devices: &Devices,
    asking: &Asking,
    action: i64,
    request: Request<RequestBody>,
    now: Timestamp,
) -> Result<Answer, Problem> {
    let status = read::<Told>(devices, request).await?.check(action)?;
    let told = match status.execution.as_str() {
        "closed" | "canceled" | "cancelled" => {
            let mut feedback = status.feedback("cancelled", now);
            let said = std::mem::take(&mut feedback.details);
            let why = "it was taken back at the service centre, and the client has stopped";
            feedback.details = if said.is_empty() { why.to_owned() } else { format!("{why}: {said}") };
            feedback.details = feedback.details.chars().take(MAX_REASON_CHARS).collect();
            (feedback, Some(ProgramStep::Failed), true)
        }
        "rejected" => (status.feedback(GOES_ON, now), None, false),
        _ => (status.feedback("cancelling", now), None, false),
    };
    take(devices, asking, action, told, now).await
}

async fn take(
    devices: &Devices,
    asking: &Asking,
    action: i64,
    told: (Feedback, Option<ProgramStep>, bool),
    now: Timestamp,
) -> Result<Answer, Problem> {
    let device = asking.device.clone();
    let (execution, finished) = (told.0.execution.clone(), told.0.finished.clone());
    let took = devices.store.ddi_told(device.clone(), action, told, now).await;
    match took.map_err(|error| later(devices, &error))? {
        Took::Nothing => Err(Problem::new(ProblemKind::NotFound, "there is no such action for this device")),
        // Whose answer was lost tells the same again.
        Took::Known => Ok(done()),
        Took::News => {
            tracing::info!(%device, action, execution, finished, "a client of the DDI told how it goes");
            devices.informer.publish(Event::of_program(device, now));
            Ok(done())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(execution: &str, finished: &str, details: &[&str]) -> Status {
        let result = json!({"finished": finished, "progress": {"cnt": 1, "of": 2}});
        let status = json!({"execution": execution, "result": result, "details": details});
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn words_of_the_ddi_are_steps_of_an_attempt() {
        let of = |execution, finished| step(&status(execution, finished, &[])).unwrap().0;
        assert_eq!(of("proceeding", "none"), Some(ProgramStep::Installing));
        assert_eq!(of("downloaded", "none"), Some(ProgramStep::Ready));
        assert_eq!(of("closed", "success"), Some(ProgramStep::Kept));
        assert_eq!(of("closed", "failure"), Some(ProgramStep::Failed));
        assert_eq!(of("closed", "none"), Some(ProgramStep::Failed), "nobody knows that it succeeded");
        assert_eq!(of("rejected", "none"), Some(ProgramStep::Refused));
        assert_eq!(of("scheduled", "none"), None);
        assert!(step(&status("done", "none", &[])).unwrap_err().detail.contains("\"done\" is none of"));
    }

    #[test]
    fn the_number_of_the_action_is_compared_where_it_is_told() {
        let told = |id: Value| {
            serde_json::from_value::<Told>(json!({"id": id, "status": {"execution": "closed"}})).unwrap()
        };
        for good in [json!("7"), json!(7), Value::Null] {
            assert!(told(good).check(7).is_ok());
        }
        assert!(told(json!("8")).check(7).unwrap_err().detail.contains("id is 8"));
    }

    #[test]
    fn what_is_said_for_people_is_one_line_of_a_limited_length() {
        assert_eq!(status("closed", "failure", &["no\nroom", "ended"]).details(), "no room; ended");
        let long = "x".repeat(MAX_REASON_CHARS);
        let details = status("closed", "failure", &[&long, "no room"]).details();
        assert!(details.len() == MAX_REASON_CHARS && details.ends_with("x; no room"));
    }
}

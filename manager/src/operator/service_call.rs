//! Service calls, as people at the desk and technicians deal with them: what each may do, what the device is told, who else
//! hears of it.

use jiff::{SignedDuration, Timestamp};
use platen_protocol::manager_to_device::{Action, Command};
use platen_protocol::problem::ProblemKind;

use super::Operators;
use super::command;
use super::problem::Refusal;
use super::said;
use super::view::ServiceCallView;
use super::who::Operator;
use super::words::call_state;
use crate::clock;
use crate::inform::Event;
use crate::rights::Right;
use crate::store::{
    CallAct, CallDetail, CallEntry, CallRefusal, CallWhat, CommandState, MAX_PARTS_USED, NewCall,
    OpenRefusal, PartUsed, Scope, ServiceCallState,
};

/// The longest comment or message, in characters.
pub(super) const MAX_WORDS_CHARS: usize = 2_000;
/// The longest number of a ticket, in characters.
pub(super) const MAX_TICKET_CHARS: usize = 100;
/// The longest name of a part, in characters.
const MAX_PART_CHARS: usize = 100;
/// The most pieces of a part.
const MAX_PIECES: u16 = 999;
/// A device that hears later than this that somebody is on the way need not say so any more.
const ON_THE_WAY_FOR: SignedDuration = SignedDuration::from_hours(4);

/// What somebody wants to do with a call.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    /// It is to have this state.
    Move { to: ServiceCallState, technician: Option<String>, parts: Vec<PartUsed> },
    /// A comment.
    Comment,
    /// Its number in another system.
    Ticket(Option<String>),
}

fn invalid(words: impl Into<String>) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, words)
}

/// One call that the operator sees.
pub(super) async fn one(operators: &Operators, scope: &Scope, id: i64) -> Result<CallDetail, Refusal> {
    operators.store.call(scope, id).await?.ok_or_else(|| Refusal::not_found("service call"))
}

/// Parts as somebody wrote them down, if they can be.
fn parts(parts: Vec<PartUsed>) -> Result<Vec<PartUsed>, Refusal> {
    if parts.len() > MAX_PARTS_USED {
        return Err(invalid(format!("parts: at most {MAX_PARTS_USED} are written down for one call")));
    }
    let read = |used: PartUsed| -> Result<PartUsed, Refusal> {
        let part = said::line("the name of a part", &used.part, MAX_PART_CHARS)?;
        let part = part.ok_or_else(|| invalid("parts: say which part it was"))?;
        if !(1..=MAX_PIECES).contains(&used.quantity) {
            return Err(invalid(format!(
                "parts: the quantity of {part:?} must be between 1 and {MAX_PIECES}"
            )));
        }
        Ok(PartUsed { part, quantity: used.quantity })
    };
    parts.into_iter().map(read).collect()
}

/// Whom calls are given to, and what ends them without work, is for dispatchers; technicians move what is theirs.
fn check_right(operator: &Operator, to: ServiceCallState, technician: Option<&str>) -> Result<(), Refusal> {
    let another = technician.is_some_and(|technician| technician != operator.name);
    if another || to == ServiceCallState::Cancelled { operator.check(Right::Dispatch) } else { Ok(()) }
}

/// What tells the device of a call that somebody is on the way.
fn announce(detail: &CallDetail, technician: &str, by: &str, now: Timestamp) -> Result<Command, Refusal> {
    let action = Action::TechnicianOnTheWay {
        service_call: detail.call.name.clone(),
        technician: Some(technician.to_owned()),
    };
    command::made(action, by, (now, ON_THE_WAY_FOR))
}

/// Does something with a call, and tells everybody who looks; what it is then. Without a version whatever anybody did meanwhile
/// does not matter.
pub(super) async fn act(
    operators: &Operators,
    operator: &Operator,
    (id, version): (i64, Option<i64>),
    (wish, words): (Wish, Option<&str>),
) -> Result<ServiceCallView, Refusal> {
    let now = clock::now();
    let words = said::text("what you write", words.unwrap_or_default(), MAX_WORDS_CHARS)?;
    let mut command = None;
    let act = match wish {
        Wish::Move { to, technician, parts: used } => {
            check_right(operator, to, technician.as_deref())?;
            if to == ServiceCallState::OnTheWay {
                let detail = one(operators, operator.scope(), id).await?;
                let known = technician.as_deref().or(detail.call.technician.as_deref());
                let who = known.unwrap_or(&operator.name);
                command = Some(announce(&detail, who, &operator.name, now)?);
            }
            CallAct::Move(to, technician, parts(used)?)
        }
        Wish::Comment if words.is_none() => return Err(invalid("words: write something")),
        Wish::Comment => CallAct::Comment,
        Wish::Ticket(ticket) => {
            let ticket = ticket.as_deref().unwrap_or_default();
            CallAct::Ticket(said::line("the number of the ticket", ticket, MAX_TICKET_CHARS)?)
        }
    };
    let moved = matches!(act, CallAct::Move(..));
    let by = (operator.name.clone(), now);
    let which = (id, version);
    let done =
        operators.store.act_on_call(operator.scope(), which, (act, words), command.clone(), by).await?;
    let done = done.map_err(|refusal| refused(&refusal))?;
    let call = ServiceCallView::new(done.call, now);
    if let (Some(command), Some(Ok(()))) = (command, &done.command) {
        let event = Event::of_command(call.device.clone(), command.id.clone(), CommandState::Waiting, now);
        operators.informer.publish(event);
        operators.mailbox.put(&call.device, command);
    }
    tell(operators, &call, moved, now);
    Ok(call)
}

/// Tells pages, programs and the device of what was done.
fn tell(operators: &Operators, call: &ServiceCallView, moved: bool, now: Timestamp) {
    if moved {
        // It shows how its call stands, and counts no repeats of one that is over.
        operators.mailbox.wake(&call.device);
    }
    let event = Event::new("service_call_changed", call.device.clone(), now);
    operators.informer.publish(Event {
        service_call_id: Some(call.id),
        service_call_state: Some(call.state),
        ..event
    });
}

/// Gives a call a state, whatever anybody did with it before.
pub(super) async fn set(
    operators: &Operators,
    operator: &Operator,
    id: i64,
    to: ServiceCallState,
) -> Result<(), Refusal> {
    let wish = Wish::Move { to, technician: None, parts: Vec::new() };
    act(operators, operator, (id, None), (wish, None)).await.map(drop)
}

/// Opens a call at the desk; its number.
pub(super) async fn open(
    operators: &Operators,
    operator: &Operator,
    mut new: NewCall,
) -> Result<i64, Refusal> {
    let now = clock::now();
    new.message = said::text("the message", new.message.as_deref().unwrap_or_default(), MAX_WORDS_CHARS)?;
    let device = new.device.clone();
    let opened = operators.store.open_call(operator.scope(), new, operator.name.clone(), now).await?;
    let id = opened.map_err(|refusal| {
        let kind = match refusal {
            OpenRefusal::UnknownDevice => return Refusal::not_found("device"),
            OpenRefusal::UnknownAlert | OpenRefusal::AboutNothing => ProblemKind::InvalidRequest,
            OpenRefusal::Retired | OpenRefusal::TooMany => ProblemKind::StateConflict,
        };
        Refusal::new(kind, refusal.to_string())
    })?;
    let event = Event::new("service_call_changed", device, now);
    let state = Some(ServiceCallState::Open);
    operators.informer.publish(Event { service_call_id: Some(id), service_call_state: state, ..event });
    Ok(id)
}

/// What somebody did, behind their name.
pub(super) fn did(entry: &CallEntry) -> String {
    let words = |before: String| match &entry.words {
        Some(words) => format!("{before}: “{words}”"),
        None => before,
    };
    match (entry.what, &entry.technician) {
        (CallWhat::Opened, _) => words("asked for service".to_owned()),
        (CallWhat::Moved, Some(technician)) if entry.state.is_sent() => {
            words(format!("set it to “{}”, by {technician}", call_state(entry.state)))
        }
        (CallWhat::Moved, _) => words(format!("set it to “{}”", call_state(entry.state))),
        (CallWhat::Commented, _) => match &entry.words {
            Some(words) => format!("wrote: “{words}”"),
            None => "wrote something".to_owned(),
        },
        (CallWhat::Ticketed, _) => match &entry.words {
            Some(ticket) => format!("gave it the ticket {ticket}"),
            None => "took its ticket away".to_owned(),
        },
    }
}

/// Who did it.
pub(super) fn who(entry: &CallEntry) -> &str {
    let otherwise = match entry.what {
        CallWhat::Opened => "Somebody at the printer",
        _ => "Another system",
    };
    entry.who.as_deref().unwrap_or(otherwise)
}

/// Why nothing was done, and what to do.
fn refused(refusal: &CallRefusal) -> Refusal {
    match refusal {
        CallRefusal::Missing => Refusal::not_found("service call"),
        CallRefusal::Changed(call, last) => {
            let what = last.as_ref().map_or_else(
                || "it has changed".to_owned(),
                |entry| format!("{} {}", who(entry), did(entry)),
            );
            let version = call.version;
            Refusal::new(
                ProblemKind::ChangedMeanwhile,
                format!(
                    "since you looked, {what}. Nothing of yours was done: look at it again (it has version {version} now), then decide"
                ),
            )
        }
        CallRefusal::NoTechnician(name) => invalid(format!(
            "technician: there is no operator {name:?} who works on service calls: name a technician, a dispatcher or an administrator"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_names_and_numbers_that_can_be() {
        let used = |part: &str, quantity| PartUsed { part: part.into(), quantity };
        assert_eq!(parts(vec![used(" FU-450 ", 1)]).unwrap(), [used("FU-450", 1)]);
        let refused = |all| parts(all).unwrap_err().0.detail;
        assert!(refused(vec![used(" ", 1)]).contains("say which part"));
        assert!(refused(vec![used("FU-450", 0)]).contains("between 1 and 999"));
        assert!(refused(vec![used("FU-450", 1); 51]).contains("at most 50"));
    }

    #[test]
    fn what_was_done_reads_as_a_sentence_behind_a_name() {
        let entry = |what, state, technician: Option<&str>, words: Option<&str>| CallEntry {
            key: 1,
            at: Timestamp::UNIX_EPOCH,
            who: None,
            what,
            state,
            technician: technician.map(Into::into),
            words: words.map(Into::into),
        };
        let opened = entry(CallWhat::Opened, ServiceCallState::Open, None, Some("jams"));
        assert_eq!(
            format!("{} {}", who(&opened), did(&opened)),
            "Somebody at the printer asked for service: “jams”"
        );
        let moved = entry(CallWhat::Moved, ServiceCallState::OnTheWay, Some("tom"), None);
        assert_eq!(did(&moved), "set it to “On the way”, by tom");
        let ticket = entry(CallWhat::Ticketed, ServiceCallState::Seen, None, Some("INC-7"));
        assert_eq!(format!("{} {}", who(&ticket), did(&ticket)), "Another system gave it the ticket INC-7");
    }
}

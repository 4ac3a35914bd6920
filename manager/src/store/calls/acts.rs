//! What people do with a call. Each act is one transaction, and names the version of the call that the person saw: of two who act
//! at once the second is told what the first did, and nothing is overwritten. Words only come to what is there, so they need no
//! version.

use std::sync::Arc;

use jiff::Timestamp;
use platen_protocol::manager_to_device::Command;
use serde::Serialize;

use super::super::commands::{CommandRefusal, put};
use super::super::engine::{Connection, Row, values};
use super::super::sight::sees_row;
use super::super::statements::{self as all_statements, calls as statements, fleet};
use super::super::states::refresh;
use super::super::writer::WriteContext;
use super::super::{Scope, Store, StoreError, to_json};
use super::records::{CallEntry, CallWhat, PartUsed, ServiceCallRecord, ServiceCallState};
use crate::rights::{Right, Role};

/// What stands for a moment that never comes.
pub(super) const NEVER_DUE: i64 = i64::MAX;

/// What somebody does with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallAct {
    /// It gets this state, and perhaps another technician; parts that were used.
    Move(ServiceCallState, Option<String>, Vec<PartUsed>),
    /// Somebody writes something.
    Comment,
    /// It gets this number in another system, or none.
    Ticket(Option<String>),
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallRefusal {
    /// There is none of that name, as far as whoever asks sees.
    Missing,
    /// Somebody did something since the person saw it: the call as it is now, and that.
    Changed(Box<ServiceCallRecord>, Option<CallEntry>),
    /// Nobody of that name works on service calls.
    NoTechnician(String),
}

/// A call after an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    /// As it is now.
    pub call: ServiceCallRecord,
    /// Whether the command that came with the act waits for the device now; `None` if none came.
    pub command: Option<Result<(), CommandRefusal>>,
}

/// What the notice of a call says.
#[derive(Debug, Serialize)]
pub(in crate::store) struct CallNotice<'a> {
    pub(in crate::store) service_call: i64,
    pub(in crate::store) state: ServiceCallState,
    pub(in crate::store) message: Option<&'a str>,
    pub(in crate::store) by: Option<&'a str>,
    pub(in crate::store) technician: Option<&'a str>,
    pub(in crate::store) words: Option<&'a str>,
}

/// A call as it is acted on.
struct Found {
    call: ServiceCallRecord,
    device: i64,
}

/// What is to be done by whom.
struct Asked {
    key: i64,
    version: Option<i64>,
    act: CallAct,
    words: Option<String>,
    command: Option<Command>,
    by: String,
    now: Timestamp,
}

fn found(row: &Row<'_>) -> Result<Found, StoreError> {
    Ok(Found { call: ServiceCallRecord::from_row(row)?, device: row.get(29)? })
}

impl Store {
    /// Does something with a call, if it still is what the person saw; what it is then. A command goes to its device with that.
    pub async fn act_on_call(
        &self,
        scope: &Scope,
        (key, version): (i64, Option<i64>),
        (act, words): (CallAct, Option<String>),
        command: Option<Command>,
        (by, now): (String, Timestamp),
    ) -> Result<Result<Acted, CallRefusal>, StoreError> {
        let (open, scope) = (Arc::clone(&self.open), scope.clone());
        let asked = Asked { key, version, act, words, command, by, now };
        let acted = move |context: &mut WriteContext<'_>| {
            if !sees_row(context.connection, &scope, "service_calls", asked.key)? {
                return Ok(Err(CallRefusal::Missing));
            }
            act_on(context, &asked)
        };
        let then = move |done: &Result<Acted, CallRefusal>| {
            if let Ok(acted) = done {
                open.changed(&acted.call.device);
            }
        };
        self.writer.write_then(acted, then).await
    }

    /// What was done with a call that the scope sees, the newest first, those below `before`.
    pub async fn call_history(
        &self,
        scope: &Scope,
        key: i64,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<CallEntry>, StoreError> {
        let scope = scope.clone();
        self.readers
            .clone()
            .read(move |connection| {
                if !sees_row(connection, &scope, "service_calls", key)? {
                    return Ok(Vec::new());
                }
                let before = before.unwrap_or(i64::MAX);
                connection.all(statements::ACTS, values![key, before, limit], CallEntry::from_row)
            })
            .await
    }
}

/// In PostgreSQL nobody else does anything with the call from here on, and nothing of its device changes: held in the order in
/// which whoever takes a report in holds them.
fn hold(connection: &Connection, key: i64) -> Result<(), StoreError> {
    if let Connection::Postgres(_) = connection {
        let device: Option<i64> = connection.one(statements::DEVICE_OF, values![key], |row| row.get(0))?;
        if let Some(device) = device {
            connection.exists(fleet::HOLD_STATE, values![device])?;
        }
        connection.exists(statements::HOLD, values![key])?;
    }
    Ok(())
}

fn act_on(context: &WriteContext<'_>, asked: &Asked) -> Result<Result<Acted, CallRefusal>, StoreError> {
    let connection = context.connection;
    hold(connection, asked.key)?;
    let Some(Found { call, device }) = connection.one(statements::ACTED_ON, values![asked.key], found)?
    else {
        return Ok(Err(CallRefusal::Missing));
    };
    if asked.version.is_some_and(|version| version != call.version) {
        let newest = values![asked.key, i64::MAX, 1];
        let last = connection.one(statements::ACTS, newest, CallEntry::from_row)?;
        return Ok(Err(CallRefusal::Changed(Box::new(call), last)));
    }
    let mut command = None;
    match &asked.act {
        CallAct::Move(to, technician, parts) => {
            if let Some(named) = technician
                && !is_technician(connection, named)?
            {
                return Ok(Err(CallRefusal::NoTechnician(named.clone())));
            }
            if let Some(wanted) = &asked.command {
                command = Some(put(connection, device, wanted, &asked.by)?);
            }
            let told = asked.command.as_ref().filter(|_| command == Some(Ok(())));
            move_to(connection, &Found { call, device }, (*to, technician.as_deref(), parts), asked, told)?;
            refresh(connection, device, None)?;
        }
        CallAct::Comment => {
            connection.execute(statements::TOUCH, values![asked.key])?;
            let what = (Some(asked.by.as_str()), CallWhat::Commented, call.state);
            note(connection, (asked.key, device), what, (None, asked.words.as_deref()), asked.now)?;
        }
        CallAct::Ticket(ticket) => {
            connection.execute(statements::SET_TICKET, values![asked.key, ticket])?;
            let what = (Some(asked.by.as_str()), CallWhat::Ticketed, call.state);
            note(connection, (asked.key, device), what, (None, ticket.as_deref()), asked.now)?;
        }
    }
    let call = connection.row(statements::ACTED_ON, values![asked.key], found)?.call;
    Ok(Ok(Acted { call, command }))
}

fn is_technician(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    let role: Option<String> = connection.one(statements::ROLE_OF, values![name], |row| row.get(0))?;
    Ok(role.and_then(|role| role.parse::<Role>().ok()).is_some_and(|role| role.has(Right::Calls)))
}

/// Gives a call a state, with everything that follows.
fn move_to(
    connection: &Connection,
    Found { call, device }: &Found,
    (to, technician, parts): (ServiceCallState, Option<&str>, &[PartUsed]),
    asked: &Asked,
    command: Option<&Command>,
) -> Result<(), StoreError> {
    let (by, words, at) = (asked.by.as_str(), asked.words.as_deref(), asked.now.as_millisecond());
    let kept = technician.or(call.technician.as_deref());
    // Whoever says that somebody goes there, and does not say who, goes.
    let technician = if to.is_sent() { Some(kept.unwrap_or(by)) } else { kept };
    let answered = call.answered.map_or(at, Timestamp::as_millisecond);
    let answered = (to != ServiceCallState::Open).then_some(answered);
    let closed = (!to.is_open()).then_some(at);
    let work = words.filter(|_| to == ServiceCallState::Done);
    let parts = (!parts.is_empty()).then(|| to_json("list of parts", &parts)).transpose()?;
    let due = if closed.is_some() { NEVER_DUE } else { next_due(call, answered.is_some()) };
    let told = command.map(|command| command.id.as_str());
    connection.execute(
        statements::MOVE,
        values![call.key, to.word(), at, by, closed, technician, work, parts, answered, due, told],
    )?;
    note(connection, (call.key, *device), (Some(by), CallWhat::Moved, to), (technician, words), asked.now)?;
    let kind = if to.is_open() { "service_call_moved" } else { "service_call_over" };
    let told = CallNotice {
        service_call: call.key,
        state: to,
        message: call.message.as_deref(),
        by: Some(by),
        technician,
        words,
    };
    notice(connection, (*device, call.version + 1), kind, &told, asked.now)
}

/// What of a call that is not over is due next.
fn next_due(call: &ServiceCallRecord, answered: bool) -> i64 {
    let answer = call.answer_due.filter(|_| !answered);
    let next = answer.into_iter().chain(call.repair_due).min();
    next.map_or(NEVER_DUE, Timestamp::as_millisecond)
}

/// A call is done, because what stands for it in the list of what needs a person was closed.
pub(in crate::store) fn close_by_hand(
    connection: &Connection,
    key: i64,
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(found) = connection.one(statements::ACTED_ON, values![key], found)? else { return Ok(()) };
    let asked = Asked {
        key,
        version: None,
        act: CallAct::Comment,
        words: None,
        command: None,
        by: by.to_owned(),
        now,
    };
    move_to(connection, &found, (ServiceCallState::Done, None, &[]), &asked, None)
}

/// Another system answered a message about calls with the number of its ticket: those that have none yet have it from now on.
pub(in crate::store) fn ticket_came(
    connection: &Connection,
    message: &str,
    ticket: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let subjects: Vec<String> =
        connection.all(statements::SUBJECTS_OF, values![message], |row| row.get(0))?;
    for subject in subjects {
        let key = subject.rsplit_once("/service_call/").and_then(|(_, key)| key.parse::<i64>().ok());
        let Some(key) = key else { continue };
        if connection.execute(statements::TICKET_CAME, values![key, ticket])? == 1 {
            let Found { call, device } = connection.row(statements::ACTED_ON, values![key], found)?;
            let what = (None, CallWhat::Ticketed, call.state);
            note(connection, (key, device), what, (None, Some(ticket)), now)?;
        }
    }
    Ok(())
}

/// Writes down who did what.
pub(super) fn note(
    connection: &Connection,
    (call, device): (i64, i64),
    (who, what, state): (Option<&str>, CallWhat, ServiceCallState),
    (technician, words): (Option<&str>, Option<&str>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let (at, what, state) = (now.as_millisecond(), what.word(), state.word());
    let entry = values![call, device, at, who, what, state, technician, words];
    connection.execute(statements::NOTE, entry).map(drop)
}

/// What people and other systems are to hear of a call, in the same transaction.
pub(super) fn notice(
    connection: &Connection,
    (device, version): (i64, i64),
    kind: &str,
    told: &CallNotice<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let origin = format!("service-call/{}/{version}", told.service_call);
    let (at, body) = (now.as_millisecond(), to_json("service call", told)?);
    let row = values![origin, device, kind, at, body];
    connection.execute(all_statements::ADD_NOTICE, row).map(drop)
}

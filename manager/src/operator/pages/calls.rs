//! `GET /calls`: service calls, what is due first; `GET /calls/{id}`: one call with how the machine was, what was done and what can
//! be done; `POST /calls`, `/calls/{id}/{act}`: that.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, Redirect};
use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::problem::Refusal;
use super::super::service_call::{self, Wish};
use super::super::view::{ServiceCallView, SignalView, TimeView};
use super::super::who::Operator;
use super::super::{Operators, Shared};
use super::device::bad_form;
use super::{Frame, filters, render_at, words};
use crate::agreement::Kept;
use crate::clock;
use crate::rights::Right;
use crate::store::{
    CallCounts, CallDetail, CallEntry, CallFilter, CallPlace, CallTimes, CommandState, CustomerRecord,
    NewCall, OperatorRecord, PartUsed, ServiceCallState, Snapshot,
};

/// Calls on a page.
const ON_A_PAGE: u32 = 50;
/// Customers that can be chosen.
const CUSTOMERS: u32 = 200;
/// Entries of a call's history that are shown.
const HISTORY_SHOWN: u32 = 200;
/// Technicians that can be chosen.
const TECHNICIANS: u32 = 500;
/// Times are counted over so many days.
const TIMES_DAYS: i64 = 30;

/// What is asked of the list, by address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CallsForm {
    /// The word of a state, `mine`, `overdue` or `closed`; nothing for all that are open.
    state: String,
    customer: String,
    device: String,
    after: String,
}

impl CallsForm {
    fn asked(&self, operator: &str, now: Timestamp) -> Result<(CallFilter, Option<CallPlace>), Refusal> {
        let wrong =
            |what: &str| Refusal::new(ProblemKind::InvalidRequest, format!("{what}: there is no such one"));
        let mut filter = CallFilter::default();
        match self.state.as_str() {
            "" => {}
            "mine" => filter.technician = Some(operator.to_owned()),
            "overdue" => filter.due_before = Some(now),
            "closed" => filter.closed = true,
            word => {
                let state = ServiceCallState::ALL.into_iter().find(|state| state.word() == word);
                let state = state.ok_or_else(|| wrong("state"))?;
                filter.closed = !state.is_open();
                filter.state = Some(state);
            }
        }
        if !self.customer.is_empty() {
            filter.customer = Some(self.customer.parse().map_err(|_not_one| wrong("customer"))?);
        }
        if !self.device.is_empty() {
            filter.device = Some(self.device.parse().map_err(|_not_one| wrong("device"))?);
        }
        let after =
            (!self.after.is_empty()).then(|| self.place().ok_or_else(|| wrong("after"))).transpose()?;
        Ok((filter, after))
    }

    fn place(&self) -> Option<CallPlace> {
        let (at, key) = self.after.split_once('.')?;
        Some(CallPlace { at: at.parse().ok()?, key: key.parse().ok()? })
    }

    /// The address of the same list in another state, from its beginning.
    fn in_state(&self, state: &str) -> String {
        Self { state: state.to_owned(), after: String::new(), ..self.clone() }.address()
    }

    fn address(&self) -> String {
        let fields = [
            ("state", &self.state),
            ("customer", &self.customer),
            ("device", &self.device),
            ("after", &self.after),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        // Each is a word, a number or a name of a device: nothing in them has to be escaped.
        let query: Vec<String> = given.map(|(name, value)| format!("{name}={value}")).collect();
        if query.is_empty() { "/calls".to_owned() } else { format!("/calls?{}", query.join("&")) }
    }

    fn filters(&self) -> bool {
        !(self.state.is_empty() && self.customer.is_empty() && self.device.is_empty())
    }
}

/// A call as a line shows it.
struct Line {
    call: ServiceCallView,
    customer: Option<(i64, String)>,
    site: Option<String>,
    place: Option<String>,
}

impl Line {
    fn new(detail: CallDetail, now: Timestamp) -> Self {
        let CallDetail { call, customer, site, place, .. } = detail;
        Self { call: ServiceCallView::new(call, now), customer, site, place }
    }

    fn what(&self) -> &str {
        self.call.message.as_deref().unwrap_or("Service requested")
    }

    fn class(&self) -> &'static str {
        if self.call.overdue {
            "critical"
        } else if self.call.is_open() {
            "service"
        } else {
            "over"
        }
    }

    /// What is due next: what it is called, and when.
    fn due(&self) -> Option<(&'static str, Timestamp)> {
        let waits = |time: &Option<TimeView>| time.filter(|time| time.done.is_none()).map(|time| time.due);
        let answer = waits(&self.call.answer).map(|due| ("Answer", due));
        let repair = waits(&self.call.repair).map(|due| ("Repair", due));
        answer.into_iter().chain(repair).min_by_key(|(_, due)| *due).filter(|_| self.call.is_open())
    }
}

#[derive(Template)]
#[template(path = "calls/list.html")]
struct CallsPage {
    frame: Frame,
    form: CallsForm,
    counts: CallCounts,
    customers: Vec<CustomerRecord>,
    lines: Vec<Line>,
    next: Option<String>,
    times: Vec<CallTimes>,
}

impl CallsPage {
    /// The states, with how many there are where that is counted.
    fn states(&self) -> [(&'static str, &'static str, Option<u64>); 9] {
        let CallCounts { open, seen, sent, mine, overdue } = self.counts;
        [
            ("", "Open", Some(open + seen + sent)),
            ("overdue", "Overdue", Some(overdue)),
            ("mine", "Mine", Some(mine)),
            ("open", "Not seen", Some(open)),
            ("seen", "Not dispatched", Some(seen)),
            ("dispatched", "Dispatched", None),
            ("on_the_way", "On the way", None),
            ("at_device", "At the device", None),
            ("closed", "Closed", None),
        ]
    }

    fn is_chosen(&self, customer: &CustomerRecord) -> bool {
        customer.key.to_string() == self.form.customer
    }

    /// Whether something was agreed with anybody.
    fn has_times(&self) -> bool {
        self.times.iter().any(|times| {
            let ((answered, late), (repaired, missed)) = (times.answer, times.repair);
            answered + late + repaired + missed > 0
        })
    }

    fn name_of(times: &CallTimes) -> &str {
        times
            .customer
            .as_ref()
            .map_or("No customer", |(_, name)| name.as_deref().unwrap_or("A customer that is gone"))
    }
}

type Asked = Result<Query<CallsForm>, QueryRejection>;

/// The list.
pub(super) async fn page(
    State(operators): Shared,
    operator: Operator,
    form: Asked,
) -> Result<Html<String>, Refusal> {
    let Query(form) = form?;
    let (now, scope, store) = (clock::now(), operator.scope(), &operators.store);
    let (filter, after) = form.asked(&operator.name, now)?;
    let counted =
        CallFilter { customer: filter.customer, device: filter.device.clone(), ..CallFilter::default() };
    let since = now.saturating_sub(SignedDuration::from_hours(24 * TIMES_DAYS)).unwrap_or(now);
    let customer = filter.customer;
    let (mut calls, counts, customers, times) = tokio::try_join!(
        store.calls(scope, filter, after, ON_A_PAGE + 1),
        store.call_counts(scope, counted, operator.name.clone(), now),
        store.customers(scope, None, CUSTOMERS),
        store.call_times(scope, (since, now), customer, now),
    )?;
    let most = usize::try_from(ON_A_PAGE).unwrap_or(usize::MAX);
    let more = calls.len() > most;
    calls.truncate(most);
    let next = calls.last().filter(|_| more).map(|call| {
        let CallPlace { at, key } = call.place_in_list();
        CallsForm { after: format!("{at}.{key}"), ..form.clone() }.address()
    });
    let lines = calls.into_iter().map(|call| Line::new(call, now)).collect();
    let frame = Frame::new(Some(operator), true);
    render_at(&CallsPage { frame, form, counts, customers, lines, next, times }, now)
}

#[derive(Template)]
#[template(path = "calls/one.html")]
struct CallPage {
    frame: Frame,
    line: Line,
    address: Option<String>,
    snapshot: Option<Snapshot>,
    history: Vec<CallEntry>,
    technicians: Vec<OperatorRecord>,
}

impl CallPage {
    fn sentence(entry: &CallEntry) -> String {
        format!("{} {}", service_call::who(entry), service_call::did(entry))
    }

    fn may_move(&self) -> bool {
        self.frame.may_calls() && self.line.call.is_open()
    }

    fn is_mine(&self) -> bool {
        let me = self.frame.operator.as_ref().map(|operator| operator.name.as_str());
        self.line.call.technician.as_deref() == me
    }

    fn is(&self, state: ServiceCallState) -> bool {
        self.line.call.state == state
    }

    /// What stands for a time of the agreement.
    fn kept(time: &TimeView) -> &'static str {
        match time.kept {
            Kept::Running => "in time so far",
            Kept::Met => "met",
            Kept::Missed => "missed",
            Kept::Dropped => "not counted: it was cancelled",
        }
    }

    /// What became of telling the device.
    fn told(signal: &SignalView) -> String {
        let why = signal.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        match signal.state {
            Some(CommandState::Waiting) => "The device will be told when it is next in contact".to_owned(),
            Some(CommandState::Delivered) => "The device was told and has not answered yet".to_owned(),
            Some(CommandState::Done) => "The device has lit its lamp".to_owned(),
            Some(CommandState::Failed) => format!("The device could not say so{why}"),
            Some(CommandState::Refused) => format!("The device does not know how to say so{why}"),
            Some(CommandState::Expired) => {
                "The device was not in contact in time, and was not told".to_owned()
            }
            None => "The device was told".to_owned(),
        }
    }
}

type Id = Result<Path<i64>, PathRejection>;

/// Who may be sent.
async fn technicians(operators: &Operators, operator: &Operator) -> Result<Vec<OperatorRecord>, Refusal> {
    if !operator.may(Right::Dispatch) {
        return Ok(Vec::new());
    }
    let mut all = operators.store.operators(None, TECHNICIANS).await?;
    all.retain(|one| one.role.has(Right::Calls));
    Ok(all)
}

/// One call.
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Id,
) -> Result<Html<String>, Refusal> {
    let Path(id) = id?;
    let now = clock::now();
    let mut detail = service_call::one(&operators, operator.scope(), id).await?;
    let history = operators.store.call_history(operator.scope(), id, (None, HISTORY_SHOWN)).await?;
    let technicians = technicians(&operators, &operator).await?;
    let (address, snapshot) = (detail.address.take(), detail.snapshot.take());
    let line = Line::new(detail, now);
    let frame = Frame::new(Some(operator), true);
    render_at(&CallPage { frame, line, address, snapshot, history, technicians }, now)
}

/// A call that is opened here.
#[derive(Debug, Deserialize)]
pub(super) struct NewCallForm {
    device: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    alert: Option<i64>,
}

/// `POST /calls`.
pub(super) async fn open(
    State(operators): Shared,
    operator: Operator,
    form: Result<Form<NewCallForm>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Form(NewCallForm { device, message, alert }) = form.map_err(|rejection| bad_form(&rejection))?;
    let device: DeviceId = device.trim().parse().map_err(|error| {
        Refusal::new(
            ProblemKind::InvalidRequest,
            format!("The device: {error}. Write its name as the fleet shows it."),
        )
    })?;
    let message = Some(message);
    let id = service_call::open(&operators, &operator, NewCall { device, message, alert }).await?;
    Ok(Redirect::to(&format!("/calls/{id}")))
}

/// What is done, as a form says it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ActForm {
    /// Which version of the call the person saw.
    version: String,
    words: String,
    technician: String,
    parts: String,
    ticket: String,
}

/// Parts as they are typed, one a line: `2 x FU-450`, or the part alone.
fn typed_parts(typed: &str) -> Vec<PartUsed> {
    let lines = typed.lines().map(str::trim).filter(|line| !line.is_empty());
    let read = |line: &str| {
        let counted = line.split_once(['x', '×']).and_then(|(count, part)| {
            Some(PartUsed { quantity: count.trim().parse().ok()?, part: part.trim().to_owned() })
        });
        counted.unwrap_or_else(|| PartUsed { part: line.to_owned(), quantity: 1 })
    };
    lines.map(read).collect()
}

impl ActForm {
    fn wish(&self, word: &str, operator: &Operator) -> Result<Wish, Refusal> {
        let technician = Some(self.technician.trim().to_owned()).filter(|name| !name.is_empty());
        let to = |to, technician| Wish::Move { to, technician, parts: Vec::new() };
        Ok(match word {
            "seen" => to(ServiceCallState::Seen, None),
            "take" => to(ServiceCallState::Dispatched, Some(operator.name.clone())),
            "dispatch" if technician.is_none() => {
                return Err(Refusal::new(ProblemKind::InvalidRequest, "Choose whom to send."));
            }
            "dispatch" => to(ServiceCallState::Dispatched, technician),
            "on-the-way" => to(ServiceCallState::OnTheWay, None),
            "at-the-device" => to(ServiceCallState::AtDevice, None),
            "done" => {
                Wish::Move { to: ServiceCallState::Done, technician: None, parts: typed_parts(&self.parts) }
            }
            "cancel" => to(ServiceCallState::Cancelled, None),
            "reopen" => to(ServiceCallState::Open, None),
            "comment" => Wish::Comment,
            "ticket" => Wish::Ticket(Some(self.ticket.clone())),
            _ => return Err(Refusal::new(ProblemKind::NotFound, "There is no such page here.")),
        })
    }

    /// The version that the person saw; words need none.
    fn version(&self, wish: &Wish) -> Result<Option<i64>, Refusal> {
        match (wish, self.version.parse()) {
            (Wish::Comment, _) => Ok(None),
            (_, Ok(version)) => Ok(Some(version)),
            (_, Err(_)) => Err(Refusal::new(
                ProblemKind::VersionMissing,
                "The form does not say which version of the call you saw: load the page again.",
            )),
        }
    }
}

/// `POST /calls/{id}/{act}`.
pub(super) async fn act(
    State(operators): Shared,
    operator: Operator,
    which: Result<Path<(i64, String)>, PathRejection>,
    form: Result<Form<ActForm>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path((id, word)) = which?;
    let Form(form) = form.map_err(|rejection| bad_form(&rejection))?;
    let wish = form.wish(&word, &operator)?;
    let version = form.version(&wish)?;
    let said = Some(form.words.as_str());
    service_call::act(&operators, &operator, (id, version), (wish, said)).await?;
    Ok(Redirect::to(&format!("/calls/{id}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_typed_one_a_line() {
        let used = |part: &str, quantity| PartUsed { part: part.into(), quantity };
        let typed = "2 x FU-450\n\n 1× belt \nroller kit\nx-ray";
        assert_eq!(
            typed_parts(typed),
            [used("FU-450", 2), used("belt", 1), used("roller kit", 1), used("x-ray", 1)]
        );
    }

    #[test]
    fn a_list_is_asked_for_by_its_address() {
        let now: Timestamp = "2026-12-01T10:00:00Z".parse().unwrap();
        let form = |state: &str| CallsForm { state: state.into(), ..CallsForm::default() };
        let filter = |state: &str| form(state).asked("tom", now).unwrap().0;
        assert_eq!(filter("mine").technician.as_deref(), Some("tom"));
        assert_eq!(filter("overdue").due_before, Some(now));
        assert!(filter("closed").closed && filter("done").closed && !filter("seen").closed);
        assert!(form("lost").asked("tom", now).is_err());
        let all =
            CallsForm { customer: "7".into(), device: "lobby".into(), after: "12.3".into(), ..form("seen") };
        assert_eq!(all.address(), "/calls?state=seen&customer=7&device=lobby&after=12.3");
        assert_eq!(all.in_state(""), "/calls?customer=7&device=lobby");
        assert_eq!(all.asked("tom", now).unwrap().1, Some(CallPlace { at: 12, key: 3 }));
        assert!(CallsForm { after: "12".into(), ..form("") }.asked("tom", now).is_err());
    }
}

//! What needs a person, for pages and API: how each item is shown ([`view`]), which are asked for ([`query`]), and what people
//! do with one.

pub(super) mod query;
pub(super) mod view;

use jiff::{SignedDuration, Timestamp};
use platen_protocol::problem::ProblemKind;

use super::Operators;
use super::problem::Refusal;
use super::said;
use super::who::Operator;
use crate::clock;
use crate::inform::Event;
use crate::rights::Right;
use crate::store::{
    NowAct, NowEntry, NowItem, NowKind, NowRefusal, NowWhat, OrderState, Scope, ServiceCallState,
};
use view::NowView;

/// An item sleeps for so long at most: what nobody looks at for a year is forgotten.
const LONGEST_SLEEP: SignedDuration = SignedDuration::from_hours(366 * 24);
/// The longest comment, in characters.
pub(super) const MAX_WORDS_CHARS: usize = 2_000;

/// What a person wrote; none if it is empty.
fn words(words: Option<&str>) -> Result<Option<String>, Refusal> {
    Ok(said::text("the comment", words.unwrap_or_default(), MAX_WORDS_CHARS)?)
}

/// Whether an item can sleep until then.
fn wakes(until: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    let refuse = |why: &str| Err(Refusal::new(ProblemKind::InvalidRequest, format!("until: {why}")));
    if until <= now {
        return refuse("the moment is over already: give one that is to come");
    }
    if until.duration_since(now) > LONGEST_SLEEP {
        return refuse("an item sleeps for a year at most: give a moment within 366 days");
    }
    Ok(())
}

/// One item that the operator sees.
pub(super) async fn one(operators: &Operators, scope: &Scope, id: i64) -> Result<NowItem, Refusal> {
    operators.store.now_item(scope, id).await?.ok_or_else(|| Refusal::not_found("item"))
}

/// Does something with an item, and tells everybody who looks; what it is then. Without a version whatever anybody did
/// meanwhile does not matter.
pub(super) async fn act(
    operators: &Operators,
    operator: &Operator,
    (id, version): (i64, Option<i64>),
    (act, said): (NowAct, Option<&str>),
) -> Result<NowView, Refusal> {
    let now = clock::now();
    let words = words(said)?;
    match act {
        NowAct::Snooze(until) => wakes(until, now)?,
        NowAct::Comment if words.is_none() => {
            return Err(Refusal::new(ProblemKind::InvalidRequest, "words: write something"));
        }
        _ => {}
    }
    let (scope, by) = (operator.scope(), operator.name.clone());
    if act == NowAct::Close && one(operators, scope, id).await?.kind == NowKind::Order {
        operator.check(Right::Orders)?;
    }
    let done = operators.store.act_on_now(scope, (id, version), (act, words), by, now).await?;
    let item = done.map_err(|refusal| refused(&refusal))?;
    tell(operators, &item, act, now);
    Ok(NowView::new(item, operator))
}

/// Tells pages, programs and the device of what was done.
fn tell(operators: &Operators, item: &NowItem, act: NowAct, now: Timestamp) {
    if let (NowAct::Close, Some(device)) = (act, &item.device) {
        let changed = match item.kind {
            NowKind::ServiceCall => {
                let state = Some(ServiceCallState::Done);
                let event = Event::new("service_call_changed", device.clone(), now);
                Some(Event { service_call_state: state, ..event })
            }
            NowKind::Order => {
                let event = Event::new("order_changed", device.clone(), now);
                Some(Event { order_state: Some(OrderState::Approved), ..event })
            }
            _ => None,
        };
        if let Some(event) = changed {
            // It hears that what was asked for there is seen to.
            operators.mailbox.wake(device);
            operators.informer.publish(event);
        }
    }
    operators.informer.publish(Event::of_now(Some((item.key, item.device.clone())), now));
}

/// What somebody did, behind their name.
pub(super) fn did(entry: &NowEntry) -> String {
    let words = |before: &str| match &entry.words {
        Some(words) => format!("{before}: “{words}”"),
        None => before.to_owned(),
    };
    match (entry.what, entry.until) {
        (NowWhat::Taken, _) => words("took it"),
        (NowWhat::GivenBack, _) => words("put it back into the list"),
        (NowWhat::Commented, _) => match &entry.words {
            Some(words) => format!("wrote: “{words}”"),
            None => "wrote something".to_owned(),
        },
        (NowWhat::Snoozed, Some(until)) => words(&format!("put it to sleep until {}", view::moment(until))),
        (NowWhat::Snoozed, None) => words("put it to sleep"),
        (NowWhat::Woken, _) => "woke it".to_owned(),
        (NowWhat::Closed, _) => words("closed it"),
        (NowWhat::PutBelow, _) => "found that other devices of the site fell silent with it".to_owned(),
    }
}

/// Why nothing was done, and what to do.
fn refused(refusal: &NowRefusal) -> Refusal {
    let conflict = |why: &str| Refusal::new(ProblemKind::StateConflict, why);
    match refusal {
        NowRefusal::Missing => Refusal::not_found("item"),
        NowRefusal::Changed(item, last) => {
            let what = last.as_ref().map_or_else(
                || "it has changed".to_owned(),
                |entry| format!("{} {}", entry.who.as_deref().unwrap_or("the manager"), did(entry)),
            );
            let version = item.version;
            Refusal::new(
                ProblemKind::ChangedMeanwhile,
                format!(
                    "since you looked, {what}. Nothing of yours was done: look at it again (it has version {version} now), then decide"
                ),
            )
        }
        NowRefusal::Over(_) => conflict("it is over: there is nothing to do any more"),
        NowRefusal::PartOf(cause) => conflict(&format!(
            "it is a part of item {cause}, because many devices of the site have the same cause: deal with that one"
        )),
        NowRefusal::Waits => conflict("it waits for somebody already: there is nothing to put back"),
        NowRefusal::TakenAlready => conflict("you have taken it already"),
        NowRefusal::AtTheDevice => conflict(
            "somebody has to decide about the device's identity, on its page: readmit it, shut it out, or dismiss what was found. Then this is over",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_sleeps_into_the_future_and_not_for_ever() {
        let now: Timestamp = "2026-11-30T10:00:00Z".parse().unwrap();
        let wakes = |hours| wakes(now + SignedDuration::from_hours(hours), now);
        assert!(wakes(1).is_ok() && wakes(366 * 24).is_ok());
        for (hours, words) in [(0, "over already"), (-1, "over already"), (366 * 24 + 1, "a year at most")] {
            let refused = wakes(hours).unwrap_err().0.detail;
            assert!(refused.starts_with("until: ") && refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn what_was_done_reads_as_a_sentence_behind_a_name() {
        let at: Timestamp = "2026-11-30T10:00:00Z".parse().unwrap();
        let entry = |what, until, words: Option<&str>| NowEntry {
            key: 1,
            at,
            who: Some("anna".into()),
            what,
            until,
            words: words.map(str::to_owned),
        };
        let did = |what, until, words| did(&entry(what, until, words));
        assert_eq!(did(NowWhat::Taken, None, None), "took it");
        assert_eq!(did(NowWhat::Closed, None, Some("a pen")), "closed it: “a pen”");
        assert_eq!(did(NowWhat::Commented, None, Some("<b>")), "wrote: “<b>”");
        let asleep = did(NowWhat::Snoozed, Some(at), None);
        assert_eq!(asleep, "put it to sleep until 30 Nov 2026, 10:00 UTC");
    }
}

//! What an operator asks of many devices at once. It is written down first, and done behind the operator's back, device by
//! device, with the rights that the operator has at that moment: whoever is removed or limited meanwhile asks for nothing
//! more. Each device is asked as one alone would be.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use platen_protocol::identity::{CommandId, DeviceId};
use platen_protocol::manager_to_device::Action;
use platen_protocol::problem::ProblemKind;
use tokio::time::{Instant, MissedTickBehavior};

use super::problem::Refusal;
use super::rollouts::HoldForm;
use super::who::Operator;
use super::{Operators, command, retire, rollouts};
use crate::clock;
use crate::inform::Event;
use crate::rights::{Right, Role};
use crate::store::{
    BulkAct, BulkChoice, BulkDone, BulkOutcome, BulkRecord, BulkRefusal, DetailsChange, NewBulk,
    OperatorRecord, Scope, StoreError,
};

/// How often it is looked for what another manager was asked, or what a restart interrupted.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Devices of one step.
const AT_ONCE: u32 = 20;
/// Between two steps, so that reports have the store in between.
const BETWEEN_STEPS: Duration = Duration::from_millis(20);

impl From<BulkRefusal> for Refusal {
    fn from(refusal: BulkRefusal) -> Self {
        let kind = match refusal {
            BulkRefusal::Nothing => ProblemKind::NotFound,
            BulkRefusal::TooMany => ProblemKind::InvalidRequest,
            BulkRefusal::Changed { .. } | BulkRefusal::Busy => ProblemKind::StateConflict,
        };
        Self::new(kind, refusal.to_string())
    }
}

/// What somebody must be allowed to do at each device.
pub(super) const fn right_of(act: &BulkAct) -> Right {
    match act {
        BulkAct::ReadNow | BulkAct::Hold { .. } | BulkAct::LetGo => Right::Tend,
        BulkAct::SetProfile { .. } => Right::Describe,
        BulkAct::Retire => Right::Admit,
    }
}

/// Refuses what makes no sense at any device, before anything is written down.
async fn check(operators: &Operators, operator: &Operator, act: &BulkAct) -> Result<(), Refusal> {
    let invalid = |why: &str| Err(Refusal::new(ProblemKind::InvalidRequest, why));
    operator.check(right_of(act))?;
    match act {
        BulkAct::SetProfile { .. } if *operator.scope() != Scope::All => {
            invalid("profiles are for all devices, and you are limited to some customers and sites")
        }
        BulkAct::SetProfile { profile: Some(key) } if operators.store.profile(*key).await?.is_none() => {
            invalid(&format!("there is no profile {key} here"))
        }
        BulkAct::Hold { until: Some(until), .. } if *until <= clock::now() => {
            invalid("until must be in the future")
        }
        BulkAct::Hold { why: Some(why), .. } => Ok(super::said::note(why).map(drop)?),
        _ => Ok(()),
    }
}

/// How many devices it would be.
pub(super) async fn count(
    operators: &Operators,
    operator: &Operator,
    act: &BulkAct,
    choice: BulkChoice,
) -> Result<u64, Refusal> {
    check(operators, operator, act).await?;
    Ok(operators.store.count_bulk(operator.scope(), choice).await??)
}

/// Writes down what is to be done, and has it begun.
pub(super) async fn begin(
    operators: &Operators,
    operator: &Operator,
    (act, choice, chosen): (BulkAct, BulkChoice, String),
    expected: Option<u64>,
) -> Result<i64, Refusal> {
    check(operators, operator, &act).await?;
    let bulk = NewBulk { act, choice, chosen, expected, operator: operator.name.clone() };
    let key = operators.store.add_bulk(operator.scope(), bulk.clone(), clock::now()).await??;
    tracing::warn!(bulk = key, act = ?bulk.act, operator = bulk.operator, "an operator asks something of many devices");
    operators.bulk_bell.ring();
    Ok(key)
}

/// Of whom somebody sees bulk commands: whoever is limited to some customers, the own ones alone.
pub(super) fn seen_by(operator: &Operator) -> Option<String> {
    (*operator.scope() != Scope::All).then(|| operator.name.clone())
}

/// Does what is asked of many devices, until the manager stops; where `turn` says that it is this manager's.
pub(super) async fn work(operators: &Operators, turn: &(dyn Fn() -> bool + Send + Sync)) {
    let mut look = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = operators.stop.cancelled() => return,
            () = operators.bulk_bell.rung() => {}
            _ = look.tick() => {}
        }
        let mut more = true;
        while more && turn() && !operators.stop.is_cancelled() {
            more = match step(operators).await {
                Ok(more) => more,
                Err(error) => {
                    // Whether the store works is told by the store itself.
                    tracing::debug!(%error, "a bulk command could not go on yet; retrying");
                    false
                }
            };
            tokio::time::sleep(BETWEEN_STEPS).await;
        }
    }
}

/// What the operator may do now; none, if not this.
fn scope_now(record: Option<&OperatorRecord>, right: Right) -> Option<Scope> {
    let record = record?;
    let keys = |places: &Vec<crate::store::OperatorPlace>| places.iter().map(|place| place.key).collect();
    let scope = match &record.limited_to {
        None => Scope::All,
        Some((customers, sites)) => Scope::Of { customers: keys(customers), sites: keys(sites) },
    };
    record.role.has(right).then_some(scope)
}

/// The next devices of the oldest that has not ended; says whether there may be more.
async fn step(operators: &Operators) -> Result<bool, StoreError> {
    let Some((bulk, waiting)) = operators.store.next_bulk(AT_ONCE).await? else { return Ok(false) };
    let right = right_of(&bulk.act);
    let record = operators.store.operator(bulk.operator.clone()).await?;
    let role = record.as_ref().map(|record| record.role);
    let scope = scope_now(record.as_ref(), right);
    let names = waiting.iter().map(|(_, device)| device.clone()).collect();
    let within = match &scope {
        Some(scope) => operators.store.within(scope, names).await?,
        None => [].into(),
    };
    let nobody_waits = waiting.is_empty();
    let mut done = Vec::with_capacity(waiting.len());
    for (key, device) in waiting {
        let refused = |words: String| BulkDone {
            key,
            outcome: BulkOutcome::Refused,
            words: Some(words),
            command: None,
        };
        let Some(scope) = scope.as_ref().filter(|_| within.contains(&device)) else {
            done.push(refused(no_more(&bulk, role)));
            continue;
        };
        match act(operators, scope, device, &bulk).await {
            Ok(command) => done.push(BulkDone { key, outcome: BulkOutcome::Done, words: None, command }),
            // The store fails, or the manager stops: it is this device's turn again.
            Err(refusal) if is_passing(refusal.0.kind) => break,
            Err(refusal) => done.push(refused(refusal.0.detail)),
        }
    }
    // Devices that were deleted meanwhile are gone from it.
    let stuck = done.is_empty() && !nobody_waits;
    operators.store.note_bulk(bulk.key, done, clock::now()).await?;
    Ok(!stuck)
}

const fn is_passing(kind: ProblemKind) -> bool {
    matches!(kind, ProblemKind::Unavailable | ProblemKind::Internal)
}

fn no_more(bulk: &BulkRecord, role: Option<Role>) -> String {
    match role {
        None => format!("{} is no operator any more", bulk.operator),
        Some(role) => format!("{} ({role}) may not do this there any more", bulk.operator),
    }
}

/// Asks one device, as somebody would who asks it alone.
async fn act(
    operators: &Operators,
    scope: &Scope,
    device: DeviceId,
    bulk: &BulkRecord,
) -> Result<Option<CommandId>, Refusal> {
    let by = bulk.operator.clone();
    match &bulk.act {
        BulkAct::ReadNow => {
            let command = command::issue(operators, device, Action::ReadNow, &by).await?;
            return Ok(Some(command.id));
        }
        BulkAct::SetProfile { profile } => {
            let change = DetailsChange { profile: Some(*profile), ..DetailsChange::default() };
            set_profile(operators, scope, device, change, (by, clock::now())).await?;
        }
        BulkAct::Hold { until, why } => {
            let form = HoldForm { version: None, until: *until, why: why.clone() };
            rollouts::hold(operators, scope, device, None, form, by).await?;
        }
        BulkAct::LetGo => rollouts::let_go(operators, scope, device, None, &by).await.map_err(not_held)?,
        BulkAct::Retire => retire::retire(operators, device, &by).await?,
    }
    Ok(None)
}

fn not_held(refusal: Refusal) -> Refusal {
    match refusal.0.kind {
        ProblemKind::NotFound => Refusal::new(ProblemKind::NotFound, "rollouts did not leave it alone"),
        _ => refusal,
    }
}

async fn set_profile(
    operators: &Operators,
    scope: &Scope,
    device: DeviceId,
    change: DetailsChange,
    (by, now): (String, Timestamp),
) -> Result<(), Refusal> {
    operators.store.set_details(scope, device.clone(), change, by, now).await??;
    operators.informer.publish(Event::new("details", device, now));
    operators.bell.ring();
    Ok(())
}

/// What is done, for people: of so many devices.
pub(super) fn words(act: &BulkAct) -> &'static str {
    match act {
        BulkAct::ReadNow => "Read now",
        BulkAct::SetProfile { profile: Some(_) } => "Give a profile",
        BulkAct::SetProfile { profile: None } => "Take the own profile away",
        BulkAct::Hold { .. } => "Have rollouts leave alone",
        BulkAct::LetGo => "Have rollouts leave alone no more",
        BulkAct::Retire => "Take out of service",
    }
}

/// Runs [`work`] with its own handle, for the manager's list of tasks.
pub(super) async fn run(operators: Arc<Operators>, turn: Arc<dyn Fn() -> bool + Send + Sync>) {
    work(&operators, &*turn).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::OperatorPlace;

    fn record(role: Role, customers: Option<&[i64]>) -> OperatorRecord {
        let place = |key: &i64| OperatorPlace { key: *key, name: "Nord".into(), customer: None };
        OperatorRecord {
            name: "ada".into(),
            role,
            limited_to: customers.map(|keys| (keys.iter().map(place).collect(), Vec::new())),
            created: "2026-11-22T10:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn what_an_operator_may_do_is_looked_up_at_each_step() {
        let of = |record: &OperatorRecord, right| scope_now(Some(record), right);
        assert_eq!(scope_now(None, Right::Tend), None, "an operator who was removed");
        assert_eq!(of(&record(Role::Viewer, None), Right::Tend), None);
        assert_eq!(of(&record(Role::Technician, None), Right::Admit), None);
        assert_eq!(of(&record(Role::Technician, None), Right::Tend), Some(Scope::All));
        let limited = of(&record(Role::Dispatcher, Some(&[7])), Right::Admit);
        assert_eq!(limited, Some(Scope::Of { customers: [7].into(), sites: [].into() }));
    }

    #[test]
    fn retiring_many_needs_the_right_to_retire_one() {
        assert_eq!(right_of(&BulkAct::Retire), Right::Admit);
        assert_eq!(right_of(&BulkAct::SetProfile { profile: None }), Right::Describe);
        assert_eq!(right_of(&BulkAct::ReadNow), Right::Tend);
    }
}

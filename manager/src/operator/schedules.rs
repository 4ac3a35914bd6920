//! What is printed by itself, as operators write it down, and whoever does it when its time has come.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::documents::{Wanted, as_pdf, gather, zone_of};
use super::objects::only_objects;
use super::problem::Refusal;
use super::said;
use super::{Operators, prints};
use crate::clock;
use crate::meters::Period;
use crate::printing::schedule::{Days, next};
use crate::store::{
    NewPrint, NewSchedule, ScheduleBody, ScheduleRecord, ScheduleRefusal, Scheduled, Scope, StoreError,
};

/// How often it is looked for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(20);

impl From<ScheduleRefusal> for Refusal {
    fn from(refusal: ScheduleRefusal) -> Self {
        Self::new(ProblemKind::StateConflict, refusal.to_string())
    }
}

/// A schedule, as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct ScheduleForm {
    /// Name; no other schedule has it.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub(super) name: String,
    /// The printer's name, as `GET /printers` tells it.
    #[schema(min_length = 1, max_length = 60)]
    pub(super) printer: String,
    /// What is printed.
    pub(super) document: Scheduled,
    /// Whose; without it of all. A statement of meters is always of one.
    #[serde(default)]
    pub(super) customer: Option<i64>,
    /// The time zone, such as `Europe/Berlin`.
    #[schema(max_length = 100)]
    pub(super) zone: String,
    /// On which days.
    pub(super) days: Days,
    /// At which time there, such as `07:00`.
    #[schema(pattern = "^[0-2][0-9]:[0-5][0-9]$")]
    pub(super) at: String,
}

only_objects!(ScheduleForm);

fn invalid(why: impl Into<String>) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, why.into())
}

/// The time zone and the time of a schedule.
fn clocks(body: &ScheduleBody) -> Result<(TimeZone, Time), Refusal> {
    let at = body.at.parse().ok().filter(|_| body.at.len() == 5);
    let at = at.ok_or_else(|| invalid(format!("at: {:?} is no time: write it as 07:00", body.at)))?;
    Ok((zone_of(&body.zone)?, at))
}

/// Writes one down.
pub(super) async fn add(operators: &Operators, form: ScheduleForm, by: String) -> Result<i64, Refusal> {
    let ScheduleForm { name, printer, document, customer, zone, days, at } = form;
    prints::known(operators, &printer)?;
    if let Some(key) = customer {
        let found = operators.store.customer(&Scope::All, key).await?;
        found.ok_or_else(|| Refusal::not_found("customer"))?;
    } else if document == Scheduled::Meters {
        return Err(invalid("customer: a statement of meters is of one customer: say whose"));
    }
    let body = ScheduleBody { document, customer, zone, days, at };
    let (place, time) = clocks(&body)?;
    let now = clock::now();
    let first = next(days, time, &place, now).ok_or_else(|| invalid("that time does not come"))?;
    let new = NewSchedule { name: said::name("the name", &name)?, printer, body, next: first };
    Ok(operators.store.add_print_schedule(new, by, now).await??)
}

/// What is to be printed at a moment.
fn wanted(body: &ScheduleBody, zone: &TimeZone, now: Timestamp) -> Wanted {
    match (body.document, body.customer) {
        (Scheduled::Meters, Some(customer)) => {
            Wanted::Meters { customer, period: Period::of(now, zone).previous().to_string() }
        }
        (_, customer) => Wanted::Day { customer, zone: body.zone.clone() },
    }
}

async fn made(operators: &Operators, schedule: &ScheduleRecord, now: Timestamp) -> Result<NewPrint, Refusal> {
    let (zone, _) = clocks(&schedule.body)?;
    let paper = prints::known(operators, &schedule.printer)?;
    // Whoever may write down schedules sees all.
    let document = gather(operators, &Scope::All, &wanted(&schedule.body, &zone, now), now).await?;
    let title = document.title.clone();
    let file = as_pdf(operators, document, paper).await?;
    Ok(NewPrint { id: prints::new_id()?, printer: schedule.printer.clone(), title, file })
}

/// What is due is made and added; how many there were. What the manager was not there for is printed once, not for each time.
pub(super) async fn round(operators: &Operators, now: Timestamp) -> Result<usize, StoreError> {
    let due = operators.store.due_schedules(now).await?;
    let count = due.len();
    for schedule in due {
        let made = made(operators, &schedule, now).await.map_err(|refusal| refusal.0.detail);
        if let Err(why) = &made {
            tracing::warn!(name = schedule.name, why, "what is printed by itself could not be made");
        }
        let body = &schedule.body;
        let then = clocks(body).ok().and_then(|(zone, at)| next(body.days, at, &zone, now));
        let then = then.unwrap_or(Timestamp::MAX);
        operators.store.schedule_ran(schedule, then, made, now).await?;
    }
    Ok(count)
}

/// Prints what is due, until the manager stops.
pub async fn run(
    operators: Arc<Operators>,
    turn: Arc<dyn Fn() -> bool + Send + Sync>,
    stop: CancellationToken,
) {
    let mut look = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = look.tick() => {}
        }
        if turn()
            && let Err(error) = round(&operators, clock::now()).await
        {
            tracing::debug!(%error, "what is printed by itself could not be looked after; retrying");
        }
    }
}

//! What operators do with rollouts: plan, preview, act; and what they have rollouts leave alone.

use std::collections::BTreeSet;

use jiff::Timestamp;
use platen_protocol::identity::{DeviceId, ProgramName};
use platen_protocol::problem::ProblemKind;
use platen_protocol::programs::ProgramVersion;
use serde::Deserialize;
use utoipa::ToSchema;

use super::fleet_query::FleetForm;
use super::objects::only_objects;
use super::problem::Refusal;
use super::view::{RolloutDeviceView, RolloutView};
use super::{Operators, said};
use crate::clock;
use crate::inform::Event;
use crate::rollouts::plan::{HaltAt, Plan, Wave};
use crate::rollouts::window::{Day, Window};
use crate::secret;
use crate::store::{
    Act, ActRefusal, CreateRefusal, HoldRecord, NewHold, NewRollout, Preview, RolloutEntry, RolloutId,
    RolloutPart, Scope, To,
};

/// Devices that can be named in one request.
const MAX_NAMED: usize = 1_000;
/// Random bytes of a name that nobody gave, and what is before them.
const ID_BYTES: usize = 4;
const ID_BEGINS: &str = "r-";

/// How many devices a wave has: `percent` or `devices`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct WaveForm {
    /// So many percent of all devices, rounded up.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100)]
    pub(super) percent: Option<u8>,
    /// So many devices.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub(super) devices: Option<u32>,
}

/// When it halts. What is left out is as usual: at 5 percent of at least 20 devices that have ended.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct HaltForm {
    /// At so many devices that failed or fell silent; `null` for no such limit.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub(super) failures: Option<u32>,
    /// When so many percent of the devices that have ended are such; `null` for no such limit.
    #[serde(default = "usual_percent")]
    #[schema(minimum = 1, maximum = 100)]
    pub(super) percent: Option<u8>,
    /// The percentage counts from so many ended devices on; at the end of a wave it counts in any case.
    #[serde(default = "usual_of_at_least")]
    #[schema(minimum = 1)]
    pub(super) of_at_least: u32,
}

fn usual_percent() -> Option<u8> {
    HaltAt::default().percent
}

fn usual_of_at_least() -> u32 {
    HaltAt::default().of_at_least
}

/// When devices may be given the program, by the time at each.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct WindowForm {
    /// On which days it begins; none: on each.
    #[serde(default)]
    #[schema(max_items = 7)]
    pub(super) days: Vec<Day>,
    /// When it begins, as `22:00`.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub(super) from: String,
    /// When it ends, as `05:00`: on the next day where that is not behind `from`.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub(super) to: String,
    /// The time zone of devices of which nobody has said one, by its name in the IANA database; UTC without it.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub(super) time_zone: Option<String>,
}

/// How a program is rolled out. What is left out is as usual.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct PlanForm {
    /// The waves, in their order; what they leave is one more wave.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub(super) waves: Vec<WaveForm>,
    /// How long it is waited after a wave has succeeded, in seconds; usually an hour.
    #[serde(default)]
    #[schema(maximum = 2_592_000)]
    pub(super) pause_seconds: Option<u32>,
    /// A wave has succeeded when so many percent of its devices have ended; usually 90.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100)]
    pub(super) enough_percent: Option<u8>,
    /// When it halts.
    #[serde(default)]
    pub(super) halt_at: Option<HaltForm>,
    /// When devices may be given the program; `null` for at any time.
    #[serde(default)]
    pub(super) window: Option<WindowForm>,
    /// Devices that are under way at once, at most; usually 100.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 10_000)]
    pub(super) at_once: Option<u32>,
    /// Bytes that a manager sends in a second, to all devices together; `null` for as many as it can.
    #[serde(default)]
    #[schema(minimum = 1024, maximum = 2_000_000_000)]
    pub(super) bytes_per_second: Option<u64>,
    /// Whether devices that run a later version are to have this one all the same.
    #[serde(default)]
    pub(super) downgrade: bool,
    /// A device that has not fetched the program by then makes room for another one; in seconds, usually an hour.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub(super) fetch_within_seconds: Option<u32>,
    /// A device that was given it and has told no end by then is silent; in seconds, usually six hours.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub(super) end_within_seconds: Option<u32>,
    /// A device that kept it and is not heard of in the second half of this time is silent; in seconds, usually an hour.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub(super) silent_after_seconds: Option<u32>,
}

/// Which devices of the fleet; what is left out does not matter. Those out of service are never among them.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct FleetChoice {
    /// Each of its words is in the name, the model, the place or a serial number.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub(super) q: Option<String>,
    /// The worst that is the matter is this.
    #[serde(default)]
    pub(super) worst: Option<String>,
    /// It can be reached so.
    #[serde(default)]
    pub(super) state: Option<String>,
    /// Its lowest supply is at or below so many percent.
    #[serde(default)]
    #[schema(maximum = 100)]
    pub(super) supply: Option<u8>,
    /// It has not been in contact for so many hours.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 87_672)]
    pub(super) silent_for: Option<u32>,
    /// It is of this model.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub(super) model: Option<String>,
    /// It runs this version of the agent.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub(super) agent_version: Option<String>,
    /// It has this tag.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub(super) tag: Option<String>,
    /// It is this customer's.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub(super) customer: Option<i64>,
    /// It is at this site.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub(super) site: Option<i64>,
}

/// The program and the version that are rolled out.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct WhichProgram {
    /// The program.
    pub(super) name: ProgramName,
    /// Its version.
    pub(super) version: ProgramVersion,
}

/// A rollout, as it is planned. Which devices it is for is written down now, by `devices` or by `fleet`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct RolloutForm {
    /// Its name, used in its address; without one it is given one.
    #[serde(default)]
    pub(super) id: Option<RolloutId>,
    /// What is rolled out.
    pub(super) program: WhichProgram,
    /// Whatever is to be remembered of it.
    #[serde(default)]
    #[schema(max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    pub(super) note: Option<String>,
    /// These devices, in this order: 1 to 1,000.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 1000)]
    pub(super) devices: Option<Vec<DeviceId>>,
    /// Those of the fleet, instead; `{}` means all.
    #[serde(default)]
    pub(super) fleet: Option<FleetChoice>,
    /// How it goes.
    #[serde(default)]
    pub(super) plan: PlanForm,
}

/// What is to be remembered of an act.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct ActForm {
    /// Why; a halt is lifted only with it.
    #[serde(default)]
    #[schema(max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    pub(super) note: Option<String>,
}

/// That a device stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct HoldForm {
    /// The version on which it stays, and which a rollout may still give it; `null` for whatever it has.
    #[serde(default)]
    pub(super) version: Option<ProgramVersion>,
    /// Until when; `null` until somebody lets it go.
    #[serde(default)]
    pub(super) until: Option<Timestamp>,
    /// Why.
    #[serde(default)]
    #[schema(max_length = 2000, pattern = r"^(?:[^\x00-\x1f\x7f-\x9f]|\r?\n)*$")]
    pub(super) why: Option<String>,
}

only_objects!(
    WaveForm,
    HaltForm,
    WindowForm,
    PlanForm,
    FleetChoice,
    WhichProgram,
    RolloutForm,
    ActForm,
    HoldForm
);

fn invalid(why: impl Into<String>) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, why)
}

impl PlanForm {
    pub(super) fn read(self) -> Result<Plan, Refusal> {
        let usual = Plan::default();
        let window = match self.window {
            None => None,
            Some(WindowForm { days, from, to, time_zone }) => {
                let time_zone = said::time_zone(time_zone.as_deref().unwrap_or(""))?;
                Some(Window { days, from, to, time_zone })
            }
        };
        let halt_at = self.halt_at.map_or(usual.halt_at, |halt| HaltAt {
            failures: halt.failures,
            percent: halt.percent,
            of_at_least: halt.of_at_least,
        });
        let waves = self.waves.into_iter().map(|wave| Wave { percent: wave.percent, devices: wave.devices });
        let plan = Plan {
            waves: waves.collect(),
            pause_seconds: self.pause_seconds.unwrap_or(usual.pause_seconds),
            enough_percent: self.enough_percent.unwrap_or(usual.enough_percent),
            halt_at,
            window,
            at_once: self.at_once.unwrap_or(usual.at_once),
            bytes_per_second: self.bytes_per_second,
            downgrade: self.downgrade,
            fetch_within_seconds: self.fetch_within_seconds.unwrap_or(usual.fetch_within_seconds),
            end_within_seconds: self.end_within_seconds.unwrap_or(usual.end_within_seconds),
            silent_after_seconds: self.silent_after_seconds.unwrap_or(usual.silent_after_seconds),
        };
        plan.check().map_err(|error| invalid(format!("plan.{error}")))?;
        Ok(plan)
    }
}

impl FleetChoice {
    /// As the fleet's page and the list of devices ask.
    fn asked(self) -> FleetForm {
        let text = |text: Option<String>| text.unwrap_or_default();
        FleetForm {
            q: text(self.q),
            worst: text(self.worst),
            state: text(self.state),
            supply: text(self.supply.map(|percent| percent.to_string())),
            silent_for: text(self.silent_for.map(|hours| hours.to_string())),
            model: text(self.model),
            agent_version: text(self.agent_version),
            tag: text(self.tag),
            customer: text(self.customer.map(|key| key.to_string())),
            site: text(self.site.map(|key| key.to_string())),
            ..FleetForm::default()
        }
    }
}

/// Which devices of the fleet a form asks for.
pub(super) fn fleet(form: &FleetForm, now: Timestamp) -> Result<To, Refusal> {
    if form.state == "retired" {
        return Err(invalid("fleet.state: devices out of service are given nothing"));
    }
    Ok(To::Fleet(Box::new(form.asked(now)?.filter)))
}

fn to(devices: Option<Vec<DeviceId>>, choice: Option<FleetChoice>, now: Timestamp) -> Result<To, Refusal> {
    match (devices, choice) {
        (Some(devices), None) if (1..=MAX_NAMED).contains(&devices.len()) => {
            let mut seen = BTreeSet::new();
            Ok(To::Devices(devices.into_iter().filter(|device| seen.insert(device.clone())).collect()))
        }
        (Some(devices), None) => Err(invalid(format!(
            "devices names {} devices: name 1 to {MAX_NAMED}, or say fleet",
            devices.len()
        ))),
        (None, Some(choice)) => fleet(&choice.asked(), now),
        _ => Err(invalid(
            "say which devices: either their names (devices), or what they have in common (fleet)",
        )),
    }
}

impl From<CreateRefusal> for Refusal {
    fn from(refusal: CreateRefusal) -> Self {
        let kind = match &refusal {
            CreateRefusal::NoProgram { .. } | CreateRefusal::NoDevice(_) => ProblemKind::NotFound,
            CreateRefusal::Nobody | CreateRefusal::TooMany => ProblemKind::InvalidRequest,
            CreateRefusal::Revoked { .. } | CreateRefusal::NameTaken(_) => ProblemKind::StateConflict,
        };
        Self::new(kind, refusal.to_string())
    }
}

impl From<ActRefusal> for Refusal {
    fn from(refusal: ActRefusal) -> Self {
        let kind = match &refusal {
            ActRefusal::NoRollout(_) | ActRefusal::NoDevice(_) => ProblemKind::NotFound,
            _ => ProblemKind::StateConflict,
        };
        Self::new(kind, refusal.to_string())
    }
}

/// What a rollout is for and how it goes, once it is found to make sense.
pub(super) struct Planned {
    pub(super) id: Option<RolloutId>,
    pub(super) program: (String, String),
    pub(super) note: Option<String>,
    pub(super) to: To,
    pub(super) plan: Plan,
}

impl RolloutForm {
    pub(super) fn read(self, now: Timestamp) -> Result<Planned, Refusal> {
        Ok(Planned {
            id: self.id,
            program: (self.program.name.to_string(), self.program.version.to_string()),
            note: said::note(self.note.as_deref().unwrap_or(""))?,
            to: to(self.devices, self.fleet, now)?,
            plan: self.plan.read()?,
        })
    }
}

/// What a rollout would come to.
pub(super) async fn preview(
    operators: &Operators,
    scope: &Scope,
    planned: Planned,
) -> Result<Preview, Refusal> {
    let Planned { program, to, plan, .. } = planned;
    Ok(operators.store.preview_rollout(scope, program, to, plan, clock::now()).await??)
}

/// Plans a rollout.
pub(super) async fn create(
    operators: &Operators,
    scope: &Scope,
    planned: Planned,
    operator: String,
) -> Result<RolloutView, Refusal> {
    let Planned { id, program, note, to, plan } = planned;
    let id = if let Some(id) = id {
        id
    } else {
        let random = secret::random_hex::<ID_BYTES>().map_err(|error| Refusal::internal(&error))?;
        format!("{ID_BEGINS}{random}").parse().map_err(invalid)?
    };
    let now = clock::now();
    let new = NewRollout { id, program, note, plan, to, by: operator };
    let record = operators.store.create_rollout(scope, new, now).await??;
    tracing::info!(
        rollout = %record.id,
        name = %record.name,
        version = %record.version,
        operator = record.created_by,
        "an operator planned a rollout"
    );
    operators.informer.publish(Event::of_rollout(record.id.clone(), now));
    Ok(record.into())
}

/// Does something with a rollout.
pub(super) async fn act(
    operators: &Operators,
    scope: &Scope,
    (rollout, act): (RolloutId, Act),
    note: Option<&str>,
    operator: String,
) -> Result<RolloutView, Refusal> {
    let note = said::note(note.unwrap_or(""))?;
    if act == Act::Lift && note.is_none() {
        return Err(invalid("note: say why the halt is lifted; it is kept in the rollout's log"));
    }
    let (now, done, who) = (clock::now(), act.clone(), operator.clone());
    let record = operators.store.act_on_rollout(scope, rollout, (act, note), operator, now).await??;
    tracing::info!(rollout = %record.id, act = ?done, operator = who, "an operator acted on a rollout");
    operators.rollout_bell.ring();
    operators.informer.publish(Event::of_rollout(record.id.clone(), now));
    if let Act::Retry(device) | Act::Skip(device) = done {
        operators.informer.publish(Event::of_program(device, now));
    }
    Ok(record.into())
}

/// One rollout.
pub(super) async fn one(operators: &Operators, scope: &Scope, id: RolloutId) -> Result<RolloutView, Refusal> {
    let found = operators.store.rollout(scope, id).await?;
    found.map(RolloutView::from).ok_or_else(|| Refusal::not_found("rollout"))
}

/// The key of a rollout.
async fn key(operators: &Operators, scope: &Scope, id: RolloutId) -> Result<i64, Refusal> {
    let found = operators.store.rollout(scope, id).await?;
    found.map(|record| record.key).ok_or_else(|| Refusal::not_found("rollout"))
}

/// The devices of a rollout, in their order, with the place of each; those behind `after`.
pub(super) async fn devices(
    operators: &Operators,
    scope: &Scope,
    id: RolloutId,
    part: RolloutPart,
    place: (Option<i64>, u32),
) -> Result<Vec<(i64, RolloutDeviceView)>, Refusal> {
    let key = key(operators, scope, id).await?;
    let records = operators.store.rollout_devices(scope, key, part, place).await?;
    Ok(records.into_iter().map(|record| (record.key, record.into())).collect())
}

/// Who did what with a rollout, the newest first.
pub(super) async fn log(
    operators: &Operators,
    scope: &Scope,
    id: RolloutId,
    place: (Option<i64>, u32),
) -> Result<Vec<RolloutEntry>, Refusal> {
    let key = key(operators, scope, id).await?;
    Ok(operators.store.rollout_log(scope, key, place).await?)
}

/// What rollouts leave alone at a device.
pub(super) async fn holds(
    operators: &Operators,
    scope: &Scope,
    device: DeviceId,
) -> Result<Vec<HoldRecord>, Refusal> {
    let found = operators.store.holds_of(scope, device).await?;
    found.ok_or_else(|| Refusal::not_found("device"))
}

/// Has rollouts leave a device alone, as far as one program goes or all.
pub(super) async fn hold(
    operators: &Operators,
    scope: &Scope,
    device: DeviceId,
    name: Option<ProgramName>,
    form: HoldForm,
    operator: String,
) -> Result<(), Refusal> {
    let now = clock::now();
    if name.is_none() && form.version.is_some() {
        return Err(invalid("version: a version is one program's: hold that one by its name"));
    }
    if form.until.is_some_and(|until| until <= now) {
        return Err(invalid("until must be in the future"));
    }
    let why = said::note(form.why.as_deref().unwrap_or(""))?;
    let hold = NewHold { name, version: form.version, until: form.until, why };
    tracing::info!(%device, ?hold, operator, "an operator has rollouts leave a device alone");
    if !operators.store.hold(scope, device.clone(), hold, operator, now).await? {
        return Err(Refusal::not_found("device"));
    }
    operators.rollout_bell.ring();
    operators.informer.publish(Event::of_program(device, now));
    Ok(())
}

/// Has rollouts leave a device alone no more.
pub(super) async fn let_go(
    operators: &Operators,
    scope: &Scope,
    device: DeviceId,
    name: Option<ProgramName>,
    operator: &str,
) -> Result<(), Refusal> {
    let now = clock::now();
    if !operators.store.end_hold(scope, device.clone(), name, now).await? {
        return Err(Refusal::not_found("hold of a device"));
    }
    tracing::info!(%device, operator, "an operator let a device go that rollouts left alone");
    operators.rollout_bell.ring();
    operators.informer.publish(Event::of_program(device, now));
    Ok(())
}

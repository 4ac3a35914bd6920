//! `/rollouts`: how programs come to many devices, how far each rollout is, and what may be done with it.

mod acts;
mod bar;
mod form;
pub(super) mod holds;
pub(super) mod plan;
mod shown;
mod words;

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, Redirect};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::{Deserialize, Serialize};

use super::super::problem::Refusal;
use super::super::view::RolloutDeviceView;
use super::super::who::Operator;
use super::super::{Shared, rollouts};
use super::customers::cut;
use super::device::bad_form;
use super::{Frame, filters, render_at};
use crate::clock;
use crate::store::{Act as Done, DeviceStanding, RolloutEntry, RolloutId, RolloutPart};
use acts::Act;
use shown::{Shown, Wave};

/// Rollouts on a page, and devices of one.
const ON_A_PAGE: u32 = 25;
const DEVICES_ON_A_PAGE: u32 = 50;
/// Entries of its log: the newest.
const LOG_SHOWN: u32 = 50;

/// Where a page of a list begins.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Before {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "rollouts/list.html")]
struct RolloutsPage {
    frame: Frame,
    rollouts: Vec<Shown>,
    next: Option<i64>,
}

/// All rollouts, the newest first.
pub(in super::super) async fn list(
    State(operators): Shared,
    operator: Operator,
    page: Result<Query<Before>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(Before { before }) = page?;
    let mut records = operators.store.rollouts(operator.scope(), before, ON_A_PAGE + 1).await?;
    let next = cut(&mut records, ON_A_PAGE, |record| record.key);
    let rollouts = records.into_iter().map(|record| Shown::new(record.into())).collect();
    render_at(&RolloutsPage { frame: Frame::new(Some(operator), true), rollouts, next }, clock::now())
}

/// Which devices are shown, and where the page of them begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(in super::super) struct Wanted {
    #[serde(skip_serializing_if = "String::is_empty")]
    state: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    wave: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<i64>,
}

impl Wanted {
    /// What is asked of the store; a state or wave that there is not is none that is asked for.
    fn part(&self) -> RolloutPart {
        let state = serde_json::from_value::<DeviceStanding>(self.state.clone().into()).ok();
        RolloutPart { state, wave: self.wave.parse::<usize>().ok().and_then(|number| number.checked_sub(1)) }
    }
}

#[derive(Template)]
#[template(path = "rollouts/one.html")]
struct RolloutPage {
    frame: Frame,
    rollout: Shown,
    waves: Vec<Wave>,
    lines: Vec<(&'static str, String)>,
    acts: Vec<Act>,
    wanted: Wanted,
    devices: Vec<RolloutDeviceView>,
    /// Where the devices go on.
    next: Option<String>,
    log: Vec<RolloutEntry>,
}

impl RolloutPage {
    const fn states() -> [(&'static str, &'static str); 9] {
        shown::STATES
    }

    fn class(line: &RolloutDeviceView) -> &'static str {
        shown::device_class(line)
    }

    fn sentence(entry: &RolloutEntry) -> String {
        shown::sentence(entry)
    }

    fn is_filtered(&self) -> bool {
        self.wanted != Wanted::default()
    }

    fn may_retry(&self, line: &RolloutDeviceView) -> bool {
        acts::may_retry(self.rollout.view.state, line.state)
    }

    fn may_skip(&self, line: &RolloutDeviceView) -> bool {
        acts::may_skip(self.rollout.view.state, line.state)
    }
}

type Which = Result<Path<RolloutId>, PathRejection>;

/// One rollout, with some of its devices.
pub(in super::super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Which,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let (Path(id), Query(wanted)) = (id?, wanted?);
    let (store, scope) = (&operators.store, operator.scope());
    let record = store.rollout(scope, id).await?.ok_or_else(|| Refusal::not_found("rollout"))?;
    let key = record.key;
    let page = (wanted.after, DEVICES_ON_A_PAGE + 1);
    let mut devices = store.rollout_devices(scope, key, wanted.part(), page).await?;
    let next = cut(&mut devices, DEVICES_ON_A_PAGE, |device| device.key);
    let log = store.rollout_log(scope, key, (None, LOG_SHOWN)).await?;
    let rollout = Shown::new(record.into());
    let next = next.map(|after| {
        let query = serde_urlencoded::to_string(Wanted { after: Some(after), ..wanted.clone() });
        format!("/rollouts/{}?{}#devices", rollout.view.id, query.unwrap_or_default())
    });
    let page = RolloutPage {
        frame: Frame::new(Some(operator), true),
        waves: rollout.waves(),
        lines: words::plan(&rollout.view.plan),
        acts: acts::acts(&rollout.view.acts),
        rollout,
        wanted,
        devices: devices.into_iter().map(RolloutDeviceView::from).collect(),
        next,
        log,
    };
    render_at(&page, clock::now())
}

/// What is said of an act.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Said {
    note: String,
}

/// `POST /rollouts/{id}/{act}`.
pub(in super::super) async fn act(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<(RolloutId, String)>, PathRejection>,
    said: Result<Form<Said>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Path((id, word)) = id?;
    let Form(Said { note }) = said.map_err(|rejection| bad_form(&rejection))?;
    let act = match word.as_str() {
        "start" => Done::Start,
        "pause" => Done::Pause,
        "resume" => Done::Resume,
        "halt" => Done::Halt,
        "lift" => Done::Lift,
        "cancel" => Done::Cancel,
        "retry" => Done::RetryFailed,
        _ => return Err(Refusal::new(ProblemKind::NotFound, "There is no such page here.")),
    };
    let scope = operator.scope();
    rollouts::act(&operators, scope, (id.clone(), act), Some(&note), operator.name.clone()).await?;
    Ok(Redirect::to(&format!("/rollouts/{id}")))
}

/// `POST /rollouts/{id}/devices/{device}/{act}`.
pub(in super::super) async fn act_on_device(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<(RolloutId, DeviceId, String)>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path((id, device, word)) = id?;
    let act = match word.as_str() {
        "retry" => Done::Retry(device),
        "skip" => Done::Skip(device),
        _ => return Err(Refusal::new(ProblemKind::NotFound, "There is no such page here.")),
    };
    let scope = operator.scope();
    rollouts::act(&operators, scope, (id.clone(), act), None, operator.name.clone()).await?;
    Ok(Redirect::to(&format!("/rollouts/{id}#devices")))
}

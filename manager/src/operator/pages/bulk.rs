//! `/bulk-commands`: what is asked of many devices at once. It is asked first, with how many there are; then it is begun, and
//! a page says how it goes.

use askama::Template;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, RawForm, State};
use axum::response::{Html, Redirect};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::fleet_filters::form_of;
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::super::words::counted;
use super::super::{Operators, Shared, bulk};
use super::{Frame, filters, render_at};
use crate::clock;
use crate::store::{BulkAct, BulkChoice, BulkDeviceRecord, BulkOutcome, BulkRecord, ProfileRecord};

/// Bulk commands on a page, and devices of one.
const ON_A_PAGE: u32 = 50;
const DEVICES_ON_A_PAGE: u32 = 200;
/// Devices that are named in one form: more than a page of the fleet has.
const MAX_NAMED: usize = 1_000;
/// Profiles that are offered.
const MAX_PROFILES: u32 = 1_000;

/// What was chosen, as it stands in the forms.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Chosen {
    act: String,
    devices: Vec<DeviceId>,
    /// All that this address of the fleet finds, instead of those.
    all: bool,
    query: String,
    profile: String,
    why: String,
    expected: Option<u64>,
}

fn invalid(why: impl Into<String>) -> Refusal {
    Refusal::new(ProblemKind::InvalidRequest, why)
}

impl Chosen {
    fn read(form: &[u8]) -> Result<Self, Refusal> {
        let mut chosen = Self::default();
        for (field, value) in form_urlencoded::parse(form) {
            match field.as_ref() {
                "act" => chosen.act = value.into_owned(),
                "device" => {
                    let name = value.parse();
                    chosen.devices.push(name.or(Err(invalid(format!("{value:?} is no name of a device"))))?);
                }
                "all" => chosen.all = true,
                "query" => chosen.query = value.into_owned(),
                "profile" => chosen.profile = value.into_owned(),
                "why" => chosen.why = value.into_owned(),
                "expected" => chosen.expected = value.parse().ok(),
                _ => {}
            }
        }
        if chosen.devices.len() > MAX_NAMED {
            return Err(invalid(format!("at most {MAX_NAMED} devices are named at once")));
        }
        Ok(chosen)
    }

    fn act(&self) -> Result<BulkAct, Refusal> {
        Ok(match self.act.as_str() {
            "read_now" => BulkAct::ReadNow,
            "set_profile" => {
                let key = Some(self.profile.as_str()).filter(|key| !key.is_empty()).map(str::parse);
                let none = |_| invalid("the profile is none of the choices");
                BulkAct::SetProfile { profile: key.transpose().map_err(none)? }
            }
            "hold" => {
                let why = Some(self.why.trim().to_owned()).filter(|why| !why.is_empty());
                BulkAct::Hold { until: None, why }
            }
            "let_go" => BulkAct::LetGo,
            "retire" => BulkAct::Retire,
            _ => return Err(invalid("choose what is to be done: go back to the fleet and choose it there")),
        })
    }

    fn choice(&self) -> Result<(BulkChoice, String), Refusal> {
        if !self.all {
            if self.devices.is_empty() {
                return Err(invalid("choose devices first: tick some, or choose all that are found"));
            }
            return Ok((BulkChoice::Named(self.devices.clone()), "chosen by hand".to_owned()));
        }
        let form = form_of(&self.query)?;
        let filter = form.asked(clock::now())?.filter;
        Ok((BulkChoice::Found(Box::new(filter)), form.words()))
    }
}

#[derive(Template)]
#[template(path = "bulk/question.html")]
struct QuestionPage {
    frame: Frame,
    chosen: Chosen,
    act: BulkAct,
    found: String,
    devices: u64,
    profiles: Vec<ProfileRecord>,
}

impl QuestionPage {
    fn words(&self) -> &'static str {
        bulk::words(&self.act)
    }

    fn of(&self) -> String {
        counted(self.devices, "device", "devices")
    }
}

/// Asks whether it is meant, with how many devices there are. Nothing is done.
pub(super) async fn question(
    State(operators): Shared,
    operator: Operator,
    RawForm(form): RawForm,
) -> Result<Html<String>, Refusal> {
    let chosen = Chosen::read(&form)?;
    let (act, (choice, found)) = (chosen.act()?, chosen.choice()?);
    let devices = bulk::count(&operators, &operator, &act, choice).await?;
    let profiles = match act {
        BulkAct::SetProfile { .. } => operators.store.profiles(None, MAX_PROFILES).await?,
        _ => Vec::new(),
    };
    let frame = Frame::new(Some(operator), false);
    render_at(&QuestionPage { frame, chosen, act, found, devices, profiles }, clock::now())
}

/// Begins it: if there are as many devices as the question said.
pub(super) async fn begin(
    State(operators): Shared,
    operator: Operator,
    RawForm(form): RawForm,
) -> Result<Redirect, Refusal> {
    let chosen = Chosen::read(&form)?;
    let (choice, words) = chosen.choice()?;
    let key = bulk::begin(&operators, &operator, (chosen.act()?, choice, words), chosen.expected).await?;
    Ok(Redirect::to(&format!("/bulk-commands/{key}")))
}

/// Where a page of a list begins.
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    before: Option<i64>,
    after: Option<i64>,
    #[serde(default)]
    outcome: Option<BulkOutcome>,
}

fn cut<T>(found: &mut Vec<T>, most: u32, key: impl Fn(&T) -> i64) -> Option<i64> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let more = found.len() > most;
    found.truncate(most);
    found.last().filter(|_| more).map(key)
}

#[derive(Template)]
#[template(path = "bulk/list.html")]
struct ListPage {
    frame: Frame,
    bulks: Vec<BulkRecord>,
    next: Option<i64>,
}

/// What was asked of many devices, the newest first.
pub(super) async fn list(
    State(operators): Shared,
    operator: Operator,
    place: Result<Query<Place>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let Query(place) = place?;
    let mut bulks = operators.store.bulks(place.before, ON_A_PAGE + 1, bulk::seen_by(&operator)).await?;
    let next = cut(&mut bulks, ON_A_PAGE, |bulk| bulk.key);
    render_at(&ListPage { frame: Frame::new(Some(operator), false), bulks, next }, clock::now())
}

#[derive(Template)]
#[template(path = "bulk/one.html")]
struct OnePage {
    frame: Frame,
    bulk: BulkRecord,
    devices: Vec<BulkDeviceRecord>,
    outcome: Option<BulkOutcome>,
    next: Option<i64>,
}

impl OnePage {
    fn waiting(&self) -> u64 {
        self.bulk.total.saturating_sub(self.bulk.done + self.bulk.refused)
    }

    /// How it went at a device, for people.
    fn went(device: &BulkDeviceRecord) -> String {
        match (device.outcome, device.command) {
            (BulkOutcome::Waiting, _) => "waits".to_owned(),
            (BulkOutcome::Refused, _) => "not done".to_owned(),
            (BulkOutcome::Done, None) => "done".to_owned(),
            (BulkOutcome::Done, Some(state)) => format!("asked: {}", state.word()),
        }
    }
}

/// How one goes.
pub(super) async fn one(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<i64>, PathRejection>,
    place: Result<Query<Place>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let (Path(key), Query(place)) = (id?, place?);
    let bulk = seen(&operators, &operator, key).await?;
    let (scope, most) = (operator.scope(), DEVICES_ON_A_PAGE + 1);
    let mut devices = operators.store.bulk_devices(scope, key, place.outcome, place.after, most).await?;
    let next = cut(&mut devices, DEVICES_ON_A_PAGE, |device| device.key);
    let follows = bulk.ended.is_none();
    let frame = Frame::new(Some(operator), follows);
    render_at(&OnePage { frame, bulk, devices, outcome: place.outcome, next }, clock::now())
}

async fn seen(operators: &Operators, operator: &Operator, key: i64) -> Result<BulkRecord, Refusal> {
    let found = operators.store.bulk(key, bulk::seen_by(operator)).await?;
    found.ok_or_else(|| Refusal::not_found("bulk command"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_read_and_nothing_is_done_to_no_device() {
        let chosen = Chosen::read(b"act=hold&device=a&device=b.1&why=+moving+&expected=2").unwrap();
        assert_eq!((chosen.devices.len(), chosen.expected), (2, Some(2)));
        assert_eq!(chosen.act().unwrap(), BulkAct::Hold { until: None, why: Some("moving".into()) });
        let none = Chosen::read(b"act=read_now").unwrap();
        assert!(none.choice().unwrap_err().0.detail.contains("choose devices first"));
        assert!(Chosen::read(b"device=../x").is_err());
        assert!(Chosen::read(b"act=delete&device=a").unwrap().act().is_err());
        let all = Chosen::read(b"act=retire&all=1&query=supply%3D10").unwrap();
        assert_eq!(all.choice().unwrap().1, "supply at or below 10 %");
        assert!(Chosen::read(b"act=retire&all=1&query=supply%3D1000").unwrap().choice().is_err());
    }
}

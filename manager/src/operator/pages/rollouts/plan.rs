//! `/rollouts/new`: a plan is typed, then shown as what would come of it, and made only from there. And what is done with a
//! rollout that is there.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, RawForm, State};
use axum::response::{Html, Redirect};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::super::problem::Refusal;
use super::super::super::rollouts::{self, Planned};
use super::super::super::who::Operator;
use super::super::super::{Operators, Shared, said};
use super::super::details::{Choices, choices};
use super::super::{Frame, filters, render_at};
use super::form::TypedPlan;
use super::words;
use crate::clock;
use crate::store::{Act, Preview, ProgramRecord, To, Unfit};

/// Devices that can be named.
const MAX_NAMED: usize = 1_000;
/// Programs to choose from: the newest.
const PROGRAMS_SHOWN: u32 = 200;
/// What says that it is to be started at once.
const ON: &str = "on";

#[derive(Template)]
#[template(path = "rollouts/new.html")]
struct NewPage {
    frame: Frame,
    form: TypedPlan,
    /// `NAME/VERSION`, and the same for people.
    programs: Vec<(String, String)>,
    customers: Choices,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "rollouts/preview.html")]
struct PreviewPage {
    frame: Frame,
    form: TypedPlan,
    preview: Preview,
    lines: Vec<(&'static str, String)>,
}

impl PreviewPage {
    fn program_words(&self) -> String {
        self.form.program.replace('/', " ")
    }

    fn devices(&self) -> u64 {
        self.preview.waves.iter().sum()
    }

    /// Whether there are more of them than are named.
    fn leaves_unnamed(unfit: &Unfit) -> bool {
        u64::try_from(unfit.some.len()).is_ok_and(|named| named < unfit.devices)
    }
}

/// Whether what would come of it is to be shown.
#[derive(Debug, Deserialize)]
pub(in super::super::super) struct Shows {
    preview: Option<String>,
}

/// What is planned, or what would come of it.
pub(in super::super::super) async fn page(
    State(operators): Shared,
    operator: Operator,
    form: Result<Query<TypedPlan>, QueryRejection>,
    shows: Result<Query<Shows>, QueryRejection>,
) -> Result<Html<String>, Refusal> {
    let (Query(form), Query(shows)) = (form?, shows?);
    let frame = Frame::new(Some(operator.clone()), false);
    let mut refused = None;
    if shows.preview.is_some() {
        let preview = match read(&form) {
            Ok(planned) => rollouts::preview(&operators, operator.scope(), planned).await,
            Err(refusal) => Err(refusal),
        };
        match preview {
            Ok(preview) => {
                let lines = words::plan(&form.plan()?);
                return render_at(&PreviewPage { frame, form, preview, lines }, clock::now());
            }
            // Where it was typed, it can be put right.
            Err(refusal) => refused = Some(refusal.0.detail),
        }
    }
    let customers = choices(&operators, &operator).await?;
    let programs = programs(&operators).await?;
    render_at(&NewPage { frame, form, programs, customers, refused }, clock::now())
}

/// Programs that may be given.
async fn programs(operators: &Operators) -> Result<Vec<(String, String)>, Refusal> {
    let records = operators.store.programs(None, PROGRAMS_SHOWN).await?;
    let given = records.into_iter().filter(|program| program.revoked.is_none());
    let named = |program: ProgramRecord| {
        let (name, version) = (program.name, program.version);
        (format!("{name}/{version}"), format!("{name} {version}"))
    };
    Ok(given.map(named).collect())
}

/// What is planned, or what of it makes no sense.
fn read(typed: &TypedPlan) -> Result<Planned, Refusal> {
    let (name, version) = typed.program()?;
    let names = typed.names();
    let to = if names.is_empty() {
        rollouts::fleet(&typed.filter(), clock::now())?
    } else {
        if names.len() > MAX_NAMED {
            let why = format!("Names of devices: {} are more than {MAX_NAMED}", names.len());
            return Err(Refusal::new(ProblemKind::InvalidRequest, why));
        }
        let mut seen = BTreeSet::new();
        let devices: Result<Vec<DeviceId>, _> = names.into_iter().map(str::parse::<DeviceId>).collect();
        let devices =
            devices.map_err(|error| Refusal::new(ProblemKind::InvalidRequest, error.to_string()))?;
        To::Devices(devices.into_iter().filter(|device| seen.insert(device.clone())).collect())
    };
    Ok(Planned {
        id: None,
        program: (name.to_owned(), version.to_owned()),
        note: said::note(&typed.note)?,
        to,
        plan: typed.plan()?,
    })
}

/// Whether it is started at once.
#[derive(Debug, Deserialize)]
pub(in super::super::super) struct Begins {
    #[serde(default)]
    start: String,
}

/// `POST /rollouts`: plans it, and starts it where that was chosen.
pub(in super::super::super) async fn make(
    State(operators): Shared,
    operator: Operator,
    RawForm(form): RawForm,
) -> Result<Redirect, Refusal> {
    let wrong = |error: &serde_urlencoded::de::Error| {
        Refusal::new(ProblemKind::InvalidRequest, format!("the form: {error}"))
    };
    let typed: TypedPlan = serde_urlencoded::from_bytes(&form).map_err(|error| wrong(&error))?;
    let begins: Begins = serde_urlencoded::from_bytes(&form).map_err(|error| wrong(&error))?;
    let scope = operator.scope();
    let made = rollouts::create(&operators, scope, read(&typed)?, operator.name.clone()).await?;
    if begins.start == ON {
        rollouts::act(&operators, scope, (made.id.clone(), Act::Start), None, operator.name.clone()).await?;
    }
    Ok(Redirect::to(&format!("/rollouts/{}", made.id)))
}

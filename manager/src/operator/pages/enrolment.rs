//! `GET /enrol`: a form for a sheet of tokens; `POST /enrol`: the sheet, to be printed;
//! `POST /devices/{id}/replace-controller`: one for another controller of a device.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::response::Html;
use jiff::Timestamp;
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;
use serde::Deserialize;

use super::super::Shared;
use super::super::enrolment::{self, Asked, MAX_TOKENS, MadeEnrolmentTokens};
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::device::bad_form;
use super::{Frame, filters, render, render_at};
use crate::clock;

/// For how many hours tokens can be used.
const HOURS: [(u32, &str); 5] =
    [(2, "2 hours"), (24, "1 day"), (72, "3 days"), (168, "1 week"), (744, "31 days")];

const USUAL_HOURS: u32 = 24;

#[derive(Template)]
#[template(path = "enrolment/page.html")]
struct EnrolmentPage {
    frame: Frame,
}

impl EnrolmentPage {
    /// The choices, with the one that is made already.
    fn hours() -> [(u32, &'static str, bool); 5] {
        HOURS.map(|(hours, text)| (hours, text, hours == USUAL_HOURS))
    }

    const fn most() -> usize {
        MAX_TOKENS
    }
}

/// The page.
pub(super) async fn page(operator: Operator) -> Result<Html<String>, Refusal> {
    render(&EnrolmentPage { frame: Frame::new(Some(operator), false) })
}

#[derive(Template)]
#[template(path = "enrolment/sheet.html")]
struct SheetPage {
    frame: Frame,
    /// The device whose controller is replaced; none on a sheet for devices that are to come.
    replaced: Option<DeviceId>,
    made: MadeEnrolmentTokens,
    printed: Timestamp,
}

impl SheetPage {
    fn url(&self) -> Option<&str> {
        self.made.device_url.as_deref()
    }
}

/// What a sheet is to have, as it is typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SheetForm {
    count: String,
    devices: String,
    hours: String,
}

fn hours(typed: &str) -> Result<u32, Refusal> {
    let known = typed.parse().ok().filter(|hours| HOURS.iter().any(|(some, _)| some == hours));
    known.ok_or_else(|| {
        Refusal::new(ProblemKind::InvalidRequest, "Choose for how long the tokens can be used.")
    })
}

impl SheetForm {
    fn read(self) -> Result<Asked, Refusal> {
        let wrong = |words: String| Refusal::new(ProblemKind::InvalidRequest, words);
        let count = match self.count.trim() {
            "" => 0,
            typed => typed.parse().map_err(|_not_one| {
                wrong(format!("How many: {typed:?} is no number from 0 to {MAX_TOKENS}."))
            })?,
        };
        let typed_names = self.devices.split(|one: char| one == ',' || one.is_whitespace());
        let named = typed_names.filter(|name| !name.is_empty()).map(|name| {
            name.parse::<DeviceId>().map_err(|error| wrong(format!("The name {name:?}: {error}.")))
        });
        let devices = named.collect::<Result<_, _>>()?;
        Ok(Asked { count, devices, valid_hours: hours(&self.hours)? })
    }
}

/// `POST /enrol`. The sheet is shown this once, so nothing leads elsewhere.
pub(super) async fn sheet(
    State(operators): Shared,
    operator: Operator,
    form: Result<Form<SheetForm>, FormRejection>,
) -> Result<Html<String>, Refusal> {
    let Form(form) = form.map_err(|rejection| bad_form(&rejection))?;
    let made = enrolment::sheet(&operators, &operator, form.read()?).await?;
    let printed = clock::now();
    let frame = Frame::new(Some(operator), false);
    render_at(&SheetPage { frame, replaced: None, made, printed }, printed)
}

/// For how long.
#[derive(Debug, Deserialize)]
pub(super) struct ReplaceForm {
    #[serde(default)]
    hours: String,
}

/// `POST /devices/{id}/replace-controller`.
pub(super) async fn replace(
    State(operators): Shared,
    operator: Operator,
    id: Result<Path<DeviceId>, PathRejection>,
    form: Result<Form<ReplaceForm>, FormRejection>,
) -> Result<Html<String>, Refusal> {
    let Path(device) = id?;
    let Form(form) = form.map_err(|rejection| bad_form(&rejection))?;
    let valid = hours(&form.hours)?;
    let made = enrolment::replace(&operators, &operator, (device.clone(), valid)).await?;
    let printed = clock::now();
    let frame = Frame::new(Some(operator), false);
    render_at(&SheetPage { frame, replaced: Some(device), made, printed }, printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_is_read_as_it_was_typed() {
        let form = |count: &str, devices: &str, hours: &str| {
            SheetForm { count: count.into(), devices: devices.into(), hours: hours.into() }.read()
        };
        let asked = form(" 3", "lobby, cellar\nroof", "24").unwrap();
        let names: Vec<_> = asked.devices.iter().map(ToString::to_string).collect();
        assert_eq!(
            (asked.count, names, asked.valid_hours),
            (3, vec!["lobby".into(), "cellar".into(), "roof".into()], 24)
        );
        assert_eq!(form("", "lobby", "2").unwrap().count, 0);
        for (count, devices, hours) in
            [("many", "", "24"), ("1", "no/name", "24"), ("1", "", "25"), ("1", "", "")]
        {
            assert!(form(count, devices, hours).is_err(), "{count} {devices} {hours}");
        }
    }
}

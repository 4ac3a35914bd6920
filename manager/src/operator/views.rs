//! Saved views of the fleet: read, checked, and as people see them.

use jiff::Timestamp;
use platen_protocol::problem::ProblemKind;
use serde::Serialize;
use utoipa::ToSchema;

use super::fleet_filters::FleetFilters;
use super::fleet_query::FleetForm;
use super::problem::Refusal;
use super::said;
use super::who::Operator;
use crate::clock;
use crate::rights::Right;
use crate::store::{NewView, ViewRecord, ViewRefusal, Viewer};

/// A saved view of the fleet.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ViewView {
    /// Its number.
    pub(super) id: i64,
    /// Its name.
    pub(super) name: String,
    /// Who keeps it; `null` once that operator has gone.
    pub(super) owner: Option<String>,
    /// Whether all see it who are not limited to some customers.
    pub(super) shared: bool,
    /// Whether you see it when you ask for the fleet and nothing else.
    pub(super) is_default: bool,
    /// Which devices it shows.
    pub(super) filters: FleetFilters,
    /// By what they are sorted.
    pub(super) sort: String,
    /// Which columns its table has, beside the state and the device; empty: those that a table has by itself.
    pub(super) columns: Vec<String>,
    /// `cards` or `table`; `null`: what suits the number of devices.
    pub(super) layout: Option<String>,
    /// Its page.
    pub(super) address: String,
    /// When it was changed last.
    pub(super) changed: Timestamp,
}

impl From<ViewRecord> for ViewView {
    fn from(record: ViewRecord) -> Self {
        // What cannot be read any more shows the whole fleet, and can be kept anew.
        let form: FleetForm = serde_json::from_str(&record.body).unwrap_or_default();
        Self {
            id: record.key,
            name: record.name,
            owner: record.owner,
            shared: record.shared,
            is_default: record.is_default,
            filters: FleetFilters::of(&form),
            sort: if form.sort.is_empty() { "worst".to_owned() } else { form.sort.clone() },
            columns: form.chosen_columns().into_iter().map(str::to_owned).collect(),
            layout: Some(form.view.clone()).filter(|view| !view.is_empty()),
            address: form.page_address(),
            changed: record.changed,
        }
    }
}

impl From<ViewRefusal> for Refusal {
    fn from(refusal: ViewRefusal) -> Self {
        let kind = match refusal {
            ViewRefusal::Missing(_) => ProblemKind::NotFound,
            ViewRefusal::NotYours { .. } | ViewRefusal::NameTaken(_) | ViewRefusal::TooMany { .. } => {
                ProblemKind::StateConflict
            }
        };
        Self::new(kind, refusal.to_string())
    }
}

/// Whose views an operator sees and may change.
pub(super) fn viewer(operator: &Operator) -> Viewer {
    Viewer {
        name: operator.name.clone(),
        sees_shared: operator.may(Right::SeeAll),
        changes_all: operator.may(Right::Administer),
    }
}

/// Whether an operator may have all see a view.
pub(super) fn may_share(operator: &Operator) -> bool {
    operator.may(Right::SeeAll) && operator.may(Right::Describe)
}

/// A view as it is kept: of the address, without where a page of it begins.
pub(super) fn read(
    operator: &Operator,
    name: &str,
    shared: bool,
    form: &FleetForm,
) -> Result<NewView, Refusal> {
    let form = FleetForm { cursor: String::new(), ..form.clone() };
    form.asked(clock::now())?;
    if !matches!(form.view.as_str(), "" | "cards" | "table") {
        let why = format!("the layout must be cards or table, not {:?}", form.view);
        return Err(Refusal::new(ProblemKind::InvalidRequest, why));
    }
    form.check_columns()?;
    if shared && !may_share(operator) {
        let why =
            "only dispatchers and administrators who are not limited to some customers share views with all";
        return Err(Refusal::new(ProblemKind::RightMissing, why));
    }
    let body = serde_json::to_string(&form).map_err(|error| Refusal::internal(&error))?;
    Ok(NewView { name: said::name("name", name)?, shared, body })
}

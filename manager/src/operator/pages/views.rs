//! `/views`: saved views of the fleet, kept from the fleet's page; `/fleet/columns`: which columns its table has.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, RawQuery, State};
use axum::response::{Html, Redirect};
use serde::Deserialize;

use super::super::Shared;
use super::super::fleet_filters::form_of;
use super::super::fleet_query::FleetForm;
use super::super::problem::Refusal;
use super::super::views::{self, ViewView};
use super::super::who::Operator;
use super::device::bad_form;
use super::{Frame, filters, render_at};
use crate::clock;

#[derive(Template)]
#[template(path = "views.html")]
struct ViewsPage {
    frame: Frame,
    views: Vec<ViewView>,
}

impl ViewsPage {
    /// Whether whoever looks may change it.
    fn may_change(&self, view: &ViewView) -> bool {
        let own = self.frame.operator.as_ref().is_some_and(|who| view.owner.as_ref() == Some(&who.name));
        own || self.frame.may_administer()
    }
}

/// All that somebody sees.
pub(super) async fn list(State(operators): Shared, operator: Operator) -> Result<Html<String>, Refusal> {
    let found = operators.store.views(views::viewer(&operator)).await?;
    let views = found.into_iter().map(ViewView::from).collect();
    render_at(&ViewsPage { frame: Frame::new(Some(operator), false), views }, clock::now())
}

/// What was typed to keep a view.
#[derive(Debug, Deserialize)]
pub(super) struct Typed {
    name: String,
    /// What the page's address says.
    #[serde(default)]
    query: String,
    #[serde(default)]
    shared: Option<String>,
    #[serde(default)]
    default: Option<String>,
}

/// Keeps a view, and shows it.
pub(super) async fn add(
    State(operators): Shared,
    operator: Operator,
    typed: Result<Form<Typed>, FormRejection>,
) -> Result<Redirect, Refusal> {
    let Form(typed) = typed.map_err(|error| bad_form(&error))?;
    let form = form_of(&typed.query)?;
    let view = views::read(&operator, &typed.name, typed.shared.is_some(), &form)?;
    let viewer = views::viewer(&operator);
    let key = operators.store.add_view(operator.name, view, clock::now()).await??;
    if typed.default.is_some() {
        operators.store.set_default_view(viewer, Some(key)).await??;
    }
    Ok(Redirect::to(&form.page_address()))
}

/// What may be done with a view.
pub(super) async fn act(
    State(operators): Shared,
    operator: Operator,
    which: Result<Path<(i64, String)>, PathRejection>,
) -> Result<Redirect, Refusal> {
    let Path((key, act)) = which?;
    let viewer = views::viewer(&operator);
    match act.as_str() {
        "default" => operators.store.set_default_view(viewer, Some(key)).await??,
        "no-default" => operators.store.set_default_view(viewer, None).await??,
        "remove" => operators.store.remove_view(viewer, key).await??,
        _ => return Err(Refusal::not_found("act")),
    }
    Ok(Redirect::to("/views"))
}

/// The fleet's page with the columns that are ticked: of an address, those fields apart that say which.
pub(super) async fn columns(_: Operator, RawQuery(query): RawQuery) -> Result<Redirect, Refusal> {
    let (mut ticked, mut rest) = (Vec::new(), "");
    let fields: Vec<_> = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes()).collect();
    for (name, value) in &fields {
        match name.as_ref() {
            "column" => ticked.push(value.as_ref()),
            "query" => rest = value.as_ref(),
            _ => {}
        }
    }
    let form = FleetForm { columns: ticked.join(","), view: "table".to_owned(), ..form_of(rest)? };
    form.check_columns()?;
    Ok(Redirect::to(&form.page_address()))
}

//! The pages, each from its template. They work without script; with it they follow what happens
//! (`assets/live.js`). What comes from devices is text, and askama escapes it.

mod assets;
mod calls;
mod chart;
mod customers;
mod details;
mod device;
mod enrolment;
mod filters;
mod fleet;
mod gap;
mod history;
mod live;
mod meters;
mod now;
mod people;
mod profiles;
mod programs;
mod restored;
mod rollouts;
mod sign_in;
mod telling;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};
use jiff::Timestamp;
use platen_protocol::problem::{Problem, ProblemKind};

use super::Operators;
use super::guard::{Routes, Wants};
use super::problem::Refusal;
use super::who::Operator;
use super::words;
use crate::probes::METRICS;
use crate::rights::Right;
use assets::Assets;

/// Every address, with what it wants.
fn routes() -> Routes {
    Routes::of_pages()
        .at("/", |at| at.get(Right::See, fleet::page))
        .at("/fleet/rows", |at| at.piece().get(Right::See, fleet::rows))
        .at("/live", |at| at.piece().get(Right::See, live::stream))
        .at("/now", |at| at.get(Right::See, now::page))
        .at("/now/wall", |at| at.get(Right::See, now::wall))
        .at("/now/{id}", |at| at.get(Right::See, now::one))
        .at("/now/{id}/{act}", |at| at.post(Right::Calls, now::act))
        .at("/devices/{id}", |at| at.get(Right::See, device::page))
        .at("/devices/{id}/history", |at| at.get(Right::See, history::page))
        .at("/devices/{id}/read-now", |at| at.post(Right::Tend, device::read_now))
        .at("/devices/{id}/replace-controller", |at| at.post(Right::Admit, enrolment::replace))
        .at("/enrol", |at| at.get(Right::Places, enrolment::page).post(Right::Places, enrolment::sheet))
        .at("/enrol/{token}/take-back", |at| at.post(Right::Places, enrolment::take_back))
        .at("/devices/{id}/revoke", |at| at.post(Right::Admit, device::revoke))
        .at("/devices/{id}/readmit", |at| at.post(Right::Admit, device::readmit))
        .at("/devices/{id}/dismiss-clone", |at| at.post(Right::Admit, device::dismiss_clone))
        .at("/devices/{id}/dismiss-superseded", |at| at.post(Right::Admit, device::dismiss_superseded))
        .at("/devices/{id}/settings", |at| at.post(Right::Tend, device::set_setting))
        .at("/devices/{id}/details", |at| {
            at.get(Right::Describe, details::page).post(Right::Describe, details::save)
        })
        .at("/devices/{id}/hold", |at| at.post(Right::Tend, rollouts::holds::hold))
        .at("/devices/{id}/let-go", |at| at.post(Right::Tend, rollouts::holds::let_go))
        .at("/devices/{id}/retire", |at| at.post(Right::Admit, details::retire_one))
        .at("/devices/{id}/delete", |at| at.post(Right::Administer, details::delete))
        .at("/calls", |at| at.get(Right::See, calls::page).post(Right::Calls, calls::open))
        .at("/calls/{id}", |at| at.get(Right::See, calls::one))
        .at("/calls/{id}/{act}", |at| at.post(Right::Calls, calls::act))
        .at("/meters", |at| at.get(Right::See, meters::page))
        .at("/customers", |at| at.get(Right::See, customers::list).post(Right::Places, customers::add))
        .at("/customers/{id}", |at| at.get(Right::See, customers::one).post(Right::Places, customers::save))
        .at("/customers/{id}/remove", |at| at.post(Right::Places, customers::remove))
        .at("/sites", |at| at.post(Right::Places, customers::add_site))
        .at("/sites/{id}", |at| at.post(Right::Places, customers::save_site))
        .at("/sites/{id}/remove", |at| at.post(Right::Places, customers::remove_site))
        .at("/profiles", |at| at.get(Right::SeeAll, profiles::list).post(Right::Profiles, profiles::add))
        .at("/profiles/{id}", |at| at.get(Right::SeeAll, profiles::one).post(Right::Profiles, profiles::save))
        .at("/profiles/{id}/send", |at| at.post(Right::Profiles, profiles::send))
        .at("/profiles/{id}/remove", |at| at.post(Right::Profiles, profiles::remove))
        .at("/programs", |at| at.get(Right::See, programs::list))
        .at("/programs/{name}/{version}", |at| at.get(Right::See, programs::one))
        .at("/programs/{name}/{version}/offers", |at| at.post(Right::Programs, programs::offer))
        .at("/programs/{name}/{version}/take-back", |at| at.post(Right::Programs, programs::take_back))
        .at("/rollouts", |at| at.get(Right::See, rollouts::list).post(Right::Programs, rollouts::plan::make))
        .at("/rollouts/new", |at| at.get(Right::Programs, rollouts::plan::page))
        .at("/rollouts/{id}", |at| at.get(Right::See, rollouts::one))
        .at("/rollouts/{id}/{act}", |at| at.post(Right::Programs, rollouts::act))
        .at("/rollouts/{id}/devices/{device}/{act}", |at| at.post(Right::Programs, rollouts::act_on_device))
        .at("/service-calls/{id}", |at| at.post(Right::Calls, device::set_service_call))
        .at("/orders/{id}", |at| at.post(Right::Orders, device::set_order))
        .at("/orders/{id}/duplicate", |at| at.post(Right::Orders, device::settle_duplicate))
        .at("/people", |at| at.get(Right::Administer, people::list).post(Right::Administer, people::add))
        .at("/people/{name}", |at| {
            at.get(Right::Administer, people::one).post(Right::Administer, people::save)
        })
        .at("/people/{name}/reset", |at| at.post(Right::Administer, people::reset))
        .at("/people/{name}/remove", |at| at.post(Right::Administer, people::remove))
        .at("/telling", |at| at.get(Right::SeeAll, telling::page))
        .at("/telling/channels", |at| at.post(Right::Telling, telling::add_channel))
        .at("/telling/channels/{id}/test", |at| at.post(Right::Telling, telling::test_channel))
        .at("/telling/channels/{id}/secret", |at| at.post(Right::Telling, telling::new_secret))
        .at("/telling/channels/{id}/remove", |at| at.post(Right::Telling, telling::remove_channel))
        .at("/telling/rules", |at| at.post(Right::Telling, telling::add_rule))
        .at("/telling/rules/new", |at| at.get(Right::Telling, telling::new_rule_page))
        .at("/telling/rules/{id}", |at| {
            at.get(Right::Telling, telling::rule_page).post(Right::Telling, telling::save_rule)
        })
        .at("/telling/rules/{id}/remove", |at| at.post(Right::Telling, telling::remove_rule))
        .at("/telling/mutes", |at| at.post(Right::Answer, telling::add_mute))
        .at("/telling/mutes/{id}/end", |at| at.post(Right::Answer, telling::end_mute))
        .at("/telling/messages/{id}/take", |at| at.post(Right::Answer, telling::take))
        .at("/telling/messages/{id}/send-again", |at| at.post(Right::Answer, telling::send_again))
        .at("/restored", |at| at.get(Right::SeeAll, restored::page))
        .at("/restored/let-in", |at| at.post(Right::Administer, restored::let_in))
        .at("/restored/let-in-all", |at| at.post(Right::Administer, restored::let_in_all))
        .at("/restored/end", |at| at.post(Right::Administer, restored::end))
        .at("/sign-in", |at| at.get(Wants::Anyone, sign_in::page).post(Wants::Anyone, sign_in::sign_in))
        .at("/sign-out", |at| at.post(Wants::Anyone, sign_in::sign_out))
        .at("/assets/{name}", |at| at.get(Wants::Anyone, assets::asset_page))
}

pub(super) fn router(operators: &Arc<Operators>) -> Router<Arc<Operators>> {
    routes()
        .router(operators)
        .fallback(|| async { Refusal::new(ProblemKind::NotFound, "There is no such page here.") })
        .method_not_allowed_fallback(|| async {
            Refusal::new(ProblemKind::MethodNotAllowed, "This address does not accept that method.")
        })
}

/// What every page's frame shows.
struct Frame {
    assets: &'static Assets,
    /// Who is signed in.
    operator: Option<Operator>,
    /// Whether the page follows what happens.
    follows: bool,
}

impl Frame {
    fn new(operator: Option<Operator>, follows: bool) -> Self {
        Self { assets: assets::assets(), operator, follows }
    }

    fn may(&self, right: Right) -> bool {
        self.operator.as_ref().is_some_and(|operator| operator.may(right))
    }
}

/// What who looks may do: a page shows no button to anybody who may not press it.
macro_rules! rights {
    ($($name:ident $right:ident,)*) => {
        impl Frame {
            $(fn $name(&self) -> bool {
                self.may(Right::$right)
            })*
        }
    };
}
rights! {
    may_see_all SeeAll,
    may_tend Tend,
    may_calls Calls,
    may_dispatch Dispatch,
    may_orders Orders,
    may_describe Describe,
    may_admit Admit,
    may_places Places,
    may_profiles Profiles,
    may_programs Programs,
    may_administer Administer,
}

/// Ages on the page are counted from `now`.
fn render_at(template: &impl Template, now: Timestamp) -> Result<Html<String>, Refusal> {
    let rendered = template.render_with_values(&filters::Now(now));
    rendered.map(Html).map_err(|error| Refusal::internal(&error))
}

fn render(template: &impl Template) -> Result<Html<String>, Refusal> {
    template.render().map(Html).map_err(|error| Refusal::internal(&error))
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    problem: &'a Problem,
}

/// Outside the API, a problem is a page.
pub(super) async fn errors_as_pages(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let for_program = path.starts_with("/api/") || path == METRICS;
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>().filter(|_| !for_program) else {
        return response;
    };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match render(&ErrorPage { frame: Frame::new(None, false), problem: &problem }) {
        Ok(page) => {
            let mut shown = (status, page).into_response();
            if let Some(when) = response.headers_mut().remove(RETRY_AFTER) {
                shown.headers_mut().insert(RETRY_AFTER, when);
            }
            shown
        }
        Err(_) => response,
    }
}

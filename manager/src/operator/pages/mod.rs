//! The pages, each from its template. They work without script; with it they follow what happens
//! (`assets/live.js`). What comes from devices is text, and askama escapes it.

mod account;
mod assets;
mod audit;
mod bulk;
mod calls;
mod chart;
mod credentials;
mod customers;
mod depletion;
mod details;
mod device;
mod device_page;
mod device_parts;
mod documents;
mod enrolment;
mod filters;
mod fleet;
mod gap;
mod history;
mod history_csv;
mod history_marks;
mod history_range;
mod live;
mod meters;
mod now;
mod orders;
mod parts;
mod people;
mod prints;
mod profiles;
mod programs;
mod restored;
mod rollouts;
mod schedules;
mod sign_in;
mod telling;
mod views;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};
use jiff::Timestamp;
use platen_protocol::problem::{Problem, ProblemKind};

use super::Operators;
use super::guard::{Routes, Wants};
use super::openid;
use super::problem::Refusal;
use super::who::Operator;
use super::words;
use crate::probes::METRICS;
use crate::rights::Right;
use assets::Assets;

/// Every address, with what it wants.
pub(super) fn routes() -> Routes {
    of_manager(of_desk(of_fleet(Routes::of_pages())))
}

/// Devices, and whose they are.
fn of_fleet(routes: Routes) -> Routes {
    routes
        .at("/", |at| at.get(Right::See, fleet::page))
        .at("/fleet/rows", |at| at.piece().get(Right::See, fleet::rows))
        .at("/fleet/columns", |at| at.get(Right::See, views::columns))
        .at("/views", |at| at.get(Right::See, views::list).post(Right::See, views::add))
        .at("/views/{id}/{act}", |at| at.post(Right::See, views::act))
        .at("/bulk-commands", |at| at.get(Right::See, bulk::list).post(Right::Tend, bulk::begin))
        .at("/bulk-commands/question", |at| at.post(Right::Tend, bulk::question))
        .at("/bulk-commands/{id}", |at| at.get(Right::See, bulk::one))
        .at("/live", |at| at.piece().get(Right::See, live::stream))
        .at("/devices/{id}", |at| at.get(Right::See, device_page::page))
        .at("/devices/{id}/parts/{part}", |at| at.get(Right::See, device_page::part))
        .at("/devices/{id}/history", |at| at.get(Right::See, history::page))
        .at("/devices/{id}/history.csv", |at| at.get(Right::See, history::csv))
        .at("/devices/{id}/read-now", |at| at.post(Right::Tend, device::read_now))
        .at("/devices/{id}/replace-controller", |at| at.post(Right::Admit, enrolment::replace))
        .at("/enrol", |at| at.get(Right::Places, enrolment::page).post(Right::Places, enrolment::sheet))
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
        .at("/devices/{id}/report", |at| at.get(Right::See, documents::report))
        .at("/day", |at| at.get(Right::See, documents::day))
        .at("/prints", |at| at.get(Right::See, prints::list).post(Right::Print, prints::add))
        .at("/prints/schedules", |at| {
            at.get(Right::SeeAll, schedules::list).post(Right::Telling, schedules::add)
        })
        .at("/prints/schedules/{id}/remove", |at| at.post(Right::Telling, schedules::remove))
        .at("/prints/{id}/again", |at| at.post(Right::Print, prints::again))
        .at("/prints/{id}/cancel", |at| at.post(Right::Print, prints::cancel))
        .at("/orders/{id}/sheet", |at| at.get(Right::See, documents::sheet))
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
}

/// What people work on.
fn of_desk(routes: Routes) -> Routes {
    routes
        .at("/now", |at| at.get(Right::See, now::page))
        .at("/now/wall", |at| at.get(Right::See, now::wall))
        .at("/now/{id}", |at| at.get(Right::See, now::one))
        .at("/now/{id}/{act}", |at| at.post(Right::Calls, now::act))
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
        .at("/orders", |at| at.get(Right::See, orders::list).post(Right::Orders, orders::make))
        .at("/orders/rule", |at| at.post(Right::Places, orders::set_rule))
        .at("/orders/{id}", |at| at.get(Right::See, orders::one).post(Right::Orders, device::set_order))
        .at("/orders/{id}/duplicate", |at| at.post(Right::Orders, device::settle_duplicate))
        .at("/parts", |at| at.get(Right::SeeAll, parts::list).post(Right::Orders, parts::add))
        .at("/parts/{id}", |at| at.get(Right::SeeAll, parts::one).post(Right::Orders, parts::save))
        .at("/parts/{id}/remove", |at| at.post(Right::Orders, parts::remove))
        .at("/parts/{id}/places", |at| at.post(Right::Orders, parts::add_place))
        .at("/parts/{id}/places/{place}", |at| at.post(Right::Orders, parts::save_place))
}

/// The manager itself, who is told what, and who may do what.
fn of_manager(routes: Routes) -> Routes {
    routes
        .at("/people", |at| at.get(Right::Administer, people::list).post(Right::Administer, people::add))
        .at("/people/{name}", |at| {
            at.get(Right::Administer, people::one).post(Right::Administer, people::save)
        })
        .at("/people/{name}/reset", |at| at.post(Right::Administer, people::reset))
        .at("/people/{name}/remove", |at| at.post(Right::Administer, people::remove))
        .at("/people/{name}/sessions/end", |at| at.post(Right::Administer, credentials::end_all))
        .at("/people/{name}/sessions/{id}/end", |at| at.post(Right::Administer, credentials::end))
        .at("/people/{name}/second-factor/remove", |at| {
            at.post(Right::Administer, credentials::remove_second_factor)
        })
        .at("/people/{name}/tokens/{id}/revoke", |at| at.post(Right::Administer, credentials::revoke))
        .at("/enrolment-tokens", |at| at.get(Right::Places, credentials::enrolment_tokens))
        .at("/enrolment-tokens/{id}/revoke", |at| at.post(Right::Places, credentials::revoke_enrolment_token))
        .at("/audit", |at| at.get(Right::Administer, audit::page))
        .at("/audit.csv", |at| at.get(Right::Administer, audit::csv))
        .at("/audit.jsonl", |at| at.get(Right::Administer, audit::lines))
        .at("/account", |at| at.get(Right::Own, account::page))
        .at("/account/password", |at| at.post(Right::Own, account::change_password))
        .at("/account/second-factor", |at| at.post(Right::Own, account::begin_second_factor))
        .at("/account/second-factor/confirm", |at| at.post(Right::Own, account::confirm_second_factor))
        .at("/account/second-factor/remove", |at| at.post(Right::Own, account::remove_second_factor))
        .at("/account/sessions/end", |at| at.post(Right::Own, account::end_others))
        .at("/account/sessions/{id}/end", |at| at.post(Right::Own, account::end))
        .at("/account/tokens", |at| at.post(Right::Own, account::make_token))
        .at("/account/tokens/{id}/revoke", |at| at.post(Right::Own, account::revoke))
        .at("/telling", |at| at.get(Right::SeeAll, telling::page))
        .at("/telling/channels", |at| at.post(Right::Telling, telling::add_channel))
        .at("/telling/channels/{id}/test", |at| at.post(Right::Telling, telling::test_channel))
        .at("/telling/channels/{id}/secret", |at| at.post(Right::Telling, telling::new_secret))
        .at("/telling/channels/{id}/remove", |at| at.post(Right::Telling, telling::remove_channel))
        .at("/telling/rules", |at| at.post(Right::Telling, telling::rule::add))
        .at("/telling/rules/new", |at| at.get(Right::Telling, telling::rule::new_page))
        .at("/telling/rules/{id}", |at| {
            at.get(Right::Telling, telling::rule::page).post(Right::Telling, telling::rule::save)
        })
        .at("/telling/rules/{id}/remove", |at| at.post(Right::Telling, telling::rule::remove))
        .at("/telling/mutes", |at| at.post(Right::Answer, telling::add_mute))
        .at("/telling/mutes/{id}/end", |at| at.post(Right::Answer, telling::end_mute))
        .at("/telling/messages/{id}/take", |at| at.post(Right::Answer, telling::take))
        .at("/telling/messages/{id}/send-again", |at| at.post(Right::Answer, telling::send_again))
        .at("/restored", |at| at.get(Right::SeeAll, restored::page))
        .at("/restored/let-in", |at| at.post(Right::Administer, restored::let_in))
        .at("/restored/let-in-all", |at| at.post(Right::Administer, restored::let_in_all))
        .at("/restored/end", |at| at.post(Right::Administer, restored::end))
        .at("/sign-in", |at| at.get(Wants::Anyone, sign_in::page).post(Wants::Anyone, sign_in::sign_in))
        .at("/sign-in/openid", |at| at.get(Wants::Anyone, sign_in::begin_openid))
        .at(openid::BACK, |at| at.get(Wants::Anyone, sign_in::openid_back))
        .at("/sign-in/code", |at| at.post(Wants::Anyone, sign_in::code))
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
    may_print Print,
    may_telling Telling,
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
            for kept in [RETRY_AFTER, SET_COOKIE] {
                if let Some(value) = response.headers_mut().remove(&kept) {
                    shown.headers_mut().insert(kept, value);
                }
            }
            shown
        }
        Err(_) => response,
    }
}

//! The pages, each from its template. They work without script; with it they follow what happens
//! (`assets/live.js`). What comes from devices is text, and askama escapes it.

mod assets;
mod chart;
mod customers;
mod details;
mod device;
mod filters;
mod fleet;
mod gap;
mod history;
mod live;
mod meters;
mod profiles;
mod programs;
mod restored;
mod rollouts;
mod sign_in;
mod words;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use platen_protocol::problem::{Problem, ProblemKind};

use super::Operators;
use super::problem::Refusal;
use assets::Assets;

pub(super) fn router() -> Router<Arc<Operators>> {
    Router::new()
        .route("/", get(fleet::page))
        .route("/fleet/rows", get(fleet::rows))
        .route("/live", get(live::stream))
        .route("/devices/{id}", get(device::page))
        .route("/devices/{id}/history", get(history::page))
        .route("/devices/{id}/read-now", post(device::read_now))
        .route("/devices/{id}/revoke", post(device::revoke))
        .route("/devices/{id}/readmit", post(device::readmit))
        .route("/devices/{id}/dismiss-clone", post(device::dismiss_clone))
        .route("/devices/{id}/dismiss-superseded", post(device::dismiss_superseded))
        .route("/devices/{id}/settings", post(device::set_setting))
        .route("/devices/{id}/details", get(details::page).post(details::save))
        .route("/devices/{id}/hold", post(rollouts::holds::hold))
        .route("/devices/{id}/let-go", post(rollouts::holds::let_go))
        .route("/devices/{id}/retire", post(details::retire_one))
        .route("/devices/{id}/delete", post(details::delete))
        .route("/meters", get(meters::page))
        .route("/customers", get(customers::list).post(customers::add))
        .route("/customers/{id}", get(customers::one).post(customers::save))
        .route("/customers/{id}/remove", post(customers::remove))
        .route("/sites", post(customers::add_site))
        .route("/sites/{id}", post(customers::save_site))
        .route("/sites/{id}/remove", post(customers::remove_site))
        .route("/profiles", get(profiles::list).post(profiles::add))
        .route("/profiles/{id}", get(profiles::one).post(profiles::save))
        .route("/profiles/{id}/send", post(profiles::send))
        .route("/profiles/{id}/remove", post(profiles::remove))
        .route("/programs", get(programs::list))
        .route("/programs/{name}/{version}", get(programs::one))
        .route("/programs/{name}/{version}/offers", post(programs::offer))
        .route("/programs/{name}/{version}/take-back", post(programs::take_back))
        .route("/rollouts", get(rollouts::list).post(rollouts::plan::make))
        .route("/rollouts/new", get(rollouts::plan::page))
        .route("/rollouts/{id}", get(rollouts::one))
        .route("/rollouts/{id}/{act}", post(rollouts::act))
        .route("/rollouts/{id}/devices/{device}/{act}", post(rollouts::act_on_device))
        .route("/service-calls/{id}", post(device::set_service_call))
        .route("/orders/{id}", post(device::set_order))
        .route("/orders/{id}/duplicate", post(device::settle_duplicate))
        .route("/restored", get(restored::page))
        .route("/restored/let-in", post(restored::let_in))
        .route("/restored/let-in-all", post(restored::let_in_all))
        .route("/restored/end", post(restored::end))
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/assets/{name}", get(assets::asset_page))
        .fallback(|| async { Refusal::new(ProblemKind::NotFound, "There is no such page here.") })
        .method_not_allowed_fallback(|| async {
            Refusal::new(ProblemKind::MethodNotAllowed, "This address does not accept that method.")
        })
}

/// What every page's frame shows.
struct Frame {
    assets: &'static Assets,
    /// Who is signed in.
    operator: Option<String>,
    /// Whether the page follows what happens.
    follows: bool,
}

impl Frame {
    fn new(operator: Option<String>, follows: bool) -> Self {
        Self { assets: assets::assets(), operator, follows }
    }
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
    let for_program = request.uri().path().starts_with("/api/");
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

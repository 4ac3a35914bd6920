//! The JSON API, an address a function. What is not JSON is a problem document (RFC 9457).

mod commands;
mod ddi;
mod details;
mod devices;
mod events;
mod health;
mod history;
mod holds;
mod identity;
mod list;
mod lists;
mod meters;
mod openapi;
mod places;
mod profiles;
mod programs;
mod refused;
mod restored;
mod rollouts;
mod whole_numbers;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};
use platen_protocol::problem::ProblemKind;

use super::Operators;
use super::problem::Refusal;

pub(super) fn router() -> Router<Arc<Operators>> {
    Router::new()
        .route("/devices", get(devices::list))
        .route("/devices/{id}", get(devices::one).delete(details::delete))
        .route("/devices/{id}/history", get(history::history))
        .route("/device-counts", get(devices::counts))
        .route("/devices/{id}/details", get(details::get).patch(details::change))
        .route("/devices/{id}/retire", post(details::retire_one))
        .route("/device-changes", post(details::change_many))
        .route("/meters", get(meters::meters))
        .route("/meters.csv", get(meters::meters_csv))
        .route("/customers", get(places::customers).post(places::add_customer))
        .route(
            "/customers/{id}",
            get(places::customer).put(places::set_customer).delete(places::remove_customer),
        )
        .route("/sites", get(places::sites).post(places::add_site))
        .route("/sites/{id}", get(places::site).put(places::set_site).delete(places::remove_site))
        .route("/profiles", get(profiles::list).post(profiles::add))
        .route("/profiles/{id}", get(profiles::one).put(profiles::set).delete(profiles::remove))
        .route("/profiles/{id}/send", post(profiles::send))
        .route("/profiles/{id}/refusals", get(profiles::refusals))
        .route("/programs", get(programs::list))
        .route("/programs/{name}/{version}", get(programs::one))
        .route("/programs/{name}/{version}/offers", get(programs::offers).post(programs::offer))
        .route("/programs/{name}/{version}/offers/{device}", delete(programs::take_back))
        .route("/programs/{name}/{version}/attempts", get(programs::attempts))
        .route("/devices/{id}/ddi", get(ddi::get))
        .route("/devices/{id}/ddi/tokens", post(ddi::make_token))
        .route("/devices/{id}/ddi/tokens/{token}", delete(ddi::revoke_token))
        .route("/rollouts", get(rollouts::list).post(rollouts::create))
        .route("/rollouts/preview", post(rollouts::preview))
        .route("/rollouts/{id}", get(rollouts::one))
        .route("/rollouts/{id}/devices", get(rollouts::devices))
        .route("/rollouts/{id}/log", get(rollouts::log))
        .route("/rollouts/{id}/{act}", post(rollouts::act))
        .route("/rollouts/{id}/devices/{device}/retry", post(rollouts::retry_device))
        .route("/rollouts/{id}/devices/{device}/skip", post(rollouts::skip_device))
        .route("/devices/{id}/holds", get(holds::list).put(holds::set_all).delete(holds::remove_all))
        .route("/devices/{id}/holds/{name}", put(holds::set).delete(holds::remove))
        .route("/devices/{id}/commands", get(commands::list).post(commands::issue))
        .route("/devices/{id}/revoke", post(identity::revoke))
        .route("/devices/{id}/readmit", post(identity::readmit))
        .route("/devices/{id}/dismiss-clone", post(identity::dismiss_clone))
        .route("/devices/{id}/dismiss-superseded", post(identity::dismiss_superseded))
        .route("/alerts", get(lists::alerts))
        .route("/watches", get(lists::watches))
        .route("/reports", get(lists::reports))
        .route("/service-calls", get(lists::service_calls))
        .route("/service-calls/{id}", post(lists::set_service_call))
        .route("/orders", get(lists::orders))
        .route("/orders/{id}", post(lists::set_order))
        .route("/orders/{id}/merge", post(lists::merge_order))
        .route("/orders/{id}/keep", post(lists::keep_order))
        .route("/replacements", get(lists::replacements))
        .route("/restoration", get(restored::restoration))
        .route("/restoration/let-in", post(restored::let_in))
        .route("/restoration/end", post(restored::end))
        .route("/health", get(health::health))
        .route("/events", get(events::events))
        .route("/openapi.json", get(openapi::document))
        .fallback(|| async {
            Refusal::new(
                ProblemKind::NotFound,
                "the API has no such address; /api/v1/openapi.json lists all of them",
            )
        })
        .method_not_allowed_fallback(|| async {
            Refusal::new(
                ProblemKind::MethodNotAllowed,
                "this address does not accept that method; the Allow header lists those that it does",
            )
        })
}

//! The JSON API, an address a function. What is not JSON is a problem document (RFC 9457).

mod calls;
mod commands;
mod ddi;
mod details;
mod devices;
mod enrolment;
mod events;
mod health;
mod history;
mod holds;
mod identity;
mod list;
mod lists;
mod meters;
mod now;
mod openapi;
mod people;
mod places;
mod profiles;
mod programs;
mod refused;
mod restored;
mod rollouts;
mod telling;
mod whole_numbers;

use std::sync::Arc;

use axum::Router;
use platen_protocol::problem::ProblemKind;

use super::Operators;
use super::guard::{Routes, Wants};
use super::problem::Refusal;
use crate::rights::Right;

/// Every address, with what it wants.
pub(super) fn routes() -> Routes {
    Routes::of_api()
        .at("/devices", |at| at.get(Right::See, devices::list))
        .at("/devices/{id}", |at| at.get(Right::See, devices::one).delete(Right::Administer, details::delete))
        .at("/devices/{id}/history", |at| at.get(Right::See, history::history))
        .at("/device-counts", |at| at.get(Right::See, devices::counts))
        .at("/devices/{id}/details", |at| {
            at.get(Right::See, details::get).patch(Right::Describe, details::change)
        })
        .at("/devices/{id}/retire", |at| at.post(Right::Admit, details::retire_one))
        .at("/device-changes", |at| at.post(Right::Describe, details::change_many))
        .at("/customers", |at| {
            at.get(Right::See, places::customers).post(Right::Places, places::add_customer)
        })
        .at("/customers/{id}", |at| {
            at.get(Right::See, places::customer)
                .put(Right::Places, places::set_customer)
                .delete(Right::Places, places::remove_customer)
        })
        .at("/sites", |at| at.get(Right::See, places::sites).post(Right::Places, places::add_site))
        .at("/sites/{id}", |at| {
            at.get(Right::See, places::site)
                .put(Right::Places, places::set_site)
                .delete(Right::Places, places::remove_site)
        })
        .at("/profiles", |at| at.get(Right::SeeAll, profiles::list).post(Right::Profiles, profiles::add))
        .at("/profiles/{id}", |at| {
            at.get(Right::SeeAll, profiles::one)
                .put(Right::Profiles, profiles::set)
                .delete(Right::Profiles, profiles::remove)
        })
        .at("/profiles/{id}/send", |at| at.post(Right::Profiles, profiles::send))
        .at("/profiles/{id}/refusals", |at| at.get(Right::SeeAll, profiles::refusals))
        .at("/programs", |at| at.get(Right::See, programs::list))
        .at("/programs/{name}/{version}", |at| at.get(Right::See, programs::one))
        .at("/programs/{name}/{version}/offers", |at| {
            at.get(Right::See, programs::offers).post(Right::Programs, programs::offer)
        })
        .at("/programs/{name}/{version}/offers/{device}", |at| {
            at.delete(Right::Programs, programs::take_back)
        })
        .at("/programs/{name}/{version}/attempts", |at| at.get(Right::See, programs::attempts))
        .at("/devices/{id}/ddi", |at| at.get(Right::See, ddi::get))
        .at("/devices/{id}/ddi/tokens", |at| at.post(Right::Admit, ddi::make_token))
        .at("/devices/{id}/ddi/tokens/{token}", |at| at.delete(Right::Admit, ddi::revoke_token))
        .at("/now", |at| at.get(Right::See, now::list))
        .at("/now-counts", |at| at.get(Right::See, now::counts))
        .at("/now/{id}", |at| at.get(Right::See, now::one))
        .at("/now/{id}/history", |at| at.get(Right::See, now::history))
        .at("/now/{id}/take", |at| at.post(Right::Calls, now::take))
        .at("/now/{id}/give-back", |at| at.post(Right::Calls, now::give_back))
        .at("/now/{id}/comment", |at| at.post(Right::Calls, now::comment))
        .at("/now/{id}/snooze", |at| at.post(Right::Calls, now::snooze))
        .at("/now/{id}/close", |at| at.post(Right::Calls, now::close))
        .at("/meters", |at| at.get(Right::See, meters::meters))
        .at("/meters.csv", |at| at.get(Right::See, meters::meters_csv))
        .at("/rollouts", |at| at.get(Right::See, rollouts::list).post(Right::Programs, rollouts::create))
        .at("/rollouts/preview", |at| at.post(Right::Programs, rollouts::preview))
        .at("/rollouts/{id}", |at| at.get(Right::See, rollouts::one))
        .at("/rollouts/{id}/devices", |at| at.get(Right::See, rollouts::devices))
        .at("/rollouts/{id}/log", |at| at.get(Right::See, rollouts::log))
        .at("/rollouts/{id}/{act}", |at| at.post(Right::Programs, rollouts::act))
        .at("/rollouts/{id}/devices/{device}/retry", |at| at.post(Right::Programs, rollouts::retry_device))
        .at("/rollouts/{id}/devices/{device}/skip", |at| at.post(Right::Programs, rollouts::skip_device))
        .at("/devices/{id}/holds", |at| {
            at.get(Right::See, holds::list)
                .put(Right::Tend, holds::set_all)
                .delete(Right::Tend, holds::remove_all)
        })
        .at("/devices/{id}/holds/{name}", |at| {
            at.put(Right::Tend, holds::set).delete(Right::Tend, holds::remove)
        })
        .at("/devices/{id}/commands", |at| {
            at.get(Right::See, commands::list).post(Right::Tend, commands::issue)
        })
        .at("/devices/{id}/replace-controller", |at| at.post(Right::Admit, enrolment::replace))
        .at("/enrolment-tokens", |at| {
            at.get(Right::Places, enrolment::list).post(Right::Places, enrolment::make)
        })
        .at("/enrolment-tokens/{token}", |at| at.delete(Right::Places, enrolment::take_back))
        .at("/devices/{id}/revoke", |at| at.post(Right::Admit, identity::revoke))
        .at("/devices/{id}/readmit", |at| at.post(Right::Admit, identity::readmit))
        .at("/devices/{id}/dismiss-clone", |at| at.post(Right::Admit, identity::dismiss_clone))
        .at("/devices/{id}/dismiss-superseded", |at| at.post(Right::Admit, identity::dismiss_superseded))
        .at("/alerts", |at| at.get(Right::See, lists::alerts))
        .at("/watches", |at| at.get(Right::See, lists::watches))
        .at("/reports", |at| at.get(Right::See, lists::reports))
        .at("/service-calls", |at| at.get(Right::See, lists::service_calls).post(Right::Calls, calls::open))
        .at("/service-calls/{id}", |at| {
            at.get(Right::See, calls::one).post(Right::Calls, lists::set_service_call)
        })
        .at("/service-calls/{id}/history", |at| at.get(Right::See, calls::history))
        .at("/service-calls/{id}/move", |at| at.post(Right::Calls, calls::move_on))
        .at("/service-calls/{id}/comment", |at| at.post(Right::Calls, calls::comment))
        .at("/service-calls/{id}/ticket", |at| at.put(Right::Calls, calls::set_ticket))
        .at("/service-call-counts", |at| at.get(Right::See, calls::counts))
        .at("/service-call-times", |at| at.get(Right::See, calls::times))
        .at("/service-agreements", |at| at.get(Right::SeeAll, calls::agreements_list))
        .at("/service-agreements/{customer}", |at| {
            at.put(Right::Places, calls::set_agreement).delete(Right::Places, calls::remove_agreement)
        })
        .at("/orders", |at| at.get(Right::See, lists::orders))
        .at("/orders/{id}", |at| at.post(Right::Orders, lists::set_order))
        .at("/orders/{id}/merge", |at| at.post(Right::Orders, lists::merge_order))
        .at("/orders/{id}/keep", |at| at.post(Right::Orders, lists::keep_order))
        .at("/replacements", |at| at.get(Right::See, lists::replacements))
        .at("/operators", |at| at.get(Right::Administer, people::list).post(Right::Administer, people::add))
        .at("/operators/{name}", |at| {
            at.get(Right::Administer, people::one)
                .put(Right::Administer, people::set)
                .delete(Right::Administer, people::remove)
        })
        .at("/operators/{name}/password", |at| at.post(Right::Administer, people::reset))
        .at("/me", |at| at.get(Right::See, people::me))
        .at("/channels", |at| {
            at.get(Right::SeeAll, telling::channels).post(Right::Telling, telling::add_channel)
        })
        .at("/channels/{id}", |at| {
            at.get(Right::SeeAll, telling::channel)
                .put(Right::Telling, telling::set_channel)
                .delete(Right::Telling, telling::remove_channel)
        })
        .at("/channels/{id}/secret", |at| at.post(Right::Telling, telling::new_secret))
        .at("/channels/{id}/test", |at| at.post(Right::Telling, telling::test_channel))
        .at("/notification-rules", |at| {
            at.get(Right::SeeAll, telling::rules).post(Right::Telling, telling::add_rule)
        })
        .at("/notification-rules/{id}", |at| {
            at.get(Right::SeeAll, telling::rule)
                .put(Right::Telling, telling::set_rule)
                .delete(Right::Telling, telling::remove_rule)
        })
        .at("/mutes", |at| at.get(Right::SeeAll, telling::mutes).post(Right::Answer, telling::add_mute))
        .at("/mutes/{id}", |at| at.delete(Right::Answer, telling::end_mute))
        .at("/messages", |at| at.get(Right::SeeAll, telling::messages))
        .at("/messages/{id}", |at| at.get(Right::SeeAll, telling::message))
        .at("/messages/{id}/send-again", |at| at.post(Right::Answer, telling::send_again))
        .at("/messages/{id}/take", |at| at.post(Right::Answer, telling::take))
        .at("/restoration", |at| at.get(Right::SeeAll, restored::restoration))
        .at("/restoration/let-in", |at| at.post(Right::Administer, restored::let_in))
        .at("/restoration/end", |at| at.post(Right::Administer, restored::end))
        .at("/health", |at| at.get(Right::SeeAll, health::health))
        .at("/events", |at| at.get(Right::See, events::events))
        .at("/openapi.json", |at| at.get(Wants::Anyone, openapi::document))
}

pub(super) fn router(operators: &Arc<Operators>) -> Router<Arc<Operators>> {
    routes()
        .router(operators)
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

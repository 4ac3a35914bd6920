//! The JSON API, an address a function. What is not JSON is a problem document (RFC 9457).

mod audit;
mod bulk;
mod calls;
mod commands;
mod credentials;
mod ddi;
mod details;
mod devices;
mod documents;
mod enrolment;
mod events;
mod health;
mod history;
mod holds;
mod identity;
mod list;
mod lists;
mod marks;
mod meters;
mod now;
mod openapi;
mod orders;
mod parts;
mod people;
mod places;
mod printer_words;
mod prints;
mod profiles;
mod programs;
mod refused;
mod restored;
mod rollouts;
mod schedules;
mod second_factor;
mod telling;
mod views;

use std::sync::Arc;

use axum::Router;
use platen_protocol::problem::ProblemKind;

use super::Operators;
use super::guard::{Routes, Wants};
use super::problem::Refusal;
use crate::rights::Right;

/// Every address, with what it wants.
pub(super) fn routes() -> Routes {
    of_credentials(of_manager(of_documents(of_people(of_programs(of_fleet(Routes::of_api()))))))
}

/// Devices, and whose they are.
fn of_fleet(routes: Routes) -> Routes {
    routes
        .at("/devices", |at| at.get(Right::See, devices::list))
        .at("/devices/{id}", |at| at.get(Right::See, devices::one).delete(Right::Administer, details::delete))
        .at("/devices/{id}/history", |at| at.get(Right::See, history::history))
        .at("/devices/{id}/printer-mib", |at| at.get(Right::See, printer_words::printer_mib))
        .at("/devices/{id}/ipp-attributes", |at| at.get(Right::See, printer_words::ipp_attributes))
        .at("/device-counts", |at| at.get(Right::See, devices::counts))
        .at("/devices/{id}/details", |at| {
            at.get(Right::See, details::get).patch(Right::Describe, details::change)
        })
        .at("/devices/{id}/retire", |at| at.post(Right::Admit, details::retire_one))
        .at("/device-changes", |at| at.post(Right::Describe, details::change_many))
        .at("/views", |at| at.get(Right::See, views::list).post(Right::See, views::add))
        .at("/views/{id}", |at| {
            at.get(Right::See, views::one).put(Right::See, views::set).delete(Right::See, views::remove)
        })
        .at("/views/{id}/default", |at| {
            at.put(Right::See, views::set_default).delete(Right::See, views::remove_default)
        })
        .at("/bulk-commands", |at| at.get(Right::See, bulk::list).post(Right::Tend, bulk::begin))
        .at("/bulk-commands/preview", |at| at.post(Right::Tend, bulk::preview))
        .at("/bulk-commands/{id}", |at| at.get(Right::See, bulk::one))
        .at("/bulk-commands/{id}/devices", |at| at.get(Right::See, bulk::devices))
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
}

/// Programs, and how they come to devices.
fn of_programs(routes: Routes) -> Routes {
    routes
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
        .at("/devices/{id}/ddi/tokens", |at| at.secret().post(Right::Admit, ddi::make_token))
        .at("/devices/{id}/ddi/tokens/{token}", |at| at.delete(Right::Admit, ddi::revoke_token))
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
}

/// What people work on, and what they are told.
fn of_people(routes: Routes) -> Routes {
    routes
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
        .at("/devices/{id}/commands", |at| {
            at.get(Right::See, commands::list).post(Right::Tend, commands::issue)
        })
        .at("/devices/{id}/replace-controller", |at| at.secret().post(Right::Admit, enrolment::replace))
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
        .at("/orders", |at| at.get(Right::See, orders::list).post(Right::Orders, orders::create))
        .at("/orders/{id}", |at| at.get(Right::See, orders::one).post(Right::Orders, orders::set))
        .at("/orders.csv", |at| at.get(Right::See, orders::csv))
        .at("/orders/{id}/history", |at| at.get(Right::See, orders::history))
        .at("/orders/{id}/merge", |at| at.post(Right::Orders, orders::merge))
        .at("/orders/{id}/keep", |at| at.post(Right::Orders, orders::keep))
        .at("/parts", |at| at.get(Right::SeeAll, parts::list).post(Right::Orders, parts::add))
        .at("/parts/{id}", |at| {
            at.get(Right::SeeAll, parts::one)
                .put(Right::Orders, parts::set)
                .delete(Right::Orders, parts::remove)
        })
        .at("/stock", |at| at.get(Right::SeeAll, parts::stock).post(Right::Orders, parts::add_stock))
        .at("/stock/{id}", |at| {
            at.get(Right::SeeAll, parts::one_stock)
                .put(Right::Orders, parts::set_stock)
                .delete(Right::Orders, parts::remove_stock)
        })
        .at("/stock/{id}/put", |at| at.post(Right::Orders, parts::put_stock))
        .at("/stock/{id}/history", |at| at.get(Right::SeeAll, parts::stock_history))
        .at("/order-rules", |at| at.get(Right::SeeAll, orders::rules).put(Right::Places, orders::set_rule))
        .at("/order-rules/{customer}", |at| at.put(Right::Places, orders::set_customers_rule))
        .at("/replacements", |at| at.get(Right::See, lists::replacements))
        .at("/channels", |at| {
            at.secret().get(Right::SeeAll, telling::channels).post(Right::Telling, telling::add_channel)
        })
        .at("/channels/{id}", |at| {
            at.get(Right::SeeAll, telling::channel)
                .put(Right::Telling, telling::set_channel)
                .delete(Right::Telling, telling::remove_channel)
        })
        .at("/channels/{id}/secret", |at| at.secret().post(Right::Telling, telling::new_secret))
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
}

/// What can be printed, and what is printed.
fn of_documents(routes: Routes) -> Routes {
    routes
        .at("/meters.pdf", |at| at.get(Right::See, documents::meters_pdf))
        .at("/devices/{id}/report", |at| at.get(Right::See, documents::report))
        .at("/devices/{id}/report.csv", |at| at.get(Right::See, documents::report_csv))
        .at("/devices/{id}/report.pdf", |at| at.get(Right::See, documents::report_pdf))
        .at("/printers", |at| at.get(Right::See, prints::printers))
        .at("/prints", |at| at.get(Right::See, prints::list).post(Right::Print, prints::add))
        .at("/prints/{id}", |at| at.get(Right::See, prints::one))
        .at("/prints/{id}/again", |at| at.post(Right::Print, prints::again))
        .at("/prints/{id}/cancel", |at| at.post(Right::Print, prints::cancel))
        .at("/print-schedules", |at| {
            at.get(Right::SeeAll, schedules::list).post(Right::Telling, schedules::add)
        })
        .at("/print-schedules/{id}", |at| at.delete(Right::Telling, schedules::remove))
        .at("/day", |at| at.get(Right::See, documents::day))
        .at("/day.csv", |at| at.get(Right::See, documents::day_csv))
        .at("/day.pdf", |at| at.get(Right::See, documents::day_pdf))
        .at("/orders/{id}/sheet", |at| at.get(Right::See, documents::sheet))
        .at("/orders/{id}/sheet.csv", |at| at.get(Right::See, documents::sheet_csv))
        .at("/orders/{id}/sheet.pdf", |at| at.get(Right::See, documents::sheet_pdf))
}

/// The manager itself, and who may do what.
fn of_manager(routes: Routes) -> Routes {
    routes
        .at("/operators", |at| {
            at.secret().get(Right::Administer, people::list).post(Right::Administer, people::add)
        })
        .at("/operators/{name}", |at| {
            at.get(Right::Administer, people::one)
                .put(Right::Administer, people::set)
                .delete(Right::Administer, people::remove)
        })
        .at("/operators/{name}/password", |at| at.secret().post(Right::Administer, people::reset))
        .at("/me", |at| at.get(Right::See, people::me))
        .at("/restoration", |at| at.get(Right::SeeAll, restored::restoration))
        .at("/restoration/let-in", |at| at.post(Right::Administer, restored::let_in))
        .at("/restoration/end", |at| at.post(Right::Administer, restored::end))
        .at("/health", |at| at.get(Right::SeeAll, health::health))
        .at("/events", |at| at.get(Right::See, events::events))
        .at("/openapi.json", |at| at.get(Wants::Anyone, openapi::document))
}

/// By what operators are let in, and what they did.
fn of_credentials(routes: Routes) -> Routes {
    routes
        .at("/me/password", |at| at.post(Right::Own, credentials::change_my_password))
        .at("/me/second-factor", |at| at.secret().post(Right::Own, second_factor::begin))
        .at("/me/second-factor/confirm", |at| at.secret().post(Right::Own, second_factor::confirm))
        .at("/me/second-factor/remove", |at| at.post(Right::Own, second_factor::remove_own))
        .at("/operators/{name}/second-factor", |at| at.delete(Right::Administer, second_factor::remove))
        .at("/me/sessions", |at| {
            at.get(Right::Own, credentials::my_sessions).delete(Right::Own, credentials::end_my_sessions)
        })
        .at("/me/sessions/{id}", |at| at.delete(Right::Own, credentials::end_my_session))
        .at("/me/tokens", |at| {
            at.secret().get(Right::Own, credentials::my_tokens).post(Right::Own, credentials::make_my_token)
        })
        .at("/me/tokens/{id}", |at| at.delete(Right::Own, credentials::revoke_my_token))
        .at("/operators/{name}/sessions", |at| {
            at.get(Right::Administer, credentials::sessions)
                .delete(Right::Administer, credentials::end_sessions)
        })
        .at("/operators/{name}/sessions/{id}", |at| at.delete(Right::Administer, credentials::end_session))
        .at("/operators/{name}/tokens", |at| at.get(Right::Administer, credentials::tokens))
        .at("/operators/{name}/tokens/{id}", |at| at.delete(Right::Administer, credentials::revoke_token))
        .at("/audit", |at| at.get(Right::Administer, audit::list))
        .at("/audit.csv", |at| at.get(Right::Administer, audit::csv))
        .at("/audit.jsonl", |at| at.get(Right::Administer, audit::lines))
        .at("/enrolment-tokens", |at| {
            at.secret().get(Right::Places, credentials::enrolment_tokens).post(Right::Places, enrolment::make)
        })
        .at("/enrolment-tokens/{id}", |at| at.delete(Right::Places, credentials::revoke_enrolment_token))
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

//! `GET /openapi.json`: what stands here, for programs.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};

use super::{commands, devices, events, health, identity, lists};

#[derive(OpenApi)]
#[openapi(
    info(title = "Platen manager", description = "What operators' programs can ask of a Platen manager."),
    paths(
        devices::list,
        devices::one,
        commands::list,
        commands::issue,
        identity::revoke,
        identity::readmit,
        identity::dismiss_clone,
        lists::alerts,
        lists::watches,
        lists::reports,
        lists::service_calls,
        lists::set_service_call,
        lists::orders,
        lists::set_order,
        lists::replacements,
        health::health,
        events::events
    ),
    security(("bearer" = []), ("session" = [])),
    modifiers(&Security)
)]
struct Api;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let cookie = ApiKey::Cookie(ApiKeyValue::new("__Host-platen"));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    }
}

/// The document. It tells nothing of the fleet, so anyone may read it.
pub(super) async fn document() -> Json<Document> {
    Json(Api::openapi())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_every_address_of_the_api() {
        let document = serde_json::to_value(Api::openapi()).unwrap();
        let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        for path in [
            "devices",
            "devices/{id}",
            "devices/{id}/commands",
            "devices/{id}/revoke",
            "devices/{id}/readmit",
            "devices/{id}/dismiss-clone",
            "alerts",
            "watches",
            "reports",
            "service-calls",
            "service-calls/{id}",
            "orders",
            "orders/{id}",
            "replacements",
            "health",
            "events",
        ] {
            assert!(paths.contains(&&format!("/api/v1/{path}")), "{path} is missing from {paths:?}");
        }
        let schemas = &document["components"]["schemas"];
        for property in ["worst", "counters", "buses", "activity", "orders", "watches"] {
            assert!(schemas["DeviceView"]["properties"][property].is_object(), "{property}");
        }
        for schema in ["OrderView", "ReplacementView", "Action", "Evidence", "Activity", "CounterReading"] {
            assert!(schemas[schema].is_object(), "{schema}");
        }
    }
}

//! `GET /openapi.json`: what stands here, for programs.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::Json;
use platen_protocol::limits::MAX_SETTINGS_PER_COMMAND;
use platen_protocol::problem::{MEDIA_TYPE, Problem};
use platen_protocol::settings::SettingKey;
use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};

use super::super::guard::Wants;
use super::super::once;
use super::{
    audit, bulk, calls, commands, credentials, ddi, details, devices, documents, enrolment, events, health,
    history, holds, identity, lists, meters, now, orders, parts, people, places, printer_words, prints,
    profiles, programs, restored, rollouts, schedules, second_factor, telling, views,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Platen manager",
        description = "The API of a Platen manager for operators' programs. Lists are paged: pass `next_cursor` back as `cursor`. A refusal is a problem document (RFC 9457).",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "The manager that serves this document.")),
    paths(
        devices::list,
        devices::one,
        history::history,
        printer_words::printer_mib,
        printer_words::ipp_attributes,
        devices::counts,
        details::get,
        details::change,
        details::change_many,
        details::retire_one,
        details::delete,
        schedules::list,
        schedules::add,
        schedules::remove,
        prints::printers,
        prints::list,
        prints::one,
        prints::add,
        prints::again,
        prints::cancel,
        documents::report,
        documents::report_csv,
        documents::report_pdf,
        documents::day,
        documents::day_csv,
        documents::day_pdf,
        documents::sheet,
        documents::sheet_csv,
        documents::sheet_pdf,
        documents::meters_pdf,
        meters::meters,
        meters::meters_csv,
        views::list,
        views::add,
        views::one,
        views::set,
        views::remove,
        views::set_default,
        views::remove_default,
        bulk::list,
        bulk::begin,
        bulk::preview,
        bulk::one,
        bulk::devices,
        places::customers,
        places::customer,
        places::add_customer,
        places::set_customer,
        places::remove_customer,
        places::sites,
        places::site,
        places::add_site,
        places::set_site,
        places::remove_site,
        profiles::list,
        profiles::one,
        profiles::add,
        profiles::set,
        profiles::remove,
        profiles::send,
        profiles::refusals,
        programs::list,
        programs::one,
        programs::offers,
        programs::attempts,
        programs::offer,
        programs::take_back,
        ddi::get,
        ddi::make_token,
        ddi::revoke_token,
        now::list,
        now::counts,
        now::one,
        now::history,
        now::take,
        now::give_back,
        now::comment,
        now::snooze,
        now::close,
        rollouts::list,
        rollouts::create,
        rollouts::preview,
        rollouts::one,
        rollouts::devices,
        rollouts::log,
        rollouts::act,
        rollouts::retry_device,
        rollouts::skip_device,
        holds::list,
        holds::set_all,
        holds::set,
        holds::remove_all,
        holds::remove,
        commands::list,
        commands::issue,
        identity::revoke,
        enrolment::make,
        enrolment::replace,
        identity::readmit,
        identity::dismiss_clone,
        identity::dismiss_superseded,
        lists::alerts,
        lists::watches,
        lists::reports,
        lists::service_calls,
        lists::set_service_call,
        calls::open,
        calls::one,
        calls::history,
        calls::move_on,
        calls::comment,
        calls::set_ticket,
        calls::counts,
        calls::times,
        calls::agreements_list,
        calls::set_agreement,
        calls::remove_agreement,
        orders::list,
        orders::create,
        orders::csv,
        orders::one,
        orders::history,
        orders::set,
        orders::merge,
        orders::keep,
        orders::rules,
        orders::set_rule,
        orders::set_customers_rule,
        parts::list,
        parts::add,
        parts::one,
        parts::set,
        parts::remove,
        parts::stock,
        parts::add_stock,
        parts::one_stock,
        parts::set_stock,
        parts::remove_stock,
        parts::put_stock,
        parts::stock_history,
        lists::replacements,
        people::list,
        people::add,
        people::one,
        people::set,
        people::remove,
        people::reset,
        people::me,
        credentials::change_my_password,
        second_factor::begin,
        second_factor::confirm,
        second_factor::remove_own,
        second_factor::remove,
        credentials::my_sessions,
        credentials::end_my_sessions,
        credentials::end_my_session,
        credentials::my_tokens,
        credentials::make_my_token,
        credentials::revoke_my_token,
        credentials::sessions,
        credentials::end_sessions,
        credentials::end_session,
        credentials::tokens,
        credentials::revoke_token,
        audit::list,
        audit::csv,
        audit::lines,
        credentials::enrolment_tokens,
        credentials::revoke_enrolment_token,
        restored::restoration,
        restored::let_in,
        restored::end,
        telling::channels,
        telling::channel,
        telling::add_channel,
        telling::set_channel,
        telling::remove_channel,
        telling::new_secret,
        telling::test_channel,
        telling::rules,
        telling::rule,
        telling::add_rule,
        telling::set_rule,
        telling::remove_rule,
        telling::mutes,
        telling::add_mute,
        telling::end_mute,
        telling::messages,
        telling::message,
        telling::send_again,
        telling::take,
        health::health,
        events::events
    ),
    components(schemas(Problem, crate::store::Reached, rollouts::ActWord)),
    tags(
        (name = "Now", description = "What needs a person, the most urgent first."),
        (name = "Devices", description = "Printers' controllers, and what they read."),
        (name = "Customers and profiles", description = "What operators say about devices, and settings for many of them."),
        (name = "Programs", description = "What is installed on devices."),
        (name = "Rollouts", description = "Programs that come to many devices, wave by wave."),
        (name = "Meters", description = "What devices counted, for whoever bills."),
        (name = "Documents", description = "What can be printed and filed: reports, the day's list, orders."),
        (name = "Commands", description = "What operators ask of devices."),
        (name = "Identities", description = "Which devices are let in."),
        (name = "Service calls and orders", description = "What people at devices ask for."),
        (name = "Parts and stock", description = "What can be ordered, what it costs, and what of it lies where. To change it takes `see_all` as well."),
        (name = "Lists", description = "What devices reported and watches found, of all devices."),
        (name = "People", description = "Operators, and what each may do."),
        (name = "Telling people", description = "Who is told of what, by which ways, and what was told."),
        (name = "Events", description = "What happens, as it happens."),
        (name = "Manager", description = "The manager itself."),
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

/// Values of settings: with the bounds of each, for which the types have no words.
fn settings(description: &str) -> Value {
    let values: serde_json::Map<String, Value> = SettingKey::patterns()
        .into_iter()
        .map(|(name, bounds)| {
            (name, json!({"type": "integer", "minimum": bounds.start(), "maximum": bounds.end()}))
        })
        .collect();
    json!({
        "type": "object",
        "description": description,
        "minProperties": 1,
        "maxProperties": MAX_SETTINGS_PER_COMMAND,
        "patternProperties": values,
        "additionalProperties": false,
    })
}

/// What an operator may ask of a device: tighter than what a device understands.
fn action() -> Value {
    let patterns = SettingKey::patterns();
    let names: Vec<&str> = patterns.iter().map(|(name, _)| name.as_str()).collect();
    let of_kind = |kind: &str, description: &str, settings: Option<Value>| {
        let kind = json!({"type": "string", "enum": [kind]});
        let properties: serde_json::Map<String, Value> = std::iter::once(("kind".to_owned(), kind))
            .chain(settings.map(|settings| ("settings".to_owned(), settings)))
            .collect();
        let required: Vec<String> = properties.keys().cloned().collect();
        json!({"type": "object", "description": description, "properties": properties, "required": required})
    };
    let set = settings("The new values, in the unit that each name ends with.");
    let reset = json!({
        "type": "array",
        "description": "Which settings; none means all.",
        "maxItems": MAX_SETTINGS_PER_COMMAND,
        "items": {"type": "string", "pattern": names.join("|")},
    });
    json!({
        "description": "What is asked of the device.",
        "oneOf": [
            of_kind("read_now", "Read every chip and line now, and report it.", None),
            of_kind("check_programs", "Ask now whether there is a program for the device.", None),
            of_kind("set", "Change settings: all of them, or none when one cannot be.", Some(set)),
            of_kind("reset", "Take settings back to what the device's own files say.", Some(reset)),
        ],
    })
}

/// What stands at a place of a schema.
fn said(schema: &Value, place: &str) -> Value {
    schema.pointer(place).cloned().unwrap_or_default()
}

/// Parts an object into forms: each has some of its properties, of which the first must be there, and always the
/// `common` ones; of the others nothing may be said.
fn forms(schema: &Value, common: &[&str], forms: &[&[&str]]) -> Value {
    let properties = said(schema, "/properties");
    let form = |own: &&[&str]| {
        let is_of_it = |name: &String| own.contains(&name.as_str()) || common.contains(&name.as_str());
        let all: serde_json::Map<String, Value> = properties
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, of)| {
                let is_asked_for = own.first() == Some(&name.as_str());
                let of = match (is_asked_for, is_of_it(name)) {
                    (true, _) => never_null(of.clone()),
                    (false, true) => of.clone(),
                    (false, false) => json!({"type": "null"}),
                };
                (name.clone(), of)
            })
            .collect();
        let required: Vec<&str> = own.iter().take(1).chain(common).copied().collect();
        json!({"type": "object", "properties": all, "required": required, "additionalProperties": false})
    };
    let parted: Vec<Value> = forms.iter().map(form).collect();
    json!({"description": said(schema, "/description"), "oneOf": parted})
}

/// The same, each of its choices with nothing but its own properties.
fn closed(schema: &Value) -> Value {
    let mut closed = schema.clone();
    let choices = closed.get_mut("oneOf").and_then(Value::as_array_mut);
    for choice in choices.into_iter().flatten().filter_map(Value::as_object_mut) {
        choice.insert("additionalProperties".to_owned(), json!(false));
    }
    closed
}

/// The same without `null`, in whichever of its two ways that is said.
fn never_null(mut schema: Value) -> Value {
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind != "null");
    }
    if let Some(choices) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    }
    schema
}

/// One certificate, or all.
fn let_in(schema: &Value) -> Value {
    let all = |which: bool| {
        let description = said(schema, "/properties/all/description");
        json!({"type": "boolean", "enum": [which], "description": description})
    };
    let device = json!({"$ref": "#/components/schemas/DeviceId"});
    let serial = json!({"type": "string", "description": said(schema, "/properties/serial/description")});
    let nothing = json!({"type": "null"});
    let form = |all: Value, device: &Value, serial: &Value, required: &[&str]| {
        let properties = json!({"all": all, "device": device, "serial": serial});
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    };
    let one = form(all(false), &device, &serial, &["device", "serial"]);
    let all = form(all(true), &nothing, &nothing, &["all"]);
    json!({"description": said(schema, "/description"), "oneOf": [one, all]})
}

/// Says a schema exacter.
type Exacter = fn(&Value) -> Value;

/// What the types have no words for, by its place.
const EXACTER: &[(&str, Exacter)] = &[
    ("/components/schemas/NewCommand/properties/action", |_| action()),
    ("/components/schemas/ProfileForm/properties/settings", |values| {
        settings(values.pointer("/description").and_then(Value::as_str).unwrap_or_default())
    }),
    ("/components/schemas/ManyPatch", |patch| {
        forms(patch, &["change"], &[&["devices"], &["those", "cursor"]])
    }),
    ("/components/schemas/BulkActForm", closed),
    ("/components/schemas/BulkForm", |bulk| {
        forms(bulk, &["act"], &[&["devices", "expected"], &["found", "expected"]])
    }),
    ("/components/schemas/LetIn", let_in),
    ("/components/schemas/RolloutForm", |rollout| {
        let (named, chosen) = (["devices", "id", "note", "plan"], ["fleet", "id", "note", "plan"]);
        forms(rollout, &["program"], &[&named, &chosen])
    }),
    // Of nothing but a list, in which it would stand once more.
    (
        "/components/schemas/List_NowEntry/properties/items/items",
        |_| json!({"$ref": "#/components/schemas/NowEntry"}),
    ),
    (
        "/components/schemas/List_CallEntry/properties/items/items",
        |_| json!({"$ref": "#/components/schemas/CallEntry"}),
    ),
    (
        "/components/schemas/List_RolloutEntry/properties/items/items",
        |_| json!({"$ref": "#/components/schemas/RolloutEntry"}),
    ),
    ("/components/schemas/WaveForm", |wave| forms(wave, &[], &[&["percent"], &["devices"]])),
];

/// Where references to schemas lead.
const SCHEMAS: &str = "#/components/schemas/";

/// The document, made once.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = serde_json::to_value(Api::openapi()).unwrap_or_default();
    for (place, say) in EXACTER {
        if let Some(schema) = document.pointer_mut(place) {
            *schema = say(schema);
        }
    }
    for (path, method, wants) in super::routes().stated() {
        let Wants::May(right) = wants else { continue };
        let place = format!("/paths/~1api~1v1{}/{method}", path.replace('/', "~1"));
        if let Some(Value::Object(operation)) = document.pointer_mut(&place) {
            operation.insert("x-right".to_owned(), json!(right));
            if method == "post" {
                may_have_a_key(operation);
            }
        }
    }
    drop_unused(&mut document);
    document
});

/// Whatever is posted may have a key, under which it is done once.
fn may_have_a_key(operation: &mut serde_json::Map<String, Value>) {
    let header = json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "A new one for each thing that is to be done, such as a UUID. Whoever heard no answer sends the same request under the same key again: it is done once, and answered as the first time for 24 hours.",
        "schema": {"type": "string", "pattern": once::PATTERN},
    });
    if let Value::Array(parameters) = operation.entry("parameters").or_insert_with(|| json!([])) {
        parameters.push(header);
    }
    let problem = |description: &str| {
        let schema = json!({"$ref": format!("{SCHEMAS}Problem")});
        json!({"description": description, "content": {MEDIA_TYPE: {"schema": schema}}})
    };
    let Some(Value::Object(responses)) = operation.get_mut("responses") else { return };
    for (status, description) in [
        ("400", "`Idempotency-Key` is none."),
        (
            "409",
            "It was asked for under the same `Idempotency-Key` and is not answered, or what was answered is not kept.",
        ),
        ("422", "Something else was asked for under the same `Idempotency-Key`."),
    ] {
        if !responses.contains_key(status) {
            responses.insert(status.to_owned(), problem(description));
        }
    }
}

/// What a value refers to.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// Takes out schemas that nothing refers to: of a list of something, what is in it stands in the list itself.
fn drop_unused(document: &mut Value) {
    let mut found = BTreeSet::new();
    references(document, &mut found);
    let used: BTreeSet<String> =
        found.into_iter().filter_map(|place| place.strip_prefix(SCHEMAS)).map(str::to_owned).collect();
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        schemas.retain(|name, _| used.contains(name));
    }
}

/// The document. It tells nothing of the fleet, so anyone may read it.
pub(super) async fn document() -> Json<&'static Value> {
    Json(&DOCUMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_says_which_right_it_wants() {
        for (path, operations) in DOCUMENT["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let right: crate::rights::Right = serde_json::from_value(operation["x-right"].clone())
                    .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
                let may_be_asked_without_a_change = ["get"].contains(&method.as_str());
                // What somebody looks at is that one's own, and changes nothing of the fleet.
                let is_own = path.starts_with("/api/v1/views");
                assert!(
                    may_be_asked_without_a_change || is_own || right != crate::rights::Right::See,
                    "{method} {path}"
                );
            }
        }
    }

    #[test]
    fn every_address_of_the_api_is_in_the_document() {
        for (path, method, _) in super::super::routes().stated() {
            let place = format!("/paths/~1api~1v1{}/{method}", path.replace('/', "~1"));
            assert!(path == "/openapi.json" || DOCUMENT.pointer(&place).is_some(), "{method} {path}");
        }
    }

    /// Names of what derives `ToSchema` in the sources below.
    fn schemas_below(folder: &std::path::Path, names: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                schemas_below(&path, names);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for after in text.split("ToSchema)]").skip(1) {
                let head = after
                    .lines()
                    .find_map(|line| ["struct ", "enum "].iter().find_map(|kind| line.split_once(*kind)));
                let name = head.and_then(|(_, name)| name.split(['<', '{', '(', ';', ' ']).next());
                // Macros have no names of their own.
                names.extend(name.filter(|name| !name.starts_with('$')).map(str::to_owned));
            }
        }
    }

    #[test]
    fn no_two_things_have_one_name_in_the_document() {
        let (mut names, mut seen) = (Vec::new(), BTreeSet::new());
        schemas_below(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
        assert!(names.len() > 100, "they are found: {names:?}");
        let twice: Vec<&String> = names.iter().filter(|name| !seen.insert(*name)).collect();
        assert!(twice.is_empty(), "of these the document has only one: {twice:?}");
    }

    #[test]
    fn the_document_says_what_things_are_made_of() {
        let schemas = &DOCUMENT["components"]["schemas"];
        for property in ["worst", "counters", "buses", "activity", "orders", "watches"] {
            assert!(schemas["DeviceView"]["properties"][property].is_object(), "{property}");
        }
        assert_eq!(schemas["SupplyClass"]["enum"][1], "supplyThatIsConsumed", "as on the wire");
        let bounds = &schemas["NewCommand"]["properties"]["action"]["oneOf"][2]["properties"]["settings"];
        let interval = &bounds["patternProperties"]["^sample\\.interval-seconds$"];
        assert_eq!((&interval["minimum"], &interval["maximum"]), (&json!(1), &json!(60)));
        for schema in
            ["OrderView", "List_ReplacementView", "Action", "Evidence", "Activity", "CounterReading"]
        {
            assert!(schemas[schema].is_object(), "{schema}");
        }
    }
}

//! Who may do what, at every address that the `OpenAPI` document names: what is added to it later is tried by itself.

use std::collections::BTreeMap;

use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::Incoming;
use platen_manager::rights::{Right, Role};
use platen_manager::secret::fingerprint;
use platen_manager::store::{NewOperator, Scope};
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};

use platen_tests::rigs::manager::client::{Answer, Client, Connection, LIMIT, request};
use platen_tests::rigs::manager::messages::{
    active, batch, order, replaced, service_call, started, toner_low, utilisation,
};
use platen_tests::rigs::manager::pages::{OWN, browser, device_page, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{OPERATOR, TestManager, now};

/// What must not be told to who is limited to the other customer.
const SECRET: [&str; 5] = ["vault", "Secret GmbH", "Hidden", "under the mat", "cellar"];

/// An operation of the document.
struct Operation {
    method: String,
    path: String,
    right: Right,
    body: Option<Value>,
}

/// A value that a schema allows.
fn example(document: &Value, schema: &Value) -> Value {
    if let Some(place) = schema["$ref"].as_str() {
        return example(document, document.pointer(place.trim_start_matches('#')).unwrap());
    }
    for word in ["oneOf", "anyOf"] {
        if let Some(first) =
            schema[word].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null"))
        {
            return example(document, first);
        }
    }
    if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
        return first.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
    match kind {
        "integer" | "number" => schema["minimum"].as_i64().unwrap_or(1).into(),
        "boolean" => true.into(),
        "string" => "example-of-ten".into(),
        "array" => {
            let least = usize::try_from(schema["minItems"].as_u64().unwrap_or(0)).unwrap();
            vec![example(document, &schema["items"]); least].into()
        }
        _ => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let all = required.iter().map(|name| {
                let name = name.as_str().unwrap();
                (name.to_owned(), example(document, &schema["properties"][name]))
            });
            Value::Object(all.collect())
        }
    }
}

/// All that the document names, but the stream without an end.
async fn operations(manager: &TestManager) -> Vec<Operation> {
    let document = manager.api("/api/v1/openapi.json").await;
    let mut all = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let body = match operation["operationId"].as_str().unwrap() {
                "changeDeviceDetails" => Some(json!({"note": "changed", "tags": ["changed"]})),
                _ => schema.is_object().then(|| example(&document, schema)),
            };
            let right = serde_json::from_value(operation["x-right"].clone()).unwrap();
            all.push(Operation { method: method.to_uppercase(), path: path.clone(), right, body });
        }
    }
    assert!(all.len() > 60, "{}", all.len());
    all.retain(|one| one.path != "/api/v1/events");
    all
}

/// An operator with a token, which is given back.
pub(super) async fn operator(manager: &TestManager, name: &str, role: Role, scope: Scope) -> String {
    let new = NewOperator { name: name.to_owned(), password_hash: "none".to_owned(), role, scope };
    manager.store.add_operator(new, now()).await.unwrap().unwrap();
    let token = format!("token-of-{name}");
    let hash = fingerprint(token.as_bytes());
    assert!(manager.store.add_operator_token(hash, name.to_owned(), now()).await.unwrap());
    token
}

pub(super) async fn send(
    connection: &mut Connection,
    token: &str,
    (method, path): (&str, &str),
    body: Option<&Value>,
) -> Answer {
    let text = body.map(ToString::to_string).unwrap_or_default();
    let mut asked = request(method, path, text);
    asked.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    asked.headers_mut().insert("content-type", "application/json".parse().unwrap());
    connection.send(asked).await.unwrap()
}

async fn made(manager: &TestManager, path: &str, body: &Value) -> i64 {
    let answer = manager.ask_api("POST", path, Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()["id"].as_i64().unwrap()
}

/// Two customers with a device each, at which something of everything has happened.
struct Two {
    manager: TestManager,
    /// What is put for a parameter of an address that names something of the first, and of the second, by the beginning of
    /// the address.
    ids: BTreeMap<&'static str, [String; 2]>,
    nord: i64,
    lobby: Client,
    vault: Client,
}

async fn two() -> Two {
    let manager = TestManager::start().await;
    let nord = made(&manager, "/api/v1/customers", &json!({"name": "Nord AG"})).await;
    let secret = json!({"name": "Secret GmbH", "note": "the key is under the mat"});
    let secret = made(&manager, "/api/v1/customers", &secret).await;
    let kiel = made(&manager, "/api/v1/sites", &json!({"customer": nord, "name": "Kiel"})).await;
    let hidden = made(&manager, "/api/v1/sites", &json!({"customer": secret, "name": "Hidden"})).await;
    let mut clients = Vec::new();
    for (device, site, place) in [("lobby", kiel, "2nd floor"), ("vault", hidden, "cellar")] {
        let client = manager.enrol(device).await;
        let happened = [
            started("Demo C450"),
            utilisation(50),
            active(49),
            toner_low("a1"),
            order("o1", 2),
            service_call(&format!("streaks, in the {place}")),
            replaced(),
        ];
        client.report(manager.device, &batch(1, &happened)).await.acknowledged();
        let details = json!({"site": site, "place": place, "note": format!("ring at the {place}")});
        let path = format!("/api/v1/devices/{device}/details");
        assert_eq!(manager.ask_api("PATCH", &path, Some(&details)).await.status, StatusCode::OK);
        let read = json!({"action": {"kind": "read_now"}});
        manager.ask_api("POST", &format!("/api/v1/devices/{device}/commands"), Some(&read)).await;
        let hold = json!({"why": format!("nobody is in the {place}")});
        manager.ask_api("PUT", &format!("/api/v1/devices/{device}/holds"), Some(&hold)).await;
        clients.push(client);
    }
    let profile = json!({
        "name": "For Secret GmbH", "settings": {"supply.black.set-percent": 15},
        "groups": [{"kind": "tag", "name": "nobody"}],
    });
    let profile = made(&manager, "/api/v1/profiles", &profile).await.to_string();
    let of_list = |list: Value| {
        let of = |device: &str| {
            let items = list["items"].as_array().unwrap();
            items.iter().find(|item| item["device"] == device).unwrap()["id"].to_string()
        };
        [of("lobby"), of("vault")]
    };
    let calls = of_list(manager.api("/api/v1/service-calls").await);
    let orders = of_list(manager.api("/api/v1/orders").await);
    let ids = BTreeMap::from([
        ("/api/v1/devices/", ["lobby".to_owned(), "vault".to_owned()]),
        ("/api/v1/customers/", [nord.to_string(), secret.to_string()]),
        ("/api/v1/sites/", [kiel.to_string(), hidden.to_string()]),
        ("/api/v1/profiles/", [profile.clone(), profile]),
        ("/api/v1/service-calls/", calls),
        ("/api/v1/orders/", orders),
    ]);
    let vault = clients.pop().unwrap();
    let lobby = clients.pop().unwrap();
    Two { manager, ids, nord, lobby, vault }
}

impl Two {
    /// The address with what is the first's, or the second's, for its parameters.
    fn address(&self, path: &str, whose: usize) -> String {
        let of_place = self.ids.iter().find(|(begin, _)| path.starts_with(*begin));
        let id = of_place.map_or_else(|| "example".to_owned(), |(_, ids)| ids[whose].clone());
        let device = ["lobby", "vault"][whose];
        let mut filled = path.replace("{id}", &id).replace("{device}", device).replace("{token}", "1");
        while let Some((before, rest)) = filled.split_once('{') {
            let (_, after) = rest.split_once('}').unwrap();
            filled = format!("{before}example{after}");
        }
        filled
    }

    /// How the second customer's things stand.
    async fn others(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for path in [
            "/api/v1/devices/vault/details",
            "/api/v1/devices/vault/commands",
            "/api/v1/devices/vault/holds",
            "/api/v1/orders?device=vault",
            "/api/v1/service-calls?device=vault",
            "/api/v1/profiles",
        ] {
            all.push(self.manager.api(path).await);
        }
        for (begin, which) in [("/api/v1/customers/", 1), ("/api/v1/sites/", 1)] {
            all.push(self.manager.api(&format!("{begin}{}", self.ids[begin][which])).await);
        }
        all
    }
}

fn tells_nothing(asked: &str, answer: &Answer) {
    let text = answer.text();
    for secret in SECRET {
        assert!(!text.contains(secret), "{asked} tells of {secret}: {text}");
    }
}

#[tokio::test]
async fn who_is_limited_to_a_customer_hears_nothing_of_another_at_any_address() {
    let two = two().await;
    let scope = Scope::Of { customers: [two.nord].into(), sites: [].into() };
    let token = operator(&two.manager, "ben", Role::Dispatcher, scope).await;
    let before = two.others().await;
    let mut connection = browser(&two.manager).await;
    // What is there, is told.
    let seen = send(&mut connection, &token, ("GET", "/api/v1/devices"), None).await.json();
    assert_eq!((seen["items"][0]["id"].as_str(), &seen["items"][1]), (Some("lobby"), &Value::Null));
    let orders = send(&mut connection, &token, ("GET", "/api/v1/orders"), None).await.json();
    assert_eq!(orders["items"][0]["device"], "lobby");
    let all = operations(&two.manager).await;
    // What asks first, then what changes.
    let (asks, changes): (Vec<_>, Vec<_>) = all.iter().partition(|one| one.method == "GET");
    for whose in [1, 0] {
        for Operation { method, path, right, body } in asks.iter().chain(&changes) {
            let address = two.address(path, whose);
            let asked = format!("{method} {address}");
            let answer = send(&mut connection, &token, (method, &address), body.as_ref()).await;
            tells_nothing(&asked, &answer);
            if right.is_of_all() {
                let why = answer.problem(ProblemKind::RightMissing);
                assert!(why.contains(right.word()) && !answer.status.is_success(), "{asked}: {why}");
            } else if whose == 1 && address != *path {
                let mine = path.contains("{name}") && !path.contains("{id}") && !path.contains("{device}");
                assert!(mine || !answer.status.is_success(), "{asked}: {}", answer.text());
            }
        }
    }
    let many = json!({"devices": ["vault"], "change": {"note": "changed"}});
    let answer = send(&mut connection, &token, ("POST", "/api/v1/device-changes"), Some(&many)).await;
    assert_eq!(answer.json()["changed"], 0);
    assert_eq!(two.others().await, before, "nothing of another customer was changed");
}

#[tokio::test]
async fn what_a_role_may_not_do_is_refused_with_the_right_that_is_missing() {
    let manager = TestManager::start().await;
    let all = operations(&manager).await;
    for role in Role::ALL {
        let token = operator(&manager, role.word(), role, Scope::All).await;
        let mut connection = browser(&manager).await;
        let me = send(&mut connection, &token, ("GET", "/api/v1/me"), None).await.json();
        assert_eq!(me["role"], role.word());
        for Operation { method, path, right, body } in &all {
            // Names of nothing, so that nothing is changed.
            let mut address = path.clone();
            while let Some((before, rest)) = address.split_once('{') {
                address = format!("{before}999999{}", rest.split_once('}').unwrap().1);
            }
            let answer = send(&mut connection, &token, (method, &address), body.as_ref()).await;
            let asked = format!("{role}: {method} {path}");
            let has = me["rights"].as_array().unwrap().contains(&json!(right));
            assert_eq!(has, role.has(*right), "{asked}");
            if has {
                assert_ne!(answer.status, StatusCode::FORBIDDEN, "{asked}: {}", answer.text());
                assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{asked}");
            } else {
                let why = answer.problem(ProblemKind::RightMissing);
                assert!(
                    why.contains(&format!("`{}`", right.word())) && why.contains(role.word()),
                    "{asked}: {why}"
                );
            }
        }
    }
}

/// A stream of events, as text.
pub(super) struct Stream {
    body: Incoming,
    text: String,
    _connection: Connection,
}

impl Stream {
    pub(super) async fn open(
        manager: &TestManager,
        path: &str,
        (header, value): (&'static str, String),
    ) -> Self {
        let mut connection = browser(manager).await;
        let mut asked = request("GET", path, "");
        asked.headers_mut().insert(header, value.parse().unwrap());
        let response = connection.open(asked).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut stream = Self { body: response.into_body(), text: String::new(), _connection: connection };
        stream.until("listening").await;
        stream
    }

    /// More of it; `false` when it has ended.
    async fn more(&mut self) -> bool {
        let frame = tokio::time::timeout(LIMIT, self.body.frame()).await.unwrap();
        let Some(Ok(frame)) = frame else { return false };
        self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        true
    }

    pub(super) async fn until(&mut self, words: &str) {
        while !self.text.contains(words) {
            assert!(self.more().await, "it ended without {words}: {}", self.text);
        }
    }

    pub(super) async fn until_the_end(&mut self) {
        while self.more().await {}
    }
}

#[tokio::test]
async fn streams_tell_who_is_limited_of_the_own_devices_alone_and_end_with_the_rights() {
    let two = two().await;
    let scope = Scope::Of { customers: [two.nord].into(), sites: [].into() };
    let token = operator(&two.manager, "ben", Role::Viewer, scope).await;
    let bearer = || ("authorization", format!("Bearer {token}"));
    let mut events = Stream::open(&two.manager, "/api/v1/events", bearer()).await;
    let mut pages = Stream::open(&two.manager, "/live", bearer()).await;
    let mut others = Stream::open(
        &two.manager,
        "/api/v1/events",
        ("authorization", format!("Bearer {}", two.manager.bearer)),
    )
    .await;
    two.vault.report(two.manager.device, &batch(8, &[utilisation(40)])).await.acknowledged();
    two.lobby.report(two.manager.device, &batch(8, &[utilisation(40)])).await.acknowledged();
    others.until("\"device\":\"vault\"").await;
    events.until("\"device\":\"lobby\"").await;
    pages.until("lobby").await;
    for stream in [&events, &pages] {
        assert!(!stream.text.contains("vault"), "{}", stream.text);
    }
    // By another program on the same database; the manager sees it for itself.
    two.manager.store.change_operator("ben".into(), Role::Viewer, Scope::All).await.unwrap().unwrap();
    events.until_the_end().await;
    pages.until_the_end().await;
    let mut events = Stream::open(&two.manager, "/api/v1/events", bearer()).await;
    two.vault.report(two.manager.device, &batch(9, &[utilisation(39)])).await.acknowledged();
    events.until("\"device\":\"vault\"").await;
    let removed = two.manager.ask_api("DELETE", "/api/v1/operators/ben", None).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    events.until_the_end().await;
    two.lobby.report(two.manager.device, &batch(9, &[utilisation(39)])).await.acknowledged();
    others.until("\"sequence\":9").await;
}

#[tokio::test]
async fn an_administrator_adds_people_on_a_page_and_each_sees_what_is_meant_for_them() {
    let two = two().await;
    let manager = &two.manager;
    let mut anna = browser(manager).await;
    let cookie = sign_in(&mut anna).await;
    let list = get(&mut anna, "/people", &cookie).await.text();
    assert!(list.contains(&format!("data-operator=\"{OPERATOR}\" data-role=\"administrator\"")), "{list}");
    let form = format!("name=ben&role=technician&sees=these&limits=customer%3A{}", two.nord);
    let added = post_form(&mut anna, "/people", &form, Some(OWN), &cookie).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.text());
    let page = added.text();
    let password = page.split_once("id=\"password\">").unwrap().1.split_once('<').unwrap().0.to_owned();
    let one = get(&mut anna, "/people/ben", &cookie).await.text();
    assert!(one.contains("data-right=\"tend\"") && !one.contains("data-right=\"orders\""), "{one}");

    let mut ben = browser(manager).await;
    let form = format!("name=ben&password={password}");
    let signed = post_form(&mut ben, "/sign-in", &form, Some(OWN), "").await;
    let his = signed.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    for path in
        ["/", "/customers", "/programs", "/rollouts", "/devices/lobby", "/fleet/rows?rows=lobby,vault"]
    {
        let page = get(&mut ben, path, &his).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        tells_nothing(path, &page);
    }
    let device = device_page(&mut ben, "lobby", &his).await;
    assert!(device.contains("id=\"read-now\"") && device.contains("Mark as handled"));
    assert!(!device.contains("Mark as delivered") && !device.contains("id=\"edit-details\""));
    assert_eq!(get(&mut ben, "/devices/vault", &his).await.status, StatusCode::NOT_FOUND);
    for path in ["/people", "/profiles", "/restored", "/devices/lobby/details"] {
        let page = get(&mut ben, path, &his).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
        assert!(page.text().contains("needs the right"), "{path}");
        tells_nothing(path, &page);
    }
    let order = format!("/orders/{}", two.ids["/api/v1/orders/"][0]);
    let refused = post_form(&mut ben, &order, "state=delivered&device=lobby", Some(OWN), &his).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);

    let reset = post_form(&mut anna, "/people/ben/reset", "", Some(OWN), &cookie).await;
    assert!(reset.text().contains("id=\"password\""));
    assert_eq!(get(&mut ben, "/", &his).await.status, StatusCode::SEE_OTHER, "his session has ended");
    let gone = post_form(&mut anna, "/people/ben/remove", "", Some(OWN), &cookie).await;
    assert_eq!(gone.headers["location"], "/people");
    let only_one = post_form(&mut anna, &format!("/people/{OPERATOR}/remove"), "", Some(OWN), &cookie).await;
    assert_eq!(only_one.status, StatusCode::CONFLICT);
    assert!(only_one.text().contains("only administrator"));
}

#[tokio::test]
async fn operators_are_added_changed_and_removed_over_the_api() {
    let manager = TestManager::start().await;
    let ask = async |method: &str, path: &str, body: Value| {
        manager.ask_api(method, &format!("/api/v1{path}"), Some(&body)).await
    };
    let nord = made(&manager, "/api/v1/customers", &json!({"name": "Nord AG"})).await;
    let ben = json!({"name": "ben", "role": "viewer", "limited_to": {"customers": [nord]}});
    let added = ask("POST", "/operators", ben.clone()).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    let added = added.json();
    assert_eq!(added["limited_to"]["customers"], json!([{"id": nord, "name": "Nord AG"}]));
    assert_eq!((&added["rights"], added["password"].as_str().unwrap().len()), (&json!(["see", "own"]), 24));
    ask("POST", "/operators", ben).await.problem(ProblemKind::StateConflict);
    let changed = ask("PUT", "/operators/ben", json!({"role": "dispatcher"})).await.json();
    assert_eq!((&changed["role"], &changed["limited_to"]), (&json!("dispatcher"), &Value::Null));
    let short = ask("POST", "/operators/ben/password", json!({"password": "short"})).await;
    assert!(short.problem(ProblemKind::InvalidRequest).contains("too short"));
    let given = ask("POST", "/operators/ben/password", json!({"password": "long enough"})).await.json();
    assert_eq!(given["password"], Value::Null);
    let first = manager.api("/api/v1/operators?limit=1").await;
    let next = first["next_cursor"].as_str().unwrap();
    let second = manager.api(&format!("/api/v1/operators?limit=1&cursor={next}")).await;
    assert_eq!((&first["items"][0]["name"], &second["items"][0]["name"]), (&json!(OPERATOR), &json!("ben")));
    ask("PUT", &format!("/operators/{OPERATOR}"), json!({"role": "viewer"}))
        .await
        .problem(ProblemKind::StateConflict);
    for (body, said) in [
        (json!({"role": "administrator", "limited_to": {"customers": [nord]}}), "cannot be limited"),
        (json!({"role": "viewer", "limited_to": {"sites": [77]}}), "no site 77"),
    ] {
        let why = ask("PUT", "/operators/ben", body).await.problem(ProblemKind::InvalidRequest);
        assert!(why.contains(said), "{why}");
    }
    assert_eq!(ask("DELETE", "/operators/ben", Value::Null).await.status, StatusCode::NO_CONTENT);
    ask("DELETE", "/operators/ben", Value::Null).await.problem(ProblemKind::NotFound);
}

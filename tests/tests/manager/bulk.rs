//! Saved views, columns and bulk commands over the listener; a device in the words of the Printer MIB and of IPP.

use hyper::StatusCode;
use platen_manager::rights::Role;
use platen_manager::secret::fingerprint;
use platen_manager::store::{DetailsChange, NewCustomer, NewOperator, Scope};
use platen_protocol::problem::ProblemKind;
use platen_tests::rigs::manager::client::request;
use platen_tests::rigs::manager::messages::{batch, started, toner_low, utilisation};
use platen_tests::rigs::manager::pages::{OWN, browser, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{TestManager, now, until};
use serde_json::{Value, json};

async fn three() -> TestManager {
    let manager = TestManager::start().await;
    for device in ["lobby", "studio", "vault"] {
        let client = manager.enrol(device).await;
        let happened = [started("Demo C450"), utilisation(50), toner_low("a1")];
        client.report(manager.device, &batch(1, &happened)).await.acknowledged();
    }
    manager
}

async fn ended(manager: &TestManager, id: &Value) -> Value {
    until(|| async {
        let view = manager.api(&format!("/api/v1/bulk-commands/{id}")).await;
        (!view["ended"].is_null()).then_some(view)
    })
    .await
}

#[tokio::test]
async fn many_devices_are_asked_at_once_and_how_it_went_is_told_for_each() {
    let manager = three().await;
    let ask = |body: Value| {
        let manager = &manager;
        async move { manager.ask_api("POST", "/api/v1/bulk-commands", Some(&body)).await }
    };
    let found = json!({"found": {"q": "demo"}, "act": {"kind": "read_now"}});
    let preview = manager.ask_api("POST", "/api/v1/bulk-commands/preview", Some(&found)).await;
    assert_eq!(preview.json(), json!({"devices": 3}));
    let begun = ask(json!({"found": {"q": "demo"}, "act": {"kind": "read_now"}, "expected": 3})).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.text());
    let id = begun.json()["id"].clone();
    let view = ended(&manager, &id).await;
    assert_eq!((&view["total"], &view["done"], &view["refused"]), (&json!(3), &json!(3), &json!(0)));
    assert_eq!((&view["operator"], &view["chosen"]), (&json!("anna"), &json!("demo")));
    let devices = manager.api(&format!("/api/v1/bulk-commands/{id}/devices")).await;
    assert_eq!(devices["items"][0]["command"], "waiting", "nobody is there to fetch it: {devices}");
    let commands = manager.api("/api/v1/devices/lobby/commands").await;
    assert_eq!(commands["items"][0]["action"]["kind"], "read_now");

    // Two are retired; what is asked of them afterwards is refused, each with why.
    let two = json!({"devices": ["lobby", "studio"], "act": {"kind": "retire"}, "expected": 2});
    let id = ask(two).await.json()["id"].clone();
    assert_eq!(ended(&manager, &id).await["done"], 2);
    let counts = manager.api("/api/v1/device-counts").await;
    assert_eq!((&counts["devices"], &counts["retired"]), (&json!(1), &json!(2)));
    let all = json!({"devices": ["lobby", "studio", "vault"], "act": {"kind": "read_now"}});
    let id = ask(all).await.json()["id"].clone();
    let view = ended(&manager, &id).await;
    assert_eq!((&view["done"], &view["refused"]), (&json!(1), &json!(2)));
    let refused = manager.api(&format!("/api/v1/bulk-commands/{id}/devices?outcome=refused")).await;
    assert!(refused["items"][0]["reason"].as_str().unwrap().contains("retired"), "{refused}");

    // Held, and let go.
    let hold = json!({"found": {}, "act": {"kind": "hold", "why": "moving house"}});
    let id = ask(hold).await.json()["id"].clone();
    assert_eq!(ended(&manager, &id).await["done"], 1, "those out of service are not found");
    assert_eq!(manager.api("/api/v1/devices/vault/holds").await["items"][0]["why"], "moving house");
    let let_go = json!({"found": {}, "act": {"kind": "let_go"}});
    let id = ask(let_go).await.json()["id"].clone();
    ended(&manager, &id).await;
    assert_eq!(manager.api("/api/v1/devices/vault/holds").await["items"], json!([]));
    let list = manager.api("/api/v1/bulk-commands?limit=2").await;
    assert_eq!((&list["items"][0]["id"], list["next_cursor"].is_string()), (&id, true));
}

#[tokio::test]
async fn what_makes_no_sense_is_asked_of_no_device() {
    let manager = three().await;
    let read = json!({"kind": "read_now"});
    for (body, kind, word) in [
        (json!({"act": read}), ProblemKind::InvalidRequest, "which devices"),
        (json!({"devices": [], "act": read}), ProblemKind::InvalidRequest, "name 1 to 1000"),
        (json!({"devices": ["lobby"], "found": {}, "act": read}), ProblemKind::InvalidRequest, "either"),
        (json!({"devices": ["nobody"], "act": read}), ProblemKind::NotFound, "no device is like this"),
        (json!({"found": {"supply": 101}, "act": read}), ProblemKind::InvalidRequest, "from 0 to 100"),
        (json!({"found": {}, "act": read, "expected": 2}), ProblemKind::StateConflict, "3 devices are like"),
        (
            json!({"found": {}, "act": {"kind": "set_profile", "profile": 9}}),
            ProblemKind::InvalidRequest,
            "no profile 9",
        ),
        (
            json!({"found": {}, "act": {"kind": "hold", "until": "2020-01-01T00:00:00Z"}}),
            ProblemKind::InvalidRequest,
            "in the future",
        ),
    ] {
        let answer = manager.ask_api("POST", "/api/v1/bulk-commands", Some(&body)).await;
        let why = answer.problem(kind);
        assert!(why.contains(word), "{body}: {why}");
    }
    for body in
        [json!({"found": {}, "act": {"kind": "delete"}}), json!([]), json!({"found": [], "act": read})]
    {
        let answer = manager.ask_api("POST", "/api/v1/bulk-commands", Some(&body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(manager.api("/api/v1/bulk-commands").await["items"], json!([]));
}

#[tokio::test]
async fn who_is_limited_asks_and_sees_the_own_devices_alone() {
    let manager = three().await;
    let nord = NewCustomer { name: "Nord AG".into(), note: None };
    let nord = manager.store.add_customer(nord).await.unwrap().unwrap();
    let change = DetailsChange { customer: Some(Some(nord)), ..DetailsChange::default() };
    let lobby = "lobby".parse().unwrap();
    manager.store.set_details(&Scope::All, lobby, change, "anna".into(), now()).await.unwrap().unwrap();
    let scope = Scope::Of { customers: [nord].into(), sites: [].into() };
    let ben = NewOperator { name: "ben".into(), password_hash: "x".into(), role: Role::Technician, scope };
    manager.store.add_operator(ben, now()).await.unwrap().unwrap();
    let token = fingerprint(b"token-of-ben");
    assert!(manager.store.add_operator_token(token, "ben".into(), now()).await.unwrap());
    let mut connection = browser(&manager).await;
    let mut send = async |method: &str, path: &str, body: Value| {
        let mut asked = request(method, path, if body.is_null() { String::new() } else { body.to_string() });
        asked.headers_mut().insert("authorization", "Bearer token-of-ben".parse().unwrap());
        asked.headers_mut().insert("content-type", "application/json".parse().unwrap());
        connection.send(asked).await.unwrap()
    };
    let act = json!({"kind": "read_now"});
    let all = send("POST", "/api/v1/bulk-commands", json!({"found": {}, "act": act})).await;
    assert_eq!(all.json()["total"], 1, "{}", all.text());
    let other = send("POST", "/api/v1/bulk-commands", json!({"devices": ["vault"], "act": act})).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    let retire = send("POST", "/api/v1/bulk-commands", json!({"found": {}, "act": {"kind": "retire"}})).await;
    assert!(retire.problem(ProblemKind::RightMissing).contains("`admit`"));
    let body = json!({"found": {}, "act": act});
    let of_anna = manager.ask_api("POST", "/api/v1/bulk-commands", Some(&body)).await.json()["id"].clone();
    let seen = send("GET", &format!("/api/v1/bulk-commands/{of_anna}"), Value::Null).await;
    assert_eq!(seen.status, StatusCode::NOT_FOUND);
    // Views that others share might name other customers.
    let shared = json!({"name": "Secret GmbH", "shared": true});
    assert_eq!(manager.ask_api("POST", "/api/v1/views", Some(&shared)).await.status, StatusCode::CREATED);
    assert_eq!(send("GET", "/api/v1/views", Value::Null).await.json()["items"], json!([]));
    let refused = send("POST", "/api/v1/views", shared).await;
    refused.problem(ProblemKind::RightMissing);
    assert_eq!(send("POST", "/api/v1/views", json!({"name": "Mine"})).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_view_is_kept_shown_and_begun_with() {
    let manager = three().await;
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let form = "name=Low+in+Kiel&query=q%3Dlobby%26sort%3Dname%26columns%3Dplace&default=1&shared=1";
    let kept = post_form(&mut browser, "/views", form, Some(OWN), &cookie).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER, "{}", kept.text());
    let address = kept.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(address, "/?q=lobby&sort=name&columns=place");
    let begun = get(&mut browser, "/", &cookie).await;
    assert_eq!(
        (begun.status, begun.headers["location"].to_str().unwrap()),
        (StatusCode::SEE_OTHER, &*address)
    );
    let page = get(&mut browser, &format!("{address}&view=table"), &cookie).await.text();
    assert!(page.contains("row-lobby") && !page.contains("row-vault"), "{page}");
    assert!(page.contains("without-model") && !page.contains("without-place"), "{page}");
    let everything = get(&mut browser, "/?sort=worst", &cookie).await;
    assert!(everything.text().contains("3 devices"), "the whole fleet is one click away");
    let views = manager.api("/api/v1/views").await;
    let view = &views["items"][0];
    assert_eq!(
        (&view["name"], &view["filters"]["q"], &view["sort"], &view["columns"], &view["is_default"]),
        (&json!("Low in Kiel"), &json!("lobby"), &json!("name"), &json!(["place"]), &json!(true))
    );
    let id = view["id"].clone();
    let put =
        json!({"name": "Low", "filters": {"supply": 10}, "columns": ["agent_version"], "layout": "table"});
    let changed = manager.ask_api("PUT", &format!("/api/v1/views/{id}"), Some(&put)).await.json();
    assert_eq!(changed["address"], "/?supply=10&view=table&columns=agent_version");
    let columns =
        get(&mut browser, "/fleet/columns?query=q%3Dlobby&column=place&column=supply", &cookie).await;
    assert_eq!(columns.headers["location"], "/?q=lobby&view=table&columns=place%2Csupply");
    let list = get(&mut browser, "/views", &cookie).await.text();
    assert!(list.contains("your default") && list.contains("Low"), "{list}");
    post_form(&mut browser, &format!("/views/{id}/remove"), "", Some(OWN), &cookie).await;
    assert_eq!(get(&mut browser, "/", &cookie).await.status, StatusCode::OK);
    for nonsense in ["/?columns=colour", "/fleet/columns?column=colour", "/fleet/columns?query=worst%3Dbad"] {
        let status = get(&mut browser, nonsense, &cookie).await.status;
        assert!(nonsense.contains("worst") || status == StatusCode::BAD_REQUEST, "{nonsense}: {status}");
    }
}

#[tokio::test]
async fn the_page_asks_first_says_how_many_and_shows_how_it_went() {
    let manager = three().await;
    let mut browser = browser(&manager).await;
    let cookie = sign_in(&mut browser).await;
    let table = get(&mut browser, "/?view=table", &cookie).await.text();
    assert!(
        table.contains("id=\"choose-lobby\"") && table.contains("with all 3 devices that are found"),
        "{table}"
    );
    let form = "act=retire&device=lobby";
    let asked = post_form(&mut browser, "/bulk-commands/question", form, Some(OWN), &cookie).await.text();
    assert!(asked.contains("Take out of service: 1 device?") && asked.contains("value=\"lobby\""), "{asked}");
    assert_eq!(manager.api("/api/v1/device-counts").await["retired"], 0, "a question does nothing");
    let form = "act=read_now&all=1&query=q%3Ddemo";
    let asked = post_form(&mut browser, "/bulk-commands/question", form, Some(OWN), &cookie).await.text();
    assert!(asked.contains("Read now: 3 devices?") && asked.contains("Devices: demo."), "{asked}");
    let changed = format!("{form}&expected=2");
    let answer = post_form(&mut browser, "/bulk-commands", &changed, Some(OWN), &cookie).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "more than the question said");
    let begun =
        post_form(&mut browser, "/bulk-commands", &format!("{form}&expected=3"), Some(OWN), &cookie).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text());
    let address = begun.headers["location"].to_str().unwrap().to_owned();
    ended(&manager, &json!(address.rsplit('/').next().unwrap().parse::<i64>().unwrap())).await;
    let page = get(&mut browser, &address, &cookie).await.text();
    assert!(page.contains("<strong>3</strong> of 3 done") && page.contains("asked: waiting"), "{page}");
    let list = get(&mut browser, "/bulk-commands", &cookie).await.text();
    assert!(list.contains("Read now") && list.contains("3: demo"), "{list}");
    let none = post_form(&mut browser, "/bulk-commands/question", "act=read_now", Some(OWN), &cookie).await;
    assert!(none.text().contains("choose devices first"), "{}", none.text());
}

#[tokio::test]
async fn a_device_is_told_in_the_words_of_the_printer_mib_and_of_ipp() {
    let manager = three().await;
    let mib = manager.api("/api/v1/devices/lobby/printer-mib").await;
    let supply = &mib["prtMarkerSuppliesTable"][0];
    assert_eq!(supply["prtMarkerSuppliesClass"], json!({"number": 3, "label": "supplyThatIsConsumed"}));
    let alert = &mib["prtAlertTable"][0];
    assert_eq!(alert["prtAlertSeverityLevel"], json!({"number": 4, "label": "warning"}));
    assert!(alert["prtAlertIndex"].as_i64().unwrap() > 0 && !mib["received"].is_null());
    let ipp = manager.api("/api/v1/devices/lobby/ipp-attributes").await;
    let (supply, alert) =
        (ipp["printer-supply"][0].as_str().unwrap(), ipp["printer-alert"][0].as_str().unwrap());
    assert!(
        supply.starts_with("index=1;class=supplyThatIsConsumed;type=") && supply.ends_with(';'),
        "{supply}"
    );
    assert!(alert.starts_with("code=") && alert.contains(";severity=warning;"), "{alert}");
    let missing = manager.ask_api("GET", "/api/v1/devices/nobody/printer-mib", None).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

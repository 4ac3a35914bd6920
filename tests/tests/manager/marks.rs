//! Two people who change the same thing at the same time: the second is told, over the API and at the pages.

use hyper::StatusCode;
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};

use platen_tests::rigs::manager::client::{Answer, Client, request};
use platen_tests::rigs::manager::pages::{OWN, browser, get, post_form, sign_in};
use platen_tests::rigs::manager::task::TestManager;

/// Asks the API, having seen what has this mark, if any.
async fn ask(
    manager: &TestManager,
    (method, path): (&str, &str),
    seen: Option<&str>,
    body: &Value,
) -> Answer {
    let mut asked = request(method, &format!("/api/v1{path}"), body.to_string());
    let headers = asked.headers_mut();
    headers.insert("authorization", format!("Bearer {}", manager.bearer).parse().unwrap());
    headers.insert("content-type", "application/json".parse().unwrap());
    if let Some(seen) = seen {
        headers.insert("if-match", seen.parse().unwrap());
    }
    let mut connection = Client::new(&manager.trusted, None).connect(manager.operator).await.unwrap();
    connection.send(asked).await.unwrap()
}

async fn made(manager: &TestManager, path: &str, body: &Value) -> i64 {
    let answer = ask(manager, ("POST", path), None, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()["id"].as_i64().unwrap()
}

fn etag(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.headers["etag"].to_str().unwrap().to_owned()
}

/// Two people see something. One changes it, and the other is told and has changed nothing; once that one has looked
/// again, it is done.
async fn second_is_told(manager: &TestManager, method: &str, path: &str, [first, second]: [Value; 2]) {
    let look = async || etag(&ask(manager, ("GET", path), None, &Value::Null).await);
    let seen = look().await;
    assert_eq!(seen, look().await, "{path}: it is the same as long as nobody changes it");
    let after = etag(&ask(manager, (method, path), Some(&seen), &first).await);
    assert_ne!(seen, after, "{path}");
    let refused = ask(manager, (method, path), Some(&seen), &second).await;
    assert!(refused.problem(ProblemKind::ChangedMeanwhile).contains("look at it again"), "{path}");
    assert_eq!(look().await, after, "{path}: the first one's change stands");
    for weak_or_nonsense in [format!("W/{after}"), "\"nonsense\"".to_owned(), String::new()] {
        let refused = ask(manager, (method, path), Some(&weak_or_nonsense), &second).await;
        refused.problem(ProblemKind::ChangedMeanwhile);
    }
    let among_others = format!("\"0123456789abcdef\", {after}");
    assert_ne!(etag(&ask(manager, (method, path), Some(&among_others), &second).await), after, "{path}");
    // Whoever does not say what was seen, or that it does not matter, changes what there is.
    etag(&ask(manager, (method, path), None, &first).await);
    etag(&ask(manager, (method, path), Some("*"), &second).await);
}

async fn is_not_removed_unseen(manager: &TestManager, path: &str, stale: &str) {
    let refused = ask(manager, ("DELETE", path), Some(stale), &Value::Null).await;
    refused.problem(ProblemKind::ChangedMeanwhile);
    let seen = etag(&ask(manager, ("GET", path), None, &Value::Null).await);
    let removed = ask(manager, ("DELETE", path), Some(&seen), &Value::Null).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{path}: {}", removed.text());
}

#[tokio::test]
async fn of_two_who_change_the_same_thing_the_second_is_told_and_nothing_is_overwritten() {
    let manager = TestManager::start().await;
    manager.enrol("lobby").await;
    let customer = made(&manager, "/customers", &json!({"name": "Nord AG"})).await;
    let site = made(&manager, "/sites", &json!({"customer": customer, "name": "Kiel"})).await;
    let profile =
        made(&manager, "/profiles", &json!({"name": "Quiet", "settings": {"judge.part-percent": 10}})).await;
    let desk = json!({"name": "desk", "kind": "email", "address": "desk@example.org"});
    let channel = made(&manager, "/channels", &desk).await;
    let rule = made(&manager, "/notification-rules", &json!({"name": "all", "channel": channel})).await;
    let bea = json!({"name": "bea", "role": "viewer"});
    assert_eq!(ask(&manager, ("POST", "/operators"), None, &bea).await.status, StatusCode::CREATED);
    let named = |name: &str, more: Value| {
        let mut body = json!({"name": name});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let both = |more: Value| [named("first", more.clone()), named("second", more)];
    let all = [
        (format!("/customers/{customer}"), "PUT", both(json!({}))),
        (format!("/sites/{site}"), "PUT", both(json!({"customer": customer}))),
        (format!("/profiles/{profile}"), "PUT", both(json!({"settings": {"judge.part-percent": 10}}))),
        (
            format!("/channels/{channel}"),
            "PUT",
            both(json!({"kind": "email", "address": "desk@example.org"})),
        ),
        (format!("/notification-rules/{rule}"), "PUT", both(json!({"channel": channel}))),
        ("/operators/bea".to_owned(), "PUT", [json!({"role": "technician"}), json!({"role": "dispatcher"})]),
        (
            "/devices/lobby/details".to_owned(),
            "PATCH",
            [json!({"note": "first"}), json!({"tags": ["second"]})],
        ),
    ];
    for (path, method, bodies) in all {
        second_is_told(&manager, method, &path, bodies).await;
    }
    let stale = "\"0123456789abcdef\"";
    for path in [
        format!("/notification-rules/{rule}"),
        format!("/channels/{channel}"),
        format!("/profiles/{profile}"),
        format!("/sites/{site}"),
        format!("/customers/{customer}"),
        "/operators/bea".to_owned(),
    ] {
        is_not_removed_unseen(&manager, &path, stale).await;
    }
    // What it was and what it is stands in the audit log.
    let entries = manager.api("/api/v1/audit?limit=200").await["items"].clone();
    let of = |about: &str, method: &str| {
        let of = entries.as_array().unwrap().iter().filter(|entry| {
            entry["outcome"] == "done"
                && entry["about"] == format!("/api/v1{about}")
                && entry["act"].as_str().unwrap().starts_with(method)
        });
        of.cloned().collect::<Vec<Value>>()
    };
    let details = of("/devices/lobby/details", "PATCH");
    assert_eq!(details.len(), 4, "{details:?}");
    let text = |entry: &Value, side: &str| entry[side].to_string();
    assert!(text(&details[3], "after").contains("first") && !text(&details[3], "before").contains("first"));
    for about in [format!("/profiles/{profile}"), format!("/notification-rules/{rule}")] {
        let changed = of(&about, "PUT");
        assert!(text(changed.last().unwrap(), "after").contains("first"), "{changed:?}");
        let removed = of(&about, "DELETE");
        assert!(text(&removed[0], "before").contains("second") && removed[0]["after"].is_null());
    }
}

/// The address to which a form of a page is sent, by how that begins.
fn action(page: &str, begins: &str) -> String {
    let begin = format!("action=\"{begins}");
    let rest = page.split_once(&begin).unwrap_or_else(|| panic!("{begin} in {page}")).1;
    format!("{begins}{}", rest.split_once('"').unwrap().0).replace("&amp;", "&")
}

#[tokio::test]
async fn at_the_pages_the_second_is_told_and_what_was_typed_first_stands() {
    let manager = TestManager::start().await;
    manager.enrol("lobby").await;
    let customer = made(&manager, "/customers", &json!({"name": "Nord AG"})).await;
    let mut page = browser(&manager).await;
    let cookie = sign_in(&mut page).await;
    let shown = format!("/customers/{customer}");
    let form = action(&get(&mut page, &shown, &cookie).await.text(), &format!("{shown}?"));
    let removal = action(&get(&mut page, &shown, &cookie).await.text(), &format!("{shown}/remove?"));
    let first = post_form(&mut page, &form, "name=First&note=", Some(OWN), &cookie).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.text());
    for (to, typed) in [(&form, "name=Second&note="), (&removal, "")] {
        let second = post_form(&mut page, to, typed, Some(OWN), &cookie).await;
        assert_eq!(second.status, StatusCode::PRECONDITION_FAILED);
        assert!(second.text().contains("somebody else has changed it since you looked"), "{}", second.text());
    }
    assert!(get(&mut page, &shown, &cookie).await.text().contains("First"));
    let shown = "/devices/lobby/details";
    let form = action(&get(&mut page, shown, &cookie).await.text(), &format!("{shown}?"));
    let patched = json!({"note": "key at the desk"});
    etag(&ask(&manager, ("PATCH", shown), None, &patched).await);
    let typed = "where=&place=&time_zone=&tags=&profile=&note=";
    let second = post_form(&mut page, &form, typed, Some(OWN), &cookie).await;
    assert_eq!(second.status, StatusCode::PRECONDITION_FAILED, "{}", second.text());
    let kept = manager.api("/api/v1/devices/lobby/details").await;
    assert_eq!(kept["note"], "key at the desk");
}

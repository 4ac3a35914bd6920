//! By what people, programs and devices are let in: each is listed, ends, and can be taken back, also on open streams.

use hyper::StatusCode;
use platen_manager::rights::Role;
use platen_manager::store::Scope;
use platen_protocol::problem::ProblemKind;
use serde_json::{Value, json};

use platen_tests::rigs::manager::client::Connection;
use platen_tests::rigs::manager::pages::{OWN, browser, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{OPERATOR, PASSWORD, TestManager};

use super::people::{Stream, operator, send};

/// What makes a token, and its secret.
async fn make_token(connection: &mut Connection, by: &str, form: &Value) -> (Value, String) {
    let answer = send(connection, by, ("POST", "/api/v1/me/tokens"), Some(form)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let made = answer.json();
    let secret = made["secret"].as_str().unwrap().to_owned();
    (made, secret)
}

async fn items(connection: &mut Connection, token: &str, path: &str) -> Vec<Value> {
    send(connection, token, ("GET", path), None).await.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn sessions_are_listed_and_ended_with_their_streams() {
    let manager = TestManager::start().await;
    let (mut one, mut two) = (browser(&manager).await, browser(&manager).await);
    let (mine, other) = (sign_in(&mut one).await, sign_in(&mut two).await);
    let page = get(&mut one, "/account", &mine).await.text();
    assert_eq!(page.matches("data-session=").count(), 2, "{page}");
    assert!(page.contains("this one") && page.contains("id=\"end-sessions\""), "{page}");
    let mut stream = Stream::open(&manager, "/live", ("cookie", other.clone())).await;
    let ended = post_form(&mut one, "/account/sessions/end", "", Some(OWN), &mine).await;
    assert_eq!(ended.headers["location"], "/account");
    stream.until_the_end().await;
    assert_eq!(get(&mut two, "/account", &other).await.status, StatusCode::SEE_OTHER);
    assert_eq!(get(&mut one, "/account", &mine).await.status, StatusCode::OK, "this one goes on");

    // As an administrator sees them, by the API.
    let path = format!("/api/v1/operators/{OPERATOR}/sessions");
    let listed = manager.api(&path).await;
    let id = listed["items"][0]["id"].as_str().unwrap();
    assert_eq!((listed["items"].as_array().unwrap().len(), id.len()), (1, 16));
    assert_eq!(listed["items"][0]["address"], "127.0.0.1");
    let mut stream = Stream::open(&manager, "/live", ("cookie", mine.clone())).await;
    let ended = manager.ask_api("DELETE", &format!("{path}/{id}"), None).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    stream.until_the_end().await;
    let again = manager.ask_api("DELETE", &format!("{path}/{id}"), None).await;
    again.problem(ProblemKind::NotFound);
    manager.ask_api("GET", "/api/v1/operators/nobody/sessions", None).await.problem(ProblemKind::NotFound);
}

#[tokio::test]
async fn signing_out_ends_what_is_open_elsewhere_in_the_same_session() {
    let manager = TestManager::start().await;
    let mut one = browser(&manager).await;
    let cookie = sign_in(&mut one).await;
    let mut stream = Stream::open(&manager, "/live", ("cookie", cookie.clone())).await;
    post_form(&mut one, "/sign-out", "", Some(OWN), &cookie).await;
    stream.until_the_end().await;
}

#[tokio::test]
async fn a_token_may_no_more_than_was_asked_for_and_is_taken_back_with_its_streams() {
    let manager = TestManager::start().await;
    let ben = operator(&manager, "ben", Role::Dispatcher, Scope::All).await;
    let mut connection = browser(&manager).await;
    let form = json!({"name": "Grafana", "role": "viewer", "days": 30});
    let (made, viewer) = make_token(&mut connection, &ben, &form).await;
    assert_eq!((made["name"].as_str(), made["role"].as_str()), (Some("Grafana"), Some("viewer")));
    let me = send(&mut connection, &viewer, ("GET", "/api/v1/devices"), None).await;
    assert_eq!(me.status, StatusCode::OK);
    let customer = json!({"name": "Nord AG"});
    let refused = send(&mut connection, &viewer, ("POST", "/api/v1/customers"), Some(&customer)).await;
    refused.problem(ProblemKind::RightMissing);
    // It makes none that may more, or that goes on for longer.
    for (form, words) in [
        (json!({"name": "x", "role": "technician", "days": 1}), "technician"),
        (json!({"name": "x", "days": 31}), "goes on for longer"),
        (json!({"name": "x"}), "goes on for longer"),
        (json!({"name": "", "days": 1}), "must not be empty"),
        (json!({"name": "x", "days": 0}), "between 1 and 3660"),
    ] {
        let refused = send(&mut connection, &viewer, ("POST", "/api/v1/me/tokens"), Some(&form)).await;
        let why = refused.problem(ProblemKind::InvalidRequest);
        assert!(why.contains(words), "{why}");
    }
    let (less, _) = make_token(&mut connection, &viewer, &json!({"name": "its own", "days": 1})).await;
    assert_eq!(less["role"], "viewer");

    let mut stream =
        Stream::open(&manager, "/api/v1/events", ("authorization", format!("Bearer {viewer}"))).await;
    let listed = items(&mut connection, &ben, "/api/v1/me/tokens").await;
    let named: Vec<_> = listed.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(named, ["", "Grafana", "its own"]);
    let path = format!("/api/v1/me/tokens/{}", made["id"].as_str().unwrap());
    let revoked = send(&mut connection, &ben, ("DELETE", &path), None).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    stream.until_the_end().await;
    let after = send(&mut connection, &viewer, ("GET", "/api/v1/devices"), None).await;
    after.problem(ProblemKind::NotSignedIn);
    send(&mut connection, &ben, ("DELETE", &path), None).await.problem(ProblemKind::NotFound);
}

#[tokio::test]
async fn a_new_password_ends_what_was_signed_in_by_the_old_and_tokens_if_that_is_asked_for() {
    let manager = TestManager::start().await;
    let mut anna = browser(&manager).await;
    let cookie = sign_in(&mut anna).await;
    let wrong = "present=not-the-password&password=another-long-one";
    let refused = post_form(&mut anna, "/account/password", wrong, Some(OWN), &cookie).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text().contains("the present password is another one"), "{}", refused.text());
    let mut stream = Stream::open(&manager, "/live", ("cookie", cookie.clone())).await;
    let form = format!("present={PASSWORD}&password=another-long-one");
    let changed = post_form(&mut anna, "/account/password", &form, Some(OWN), &cookie).await;
    assert_eq!(changed.headers["location"], "/sign-in", "{}", changed.text());
    stream.until_the_end().await;
    assert_eq!(manager.ask_api("GET", "/api/v1/me", None).await.status, StatusCode::OK, "tokens stay");
    let mut stream =
        Stream::open(&manager, "/api/v1/events", ("authorization", format!("Bearer {}", manager.bearer)))
            .await;
    let form = json!({"present": "another-long-one", "password": "yet-another-one", "revoke_tokens": true});
    let changed = manager.ask_api("POST", "/api/v1/me/password", Some(&form)).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.text());
    stream.until_the_end().await;
    manager.ask_api("GET", "/api/v1/me", None).await.problem(ProblemKind::NotSignedIn);
}

#[tokio::test]
async fn whoever_guesses_the_present_password_is_made_to_wait() {
    let manager = TestManager::start().await;
    let form = json!({"present": "a-guess", "password": "another-long-one"});
    for _ in 0..10 {
        let refused = manager.ask_api("POST", "/api/v1/me/password", Some(&form)).await;
        refused.problem(ProblemKind::InvalidRequest);
    }
    let refused = manager.ask_api("POST", "/api/v1/me/password", Some(&form)).await;
    refused.problem(ProblemKind::TooMany);
}

#[tokio::test]
async fn tokens_are_made_and_taken_back_on_pages() {
    let manager = TestManager::start().await;
    let mut anna = browser(&manager).await;
    let cookie = sign_in(&mut anna).await;
    let form = "name=%3Cb%3ERobot&role=technician&days=7";
    let page = post_form(&mut anna, "/account/tokens", form, Some(OWN), &cookie).await.text();
    let secret = page.split_once("id=\"token\">").unwrap().1.split_once('<').unwrap().0.to_owned();
    assert!(page.contains("Robot") && !page.contains("<b>Robot"), "{page}");
    let me = send(&mut anna, &secret, ("GET", "/api/v1/me"), None).await;
    assert_eq!(me.status, StatusCode::OK);
    let page = get(&mut anna, &format!("/people/{OPERATOR}"), &cookie).await.text();
    let (before, _) = page.split_once("Robot").unwrap();
    let id = before.rsplit_once("data-token=\"").unwrap().1.split_once('"').unwrap().0;
    let path = format!("/people/{OPERATOR}/tokens/{id}/revoke");
    let back = post_form(&mut anna, &path, "", Some(OWN), &cookie).await;
    assert_eq!(back.headers["location"], format!("/people/{OPERATOR}"));
    send(&mut anna, &secret, ("GET", "/api/v1/me"), None).await.problem(ProblemKind::NotSignedIn);
}

#[tokio::test]
async fn enrolment_tokens_are_listed_and_taken_back() {
    let manager = TestManager::start().await;
    let secret = manager.token(Some("lobby"), jiff::SignedDuration::from_hours(1)).await;
    let listed = manager.api("/api/v1/enrolment-tokens").await;
    assert_eq!(listed["items"][0]["device"], "lobby");
    let id = listed["items"][0]["id"].as_str().unwrap();
    assert!(!secret.contains(id), "it is known by its hash");
    let mut anna = browser(&manager).await;
    let cookie = sign_in(&mut anna).await;
    let page = get(&mut anna, "/enrolment-tokens", &cookie).await.text();
    assert!(page.contains(id) && page.contains("for lobby"), "{page}");
    let path = format!("/enrolment-tokens/{id}/revoke");
    post_form(&mut anna, &path, "", Some(OWN), &cookie).await;
    assert_eq!(manager.api("/api/v1/enrolment-tokens").await["items"], json!([]));
    let path = format!("/api/v1/enrolment-tokens/{id}");
    manager.ask_api("DELETE", &path, None).await.problem(ProblemKind::NotFound);
}

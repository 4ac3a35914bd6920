//! A code beside the password: set up, asked for, taken once, and taken away.

use hyper::StatusCode;
use platen_manager::store::AuditFilter;
use platen_protocol::problem::ProblemKind;
use serde_json::json;

use platen_tests::rigs::manager::app::App;
use platen_tests::rigs::manager::client::Connection;
use platen_tests::rigs::manager::pages::{OWN, browser, get, post_form, sign_in};
use platen_tests::rigs::manager::task::{OPERATOR, PASSWORD, TestManager};

fn between<'a>(page: &'a str, begin: &str, end: &str) -> &'a str {
    page.split_once(begin).unwrap_or_else(|| panic!("no {begin} in {page}")).1.split_once(end).unwrap().0
}

/// Sets one up on the pages: the app, and the recovery codes. The code of this step is used up.
async fn set_up(connection: &mut Connection, cookie: &str) -> (App, Vec<String>) {
    let begun =
        post_form(connection, "/account/second-factor", &format!("present={PASSWORD}"), Some(OWN), cookie)
            .await
            .text();
    assert!(begun.contains("<svg") && !begun.contains("<?xml"), "{begun}");
    let shown = between(&begun, "id=\"secret\"", "</code>");
    let app = App::new(shown.rsplit_once('>').unwrap().1);
    let wrong =
        post_form(connection, "/account/second-factor/confirm", "code=000000", Some(OWN), cookie).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let form = format!("code={}", app.code(0));
    let page = post_form(connection, "/account/second-factor/confirm", &form, Some(OWN), cookie).await.text();
    let codes = between(&page, "id=\"recovery\"", "</ul>");
    let codes: Vec<String> =
        codes.split("<code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 10, "{page}");
    (app, codes)
}

/// Shows the password; gives what the page holds until a code is shown.
async fn password(connection: &mut Connection) -> String {
    let form = format!("name={OPERATOR}&password={PASSWORD}");
    let asked = post_form(connection, "/sign-in", &form, Some(OWN), "").await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(asked.headers.get("set-cookie").is_none(), "nobody is let in by the password alone");
    between(&asked.text(), "name=\"half\" value=\"", "\"").to_owned()
}

async fn show(connection: &mut Connection, half: &str, code: &str) -> StatusCode {
    let form = format!("half={half}&code={code}&next=%2Fmeters");
    let answer = post_form(connection, "/sign-in/code", &form, Some(OWN), "").await;
    if answer.status == StatusCode::SEE_OTHER && answer.headers["location"] == "/meters" {
        assert!(answer.headers["set-cookie"].to_str().unwrap().starts_with("__Host-platen="));
    }
    answer.status
}

#[tokio::test]
async fn a_code_is_asked_for_and_taken_once_and_recovery_codes_help_once() {
    let manager = TestManager::start().await;
    let mut anna = browser(&manager).await;
    let cookie = sign_in(&mut anna).await;
    let (app, recovery) = set_up(&mut anna, &cookie).await;
    let again =
        manager.ask_api("POST", "/api/v1/me/second-factor", Some(&json!({"present": PASSWORD}))).await;
    again.problem(ProblemKind::StateConflict);
    // The next step's, so that no step that ends meanwhile takes it away.
    let (half, code) = (password(&mut anna).await, app.code(1));
    assert_eq!(show(&mut anna, &half, "000000").await, StatusCode::UNAUTHORIZED);
    assert_eq!(show(&mut anna, &half, &code).await, StatusCode::SEE_OTHER);
    let half = password(&mut anna).await;
    assert_eq!(show(&mut anna, &half, &code).await, StatusCode::UNAUTHORIZED, "it was used");
    assert_eq!(
        show(&mut anna, &half, &app.code(0)).await,
        StatusCode::UNAUTHORIZED,
        "nor one from before it"
    );
    let typed = recovery[0].to_lowercase();
    assert_eq!(show(&mut anna, &half, &typed).await, StatusCode::SEE_OTHER);
    let half = password(&mut anna).await;
    assert_eq!(show(&mut anna, &half, &typed).await, StatusCode::UNAUTHORIZED, "it was used");
    assert_eq!(show(&mut anna, &half, &recovery[1]).await, StatusCode::SEE_OTHER);
    let used = post_form(&mut anna, "/sign-in/code", &format!("half={half}&code=1"), Some(OWN), "").await;
    assert_eq!(used.headers["location"], "/sign-in", "the password is asked for again");
    let page = get(&mut anna, "/account", &cookie).await.text();
    assert!(page.contains("8 recovery codes"), "{page}");
    let refused = AuditFilter { refused: true, ..AuditFilter::default() };
    let told = manager.store.audit(refused, None, 10).await.unwrap();
    assert_eq!(told.iter().filter(|one| one.outcome == "refused (wrong code)").count(), 4);
}

#[tokio::test]
async fn whoever_has_the_password_and_guesses_codes_is_made_to_wait() {
    let manager = TestManager::start().await;
    let mut anna = browser(&manager).await;
    let cookie = sign_in(&mut anna).await;
    let (app, _) = set_up(&mut anna, &cookie).await;
    let half = password(&mut anna).await;
    for _ in 0..10 {
        assert_eq!(show(&mut anna, &half, "000000").await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(show(&mut anna, &half, &app.code(1)).await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn it_is_taken_away_by_who_knows_the_password_and_by_administrators() {
    let manager = TestManager::start().await;
    let mut anna = browser(&manager).await;
    let cookie = sign_in(&mut anna).await;
    set_up(&mut anna, &cookie).await;
    let path = "/account/second-factor/remove";
    let wrong = post_form(&mut anna, path, "present=another", Some(OWN), &cookie).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let form = format!("present={PASSWORD}");
    let removed = post_form(&mut anna, path, &form, Some(OWN), &cookie).await;
    assert_eq!(removed.headers["location"], "/account");
    set_up(&mut anna, &cookie).await;
    let path = format!("/api/v1/operators/{OPERATOR}/second-factor");
    assert_eq!(manager.ask_api("DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
    manager.ask_api("DELETE", &path, None).await.problem(ProblemKind::NotFound);
    sign_in(&mut anna).await;
    // Over the API.
    let begun =
        manager.ask_api("POST", "/api/v1/me/second-factor", Some(&json!({"present": PASSWORD}))).await.json();
    let uri = begun["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Platen:") && uri.contains("issuer=Platen"), "{uri}");
    let app = App::new(begun["secret"].as_str().unwrap());
    let confirm = json!({"code": app.code(0)});
    let confirmed = manager.ask_api("POST", "/api/v1/me/second-factor/confirm", Some(&confirm)).await;
    assert_eq!(confirmed.json()["recovery_codes"].as_array().unwrap().len(), 10);
    let present = json!({"present": PASSWORD});
    let removed = manager.ask_api("POST", "/api/v1/me/second-factor/remove", Some(&present)).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{}", removed.text());
}

#[tokio::test]
async fn a_password_of_before_lets_nobody_show_a_code() {
    let manager = TestManager::start().await;
    let mut anna = browser(&manager).await;
    let cookie = sign_in(&mut anna).await;
    let (app, _) = set_up(&mut anna, &cookie).await;
    let half = password(&mut anna).await;
    manager
        .store
        .give_password(OPERATOR.to_owned(), "another hash".to_owned(), false)
        .await
        .unwrap()
        .unwrap();
    let form = format!("half={half}&code={}", app.code(1));
    let late = post_form(&mut anna, "/sign-in/code", &form, Some(OWN), "").await;
    assert_eq!(late.headers["location"], "/sign-in");
    assert!(late.headers.get("set-cookie").is_none());
}

#[tokio::test]
async fn where_administrators_need_one_they_do_nothing_else_before_they_have_it() {
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let rule = "second_factor_for = [\"administrator\"]";
    let manager =
        TestManager::start_configured(folder, |config| config.operators = toml::from_str(rule).unwrap())
            .await;
    let mut anna = browser(&manager).await;
    let cookie = sign_in(&mut anna).await;
    for path in ["/", "/people"] {
        let refused = get(&mut anna, path, &cookie).await;
        assert_eq!(refused.headers["location"], "/account#h-factor", "{path}");
    }
    assert!(get(&mut anna, "/account", &cookie).await.text().contains("Your role needs one here"));
    let token =
        post_form(&mut anna, "/account/tokens", "name=x&role=viewer&days=7", Some(OWN), &cookie).await;
    assert_eq!(token.status, StatusCode::FORBIDDEN, "a token would be a way around");
    assert_eq!(
        manager.ask_api("GET", "/api/v1/operators", None).await.status,
        StatusCode::OK,
        "tokens go on"
    );
    set_up(&mut anna, &cookie).await;
    assert_eq!(get(&mut anna, "/people", &cookie).await.status, StatusCode::OK, "at once");
}

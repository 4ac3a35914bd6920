//! What a browser does, without one.

use hyper::StatusCode;

use super::client::{Answer, Client, Connection, request};
use super::task::{OPERATOR, PASSWORD, TestManager};

/// The origin of the manager's own pages.
pub const OWN: &str = "https://localhost";

/// A connection to the operator's listener.
pub async fn browser(manager: &TestManager) -> Connection {
    Client::new(&manager.trusted, None).connect(manager.operator).await.unwrap()
}

/// Posts a form as a page of `origin` would.
pub async fn post_form(
    connection: &mut Connection,
    path: &str,
    form: &str,
    origin: Option<&str>,
    cookie: &str,
) -> Answer {
    let mut request = request("POST", path, form.to_owned());
    let headers = request.headers_mut();
    headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    headers.insert("cookie", cookie.parse().unwrap());
    if let Some(origin) = origin {
        headers.insert("origin", origin.parse().unwrap());
    }
    connection.send(request).await.unwrap()
}

/// Gets a page with a cookie.
pub async fn get(connection: &mut Connection, path: &str, cookie: &str) -> Answer {
    let mut request = request("GET", path, "");
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    connection.send(request).await.unwrap()
}

/// The page of a device with all its parts, as one text.
pub async fn device_page(connection: &mut Connection, device: &str, cookie: &str) -> String {
    let answer = get(connection, &format!("/devices/{device}"), cookie).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let mut all = answer.text();
    let begin = format!("href=\"/devices/{device}/parts/");
    let parts: Vec<String> =
        all.split(&begin).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect();
    for part in parts {
        let answer = get(connection, &format!("/devices/{device}/parts/{part}"), cookie).await;
        assert_eq!(answer.status, StatusCode::OK, "{part}: {}", answer.text());
        all.push_str(&answer.text());
    }
    all
}

/// Signs in, and gives the cookie.
pub async fn sign_in(connection: &mut Connection) -> String {
    let form = format!("name={OPERATOR}&password={PASSWORD}&next=%2Fdevices%2Flobby");
    let answer = post_form(connection, "/sign-in", &form, Some(OWN), "").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert_eq!(answer.headers["location"], "/devices/lobby");
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    for word in ["__Host-platen=", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

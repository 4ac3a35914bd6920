//! Update clients that are not ours (hawkBit's DDI), over real TLS.

mod deployments;
mod refusals;
mod swupdate;

use std::sync::Arc;

use hyper::StatusCode;
use platen_tests::rigs::manager::client::{Answer, Client, request};
use platen_tests::rigs::manager::task::{TestManager, until};
use serde_json::{Value, json};

use super::programs::House;

/// A manager that serves such clients, with a maker. Whoever asks is asked for no pause.
async fn house() -> House {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let manager = TestManager::start_configured(directory, |config| {
        config.ddi.enabled = true;
        config.ddi.poll_seconds = 1;
        config.limits.requests_per_minute = 100_000;
        config.limits.requests_burst = 10_000;
    });
    House::with(manager.await)
}

/// A new token of a device, by the API.
async fn token(manager: &TestManager, device: &str) -> String {
    let answer = manager.ask_api("POST", &format!("/api/v1/devices/{device}/ddi/tokens"), None).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()["token"].as_str().unwrap().to_owned()
}

/// What a client of the DDI does.
struct Ddi {
    client: Client,
    address: std::net::SocketAddr,
    device: String,
    authorization: Option<String>,
}

impl Ddi {
    /// One with a new token.
    async fn new(manager: &TestManager, device: &str) -> Self {
        let token = token(manager, device).await;
        Self::with(manager, device, Some(format!("TargetToken {token}")))
    }

    fn with(manager: &TestManager, device: &str, authorization: Option<String>) -> Self {
        let client = Client::new(&manager.ca, None);
        Self { client, address: manager.device, device: device.to_owned(), authorization }
    }

    /// Sends a request to an address below the device's.
    async fn send(&self, method: &str, rest: &str, body: Option<&Value>) -> Answer {
        self.send_with(method, &format!("/default/controller/v1/{}{rest}", self.device), body, &[]).await
    }

    async fn send_with(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        fields: &[(&'static str, &str)],
    ) -> Answer {
        let mut request = request(method, path, body.map_or_else(String::new, Value::to_string));
        let authorization = self.authorization.as_deref().map(|value| ("authorization", value));
        for (name, value) in fields.iter().copied().chain(authorization) {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        self.client.connect(self.address).await.unwrap().send(request).await.unwrap()
    }

    /// What there is to do.
    async fn poll(&self) -> Value {
        let answer = self.send("GET", "", None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    /// The path of a link, once it is there.
    async fn until_link(&self, name: &str) -> String {
        let href =
            until(|| async { self.poll().await["_links"][name]["href"].as_str().map(str::to_owned) }).await;
        path(&href)
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.send_with("GET", path, None, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    /// Tells how it goes.
    async fn tell(&self, path: &str, execution: &str, finished: &str, details: &[&str]) -> Answer {
        let status = json!({"execution": execution, "result": {"finished": finished}, "details": details});
        self.send_with("POST", &format!("{path}/feedback"), Some(&json!({"status": status})), &[]).await
    }
}

/// The path of an address of this manager.
fn path(href: &str) -> String {
    href.strip_prefix("https://localhost").unwrap_or_else(|| panic!("{href}")).to_owned()
}

/// The newest attempt of a program of these tests.
async fn attempt(manager: &TestManager, version: &str) -> Value {
    let all = manager.api(&format!("/api/v1/programs/engine-firmware/{version}/attempts")).await;
    all["items"][0].clone()
}

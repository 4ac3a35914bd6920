//! A manager in this process, on sockets of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use platen_manager::config::{Config, Ingest};
use platen_manager::secret::fingerprint;
use platen_manager::store::{Grouping, NewToken, Store};
use platen_manager::{Listeners, RunError, database_path, run};
use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::client::{Answer, Client, LIMIT, csr};
use super::read_config;

/// The operator of every manager here.
pub const OPERATOR: &str = "anna";
/// The operator's password.
pub const PASSWORD: &str = "correct-horse-battery";

/// A manager that runs. It ends when this is dropped, or by [`Self::ask_to_stop`].
pub struct TestManager {
    /// Where it keeps everything.
    pub directory: Arc<tempfile::TempDir>,
    /// Where it listens for devices.
    pub device: SocketAddr,
    /// Where it listens for operators.
    pub operator: SocketAddr,
    /// Where it answers those who watch over it, if it was configured so.
    pub health: Option<SocketAddr>,
    /// The same database, by another handle.
    pub store: Store,
    /// Its CA, in PEM.
    pub ca: String,
    /// Whom operators trust, in PEM: that CA unless a test brings another.
    pub trusted: String,
    /// A bearer token of the operator.
    pub bearer: String,
    reload: Arc<Notify>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), RunError>>>,
}

impl TestManager {
    /// Starts one in a folder of its own.
    pub async fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap())).await
    }

    /// Starts one in a folder, where there may have been one before.
    pub async fn start_in(directory: Arc<tempfile::TempDir>) -> Self {
        Self::start_with(directory, Ingest::default()).await
    }

    /// As [`Self::start_in`], with other settings for what is taken in.
    pub async fn start_with(directory: Arc<tempfile::TempDir>, ingest: Ingest) -> Self {
        Self::start_configured(directory, |config| config.ingest = ingest).await
    }

    /// With something else in its configuration.
    pub async fn start_configured(
        directory: Arc<tempfile::TempDir>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = read_config(directory.path(), "localhost");
        change(&mut config);
        let listeners = Listeners::bind(&config).await.unwrap();
        let (device, operator) =
            (listeners.device.local_addr().unwrap(), listeners.operator.local_addr().unwrap());
        let health = listeners.health.as_ref().map(|socket| socket.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let reload = Arc::new(Notify::new());
        let running = tokio::spawn(run(config, listeners, Arc::clone(&reload), async {
            // One that is dropped is to stop as well.
            let _ = stopped.await;
        }));
        // The sockets are open before `run` is; whoever connects early waits in the kernel's queue.
        until(|| async { directory.path().join("server.pem").exists().then_some(()) }).await;
        let ca = std::fs::read_to_string(directory.path().join("ca.pem")).unwrap();
        let store = Store::open(&database_path(directory.path()), Grouping::Group).unwrap();
        let bearer = platen_manager::secret::random_hex::<32>().unwrap();
        let hash = platen_manager::operator::password::hash(PASSWORD.to_owned()).await.unwrap();
        store.set_operator(OPERATOR.to_owned(), hash, now()).await.unwrap();
        assert!(
            store
                .add_operator_token(fingerprint(bearer.as_bytes()), OPERATOR.to_owned(), now())
                .await
                .unwrap()
        );
        let (stop, running, trusted) = (Some(stop), Some(running), ca.clone());
        Self { directory, device, operator, health, store, ca, trusted, bearer, reload, stop, running }
    }

    /// Has it look for renewed certificates and for what ends, as SIGHUP does. It does so a little later.
    pub fn reload(&self) {
        self.reload.notify_one();
    }

    /// Asks it to stop; [`Self::stopped`] waits for the end.
    pub fn ask_to_stop(&mut self) {
        // Should it have ended by itself, `stopped` says how.
        let _ = self.stop.take().unwrap().send(());
    }

    /// Waits until it has ended, which must be well and within [`LIMIT`].
    pub async fn stopped(&mut self) {
        tokio::time::timeout(LIMIT, self.running.take().unwrap()).await.unwrap().unwrap().unwrap();
    }

    /// Stops it and starts it again in the same folder, at other ports.
    pub async fn restart(mut self) -> Self {
        self.ask_to_stop();
        self.stopped().await;
        self.start_again().await
    }

    /// After [`Self::stopped`].
    pub async fn start_again(self) -> Self {
        self.store.close().await;
        Self::start_in(Arc::clone(&self.directory)).await
    }

    /// The secret of a new enrolment token, for one device or for any.
    pub async fn token(&self, device: Option<&str>, valid: SignedDuration) -> String {
        let secret = platen_manager::secret::random_hex::<16>().unwrap();
        self.store
            .add_token(NewToken {
                hash: fingerprint(secret.as_bytes()),
                device: device.map(|device| device.parse().unwrap()),
                created: now(),
                expires: now() + valid,
            })
            .await
            .unwrap();
        secret
    }

    /// Lets a device in.
    pub async fn enrol(&self, name: &str) -> Client {
        self.enrol_speaking(name, &[b"h2", b"http/1.1"]).await
    }

    /// Lets a device in that speaks these versions of HTTP.
    pub async fn enrol_speaking(&self, name: &str, protocols: &[&[u8]]) -> Client {
        let secret = self.token(Some(name), SignedDuration::from_hours(1)).await;
        self.let_in(name, &secret, protocols).await
    }

    /// Lets a device in by a token that was made at the desk.
    pub async fn enrol_with(&self, name: &str, token: &str) -> Client {
        let token: platen_protocol::enroll::Token = token.parse().unwrap();
        self.let_in(name, &token.secret, &[b"h2", b"http/1.1"]).await
    }

    async fn let_in(&self, name: &str, secret: &str, protocols: &[&[u8]]) -> Client {
        let (key, csr) = csr(name);
        let (status, reply) = self.try_enrol(secret, &csr).await;
        assert_eq!(status, StatusCode::OK, "{reply}");
        Client::with_protocols(
            &self.ca,
            Some((reply["certificate_chain"].as_str().unwrap(), &key)),
            protocols,
        )
    }

    /// Asks for a certificate; the status and the body of the answer.
    pub async fn try_enrol(&self, secret: &str, csr: &str) -> (StatusCode, Value) {
        let body = serde_json::json!({"version": 1, "secret": secret, "csr": csr});
        let anyone = Client::new(&self.ca, None);
        let mut connection = anyone.connect(self.device).await.unwrap();
        let answer = connection.post("/v1/enroll", &body).await;
        (answer.status, answer.json())
    }

    /// A request to the API with the bearer token.
    pub async fn api(&self, path: &str) -> Value {
        let answer = self.ask_api("GET", path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer.json()
    }

    /// A request to the API with the bearer token, whatever becomes of it.
    pub async fn ask_api(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut connection = Client::new(&self.trusted, None).connect(self.operator).await.unwrap();
        let request = Request::builder()
            .method(method)
            .uri(format!("https://localhost{path}"))
            .header("authorization", format!("Bearer {}", self.bearer))
            .header("content-type", "application/json")
            .body(body.map_or_else(Bytes::new, |body| body.to_string().into()))
            .unwrap();
        connection.send(request).await.unwrap()
    }

    /// Gives the device the command to read its board; the command's id.
    pub async fn read_now(&self, device: &str) -> String {
        let body = serde_json::json!({"action": {"kind": "read_now"}});
        let answer = self.ask_api("POST", &format!("/api/v1/devices/{device}/commands"), Some(&body)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Until the device's request is held.
    pub async fn until_parked(&self, device: &str) {
        until(|| async {
            let view = self.api(&format!("/api/v1/devices/{device}")).await;
            (view["contact"]["state"] == "parked").then_some(())
        })
        .await;
    }
}

/// The real time.
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "tests date what they store")]
    Timestamp::now()
}

/// Asks until there is an answer. The pause only spares the machine; no test depends on it.
pub async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    tokio::time::timeout(LIMIT, async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it did not come about")
}

/// The permission bits of a file.
pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

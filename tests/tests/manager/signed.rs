//! Requests that are signed, as they come from a site whose proxy opens TLS: the manager believes the
//! signature and nothing else, takes each request once, and signs its answer for that request.

use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Request, StatusCode};
use jiff::SignedDuration;
use platen_protocol::problem::ProblemKind;
use platen_protocol::signature::{
    self, Bond, CERTIFICATE_FIELD, DIGEST_FIELD, INPUT_FIELD, MAX_CERTIFICATE_BYTES, MAX_INPUT_BYTES,
    Presented, PublicKey, SIGNATURE_FIELD, Signed, SigningKey, When, sign_request,
};
use platen_tests::rigs::manager::client::{Answer, Client, csr, request};
use platen_tests::rigs::manager::messages;
use platen_tests::rigs::manager::task::TestManager;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

const JSON: &str = "application/json";
const REPORTS: &str = "/v1/reports";

/// A device that has only its key, and no certificate in TLS.
pub(super) struct Signer {
    key: SigningKey,
}

impl Signer {
    pub(super) async fn enrolled(manager: &TestManager, name: &str) -> Self {
        let secret = manager.token(Some(name), SignedDuration::from_hours(1)).await;
        let (key, csr) = csr(name);
        let (status, reply) = manager.try_enrol(&secret, &csr).await;
        assert_eq!(status, StatusCode::OK, "{reply}");
        Self::new(&key, reply["certificate_chain"].as_str().unwrap())
    }

    fn new(key: &str, chain: &str) -> Self {
        let PrivateKeyDer::Pkcs8(key) = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap() else {
            panic!()
        };
        let certificate = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
        Self { key: SigningKey::new(key.secret_pkcs8_der(), &certificate).unwrap() }
    }

    fn sign_at(&self, body: &Value, created: i64) -> (Request<Bytes>, Bond) {
        self.sign_for(REPORTS, body, created)
    }

    pub(super) fn sign_for(&self, path: &str, body: &Value, created: i64) -> (Request<Bytes>, Bond) {
        let nonce = platen_manager::secret::random_hex::<16>().unwrap();
        let body = body.to_string();
        let covered = signature::Request { method: "POST", path, content_type: JSON, prefer: None };
        let when = When { created, expires: Some(created + 120), nonce: Some(&nonce) };
        let Signed { fields, bond } = sign_request(&self.key, &covered, body.as_bytes(), &when).unwrap();
        let mut request = request("POST", path, body);
        let content_type = HeaderValue::from_static(JSON);
        request.headers_mut().insert("content-type", content_type);
        for (name, value) in fields {
            request.headers_mut().insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        (request, bond)
    }

    fn sign(&self, body: &Value) -> (Request<Bytes>, Bond) {
        self.sign_at(body, now())
    }
}

fn now() -> i64 {
    platen_tests::rigs::manager::task::now().as_second()
}

/// Sends without a certificate, as a proxy does.
pub(super) async fn send(manager: &TestManager, request: Request<Bytes>) -> Answer {
    let mut connection = Client::new(&manager.ca, None).connect(manager.device).await.unwrap();
    connection.send(request).await.unwrap()
}

fn batch(epoch: &str) -> Value {
    json!({"version": 1, "epoch": epoch, "oldest_sequence": 1, "reports": [messages::report(1, &messages::service_call("help"))]})
}

fn field<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

/// The manager has signed this answer, for that request.
pub(super) fn assert_signed(manager: &TestManager, answer: &Answer, to: &Bond) -> i64 {
    let presented = Presented::read(|name| field(&answer.headers, name)).unwrap();
    let server = std::fs::read_to_string(manager.directory.path().join("server.pem")).unwrap();
    let server = CertificateDer::from_pem_slice(server.as_bytes()).unwrap();
    assert_eq!(presented.certificate(), server.as_ref(), "with its own certificate");
    let (_, parsed) = X509Certificate::from_der(&server).unwrap();
    let key = PublicKey::new(&parsed.public_key().subject_public_key.data);
    let covered = signature::Answer {
        status: answer.status.as_u16(),
        content_type: field(&answer.headers, "content-type").unwrap_or_default(),
        retry_after: field(&answer.headers, "retry-after"),
        to,
    };
    presented.check_answer(&covered, &key).unwrap();
    presented.check_body(&answer.body).unwrap();
    presented.created()
}

async fn device_page(manager: &TestManager) -> String {
    let mut browser = platen_tests::rigs::manager::pages::browser(manager).await;
    let cookie = platen_tests::rigs::manager::pages::sign_in(&mut browser).await;
    platen_tests::rigs::manager::pages::device_page(&mut browser, "lobby", &cookie).await
}

async fn calls(manager: &TestManager) -> usize {
    manager.api("/api/v1/service-calls").await["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_signed_request_is_served_as_one_with_a_certificate_and_answered_with_a_signature() {
    let manager = TestManager::start().await;
    let device = Signer::enrolled(&manager, "lobby").await;
    let (request, bond) = device.sign(&batch("e1"));
    let answer = send(&manager, request).await;
    assert_eq!(answer.acknowledged(), 1);
    assert_signed(&manager, &answer, &bond);
    assert_eq!(calls(&manager).await, 1);
}

#[tokio::test]
async fn without_a_signature_a_request_without_a_certificate_is_nobodys_and_its_answer_is_not_signed() {
    let manager = TestManager::start().await;
    let answer = send(&manager, request("POST", REPORTS, batch("e1").to_string())).await;
    answer.problem(ProblemKind::NoCertificate);
    assert!(field(&answer.headers, SIGNATURE_FIELD).is_none());
}

#[tokio::test]
async fn what_was_signed_long_ago_or_by_a_clock_that_is_ahead_is_stale_and_the_answer_tells_the_time() {
    let manager = TestManager::start().await;
    let device = Signer::enrolled(&manager, "lobby").await;
    for created in [0, now() - 3600, now() + 3600] {
        let (request, bond) = device.sign_at(&batch("e1"), created);
        let answer = send(&manager, request).await;
        answer.problem(ProblemKind::SignatureStale);
        let told = assert_signed(&manager, &answer, &bond);
        assert!((now() - told).abs() < 60, "the manager's time is in the signature");
        let (request, _) = device.sign_at(&batch("e1"), told);
        assert_eq!(send(&manager, request).await.acknowledged(), 1, "by that time it is taken");
    }
}

#[tokio::test]
async fn what_was_signed_before_a_restart_is_not_taken_after_it() {
    let manager = TestManager::start().await;
    let device = Signer::enrolled(&manager, "lobby").await;
    let (request, _) = device.sign_at(&batch("e1"), now() - 1);
    let manager = manager.restart().await;
    send(&manager, request).await.problem(ProblemKind::SignatureStale);
    assert_eq!(calls(&manager).await, 0);
}

/// What a proxy does to a request.
type Alteration<'a> = &'a dyn Fn(&mut Request<Bytes>);

#[tokio::test]
async fn whatever_is_altered_on_the_way_is_refused_and_has_no_effect() {
    let manager = TestManager::start().await;
    let device = Signer::enrolled(&manager, "lobby").await;
    let other = Signer::enrolled(&manager, "attic").await;
    let field_of = |signed: &Request<Bytes>, name| signed.headers()[name].clone();
    let alterations: [(&str, Alteration<'_>); 9] = [
        ("the body", &|request| *request.body_mut() = batch("e2").to_string().into()),
        ("the content type", &|request| {
            request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
        }),
        ("a wish to wait", &|request| {
            request.headers_mut().insert("prefer", "wait=100".parse().unwrap());
        }),
        ("the time", &|request| {
            let input = request.headers()[INPUT_FIELD].to_str().unwrap().replace("created=1", "created=2");
            request.headers_mut().insert(INPUT_FIELD, input.parse().unwrap());
        }),
        ("a second digest", &|request| {
            let digest = request.headers()[DIGEST_FIELD].clone();
            request.headers_mut().append(DIGEST_FIELD, digest);
        }),
        ("no signature", &|request| {
            request.headers_mut().remove(SIGNATURE_FIELD);
        }),
        ("a query", &|request| {
            *request.uri_mut() = format!("https://localhost{REPORTS}?a=b").parse().unwrap();
        }),
        ("a long certificate", &|request| {
            let long = format!(":{}:", "A".repeat(MAX_CERTIFICATE_BYTES));
            request.headers_mut().insert(CERTIFICATE_FIELD, long.parse().unwrap());
        }),
        ("long parameters", &|request| {
            let input = request.headers()[INPUT_FIELD].to_str().unwrap();
            let long = format!("{input};x=\"{}\"", "a".repeat(MAX_INPUT_BYTES));
            request.headers_mut().insert(INPUT_FIELD, long.parse().unwrap());
        }),
    ];
    for (what, alter) in alterations {
        let (mut request, bond) = device.sign(&batch("e1"));
        alter(&mut request);
        let answer = send(&manager, request).await;
        answer.problem(ProblemKind::SignatureInvalid);
        // The answer is for the request that was signed, as long as that can be read.
        if ["the body", "the content type", "a wish to wait", "a query"].contains(&what) {
            assert_signed(&manager, &answer, &bond);
        }
        assert_eq!(calls(&manager).await, 0, "{what}");
    }

    // With the certificate, or with the key, of another device.
    let (mut stolen, _) = device.sign(&batch("e1"));
    let (attic, _) = other.sign(&batch("e1"));
    stolen.headers_mut().insert(CERTIFICATE_FIELD, field_of(&attic, CERTIFICATE_FIELD));
    send(&manager, stolen).await.problem(ProblemKind::SignatureInvalid);
    let (mut stolen, _) = device.sign(&batch("e1"));
    stolen.headers_mut().insert(SIGNATURE_FIELD, field_of(&attic, SIGNATURE_FIELD));
    send(&manager, stolen).await.problem(ProblemKind::SignatureInvalid);
    assert_eq!(calls(&manager).await, 0);
}

#[tokio::test]
async fn a_certificate_of_another_ca_or_of_the_manager_itself_signs_nothing() {
    let manager = TestManager::start().await;
    let other = TestManager::start().await;
    let stranger = Signer::enrolled(&other, "lobby").await;
    let _known = Signer::enrolled(&manager, "lobby").await;
    let (request, bond) = stranger.sign(&batch("e1"));
    let answer = send(&manager, request).await;
    let told = answer.problem(ProblemKind::SignatureInvalid);
    assert!(told.contains("does not belong to a device of this manager"), "{told}");
    assert_signed(&manager, &answer, &bond);

    let at = |name: &str| std::fs::read_to_string(manager.directory.path().join(name)).unwrap();
    let impostor = Signer::new(&at("server.key"), &at("server.pem"));
    let (request, _) = impostor.sign(&batch("e1"));
    send(&manager, request).await.problem(ProblemKind::SignatureInvalid);
    assert_eq!(calls(&manager).await, 0);
}

#[tokio::test]
async fn a_device_that_was_given_another_certificate_is_refused_by_the_same_rules_as_in_tls() {
    let manager = TestManager::start().await;
    let old = Signer::enrolled(&manager, "lobby").await;
    let new = Signer::enrolled(&manager, "lobby").await;
    let (request, bond) = old.sign(&batch("e1"));
    let answer = send(&manager, request).await;
    answer.problem(ProblemKind::UnknownDevice);
    assert_signed(&manager, &answer, &bond);
    let (request, _) = new.sign(&batch("e1"));
    assert_eq!(send(&manager, request).await.acknowledged(), 1);
}

#[tokio::test]
async fn operators_are_told_that_a_site_inspects_tls_and_who() {
    let manager = TestManager::start().await;
    let device = Signer::enrolled(&manager, "lobby").await;
    let mut told = batch("e1");
    told["inspected_by"] = "Example Corp <Proxy> CA".into();
    let (request, _) = device.sign(&told);
    assert_eq!(send(&manager, request).await.acknowledged(), 1);
    let view = manager.api("/api/v1/devices/lobby").await;
    assert_eq!(view["contact"]["inspected_by"], "Example Corp <Proxy> CA");
    let page = device_page(&manager).await;
    assert!(page.contains("This site inspects TLS"), "{page}");
    assert!(page.contains("Example Corp") && !page.contains("<Proxy>"), "what a certificate says is escaped");

    let (request, _) =
        device.sign(&json!({"version": 1, "epoch": "e1", "oldest_sequence": 2, "reports": []}));
    send(&manager, request).await.acknowledged();
    assert_eq!(manager.api("/api/v1/devices/lobby").await["contact"]["inspected_by"], Value::Null);
    told["inspected_by"] = "x".repeat(101).into();
    let (request, _) = device.sign(&told);
    send(&manager, request).await.problem(ProblemKind::InvalidRequest);
}

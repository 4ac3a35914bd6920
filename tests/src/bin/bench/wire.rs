//! Many devices of one process, straight on the wire.

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use platen_tests::rigs::api;
use platen_tests::rigs::manager::process::Manager;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A device that has a certificate.
pub(crate) struct Identity {
    pub(crate) name: String,
    chain: String,
    key: String,
}

/// Enrols a device as its agent would.
pub(crate) fn enroll(manager: &Manager, name: &str) -> Identity {
    let token = manager.token(&["--device", name]);
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    let csr = parameters.serialize_request(&key).unwrap().pem().unwrap();
    let body = json!({"version": 1, "secret": token.split('-').nth(1).unwrap(), "csr": csr});
    let url = format!("{}/v1/enroll", manager.device_url());
    let answer = api::post(&api::client(&manager.ca(), None), &url, &[], body.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let chain = answer.body["certificate_chain"].as_str().unwrap().to_owned();
    Identity { name: name.to_owned(), chain, key: key.serialize_pem() }
}

fn tls(manager: &Manager, identity: &Identity, protocol: &[u8]) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(
        CertificateDer::pem_slice_iter(manager.ca().as_bytes()).map(Result::unwrap),
    );
    let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![protocol.to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn connect(
    manager: &Manager,
    identity: &Identity,
    protocol: &[u8],
) -> TokioIo<tokio_rustls::client::TlsStream<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", manager.device_port())).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TokioIo::new(tls(manager, identity, protocol).connect(name, stream).await.unwrap())
}

fn request(body: Vec<u8>, wait: Option<u32>, authority: &str) -> hyper::Request<Full<Bytes>> {
    let mut request = hyper::Request::post(format!("https://{authority}/v1/reports"))
        .header("host", authority)
        .header("content-type", "application/json");
    if let Some(seconds) = wait {
        request = request.header("prefer", format!("wait={seconds}"));
    }
    request.body(Full::new(Bytes::from(body))).unwrap()
}

/// One HTTP/1.1 connection.
pub(crate) struct Http1(http1::SendRequest<Full<Bytes>>);

impl Http1 {
    pub(crate) async fn open(manager: &Manager, identity: &Identity) -> Self {
        let (sender, connection) =
            http1::handshake(connect(manager, identity, b"http/1.1").await).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// Hands in a batch; the reply.
    pub(crate) async fn post(&mut self, body: Vec<u8>) -> Bytes {
        self.0.ready().await.unwrap();
        let answer = self.0.send_request(request(body, None, "localhost")).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.unwrap().to_bytes()
    }
}

/// One HTTP/2 connection.
#[derive(Clone)]
pub(crate) struct Http2(http2::SendRequest<Full<Bytes>>);

impl Http2 {
    pub(crate) async fn open(manager: &Manager, identity: &Identity) -> Self {
        let io = connect(manager, identity, b"h2").await;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// Parks an empty batch; the reply, when it comes.
    pub(crate) async fn park(&mut self, seconds: u32) -> Value {
        let body = json!({"version": 1, "epoch": "bench", "oldest_sequence": 1, "reports": []});
        let request = request(body.to_string().into_bytes(), Some(seconds), "localhost");
        let answer = self.0.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }
}

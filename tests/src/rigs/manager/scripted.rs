//! A manager in the test's own process: real TLS and HTTP, everything in memory, faults on request.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use platen_agent::uplink::enroll::fingerprint;
use platen_protocol::VERSION;
use platen_protocol::device_to_manager::{Lost, Report, ReportBatch, ReportBody};
use platen_protocol::enroll::{
    CA_COMMON_NAME, EnrollReply, EnrollRequest, RenewReply, RenewRequest, TOKEN_SECRET_BYTES, Token,
};
use platen_protocol::manager_to_device::{Acknowledged, Command, OpenRequests, Reply};
use platen_protocol::prefer;
use platen_protocol::problem::{Problem, ProblemKind};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, IsCa, Issuer, KeyPair,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::carried::{AnswerBody, Programs};

/// What the manager knows, and how it is to behave.
#[derive(Default)]
pub struct State {
    /// By epoch and sequence; the first text of each.
    pub reports: BTreeMap<(String, u64), Report>,
    /// How often each came.
    pub times: BTreeMap<(String, u64), u32>,
    /// Epochs in the order of their appearance.
    pub epochs: Vec<String>,
    /// Reports that are never to come, by the agent's own word.
    pub gaps: Vec<u64>,
    acknowledged: BTreeMap<String, u64>,
    /// In every reply until cleared, as a manager does until the outcome is there.
    pub commands: Vec<Command>,
    /// Requests that are parked now.
    pub parked: u32,
    /// Requests that were parked in all.
    pub ever_parked: u32,
    /// Enrolments.
    pub enrolled: u32,
    /// Connections, by their protocol.
    pub connections: Vec<Option<Vec<u8>>>,
    /// The next batches with reports are committed, and the connection is cut instead of an answer.
    pub cut_after_commit: u32,
    /// The next batches with reports get these problems.
    pub problems: VecDeque<ProblemKind>,
    /// Batches with a report of this kind are refused as invalid.
    pub poison: Option<&'static str>,
    /// Each change ends all connections.
    pub generation: u32,
    /// Every batch gets this problem, and so does what is no batch.
    pub refuses: Option<ProblemKind>,
    /// In every reply; parked requests are answered at once.
    pub pause_seconds: Option<u32>,
    /// In every reply: what is open; a parked request is answered when it changes. A first version of the manager does
    /// not tell.
    pub open: Option<OpenRequests>,
    /// The manager's clock; 1 June 2026 unless set.
    pub time: Option<jiff::Timestamp>,
    /// Certificates that were given by renewal.
    pub renewed: Vec<CertificateDer<'static>>,
    /// Batches that came on a connection with one of them.
    pub by_renewed: u32,
    /// Those are refused.
    pub refuse_renewed: bool,
    /// The certificate in enrolment replies is another device's.
    pub swap_certificate: bool,
    /// What there is of programs.
    pub programs: Programs,
}

impl State {
    /// Reports of a kind, once each, in their order.
    pub fn of_kind(&self, kind: &str) -> Vec<&Report> {
        self.reports.values().filter(|report| report.body.kind() == kind).collect()
    }

    /// Outcomes, in their order.
    pub fn outcomes(&self) -> Vec<&platen_protocol::device_to_manager::Outcome> {
        self.reports
            .values()
            .filter_map(|report| match &report.body {
                ReportBody::Outcome(outcome) => Some(outcome),
                _ => None,
            })
            .collect()
    }
}

/// The manager; it ends when this is dropped.
pub struct Manager {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it knows.
    pub state: watch::Sender<State>,
    ca: CertificateDer<'static>,
    authority: Arc<Authority>,
    _tasks: JoinSet<()>,
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, CA_COMMON_NAME);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn server_config(&self, protocols: &[&[u8]], years: Option<(i32, i32)>) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        if let Some((begins, ends)) = years {
            params.not_before = rcgen::date_time_ymd(begins, 1, 1);
            params.not_after = rcgen::date_time_ymd(ends, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
        let chain = vec![certificate.der().clone(), self.certificate.der().clone()];
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }
}

impl Manager {
    /// Speaks both protocols.
    pub async fn start() -> Self {
        Self::speaking(&[b"h2", b"http/1.1"]).await
    }

    /// Speaks only these.
    pub async fn speaking(protocols: &[&[u8]]) -> Self {
        Self::of(Arc::new(Authority::new()), protocols, None).await
    }

    /// Another one of the same CA, whose certificate holds from the first of these years to the second.
    pub async fn twin(&self, begins: i32, ends: i32) -> Self {
        Self::of(Arc::clone(&self.authority), &[b"h2", b"http/1.1"], Some((begins, ends))).await
    }

    async fn of(authority: Arc<Authority>, protocols: &[&[u8]], years: Option<(i32, i32)>) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(authority.server_config(protocols, years)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = watch::Sender::new(State::default());
        let ca = authority.certificate.der().clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, acceptor, state.clone(), Arc::clone(&authority)));
        Self { address, state, ca, authority, _tasks: tasks }
    }

    /// Its address for agents.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// A token; this manager lets everyone in.
    pub fn token(&self) -> Token {
        Token { secret: "ab".repeat(TOKEN_SECRET_BYTES), ca_fingerprint: fingerprint(&self.ca) }
    }

    /// Waits until something holds.
    pub async fn until<T>(&self, what: &str, holds: impl Fn(&State) -> Option<T>) -> T {
        let mut changes = self.state.subscribe();
        let wait = async {
            loop {
                if let Some(found) = holds(&changes.borrow_and_update()) {
                    return found;
                }
                changes.changed().await.unwrap();
            }
        };
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, wait).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
    }

    /// Ends all connections, as a restart does.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.generation += 1);
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    state: watch::Sender<State>,
    authority: Arc<Authority>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        connections.spawn(connection(tcp, acceptor.clone(), state.clone(), Arc::clone(&authority)));
    }
}

/// The connection is to be cut without an answer.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

async fn connection(
    tcp: tokio::net::TcpStream,
    acceptor: TlsAcceptor,
    state: watch::Sender<State>,
    authority: Arc<Authority>,
) {
    let Ok(tls) = acceptor.accept(tcp).await else { return };
    let shown = tls.get_ref().1.peer_certificates().map(|chain| chain[0].clone().into_owned());
    let protocol = tls.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    state.send_modify(|state| state.connections.push(protocol.clone()));
    let generation = state.borrow().generation;
    let mut changes = state.subscribe();
    let cut = Arc::new(tokio::sync::Notify::new());
    let rung = Arc::clone(&cut);
    let service = service_fn(move |request| {
        let (state, authority, cut) = (state.clone(), Arc::clone(&authority), Arc::clone(&cut));
        let shown = shown.clone();
        async move {
            let answer = answer(request, shown, &state, &authority).await;
            if answer.is_err() {
                cut.notify_one();
                std::future::pending::<()>().await;
            }
            answer
        }
    });
    let io = TokioIo::new(tls);
    let http2 = protocol.as_deref() == Some(b"h2");
    // A client may break off as it likes; whether the conversation was right is in the state.
    let served = async {
        if http2 {
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(io, service)
                .await;
        } else {
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
        }
    };
    // What it waits for is let go before `served` is, whose end changes the state.
    let restarted = async { drop(changes.wait_for(|state| state.generation != generation).await) };
    tokio::select! {
        () = served => {}
        () = rung.notified() => {}
        () = restarted => {}
    }
}

async fn answer(
    request: Request<Incoming>,
    shown: Option<CertificateDer<'static>>,
    state: &watch::Sender<State>,
    authority: &Authority,
) -> Result<Response<AnswerBody>, Cut> {
    let path = request.uri().path().to_owned();
    let wait = request.headers().get(prefer::HEADER).map(|value| prefer::parse_wait(value.to_str().unwrap()));
    let headers = request.headers().clone();
    let body = request.into_body().collect().await.map_err(|_gone| Cut)?.to_bytes();
    if path == platen_protocol::path::ENROLL {
        return Ok(json(200, &enroll(&serde_json::from_slice(&body).unwrap(), state, authority)));
    }
    let Some(shown) = shown else { return Ok(problem(ProblemKind::NoCertificate)) };
    let renewed = state.borrow().renewed.contains(&shown);
    if path == platen_protocol::path::RENEW {
        return Ok(renew(&serde_json::from_slice(&body).unwrap(), state, authority));
    }
    if renewed && state.borrow().refuse_renewed {
        return Ok(problem(ProblemKind::UnknownDevice));
    }
    if renewed {
        state.send_modify(|state| state.by_renewed += 1);
    }
    let refuses = state.borrow().refuses;
    if let Some(kind) = refuses {
        return Ok(problem(kind));
    }
    if path == platen_protocol::path::PROGRAMS {
        let mut answer = Err(ProblemKind::NotFound);
        state.send_modify(|state| answer = state.programs.answer(&headers, &body));
        return Ok(answer.unwrap_or_else(problem));
    }
    let Ok(batch) = serde_json::from_slice::<ReportBatch>(&body) else {
        return Ok(problem(ProblemKind::InvalidRequest));
    };
    if let Some(kind) = take(&batch, state)? {
        return Ok(problem(kind));
    }
    if let (true, Some(wait)) = (batch.reports.is_empty(), wait) {
        park(state, wait).await;
    }
    Ok(json(200, &reply(&batch, &state.borrow())))
}

fn json(status: u16, body: &impl serde::Serialize) -> Response<AnswerBody> {
    let body = AnswerBody::whole(serde_json::to_vec(body).unwrap().into());
    Response::builder().status(status).body(body).unwrap()
}

fn problem(kind: ProblemKind) -> Response<AnswerBody> {
    let mut answer = json(kind.status(), &Problem::new(kind, "as the test wishes"));
    if kind == ProblemKind::OverQuota {
        answer.headers_mut().insert(hyper::header::RETRY_AFTER, hyper::header::HeaderValue::from_static("1"));
    }
    answer
}

fn enroll(request: &EnrollRequest, state: &watch::Sender<State>, authority: &Authority) -> EnrollReply {
    let csr = CertificateSigningRequestParams::from_pem(&request.csr).unwrap();
    let name = csr.params.distinguished_name.get(&DnType::CommonName).unwrap();
    let rcgen::DnValue::Utf8String(name) = name else { panic!("{name:?}") };
    let device_id = name.parse().unwrap();
    let mut certificate = csr.signed_by(&authority.issuer).unwrap();
    if state.borrow().swap_certificate {
        let params = CertificateParams::new(vec![name.clone()]).unwrap();
        certificate = params.signed_by(&KeyPair::generate().unwrap(), &authority.issuer).unwrap();
    }
    state.send_modify(|state| state.enrolled += 1);
    EnrollReply {
        version: VERSION,
        device_id,
        certificate_chain: certificate.pem(),
        manager_ca: authority.certificate.pem(),
        manager_time: None,
    }
}

fn renew(
    request: &RenewRequest,
    state: &watch::Sender<State>,
    authority: &Authority,
) -> Response<AnswerBody> {
    let mut csr = CertificateSigningRequestParams::from_pem(&request.csr).unwrap();
    // Later than what an enrolment gives.
    csr.params.not_after = rcgen::date_time_ymd(5000, 1, 1);
    let certificate = csr.signed_by(&authority.issuer).unwrap();
    state.send_modify(|state| state.renewed.push(certificate.der().clone()));
    json(
        200,
        &RenewReply {
            version: VERSION,
            certificate_chain: certificate.pem(),
            manager_ca: authority.certificate.pem(),
            manager_time: time(&state.borrow()),
        },
    )
}

fn time(state: &State) -> jiff::Timestamp {
    state.time.unwrap_or_else(|| "2026-06-01T00:00:00Z".parse().unwrap())
}

/// Commits a batch as the protocol asks, or misbehaves as the test asks.
fn take(batch: &ReportBatch, state: &watch::Sender<State>) -> Result<Option<ProblemKind>, Cut> {
    let mut refused = None;
    let mut cut = false;
    state.send_modify(|state| {
        if !batch.reports.is_empty() {
            let poisoned = batch.reports.iter().any(|report| Some(report.body.kind()) == state.poison);
            refused = state.problems.pop_front().or(poisoned.then_some(ProblemKind::InvalidReport));
            if refused.is_none() && state.cut_after_commit > 0 {
                state.cut_after_commit -= 1;
                cut = true;
            }
        }
        if refused.is_none() {
            commit(batch, state);
        }
    });
    if cut { Err(Cut) } else { Ok(refused) }
}

fn commit(batch: &ReportBatch, state: &mut State) {
    let epoch = batch.epoch.to_string();
    if !state.epochs.contains(&epoch) {
        state.epochs.push(epoch.clone());
    }
    let acknowledged = state.acknowledged.entry(epoch.clone()).or_default();
    state.gaps.extend(*acknowledged + 1..batch.oldest_sequence);
    *acknowledged = (*acknowledged).max(batch.oldest_sequence - 1);
    let mut lost = batch.lost.iter().peekable();
    for report in &batch.reports {
        while let Some(run) = lost.next_if(|run| run.first < report.sequence) {
            lose(run, acknowledged, &mut state.gaps);
        }
        assert!(report.sequence <= *acknowledged + 1, "a batch spans a hole: {batch:?}");
        *acknowledged = (*acknowledged).max(report.sequence);
        let name = (epoch.clone(), report.sequence);
        *state.times.entry(name.clone()).or_default() += 1;
        let first = state.reports.entry(name).or_insert_with(|| report.clone());
        assert_eq!(first, report, "a repeat is the same report");
    }
    lost.for_each(|run| lose(run, acknowledged, &mut state.gaps));
}

fn lose(run: &Lost, acknowledged: &mut u64, gaps: &mut Vec<u64>) {
    assert_eq!(run.kinds.values().sum::<u64>(), run.last - run.first + 1, "{run:?}");
    assert!(run.first <= *acknowledged + 1, "a hole before {run:?}");
    gaps.extend(*acknowledged + 1..=run.last);
    *acknowledged = (*acknowledged).max(run.last);
}

async fn park(state: &watch::Sender<State>, wait: Duration) {
    let open = state.borrow().open.clone();
    let speaks =
        |state: &State| !state.commands.is_empty() || state.pause_seconds.is_some() || state.open != open;
    if speaks(&state.borrow()) {
        return;
    }
    let mut changes = state.subscribe();
    let _parked = Parked::begin(state);
    // Either way it is answered.
    let _ = tokio::time::timeout(wait, changes.wait_for(speaks)).await;
}

/// A request that is parked, until it is answered or its connection ends.
struct Parked<'s>(&'s watch::Sender<State>);

impl<'s> Parked<'s> {
    fn begin(state: &'s watch::Sender<State>) -> Self {
        state.send_modify(|state| {
            state.parked += 1;
            state.ever_parked += 1;
        });
        Self(state)
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|state| state.parked -= 1);
    }
}

fn reply(batch: &ReportBatch, state: &State) -> Reply {
    let sequence = state.acknowledged.get(batch.epoch.as_str()).copied().unwrap_or(0);
    Reply {
        programs: state.programs.hint,
        version: VERSION,
        manager_time: time(state),
        acknowledged: Acknowledged { epoch: batch.epoch.clone(), sequence },
        pause_seconds: state.pause_seconds,
        open: state.open.clone(),
        commands: state.commands.clone(),
    }
}

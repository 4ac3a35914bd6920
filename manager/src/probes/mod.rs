//! Whether the manager lives (`/healthz`) and can serve (`/readyz`): for load balancers and supervisors, who have no token.
//! What they are told is in no way secret. Both are answered while the manager waits for its database too, and on the
//! listener of its own ([`listener`]) until it has ended.

pub(crate) mod listener;
mod settings;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::routing::get;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use platen_protocol::problem::{MEDIA_TYPE, Problem, ProblemKind};
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::figures::Figures;
use crate::store::Store;

pub use settings::Settings;

/// Whether the process serves.
pub(crate) const ALIVE: &str = "/healthz";
/// Whether it can do its work.
pub(crate) const READY: &str = "/readyz";
/// Figures for Prometheus.
pub(crate) const METRICS: &str = "/metrics";
/// The version of the format is part of its name.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// It is tried at most so often whether the store can be written, however many ask.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// A store that does not answer in this time cannot be used.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

const STARTING: &str = "The manager is opening its database, or bringing its tables to this version.";
const STOPPING: &str = "The manager is shutting down.";
const SLOW: &str = "The database does not answer.";
const UNKNOWN: &str = "Nothing can be stored; the manager's log says why.";

/// What is there once the manager serves.
pub(crate) struct Serving {
    /// It is written to.
    pub(crate) store: Store,
    /// Cancelled when the manager is to end.
    pub(crate) stopping: CancellationToken,
    /// What is told of it.
    pub(crate) figures: Figures,
}

/// How the store was when it was tried last.
type Tried = Option<(Instant, Result<(), &'static str>)>;

/// What those are answered from who watch over the manager.
#[derive(Default)]
pub(crate) struct Probes {
    /// Why the database cannot be used yet.
    waiting: Mutex<Option<&'static str>>,
    serving: OnceLock<Serving>,
    /// Held while it is tried, so that many who ask are one try.
    tried: tokio::sync::Mutex<Tried>,
}

#[derive(Serialize)]
struct Fine {
    status: &'static str,
}

type Answer = Response<Full<Bytes>>;

fn answer(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn fine(status: &'static str) -> Answer {
    let body = serde_json::to_vec(&Fine { status }).unwrap_or_default();
    answer(StatusCode::OK, "application/json", body)
}

fn problem(kind: ProblemKind, detail: &str) -> Answer {
    let problem = Problem::new(kind, detail);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer(status, MEDIA_TYPE, serde_json::to_vec(&problem).unwrap_or_default())
}

impl Probes {
    /// The database cannot be used yet.
    pub(crate) fn waits_because(&self, why: &'static str) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// From now on the manager serves.
    pub(crate) fn serves(&self, serving: Serving) {
        // It begins once.
        let _ = self.serving.set(serving);
    }

    /// The answer to one who asks before the manager serves; `None` where it asks for something else.
    pub(crate) fn before_serving(&self, path: &str) -> Option<Answer> {
        match path {
            ALIVE => Some(fine("alive")),
            READY => {
                let waiting = *self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                Some(problem(ProblemKind::Unavailable, waiting.unwrap_or(STARTING)))
            }
            _ => None,
        }
    }

    async fn ready(&self) -> Answer {
        let Some(serving) = self.serving.get() else {
            return self.before_serving(READY).unwrap_or_else(|| fine("ready"));
        };
        // Last, because the manager may begin to stop while the store is tried.
        match self.stores(serving).await {
            _ if serving.stopping.is_cancelled() => problem(ProblemKind::Unavailable, STOPPING),
            Err(why) => problem(ProblemKind::Unavailable, why),
            Ok(()) => fine("ready"),
        }
    }

    /// Whether the store can be written to.
    async fn stores(&self, serving: &Serving) -> Result<(), &'static str> {
        let mut tried = self.tried.lock().await;
        if let Some((at, outcome)) = *tried
            && at.elapsed() < TRY_EVERY
        {
            return outcome;
        }
        let asked = tokio::time::timeout(STORE_ANSWERS_WITHIN, serving.store.probe(clock::now())).await;
        let outcome = match asked {
            Err(_late) => Err(SLOW),
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the store was tried, and failed");
                let trouble = serving.store.health().trouble();
                Err(trouble.map_or(UNKNOWN, |trouble| trouble.cause.words()))
            }
        };
        *tried = Some((Instant::now(), outcome));
        outcome
    }

    /// The figures; whoever is let in to see them.
    pub(crate) async fn metrics(&self) -> Answer {
        match self.serving.get() {
            Some(serving) => answer(StatusCode::OK, METRICS_TYPE, serving.figures.text().await),
            None => problem(ProblemKind::Unavailable, STARTING),
        }
    }
}

/// The addresses that need no token.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(probes: Arc<Probes>) -> Router<S> {
    Router::new()
        .route(ALIVE, get(|| async { fine("alive") }))
        .route(READY, get(|State(probes): State<Arc<Probes>>| async move { probes.ready().await }))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(probes)
}

/// All addresses of a listener that only those reach who may see them.
pub(crate) fn own_router(probes: Arc<Probes>) -> Router {
    let metrics = get(|State(probes): State<Arc<Probes>>| async move { probes.metrics().await });
    Router::new()
        .route(METRICS, metrics)
        .fallback(|| async {
            problem(ProblemKind::NotFound, "there are only /healthz, /readyz and /metrics here")
        })
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Arc::clone(&probes))
        .merge(router(probes))
}

async fn method_not_allowed() -> axum::response::Response {
    let mut refused =
        problem(ProblemKind::MethodNotAllowed, "this address takes GET and HEAD").into_response();
    refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
    refused
}

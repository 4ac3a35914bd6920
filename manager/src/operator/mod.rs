//! The listener for operators: pages for people ([`pages`]) and a JSON API for programs ([`api`]), both
//! from the same views ([`view`]). Each address states which right
//! it wants, and [`guard`] lets nobody else come to it.

mod action;
mod agreements;
mod api;
mod command;
mod cursor;
mod ddi;
mod details;
mod enrolment;
mod fleet_query;
mod forwarded;
mod gather;
mod guard;
mod hasher;
mod history;
mod identity;
mod known_addresses;
mod let_in;
mod live;
mod meters;
mod meters_csv;
mod now;
mod objects;
mod order;
mod origin;
mod pages;
pub mod password;
mod password_queue;
mod people;
mod places;
mod problem;
mod profiles;
mod programs;
mod proxies;
mod restored;
pub(crate) mod retire;
mod rollouts;
pub(crate) mod said;
mod service_call;
mod session;
mod settings;
mod sign_in_limits;
mod telling;
pub(crate) mod view;
mod who;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, HeaderValue, Request, Response, header};
use axum::middleware::{self, map_response};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper_util::service::TowerToHyperService;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use tokio_util::sync::CancellationToken;

use crate::bell::Bell;
use crate::counters::Counters;
use crate::deliver::Deliver;
use crate::device::Devices;
use crate::device::mailbox::Mailbox;
use crate::device::roster::Roster;
use crate::inform::Informer;
use crate::listen::{Peer, RequestBody};
use crate::people_changes::{PEOPLE, PeopleChanges};
use crate::probes::{self, Probes};
use crate::store::Store;
use crate::watch::Watches;
use hasher::Hasher;
use known_addresses::KnownAddresses;
use origin::Origin;
use proxies::Proxies;
use sign_in_limits::SignInLimits;

pub use settings::Settings;

/// The largest body of an operator's request, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// What the pages may do: nothing that this manager did not send.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not `no-referrer`: under that, browsers send `Origin: null` with forms.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// What the operator listener works with.
pub struct Operators {
    store: Store,
    roster: Arc<Roster>,
    mailbox: Arc<Mailbox>,
    informer: Arc<Informer>,
    watches: Arc<Watches>,
    bell: Arc<Bell>,
    rollout_bell: Arc<Bell>,
    counters: Arc<Counters>,
    stop: CancellationToken,
    sign_in_limits: SignInLimits,
    hasher: Hasher,
    known_addresses: KnownAddresses,
    proxies: Proxies,
    public_origin: Option<Origin>,
    history: crate::history::Settings,
    quotas: Arc<crate::quota::Quotas>,
    live: live::Live,
    people: Arc<PeopleChanges>,
    probes: Arc<Probes>,
    deliver: Arc<Deliver>,
    enrolment: Enrolment,
}

/// What enrolment tokens say beside their secret.
struct Enrolment {
    /// Of the CA that devices are to trust.
    ca_fingerprint: String,
    /// The address that devices connect to.
    device_url: Option<String>,
}

impl Operators {
    /// From the parts that it shares with the device listener.
    pub(crate) fn new(
        devices: &Devices,
        (settings, device_url): (Settings, Option<String>),
        stop: CancellationToken,
        probes: Arc<Probes>,
        deliver: Arc<Deliver>,
    ) -> Arc<Self> {
        Arc::new(Self {
            store: devices.store.clone(),
            roster: Arc::clone(&devices.roster),
            mailbox: Arc::clone(&devices.mailbox),
            informer: Arc::clone(&devices.informer),
            watches: Arc::clone(&devices.watches),
            bell: Arc::clone(&devices.bell),
            rollout_bell: Arc::clone(&devices.rollout_bell),
            counters: Arc::clone(&devices.counters),
            stop,
            sign_in_limits: SignInLimits::new(),
            hasher: Hasher::start(),
            known_addresses: KnownAddresses::default(),
            proxies: Proxies::new(settings.trusted_proxies),
            public_origin: settings.public_origin,
            history: devices.history,
            quotas: Arc::clone(&devices.quotas),
            live: live::Live::default(),
            people: Arc::clone(&devices.people),
            probes,
            deliver,
            enrolment: Enrolment { ca_fingerprint: devices.ca.fingerprint(), device_url },
        })
    }
}

impl Operators {
    /// Something of operators was changed here: open streams are to look who is still let in, on all managers.
    async fn people_changed(&self) {
        self.informer.hint(PEOPLE, None);
        if let Err(error) = self.people.look(&self.store).await {
            // It is looked again within seconds.
            tracing::debug!(%error, "what was changed of operators could not be read; retrying");
        }
    }
}

/// Follows what happens, for the pages that are open, until the manager stops.
pub async fn follow(operators: Arc<Operators>) {
    operators.live.follow(&operators.informer, &operators.stop).await;
}

type Shared = State<Arc<Operators>>;

/// Every address of the listener.
pub fn router(operators: Arc<Operators>) -> Router {
    Router::new()
        .nest("/api/v1", api::router(&operators))
        .merge(pages::router(&operators))
        .route(probes::METRICS, get(metrics))
        .merge(probes::router(Arc::clone(&operators.probes)))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(pages::errors_as_pages))
        .layer(map_response(secure))
        .with_state(operators)
}

/// Figures of the manager for Prometheus; on the listener of its own (`[health]` of `manager.toml`) they need no token.
async fn metrics(State(operators): Shared, _operator: who::Operator) -> impl IntoResponse {
    operators.probes.metrics().await
}

async fn secure(mut response: Response<Body>) -> Response<Body> {
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

type Served = BoxCloneSyncService<Request<RequestBody>, Response<Body>, std::convert::Infallible>;

/// Serves one connection. A trusted proxy has requests of several people on it.
pub fn service(router: Router, operators: Arc<Operators>, peer: &Peer) -> TowerToHyperService<Served> {
    let remote = peer.remote.ip();
    TowerToHyperService::new(BoxCloneSyncService::new(router.map_request(
        move |mut request: Request<RequestBody>| {
            let client = operators.proxies.client(remote, request.headers());
            request.extensions_mut().insert(who::Remote(client));
            request.map(Body::new)
        },
    )))
}

//! The listener for operators: pages for people ([`pages`]) and a JSON API for programs ([`api`]), both
//! from the same views ([`view`]). Each address states which right
//! it wants, and [`guard`] lets nobody else come to it.

mod action;
mod agreements;
mod api;
mod audit;
mod audit_export;
mod bulk;
mod command;
mod cookies;
mod credentials;
mod cursor;
mod ddi;
mod details;
mod documents;
mod enrolment;
mod fleet_filters;
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
mod meter_rows;
mod meters;
mod meters_csv;
mod now;
mod objects;
mod once;
mod openid;
mod order;
mod orders_csv;
mod origin;
mod pages;
mod parts;
pub mod password;
mod password_queue;
mod people;
mod places;
mod prints;
mod problem;
mod profiles;
mod programs;
mod proxies;
mod qr;
mod restored;
pub(crate) mod retire;
mod rollouts;
pub(crate) mod said;
mod schedules;
mod second_factor;
mod service_call;
mod session;
mod settings;
mod sign_in;
mod sign_in_limits;
mod telling;
mod uses;
pub(crate) mod view;
mod views;
mod who;
mod words;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, HeaderValue, Request, Response, header};
use axum::middleware::{self, map_response};
use axum::response::IntoResponse;
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
use crate::openid::Provider;
use crate::people_changes::{PEOPLE, PeopleChanges};
use crate::printing::Printers;
use crate::probes::{self, Probes};
use crate::rights::{Right, Role};
use crate::store::Store;
use crate::watch::Watches;
use guard::Routes;
use hasher::Hasher;
use known_addresses::KnownAddresses;
use origin::Origin;
use proxies::Proxies;
use sign_in_limits::SignInLimits;

pub use schedules::run as print_by_itself;
pub use settings::Settings;

/// Below which address the API is.
const API: &str = "/api/v1";
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
    bulk_bell: Bell,
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
    uses: uses::Uses,
    failed: audit::FailedSignIns,
    press: documents::Press,
    printers: Arc<Printers>,
    enrolment: Enrolment,
    /// Roles that need a second factor at pages.
    second_factor_for: BTreeSet<Role>,
    /// By which people sign in, beside their passwords.
    openid: Option<Provider>,
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
        (deliver, printers): (Arc<Deliver>, Arc<Printers>),
    ) -> Arc<Self> {
        Arc::new(Self {
            store: devices.store.clone(),
            roster: Arc::clone(&devices.roster),
            mailbox: Arc::clone(&devices.mailbox),
            informer: Arc::clone(&devices.informer),
            watches: Arc::clone(&devices.watches),
            bell: Arc::clone(&devices.bell),
            rollout_bell: Arc::clone(&devices.rollout_bell),
            bulk_bell: Bell::default(),
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
            uses: uses::Uses::default(),
            failed: audit::FailedSignIns::default(),
            press: documents::Press::default(),
            printers,
            enrolment: Enrolment { ca_fingerprint: devices.ca.fingerprint(), device_url },
            second_factor_for: settings.second_factor_for,
            openid: settings.openid.map(Provider::new),
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

/// The addresses at which something can be changed: method and pattern, of the API and of pages.
pub fn changing_addresses() -> Vec<(&'static str, String)> {
    let of = |routes: guard::Routes, below: &str| -> Vec<(&'static str, String)> {
        let changing = routes.stated().filter(|(_, method, _)| *method != "get");
        changing.map(|(path, method, _)| (method, format!("{below}{path}"))).collect()
    };
    [of(api::routes(), API), of(pages::routes(), "")].concat()
}

/// Follows what happens, for the pages that are open, until the manager stops.
pub async fn follow(operators: Arc<Operators>) {
    tokio::join!(
        operators.live.follow(&operators.informer, &operators.stop),
        uses::write_down(&operators, &operators.stop),
    );
}

/// Does what is asked of many devices at once, until the manager stops; while `turn` says that it is this manager's to do.
pub async fn work(operators: Arc<Operators>, turn: Arc<dyn Fn() -> bool + Send + Sync>) {
    bulk::run(operators, turn).await;
}

type Shared = State<Arc<Operators>>;

/// Every address of the listener.
pub fn router(operators: Arc<Operators>) -> Router {
    Router::new()
        .nest(API, api::router(&operators))
        .merge(pages::router(&operators))
        .merge(figures(&operators))
        .merge(probes::router(Arc::clone(&operators.probes)))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(pages::errors_as_pages))
        .layer(map_response(secure))
        .with_state(operators)
}

fn figures(operators: &Arc<Operators>) -> Router<Arc<Operators>> {
    Routes::of_api().at(probes::METRICS, |at| at.get(Right::SeeAll, metrics)).router(operators)
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

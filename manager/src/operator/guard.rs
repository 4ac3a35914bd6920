//! The addresses of the listener, each with the right that it wants. An address cannot be made without one, and whatever
//! its function does, nobody comes to it who lacks that right, or who does not see the device that the address names.

use std::sync::Arc;

use axum::extract::{RawPathParams, Request, State};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{RequestPartsExt as _, Router};
use platen_protocol::identity::DeviceId;
use platen_protocol::problem::ProblemKind;

use super::once::{self, Begun};
use super::problem::Refusal;
use super::who::{self, Operator};
use super::{API, Operators, audit};
use crate::audit::Act;
use crate::rights::Right;
use crate::store::Scope;

/// Who is wanted at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// Nobody in particular: what is there, strangers may have.
    Anyone,
    /// An operator with this right.
    May(Right),
}

impl From<Right> for Wants {
    fn from(right: Right) -> Self {
        Self::May(right)
    }
}

/// What a stranger gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// A problem document.
    Api,
    /// The page on which people sign in.
    Page,
    /// A problem: a page that is open asks, not a person.
    Piece,
}

/// What stands before an address.
#[derive(Clone)]
struct Guard {
    operators: Arc<Operators>,
    path: &'static str,
    wants: Wants,
    manner: Manner,
    /// Whether what is answered is shown once.
    shows_secret: bool,
}

/// Where somebody sets up a second factor who has to.
const SECOND_FACTOR: &str = "/account#h-factor";

type Make = Box<dyn FnOnce(Guard) -> MethodRouter<Arc<Operators>>>;

struct Part {
    method: &'static str,
    wants: Wants,
    make: Make,
}

/// One address, with what each method wants.
#[derive(Default)]
pub(super) struct At {
    is_piece: bool,
    shows_secret: bool,
    parts: Vec<Part>,
}

macro_rules! methods {
    ($($name:ident $filter:ident $word:literal,)*) => {
        $(
            #[doc = concat!("What `", $word, "` does there, and for whom.")]
            pub(super) fn $name<H, T>(self, wants: impl Into<Wants>, handler: H) -> Self
            where
                H: Handler<T, Arc<Operators>>,
                T: 'static,
            {
                self.on(MethodFilter::$filter, $word, wants.into(), handler)
            }
        )*
    };
}

impl At {
    methods! {
        get GET "get",
        post POST "post",
        put PUT "put",
        patch PATCH "patch",
        delete DELETE "delete",
    }

    /// It is asked by a page that is open: a stranger is not sent elsewhere.
    pub(super) fn piece(self) -> Self {
        Self { is_piece: true, ..self }
    }

    /// What is posted there is answered with a secret that is never shown again.
    pub(super) fn secret(self) -> Self {
        Self { shows_secret: true, ..self }
    }

    fn on<H, T>(mut self, filter: MethodFilter, method: &'static str, wants: Wants, handler: H) -> Self
    where
        H: Handler<T, Arc<Operators>>,
        T: 'static,
    {
        let make = move |guard| on(filter, handler).route_layer(middleware::from_fn_with_state(guard, keep));
        self.parts.push(Part { method, wants, make: Box::new(make) });
        self
    }
}

/// Addresses.
pub(super) struct Routes {
    is_api: bool,
    all: Vec<(&'static str, At)>,
}

impl Routes {
    /// Addresses of pages.
    pub(super) const fn of_pages() -> Self {
        Self { is_api: false, all: Vec::new() }
    }

    /// Addresses of the API.
    pub(super) const fn of_api() -> Self {
        Self { is_api: true, all: Vec::new() }
    }

    /// One more address.
    pub(super) fn at(mut self, path: &'static str, make: impl FnOnce(At) -> At) -> Self {
        self.all.push((path, make(At::default())));
        self
    }

    /// What each address wants, by path and method.
    pub(super) fn stated(&self) -> impl Iterator<Item = (&'static str, &'static str, Wants)> {
        self.all.iter().flat_map(|(path, at)| at.parts.iter().map(|part| (*path, part.method, part.wants)))
    }

    /// All of them, guarded.
    pub(super) fn router(self, operators: &Arc<Operators>) -> Router<Arc<Operators>> {
        let is_api = self.is_api;
        self.all.into_iter().fold(Router::new(), |router, (path, at)| {
            let manner = match (is_api, at.is_piece) {
                (true, _) => Manner::Api,
                (false, true) => Manner::Piece,
                (false, false) => Manner::Page,
            };
            let methods = at.parts.into_iter().map(|part| {
                let (operators, shows_secret) = (Arc::clone(operators), at.shows_secret);
                (part.make)(Guard { operators, path, wants: part.wants, manner, shows_secret })
            });
            router.route(path, methods.fold(MethodRouter::new(), MethodRouter::merge))
        })
    }
}

async fn keep(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Wants::May(right) = guard.wants else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    let operator = match who::ask(&guard.operators, &parts).await {
        Ok(operator) => operator,
        Err(refusal) => return turned_away(&guard, refusal, &parts),
    };
    let asked = (!who::is_safe(&parts.method)).then(|| audit::act(&operator, &parts, guard.place()));
    let act = match asked.transpose() {
        Ok(act) => act,
        Err(refusal) => return refusal.into_response(),
    };
    if operator.owes_second_factor && right != Right::Own && guard.manner == Manner::Page {
        return Redirect::to(SECOND_FACTOR).into_response();
    }
    if let Err(refusal) = let_in(&guard, right, &operator, &mut parts).await {
        return refused(&guard, act.as_ref(), refusal).await;
    }
    let name = operator.name.clone();
    parts.extensions.insert(operator);
    let begun = match guard.manner {
        Manner::Api => once::begin(&guard.operators, &name, guard.shows_secret, (parts, body)).await,
        Manner::Page | Manner::Piece => Ok(Begun::First(None, Request::from_parts(parts, body))),
    };
    let (once, request) = match begun {
        Ok(Begun::First(once, request)) => (once, request),
        // It stands in the log already.
        Ok(Begun::Before(answer)) => return answer,
        Err(refusal) => return refused(&guard, act.as_ref(), refusal).await,
    };
    let run = once::run(Arc::clone(&guard.operators), once, next.run(request));
    match act {
        None => run.await,
        Some(act) => audit::whole(guard.operators, act, run).await,
    }
}

/// Something that is not done.
async fn refused(guard: &Guard, act: Option<&Arc<Act>>, refusal: Refusal) -> Response {
    let refused = refusal.into_response();
    if let Some(act) = act {
        audit::settle(&guard.operators, act, refused.status()).await;
    }
    refused
}

/// What somebody gets whom nobody knows.
fn turned_away(guard: &Guard, refusal: Refusal, parts: &Parts) -> Response {
    if refusal.0.kind == ProblemKind::NotSignedIn && guard.manner == Manner::Page {
        let next = if who::is_safe(&parts.method) { parts.uri.path() } else { "/" };
        return Redirect::to(&format!("/sign-in?next={next}")).into_response();
    }
    refusal.into_response()
}

async fn let_in(guard: &Guard, right: Right, operator: &Operator, parts: &mut Parts) -> Result<(), Refusal> {
    operator.check(right)?;
    if *operator.scope() == Scope::All {
        return Ok(());
    }
    // What is no name of a device is refused by the address itself.
    if let Some(device) = named_device(guard.path, parts).await {
        let seen = guard.operators.store.within(operator.scope(), [device].into()).await?;
        if seen.is_empty() {
            return Err(Refusal::not_found("device"));
        }
    }
    Ok(())
}

impl Guard {
    /// Below what the address is, and its pattern there.
    const fn place(&self) -> (&'static str, &'static str) {
        (if matches!(self.manner, Manner::Api) { API } else { "" }, self.path)
    }
}

/// The device that an address names.
async fn named_device(path: &str, parts: &mut Parts) -> Option<DeviceId> {
    let of_devices = path.starts_with("/devices/{id}");
    let parameters = parts.extract::<RawPathParams>().await.ok()?;
    let named = parameters.iter().find(|(name, _)| *name == "device" || (of_devices && *name == "id"))?;
    named.1.parse().ok()
}

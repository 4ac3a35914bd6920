//! `GET /events`: what happens, as it happens, by server-sent events. Each carries its id; a listener
//! that comes back with `Last-Event-ID` gets what it missed, or the event `resync` when that is no
//! longer known: then it should read the lists again.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::IntoResponse;
use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::stream;
use tokio::sync::broadcast;

use super::super::let_in::LetIn;
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::super::{Operators, Shared};
use super::refused::Always;
use crate::inform::{Event, RESYNC};
use crate::store::{Scope, StoreError};

/// A comment is sent this often when nothing happens, below the idle limits of proxies.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// What a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(1);
/// What lets the stream through proxies as it comes: nginx waits for a buffer to be full unless it is told not to, and
/// what compresses waits as well.
const THROUGH_PROXIES: [(HeaderName, &str); 2] =
    [(HeaderName::from_static("x-accel-buffering"), "no"), (header::CACHE_CONTROL, "no-store, no-transform")];

/// Events that are looked at together.
const AT_ONCE: usize = 200;
/// Kinds of events about no device that everybody may hear: that everything is to be looked at again, and whether anything
/// can be stored.
const OF_NOBODY: [&str; 2] = [RESYNC, "store"];

/// One listener.
struct Listening {
    begun: bool,
    resync: bool,
    /// What is to be told next, as far as the listener may hear it.
    waiting: VecDeque<Arc<Event>>,
    coming: broadcast::Receiver<Arc<Event>>,
    let_in: LetIn,
    operators: Arc<Operators>,
}

/// Streams what happens, as it happens.
///
/// Server-sent events: the data of each is one `Event`. The stream has no end of its own. A client that
/// comes back with `Last-Event-ID` gets what it missed, or an event named `resync` when that is no longer known.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    operation_id = "streamEvents",
    tag = "Events",
    params(("Last-Event-ID" = Option<String>, Header, description = "`id` of the last event that was seen.")),
    responses(
        (status = 200, description = "Events, until either side ends it.", body = Event, content_type = "text/event-stream"),
        Always,
    ),
)]
pub(super) async fn events(
    State(operators): Shared,
    operator: Operator,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refusal> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let subscription = operators.informer.subscribe(last);
    let waiting = within(&operators, operator.scope(), subscription.missed).await?;
    let listening = Listening {
        begun: false,
        resync: subscription.resync,
        waiting,
        coming: subscription.coming,
        let_in: LetIn::new(&operators, operator),
        operators,
    };
    let events = stream::unfold(listening, |mut listening| async move {
        let event = listening.next().await?;
        Some((Ok::<_, Infallible>(event), listening))
    });
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok((THROUGH_PROXIES, events))
}

impl Listening {
    async fn next(&mut self) -> Option<sse::Event> {
        if !self.begun {
            // Sent at once, so that the listener knows that it is heard.
            self.begun = true;
            return Some(sse::Event::default().comment("listening").retry(RETRY));
        }
        if std::mem::take(&mut self.resync) {
            return Some(resync());
        }
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(encode(&event));
            }
            let received = tokio::select! {
                () = self.operators.stop.cancelled() => return None,
                () = self.let_in.ended() => return None,
                received = self.coming.recv() => received,
            };
            match received {
                Ok(event) => {
                    let some = self.and_more(event);
                    match within(&self.operators, self.let_in.scope(), some).await {
                        Ok(some) => self.waiting = some,
                        // Which of them this listener may hear is not known: it reads what it may read.
                        Err(_) => return Some(resync()),
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => return Some(resync()),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// What has come meanwhile, so that one look-up says which of it the listener may hear.
    fn and_more(&mut self, first: Arc<Event>) -> Vec<Arc<Event>> {
        let mut some = vec![first];
        while some.len() < AT_ONCE {
            match self.coming.try_recv() {
                Ok(event) => some.push(event),
                Err(broadcast::error::TryRecvError::Lagged(_)) => self.resync = true,
                Err(_) => break,
            }
        }
        some
    }
}

/// Those of some events that an operator may hear of: of devices that it sees, and of rollouts that concern one of those.
async fn within(
    operators: &Operators,
    scope: &Scope,
    events: Vec<Arc<Event>>,
) -> Result<VecDeque<Arc<Event>>, StoreError> {
    if *scope == Scope::All {
        return Ok(events.into());
    }
    let devices = events.iter().filter_map(|event| event.device.clone()).collect();
    let devices = operators.store.within(scope, devices).await?;
    let mut within = VecDeque::new();
    for event in events {
        let hears = match (&event.device, &event.rollout) {
            (Some(device), _) => devices.contains(device),
            (None, Some(rollout)) => operators.store.rollout(scope, rollout.clone()).await?.is_some(),
            (None, None) => OF_NOBODY.contains(&event.kind),
        };
        if hears {
            within.push_back(event);
        }
    }
    Ok(within)
}

fn encode(event: &Event) -> sse::Event {
    // An event is plain data and always becomes JSON; should it not, the listener reads the lists.
    if event.kind == RESYNC {
        return resync();
    }
    sse::Event::default().id(&event.id).json_data(event).unwrap_or_else(|_| resync())
}

fn resync() -> sse::Event {
    sse::Event::default().event("resync").data("{\"kind\":\"resync\"}")
}

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
use tokio_util::sync::CancellationToken;

use super::super::Shared;
use super::super::problem::Refusal;
use super::super::who::Operator;
use super::refused::Always;
use crate::inform::Event;
use crate::inform::RESYNC;

/// A comment is sent this often when nothing happens, below the idle limits of proxies.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// What a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(1);
/// What lets the stream through proxies as it comes: nginx waits for a buffer to be full unless it is told not to, and
/// what compresses waits as well.
const THROUGH_PROXIES: [(HeaderName, &str); 2] =
    [(HeaderName::from_static("x-accel-buffering"), "no"), (header::CACHE_CONTROL, "no-store, no-transform")];

/// One listener.
struct Listening {
    begun: bool,
    resync: bool,
    missed: VecDeque<Arc<Event>>,
    coming: broadcast::Receiver<Arc<Event>>,
    stop: CancellationToken,
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
    _operator: Operator,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refusal> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let subscription = operators.informer.subscribe(last);
    let listening = Listening {
        begun: false,
        resync: subscription.resync,
        missed: subscription.missed.into(),
        coming: subscription.coming,
        stop: operators.stop.clone(),
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
        if let Some(event) = self.missed.pop_front() {
            return Some(encode(&event));
        }
        tokio::select! {
            () = self.stop.cancelled() => None,
            received = self.coming.recv() => match received {
                Ok(event) => Some(encode(&event)),
                Err(broadcast::error::RecvError::Lagged(_)) => Some(resync()),
                Err(broadcast::error::RecvError::Closed) => None,
            }
        }
    }
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

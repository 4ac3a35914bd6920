//! `GET /live`: which devices and rollouts changed, for pages that are open, by server-sent events. What happened in full is told to
//! programs (`GET /api/v1/events`).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::stream;
use tokio::sync::broadcast;

use super::super::let_in::LetIn;
use super::super::live::Message;
use super::super::who::Operator;
use super::super::{Operators, Shared};

/// A comment is sent this often when nothing happens, below the idle limits of proxies.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// What a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(1);
/// What lets the stream through proxies as it comes: nginx waits for a buffer to be full unless it is told not to, and
/// what compresses waits as well.
const THROUGH_PROXIES: [(HeaderName, &str); 2] =
    [(HeaderName::from_static("x-accel-buffering"), "no"), (header::CACHE_CONTROL, "no-store, no-transform")];
/// What a page is told that could not keep up.
const ALL: &str = "{\"all\":true}";

/// One page.
struct Following {
    begun: bool,
    coming: broadcast::Receiver<Arc<Message>>,
    let_in: LetIn,
    operators: Arc<Operators>,
}

/// Streams which devices changed.
pub(super) async fn stream(State(operators): Shared, operator: Operator) -> impl IntoResponse {
    let (coming, let_in) = (operators.live.listen(), LetIn::new(&operators, operator));
    let following = Following { begun: false, coming, let_in, operators };
    let told = stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok::<_, Infallible>(event), following))
    });
    (THROUGH_PROXIES, Sse::new(told).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

impl Following {
    async fn next(&mut self) -> Option<sse::Event> {
        if !self.begun {
            // Sent at once, so that the page knows that it is heard.
            self.begun = true;
            return Some(sse::Event::default().comment("listening").retry(RETRY));
        }
        loop {
            let received = tokio::select! {
                () = self.operators.stop.cancelled() => return None,
                () = self.let_in.ended() => return None,
                received = self.coming.recv() => received,
            };
            match received {
                Ok(message) => {
                    let scope = self.let_in.scope();
                    match message.within(&self.operators.store, scope).await {
                        Ok(Some(text)) => return Some(sse::Event::default().data(&*text)),
                        // Nothing that this page shows.
                        Ok(None) => {}
                        // It hears no names then, but that it is to look at everything that it shows.
                        Err(_) => return Some(sse::Event::default().data(ALL)),
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => return Some(sse::Event::default().data(ALL)),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

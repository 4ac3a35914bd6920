//! A stream lasts as long as its operator is let in as when it began: not beyond the session or token, and not with other
//! rights than the operator has now. Who is still let in comes back and goes on.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::Operators;
use super::who::{Operator, again};
use crate::clock;
use crate::store::Scope;

/// After this it is looked again when the store could not say who is let in.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Nobody sleeps longer than this at once; it is looked again afterwards.
const AT_MOST: Duration = Duration::from_secs(3600);

/// An operator with a stream.
pub(super) struct LetIn {
    operator: Arc<Operator>,
    /// Goes on where it was when it is waited for again: a stream that has much to tell ends all the same.
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl LetIn {
    pub(super) fn new(operators: &Arc<Operators>, operator: Operator) -> Self {
        let operator = Arc::new(operator);
        let mut changed = operators.people.listen();
        // What was changed between the beginning of the request and now is looked at first.
        changed.mark_changed();
        let ended = Box::pin(ended(Arc::clone(operators), Arc::clone(&operator), changed));
        Self { operator, ended }
    }

    /// What of the fleet the operator may see.
    pub(super) fn scope(&self) -> &Scope {
        self.operator.scope()
    }

    /// Is over when the operator is not let in any more, or not as before.
    pub(super) fn ended(&mut self) -> impl Future<Output = ()> {
        self.ended.as_mut()
    }
}

async fn ended(operators: Arc<Operators>, operator: Arc<Operator>, mut changed: watch::Receiver<i64>) {
    let mut until = operator.until;
    loop {
        tokio::select! {
            changed = changed.changed() => {
                // Its sender lives as long as the operators do.
                if changed.is_err() {
                    return;
                }
            }
            () = tokio::time::sleep(left(until)) => {}
        }
        loop {
            match again(&operators, &operator).await {
                // A session that was used meanwhile goes on for longer.
                Ok(Some(now)) => {
                    until = now;
                    break;
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "who is let in could not be read; retrying");
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    }
}

/// How long the operator is let in at most, if nothing is changed.
fn left(until: Option<Timestamp>) -> Duration {
    let left = until.map(|until| until.duration_since(clock::now()));
    let left = left.map(|left| Duration::try_from(left).unwrap_or_default());
    left.map_or(AT_MOST, |left| left.min(AT_MOST))
}

//! The way to a server of PostgreSQL and back. A blocking client takes it once for each statement; here statements whose
//! answers nobody needs yet go out together with the next one that is waited for, and all of them are answered on one way
//! back. The server does them in their order. So a group of reports costs it and us few ways instead of many.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use postgres::Error;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Connection, Socket};

use super::super::StoreError;

/// Something that goes on in a session.
type Going = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// An open session of a server. It is used by one thread at a time, which is none of a runtime.
pub(super) struct Line {
    runtime: Runtime,
    client: Arc<Client>,
    /// Carries what is asked and answered; none once the session is cut.
    connection: Option<Going>,
    /// Statements that go out ahead of the next one that is waited for.
    ahead: Vec<Going>,
}

impl Line {
    pub(super) fn new<T>(runtime: Runtime, (client, connection): (Client, Connection<Socket, T>)) -> Self
    where
        Connection<Socket, T>: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let connection: Going = Box::pin(connection);
        Self { runtime, client: Arc::new(client), connection: Some(connection), ahead: Vec::new() }
    }

    pub(super) fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client)
    }

    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Has this done right before what is waited for next; that fails if this does.
    pub(super) fn send(&mut self, statement: impl Future<Output = Result<(), Error>> + Send + 'static) {
        self.ahead.push(Box::pin(statement));
    }

    /// Waits for this, and for all that goes ahead of it. The first of them that fails says why.
    pub(super) fn wait<T>(&mut self, last: impl Future<Output = Result<T, Error>>) -> Result<T, StoreError> {
        let last = pin!(last);
        let mut asked = Asked::new(std::mem::take(&mut self.ahead), last);
        let connection = &mut self.connection;
        let cut = self.runtime.block_on(poll_fn(|context| {
            if asked.is_answered() {
                return Poll::Ready(None);
            }
            // Only what comes by the connection can answer, so that alone wakes this thread.
            let ended = match connection.as_mut().map(|connection| connection.as_mut().poll(context)) {
                Some(Poll::Pending) => None,
                Some(Poll::Ready(ended)) => Some(ended.err()),
                None => Some(None),
            };
            if ended.is_some() {
                // Whoever still waits hears that nothing will come.
                *connection = None;
            }
            match (asked.is_answered(), ended) {
                (_, Some(why)) => Poll::Ready(why),
                (true, None) => Poll::Ready(None),
                (false, None) => Poll::Pending,
            }
        }));
        match (asked.answer(), cut) {
            // Why the session was cut says more than that it was.
            (Some(Err(error)), Some(cut)) if error.is_closed() => Err(cut.into()),
            (Some(answer), _) => Ok(answer?),
            (None, cut) => Err(cut.map_or(StoreError::Closed, Into::into)),
        }
    }

    /// Takes leave of the server, which waits for the network.
    pub(super) fn close(self) {
        let Self { runtime, client, connection, ahead } = self;
        drop((ahead, client));
        if let Some(connection) = connection {
            // The session is over in any case.
            let _ = runtime.block_on(connection);
        }
    }
}

/// What is waited for, with what goes ahead of it.
struct Asked<'a, F, T> {
    ahead: Vec<Going>,
    last: Pin<&'a mut F>,
    /// Whether all of it was sent.
    sent: bool,
    failed: Option<Error>,
    answer: Option<Result<T, Error>>,
}

impl<'a, T, F: Future<Output = Result<T, Error>>> Asked<'a, F, T> {
    const fn new(ahead: Vec<Going>, last: Pin<&'a mut F>) -> Self {
        Self { ahead, last, sent: false, failed: None, answer: None }
    }

    /// Sends it if that was not done yet, and takes what was answered. What cannot be sent keeps back what follows, which
    /// may be a COMMIT.
    fn is_answered(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let Self { ahead, sent, failed, .. } = self;
        ahead.retain_mut(|one| {
            if !*sent && failed.is_some() {
                return false;
            }
            match one.as_mut().poll(&mut context) {
                Poll::Ready(Ok(())) => false,
                Poll::Ready(Err(error)) => {
                    failed.get_or_insert(error);
                    false
                }
                Poll::Pending => true,
            }
        });
        if !self.sent && self.failed.is_some() {
            return true;
        }
        self.sent = true;
        if self.answer.is_none()
            && let Poll::Ready(answer) = self.last.as_mut().poll(&mut context)
        {
            self.answer = Some(answer);
        }
        self.ahead.is_empty() && self.answer.is_some()
    }

    fn answer(self) -> Option<Result<T, Error>> {
        self.failed.map(Err).or(self.answer)
    }
}

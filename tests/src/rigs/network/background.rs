//! A server of the tests on a thread of its own, here or in a namespace, that ends with its value.

use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::namespace::Namespace;

/// Connections at once; more are closed as they come.
const MAX_CONNECTIONS: usize = 512;

/// A server that runs.
pub(crate) struct Background {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts one. `take` makes of a connection what becomes of it; `None` closes it at once.
    pub(crate) fn start<F, C>(within: Option<&Namespace>, listen: SocketAddr, take: F) -> Self
    where
        F: FnMut(TcpStream) -> Option<C> + Send + 'static,
        C: Future<Output = ()> + Send + 'static,
    {
        // A thread begins in the network of the one that starts it.
        let _inside = within.map(Namespace::enter);
        let (stop, stopped) = watch::channel(false);
        let (tell, told) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind(listen).await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                serve(listener, take, stopped).await;
            });
        });
        let address = told.recv().unwrap();
        Self { address, stop, thread: Some(thread) }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve<F, C>(listener: TcpListener, mut take: F, mut stop: watch::Receiver<bool>)
where
    F: FnMut(TcpStream) -> Option<C>,
    C: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            Some(ended) = connections.join_next() => ended.unwrap(),
            accepted = listener.accept() => if let Ok((stream, _)) = accepted
                && connections.len() < MAX_CONNECTIONS
                && let Some(connection) = take(stream)
            {
                connections.spawn(connection);
            },
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || matches!(ended, Some(Ok(()))), "a server of the test panicked");
    }
}

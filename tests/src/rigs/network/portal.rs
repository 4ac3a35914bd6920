//! A server that answers everything by the same words, as the login page of a network does.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::background::Background;
use super::namespace::Namespace;

/// A portal that is open. It ends with this value.
pub struct Portal {
    background: Background,
}

impl Portal {
    /// Opens one that gives `answer` to whoever has said something, in a namespace or here.
    pub fn open(within: Option<&Namespace>, listen: SocketAddr, answer: &str) -> Self {
        let answer: Arc<str> = answer.into();
        let take = move |stream| Some(serve(stream, Arc::clone(&answer)));
        Self { background: Background::start(within, listen, take) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.background.address()
    }
}

/// Ends when the visitor has gone.
async fn serve(mut stream: TcpStream, answer: Arc<str>) {
    let mut piece = [0; 1024];
    if stream.read(&mut piece).await.is_ok_and(|read| read > 0) {
        // In two pieces, as answers come over real lines. The visitor may be gone.
        let (one, other) = answer.split_at(answer.len() / 2);
        for half in [one, other] {
            drop(stream.write_all(half.as_bytes()).await);
            drop(stream.flush().await);
            tokio::task::yield_now().await;
        }
        drop(stream.shutdown().await);
        while stream.read(&mut piece).await.is_ok_and(|read| read > 0) {}
    }
}

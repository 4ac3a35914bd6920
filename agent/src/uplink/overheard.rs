//! A stream whose first bytes are noted while TLS is made on it: how far it came, and what answers when it is not TLS.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::plain_answer::MAX_FIRST_BYTES;

/// The first bytes that came.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<Vec<u8>>);

impl Heard {
    fn note(&self, bytes: &[u8]) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_FIRST_BYTES.saturating_sub(first.len()).min(bytes.len());
        first.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    /// Those that came so far, as many as are kept.
    pub(super) fn first(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The stream.
pub(super) struct Overheard<S> {
    stream: S,
    heard: Option<Arc<Heard>>,
}

impl<S> Overheard<S> {
    /// Notes what comes in `heard`.
    pub(super) fn new(stream: S, heard: Arc<Heard>) -> Self {
        Self { stream, heard: Some(heard) }
    }

    /// From now on nothing more is noted.
    pub(super) fn enough(&mut self) {
        self.heard = None;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Overheard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        if let Some(heard) = &self.heard {
            heard.note(into.filled().get(before..).unwrap_or_default());
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Overheard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    #[tokio::test]
    async fn only_the_first_bytes_are_kept_and_nothing_once_it_is_enough() {
        let heard = Arc::new(Heard::default());
        let long = vec![7; MAX_FIRST_BYTES * 3];
        let mut stream = Overheard::new(&long[..], Arc::clone(&heard));
        let mut piece = vec![0; 100];
        stream.read_exact(&mut piece).await.unwrap();
        assert_eq!(heard.first().len(), 100);
        let mut rest = vec![0; MAX_FIRST_BYTES];
        stream.read_exact(&mut rest).await.unwrap();
        assert_eq!(heard.first().len(), MAX_FIRST_BYTES);
        let heard = Arc::new(Heard::default());
        let mut stream = Overheard::new(&long[..], Arc::clone(&heard));
        stream.enough();
        stream.read_exact(&mut piece).await.unwrap();
        assert!(heard.first().is_empty());
    }
}

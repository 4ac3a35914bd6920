//! A stream on which HTTP begins more than once: some bytes are read first that did not come from it now, and it is
//! known whether all that was written has gone out.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Whether something that was to be written has not gone out.
#[derive(Debug, Default)]
pub(super) struct Unsent(AtomicBool);

impl Unsent {
    pub(super) fn is_some(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The stream.
pub(super) struct Rewound<T> {
    first: Bytes,
    stream: T,
    unsent: Arc<Unsent>,
}

impl<T> Rewound<T> {
    /// `first` is read before the stream.
    pub(super) fn new(first: Bytes, stream: T, unsent: Arc<Unsent>) -> Self {
        Self { first, stream, unsent }
    }

    /// The stream; and what was to be read before it and was not.
    pub(super) fn into_parts(self) -> (T, Bytes) {
        (self.stream, self.first)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Rewound<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.first.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, into);
        }
        let count = this.first.len().min(into.remaining());
        into.put_slice(this.first.get(..count).unwrap_or_default());
        this.first.advance(count);
        if this.first.is_empty() {
            this.first = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Rewound<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.unsent.0.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.unsent.0.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.unsent.0.store(false, Ordering::Relaxed);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    proptest! {
        #[test]
        fn whatever_the_pieces_all_is_read_once_and_in_order(
            first in prop::collection::vec(any::<u8>(), 0..200),
            then in prop::collection::vec(any::<u8>(), 0..200),
            piece in 1_usize..50,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let read = runtime.block_on(async {
                let stream: &[u8] = &then;
                let mut stream = Rewound::new(first.clone().into(), stream, Arc::default());
                let (mut read, mut into) = (Vec::new(), vec![0; piece]);
                loop {
                    let count = stream.read(&mut into).await.unwrap();
                    if count == 0 {
                        return read;
                    }
                    read.extend_from_slice(&into[..count]);
                }
            });
            prop_assert_eq!(read, [first, then].concat());
        }
    }

    #[tokio::test]
    async fn what_was_written_is_unsent_until_it_is_flushed() {
        let unsent = Arc::new(Unsent::default());
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut stream = Rewound::new(Bytes::new(), ours, Arc::clone(&unsent));
        assert!(!unsent.is_some());
        stream.write_all(b"hello").await.unwrap();
        assert!(unsent.is_some());
        stream.flush().await.unwrap();
        assert!(!unsent.is_some());
        let mut read = [0; 5];
        theirs.read_exact(&mut read).await.unwrap();
        assert_eq!((&read, stream.into_parts().1), (b"hello", Bytes::new()));
    }
}

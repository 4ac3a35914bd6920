//! A program on its way to a device: the trust metadata, then the file, as much of both as is asked for. The file is read
//! as it is sent, and nothing of it stays in memory.

use std::io::{self, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;
use futures_util::stream::try_unfold;
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::answer_body::{AnswerBody, Streamed};
use super::pace::Paced;
use super::traffic::Transfer;
use crate::programs::shelf::Given;

/// Why a transfer ends that is under way.
const WITHDRAWN: &str = "the program was revoked while it was sent";

/// What is still to be sent.
struct Rest {
    head: Bytes,
    file: File,
    /// Of the file.
    left: u64,
    given: Arc<Given>,
    /// How fast, together with others.
    paced: Paced,
    _transfer: Transfer,
}

/// A part of a body that begins with `head` and goes on with the file at `path`: so many bytes from `first` on.
pub(super) async fn part(
    (head, path): (&Bytes, &Path),
    (first, length): (u64, u64),
    given: Arc<Given>,
    (transfer, paced): (Transfer, Paced),
) -> io::Result<AnswerBody> {
    let head_bytes = u64::try_from(head.len()).unwrap_or(u64::MAX);
    let end = first.saturating_add(length);
    let at = |place: u64| usize::try_from(place.min(head_bytes)).unwrap_or(head.len());
    let part_of_head = head.slice(at(first)..at(end));
    let mut file = File::open(path).await?;
    let begin = first.saturating_sub(head_bytes);
    if begin > 0 {
        file.seek(SeekFrom::Start(begin)).await?;
    }
    let left = end.saturating_sub(head_bytes).saturating_sub(begin);
    let rest = Rest { head: part_of_head, file, left, given, paced, _transfer: transfer };
    let streamed: Streamed = Box::pin(StreamBody::new(try_unfold(rest, next)));
    Ok(AnswerBody::Streamed(streamed))
}

async fn next(mut rest: Rest) -> io::Result<Option<(Frame<Bytes>, Rest)>> {
    if rest.given.is_withdrawn() {
        return Err(io::Error::other(WITHDRAWN));
    }
    if !rest.head.is_empty() {
        let head = std::mem::take(&mut rest.head);
        return Ok(Some((Frame::data(head), rest)));
    }
    if rest.left == 0 {
        return Ok(None);
    }
    let most = usize::try_from(rest.left).unwrap_or(usize::MAX).min(rest.paced.piece_bytes());
    rest.paced.wait_for(most).await;
    if rest.given.is_withdrawn() {
        return Err(io::Error::other(WITHDRAWN));
    }
    let mut piece = BytesMut::with_capacity(most);
    if rest.file.read_buf(&mut piece).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // The buffer may have turned out larger than it had to be.
    piece.truncate(most);
    rest.left -= u64::try_from(piece.len()).unwrap_or(rest.left);
    Ok(Some((Frame::data(piece.freeze()), rest)))
}

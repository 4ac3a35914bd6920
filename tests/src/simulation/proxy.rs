//! What stands between a site and the manager: it carries bytes, and sometimes cuts, or says something twice.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use turmoil::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use turmoil::net::{TcpListener, TcpStream};

use super::shared::{MANAGER, PORT, PROXY, Shared};

/// Of one connection, so much is kept for a repetition.
const MOST_KEPT: usize = 256 * 1024;
/// A repetition is listened to for so long.
const REPETITION: Duration = Duration::from_secs(60);
/// Bytes that are carried at once.
const PIECE: usize = 16 * 1024;

/// Carries until the simulation ends.
pub(super) async fn carry(shared: Arc<Shared>) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                connections.spawn(connection(Arc::clone(&shared), stream));
            }
        }
    }
}

async fn connection(shared: Arc<Shared>, below: TcpStream) {
    let (mut cuts, mut repeats) = (shared.cut.times(), shared.repeat.times());
    let Ok(above) = TcpStream::connect((MANAGER, PORT)).await else { return };
    let (from_below, to_below) = below.into_split();
    let (from_above, to_above) = above.into_split();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let allowance = Arc::new(Mutex::new(None));
    let up = pump(from_below, to_above, Some(Arc::clone(&kept)), Arc::clone(&allowance));
    let down = pump(from_above, to_below, None, Arc::default());
    let (mut up, mut down) = (Box::pin(up), Box::pin(down));
    let mut repetitions = JoinSet::new();
    let (mut up_ended, mut down_ended) = (false, false);
    while !(up_ended && down_ended) {
        tokio::select! {
            biased;
            after = shared.cut.heard(&mut cuts) => {
                *allowance.lock().unwrap_or_else(PoisonError::into_inner) = Some(after as usize);
                if after == 0 {
                    shared.history.note(PROXY, "cuts a connection");
                    return;
                }
            }
            _ = shared.repeat.heard(&mut repeats) => {
                let bytes = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
                shared.history.note(PROXY, format_args!("repeats {} bytes", bytes.len()));
                repetitions.spawn(say_again(bytes));
            }
            whole = &mut up, if !up_ended => {
                up_ended = true;
                if !whole {
                    shared.history.note(PROXY, "cuts a connection in the midst of something");
                    return;
                }
            }
            _ = &mut down, if !down_ended => down_ended = true,
        }
    }
    while repetitions.join_next().await.is_some() {}
}

type Kept = Arc<Mutex<Vec<u8>>>;

/// Carries one way until that ends; `false` when it was cut off.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    kept: Option<Kept>,
    allowance: Arc<Mutex<Option<usize>>>,
) -> bool {
    let mut piece = vec![0; PIECE];
    loop {
        let Ok(count) = from.read(&mut piece).await else { return true };
        if count == 0 {
            // The other side may be gone.
            let _ = to.shutdown().await;
            return true;
        }
        let left = *allowance.lock().unwrap_or_else(PoisonError::into_inner);
        let goes = left.map_or(count, |left| left.min(count));
        if let Some(kept) = &kept {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() + count <= MOST_KEPT {
                kept.extend_from_slice(&piece[..count]);
            }
        }
        if to.write_all(&piece[..goes]).await.is_err() {
            return true;
        }
        if let Some(left) = left {
            if goes < count || left == goes {
                return false;
            }
            *allowance.lock().unwrap_or_else(PoisonError::into_inner) = Some(left - goes);
        }
    }
}

/// Says on a new connection what was said on another, and listens without passing anything on.
async fn say_again(bytes: Vec<u8>) {
    let Ok(mut stream) = TcpStream::connect((MANAGER, PORT)).await else { return };
    if stream.write_all(&bytes).await.is_err() {
        return;
    }
    let listen = async {
        let mut piece = vec![0; PIECE];
        while stream.read(&mut piece).await.is_ok_and(|count| count > 0) {}
    };
    // What comes back is of no interest, nor that nothing does.
    let _ = tokio::time::timeout(REPETITION, listen).await;
}

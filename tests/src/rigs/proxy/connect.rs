//! The entrance of an HTTP proxy: CONNECT, or an answer of the test's own.

use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What was asked at the entrance, and what it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entrance {
    /// The heads of the requests.
    pub(super) heads: Vec<String>,
    /// It answers this to every request and closes; nothing, when it is empty, and stays. Without it, everybody is let
    /// through to everywhere.
    pub(super) says: Option<String>,
    /// What it answers whom it lets through; without it, what most proxies do.
    pub(super) grants: Option<String>,
}

/// What most proxies answer.
const GRANTED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// Lets a connection in as it asks; the other side, or `None` when there is none.
pub(super) async fn enter(near: &mut TcpStream, entrance: &Mutex<Entrance>) -> Option<TcpStream> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let (says, grants) = {
        let mut entrance = entrance.lock().unwrap_or_else(PoisonError::into_inner);
        entrance.heads.push(head.clone());
        (entrance.says.clone(), entrance.grants.clone())
    };
    if let Some(says) = says {
        if says.is_empty() {
            std::future::pending::<()>().await;
        }
        // Who asked may be gone.
        let _ = near.write_all(says.as_bytes()).await;
        return None;
    }
    let far = TcpStream::connect(head.split(' ').nth(1)?).await.ok()?;
    near.write_all(grants.as_deref().unwrap_or(GRANTED).as_bytes()).await.ok()?;
    Some(far)
}

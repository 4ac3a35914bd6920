//! A proxy in the test's own process: CONNECT, Basic authentication, faults on request.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the proxy has seen, and how it is to behave.
#[derive(Default)]
pub struct State {
    /// The heads of the requests.
    pub heads: Vec<String>,
    /// The `Proxy-Authorization` that it wants.
    pub wants: Option<&'static str>,
    /// It answers this to every request, and closes; nothing, when it is empty, and stays.
    pub says: Option<String>,
    /// It cuts a tunnel on which nothing passed for so long.
    pub patience: Option<Duration>,
    /// Tunnels that it cut for that.
    pub cuts: u32,
    /// The tunnels that it made before this one swallow everything, and are not closed.
    pub deaf_before: usize,
}

/// The proxy; it ends when this is dropped.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it knows.
    pub state: watch::Sender<State>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Lets everybody through to everywhere.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = watch::Sender::new(State::default());
        let (mut tasks, shared) = (JoinSet::new(), state.clone());
        tasks.spawn(async move {
            let mut tunnels = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tunnels.spawn(serve(client, shared.clone()));
            }
        });
        Self { address, state, _tasks: tasks }
    }

    /// One that answers this, and nothing else.
    pub async fn saying(text: &str) -> Self {
        let proxy = Self::start().await;
        proxy.state.send_modify(|state| state.says = Some(text.to_owned()));
        proxy
    }

    /// For agent.toml.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }
}

async fn serve(mut client: TcpStream, state: watch::Sender<State>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let mut number = 0;
    state.send_modify(|state| {
        state.heads.push(head.clone());
        number = state.heads.len();
    });
    let says = state.borrow().says.clone();
    if let Some(says) = says {
        if says.is_empty() {
            std::future::pending::<()>().await;
        }
        let _ = client.write_all(says.as_bytes()).await;
        return;
    }
    let known = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap_or_default();
        name.eq_ignore_ascii_case("proxy-authorization") && Some(value) == state.borrow().wants
    };
    if state.borrow().wants.is_some() && !head.lines().any(known) {
        let _ = client.write_all(REFUSED.as_bytes()).await;
        return;
    }
    let target = head.split(' ').nth(1).unwrap().to_owned();
    let Ok(manager) = TcpStream::connect(target).await else { return };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    pass(client, manager, number, &state).await;
}

const REFUSED: &str = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\"\r\nContent-Length: 0\r\n\r\n";

async fn pass(mut client: TcpStream, mut manager: TcpStream, number: usize, state: &watch::Sender<State>) {
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    loop {
        let patience = state.borrow().patience;
        let impatient = tokio::time::sleep(patience.unwrap_or_default());
        let (bytes, out) = tokio::select! {
            read = client.read(&mut up) => match read { Ok(1..) => (&up[..read.unwrap()], &mut manager), _ => return },
            read = manager.read(&mut down) => match read { Ok(1..) => (&down[..read.unwrap()], &mut client), _ => return },
            () = impatient, if patience.is_some() => { state.send_modify(|state| state.cuts += 1); return }
        };
        if number < state.borrow().deaf_before {
            continue;
        }
        if out.write_all(bytes).await.is_err() {
            return;
        }
    }
}

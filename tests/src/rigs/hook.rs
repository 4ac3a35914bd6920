//! Another system that takes webhooks, in the test's process: it keeps what comes, and answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came: its head in small letters, and its body.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The head.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Taken {
    /// A header.
    pub fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }
}

#[derive(Default)]
struct State {
    taken: Vec<Taken>,
    answer: Option<String>,
}

/// The system. It ends with this.
pub struct Hook {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hook {
    /// One that takes everything.
    pub async fn open() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let state =
            Arc::new(Mutex::new(State { taken: Vec::new(), answer: Some("200 OK\r\n\r\n".to_owned()) }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = socket.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state, task }
    }

    /// What it answers from now on, as it stands behind `HTTP/1.1 `; nothing at all for none.
    pub fn answer(&self, answer: Option<&str>) {
        self.state.lock().unwrap().answer = answer.map(str::to_owned);
    }

    /// What came, in order.
    pub fn taken(&self) -> Vec<Taken> {
        self.state.lock().unwrap().taken.clone()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut text = String::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(count @ 1..) = stream.read(&mut buffer).await else { return };
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if body.len() < length.unwrap_or(0) {
            continue;
        }
        let taken = Taken { head, body: body.to_owned() };
        let answer = {
            let mut state = state.lock().unwrap();
            state.taken.push(taken);
            state.answer.clone()
        };
        match answer {
            Some(answer) => {
                let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await;
                return;
            }
            // It keeps the connection, and says nothing.
            None => std::future::pending().await,
        }
    }
}
